"""Waiting for work in a thread to its very end, cancelled or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

__all__ = ["finish", "in_thread"]

P = ParamSpec("P")
T = TypeVar("T")


async def finish(future: asyncio.Future[T], *, on_cancel: Callable[[], object] | None = None) -> T:
    """Return what the future gives; where the caller is cancelled meanwhile, wait all the same and then say so.

    Work in a thread cannot be stopped from outside, and what it reads or writes must not be pulled away under it.

    Args:
        future: The work.
        on_cancel: Asks the work to end early; called at each cancellation.
    """
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
            if on_cancel is not None:
                on_cancel()
    if cancelled is not None:
        # Looked at, so that asyncio does not report it as never retrieved.
        if not future.cancelled():
            future.exception()
        raise cancelled
    return future.result()


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function in the loop's own threads and wait for its end, cancelled or not."""
    loop = asyncio.get_running_loop()
    return await finish(loop.run_in_executor(None, partial(function, *args, **kwargs)))
