"""Waiting for what may never come, in threads that nobody waits for: not the loop's end, and not the interpreter's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, TypeVar

__all__ = ["close_in_daemon_thread", "in_daemon_thread"]

T = TypeVar("T")


async def in_daemon_thread(function: Callable[..., T], *args: Any, undo: Callable[[T], object] = lambda _: None) -> T:
    """Run a function that may block for ever; cancelled, leave it to itself.

    The loop's own executor would not do: asyncio waits for its threads when the loop ends, and Python at exit.

    Args:
        function: What may block.
        *args: Its arguments.
        undo: Takes what the function gives where nobody takes it any more; called in either thread.
    """
    # Not the loop's future: the thread may come to its end after the loop has.
    future: Future[T] = Future()
    threading.Thread(
        target=_settle, args=(future, undo, function, args), name="zhongzhuan-audio-reading", daemon=True
    ).start()
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        if not future.cancel() and future.exception() is None:
            undo(future.result())
        raise


def close_in_daemon_thread(file: Any) -> None:
    """Close a file without waiting: where a thread still reads from it, a close waits for the read."""
    threading.Thread(target=file.close, name="zhongzhuan-audio-closing", daemon=True).start()


def _settle(future: Future[T], undo: Callable[[T], object], function: Callable[..., T], args: tuple[Any, ...]) -> None:
    try:
        result = function(*args)
    except BaseException as error:  # noqa: BLE001 - raised where it is awaited
        with suppress(InvalidStateError):
            future.set_exception(error)
        return
    try:
        future.set_result(result)
    except InvalidStateError:
        undo(result)
