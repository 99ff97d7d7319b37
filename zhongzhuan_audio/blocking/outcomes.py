"""The outcomes of many recordings for blocking callers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Self, final

from zhongzhuan_audio.blocking.runner import Runner
from zhongzhuan_audio.blocking.twins import advance

if TYPE_CHECKING:
    from zhongzhuan_audio.batch import Outcome, Outcomes

__all__ = ["BlockingOutcomes"]


@final
class BlockingOutcomes(Iterator["Outcome"]):
    """What comes of many recordings. There is one pass over it; see `Outcomes`."""

    def __init__(self, runner: Runner, inner: Outcomes) -> None:
        self._runner = runner
        self._inner = inner

    def __iter__(self) -> Self:
        """Return itself."""
        return self

    def __next__(self) -> Outcome:
        """Return the next outcome, when it is there; see `Outcomes`."""
        found = advance(self._runner, self._inner)
        if found is None:
            raise StopIteration
        return found[0]

    def stop(self) -> None:
        """Take no more recordings, and send none that is not being asked for yet; see `Outcomes.stop`.

        Any thread may call it, and so may a signal's handler.
        """
        self._runner.call_soon(self._inner.stop)
