"""Which endpoint comes next."""

from __future__ import annotations

from typing import Any

import pytest

from zhongzhuan_audio import Endpoint
from zhongzhuan_audio.errors import (
    AuthenticationError,
    BadRequestError,
    ModelUnavailableError,
    NotFoundError,
    QuotaExceededError,
    RateLimitError,
    TransportError,
    UpstreamError,
)
from zhongzhuan_audio.transport.failover import Failover

DEAD = TransportError("refused", unreachable=True, retryable=True)
SICK = UpstreamError("502", status=502, retryable=True, failover=True)


class Clock:
    """A clock that a test turns."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Time stands still until it is moved."""
    return Clock()


def three(clock: Clock, events: list[Any]) -> Failover:
    """Three endpoints."""
    endpoints = [Endpoint(f"https://relay{number}.example", f"sk-{number}") for number in range(3)]
    return Failover(endpoints, clock=clock, tell=events.append)


def test_the_first_is_preferred(clock: Clock) -> None:
    """Those tried are left out, and at the end there is none."""
    failover = three(clock, [])
    assert failover.first("s") == 0
    assert failover.another("s", tried={0}) == 1
    assert failover.another("s", tried={0, 1}) == 2
    assert failover.another("s", tried={0, 1, 2}) is None


def test_a_dead_endpoint_rests_and_is_probed_by_one_call(clock: Clock) -> None:
    """Longer each time it stays dead, up to a minute; a success closes the circuit and forgets."""
    events: list[Any] = []
    failover = three(clock, events)
    for rest_s in (5, 10, 20, 40, 60, 60):
        failover.begin(0)
        failover.failed(0, DEAD, "s")
        assert events[-1].for_s == rest_s
        assert failover.first("s") == 1
        clock.now += rest_s - 0.01
        assert failover.first("s") == 1
        clock.now += 0.01
        assert failover.first("s") == 0
        failover.begin(0)
        assert failover.first("s") == 1  # the probe is out
    failover.left(0)
    assert failover.first("s") == 0
    failover.begin(0)
    failover.succeeded(0)
    assert type(events[-1]).__name__ == "CircuitClosed"
    assert failover.first("s") == 0
    failover.failed(0, DEAD, "s")
    assert events[-1].for_s == 5


def test_a_sick_endpoint_gets_three_chances(clock: Clock) -> None:
    """Failures in a row count; a plain refusal or a success in between shows that it lives."""
    for between in (BadRequestError("no", status=400), RateLimitError("busy", status=429), None):
        failover = three(clock, [])
        for _ in range(2):
            failover.failed(0, SICK, "s")
        if between is None:
            failover.succeeded(0)
        else:
            failover.failed(0, between, "s")
        failover.failed(0, SICK, "s")
        failover.failed(0, SICK, "s")
        assert failover.first("s") == 0
        failover.failed(0, SICK, "s")
        assert failover.first("s") == 1


@pytest.mark.parametrize("error", [AuthenticationError("no", status=401), QuotaExceededError("no", status=403)])
def test_a_bad_token_rests_alone(clock: Clock, error: Any) -> None:
    """For a minute, and without touching the others."""
    failover = three(clock, [])
    failover.failed(0, error, "s")
    assert failover.first("s") == 1
    clock.now += 60
    assert failover.first("s") == 0


@pytest.mark.parametrize("error", [ModelUnavailableError("no", status=503), NotFoundError("no", status=404)])
def test_a_missing_model_is_missing_only_for_itself(clock: Clock, error: Any) -> None:
    """Other models and calls still go to the first."""
    failover = three(clock, [])
    failover.failed(0, error, "/audio/transcriptions gpt-9")
    assert failover.first("/audio/transcriptions gpt-9") == 1
    assert failover.first("/audio/transcriptions whisper-1") == 0
    clock.now += 60
    assert failover.first("/audio/transcriptions gpt-9") == 0


def test_where_all_are_down_the_one_that_may_be_up_soonest_is_tried(clock: Clock) -> None:
    """A call is never refused for want of an endpoint."""
    failover = three(clock, [])
    failover.failed(0, QuotaExceededError("no", status=403), "s")
    failover.failed(1, DEAD, "s")
    clock.now += 1
    failover.failed(2, DEAD, "s")
    assert failover.another("s", tried=()) is None
    assert failover.first("s") == 1


def test_a_single_endpoint_is_always_tried_and_nothing_is_told(clock: Clock) -> None:
    """There is no circuit to speak of."""
    events: list[Any] = []
    failover = Failover([Endpoint("https://relay.example", "sk")], clock=clock, tell=events.append)
    for _ in range(5):
        failover.failed(0, DEAD, "s")
        assert failover.first("s") == 0
    assert events == []


def test_calls_that_fail_side_by_side_are_one_failure(clock: Clock) -> None:
    """The rest is not doubled for each of them."""
    events: list[Any] = []
    failover = three(clock, events)
    for _ in range(10):
        failover.failed(0, DEAD, "s")
    assert [event.for_s for event in events] == [5]
    clock.now += 5
    assert failover.first("s") == 0
