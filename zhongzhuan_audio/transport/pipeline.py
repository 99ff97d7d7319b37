"""From a prepared upload to a decoded answer: turns, attempts, waits, other endpoints."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar, assert_never

import attrs

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.config import Endpoint, RetryPolicy, Timeouts
from zhongzhuan_audio.errors import (
    Attempt,
    AuthenticationError,
    Billed,
    ConfigurationError,
    RateLimitError,
    TimedOutError,
    ZhongzhuanError,
)
from zhongzhuan_audio.events import AttemptEnded, AttemptStarted, Event, MaybeBilled, OnEvent, Waiting
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.headers import request_id
from zhongzhuan_audio.protocol.retry import Again, Course, Elsewhere, RetryQuota, Stop, decide
from zhongzhuan_audio.transport.attempt import Upload, attempt, fresh_key, hide_key, read_key
from zhongzhuan_audio.transport.call import Call
from zhongzhuan_audio.transport.failover import Failover
from zhongzhuan_audio.transport.session import SessionKeeper

__all__ = ["Pipeline", "Upload"]

T = TypeVar("T")

logger: logging.Logger = logging.getLogger("zhongzhuan_audio")


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
        call = Call(scope=scope, policy=policy, timeouts=timeouts)
        while True:
            call.begin_attempt()
            try:
                outcome = await self._try(call, upload, decode)
                if not isinstance(outcome, ZhongzhuanError):
                    self._quota.give_back(call.spent)
                    return outcome[0], tuple(call.attempts)
                course = await self._course(call, outcome)
            finally:
                if call.trial is not None:
                    self._failover.left(call.trial)
            match course:
                case Again(wait_s, error):
                    call.last = error
                    if call.pinned is None:
                        call.begin_round()
                    await self._wait(call, wait_s, error)
                case Elsewhere():
                    call.last = outcome
                case Stop(error, reason):
                    raise call.sum_up(error, reason)
                case _:
                    assert_never(course)

    async def _try(self, call: Call, upload: Upload, decode: Callable[[Answer], T]) -> tuple[T] | ZhongzhuanError:
        """Make one attempt; return the result in a tuple, or the error that the attempt ended in.

        Raises:
            BaseException: What ends the call whatever may be left to try.
        """
        deadline = asyncio.timeout(call.left_s())
        try:
            async with deadline:
                answer = await self._exchange(call, upload)
            if answer is None:
                assert call.last is not None
                return call.last
            result = decode(answer)
        except BaseException as error:
            failure: BaseException = error
            if isinstance(error, TimeoutError) and deadline.expired():
                failure = self._past_deadline(call)
            self._end(call, upload, error=failure)
            if isinstance(failure, ZhongzhuanError):
                if call.sent_at is not None:
                    return failure
                if call.last is not None:
                    raise call.sum_up(call.last, failure.message) from failure
            if failure is error:
                raise
            raise failure from None
        self._end(call, upload, answer=answer)
        return (result,)

    async def _exchange(self, call: Call, upload: Upload) -> Answer | None:
        """Wait for a turn and send; return None where there is nowhere to send it to just now."""
        self._check_open()
        opened = self._sessions.open()
        async with opened.pacer.turn(audio_minutes=(upload.audio_s or 0.0) / 60):
            # What is open and what is up may have changed while this call stood in the queue.
            self._check_open()
            index = call.choose(self._failover)
            if index is None:
                return None
            call.trial = self._failover.begin(index)
            endpoint = self._failover.endpoints[index]
            try:
                if index not in call.keys:
                    call.keys[index] = await read_key(endpoint.api_key)
                route = await self._sessions.route(endpoint.base_url)
            except Exception as error:
                if call.last is None:
                    raise
                # The key or the proxy of a spare endpoint is at fault; the others may yet serve this call.
                logger.warning("%s is left out: %s", endpoint.base_url, type(error).__name__)
                call.give_up(index)
                return None
            call.pacer, call.sent_at = opened.pacer, time.monotonic()
            self._tell(AttemptStarted(endpoint=endpoint.base_url, path=upload.path, number=len(call.attempts) + 1))
            return await attempt(
                opened,
                route,
                endpoint,
                upload,
                key=call.keys[index],
                headers=self._headers,
                timeouts=call.timeouts,
                payloads=call.payloads,
                tell=self._tell,
            )

    def _end(
        self, call: Call, upload: Upload, *, answer: Answer | None = None, error: BaseException | None = None
    ) -> None:
        """Take note of how an attempt ended, and tell it."""
        if call.sent_at is None or call.trial is None or call.pacer is None:
            return
        index = call.trial.index
        billed: Billed = "no"
        if isinstance(error, ZhongzhuanError):
            hide_key(call.keys[index], error)
            billed = error.billed
        elif error is not None and call.may_be_billed():
            billed = "maybe"
        made = Attempt(
            endpoint=self._failover.endpoints[index].base_url,
            status=answer.status if answer else getattr(error, "status", None),
            error=type(error).__name__ if error else None,
            billed=billed,
            request_id=request_id(answer.headers) if answer else getattr(error, "request_id", None),
            elapsed_s=time.monotonic() - call.sent_at,
        )
        call.attempts.append(made)
        self._tell(AttemptEnded(path=upload.path, attempt=made))
        if made.billed == "maybe":
            self._tell(MaybeBilled(endpoint=made.endpoint, request_id=made.request_id))
        if error is None:
            self._failover.succeeded(call.trial)
            call.pacer.succeeded()
        elif isinstance(error, RateLimitError):
            call.pacer.throttled(call.sent_at)

    async def _course(self, call: Call, error: ZhongzhuanError) -> Course:
        """Return what to do after a failure."""
        if self._closed:
            return Stop(error, "the client was closed")
        stale = False
        if call.trial is not None and call.sent_at is not None:
            index = call.trial.index
            if isinstance(error, AuthenticationError) and await self._has_another_key(call, index):
                call.pinned = index
                return Again(0.0, error)
            self._failover.failed(call.trial, error, call.scope)
            call.note(index, error)
            stale = call.died_stale(error)
            if stale:
                self._sessions.open().distrust_idle()
        course = decide(call.policy, call.situation(error, self._failover, stale=stale), jitter=self._jitter)
        if not isinstance(course, Again):
            # Another endpoint is not the one that is down: its load is not multiplied.
            return course
        spent = self._quota.take(course.error)
        if spent is None:
            return Stop(
                course.error, "so many calls fail just now that this client has stopped trying again for a while"
            )
        call.spent = spent
        return course

    async def _has_another_key(self, call: Call, index: int) -> bool:
        """Tell, once a call and endpoint, whether a refused key has been replaced meanwhile; keep the new one."""
        if index in call.reread or len(call.attempts) >= call.policy.max_attempts:
            return False
        call.reread.add(index)
        key = await fresh_key(self._failover.endpoints[index].api_key)
        if key is None or key == call.keys[index]:
            return False
        call.keys[index] = key
        return True

    async def _wait(self, call: Call, wait_s: float, error: ZhongzhuanError) -> None:
        if wait_s <= 0:
            return
        call.attempts[-1] = made = attrs.evolve(call.attempts[-1], wait_s=wait_s)
        self._tell(Waiting(endpoint=made.endpoint, wait_s=wait_s, error=type(error).__name__))
        await self._sleep(wait_s)

    def _check_open(self) -> None:
        if self._closed:
            raise ConfigurationError("this client is closed", hint="make a new one")

    def _past_deadline(self, call: Call) -> TimedOutError:
        return TimedOutError(
            f"the deadline of {call.policy.deadline_s:g} s has passed",
            phase="deadline",
            endpoint=self._failover.endpoints[call.trial.index].base_url if call.trial else "",
            retryable=True,
            billed="maybe" if call.may_be_billed() else "no",
            hint=Advice("raise RetryPolicy.deadline_s"),
        )

    def _tell(self, event: Event) -> None:
        if logger.isEnabledFor(logging.INFO):
            logger.info("%s", event)
        if self._on_event is None:
            return
        try:
            self._on_event(event)
        except Exception:
            # Whoever only watches must not cost a transcript that was paid for.
            logger.exception("on_event raised")
