"""From a prepared upload to a decoded answer: turns, attempts, waits, other endpoints."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar, assert_never

import attrs

from zhongzhuan_audio.config import Endpoint, RetryPolicy, Secret, Timeouts
from zhongzhuan_audio.errors import (
    Attempt,
    AuthenticationError,
    ConfigurationError,
    RateLimitError,
    TimedOutError,
    TransportError,
    ZhongzhuanError,
)
from zhongzhuan_audio.events import (
    AttemptEnded,
    AttemptStarted,
    ConnectionOpened,
    ConnectionReused,
    Event,
    MaybeBilled,
    OnEvent,
    Waiting,
)
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.headers import request_id
from zhongzhuan_audio.protocol.retry import Again, Course, Elsewhere, RetryQuota, Situation, Stop, decide
from zhongzhuan_audio.transport.attempt import Upload, attempt, fresh_key, hide_key, read_key
from zhongzhuan_audio.transport.failover import Failover
from zhongzhuan_audio.transport.pacing import Pacer
from zhongzhuan_audio.transport.session import SessionKeeper
from zhongzhuan_audio.upload.payload import UploadPayload

__all__ = ["Pipeline", "Upload"]

T = TypeVar("T")

logger: logging.Logger = logging.getLogger("zhongzhuan_audio")


@attrs.define(kw_only=True)
class _Call:
    """What is known of a call while it runs."""

    scope: str
    policy: RetryPolicy
    timeouts: Timeouts
    index: int
    started: float = attrs.field(factory=time.monotonic)
    attempts: list[Attempt] = attrs.field(factory=list)
    tried: set[int] = attrs.field(factory=set)
    keys: dict[int, Secret] = attrs.field(factory=dict)
    reread: set[int] = attrs.field(factory=set)
    """Endpoints whose key was asked for again after a refusal."""
    stale: bool = False
    """Whether a kept-alive connection has died under this call already."""
    spent: int = 0
    """What its last retry took of the quota."""
    pacer: Pacer = attrs.field(init=False)
    """Of the present attempt."""
    payloads: list[UploadPayload] = attrs.field(factory=list)
    """The bodies that the present attempt has begun; more than one where it was redirected."""

    def elapsed_s(self) -> float:
        """Return the seconds since the call began."""
        return time.monotonic() - self.started

    def left_s(self) -> float | None:
        """Return the seconds to the deadline; None where there is none."""
        return None if self.policy.deadline_s is None else max(0.0, self.policy.deadline_s - self.elapsed_s())

    def sum_up(self, error: ZhongzhuanError) -> None:
        """Tell with the error that ends the call what all of its attempts came to."""
        error.attempts = tuple(self.attempts)
        if any(made.billed == "maybe" for made in self.attempts):
            error.billed = "maybe"


class Pipeline:
    """Sends uploads to one of several endpoints, as often as it takes and no more often than is right.

    Args:
        sessions: Where sessions and turns come from.
        endpoints: In the order of preference.
        headers: Sent with each request.
        on_event: Told what happens.
        sleep: For tests.
        jitter: Gives numbers from 0 to 1; for tests.
    """

    def __init__(
        self,
        sessions: SessionKeeper,
        endpoints: tuple[Endpoint, ...],
        *,
        headers: Mapping[str, str],
        on_event: OnEvent | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._sessions = sessions
        self._headers = dict(headers)
        self._on_event = on_event
        self._sleep = sleep
        self._jitter = jitter
        self._quota = RetryQuota()
        self._closed = False
        self._failover = Failover(endpoints, clock=time.monotonic, tell=self._tell)

    def close(self) -> None:
        """Begin nothing any more: what runs and fails because the connections close is not sent again."""
        self._closed = True

    async def send(
        self,
        upload: Upload,
        *,
        scope: str,
        decode: Callable[[Answer], T],
        timeouts: Timeouts,
        policy: RetryPolicy,
    ) -> tuple[T, tuple[Attempt, ...]]:
        """Send an upload and decode the answer.

        Args:
            upload: What.
            scope: The path and the model: what a refusal of either is remembered for.
            decode: Makes a result of an answer, or raises what it really is.
            timeouts: Of each attempt.
            policy: Over all attempts.

        Raises:
            ZhongzhuanError: With `attempts`, all of them.
        """
        call = _Call(scope=scope, policy=policy, timeouts=timeouts, index=self._failover.first(scope))
        while True:
            outcome = await self._try(call, upload, decode)
            if not isinstance(outcome, ZhongzhuanError):
                self._quota.give_back(call.spent)
                return outcome[0], tuple(call.attempts)
            match await self._course(call, outcome):
                case Again(wait_s):
                    call.tried = {call.index}
                    await self._wait(call, wait_s, outcome)
                case Elsewhere():
                    another = self._failover.another(scope, tried=call.tried)
                    assert another is not None
                    call.index = another
                case Stop(reason):
                    call.sum_up(outcome)
                    if reason:
                        reason = f"not tried again: {reason}"
                        outcome.hint = f"{outcome.hint}; {reason}" if outcome.hint else reason
                    raise outcome
                case course:
                    assert_never(course)

    async def _try(self, call: _Call, upload: Upload, decode: Callable[[Answer], T]) -> tuple[T] | ZhongzhuanError:
        """Make one attempt; return the result in a tuple, or the error that the attempt ended in.

        Raises:
            ZhongzhuanError: Nothing was begun: no key, no turn, no time left.
        """
        endpoint = self._failover.endpoints[call.index]
        self._failover.begin(call.index)
        call.tried.add(call.index)
        call.payloads = []
        began = time.monotonic()
        deadline = asyncio.timeout(call.left_s())
        try:
            async with deadline:
                answer = await self._exchange(call, endpoint, upload)
            result = decode(answer)
        except BaseException as error:
            failure = _deadline(call, endpoint) if isinstance(error, TimeoutError) and deadline.expired() else error
            if not isinstance(failure, ZhongzhuanError) or not call.payloads:
                self._failover.left(call.index)
                if isinstance(failure, ZhongzhuanError):
                    call.sum_up(failure)
                if failure is error:
                    raise
                raise failure from None
        else:
            self._end(call, endpoint, upload, began, status=answer.status, id_=request_id(answer.headers))
            self._failover.succeeded(call.index)
            call.pacer.succeeded()
            return (result,)
        if isinstance(failure, RateLimitError):
            call.pacer.throttled()
        hide_key(call.keys[call.index], failure)
        self._end(call, endpoint, upload, began, status=getattr(failure, "status", None), error=failure)
        return failure

    async def _exchange(self, call: _Call, endpoint: Endpoint, upload: Upload) -> Answer:
        if call.index not in call.keys:
            call.keys[call.index] = await read_key(endpoint.api_key)
        route = await self._sessions.route(endpoint.base_url)
        if self._closed:
            raise ConfigurationError("this client is closed", hint="make a new one")
        opened = self._sessions.open()
        call.pacer = opened.pacer
        async with opened.pacer.turn(audio_minutes=upload.audio_minutes):
            self._tell(AttemptStarted(endpoint=endpoint.base_url, path=upload.path, number=len(call.attempts) + 1))
            return await attempt(
                opened,
                route,
                endpoint,
                upload,
                key=call.keys[call.index],
                headers=self._headers,
                timeouts=call.timeouts,
                payloads=call.payloads,
            )

    def _end(
        self,
        call: _Call,
        endpoint: Endpoint,
        upload: Upload,
        began: float,
        *,
        status: int | None,
        error: ZhongzhuanError | None = None,
        id_: str | None = None,
    ) -> None:
        """Take note of how an attempt ended, and tell it."""
        made = Attempt(
            endpoint=endpoint.base_url,
            status=status,
            error=type(error).__name__ if error else None,
            billed=error.billed if error else "no",
            request_id=error.request_id if error else id_,
            elapsed_s=time.monotonic() - began,
        )
        call.attempts.append(made)
        reused = call.payloads[-1].reused
        if reused is not None:
            self._tell((ConnectionReused if reused else ConnectionOpened)(endpoint=endpoint.base_url))
        self._tell(AttemptEnded(path=upload.path, attempt=made))
        if made.billed == "maybe":
            self._tell(MaybeBilled(endpoint=endpoint.base_url, request_id=made.request_id))

    async def _course(self, call: _Call, error: ZhongzhuanError) -> Course:
        """Return what to do after a failure."""
        if self._closed:
            self._failover.left(call.index)
            return Stop("the client was closed")
        may_go_on = len(call.attempts) < call.policy.max_attempts
        if isinstance(error, AuthenticationError) and call.index not in call.reread and may_go_on:
            call.reread.add(call.index)
            key = await fresh_key(self._failover.endpoints[call.index].api_key)
            if key is not None and key != call.keys[call.index]:
                call.keys[call.index] = key
                return Again(0.0)
        self._failover.failed(call.index, error, call.scope)
        stale = _is_stale(error, call.payloads[-1]) and not call.stale
        call.stale = call.stale or stale
        course = decide(
            call.policy,
            Situation(
                error=error,
                attempts=len(call.attempts),
                maybe_billed=sum(made.billed == "maybe" for made in call.attempts),
                elapsed_s=call.elapsed_s(),
                another=self._failover.another(call.scope, tried=call.tried) is not None,
                was_stale=stale,
            ),
            jitter=self._jitter,
        )
        if not isinstance(course, Again):
            # Another endpoint is not the one that is down: its load is not multiplied.
            return course
        spent = self._quota.take(error)
        if spent is None:
            return Stop("so many calls fail just now that this client has stopped trying again for a while")
        call.spent = spent
        return course

    async def _wait(self, call: _Call, wait_s: float, error: ZhongzhuanError) -> None:
        if wait_s <= 0:
            return
        call.attempts[-1] = attrs.evolve(call.attempts[-1], wait_s=wait_s)
        endpoint = self._failover.endpoints[call.index].base_url
        self._tell(Waiting(endpoint=endpoint, wait_s=wait_s, error=type(error).__name__))
        await self._sleep(wait_s)

    def _tell(self, event: Event) -> None:
        if logger.isEnabledFor(logging.INFO):
            logger.info("%s", event)
        if self._on_event is not None:
            self._on_event(event)


def _is_stale(error: ZhongzhuanError, payload: UploadPayload) -> bool:
    """Tell whether a kept-alive connection died before a byte of the answer: the relay had closed it meanwhile."""
    closed = isinstance(error, TransportError) and not isinstance(error, TimedOutError)
    return closed and payload.reused is True and not payload.answered


def _deadline(call: _Call, endpoint: Endpoint) -> TimedOutError:
    return TimedOutError(
        f"the deadline of {call.policy.deadline_s:g} s has passed",
        phase="deadline",
        endpoint=endpoint.base_url,
        retryable=True,
        billed="maybe" if call.payloads and call.payloads[-1].complete else "no",
        hint="raise RetryPolicy.deadline_s",
    )
