"""A journal, as those see it who ask and are answered."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from zhongzhuan_audio.errors import JournalError
from zhongzhuan_audio.journal import entries
from zhongzhuan_audio.journal.entries import Claim, Stamp
from zhongzhuan_audio.journal.runs import Run, is_alive, on_network, sweep
from zhongzhuan_audio.journal.writer import Writer
from zhongzhuan_audio.models import Transcription
from zhongzhuan_audio.threads import finish, in_thread

__all__ = ["Journal", "key_of"]

logger: logging.Logger = logging.getLogger("zhongzhuan_audio")

T = TypeVar("T")

_FIRST_LOOK_S = 0.02
_LAST_LOOK_S = 1.0
"""How often it is looked whether another run has the answer: seldom, when it takes long."""


def key_of(digest: bytes, fields: Iterable[tuple[str, str]]) -> bytes:
    """Return by what a question is known.

    Args:
        digest: Of the recording's content.
        fields: All that goes out with it; the order of their names says nothing.
    """
    asked = json.dumps(sorted(fields, key=lambda field: field[0])).encode()
    return hashlib.blake2b(digest + asked, digest_size=32).digest()


class Journal:
    """What was asked and what was answered; see the package.

    Several processes may share one, each with an opening of its own: what one of them asks for, the others wait for.
    """

    def __init__(self, path: str | os.PathLike[str], *, network: bool | None = None) -> None:
        """Name it.

        Args:
            path: Of its file, which is made where there is none. Files with the same beginning lie beside it while it
                is open.
            network: Whether it lies on a network mount, where only one process may have it; None finds out.
        """
        self._given = path
        self._network = network
        self._path = Path()
        self._run: Run | None = None
        self._writer: Writer | None = None
        self._unkept: dict[bytes, Callable[[sqlite3.Connection], None]] = {}
        """What came of questions and could not be written: it is tried again at the end."""

    async def __aenter__(self) -> Self:
        """Open it; what runs that were killed had under way is free from now on.

        Raises:
            JournalError: It cannot be opened, is something else, or is of a newer version.
        """
        self._path = await in_thread(lambda: Path(os.path.realpath(self._given)))
        if self._network is None:
            self._network = await in_thread(on_network, self._path)
        if self._network:
            logger.warning("%s lies on a network mount: only this process can use it meanwhile", self._path)
        writer = Writer(self._path, network=self._network)
        await writer.open()
        self._writer = writer
        try:
            self._run = await in_thread(Run, self._path)
            run = self._run.name
            await writer.do(partial(entries.begin_run, run=run))
            for other in await writer.do(entries.runs):
                # Of a journal that only one process can have, the other runs are over.
                if other != run and (self._network or not await in_thread(is_alive, self._path, other)):
                    await writer.do(partial(entries.bury, run=other))
            await in_thread(sweep, self._path)
        except BaseException as error:
            await self._close()
            if isinstance(error, OSError):
                reason = error.strerror or error
                raise JournalError(f"cannot use {self._path} as a journal: {reason}", hint="check its disk") from error
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it; what was claimed and neither answered nor failed counts as not sent."""
        assert self._run is not None
        assert self._writer is not None
        run = self._run.name

        def end(connection: sqlite3.Connection) -> None:
            for keep in self._unkept.values():
                keep(connection)
            entries.end_run(connection, run)

        try:
            await self._writer.do(end)
        except JournalError as failure:
            # Its claims go on as those of a run that was killed.
            logger.warning("%s", failure)
        finally:
            await self._close()

    async def _close(self) -> None:
        if self._writer is not None:
            await self._writer.close()
        if self._run is not None:
            await in_thread(self._run.close)

    async def claim(
        self,
        key: bytes,
        source: str,
        *,
        again: bool = True,
        instead: Sequence[bytes] = (),
        on_busy: Callable[[], None] = lambda: None,
    ) -> Claim:
        """Make a question ours to ask, and write that down; or return what was answered.

        Where another run asks it just now, its answer is waited for; where that run fails or ends, it is ours.

        Args:
            key: From `key_of`.
            source: The recording's name.
            again: Whether to ask again for what may have been billed.
            instead: Questions whose answers hold all that this one's would, and serve where it has none.
            on_busy: Called before another's answer is waited for; perhaps more than once.

        Raises:
            JournalError: It cannot be written, or what came of the same question could not.
        """
        assert self._run is not None
        run, pause_s = self._run.name, _FIRST_LOOK_S
        alive = partial(is_alive, self._path)
        while True:
            look = partial(entries.claim, key=key, source=source, run=run, again=again, is_alive=alive, instead=instead)
            found = await self._claimed(look, key)
            if found.found != "busy":
                return found
            if key in self._unkept:
                await self._keep(key, self._unkept[key])
                continue
            on_busy()
            await asyncio.sleep(pause_s)
            pause_s = min(_LAST_LOOK_S, pause_s * 2)

    async def _claimed(self, look: Callable[[sqlite3.Connection], Claim], key: bytes) -> Claim:
        """Return what is found; who is cancelled meanwhile asks for nothing, and leaves nothing claimed."""
        assert self._writer is not None
        wish = self._writer.wish(look)
        try:
            return await finish(wish)
        except asyncio.CancelledError:
            if wish.exception() is None and wish.result().found == "ours":
                await self.release(key)
            raise

    async def answer_to(self, key: bytes) -> Transcription | None:
        """Return the answer to a question; None where there is none yet. Nothing is claimed.

        Raises:
            JournalError: It cannot be read.
        """
        return await self._do(partial(entries.answer_to, key=key))

    async def finish(self, key: bytes, transcription: Transcription) -> None:
        """Keep an answer.

        Raises:
            JournalError: It cannot be written; it is tried again when the journal is closed.
        """
        await self._keep(key, partial(entries.finish, key=key, transcription=transcription))

    async def fail(self, key: bytes, error: str, *, retryable: bool, lost: int) -> None:
        """Keep a failure.

        Args:
            key: From `key_of`.
            error: What happened.
            retryable: Whether the same may succeed later.
            lost: How many of its requests may have been billed.

        Raises:
            JournalError: It cannot be written; it is tried again when the journal is closed.
        """
        await self._keep(key, partial(entries.fail, key=key, error=error, retryable=retryable, lost=lost))

    async def release(self, key: bytes) -> None:
        """Free what was claimed and not sent.

        Raises:
            JournalError: It cannot be written; it is tried again when the journal is closed.
        """
        await self._keep(key, partial(entries.release, key=key))

    async def lose(self, key: bytes) -> None:
        """Take note that a request may have been billed in vain, before the same is asked once more.

        Raises:
            JournalError: It cannot be written.
        """
        await self._do(partial(entries.lose, key=key))

    async def digest_of(self, stamp: Stamp) -> bytes | None:
        """Return the digest of a file that has not changed since it was kept."""
        return await self._do(partial(entries.digest_of, stamp=stamp))

    async def keep_digest(self, stamp: Stamp, digest: bytes) -> None:
        """Keep a file's digest."""
        await self._do(partial(entries.keep_digest, stamp=stamp, digest=digest))

    async def _keep(self, key: bytes, function: Callable[[sqlite3.Connection], None]) -> None:
        async def keep() -> None:
            try:
                await self._do(function)
            except JournalError:
                self._unkept[key] = function
                raise
            self._unkept.pop(key, None)

        # A cancelled caller does not hear that it was not kept.
        await finish(asyncio.ensure_future(keep()))

    async def _do(self, function: Callable[[sqlite3.Connection], T]) -> T:
        assert self._writer is not None
        return await self._writer.do(function)
