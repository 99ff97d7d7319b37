"""A recording as decoders read it: in a thread, here and there, and no further once it is called off."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import final

import attrs

from zhongzhuan_audio.audio import HEAD_BYTES
from zhongzhuan_audio.audio.duration import ReadAt
from zhongzhuan_audio.upload.faults import explained
from zhongzhuan_audio.upload.readers import pread

__all__ = ["Recording", "StoppedError", "Window", "open_path"]


class StoppedError(Exception):
    """Nobody waits for the work any more. Does not leave the package."""


@attrs.frozen(kw_only=True, eq=False)
class Recording:
    """Bytes that can be read anywhere, by one thread at a time."""

    read_at: ReadAt
    """Blocks; as a reader of `zhongzhuan_audio.upload.readers` has it."""
    size_bytes: int
    label: str
    """What to call it in a message: the path or the name."""
    stop: threading.Event = attrs.field(factory=threading.Event)
    """Set by whoever does not want it any more: the next read raises a `StoppedError`."""

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes, fewer at the end.

        Raises:
            AudioSourceError: It cannot be read.
            StoppedError: It was called off.
        """
        if self.stop.is_set():
            raise StoppedError
        with explained(self.label):
            return self.read_at(offset, size)

    def head(self) -> bytes:
        """Return what a format is told by."""
        return self.read(0, min(HEAD_BYTES, self.size_bytes))


@contextmanager
def open_path(path: str | os.PathLike[str]) -> Iterator[Recording]:
    """Open a file, blocking.

    Raises:
        AudioSourceError: It is missing or cannot be read.
    """
    label = os.fspath(path)
    with explained(label):
        file = open(path, "rb")  # noqa: SIM115, PTH123 - what was found wrong is told, in the block as well

    def read_at(offset: int, size: int) -> bytes:
        data = bytearray(size)
        filled = 0
        while filled < size and (count := pread(file.fileno(), memoryview(data)[filled:], offset + filled)):
            filled += count
        return bytes(data[:filled])

    with file:
        yield Recording(read_at=read_at, size_bytes=os.fstat(file.fileno()).st_size, label=label)


@final
class Window:
    """A recording as a file object for a library in C, which may lose what is raised in here: it is kept."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._position = 0
        self.error: BaseException | None = None

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        try:
            data = self._recording.read(self._position, max(0, min(size, self._recording.size_bytes - self._position)))
        except BaseException as error:
            self.error = error
            raise
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to another place."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._recording.size_bytes}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        """Return where it stands."""
        return self._position
