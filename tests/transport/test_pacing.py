"""Whose turn it is."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio import Limits
from zhongzhuan_audio.errors import TimedOutError
from zhongzhuan_audio.transport.pacing import Gcra, Pacer


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
    """Half as many at most once a second, never less than one; successes bring it back to the limit and no further."""
    now = [100.0]
    pacer = Pacer(Limits(max_concurrency=16), clock=lambda: now[0])
    pacer.throttled()
    pacer.throttled()
    assert pacer.allowed == 8
    for allowed in (4, 2, 1, 1):
        now[0] += 1
        pacer.throttled()
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
    pacer.throttled()
    async with pacer.turn():
        task = asyncio.create_task(_take(pacer))
        await asyncio.sleep(0)
        assert pacer.waiting == 1
        pacer.succeeded()
        await task
