"""The outcomes of many recordings, as whoever takes them has them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Self, final

from zhongzhuan_audio.batch.outcome import Outcome

__all__ = ["Outcomes"]


@final
class Outcomes(AsyncIterator[Outcome]):
    """What comes of many recordings. There is one pass over it.

    ::

        async with client.transcribe_many(files) as outcomes:
            async for outcome in outcomes:
                if outcome.error is not None:
                    outcomes.stop()
    """

    def __init__(self, take: Callable[[], Awaitable[Outcome]], stop: Callable[[], None]) -> None:
        self._take = take
        self._stop = stop

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    def __anext__(self) -> Awaitable[Outcome]:
        """Return the next outcome, when it is there.

        Raises:
            ConfigurationError: The block was left.
            Exception: The input's own, or what ended it, when what was taken before is at its end; or at once what is
                no failure of a recording, such as a `TypeError`.
        """
        return self._take()

    def stop(self) -> None:
        """Take no more recordings, and send none that is not being asked for yet; call it on the event loop.

        What is being asked for comes to its end, with its outcome. What was taken and not sent comes out with a
        `StoppedError`, and is free in a journal. An input that is just giving its next recording has a second for it.
        """
        self._stop()
