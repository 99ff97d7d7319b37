"""A budget as the recordings of one call share it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from zhongzhuan_audio.batch.budget import Budget, Hold

__all__ = ["Purse"]


class Purse:
    """Sets aside what a recording takes; who finds no room waits while what others hold may yet come back."""

    def __init__(
        self,
        budget: Budget | None,
        *,
        change: Callable[[], Awaitable[None]],
        moved: Callable[[], None],
        full: Callable[[], None],
    ) -> None:
        """Make one.

        Args:
            budget: None has no limit.
            change: Waits until something may have come back.
            moved: Told when something has.
            full: Told when there is no room for a recording, nor will be.
        """
        self.budget: Budget | None = budget
        self._change = change
        self._moved = moved
        self._full = full
        self._holding = 0

    async def hold(self, audio_s: float | None, retries: int) -> Hold | None:
        """Set aside one request, and as many retries as there is room for; None where there is no budget.

        Raises:
            BudgetExceededError: There is not enough, and no more input is taken; or its length is not known.
        """
        return await self._hold(lambda budget: budget.hold(audio_s, retries), audio_s, 1)

    async def hold_all(self, lengths_s: Sequence[float], *, told_s: float | None) -> Hold | None:
        """Set aside several requests; None where there is no budget.

        Args:
            lengths_s: Of each, in seconds.
            told_s: Seconds of audio, as the error is to tell them; None where these are not known.

        Raises:
            BudgetExceededError: There is not enough for all of them, and no more input is taken.
        """
        return await self._hold(lambda budget: budget.hold_all(lengths_s), told_s, len(lengths_s))

    def give_back(self, held: Hold | None, charged: Hold) -> None:
        """Settle with the budget.

        Args:
            held: All that was set aside for a recording; None where nothing was.
            charged: What was taken of it.
        """
        if self.budget is None or held is None:
            return
        self.budget.settle(held, charged)
        self._holding -= 1
        self._moved()

    async def _hold(self, take: Callable[[Budget], Hold | None], audio_s: float | None, requests: int) -> Hold | None:
        if self.budget is None:
            return None
        while (held := take(self.budget)) is None:
            if not self._holding:
                self._full()
                raise self.budget.exceeded(audio_s, requests)
            await self._change()
        self._holding += 1
        return held
