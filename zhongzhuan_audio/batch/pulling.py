"""Taking things from an input one by one, however that gives them, without blocking the loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from contextlib import suppress
from contextvars import copy_context
from types import TracebackType
from typing import Generic, Self, TypeVar

__all__ = ["PULLED_AHEAD", "pull"]

T = TypeVar("T")

PULLED_AHEAD = 16
"""How many things a thread takes from the input before anybody asks for them."""
_LEAVE_S = 1.0
"""How long an input that is being asked may take to answer when the work is given up."""
_AT_HAND = (list, tuple, set, frozenset, dict)
"""Inputs whose next thing is there already: no thread is needed."""


async def pull(
    items: Iterable[T] | AsyncIterable[T], *, enough: Callable[[], bool] = lambda: False
) -> AsyncGenerator[T]:
    """Give the things of an input when they are asked for.

    An async one is closed in the end. What is plain and no list, a generator that walks a folder or reads stdin, runs
    in a thread, since it may wait; it is not closed, so that whoever gave it can go on with it.

    Args:
        items: The input.
        enough: Tells whether no more is to be taken from it; what was taken before is given all the same.

    Raises:
        Exception: What the input raises.
    """
    if isinstance(items, AsyncIterable):
        iterator = aiter(items)
        try:
            while not enough():
                try:
                    item = await anext(iterator)
                except StopAsyncIteration:
                    break
                yield item
        finally:
            close = getattr(iterator, "aclose", None)
            if close is not None:
                await close()
    elif isinstance(items, _AT_HAND):
        for item in items:
            if enough():
                break
            yield item
    else:
        async with _Thread(items, enough) as thread:
            while (found := await thread.next()) is not None:
                yield found[0]


class _Thread(Generic[T]):
    """A thread that takes things from an input, each handed over the moment it is there.

    It is a daemon of its own, and none of the loop's: an input that never answers must not hold up the end of the work,
    or that of the program.
    """

    def __init__(self, items: Iterable[T], enough: Callable[[], bool]) -> None:
        self._items = items
        self._enough = enough
        self._taken: deque[T] = deque()
        self._places = threading.Semaphore(PULLED_AHEAD)
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._ended = asyncio.Event()
        self._left = False
        self._error: BaseException | None = None

    async def __aenter__(self) -> Self:
        """Begin."""
        context = copy_context()
        threading.Thread(target=context.run, args=(self._main,), name="zhongzhuan-files", daemon=True).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End; an input that does not answer is left behind with its thread."""
        self._left = True
        self._places.release()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_S):
                await self._ended.wait()

    async def next(self) -> tuple[T] | None:
        """Return the next thing; None at the end."""
        while not self._taken:
            if self._ended.is_set():
                if self._error is not None:
                    raise self._error
                return None
            self._news.clear()
            await self._news.wait()
        self._places.release()
        return (self._taken.popleft(),)

    def _main(self) -> None:
        try:
            self._take()
        except BaseException as error:  # noqa: BLE001 - it is raised where the thing was asked for
            self._error = error
        self._tell(self._end)

    def _take(self) -> None:
        iterator = iter(self._items)
        while True:
            self._places.acquire()
            if self._left or self._enough():
                return
            try:
                item = next(iterator)
            except StopIteration:
                return
            self._taken.append(item)
            self._tell(self._news.set)

    def _tell(self, what: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody asks any more
            self._loop.call_soon_threadsafe(what)

    def _end(self) -> None:
        self._ended.set()
        self._news.set()
