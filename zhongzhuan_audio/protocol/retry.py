"""What to do after an attempt has failed: again, elsewhere, or stop. Pure: no clock, no sleep, no random of its own."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from zhongzhuan_audio.config import RetryPolicy
from zhongzhuan_audio.errors import (
    APIError,
    InvalidResponseError,
    RateLimitError,
    TimedOutError,
    TransportError,
    ZhongzhuanError,
)
from zhongzhuan_audio.protocol.headers import should_retry

__all__ = ["Again", "Course", "Elsewhere", "RetryQuota", "Situation", "Stop", "chances", "decide"]

_MOST_DOUBLINGS = 1000
"""Far above any cap, and below what a float holds."""


@attrs.frozen
class Again:
    """Begin a new round: the first endpoint that is up, be it the same one."""

    wait_s: float
    """Seconds to wait before."""
    error: ZhongzhuanError
    """What it is tried again after."""
    to: int | None = None
    """The endpoint to begin with, where it is not the first that is up."""


@attrs.frozen
class Elsewhere:
    """Try another endpoint, at once."""


@attrs.frozen
class Stop:
    """Give up; an error goes to the caller."""

    error: ZhongzhuanError
    """The one that tells most: that of an endpoint that might still have served the call, or else the last."""
    reason: str | None = None
    """Why it was not tried again although it might have helped; None where it could not have."""


Course = Again | Elsewhere | Stop


@attrs.frozen(kw_only=True)
class Situation:
    """What there is to know when an attempt has failed."""

    error: ZhongzhuanError
    """That the last attempt ended in."""
    hope: ZhongzhuanError | None = None
    """The last failure of another endpoint that may do better when it is tried again; None if there is no such one."""
    attempts: int
    """Made so far, the failed one included."""
    maybe_billed: int
    """How many of them may have been billed, the failed one included."""
    elapsed_s: float
    """Since the call began."""
    another: bool
    """Whether there is an endpoint that was not tried in this round and is not known to be dead."""
    rest_s: float = 0.0
    """How long the endpoint that would begin the next round wants to be left alone, in seconds."""
    busy: tuple[float, int] | None = None
    """In how many seconds the first of those is back that asked for a wait and may do better then, and which it is."""
    was_stale: bool = False
    """Whether it was a kept-alive connection that died before a byte of the answer, for the first time in the call."""


class RetryQuota:
    """How much a client retries in all, so that an outage of the relay does not multiply its load.

    A bucket that retries drain and successes fill. After a 429 fewer requests run at once, so that its retry multiplies
    nothing and costs little.

    Source: the retry quota of the AWS SDKs' standard mode: 500 tokens, 5 a retry, 10 after a time-out; a success that
    took a retry gives that retry's back, any other gives 1. The price after a 429 is our own.
    """

    CAPACITY = 500
    RETRY = 5
    TIMEOUT = 10
    THROTTLED = 1

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._left = capacity

    def take(self, error: ZhongzhuanError) -> int | None:
        """Return what a retry after this error took from the bucket; None if there is not enough left."""
        cost = self.RETRY
        if isinstance(error, TimedOutError):
            cost = self.TIMEOUT
        elif isinstance(error, RateLimitError):
            cost = self.THROTTLED
        if cost > self._left:
            return None
        self._left -= cost
        return cost

    def give_back(self, cost: int) -> None:
        """Fill the bucket after a success; `cost` is what its last retry took, 0 where it took none."""
        self._left = min(self._capacity, self._left + max(cost, 1))


def decide(policy: RetryPolicy, situation: Situation, *, jitter: Callable[[], float]) -> Course:
    """Return what to do.

    Never retried is what cannot succeed; what may have been billed is retried `RetryPolicy.maybe_billed_retries` times
    at most. Another endpoint is tried at once where it may do better; else a new round begins after a wait: what the
    relay asked for, or a full-jitter exponential back-off.

    Args:
        policy: The limits.
        situation: What happened.
        jitter: Gives numbers from 0 to 1.

    Source: full jitter: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    error = situation.error
    retryable, failover = chances(error)
    last, hope = error, situation.hope
    # A spare endpoint that refuses, for good or for long, does not end what another may still serve.
    if failover and hope is not None and (not retryable or _asked_s(error) > _asked_s(hope)):
        last = hope
    elsewhere = failover and situation.another
    if not (retryable or elsewhere or last is not error) or _is_the_deadline(error):
        return Stop(error)
    if error.billed == "maybe" and situation.maybe_billed > policy.maybe_billed_retries:
        return Stop(error, "it may have been billed; RetryPolicy.maybe_billed_retries says how often that is risked")
    if situation.attempts >= policy.max_attempts:
        return Stop(last, f"{policy.max_attempts} attempts were made" if policy.max_attempts > 1 else None)
    left = None if policy.deadline_s is None else policy.deadline_s - situation.elapsed_s
    if left is not None and left <= 0:
        return Stop(last, f"the deadline of {policy.deadline_s:g} s has passed")
    # A relay that was killed looks like a stale connection, so that another endpoint comes first.
    if elsewhere:
        return Elsewhere()
    if situation.was_stale:
        return Again(0.0, last)
    return _after_a_wait(policy, situation, last, left, jitter)


def chances(error: ZhongzhuanError) -> tuple[bool, bool]:
    """Return whether the same endpoint may do better next time, and whether another may now."""
    if isinstance(error, (APIError, InvalidResponseError)):
        told = should_retry(error.headers)
        return error.retryable if told is None else told, error.failover
    # No answer came: the next address may have one, also where this one's certificate or redirect is at fault.
    return error.retryable, isinstance(error, TransportError)


def _is_the_deadline(error: ZhongzhuanError) -> bool:
    """Tell whether the time of the whole call ran out, of which the error itself says enough."""
    return isinstance(error, TimedOutError) and error.phase == "deadline"


def _asked_s(error: ZhongzhuanError) -> float:
    """Return the seconds that the relay asked to wait."""
    return (error.retry_after or 0.0) if isinstance(error, APIError) else 0.0


def _after_a_wait(
    policy: RetryPolicy,
    situation: Situation,
    error: ZhongzhuanError,
    left: float | None,
    jitter: Callable[[], float],
) -> Again | Stop:
    # The last attempt is kept for whoever said when it is back: a spare that fails must not use up what it would serve.
    if situation.busy is not None and situation.attempts == policy.max_attempts - 1:
        back_s, index = situation.busy
        if back_s <= policy.retry_after_cap_s and (left is None or back_s < left):
            return Again(back_s, error, to=index)
    # "Wait 0 seconds" is no wish: four requests within milliseconds help nobody.
    asked = _asked_s(error) or None
    if asked is not None and asked > policy.retry_after_cap_s:
        return Stop(error, f"the relay asks to wait {asked:g} s, longer than RetryPolicy.retry_after_cap_s")
    if asked is not None:
        wait_s = asked
    else:
        # A relay that is full gets a longer rest than one that stumbled.
        base = policy.backoff_base_s * (2 if isinstance(error, RateLimitError) else 1)
        wait_s = jitter() * min(policy.backoff_cap_s, base * 2.0 ** min(situation.attempts - 1, _MOST_DOUBLINGS))
    if situation.rest_s <= policy.retry_after_cap_s:
        wait_s = max(wait_s, situation.rest_s)
    if left is not None and wait_s >= left:
        asks = "the relay asks to wait" if asked is not None else "the next attempt would wait"
        return Stop(error, f"{asks} {wait_s:g} s, and {max(left, 0):.3g} s are left of the deadline")
    return Again(wait_s, error)
