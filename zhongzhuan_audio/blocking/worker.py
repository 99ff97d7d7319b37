"""The thread in which a blocking client's coroutines run.

The thread is a daemon. `anyio.from_thread.start_blocking_portal`, kept open by a client that nobody closes, would hang
the interpreter at exit, and hang a forked child; and to hand a call over through a portal costs twice as much.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread
import os
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

import anyio

from zhongzhuan_audio.client import AsyncClient

__all__ = ["Calling", "Worker"]

T = TypeVar("T")

_EXIT_WAIT_S = 2.0
_LOOK_S = 0.05
"""How often it is looked at the end whether a pool's thread, which does not end by itself, has work left."""


class Worker:
    """A daemon thread with an event loop, and the async client that lives there."""

    def __init__(self, client: AsyncClient) -> None:
        self.client: AsyncClient = client
        self.pid: int = os.getpid()
        self.stopped: bool = False
        self._calls: set[asyncio.Task[None]] = set()
        self._given: set[Future[Any]] = set()
        """What has not ended of what `begin` returned."""
        # What a loop is given between its last turn and its end would never be begun, nor end. A finalizer may come
        # at any time, in this very thread.
        self._lock = threading.RLock()
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event
        self._ready: Future[None] = Future()
        self.thread: threading.Thread = threading.Thread(target=self._main, name="zhongzhuan-audio", daemon=True)
        self.thread.start()
        _living.add(self)
        try:
            self._ready.result()
        except BaseException:
            self.stop()
            raise

    def _main(self) -> None:
        try:
            anyio.run(self._serve)
        except BaseException as error:  # pragma: no cover - no loop to be had: out of file descriptors
            if self._ready.done():
                raise
            self._ready.set_exception(error)
        finally:
            # A callback that exits ends the loop too, with whatever it was to do.
            with self._lock:
                self.stopped = True
                for future in list(self._given):
                    future.cancel()

    async def _serve(self) -> None:
        async with self.client:
            self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
            self._ready.set_result(None)
            await self._stopping.wait()
            for call in self._calls:
                call.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)

    def begin(self, function: Callable[[AsyncClient], Coroutine[Any, Any, T]]) -> Future[T]:
        """Begin a call; cancelled, what is returned cancels it.

        Raises:
            RuntimeError: The thread ends, or has ended.
        """
        future: Future[T] = Future()
        with self._lock:
            if self.stopped:
                raise RuntimeError("the thread ends")
            self._given.add(future)
            future.add_done_callback(self._given.discard)
            self._loop.call_soon_threadsafe(self._start, function, future)
        return future

    def _start(self, function: Callable[[AsyncClient], Coroutine[Any, Any, T]], future: Future[T]) -> None:
        if future.cancelled():
            return
        task = self._loop.create_task(self._call(function, future))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        future.add_done_callback(lambda done: self.call_soon(task.cancel) if done.cancelled() else None)

    async def _call(self, function: Callable[[AsyncClient], Coroutine[Any, Any, T]], future: Future[T]) -> None:
        """Do what was asked, and tell at once: a callback of the task would come a turn of the loop later."""
        try:
            result = await function(self.client)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            # Where the loop ends by itself, `_main` tells so a moment later.
            if self.stopped or task is None or not task.cancelling():
                future.cancel()
                future.set_running_or_notify_cancel()
            raise
        except BaseException as error:
            # Once it runs it cannot be cancelled under what is done to it.
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            if future.set_running_or_notify_cancel():
                future.set_result(result)

    def call_soon(self, function: Callable[[], object]) -> None:
        """Have something done in the loop, unless it has ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)

    def stop(self) -> None:
        """Cancel what runs, close the client and end the thread; a forked child has no such thread."""
        if self.pid != os.getpid() or not self.thread.is_alive():
            return
        with self._lock:
            self.stopped = True
        if self._ready.exception() is not None:
            return
        self.call_soon(self._stopping.set)
        if threading.current_thread() is not self.thread:
            self.thread.join(_EXIT_WAIT_S)


_living: weakref.WeakSet[Worker] = weakref.WeakSet()


# How many calls each thread that has ever called has under way. Each thread writes its own entry only.
_callers: dict[threading.Thread, int] = {}


class Calling:
    """A block in which this thread's call is under way."""

    def __enter__(self) -> None:
        """Take note of it."""
        self._thread = thread = threading.current_thread()
        if thread not in _callers:
            for caller in list(_callers):
                if not caller.is_alive():
                    _callers.pop(caller, None)
        _callers[thread] = _callers.get(thread, 0) + 1

    def __exit__(self, *_: object) -> None:
        """Take note that it is over."""
        _callers[self._thread] -= 1


def _is_awaited(thread: threading.Thread, calls: int) -> bool:
    """Tell whether the program does not end before this thread has, or before it has done what it was given."""
    if thread.daemon or thread is threading.current_thread() or not thread.is_alive():
        return False
    given = concurrent.futures.thread._threads_queues.get(thread)  # noqa: SLF001
    return given is None or calls > 0 or not given.empty() or not _is_idle(thread)


def _is_idle(thread: threading.Thread) -> bool:
    """Tell whether a pool's thread waits for work: between two calls it may be in the midst of some."""
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - there is no other way to see it
    return frame is None or frame.f_code is concurrent.futures.thread._worker.__code__  # noqa: SLF001


def _stop_all() -> None:
    try:
        # Python itself waits for these threads a moment later; what they do until then was paid for.
        while busy := [thread for thread, calls in list(_callers.items()) if _is_awaited(thread, calls)]:
            busy[0].join(_LOOK_S)
    finally:
        for worker in list(_living):
            worker.stop()


# `atexit` comes after the executors of concurrent.futures have shut, and an embedded relay needs one to close. The hook
# is the one that concurrent.futures itself uses; what registers later runs earlier.
threading._register_atexit(_stop_all)  # type: ignore[attr-defined]  # noqa: SLF001
