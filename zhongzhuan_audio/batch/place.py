"""Where one of many recordings stands, and when it is its turn to be asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from zhongzhuan_audio.batch.budget import Hold, charge
from zhongzhuan_audio.batch.line import InLine
from zhongzhuan_audio.batch.purse import Purse
from zhongzhuan_audio.errors import StoppedError
from zhongzhuan_audio.upload.source import OnLost

__all__ = ["Place", "Standing", "stopped"]

_NOTHING = Hold(requests=0, audio_ms=0)
_LEAST_S = 0.001
"""Of what is not known before it was listened to: where there is no room for so much, there is none for it."""


class Standing:
    """What is known of a question while it is asked."""

    def __init__(self) -> None:
        self.is_sent: bool = False
        """Whether anything of it may have gone out."""
        self.on_lost: OnLost | None = None
        """Awaited before it is sent once more after an attempt that may have been billed."""
        self.from_journal: bool = False
        """See `Outcome`."""
        self.lost_before: int = 0
        """See `Outcome`."""

    def tell_sent(self) -> None:
        """Take note that it goes out from now on."""
        self.is_sent = True

    def step_aside(self) -> None:
        """Let others go before: somebody else asks the same, and is waited for."""


class Place(Standing):
    """What is known of one recording while it is under way, told by what transcribes it."""

    def __init__(self, turns: asyncio.Semaphore, purse: Purse, in_line: InLine) -> None:
        super().__init__()
        self._in_line = in_line
        self._turns = turns
        self._purse = purse
        self._has_turn = self._is_barred = False
        self.audio_s: float | None = None
        self._held: Hold | None = None
        self._charged: Hold | None = None
        """Of what goes out in its place, as far as that is known; None where it goes out itself."""
        self._lost_before: dict[str, int] = {}

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

    def step_aside(self) -> None:
        """Let those behind it in the line go before."""
        self._in_line.leave("admitted", "booked")

    @property
    def has_budget(self) -> bool:
        """Whether there is a limit to what may be sent."""
        return self._purse.budget is not None

    async def admit(self, audio_s: float | None, retries: int, *, has_plan: bool = False) -> int:
        """Wait, before anything is sent, for the recording's turn, and ask whether it may be sent.

        Args:
            audio_s: Its length in seconds; None where that is not known.
            retries: How often it may be sent again after what may have been billed.
            has_plan: Whether something else will go out in its place, for which `plan` asks.

        Returns:
            How often the budget allows that.

        Raises:
            BudgetExceededError: It must not be sent at all.
        """
        self.audio_s = audio_s
        # Who has no turn yet must not wait for one of those that wait for it.
        await self._in_line.wait("admitted" if has_plan else "booked")
        await self._turns.acquire()
        self._has_turn = True
        if has_plan:
            self._held = await self._purse.hold_all((_LEAST_S,), told_s=audio_s)
            self._in_line.leave("admitted")
            return retries
        self._held = await self._purse.hold(audio_s, retries)
        self._in_line.leave("admitted", "booked")
        return retries if self._held is None else self._held.requests - 1

    async def plan(self, lengths_s: Sequence[float], *, audio_s: float) -> None:
        """Ask, before anything is sent, whether all that goes out in the recording's place may be sent.

        Args:
            lengths_s: Of each request, in seconds.
            audio_s: The recording's own length in seconds.

        Raises:
            BudgetExceededError: It must not be sent at all.
        """
        self.audio_s = audio_s
        # Whoever waits holds nothing: two that wait for each other would do so for ever.
        held, self._held = self._held, None
        self._purse.give_back(held, _NOTHING)
        await self._in_line.wait("booked")
        self._held = await self._purse.hold_all(lengths_s, told_s=sum(lengths_s))
        self._in_line.leave("booked")
        self._charged = _NOTHING

    def again(self, audio_s: float) -> str | None:
        """Ask whether a piece may be sent once more after what may have been billed; return why it must not be."""
        if self._purse.budget is None or self._held is None:
            return None
        if (more := self._purse.budget.hold_all((audio_s,))) is None:
            return "the budget has no room for it"
        self._held += more
        return None

    def charge(self, audio_s: float, requests: int) -> None:
        """Count what a piece was charged for, or may have been."""
        self._charged = (self._charged or _NOTHING) + charge(*[audio_s] * requests)

    def tell_lost_before(self, which: str, lost: int) -> None:
        """Take note of how many requests for a piece gave nothing in earlier runs."""
        self._lost_before[which] = lost
        self.lost_before: int = max(self.lost_before, sum(self._lost_before.values()))

    def settle(self, charged: int | None) -> float | None:
        """Settle with the budget, once, and return what was sent in the recording's place.

        Args:
            charged: Of a recording that goes out itself, how many requests were charged or may have been; None where
                nobody knows what it cost, so that all that was set aside counts.

        Returns:
            Seconds of audio that were charged or may have been; None where it went out itself.
        """
        held, self._held = self._held, None
        came_to = held or _NOTHING
        if charged is not None:
            came_to = self._charged if self._charged is not None else _part(came_to, charged)
        self._purse.give_back(held, came_to)
        return None if self._charged is None else self._charged.audio_ms / 1000

    def leave(self) -> None:
        """Give the turn back: it is asked for no longer. May be called more than once."""
        self.step_aside()
        if self._has_turn:
            self._has_turn = False
            self._turns.release()


def _part(held: Hold, requests: int) -> Hold:
    """Return what some of several requests, all of one length, come to."""
    return Hold(requests=requests, audio_ms=held.audio_ms // (held.requests or 1) * requests)


def stopped() -> StoppedError:
    """Return the error of a recording that was not sent because the work was stopped."""
    return StoppedError("the work was stopped before this was sent", hint="ask for it again", retryable=True)
