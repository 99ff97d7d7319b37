"""Again, elsewhere or stop: decided without a clock and without chance."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio import RetryPolicy
from zhongzhuan_audio.errors import (
    AudioSourceError,
    BadRequestError,
    ConfigurationError,
    InvalidResponseError,
    QuotaExceededError,
    RateLimitError,
    TimedOutError,
    TransportError,
    UpstreamError,
    ZhongzhuanError,
)
from zhongzhuan_audio.protocol.retry import Again, Elsewhere, RetryQuota, Situation, Stop, decide

FULL = UpstreamError("bad gateway", status=502, retryable=True, failover=True)
BUSY = RateLimitError("busy", status=429, retryable=True, failover=True)
QUOTA = QuotaExceededError("used up", status=403, failover=True)
BAD = BadRequestError("bad", status=400)
LOST = TransportError("lost", retryable=True, billed="maybe")
EMPTY = InvalidResponseError("empty", retryable=True, billed="maybe", failover=True)
GATEWAY_TIMEOUT = UpstreamError("timed out", status=504, billed="maybe")


def course(error: ZhongzhuanError, policy: RetryPolicy | None = None, *, jitter: float = 1.0, **facts: Any) -> Any:
    """Decide, after one attempt unless told otherwise."""
    maybe = int(error.billed == "maybe")
    known = {"attempts": 1, "maybe_billed": maybe, "elapsed_s": 0.0, "another": False, **facts}
    return decide(policy or RetryPolicy(), Situation(error=error, **known), jitter=lambda: jitter)


@pytest.mark.parametrize("error", [BAD, QUOTA, GATEWAY_TIMEOUT])
def test_what_cannot_succeed_is_not_tried_again(error: ZhongzhuanError) -> None:
    """Nothing is said about why: it is plain."""
    assert course(error) == Stop(error)


def test_another_endpoint_is_tried_at_once_where_it_may_do_better() -> None:
    """A quota, a full relay and a lost connection go elsewhere; a bad request and a gateway's time-out go nowhere."""
    for error in (QUOTA, BUSY, FULL, LOST, EMPTY):
        assert course(error, another=True) == Elsewhere()
    for error in (BAD, GATEWAY_TIMEOUT):
        assert course(error, another=True) == Stop(error)


def test_what_may_have_been_billed_is_risked_as_often_as_allowed() -> None:
    """Once by default, never at 0, and the reason is told."""
    assert isinstance(course(LOST), Again)
    assert isinstance(course(EMPTY), Again)
    for stopped in (course(LOST, maybe_billed=2), course(LOST, RetryPolicy(maybe_billed_retries=0), another=True)):
        assert isinstance(stopped, Stop)
        assert "maybe_billed_retries" in str(stopped.reason)
    # An attempt that cost nothing is not held against a call that risked one before.
    assert isinstance(course(FULL, maybe_billed=1, attempts=2), Again)


def test_attempts_are_counted() -> None:
    """The last one ends the call, and with one allowed there is nothing to explain."""
    stopped = course(FULL, attempts=4)
    assert stopped == Stop(FULL, "4 attempts were made")
    assert course(FULL, RetryPolicy(max_attempts=1)) == Stop(FULL)


@pytest.mark.parametrize(("attempts", "bound"), [(1, 0.5), (2, 1.0), (3, 2.0), (7, 20.0), (900, 20.0), (10**6, 20.0)])
def test_the_back_off_doubles_up_to_its_cap(attempts: int, bound: float) -> None:
    """With full jitter: anything from 0 to the bound."""
    policy = RetryPolicy(max_attempts=10**7)
    assert course(FULL, policy, attempts=attempts) == Again(bound, FULL)
    assert course(FULL, policy, attempts=attempts, jitter=0.0) == Again(0.0, FULL)
    assert course(FULL, policy, attempts=attempts, jitter=0.5) == Again(bound / 2, FULL)


@pytest.mark.parametrize(
    "error",
    [
        TransportError("no TLS: the certificate has expired", unreachable=True),
        TransportError("redirects to another address"),
        TimedOutError("no connection", phase="connect", unreachable=True, retryable=True),
    ],
)
def test_an_address_that_does_not_serve_is_no_reason_to_give_up(error: TransportError) -> None:
    """Its certificate and its redirects are its own; the next address may well answer."""
    assert course(error, another=True) == Elsewhere()
    assert isinstance(course(error), Again if error.retryable else Stop)


@pytest.mark.parametrize("error", [AudioSourceError("changed"), ConfigurationError("no key")])
def test_a_fault_on_our_side_goes_nowhere(error: ZhongzhuanError) -> None:
    """No relay can mend it."""
    assert course(error, another=True) == Stop(error)


@pytest.mark.parametrize("billed", ["no", "maybe"])
def test_the_deadline_itself_needs_no_reason(billed: Any) -> None:
    """The error says already why the call has ended."""
    error = TimedOutError("the deadline has passed", phase="deadline", retryable=True, billed=billed)
    assert course(error, RetryPolicy(deadline_s=1), elapsed_s=1.0, maybe_billed=2, another=True) == Stop(error)


def test_a_relay_that_is_full_gets_a_longer_rest() -> None:
    """Twice the first bound of one that stumbled."""
    assert course(BUSY) == Again(1.0, BUSY)


def test_a_wait_of_nothing_is_none_that_was_asked_for() -> None:
    """`Retry-After: 0` leaves the back-off as it is."""
    error = RateLimitError("busy", status=429, retryable=True, failover=True, retry_after=0.0)
    assert course(error, jitter=0.3) == Again(0.3, error)


@given(st.floats(0, 60, exclude_min=True))
def test_a_wait_that_was_asked_for_is_kept(asked: float) -> None:
    """To the letter, whatever the jitter."""
    error = RateLimitError("busy", status=429, retryable=True, failover=True, retry_after=asked)
    assert course(error, jitter=0.3) == Again(asked, error)


def test_a_wait_past_the_cap_or_the_deadline_is_not_begun() -> None:
    """The call ends at once and says why; another endpoint is still tried."""
    slow = RateLimitError("busy", status=429, retryable=True, failover=True, retry_after=120.0)
    assert "asks to wait 120 s" in str(course(slow, RetryPolicy(deadline_s=30)).reason)
    assert "retry_after_cap_s" in str(course(slow).reason)
    short = RetryPolicy(deadline_s=30, retry_after_cap_s=600)
    assert course(slow, short).reason == "the relay asks to wait 120 s, and 30 s are left of the deadline"
    assert course(slow, short, another=True) == Elsewhere()
    assert "the next attempt would wait" in str(course(FULL, RetryPolicy(deadline_s=1), elapsed_s=0.8).reason)
    assert "has passed" in str(course(FULL, RetryPolicy(deadline_s=1), elapsed_s=1.0, another=True).reason)


def test_the_relay_may_say_itself_whether_to_retry() -> None:
    """x-should-retry is obeyed, both ways."""
    told_no = UpstreamError("x", status=502, retryable=True, headers={"x-should-retry": "false"})
    told_yes = BadRequestError("x", status=409, headers={"x-should-retry": "true"})
    assert course(told_no) == Stop(told_no)
    told_no.failover = True
    assert course(told_no) == Stop(told_no)
    assert course(told_no, another=True) == Elsewhere()
    assert isinstance(course(told_yes), Again)
    assert isinstance(course(told_yes, another=True), Again)
    # Not even the relay's own word spends more than the caller allows.
    billed = UpstreamError("x", status=504, billed="maybe", headers={"x-should-retry": "true"})
    assert isinstance(course(billed), Again)
    assert isinstance(course(billed, maybe_billed=2), Stop)


def test_a_stale_connection_is_replaced_at_once() -> None:
    """Without a wait; but not against the limit on what may have been billed, and elsewhere where there is another."""
    assert course(LOST, was_stale=True) == Again(0.0, LOST)
    assert course(LOST, was_stale=True, another=True) == Elsewhere()
    assert isinstance(course(LOST, RetryPolicy(maybe_billed_retries=0), was_stale=True), Stop)


@given(
    error=st.sampled_from([FULL, BUSY, QUOTA, BAD, LOST, EMPTY, GATEWAY_TIMEOUT]),
    attempts=st.integers(1, 10),
    maybe_billed=st.integers(0, 5),
    elapsed_s=st.floats(0, 100),
    another=st.booleans(),
    jitter=st.floats(0, 1),
)
def test_no_limit_is_ever_passed(
    error: ZhongzhuanError, attempts: int, maybe_billed: int, elapsed_s: float, another: bool, jitter: float
) -> None:
    """Whatever happens, a call that goes on is within its attempts, its risk and its deadline."""
    policy = RetryPolicy(deadline_s=50)
    risked = maybe_billed + (error.billed == "maybe")
    facts = {"attempts": attempts, "maybe_billed": risked, "elapsed_s": elapsed_s, "another": another}
    decided = course(error, policy, jitter=jitter, **facts)
    if isinstance(decided, Stop):
        return
    assert attempts < policy.max_attempts
    assert error.billed == "no" or risked <= policy.maybe_billed_retries
    wait_s = decided.wait_s if isinstance(decided, Again) else 0.0
    assert elapsed_s + wait_s <= 50
    assert isinstance(decided, Again) or another


def test_the_quota_is_drained_by_retries_and_filled_by_successes() -> None:
    """5 a retry, 10 after a time-out, and never above its size."""
    quota = RetryQuota(20)
    assert quota.take(FULL) == 5
    assert quota.take(TimedOutError("slow")) == 10
    assert quota.take(TimedOutError("slow")) is None
    assert quota.take(FULL) == 5
    assert quota.take(FULL) is None
    quota.give_back(0)
    assert quota.take(FULL) is None
    quota.give_back(5)
    assert quota.take(FULL) == 5
    for _ in range(100):
        quota.give_back(10)
    assert [quota.take(FULL) for _ in range(5)] == [5, 5, 5, 5, None]


@given(st.lists(st.sampled_from(["fails", "times out", "succeeds"]), max_size=400), st.integers(1, 60))
def test_the_quota_bounds_the_retries(story: list[str], capacity: int) -> None:
    """However failures and successes mix, a retry is paid for from the bucket or by a success before it."""
    quota, spent, income = RetryQuota(capacity), 0, 0
    for event in story:
        if event == "succeeds":
            quota.give_back(0)
            income += 1
            continue
        cost = 10 if event == "times out" else 5
        taken = quota.take(TimedOutError("slow") if event == "times out" else FULL)
        assert taken in {None, cost}
        if taken is None:
            # Nothing is refused while there is enough.
            assert capacity - spent < cost
        spent += taken or 0
    assert spent <= capacity + income
