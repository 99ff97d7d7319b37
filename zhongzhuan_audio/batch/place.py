"""Where one of many recordings stands, and when it is its turn to be asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from zhongzhuan_audio.batch.budget import Hold
from zhongzhuan_audio.errors import StoppedError

__all__ = ["Place", "Standing", "stopped"]


class Standing:
    """What is known of a question while it is asked."""

    def __init__(self) -> None:
        self.is_sent: bool = False
        """Whether anything of it may have gone out."""
        self.on_lost: Callable[[], Awaitable[None]] | None = None
        """Awaited before it is sent once more after an attempt that may have been billed."""
        self.from_journal: bool = False
        """See `Outcome`."""
        self.lost_before: int = 0
        """See `Outcome`."""

    def tell_sent(self) -> None:
        """Take note that it goes out from now on."""
        self.is_sent = True


class Place(Standing):
    """What is known of one recording while it is under way, told by what transcribes it."""

    def __init__(self, turns: asyncio.Semaphore, hold: Callable[[float | None, int], Awaitable[Hold | None]]) -> None:
        super().__init__()
        self._turns = turns
        self._hold = hold
        self._has_turn = self._is_barred = False
        self.audio_s: float | None = None
        self.held: Hold | None = None

    def bar(self) -> None:
        """Let nothing of it go out from now on.

        To cancel what asks for it is not enough: the body is written by a task of its own, and that may come first.
        """
        self._is_barred = True

    def tell_sent(self) -> None:
        """Take note that it goes out from now on.

        Raises:
            StoppedError: It must not.
        """
        if self._is_barred:
            raise stopped()
        super().tell_sent()

    async def admit(self, audio_s: float | None, retries: int) -> int:
        """Wait, before anything is sent, for the recording's turn, and ask whether it may be sent.

        Args:
            audio_s: Its length in seconds; None where that is not known.
            retries: How often it may be sent again after what may have been billed.

        Returns:
            How often the budget allows that.

        Raises:
            BudgetExceededError: It must not be sent at all.
        """
        self.audio_s = audio_s
        await self._turns.acquire()
        self._has_turn = True
        self.held = await self._hold(audio_s, retries)
        return retries if self.held is None else self.held.requests - 1

    def leave(self) -> None:
        """Give the turn back: it is asked for no longer. May be called more than once."""
        if self._has_turn:
            self._has_turn = False
            self._turns.release()


def stopped() -> StoppedError:
    """Return the error of a recording that was not sent because the work was stopped."""
    return StoppedError("the work was stopped before this was sent", hint="ask for it again", retryable=True)
