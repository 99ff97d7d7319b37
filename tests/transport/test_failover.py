"""Which endpoint comes next."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio import Endpoint
from zhongzhuan_audio.errors import (
    AudioSourceError,
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


def fail(failover: Failover, index: int, error: Any, scope: str = "s") -> None:
    """Try an endpoint once, in vain."""
    trial = failover.begin(index)
    failover.failed(trial, error, scope)
    failover.left(trial)


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
    trial = failover.begin(0)
    for rest_s in (5, 10, 20, 40, 60, 60):
        failover.failed(trial, DEAD, "s")
        assert events[-1].for_s == rest_s
        assert failover.first("s") == 1
        clock.now += rest_s - 0.01
        assert failover.first("s") == 1
        clock.now += 0.01
        assert failover.first("s") == 0
        trial = failover.begin(0)
        assert failover.first("s") == 1  # the probe is out
    failover.left(trial)
    assert failover.first("s") == 0
    failover.succeeded(failover.begin(0))
    assert type(events[-1]).__name__ == "CircuitClosed"
    assert failover.first("s") == 0
    fail(failover, 0, DEAD, "s")
    assert events[-1].for_s == 5


def test_a_sick_endpoint_gets_three_chances(clock: Clock) -> None:
    """Failures in a row count; a plain refusal or a success in between shows that it lives."""
    for between in (BadRequestError("no", status=400), RateLimitError("busy", status=429), None):
        failover = three(clock, [])
        for _ in range(2):
            fail(failover, 0, SICK, "s")
        if between is None:
            failover.succeeded(failover.begin(0))
        else:
            fail(failover, 0, between, "s")
        fail(failover, 0, SICK, "s")
        fail(failover, 0, SICK, "s")
        assert failover.first("s") == 0
        fail(failover, 0, SICK, "s")
        assert failover.first("s") == 1


@pytest.mark.parametrize("error", [AuthenticationError("no", status=401), QuotaExceededError("no", status=403)])
def test_a_bad_token_rests_alone(clock: Clock, error: Any) -> None:
    """For a minute, and without touching the others."""
    failover = three(clock, [])
    fail(failover, 0, error, "s")
    assert failover.first("s") == 1
    clock.now += 60
    assert failover.first("s") == 0


@pytest.mark.parametrize("error", [ModelUnavailableError("no", status=503), NotFoundError("no", status=404)])
def test_a_missing_model_is_missing_only_for_itself(clock: Clock, error: Any) -> None:
    """Other models and calls still go to the first."""
    failover = three(clock, [])
    fail(failover, 0, error, "/audio/transcriptions gpt-9")
    assert failover.first("/audio/transcriptions gpt-9") == 1
    assert failover.first("/audio/transcriptions whisper-1") == 0
    clock.now += 60
    assert failover.first("/audio/transcriptions gpt-9") == 0


def test_where_all_are_down_the_one_that_may_be_up_soonest_is_tried(clock: Clock) -> None:
    """A call is never refused for want of an endpoint."""
    failover = three(clock, [])
    fail(failover, 0, QuotaExceededError("no", status=403), "s")
    fail(failover, 1, DEAD, "s")
    clock.now += 1
    fail(failover, 2, DEAD, "s")
    assert failover.another("s", tried=()) is None
    assert failover.first("s") == 1


def test_a_single_endpoint_is_always_tried_and_nothing_is_told(clock: Clock) -> None:
    """There is no circuit to speak of."""
    events: list[Any] = []
    failover = Failover([Endpoint("https://relay.example", "sk")], clock=clock, tell=events.append)
    for _ in range(5):
        fail(failover, 0, DEAD, "s")
        assert failover.first("s") == 0
    assert events == []


def test_calls_that_fail_side_by_side_are_one_failure(clock: Clock) -> None:
    """The rest is not doubled for each of them."""
    events: list[Any] = []
    failover = three(clock, events)
    for trial in [failover.begin(0) for _ in range(10)]:
        failover.failed(trial, DEAD, "s")
    assert [event.for_s for event in events] == [5]
    clock.now += 5
    assert failover.first("s") == 0


def test_a_single_endpoint_that_comes_back_is_not_told_of(clock: Clock) -> None:
    """What was never said to be open is not said to be closed."""
    events: list[Any] = []
    failover = Failover([Endpoint("https://relay.example", "sk")], clock=clock, tell=events.append)
    fail(failover, 0, DEAD, "s")
    failover.succeeded(failover.begin(0))
    assert events == []


def test_an_old_success_does_not_open_a_door_that_was_shut_since(clock: Clock) -> None:
    """A call that began before the quota was used up says nothing of the calls after it."""
    failover = three(clock, [])
    old = failover.begin(0)
    fail(failover, 0, QuotaExceededError("no", status=403))
    failover.succeeded(old)
    assert failover.first("s") == 1


@pytest.mark.parametrize(
    "error",
    [BadRequestError("no", status=400), RateLimitError("busy", status=429), NotFoundError("no", status=404)],
)
def test_a_probe_that_is_refused_has_found_the_relay_alive(clock: Clock, error: Any) -> None:
    """The circuit closes and the rest is short again, though this call failed."""
    events: list[Any] = []
    failover = three(clock, events)
    fail(failover, 0, DEAD, "s")
    clock.now += 5
    fail(failover, 0, error, "s")
    assert [type(event).__name__ for event in events] == ["CircuitOpened", "CircuitClosed"]
    assert failover.first("another") == 0
    failover.begin(0)
    assert failover.first("another") == 0
    fail(failover, 0, DEAD)
    assert events[-1].for_s == 5


def test_a_probe_that_ends_on_our_side_says_nothing(clock: Clock) -> None:
    """A recording that changed under way leaves the circuit as it was, for the next to probe."""
    failover = three(clock, [])
    fail(failover, 0, DEAD, "s")
    clock.now += 5
    fail(failover, 0, AudioSourceError("changed"), "s")
    assert failover.first("s") == 0
    failover.begin(0)
    assert failover.first("s") == 1


def test_a_refusal_is_no_sign_of_a_long_illness(clock: Clock) -> None:
    """After a minute without a quota, a lost connection rests as briefly as ever."""
    events: list[Any] = []
    failover = three(clock, events)
    fail(failover, 0, QuotaExceededError("no", status=403), "s")
    clock.now += 60
    fail(failover, 0, DEAD, "s")
    assert [event.for_s for event in events] == [60, 5]


def test_a_refusal_lengthens_a_short_rest_once(clock: Clock) -> None:
    """A used-up quota is not forgotten because the relay stumbled a moment before; the reverse shortens nothing."""
    events: list[Any] = []
    failover = three(clock, events)
    for error in (DEAD, QuotaExceededError("no", status=403), QuotaExceededError("no", status=403), DEAD):
        fail(failover, 0, error, "s")
        clock.now += 1
    assert [event.for_s for event in events] == [5, 60]
    clock.now += 56.9
    assert failover.first("s") == 1
    clock.now += 0.1
    assert failover.first("s") == 0


def test_soonest_takes_a_missing_model_into_account(clock: Clock) -> None:
    """A relay that was lost a moment ago is a better bet than one that has said that it lacks the model."""
    failover = three(clock, [])
    for index in (0, 1):
        fail(failover, index, NotFoundError("no", status=404), "s")
    fail(failover, 2, DEAD, "s")
    assert failover.first("s") == 2
    assert failover.first("another") == 0


def test_what_was_refused_long_ago_is_not_kept(clock: Clock) -> None:
    """A client that meets ever new model names does not grow."""
    failover = three(clock, [])
    for number in range(1000):
        fail(failover, number % 3, ModelUnavailableError("no", status=503), f"s{number}")
        fail(failover, 0, ModelUnavailableError("no", status=503), "always")
        clock.now += 10
    assert len(failover._without) <= 8
    assert failover.first("always") == 1


_OUTCOMES = [None, DEAD, SICK, QuotaExceededError("no", status=403), ModelUnavailableError("no", status=503)]


@given(st.lists(st.tuples(st.sampled_from([*_OUTCOMES, "left"]), st.floats(0, 30)), max_size=60))
def test_it_always_comes_back_to_the_first(story: list[Any]) -> None:
    """After any story of calls one by one there is an endpoint, and two minutes later it is the first again."""
    clock = Clock()
    failover = three(clock, [])
    for outcome, passed_s in story:
        index = failover.first("s")
        assert index is not None
        trial = failover.begin(index)
        if outcome is None:
            failover.succeeded(trial)
        elif outcome != "left":
            failover.failed(trial, outcome, "s")
        failover.left(trial)
        clock.now += passed_s
    clock.now += 120
    assert failover.first("s") == 0
    assert not any(circuit.probe for circuit in failover._circuits)


@given(st.lists(st.sampled_from([True, False]), min_size=1, max_size=30))
def test_one_probe_at_a_time(answers: list[bool]) -> None:
    """While a probe is out every other call goes elsewhere, whatever became of the probes before."""
    clock = Clock()
    failover = three(clock, [])
    fail(failover, 0, DEAD, "s")
    for comes_back in answers:
        clock.now += 60
        assert failover.first("s") == 0
        trial = failover.begin(0)
        assert [failover.first("s") for _ in range(3)] == [1, 1, 1]
        failover.left(trial) if comes_back else failover.failed(trial, SICK, "s")


def test_an_old_call_neither_ends_a_probe_nor_doubles_a_rest(clock: Clock) -> None:
    """What began before the circuit opened says nothing of the endpoint after it."""
    events: list[Any] = []
    failover = three(clock, events)
    old = [failover.begin(0) for _ in range(3)]
    fail(failover, 0, DEAD)
    clock.now += 5
    probe = failover.begin(0)
    for trial, error in zip(old, (DEAD, SICK, None), strict=True):
        failover.failed(trial, error, "s") if error else failover.succeeded(trial)
        failover.left(trial)
        assert failover.first("s") == 1
    failover.succeeded(probe)
    assert failover.first("s") == 0
    assert [type(event).__name__ for event in events] == ["CircuitOpened", "CircuitClosed"]


def test_an_endpoint_that_is_of_no_use_is_left_out(clock: Clock) -> None:
    """Even where it may be up soonest; where all are of no use there is none."""
    failover = three(clock, [])
    for index in range(3):
        fail(failover, index, DEAD)
        clock.now += 1
    assert failover.first("s") == 0
    assert failover.first("s", out={0}) == 1
    assert failover.first("s", out={0, 1, 2}) is None
