"""SIGTERM as another Ctrl-C: what is under way is ended in order, and no file is left behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import attrs

from zhongzhuan_audio.cli.exit_codes import INTERRUPTED, TERMINATED

__all__ = ["Interruption", "sigterm_interrupts"]


@attrs.define
class Interruption:
    """How the command was interrupted."""

    exit_code: int = INTERRUPTED
    """What it is to end with after a KeyboardInterrupt."""


@contextmanager
def sigterm_interrupts() -> Iterator[Interruption]:
    """Raise KeyboardInterrupt on the first SIGTERM as on SIGINT, as long as the block runs; the next ones say no more.

    A SIGTERM that is ignored, or that whoever embeds the command has a handler for, is left to that; so is one that
    comes to a thread other than the main one, where Python takes no signals.
    """
    interruption = Interruption()
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield interruption
        return

    def handle(_: int, frame: FrameType | None) -> None:
        if interruption.exit_code == TERMINATED:
            return
        interruption.exit_code = TERMINATED
        # asyncio's own handler, as long as it runs: it cancels the work, and the work cleans up.
        interrupt = signal.getsignal(signal.SIGINT)
        if callable(interrupt):
            interrupt(signal.SIGINT, frame)
        else:
            raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, handle)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
