"""What is known of a call while it runs."""

from __future__ import annotations

import time

import attrs

from zhongzhuan_audio.advice import NOT_AGAIN, Advice, with_more
from zhongzhuan_audio.config import ApiKey, RetryPolicy, Secret, Timeouts
from zhongzhuan_audio.errors import Attempt, Billed, TimedOutError, TransportError, ZhongzhuanError
from zhongzhuan_audio.protocol.retry import Situation, chances
from zhongzhuan_audio.transport.deadline import within
from zhongzhuan_audio.transport.failover import Failover, Trial
from zhongzhuan_audio.transport.held import Held
from zhongzhuan_audio.transport.keys import fresh_key
from zhongzhuan_audio.transport.outgoing import Body, Outgoing
from zhongzhuan_audio.transport.pacing import Pacer

__all__ = ["Call", "closed_under"]


def _or_now(since: float | None) -> float:
    return time.monotonic() if since is None else since


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class Call:
    """One call: its attempts, what each endpoint has said to it, and the attempt that runs now."""

    scope: str
    """The path and the model: what a refusal of either is remembered for."""
    outgoing: Outgoing
    policy: RetryPolicy
    timeouts: Timeouts
    started: float = attrs.field(default=None, converter=_or_now)
    """By `time.monotonic`; None is now."""
    attempts: list[Attempt] = attrs.field(factory=list)
    keys: dict[int, Secret] = attrs.field(factory=dict)
    reread: set[int] = attrs.field(factory=set)
    """Endpoints whose key was asked for again after a refusal."""
    spent: int = 0
    """What its last retry took of the quota."""
    last: ZhongzhuanError | None = None
    """Why it is being tried again."""
    told_lost: int = 0
    """How many attempts there were when it was last noted that one may have been billed."""
    pinned: int | None = None
    """The endpoint that comes next, whatever else is known."""

    _tried: set[int] = attrs.field(factory=set, init=False)
    """In this round."""
    _out: set[int] = attrs.field(factory=set, init=False)
    """Endpoints that cannot serve this call at all."""
    _hopes: dict[int, ZhongzhuanError] = attrs.field(factory=dict, init=False)
    """The last failure of each endpoint that may do better next time; the newest at the end."""
    _was_stale: bool = attrs.field(default=False, init=False)
    """Whether a kept-alive connection has died under this call already."""

    trial: Trial | None = attrs.field(default=None, init=False)
    """Of the present attempt; None until its endpoint is chosen."""
    endpoint: str = attrs.field(default="", init=False)
    """Its base URL; empty until it is chosen."""
    pacer: Pacer | None = attrs.field(default=None, init=False)
    sent_at: float | None = attrs.field(default=None, init=False)
    """When the present attempt began to be sent; None while it has not."""
    bodies: list[Body] = attrs.field(factory=list, init=False)
    """The bodies that the present attempt has begun; more than one where it was redirected."""
    held: Held = attrs.field(factory=Held, init=False)
    """What the present attempt holds."""
    begun: bool = attrs.field(default=False, init=False)
    """Whether the caller has a stream in hands, so that nothing is tried again."""
    over: bool = attrs.field(default=False, init=False)
    """Whether the block that held the stream has ended."""
    recorded: bool = attrs.field(default=False, init=False)
    """Whether it was noted how the present attempt ended."""

    def begin_attempt(self) -> None:
        """Forget the attempt before."""
        self.trial = self.pacer = self.sent_at = None
        self.held = Held()
        self.endpoint, self.recorded = "", False
        self.bodies = []

    def begin_round(self) -> None:
        """Let all endpoints count again, but those that cannot serve this call."""
        self._tried.clear()

    def choose(self, failover: Failover) -> int | None:
        """Return the endpoint to try now; None where the rest of the round has gone down meanwhile."""
        if self.pinned is not None:
            index: int | None = self.pinned
            self.pinned = None
        elif self._tried:
            index = failover.another(self.scope, tried=self._tried | self._out)
        else:
            index = failover.first(self.scope, out=self._out)
        if index is not None:
            self._tried.add(index)
        return index

    def give_up(self, index: int) -> None:
        """Take note that an endpoint cannot serve this call."""
        self._out.add(index)
        self._hopes.pop(index, None)

    def note(self, index: int, error: ZhongzhuanError) -> None:
        """Take note of what an endpoint may do yet."""
        retryable, failover = chances(error)
        if retryable:
            self._hopes.pop(index, None)
            self._hopes[index] = error
        elif failover:
            self.give_up(index)

    async def renew_key(self, api_key: ApiKey, index: int) -> bool:
        """Tell, once an endpoint, whether its refused key has been replaced meanwhile; keep the new one."""
        if index in self.reread or len(self.attempts) >= self.policy.max_attempts:
            return False
        self.reread.add(index)
        try:
            async with within(self.left_s()):
                key = await fresh_key(api_key)
        except TimeoutError:
            return False
        if key is None or key == self.keys[index]:
            return False
        self.keys[index] = key
        return True

    def situation(self, error: ZhongzhuanError, failover: Failover, *, stale: bool) -> Situation:
        """Return what there is to know after a failure."""
        current = None if self.trial is None else self.trial.index
        # One alone is waited for as it has asked.
        several = len(failover.endpoints) > 1
        following = failover.first(self.scope, out=self._out) if several else None
        busy = ((failover.busy_s(index, self.scope), index) for index in self._hopes if several)
        return Situation(
            error=error,
            hope=next((hope for index, hope in reversed(self._hopes.items()) if index != current), None),
            attempts=len(self.attempts),
            maybe_billed=sum(made.billed == "maybe" for made in self.attempts),
            elapsed_s=self.elapsed_s(),
            another=failover.another(self.scope, tried=self._tried | self._out) is not None,
            rest_s=0.0 if following is None else failover.busy_s(following, self.scope),
            busy=min((each for each in busy if each[0] > 0), default=None),
            was_stale=stale,
        )

    def elapsed_s(self) -> float:
        """Return the seconds since the call began."""
        return time.monotonic() - self.started

    def left_s(self) -> float | None:
        """Return the seconds to the deadline; None where there is none."""
        return None if self.policy.deadline_s is None else max(0.0, self.policy.deadline_s - self.elapsed_s())

    def past_deadline(self) -> TimedOutError:
        """Return the error for a call whose time is over."""
        return TimedOutError(
            f"the deadline of {self.policy.deadline_s:g} s has passed",
            phase="deadline",
            endpoint=self.endpoint,
            retryable=True,
            billed=self.billed(),
            hint=Advice("raise RetryPolicy.deadline_s"),
        )

    def died_stale(self, error: ZhongzhuanError) -> bool:
        """Tell, once, whether a kept-alive connection died before a byte of the answer: it was closed meanwhile."""
        body = self.bodies[-1] if self.bodies else None
        closed = isinstance(error, TransportError) and not isinstance(error, TimedOutError)
        if self._was_stale or body is None or not closed or body.reused is not True or body.answered:
            return False
        self._was_stale = True
        return True

    def billed(self) -> Billed:
        """Tell what a failure now may have cost: "maybe" once the relay has all that it needs to do the work."""
        return self.bodies[-1].billed if self.bodies else "no"

    async def tell_lost(self) -> None:
        """Have it noted, before the next attempt, that the last one may have been billed.

        Raises:
            ZhongzhuanError: Why there must not be another.
        """
        # Where there was nowhere to send it to, the last attempt is still the one before.
        if len(self.attempts) > self.told_lost and self.attempts[-1].billed == "maybe":
            self.told_lost = len(self.attempts)
            try:
                reason = await self.outgoing.lost()
            except ZhongzhuanError as error:
                raise self.sum_up(error) from None
            if reason is not None:
                assert self.last is not None
                raise self.sum_up(self.last, reason)

    def sum_up(self, error: ZhongzhuanError, reason: str | None = None) -> ZhongzhuanError:
        """Return the error that ends the call, with what all of its attempts came to.

        Args:
            error: The one.
            reason: Why it was not tried again, if that has to be said.
        """
        error.attempts = tuple(self.attempts)
        if any(made.billed == "maybe" for made in self.attempts):
            error.billed = "maybe"
        if reason:
            error.hint = with_more(error.hint, f"{NOT_AGAIN}{reason}")
        return error


def closed_under(error: ZhongzhuanError) -> ZhongzhuanError:
    """Return the error for a call that failed because its client was closed; an answer of the relay's stays one."""
    if not isinstance(error, TransportError):
        return error
    return TransportError(
        "this client was closed while the call ran",
        endpoint=error.endpoint,
        billed=error.billed,
        hint="close it when all calls have ended",
    )
