"""A bar of tqdm's that shows how far many recordings are: a widget in a notebook with ipywidgets, text elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

from zhongzhuan_audio.batch.outcome import OnOutcome, Progress
from zhongzhuan_audio.errors import MissingExtraError

__all__ = ["MakeBar", "load_bar", "shown"]

logger: logging.Logger = logging.getLogger("zhongzhuan_audio")

MakeBar: TypeAlias = Callable[..., Any]
"""tqdm's class, as it fits the place."""

_LATER_S = 1e-9


def load_bar() -> MakeBar:
    """Return what makes bars here. Blocks.

    Raises:
        MissingExtraError: The extra ``notebook`` is not installed.
    """
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise MissingExtraError("the progress bar is not installed (tqdm)", extra="notebook") from error
    # The first bar of a process makes it, and looks at the disk for that.
    tqdm.get_lock()
    made: MakeBar = tqdm
    return made


@contextmanager
def shown(make: MakeBar, on_progress: OnOutcome | None) -> Iterator[OnOutcome]:
    """Give a function that shows progress, and tells it to another one; the bar is closed with the block.

    Args:
        make: From `load_bar`.
        on_progress: Called after the bar; what it raises is raised. What the bar itself raises is logged, and there is
            no bar from then on.
    """
    bar = _Bar(make)

    def tell(progress: Progress) -> None:
        bar.attempt(lambda: bar.show(progress))
        if on_progress is not None:
            on_progress(progress)

    try:
        yield tell
    finally:
        bar.attempt(bar.close)


class _Bar:
    """The bar; it appears with the first recording."""

    def __init__(self, make: MakeBar) -> None:
        self._make: Any = make
        self._bar: Any = None

    def attempt(self, step: Callable[[], None]) -> None:
        """Do something to the bar, which is nothing that a recording's outcome depends on."""
        if self._make is None:
            return
        try:
            step()
        except Exception as error:  # noqa: BLE001 - stderr is closed, the widget's page is gone, and whatever else
            # tqdm keeps its lock when it cannot draw: bars in other threads would wait for ever.
            with suppress(Exception):
                self._make.get_lock().release()
            if self._bar is not None:
                # Or it would try to draw when it is collected.
                self._bar.disable = True
            self._make = self._bar = None
            logger.warning("the progress bar broke: %s", repr(error))

    def show(self, progress: Progress) -> None:
        """Draw how far it is."""
        if self._bar is None:
            # It draws itself when it is made, and where that fails nobody has it: so it is drawn a step later.
            self._bar = self._make(total=progress.total, unit="file", delay=_LATER_S)
            self._bar.refresh()
            self._bar.delay = 0
        minutes = progress.audio_s / 60
        self._bar.set_postfix_str(f"{progress.failed} failed, {minutes:.1f} min of audio", refresh=False)
        self._bar.update(progress.done + progress.failed - self._bar.n)

    def close(self) -> None:
        """Draw it a last time, and leave it there."""
        if self._bar is not None:
            self._bar.close()
