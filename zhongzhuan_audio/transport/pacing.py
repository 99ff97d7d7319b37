"""Whose turn it is: how many requests run at once, how many begin a minute.

First come, first served; a turn is held for one request, never while a call waits between its attempts.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.config import Limits
from zhongzhuan_audio.errors import TimedOutError
from zhongzhuan_audio.transport.deadline import within

__all__ = ["Gcra", "Pacer", "Turn"]


class Gcra:
    """The generic cell rate algorithm with no burst: what costs much is followed by a longer pause. Pure.

    Source: ITU-T I.371, the virtual scheduling form.
    """

    def __init__(self, per_minute: float) -> None:
        self._seconds_each = 60.0 / per_minute
        self._free_at = float("-inf")

    def wait_s(self, now: float) -> float:
        """Return how many seconds from now the next may begin."""
        return max(0.0, self._free_at - now)

    def begin(self, now: float, cost: float) -> None:
        """Take note that one has begun."""
        self._free_at = max(self._free_at, now) + cost * self._seconds_each


class Pacer:
    """Hands out turns in one event loop."""

    def __init__(self, limits: Limits, *, clock: Callable[[], float] | None = None) -> None:
        self._limits = limits
        self._clock = clock or asyncio.get_running_loop().time
        self._requests = Gcra(limits.requests_per_minute) if limits.requests_per_minute else None
        self._audio = Gcra(limits.audio_minutes_per_minute) if limits.audio_minutes_per_minute else None
        self._is_paced = self._requests is not None or self._audio is not None
        self._allowed = float(limits.max_concurrency)
        self._halved_at = float("-inf")
        self._running = 0
        # The minutes of audio of each who waits. Ordered, and anyone may leave it at once: a deque would be searched.
        self._queue: OrderedDict[asyncio.Future[None], float] = OrderedDict()
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def allowed(self) -> int:
        """How many requests may run at once just now."""
        return max(1, int(self._allowed))

    @property
    def waiting(self) -> int:
        """How many calls wait for their turn."""
        return len(self._queue)

    def turn(self, *, audio_minutes: float = 0.0) -> Turn:
        """Return a turn to wait for.

        Args:
            audio_minutes: Length of the recording; 0 where it is not known.
        """
        return Turn(self, audio_minutes)

    async def acquire(self, audio_minutes: float) -> None:
        """Wait for a turn.

        Raises:
            TimedOutError: Too many wait already, or it took too long.
        """
        if not self._queue and self._pause_s() == 0:
            self._begin(audio_minutes)
            return
        await self._stand_in_line(audio_minutes)

    def release(self) -> None:
        """Give a turn back."""
        self._running -= 1
        self._hand_out()

    def throttled(self, began: float) -> None:
        """Take note of a 429: half as many may run, once for all that ran side by side, since these fail together.

        Args:
            began: When the request was sent, by the clock.
        """
        if began > self._halved_at:
            self._halved_at = self._clock()
            self._allowed = max(1.0, self._allowed / 2)

    def succeeded(self) -> None:
        """Take note of a success: one more may run for as many successes as run at once."""
        if self._allowed < self._limits.max_concurrency:
            self._allowed = min(float(self._limits.max_concurrency), self._allowed + 1 / self._allowed)
            self._hand_out()

    async def _stand_in_line(self, audio_minutes: float) -> None:
        limit = self._limits.max_waiting
        if limit is not None and len(self._queue) >= limit:
            raise _not_sent(f"{limit} calls wait for their turn already")
        place = asyncio.get_running_loop().create_future()
        self._queue[place] = audio_minutes
        self._hand_out()
        try:
            async with within(self._limits.max_wait_s):
                await place
        except BaseException as error:
            self._leave(place)
            if isinstance(error, TimeoutError):
                raise _not_sent(f"no turn came within {self._limits.max_wait_s:g} s") from None
            raise

    def _leave(self, place: asyncio.Future[None]) -> None:
        """Give a place up that may have had its turn at this very moment."""
        self._queue.pop(place, None)
        if place.done() and not place.cancelled():
            self._running -= 1
        self._hand_out()

    def _pause_s(self) -> float | None:
        """Return how long the next has to wait; None until another one ends."""
        if self._running >= self.allowed:
            return None
        if not self._is_paced:
            return 0.0
        now = self._clock()
        return max((rate.wait_s(now) for rate in (self._requests, self._audio) if rate is not None), default=0.0)

    def _begin(self, audio_minutes: float) -> None:
        self._running += 1
        if not self._is_paced:
            return
        now = self._clock()
        if self._requests is not None:
            self._requests.begin(now, 1.0)
        if self._audio is not None:
            self._audio.begin(now, audio_minutes)

    def _hand_out(self) -> None:
        """Give turns to those in front, and set the alarm for the next whose time will come."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        while self._queue:
            pause_s = self._pause_s()
            if pause_s is None:
                return
            if pause_s > 0:
                self._alarm = asyncio.get_running_loop().call_later(pause_s, self._hand_out)
                return
            place, audio_minutes = self._queue.popitem(last=False)
            if not place.done():
                self._begin(audio_minutes)
                place.set_result(None)


class Turn:
    """One request's place among those that run; entered, it is waited for, and held till it is left."""

    __slots__ = ("_audio_minutes", "_pacer")

    def __init__(self, pacer: Pacer, audio_minutes: float) -> None:
        self._pacer = pacer
        self._audio_minutes = audio_minutes

    async def begin(self) -> None:
        """Wait for it.

        Raises:
            TimedOutError: Too many wait already, or it took too long (phase "queue"); nothing was sent.
        """
        await self._pacer.acquire(self._audio_minutes)

    def end(self) -> None:
        """Give it back."""
        self._pacer.release()

    async def __aenter__(self) -> None:
        """Wait for it; see `begin`."""
        await self.begin()

    async def __aexit__(self, *_: object) -> None:
        """Give it back."""
        self.end()


def _not_sent(message: str) -> TimedOutError:
    return TimedOutError(
        message,
        phase="queue",
        retryable=True,
        hint=Advice("send fewer at once, or raise Limits.max_waiting and max_wait_s", command="send fewer at once"),
    )
