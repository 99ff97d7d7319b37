"""How much many recordings may cost. Pure."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from typing import final

import attrs

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.errors import BudgetExceededError, ConfigurationError

__all__ = ["Amounts", "Budget", "Hold"]

_MS_A_MINUTE = 60_000
_UNLIMITED = 1 << 62


@attrs.frozen(kw_only=True)
class Amounts:
    """Parts of a budget; None where it has no such limit."""

    audio_minutes: float | None
    """Minutes of audio."""
    requests: int | None
    """Requests that were, or may have been, charged."""
    cost: float | None
    """In the currency of `price_per_minute`."""

    def __str__(self) -> str:
        """Return those that there are in words."""
        parts = [] if self.audio_minutes is None else [f"{self.audio_minutes:.4g} minutes of audio"]
        if self.requests is not None:
            parts.append("1 request" if self.requests == 1 else f"{self.requests} requests")
        if self.cost is not None:
            parts.append(f"a cost of {self.cost:.4g}")
        return ", ".join(parts)


@attrs.frozen(kw_only=True)
class Hold:
    """What is set aside for a recording while it is under way."""

    length_ms: int
    """What one request of it counts."""
    requests: int
    """How many of its requests may be charged."""


@final
class Budget:
    """What may be spent; work that might pass it is not begun.

    ::

        budget = Budget(cost=5.0, price_per_minute=0.006)

    It counts requests that were answered and those that may have been charged all the same, each with the recording's
    length, to the millisecond. A budget can serve several calls, one after the other or at once, and is used up only
    once.
    """

    def __init__(
        self,
        *,
        audio_minutes: float | None = None,
        requests: int | None = None,
        cost: float | None = None,
        price_per_minute: float | None = None,
        unknown_minutes: float | None = None,
    ) -> None:
        """Set the limits; all that are given hold.

        Args:
            audio_minutes: Minutes of audio.
            requests: Requests that are charged.
            cost: What they may cost, in any currency.
            price_per_minute: What a minute of audio costs, in the same.
            unknown_minutes: What a recording counts whose header does not tell its length. None means that it is not
                sent where there is a limit on minutes or cost.

        Raises:
            ConfigurationError: There is no limit, a value cannot be one, or there is a cost without a price.
        """
        values = {
            "audio_minutes": audio_minutes,
            "requests": requests,
            "cost": cost,
            "price_per_minute": price_per_minute,
            "unknown_minutes": unknown_minutes,
        }
        for name, value in values.items():
            _check_amount(name, value)
        if audio_minutes is None and requests is None and cost is None:
            raise ConfigurationError("a budget needs a limit", hint="give audio_minutes, requests or cost")
        if cost is not None and not price_per_minute:
            raise ConfigurationError("a budget with a cost needs price_per_minute", hint="see your relay's price list")
        self._requests = requests
        self._audio_minutes = audio_minutes
        self._cost = cost
        self._price = price_per_minute
        self._unknown_ms = None if unknown_minutes is None else round(unknown_minutes * _MS_A_MINUTE)
        self._spent_ms = self._spent_requests = 0
        self._held_ms = self._held_requests = 0
        # Two clients in two threads may share it.
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Return what is left."""
        left = {name: value for name, value in attrs.asdict(self.left).items() if value is not None}
        return f"<Budget with {', '.join(f'{name}={value:g}' for name, value in left.items())} left>"

    @property
    def spent(self) -> Amounts:
        """What was charged or may have been; the cost is None where there is no price."""
        with self._lock:
            return self._amounts(self._spent_ms, self._spent_requests)

    @property
    def left(self) -> Amounts:
        """What work may still be begun with; that for which something is set aside at the moment is not in it."""
        with self._lock:
            ms, requests = self._spent_ms + self._held_ms, self._spent_requests + self._held_requests
        used = self._amounts(ms, requests)
        return Amounts(
            audio_minutes=_minus(self._audio_minutes, used.audio_minutes),
            requests=None if self._requests is None else self._requests - requests,
            cost=_minus(self._cost, used.cost),
        )

    @property
    def needs_length(self) -> bool:
        """Whether a recording's length matters."""
        return self._audio_minutes is not None or self._cost is not None

    def hold(self, audio_s: float | None, retries: int) -> Hold | None:
        """Set aside what a recording may take; None where there is not enough for even one request.

        Args:
            audio_s: Its length in seconds; None where that is not known.
            retries: How often it may be sent again after what may have been charged. Fewer are set aside where there
                is no room for all.

        Raises:
            BudgetExceededError: Its length is not known, and `unknown_minutes` was not given.
        """
        length_ms = self._length_ms(audio_s)
        with self._lock:
            room = _UNLIMITED if self._requests is None else self._requests - self._spent_requests - self._held_requests
            if length_ms and self.needs_length:
                room = min(room, (self._limit_ms() - self._spent_ms - self._held_ms) // length_ms)
            if room < 1:
                return None
            held = Hold(length_ms=length_ms, requests=min(room, 1 + retries))
            self._held_ms += held.length_ms * held.requests
            self._held_requests += held.requests
            return held

    def settle(self, held: Hold, charged: int) -> None:
        """Put back what was set aside, and count what was taken of it.

        Args:
            held: From `hold`.
            charged: Requests that were charged or may have been.
        """
        with self._lock:
            self._held_ms -= held.length_ms * held.requests
            self._held_requests -= held.requests
            self._spent_ms += held.length_ms * charged
            self._spent_requests += charged

    def exceeded(self, audio_s: float | None) -> BudgetExceededError:
        """Return the error for a recording that there is not enough left for."""
        length = "" if audio_s is None else f", and the recording lasts {audio_s / 60:.4g} minutes"
        return BudgetExceededError(
            f"the budget has {self.left} left{length}",
            hint="nothing was sent; raise the budget, and ask again for what is not done",
            limits=tuple(self._too_low(self._length_ms(audio_s))),
        )

    def _length_ms(self, audio_s: float | None) -> int:
        if audio_s is not None:
            return math.ceil(audio_s * 1000 - 1e-6)
        if self._unknown_ms is not None:
            return self._unknown_ms
        if self.needs_length:
            raise BudgetExceededError(
                "the recording's header does not tell its length, and the budget counts minutes",
                hint=Advice(
                    "nothing was sent; convert it, or say with Budget(unknown_minutes=) what such a recording counts",
                    command="nothing was sent; convert it, or say with --unknown-minutes what such a recording counts",
                ),
                limits=("unknown_minutes",),
            )
        return 0

    def _limit_ms(self) -> int:
        """Return the milliseconds of audio that may be sent."""
        return min(self._limits_ms().values())

    def _limits_ms(self) -> dict[str, int]:
        """Return the milliseconds of audio that each limit lets be sent."""
        minutes = {} if self._audio_minutes is None else {"audio_minutes": self._audio_minutes}
        if self._cost is not None and self._price:
            minutes["cost"] = self._cost / self._price
        # What a division leaves over must not cost the last recording its place.
        return {name: math.floor(limit * _MS_A_MINUTE + 1e-6) for name, limit in minutes.items()}

    def _too_low(self, length_ms: int) -> Iterator[str]:
        """Yield the names of the limits that never have room for a request."""
        if self._requests == 0:
            yield "requests"
        yield from (name for name, limit_ms in self._limits_ms().items() if limit_ms < length_ms)

    def _amounts(self, ms: int, requests: int) -> Amounts:
        minutes = ms / _MS_A_MINUTE
        return Amounts(
            audio_minutes=minutes, requests=requests, cost=None if self._price is None else minutes * self._price
        )


def _check_amount(name: str, value: object) -> None:
    whole = name == "requests"
    kinds = (int,) if whole else (int, float)
    fits = isinstance(value, kinds) and not isinstance(value, bool) and 0 <= value < math.inf
    if value is not None and not fits:
        wanted = "a whole number" if whole else "a number"
        raise ConfigurationError(f"{name} must be {wanted} of at least 0, or None, not {value!r}")


def _minus(limit: float | None, used: float | None) -> float | None:
    return None if limit is None or used is None else max(0.0, round(limit - used, 9))
