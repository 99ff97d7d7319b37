"""How much many recordings may cost. Pure."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator
from typing import final

import attrs

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.errors import BudgetExceededError, ConfigurationError

__all__ = ["Amounts", "Budget", "Hold", "charge"]

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
    """What is set aside for a recording while it is under way, or what it came to."""

    requests: int
    audio_ms: int
    """Of all of these requests."""

    def __add__(self, other: Hold) -> Hold:
        """Return both together."""
        return Hold(requests=self.requests + other.requests, audio_ms=self.audio_ms + other.audio_ms)


@final
class Budget:
    """What may be spent; work that might pass it is not begun.

    ::

        budget = Budget(cost=5.0, price_per_minute=0.006)

    It counts requests that were answered and those that may have been charged all the same, each with the length of
    what was sent, to the millisecond. A budget can serve several calls, one after the other or at once, and is used up
    only once.
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
            requests = min(room, 1 + retries)
            return self._set_aside(Hold(requests=requests, audio_ms=length_ms * requests))

    def hold_all(self, lengths_s: Iterable[float]) -> Hold | None:
        """Set aside what several requests take, each once; None where there is not enough for all of them.

        Args:
            lengths_s: Their lengths in seconds.
        """
        wanted = charge(*lengths_s)
        with self._lock:
            if self._requests is not None and wanted.requests > (
                self._requests - self._spent_requests - self._held_requests
            ):
                return None
            if self.needs_length and wanted.audio_ms > self._limit_ms() - self._spent_ms - self._held_ms:
                return None
            return self._set_aside(wanted)

    def settle(self, held: Hold, charged: Hold) -> None:
        """Put back what was set aside, and count what was taken of it.

        Args:
            held: From `hold` or `hold_all`.
            charged: What was charged or may have been.
        """
        with self._lock:
            self._held_ms -= held.audio_ms
            self._held_requests -= held.requests
            self._spent_ms += charged.audio_ms
            self._spent_requests += charged.requests

    def exceeded(self, audio_s: float | None, requests: int = 1) -> BudgetExceededError:
        """Return the error for a recording that there is not enough left for.

        Args:
            audio_s: Seconds of audio that were to be sent; None where that is not known.
            requests: In how many requests.
        """
        length = "" if audio_s is None else f", and the recording lasts {audio_s / 60:.4g} minutes"
        if requests != 1:
            length = f", and the recording takes {requests} requests of {(audio_s or 0.0) / 60:.4g} minutes in all"
        return BudgetExceededError(
            f"the budget has {self.left} left{length}",
            hint="nothing was sent; raise the budget, and ask again for what is not done",
            limits=tuple(self._too_low(self._length_ms(audio_s), requests)),
        )

    def _set_aside(self, held: Hold) -> Hold:
        self._held_ms += held.audio_ms
        self._held_requests += held.requests
        return held

    def _length_ms(self, audio_s: float | None) -> int:
        if audio_s is not None:
            return charge(audio_s).audio_ms
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

    def _too_low(self, length_ms: int, requests: int) -> Iterator[str]:
        """Yield the names of the limits that never have room for so much."""
        if self._requests is not None and self._requests < requests:
            yield "requests"
        yield from (name for name, limit_ms in self._limits_ms().items() if limit_ms < length_ms)

    def _amounts(self, ms: int, requests: int) -> Amounts:
        minutes = ms / _MS_A_MINUTE
        return Amounts(
            audio_minutes=minutes, requests=requests, cost=None if self._price is None else minutes * self._price
        )


def charge(*lengths_s: float) -> Hold:
    """Return what requests of so many seconds come to."""
    return Hold(requests=len(lengths_s), audio_ms=sum(math.ceil(length_s * 1000 - 1e-6) for length_s in lengths_s))


def _check_amount(name: str, value: object) -> None:
    whole = name == "requests"
    kinds = (int,) if whole else (int, float)
    fits = isinstance(value, kinds) and not isinstance(value, bool) and 0 <= value < math.inf
    if value is not None and not fits:
        wanted = "a whole number" if whole else "a number"
        raise ConfigurationError(f"{name} must be {wanted} of at least 0, or None, not {value!r}")


def _minus(limit: float | None, used: float | None) -> float | None:
    return None if limit is None or used is None else max(0.0, round(limit - used, 9))
