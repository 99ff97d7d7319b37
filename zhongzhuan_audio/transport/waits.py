"""Waiting between attempts, until the time is over or there is nothing left to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

__all__ = ["Waits"]


class Waits:
    """The waits of a client's calls.

    Args:
        sleep: Waits for so many seconds.
    """

    def __init__(self, sleep: Callable[[float], Awaitable[object]]) -> None:
        self._sleep = sleep
        self._under_way: set[asyncio.Future[object]] = set()

    async def wait(self, seconds: float) -> None:
        """Wait, or until `end` is called."""
        waiting = asyncio.ensure_future(self._sleep(seconds))
        self._under_way.add(waiting)
        try:
            await asyncio.wait([waiting])
        finally:
            self._under_way.discard(waiting)
            waiting.cancel()

    def end(self) -> None:
        """End all waits that are under way."""
        for waiting in self._under_way:
            waiting.cancel()
