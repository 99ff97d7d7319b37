"""The one thread that reads and writes a journal: all that is wanted meanwhile goes into its next transaction."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from zhongzhuan_audio.errors import JournalError
from zhongzhuan_audio.journal.database import explained, open_database
from zhongzhuan_audio.threads import finish

__all__ = ["Writer"]

T = TypeVar("T")

_MOST_AT_ONCE = 512
"""Wishes in one transaction, so that the first of them is not held up by the last."""
_MANY = 4
_GATHER_S = 0.02
"""How long wishes are gathered where so many came together: a transaction of twenty costs hardly more than one of five,
and each takes time from the loop."""


class _Wish(Generic[T]):
    """Something to be done in a transaction, and who waits for it."""

    def __init__(self, function: Callable[[sqlite3.Connection], T], future: asyncio.Future[T]) -> None:
        self.function = function
        self.future = future
        self.result: T | None = None


class Writer:
    """A thread with a connection.

    A commit waits for the disk, some milliseconds: as many wishes as came meanwhile share the next one.
    """

    def __init__(self, path: Path, *, network: bool) -> None:
        self._path = path
        self._network = network
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Wish[Any]] = []
        self._is_busy = False
        self._is_closing = False
        self._handed: queue.SimpleQueue[list[_Wish[Any]] | None] = queue.SimpleQueue()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()

    async def open(self) -> None:
        """Open the file.

        Raises:
            JournalError: It cannot be a journal.
        """
        threading.Thread(target=self._main, name="zhongzhuan-journal", daemon=True).start()
        await finish(self._opened)

    def wish(self, function: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Have something done in a transaction; the future has what it gives once that is on disk.

        It is done, whatever becomes of whoever waits: wait with `finish`.
        """
        wish = _Wish(function, self._loop.create_future())
        self._waiting.append(wish)
        if not self._is_busy:
            self._is_busy = True
            # What else is wished for in this turn of the loop is to share the transaction.
            self._loop.call_soon(self._hand_over)
        return wish.future

    async def do(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Do something in a transaction, and return what it gives once that is on disk.

        Cancelled or not, it is waited for.

        Raises:
            JournalError: It was not done.
        """
        return await finish(self.wish(function))

    async def close(self) -> None:
        """End the thread, after all that was wished for."""
        self._is_closing = True
        if not self._is_busy:
            self._handed.put(None)
        await finish(self._ended)

    def _hand_over(self) -> None:
        """Give the thread all that is wished for, in one piece: to wake it costs as much as a wish."""
        wishes, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
        self._is_busy = bool(wishes)
        if wishes:
            self._handed.put(wishes)
        elif self._is_closing:
            self._handed.put(None)

    def _resolve(self, wishes: list[_Wish[Any]], error: JournalError | None) -> None:
        if len(wishes) < _MANY:
            self._hand_over()
        else:
            self._loop.call_later(_GATHER_S, self._hand_over)
        for wish in wishes:
            if wish.future.done():
                continue
            if error is None:
                wish.future.set_result(wish.result)
            else:
                # One error for all would have its traceback grow with each that is raised.
                wish.future.set_exception(JournalError(error.message, hint=error.hint, retryable=error.retryable))

    def _main(self) -> None:
        try:
            connection = open_database(self._path, network=self._network)
        except BaseException as error:  # noqa: BLE001 - it is raised where it was to be opened
            self._tell(self._opened.set_exception, error)
            return
        self._tell(self._opened.set_result, None)
        try:
            while (wishes := self._handed.get()) is not None:
                self._tell(self._resolve, wishes, self._fulfil(connection, wishes))
        finally:
            with suppress(sqlite3.Error):
                connection.close()
            self._tell(self._ended.set_result, None)

    def _fulfil(self, connection: sqlite3.Connection, wishes: list[_Wish[Any]]) -> JournalError | None:
        try:
            connection.execute("BEGIN IMMEDIATE")
            for wish in wishes:
                wish.result = wish.function(connection)
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - a full disk, and whatever else keeps an answer from being kept
            with suppress(sqlite3.Error):
                connection.rollback()
            return explained(self._path, error, network=self._network)
        return None

    def _tell(self, function: Callable[..., object], *args: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(function, *args)
