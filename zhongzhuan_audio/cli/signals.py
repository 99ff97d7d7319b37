"""SIGTERM and SIGHUP as another Ctrl-C: what is under way is ended in order, and no file is left behind."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

import attrs

from zhongzhuan_audio.cli.exit_codes import HUNG_UP, INTERRUPTED, TERMINATED

__all__ = ["Interruption", "first_ctrl_c", "run_until_interrupted", "sigterm_interrupts"]

T = TypeVar("T")

_EXIT_CODES: dict[int, int] = {signal.SIGTERM: TERMINATED}
if hasattr(signal, "SIGHUP"):
    _EXIT_CODES[signal.SIGHUP] = HUNG_UP


@attrs.define
class Interruption:
    """How the command was interrupted."""

    exit_code: int = INTERRUPTED
    """What it is to end with after a KeyboardInterrupt."""


@contextmanager
def sigterm_interrupts() -> Iterator[Interruption]:
    """Raise KeyboardInterrupt on the first SIGTERM or SIGHUP as on SIGINT, as long as the block runs.

    The next ones say no more. One that is ignored (as nohup does with SIGHUP), or that whoever embeds the command has a
    handler for, is left to that; so is one that comes to a thread other than the main one, where Python takes none.
    """
    interruption = Interruption()
    in_main = threading.current_thread() is threading.main_thread()
    ours = [number for number in _EXIT_CODES if in_main and signal.getsignal(number) is signal.SIG_DFL]

    def handle(number: int, frame: FrameType | None) -> None:
        if interruption.exit_code != INTERRUPTED:
            return
        interruption.exit_code = _EXIT_CODES[number]
        # asyncio's own handler, as long as it runs: it cancels the work, and the work cleans up.
        interrupt = signal.getsignal(signal.SIGINT)
        if callable(interrupt):
            interrupt(number, frame)
        elif _running:
            # It has no handler where Ctrl-C is ignored, and an exception here would end up in whatever task runs.
            _running[-1]()
        else:
            raise KeyboardInterrupt

    for number in ours:
        signal.signal(number, handle)
    try:
        yield interruption
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def run_until_interrupted(work: Coroutine[Any, Any, T]) -> T:
    """Run work on a loop of its own, as `asyncio.run` does; a SIGTERM cancels it, also where Ctrl-C is ignored.

    Raises:
        KeyboardInterrupt: It was cancelled so.
    """
    interrupted = False

    async def watched() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def interrupt() -> None:
            nonlocal interrupted
            interrupted = True
            loop.call_soon_threadsafe(task.cancel)

        _running.append(interrupt)
        try:
            return await work
        finally:
            _running.remove(interrupt)

    try:
        return asyncio.run(watched())
    except asyncio.CancelledError:
        if interrupted:
            raise KeyboardInterrupt from None
        raise


_running: list[Callable[[], None]] = []
"""What interrupts the work that runs in the main thread."""


@contextmanager
def first_ctrl_c(stop: Callable[[], None]) -> Iterator[None]:
    """Have the first Ctrl-C call `stop` on the running loop, as long as the block runs; the next ones end the work.

    Where Ctrl-C is ignored, or comes to a thread other than the main one, it stays as it is.
    """
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    if not in_main or not callable(before):
        yield
        return
    loop, interrupt, is_first = asyncio.get_running_loop(), before, True

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal is_first
        if is_first and number == signal.SIGINT:
            is_first = False
            loop.call_soon_threadsafe(stop)
        else:
            interrupt(number, frame)

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
