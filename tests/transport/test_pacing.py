"""Whose turn it is."""

from __future__ import annotations

import asyncio
import io
import random
import selectors
import wave
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio import AsyncClient, Limits, Timeouts
from zhongzhuan_audio.errors import RateLimitError, TimedOutError
from zhongzhuan_audio.events import AttemptStarted
from zhongzhuan_audio.relay import LocalRelay, ScriptedEngine
from zhongzhuan_audio.transport.pacing import Gcra, Pacer

RECORDING = (Path(__file__).parent.parent / "data" / "jfk.mp3").read_bytes()


@given(st.floats(1, 6000), st.lists(st.floats(0, 10), min_size=2, max_size=60))
def test_a_rate_is_never_passed(per_minute: float, gaps: list[float]) -> None:
    """However the calls come, each begins a full interval after the one before."""
    rate, now, begun = Gcra(per_minute), 0.0, []
    for gap in gaps:
        now += gap
        now += rate.wait_s(now)
        rate.begin(now, 1.0)
        begun.append(now)
    interval = 60.0 / per_minute
    assert all(later - earlier >= interval * 0.999999 for earlier, later in pairwise(begun))


def test_what_costs_much_is_followed_by_a_longer_pause() -> None:
    """Ten minutes of audio at two a minute hold the next back for five."""
    rate = Gcra(2.0)
    rate.begin(0.0, 10.0)
    assert rate.wait_s(0.0) == 300.0
    assert rate.wait_s(299.0) == 1.0
    assert rate.wait_s(400.0) == 0.0


async def test_first_come_first_served() -> None:
    """Turns are given in the order of asking, no more at a time than allowed."""
    pacer, order = Pacer(Limits(max_concurrency=2)), []
    running = peak = 0

    async def call(number: int) -> None:
        nonlocal running, peak
        async with pacer.turn():
            order.append(number)
            running += 1
            peak = max(peak, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(call(number) for number in range(20)))
    assert order == list(range(20))
    assert peak == 2
    assert pacer.waiting == 0


async def test_requests_are_spread_over_the_minute() -> None:
    """The alarm wakes those in front, one interval after the other."""
    pacer, loop = Pacer(Limits(requests_per_minute=3000)), asyncio.get_running_loop()
    begun: list[float] = []

    async def call() -> None:
        async with pacer.turn():
            begun.append(loop.time())

    await asyncio.gather(*(call() for _ in range(6)))
    assert begun == sorted(begun)
    assert begun[-1] - begun[0] >= 5 * 0.02 * 0.9


async def test_minutes_of_audio_are_counted() -> None:
    """A long recording holds the next one back."""
    pacer = Pacer(Limits(audio_minutes_per_minute=6000, max_wait_s=0.01))
    async with pacer.turn(audio_minutes=10):
        pass
    with pytest.raises(TimedOutError):
        async with pacer.turn(audio_minutes=1):
            pass


async def test_a_full_queue_refuses_at_once() -> None:
    """Unsent and unbilled, with what to do."""
    pacer = Pacer(Limits(max_concurrency=1, max_waiting=1))
    async with pacer.turn():
        waiting = asyncio.create_task(_take(pacer))
        await asyncio.sleep(0)
        with pytest.raises(TimedOutError, match="1 calls wait") as caught:
            await _take(pacer)
        assert (caught.value.phase, caught.value.billed, caught.value.retryable) == ("queue", "no", True)
    await waiting


async def test_a_wait_has_an_end() -> None:
    """After `max_wait_s` the call gives its place up, and the queue moves on."""
    pacer = Pacer(Limits(max_concurrency=1, max_wait_s=0.01))
    async with pacer.turn():
        with pytest.raises(TimedOutError, match=r"within 0\.01 s") as caught:
            await _take(pacer)
        assert caught.value.phase == "queue"
        assert pacer.waiting == 0
    await _take(pacer)


async def _take(pacer: Pacer) -> None:
    async with pacer.turn():
        await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(20))
async def test_no_turn_is_lost(seed: int) -> None:
    """Whoever is cancelled, waiting, just served or running: in the end every turn is free again."""
    chance, pacer = random.Random(seed), Pacer(Limits(max_concurrency=3))  # noqa: S311 - a plan, not a secret
    tasks = [asyncio.create_task(_take(pacer)) for _ in range(60)]
    while not all(task.done() for task in tasks):
        chance.choice(tasks).cancel()
        await asyncio.sleep(0)
    assert pacer._running == 0
    assert pacer.waiting == 0
    await asyncio.gather(*(_take(pacer) for _ in range(6)))


async def test_a_fault_inside_gives_the_turn_back() -> None:
    """An error in the block frees the next."""
    pacer = Pacer(Limits(max_concurrency=1))
    with pytest.raises(ZeroDivisionError):
        async with pacer.turn():
            raise ZeroDivisionError
    await _take(pacer)


async def test_it_slows_after_a_429_and_recovers() -> None:
    """Half as many, once for all that ran side by side, never less than one; successes bring it back, no further."""
    now = [100.0]
    pacer = Pacer(Limits(max_concurrency=16), clock=lambda: now[0])
    pacer.throttled(now[0])
    pacer.throttled(now[0])
    assert pacer.allowed == 8
    for allowed in (4, 2, 1, 1):
        now[0] += 1
        pacer.throttled(now[0])
        pacer.throttled(now[0] - 0.5)
        assert pacer.allowed == allowed
    successes = 0
    while pacer.allowed < 16:
        pacer.succeeded()
        successes += 1
    assert 16 < successes < 16 * 16
    for _ in range(100):
        pacer.succeeded()
    assert pacer.allowed == 16


async def test_recovery_wakes_those_who_wait() -> None:
    """A call held back by the slow-down goes on when more may run."""
    pacer: Any = Pacer(Limits(max_concurrency=2))
    pacer.throttled(asyncio.get_running_loop().time())
    async with pacer.turn():
        task = asyncio.create_task(_take(pacer))
        await asyncio.sleep(0)
        assert pacer.waiting == 1
        pacer.succeeded()
        await task


class Skipping(selectors.DefaultSelector):
    """Moves the loop's clock instead of waiting."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> Any:
        """Return at once, later."""
        if timeout is None:
            raise AssertionError("all wait, and nobody will wake them")
        self.now += timeout
        return super().select(0)


class SkippingLoop(asyncio.SelectorEventLoop):
    """A loop in which time passes only while all wait, and then at once."""

    def __init__(self) -> None:
        self.skipping = Skipping()
        super().__init__(self.skipping)

    def time(self) -> float:
        """Return the time."""
        return self.skipping.now


@attrs.frozen
class Plan:
    """What one call does."""

    arrives_s: float
    holds_s: float
    minutes: float
    cancelled_after_s: float | None


_PLANS = st.lists(
    st.builds(
        Plan,
        st.floats(0, 20),
        st.floats(0, 5),
        st.floats(0, 3),
        st.none() | st.sampled_from([0.0, 0.5, 1.0]) | st.floats(0, 10),
    ),
    min_size=1,
    max_size=25,
)
_LIMITS = st.builds(
    Limits,
    max_concurrency=st.integers(1, 4),
    requests_per_minute=st.none() | st.sampled_from([30, 60.0, 120]) | st.floats(5, 600),
    audio_minutes_per_minute=st.none() | st.floats(1, 100),
    max_waiting=st.none() | st.integers(0, 5),
    max_wait_s=st.none() | st.floats(0.1, 10),
)


@given(_LIMITS, _PLANS)
def test_whatever_happens_the_limits_hold_and_nobody_is_forgotten(limits: Limits, plans: list[Plan]) -> None:
    """Calls that come, hold, fail and are cancelled as they like."""
    begun: list[tuple[int, float, float]] = []
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        runner.run(_play(limits, sorted(plans, key=lambda plan: plan.arrives_s), begun))
    assert [number for number, _, _ in begun] == sorted(number for number, _, _ in begun)
    for rate, costs in (
        (limits.requests_per_minute, [1.0] * len(begun)),
        (limits.audio_minutes_per_minute, [minutes for _, _, minutes in begun]),
    ):
        for first in range(len(begun)) if rate else ():
            for last in range(first, len(begun)):
                window_s = begun[last][1] - begun[first][1]
                assert sum(costs[first:last]) <= window_s * (rate or 0) / 60 + 1e-6


async def _play(limits: Limits, plans: list[Plan], begun: list[tuple[int, float, float]]) -> None:
    pacer, loop, running = Pacer(limits), asyncio.get_running_loop(), set()

    async def call(number: int, plan: Plan) -> None:
        async with pacer.turn(audio_minutes=plan.minutes):
            running.add(number)
            assert len(running) <= limits.max_concurrency
            begun.append((number, loop.time(), plan.minutes))
            try:
                await asyncio.sleep(plan.holds_s)
                if number % 7 == 6:
                    raise ZeroDivisionError
            finally:
                running.discard(number)

    tasks, start = [], loop.time()
    for number, plan in enumerate(plans):
        await asyncio.sleep(start + plan.arrives_s - loop.time())
        tasks.append(asyncio.create_task(call(number, plan)))
        if plan.cancelled_after_s is not None:
            loop.call_later(plan.cancelled_after_s, tasks[-1].cancel)
        await asyncio.sleep(0)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for number, (plan, result) in enumerate(zip(plans, results, strict=True)):
        if isinstance(result, asyncio.CancelledError):
            assert plan.cancelled_after_s is not None
        elif isinstance(result, TimedOutError):
            assert result.phase == "queue"
            assert limits.max_waiting is not None or limits.max_wait_s is not None
            assert number not in [one for one, _, _ in begun]
        else:
            assert (number % 7 == 6) == isinstance(result, ZeroDivisionError)
    assert pacer._running == 0
    assert pacer.waiting == 0
    assert pacer._alarm is None


async def test_a_turn_that_is_cancelled_as_it_comes_goes_to_the_next() -> None:
    """Between the moment it is given and the moment it is taken there is a gap."""
    pacer = Pacer(Limits(max_concurrency=1))
    async with pacer.turn():
        unlucky, next_one = asyncio.create_task(_take(pacer)), asyncio.create_task(_take(pacer))
        await asyncio.sleep(0)
        assert pacer.waiting == 2
    assert pacer.waiting == 1
    unlucky.cancel()
    with pytest.raises(asyncio.CancelledError):
        await unlucky
    await next_one
    assert pacer._running == 0


async def test_a_call_that_leaves_the_front_hands_the_alarm_on() -> None:
    """Who waits behind it is woken at the same time; when all have gone, nothing is left behind."""
    pacer = Pacer(Limits(requests_per_minute=1200))
    await _take(pacer)
    first, second = asyncio.create_task(_take(pacer)), asyncio.create_task(_take(pacer))
    await asyncio.sleep(0)
    first.cancel()
    await second
    third = asyncio.create_task(_take(pacer))
    await asyncio.sleep(0)
    third.cancel()
    with pytest.raises(asyncio.CancelledError):
        await third
    assert pacer._alarm is None


async def test_nobody_waits_where_nobody_may() -> None:
    """With `max_waiting=0` a call that cannot go at once fails at once."""
    pacer = Pacer(Limits(max_concurrency=1, max_waiting=0))
    async with pacer.turn():
        with pytest.raises(TimedOutError, match="0 calls wait") as caught:
            await _take(pacer)
    assert caught.value.attempts == ()
    await _take(pacer)


async def test_ten_thousand_may_wait_and_leave() -> None:
    """From the back to the front, without a search of the queue for each."""
    pacer = Pacer(Limits(max_concurrency=1))
    async with pacer.turn():
        tasks = [asyncio.create_task(_take(pacer)) for _ in range(10_000)]
        await asyncio.sleep(0)
        assert pacer.waiting == 10_000
        for task in reversed(tasks[1:]):
            task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert pacer.waiting == 1
    await tasks[0]
    await asyncio.gather(*tasks, return_exceptions=True)
    assert pacer._running == 0


async def test_recordings_are_paced_by_their_length(local_relay: LocalRelay, jfk: Path) -> None:
    """Eleven seconds of audio at an hour a minute keep the next call waiting for 0.18 s, whatever its concurrency."""
    begun: list[float] = []

    def listen(event: object) -> None:
        if isinstance(event, AttemptStarted):
            begun.append(asyncio.get_running_loop().time())

    limits = Limits(audio_minutes_per_minute=60)
    async with AsyncClient(local_relay.base_url, local_relay.api_key, limits=limits, on_event=listen) as client:
        started = asyncio.get_running_loop().time()
        await asyncio.gather(*(client.transcribe(jfk) for _ in range(4)))
    # From the start: one that is told of late makes the next one look early.
    assert all(at - started >= 0.18 * number for number, at in enumerate(begun))


async def test_a_long_recording_gets_its_time(local_relay: LocalRelay, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt's limit knows the length of a recording that is large enough for it to matter, and of no other."""
    asked: list[float | None] = []

    def limit(_: Timeouts, size_bytes: int, audio_s: float | None = None) -> float:
        asked.append(audio_s)
        return 60.0

    monkeypatch.setattr(Timeouts, "attempt_limit_s", limit)
    async with AsyncClient(local_relay.base_url, local_relay.api_key) as client:
        for seconds in (10, 100):
            await client.transcribe(wav(seconds))
        await client.transcribe(wav(100), timeouts=Timeouts(attempt_s=60))
    assert asked == [None, 100.0, None]


def wav(seconds: int) -> bytes:
    """Return silence of 16 kHz and 16 bits."""
    kept = io.BytesIO()
    with wave.open(kept, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(32_000 * seconds))
    return kept.getvalue()


async def test_a_relay_that_takes_few_at_once_gets_them_all_in_the_end() -> None:
    """With all settings as they come: more calls than the relay takes are slowed down, not failed."""
    running = 0

    async def work(_: object) -> str:
        nonlocal running
        if running >= 4:
            raise RateLimitError("too many at once", status=429)
        running += 1
        try:
            await asyncio.sleep(0.02)
        finally:
            running -= 1
        return "heard"

    async with LocalRelay(ScriptedEngine(work)) as relay, AsyncClient(relay.base_url, relay.api_key) as client:
        results = await asyncio.gather(*(client.transcribe(RECORDING) for _ in range(100)))
    assert {result.text for result in results} == {"heard"}
