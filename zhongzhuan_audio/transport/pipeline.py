"""From a prepared request to a decoded answer: turns, attempts, waits, other endpoints."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias, TypeVar, assert_never

import attrs

from zhongzhuan_audio.config import Endpoint, RetryPolicy, Timeouts
from zhongzhuan_audio.errors import Attempt, AuthenticationError, ConfigurationError, ZhongzhuanError
from zhongzhuan_audio.events import AttemptStarted, OnEvent, Waiting
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.retry import Again, Course, Elsewhere, RetryQuota, Stop, decide
from zhongzhuan_audio.transport.attempt import attempt
from zhongzhuan_audio.transport.call import Call, closed_under
from zhongzhuan_audio.transport.choosing import choose_endpoint
from zhongzhuan_audio.transport.deadline import within
from zhongzhuan_audio.transport.exchange import Reply
from zhongzhuan_audio.transport.failover import Failover
from zhongzhuan_audio.transport.outgoing import Outgoing
from zhongzhuan_audio.transport.session import SessionKeeper
from zhongzhuan_audio.transport.stream import Stream
from zhongzhuan_audio.transport.telling import Telling
from zhongzhuan_audio.transport.waits import Waits

__all__ = ["Pipeline"]

T = TypeVar("T")
Receive: TypeAlias = Callable[[Reply], Awaitable[T]]


class Pipeline:
    """Sends requests to one of several endpoints, as often as it takes and no more often than is right.

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
        self._endpoints = endpoints
        self._headers = dict(headers)
        self._telling = Telling(on_event)
        self._sleep = sleep
        self._jitter = jitter
        self._quota = RetryQuota()
        self._closed = False
        self._of_first: Pipeline | None = None
        self._waits = Waits(sleep)
        self._failover = Failover(endpoints, clock=time.monotonic, tell=self._telling.tell)

    def of_first(self) -> Pipeline:
        """Return one that asks the first endpoint only, for what is true of that alone; it closes with this one."""
        if self._of_first is None:
            self._of_first = Pipeline(
                self._sessions,
                self._endpoints[:1],
                headers=self._headers,
                on_event=self._telling.on_event,
                sleep=self._sleep,
                jitter=self._jitter,
            )
        return self._of_first

    def close(self) -> None:
        """Begin nothing any more: what runs and fails because the connections close is not sent again.

        Calls that wait before their next attempt wait no longer.
        """
        self._closed = True
        self._waits.end()
        if self._of_first is not None:
            self._of_first.close()

    async def send(
        self,
        outgoing: Outgoing,
        *,
        scope: str,
        decode: Callable[[Answer], T],
        timeouts: Timeouts,
        policy: RetryPolicy,
        since: float | None = None,
    ) -> tuple[T, tuple[Attempt, ...]]:
        """Send a request and decode its whole answer.

        Args:
            outgoing: What.
            scope: The path and the model: what a refusal of either is remembered for.
            decode: Makes a result of an answer, or raises what it really is.
            timeouts: Of each attempt.
            policy: Over all attempts.
            since: When the call began, by `time.monotonic`; None is now.

        Raises:
            ZhongzhuanError: With `attempts`, all of them.
        """
        call = Call(scope=scope, outgoing=outgoing, policy=policy, timeouts=timeouts, started=since)

        async def receive(reply: Reply) -> T:
            return decode(await reply.whole())

        result = await self._run(call, receive)
        await call.held.close()
        self._telling.record(call)
        self._succeeded(call)
        return result, tuple(call.attempts)

    @asynccontextmanager
    async def stream(
        self,
        outgoing: Outgoing,
        *,
        scope: str,
        begin: Callable[[Stream], Awaitable[T]],
        timeouts: Timeouts,
        policy: RetryPolicy,
        since: float | None = None,
    ) -> AsyncIterator[T]:
        """Send a request and give its answer as soon as it has begun well; until then it is tried as in `send`.

        Args:
            outgoing: What.
            scope: As in `send`.
            begin: Reads as much as shows that the answer is a good one, or raises what it really is.
            timeouts: Of each attempt; that of the attempt as a whole ends with the beginning.
            policy: Over all attempts; its deadline holds for the whole stream.
            since: As in `send`.

        Raises:
            ZhongzhuanError: With `attempts`, all of them.
        """
        call = Call(scope=scope, outgoing=outgoing, policy=policy, timeouts=timeouts, started=since)

        async def receive(reply: Reply) -> T:
            return await begin(Stream(reply, call, ended=self._ended))

        result = await self._run(call, receive)
        call.begun, call.held.kept = True, False
        self._succeeded(call)
        async with call.held:
            try:
                yield result
            except BaseException as error:
                self._telling.record(call, error)
                raise
            finally:
                call.over = True
            self._telling.record(call)

    async def _run(self, call: Call, receive: Receive[T]) -> T:
        """Try until an attempt succeeds; return its result. What it holds is kept."""
        while True:
            call.begin_attempt()
            try:
                outcome = await self._try(call, receive)
                if not isinstance(outcome, ZhongzhuanError):
                    self._quota.give_back(call.spent)
                    return outcome[0]
                course = await self._course(call, outcome)
            finally:
                if call.trial is not None:
                    self._failover.left(call.trial)
            match course:
                case Again(wait_s, error, to):
                    call.last = error
                    call.pinned = to if call.pinned is None else call.pinned
                    if call.pinned is None:
                        call.begin_round()
                    await self._wait(call, wait_s, error)
                case Elsewhere():
                    call.last = outcome
                case Stop(error, reason):
                    raise call.sum_up(error, reason)
                case _:
                    assert_never(course)
            await call.tell_lost()

    async def _try(self, call: Call, receive: Receive[T]) -> tuple[T] | ZhongzhuanError:
        """Make one attempt; return the result in a tuple, or the error that the attempt ended in.

        Raises:
            BaseException: What ends the call whatever may be left to try.
        """
        deadline = within(call.left_s())
        try:
            async with call.held, deadline:
                outcome = await self._exchange(call, receive)
                if outcome is None:
                    assert call.last is not None
                    return call.last
                call.held.kept = True
                return outcome
        except BaseException as error:
            failure: BaseException = error
            if isinstance(error, TimeoutError) and deadline.expired():
                failure = call.past_deadline()
            self._telling.record(call, failure)
            if isinstance(failure, ZhongzhuanError):
                if call.sent_at is not None:
                    return failure
                if call.last is not None:
                    raise call.sum_up(call.last, failure.message) from failure
            if failure is error:
                raise
            raise failure from None

    async def _exchange(self, call: Call, receive: Receive[T]) -> tuple[T] | None:
        """Wait for a turn and send; return None where there is nowhere to send it to just now."""
        self._check_open()
        opened, outgoing = self._sessions.open(), call.outgoing
        await call.held.take_turn(opened.pacer, audio_minutes=(outgoing.audio_s or 0.0) / 60)
        # What is open and what is up may have changed while this call stood in the queue.
        self._check_open()
        route = await choose_endpoint(call, self._failover, self._sessions)
        if route is None:
            return None
        assert call.trial is not None
        index = call.trial.index
        endpoint = self._endpoints[index]
        # Either may have been closed while the key was asked for; aiohttp would raise a bare RuntimeError.
        self._check_open()
        opened = self._sessions.open()
        call.pacer, call.sent_at = opened.pacer, time.monotonic()
        if self._telling.wanted:
            number = len(call.attempts) + 1
            self._telling.tell(AttemptStarted(endpoint=endpoint.base_url, path=outgoing.path, number=number))
        result = await attempt(
            opened,
            route,
            endpoint,
            outgoing,
            key=call.keys[index],
            headers=self._headers,
            timeouts=call.timeouts,
            bodies=call.bodies,
            tell=self._telling.tell if self._telling.wanted else None,
            receive=receive,
            held=call.held,
        )
        return (result,)

    def _succeeded(self, call: Call) -> None:
        """Take note that the endpoint of the present attempt serves."""
        assert call.trial is not None
        assert call.pacer is not None
        self._failover.succeeded(call.trial)
        call.pacer.succeeded()

    def _ended(self, call: Call, error: ZhongzhuanError | None) -> None:
        """Take note of the end of a stream that had begun well."""
        self._telling.record(call, error)
        if error is not None:
            assert call.trial is not None
            self._failover.failed(call.trial, error, call.scope)
            call.sum_up(error)

    async def _course(self, call: Call, error: ZhongzhuanError) -> Course:
        """Return what to do after a failure."""
        if self._closed:
            return Stop(closed_under(error))
        stale = False
        if call.trial is not None and call.sent_at is not None:
            index = call.trial.index
            key = self._endpoints[index].api_key
            if isinstance(error, AuthenticationError) and await call.renew_key(key, index):
                call.pinned = index
                return Again(0.0, error)
            self._failover.failed(call.trial, error, call.scope)
            call.note(index, error)
            stale = call.died_stale(error)
            if stale:
                self._sessions.distrust_idle()
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

    async def _wait(self, call: Call, wait_s: float, error: ZhongzhuanError) -> None:
        if wait_s <= 0:
            return
        call.attempts[-1] = made = attrs.evolve(call.attempts[-1], wait_s=wait_s)
        self._telling.tell(Waiting(endpoint=made.endpoint, wait_s=wait_s, error=type(error).__name__))
        await self._waits.wait(wait_s)

    def _check_open(self) -> None:
        if self._closed:
            raise ConfigurationError("this client is closed", hint="make a new one")
