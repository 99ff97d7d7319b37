"""Long work in threads of its own, which ends soon when nobody waits for it any more, and tells how far it is."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Protocol, TypeAlias, TypeVar, final

from zhongzhuan_audio.threads import finish

__all__ = ["Closable", "OnProgress", "Progress", "work"]

logger: logging.Logger = logging.getLogger("zhongzhuan_audio")

OnProgress: TypeAlias = Callable[[float, float | None], None]
"""A plain function, called on the event loop with the seconds done and all of them, or None where these are not known.

It must not block. What it raises is logged, and costs nobody the work.
"""
_LEAST_APART_S = 0.1


class Closable(Protocol):
    """What holds a temporary file."""

    def close(self) -> None:
        """Let go of it."""
        ...


C = TypeVar("C", bound=Closable)


async def work(function: Callable[[threading.Event], C]) -> C:
    """Run a function in one of as many threads as there are processors, and wait for its end, cancelled or not.

    Not in the loop's own threads: minutes of work would keep all uploads from being read.

    Args:
        function: Gets an event that is set when the caller is cancelled: it ends soon then, however. What it returns
            all the same is closed.
    """
    stop = threading.Event()
    future = _pool(os.getpid()).submit(function, stop)

    def give_up() -> None:
        stop.set()
        future.cancel()

    try:
        return await finish(asyncio.wrap_future(future), on_cancel=give_up)
    except asyncio.CancelledError:
        if not future.cancelled() and future.exception() is None:
            future.result().close()
        raise


@cache
def _pool(_process: int) -> ThreadPoolExecutor:
    """Return the process's threads; a forked child has none of its parent's."""
    return ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="zhongzhuan-audio-media")


@final
class Progress:
    """Tells on the loop how far the work in a thread is, ten times a second at most. To be made on the loop."""

    def __init__(self, on_progress: OnProgress | None) -> None:
        self._on_progress = on_progress
        self._loop = asyncio.get_running_loop()
        self._last = 0.0

    def tell(self, done_s: float, total_s: float | None, *, last: bool = False) -> None:
        """Say how much of the recording is done; called in the thread."""
        if self._on_progress is None or not (last or time.monotonic() - self._last >= _LEAST_APART_S):
            return
        self._last = time.monotonic()
        self._loop.call_soon_threadsafe(self._call, self._on_progress, done_s, total_s)

    def _call(self, on_progress: OnProgress, done_s: float, total_s: float | None) -> None:
        try:
            on_progress(done_s, total_s)
        except Exception:
            logger.exception("on_progress raised")
