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
    TransportError,
    UpstreamError,
    ZhongzhuanError,
)
from zhongzhuan_audio.events import CircuitClosed, CircuitOpened, Event

__all__ = ["Failover"]

_TRIP_AFTER = 3
"""Failures in a row of a relay that does answer."""
_REST_S = 5.0
_LONGEST_REST_S = 60.0
_REFUSAL_REST_S = 60.0
"""A quota, a token or a model does not come back by itself within seconds."""

_REFUSALS = (AuthenticationError, QuotaExceededError)
_NARROW_REFUSALS = (ModelUnavailableError, NotFoundError, PermissionDeniedError)


@attrs.define
class _Circuit:
    """Closed while `open_until` is None; half-open while a probe is out after that time."""

    failures: int = 0
    rest_s: float = attrs.field(factory=lambda: _REST_S)
    open_until: float | None = None
    probing: bool = False


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
        self._without: dict[tuple[int, str], float] = {}

    def first(self, scope: str) -> int:
        """Return the endpoint to begin with: the first that is up, or else the one that may be up soonest."""
        chosen = self.another(scope, tried=())
        if chosen is None:
            chosen = min(range(len(self.endpoints)), key=lambda index: self._circuits[index].open_until or 0.0)
        return chosen

    def another(self, scope: str, *, tried: Collection[int]) -> int | None:
        """Return the first endpoint that is up and not among those tried; None if there is none."""
        now = self._clock()
        for index, circuit in enumerate(self._circuits):
            if index in tried or self._without.get((index, scope), now) > now:
                continue
            if circuit.open_until is None or (circuit.open_until <= now and not circuit.probing):
                return index
        return None

    def begin(self, index: int) -> None:
        """Take note that an endpoint is tried now; of one that was passed over, this is the only probe."""
        circuit = self._circuits[index]
        circuit.probing = circuit.open_until is not None

    def left(self, index: int) -> None:
        """Take note that an attempt was given up without an outcome: cancelled."""
        self._circuits[index].probing = False

    def succeeded(self, index: int) -> None:
        """Take note of an answer: the endpoint is up."""
        was_open = self._circuits[index].open_until is not None
        self._circuits[index] = _Circuit()
        if was_open:
            self._tell(CircuitClosed(endpoint=self.endpoints[index].base_url))

    def failed(self, index: int, error: ZhongzhuanError, scope: str) -> None:
        """Take note of a failure."""
        circuit, now = self._circuits[index], self._clock()
        circuit.probing = False
        if isinstance(error, _NARROW_REFUSALS):
            # It does answer; other models and other calls may well be served.
            self._without[index, scope] = now + _REFUSAL_REST_S
        elif isinstance(error, _REFUSALS):
            self._open(index, _REFUSAL_REST_S, error)
        elif _is_unreachable(error):
            self._open(index, circuit.rest_s, error)
        elif isinstance(error, (TransportError, UpstreamError, InvalidResponseError)):
            circuit.failures += 1
            if circuit.failures >= _TRIP_AFTER or circuit.open_until is not None:
                self._open(index, circuit.rest_s, error)
        elif isinstance(error, APIError):
            circuit.failures = 0

    def _open(self, index: int, rest_s: float, error: ZhongzhuanError) -> None:
        circuit, now = self._circuits[index], self._clock()
        if circuit.open_until is not None and circuit.open_until > now:
            # Calls that ran side by side fail side by side: that is one failure, and one rest.
            return
        circuit.open_until = now + rest_s
        circuit.rest_s = min(_LONGEST_REST_S, circuit.rest_s * 2)
        if len(self.endpoints) > 1:
            self._tell(CircuitOpened(endpoint=self.endpoints[index].base_url, for_s=rest_s, error=type(error).__name__))


def _is_unreachable(error: ZhongzhuanError) -> bool:
    """Tell whether no connection came about at all."""
    return isinstance(error, TransportError) and error.unreachable
