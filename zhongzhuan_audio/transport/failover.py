"""Which endpoint comes next, and which ones are passed over for a while. Pure but for the clock it is given."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import attrs

from zhongzhuan_audio.config import Endpoint
from zhongzhuan_audio.errors import (
    APIError,
    AuthenticationError,
    InvalidResponseError,
    ModelUnavailableError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    TransportError,
    UpstreamError,
    ZhongzhuanError,
)
from zhongzhuan_audio.events import CircuitClosed, CircuitOpened, Event

__all__ = ["Failover", "Trial"]

_TRIP_AFTER = 3
"""Failures in a row of a relay that does answer."""
_REST_S = 5.0
_LONGEST_REST_S = 60.0
_REFUSAL_REST_S = 60.0
"""A quota, a token or a model does not come back by itself within seconds."""

_REFUSALS = (AuthenticationError, QuotaExceededError)
_NARROW_REFUSALS = (ModelUnavailableError, NotFoundError, PermissionDeniedError)


@attrs.frozen(eq=False)
class Trial:
    """One use of an endpoint, from `Failover.begin` to its outcome."""

    index: int
    epoch: int
    """Of the circuit when it began: an outcome says nothing of a circuit that has opened or closed since."""


@attrs.define
class _Circuit:
    """Closed while `open_until` is None; half-open while a probe is out after that time."""

    epoch: int = 0
    """Grows whenever it opens or closes."""
    failures: int = 0
    rest_s: float = attrs.field(factory=lambda: _REST_S)
    """How long the next rest of a relay that is down will be."""
    open_until: float | None = None
    open_for_s: float = 0.0
    """How long the present rest is."""
    probe: Trial | None = None

    def is_resting(self, now: float) -> bool:
        """Tell whether it is too early for a probe."""
        return self.open_until is not None and self.open_until > now


class Failover:
    """Keeps what is known of each endpoint.

    A scope is what a narrow refusal is true of: a path and a model.
    """

    def __init__(
        self, endpoints: Sequence[Endpoint], *, clock: Callable[[], float], tell: Callable[[Event], None]
    ) -> None:
        self.endpoints: tuple[Endpoint, ...] = tuple(endpoints)
        self._clock = clock
        self._tell = tell
        self._circuits = [_Circuit() for _ in self.endpoints]
        # When a narrow refusal is forgotten; the first is so within a minute, and lets those behind it go.
        self._without: dict[tuple[int, str], float] = {}

    def first(self, scope: str, *, out: Collection[int] = ()) -> int | None:
        """Return the endpoint to begin with: the first that is up, or else the one that may be up soonest.

        Args:
            scope: Of the call.
            out: Endpoints that are of no use to it; None comes back only where these are all.
        """
        chosen = self.another(scope, tried=out)
        if chosen is None:
            left = (index for index in range(len(self.endpoints)) if index not in out)
            chosen = min(left, key=lambda index: self._up_at(index, scope), default=None)
        return chosen

    def another(self, scope: str, *, tried: Collection[int]) -> int | None:
        """Return the first endpoint that is up and not among those tried; None if there is none."""
        now = self._clock()
        for index, circuit in enumerate(self._circuits):
            if index in tried or self._without.get((index, scope), now) > now:
                continue
            if circuit.open_until is None or (circuit.open_until <= now and circuit.probe is None):
                return index
        return None

    def _up_at(self, index: int, scope: str) -> float:
        never = float("-inf")
        until = self._circuits[index].open_until
        return max(never if until is None else until, self._without.get((index, scope), never))

    def busy_s(self, index: int, scope: str) -> float:
        """Return for how many seconds an endpoint wants to be left alone with such calls, 0 if it does not."""
        now = self._clock()
        return max(0.0, self._without.get((index, scope), now) - now)

    def begin(self, index: int) -> Trial:
        """Take note that an endpoint is tried now; of one that was passed over, this is the only probe.

        Returns:
            What `left` must get at the end, whatever the end is.
        """
        circuit = self._circuits[index]
        trial = Trial(index, circuit.epoch)
        if circuit.open_until is not None and circuit.probe is None:
            circuit.probe = trial
        return trial

    def left(self, trial: Trial) -> None:
        """Take note that a trial is over, with or without an outcome: the next call may probe."""
        circuit = self._circuits[trial.index]
        if circuit.probe is trial:
            circuit.probe = None

    def succeeded(self, trial: Trial) -> None:
        """Take note of an answer: the endpoint is up."""
        circuit = self._circuits[trial.index]
        if trial.epoch != circuit.epoch:
            # Whoever began after it did has found the endpoint down, or up again.
            return
        if circuit.open_until is None and not circuit.failures and circuit.rest_s == _REST_S:
            # As new, which is how nearly every answer finds it.
            return
        self._circuits[trial.index] = _Circuit(epoch=circuit.epoch + (circuit.open_until is not None))
        if circuit.open_until is not None and len(self.endpoints) > 1:
            self._tell(CircuitClosed(endpoint=self.endpoints[trial.index].base_url))

    def failed(self, trial: Trial, error: ZhongzhuanError, scope: str) -> None:
        """Take note of a failure."""
        self.left(trial)
        circuit = self._circuits[trial.index]
        if isinstance(error, _NARROW_REFUSALS):
            # It does answer; other models and other calls may well be served.
            self._do_without(trial.index, scope)
            self.succeeded(trial)
        elif isinstance(error, _REFUSALS):
            self._open(trial.index, _REFUSAL_REST_S, error)
        elif isinstance(error, (TransportError, UpstreamError, InvalidResponseError)):
            self._heed(trial.index, error, scope)
            if trial.epoch != circuit.epoch:
                return
            circuit.failures += 1
            if circuit.failures >= _TRIP_AFTER or circuit.open_until is not None or _is_unreachable(error):
                self._open(trial.index, circuit.rest_s, error)
        elif isinstance(error, APIError):
            # A plain refusal shows that it lives.
            self._heed(trial.index, error, scope)
            self.succeeded(trial)

    def _heed(self, index: int, error: ZhongzhuanError, scope: str) -> None:
        """Leave an endpoint alone for as long as it asked: it may be busy (429) or down for a while (503)."""
        if isinstance(error, (RateLimitError, UpstreamError)) and error.retry_after:
            self._do_without(index, scope, min(error.retry_after, _REFUSAL_REST_S))

    def _do_without(self, index: int, scope: str, rest_s: float = _REFUSAL_REST_S) -> None:
        now = self._clock()
        while self._without and next(iter(self._without.values())) <= now:
            del self._without[next(iter(self._without))]
        self._without.pop((index, scope), None)
        self._without[index, scope] = now + rest_s

    def _open(self, index: int, rest_s: float, error: ZhongzhuanError) -> None:
        circuit, now = self._circuits[index], self._clock()
        refused = isinstance(error, _REFUSALS)
        if circuit.is_resting(now) and not (refused and rest_s > circuit.open_for_s):
            # Calls that ran side by side fail side by side: that is one failure, and one rest.
            return
        circuit.epoch += 1
        circuit.open_until, circuit.open_for_s = now + rest_s, rest_s
        if not refused:
            circuit.rest_s = min(_LONGEST_REST_S, rest_s * 2)
        if len(self.endpoints) > 1:
            self._tell(CircuitOpened(endpoint=self.endpoints[index].base_url, for_s=rest_s, error=type(error).__name__))


def _is_unreachable(error: ZhongzhuanError) -> bool:
    """Tell whether no connection came about at all."""
    return isinstance(error, TransportError) and error.unreachable
