"""Runs a client's coroutines in a thread of its own, begun when it is needed."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future, wait
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

from zhongzhuan_audio.blocking.worker import Calling, Worker
from zhongzhuan_audio.client import AsyncClient
from zhongzhuan_audio.errors import ConfigurationError, TransportError

__all__ = ["Runner"]

T = TypeVar("T")

# A thread that waits for a lock cannot be interrupted by Ctrl-C on Windows; it looks up this often there.
_POLL_S = 0.1 if sys.platform == "win32" else None
_LEAVE_S = 2.0
"""How long a block that was left in a hurry waits for its request to end in order."""


def _closed() -> ConfigurationError:
    return ConfigurationError("this client is closed", hint="make a new one")


# A forked child must not let go of its parent's loop and sockets: closing them would reach into the parent.
_inherited: list[Worker] = []


class Runner:
    """What a blocking client's calls, and what they give, run their coroutines with.

    Args:
        make: Makes the async client, and again in a forked child.
    """

    def __init__(self, make: Callable[[], AsyncClient]) -> None:
        self._make = make
        self._client = make()
        self._worker: Worker | None = None
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._closed = False

    def __repr__(self) -> str:
        """Return the async client's; a traceback may ask before there is one."""
        return repr(getattr(self, "_client", None))

    def close(self) -> None:
        """Cancel what runs and close the connections. May be called more than once."""
        self._closed = True
        if self._worker is not None:
            self._worker.stop()

    def run(self, function: Callable[[AsyncClient], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine in the client's thread and return what it gives; Ctrl-C cancels it.

        Raises:
            ConfigurationError: The client is closed.
        """
        with Calling():
            worker = self._running_worker()
            return self._result(worker, self._start(worker, function))

    def call_soon(self, function: Callable[[], object]) -> None:
        """Have something done in the client's thread, if it runs; neither waits nor locks, for a signal's handler."""
        worker = self._worker
        if worker is not None and worker.pid == os.getpid():
            worker.call_soon(function)

    @contextmanager
    def hold(self, function: Callable[[AsyncClient], AbstractAsyncContextManager[T]]) -> Iterator[T]:
        """Enter an async context manager in the client's thread, and leave it with the block.

        Whatever the block raises, cancels what it holds.
        """
        opened: Future[tuple[T, asyncio.Event]] = Future()
        ended = threading.Event()

        async def held(client: AsyncClient) -> None:
            leave = asyncio.Event()
            try:
                async with function(client) as thing:
                    opened.set_result((thing, leave))
                    await leave.wait()
            finally:
                ended.set()

        with Calling():
            worker = self._running_worker()
            future = self._start(worker, held)
            future.add_done_callback(lambda done: _pass_on(done, opened))
            try:
                thing, leave = self._result(worker, opened)
                yield thing
            except BaseException:
                future.cancel()
                if opened.done() and not opened.cancelled() and opened.exception() is None:
                    ended.wait(_LEAVE_S)
                raise
            worker.call_soon(leave.set)
            self._result(worker, future)

    def _start(self, worker: Worker, function: Callable[[AsyncClient], Coroutine[Any, Any, T]]) -> Future[T]:
        if threading.current_thread() is worker.thread:
            raise RuntimeError("a blocking call from the client's own thread would wait for itself; do it elsewhere")
        try:
            return worker.begin(function)
        except RuntimeError:
            raise _closed() from None

    def _result(self, worker: Worker, future: Future[T]) -> T:
        try:
            while _POLL_S is not None and not future.done():  # pragma: no cover - Windows
                wait((future,), timeout=_POLL_S)
            return future.result()
        except CancelledError:
            if not worker.stopped:
                raise
            message = "this client was closed, or the program ended, while the call ran in another thread"
            raise TransportError(message, billed="maybe", hint="close it when all calls have ended") from None
        except BaseException:
            # After Ctrl-C the coroutine would run on, paying for an answer that nobody takes.
            future.cancel()
            raise

    def _running_worker(self) -> Worker:
        """Return the worker, begun at the first call, and again in a forked child."""
        worker, pid = self._worker, os.getpid()
        if worker is not None and worker.pid == pid and not self._is_closed():
            return worker
        if self._pid != pid:
            # The lock may have been held by a thread that the child does not have.
            self._lock, self._pid = threading.Lock(), pid
        with self._lock:
            if self._is_closed():
                raise _closed()
            if self._worker is not None and self._worker.pid != pid:
                _inherited.append(self._worker)
                self._worker, self._client = None, self._make()
            if self._worker is None:
                self._worker = Worker(self._client)
                weakref.finalize(self, self._worker.stop)
                if self._is_closed():
                    # Just now, by another thread, which saw no worker.
                    self._worker.stop()
                    raise _closed()
            return self._worker

    def _is_closed(self) -> bool:
        return self._closed


def _pass_on(done: Future[None], opened: Future[Any]) -> None:
    """Tell whoever waits for an opening that there will be none."""
    if opened.done():
        return
    error = None if done.cancelled() else done.exception()
    if error is None:
        opened.cancel()
    else:
        opened.set_exception(error)
