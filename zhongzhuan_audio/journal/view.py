"""A journal that is only looked into: nothing is claimed, and none is made."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from zhongzhuan_audio.journal import entries
from zhongzhuan_audio.journal.entries import Stamp, State
from zhongzhuan_audio.journal.runs import on_network
from zhongzhuan_audio.journal.writer import Writer
from zhongzhuan_audio.threads import in_thread

__all__ = ["JournalView"]


class JournalView:
    """What a journal knows; where there is none, that is nothing."""

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        """Name it.

        Args:
            path: Of its file; None is no journal.
        """
        self._given = path
        self._writer: Writer | None = None

    async def __aenter__(self) -> Self:
        """Open it.

        Raises:
            JournalError: It cannot be opened, is something else, or is of a newer version.
        """
        if self._given is not None:
            path = await in_thread(lambda: Path(os.path.realpath(self._given or "")))
            if await in_thread(path.exists):
                writer = Writer(path, network=await in_thread(on_network, path))
                await writer.open()
                self._writer = writer
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        if self._writer is not None:
            await self._writer.close()

    @property
    def is_there(self) -> bool:
        """Whether there is one."""
        return self._writer is not None

    async def state_of(self, key: bytes, instead: Sequence[bytes] = ()) -> State | None:
        """Return how far a question is; None where it was never asked.

        Args:
            key: From `key_of`.
            instead: As in `Journal.claim`.
        """
        look = partial(entries.state_of, key=key, instead=instead)
        return None if self._writer is None else await self._writer.do(look)

    async def digest_of(self, stamp: Stamp) -> bytes | None:
        """Return the digest of a file that has not changed since it was kept."""
        return None if self._writer is None else await self._writer.do(partial(entries.digest_of, stamp=stamp))

    async def keep_digest(self, stamp: Stamp, digest: bytes) -> None:
        """Keep a file's digest, which spares the next one who asks the reading."""
        if self._writer is not None:
            await self._writer.do(partial(entries.keep_digest, stamp=stamp, digest=digest))
