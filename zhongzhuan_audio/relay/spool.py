"""An upload on its way to the disk."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, final

from zhongzhuan_audio.threads import in_thread

__all__ = ["Spool"]

_BATCH_BYTES = 1 << 20
_SMALL_BYTES = 1 << 16
"""The digest of as much takes less than to go to a thread for it."""


@final
class Spool:
    """Collects the recording's bytes in a file, a worker thread writing a MiB at a time; memory stays flat."""

    def __init__(self, path: Path, *, kept: bool = True) -> None:
        """Begin.

        Args:
            path: Where the file goes.
            kept: Whether there is one; else the bytes are counted and digested only.
        """
        self.path = path
        self._kept = kept
        self.size_bytes: int = 0
        self._hash = hashlib.sha256()
        self._pending = bytearray()
        self._file: BinaryIO | None = None

    @property
    def sha256(self) -> str:
        """Hex digest of what has come, once it is finished."""
        return self._hash.hexdigest()

    async def write(self, data: bytes) -> None:
        """Take some bytes; now and then they go to disk."""
        self._pending += data
        self.size_bytes += len(data)
        if len(self._pending) >= _BATCH_BYTES:
            await in_thread(self._flush)

    async def finish(self) -> None:
        """Put what is left on disk."""
        if self._kept or len(self._pending) > _SMALL_BYTES:
            await in_thread(self._close)
        else:
            self._close()

    async def discard(self) -> None:
        """Remove the file, if there is one."""
        if self._file is not None:
            await in_thread(self._remove, self._file)

    def _flush(self) -> None:
        if self._kept:
            if self._file is None:
                self._file = self.path.open("xb")
            self._file.write(self._pending)
        self._hash.update(self._pending)
        self._pending.clear()

    def _close(self) -> None:
        self._flush()
        if self._file is not None:
            self._file.close()

    def _remove(self, file: BinaryIO) -> None:
        file.close()
        with suppress(FileNotFoundError):
            self.path.unlink()
