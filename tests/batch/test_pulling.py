"""Taking from an input: nothing blocks, little is taken ahead, async ones are closed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from contextvars import ContextVar

import pytest

from zhongzhuan_audio.batch.pulling import PULLED_AHEAD, pull


def pullers() -> list[threading.Thread]:
    """Return the threads that take things from inputs."""
    return [thread for thread in threading.enumerate() if thread.name == "zhongzhuan-files"]


async def no_pullers() -> None:
    """Wait until the last of them is past its last line."""
    async with asyncio.timeout(10):
        while pullers():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("count", [0, 1, PULLED_AHEAD, 1000])
@pytest.mark.parametrize("kind", ["list", "generator", "async generator"])
async def test_everything_comes_in_order(count: int, kind: str) -> None:
    """And then the end, and no thread is left."""

    async def later() -> AsyncIterator[int]:
        for number in range(count):
            yield number

    given = {"list": list(range(count)), "generator": iter(range(count)), "async generator": later()}[kind]
    assert [number async for number in pull(given)] == list(range(count))
    await no_pullers()


async def test_a_list_needs_no_thread() -> None:
    """Its things are at hand."""
    async with aclosing(pull([1, 2])) as items:
        assert await anext(items) == 1
        assert pullers() == []


async def test_a_generator_is_taken_a_little_ahead() -> None:
    """And no further before somebody asks."""
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    async with aclosing(pull(endless())) as items:
        for number in range(1, 4):
            assert await anext(items) == number
        await asyncio.sleep(0.05)
        assert taken <= 3 + PULLED_AHEAD
    await no_pullers()
    assert taken <= 3 + PULLED_AHEAD


async def test_what_is_there_does_not_wait_for_what_is_not() -> None:
    """The first comes while the input blocks for the second, and the loop runs on."""
    go = threading.Event()

    def typed() -> Iterator[str]:
        yield "first"
        go.wait(10)
        yield "second"

    async with aclosing(pull(typed())) as items:
        assert await anext(items) == "first"
        second = asyncio.ensure_future(anext(items))
        await asyncio.sleep(0.02)
        assert not second.done()
        go.set()
        assert await second == "second"


async def test_an_input_that_never_answers_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end does not wait for it longer than a moment."""
    monkeypatch.setattr("zhongzhuan_audio.batch.pulling._LEAVE_S", 0.01)
    go, asked = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def stuck() -> Iterator[str]:
        yield "first"
        loop.call_soon_threadsafe(asked.set)
        go.wait(10)
        yield "never seen"

    began = time.monotonic()
    async with aclosing(pull(stuck())) as items:
        assert await anext(items) == "first"
        await asked.wait()
    assert time.monotonic() - began < 5
    (thread,) = pullers()
    assert thread.daemon
    go.set()
    await no_pullers()


async def test_a_plain_generator_can_be_gone_on_with() -> None:
    """It is not closed."""
    numbers = iter(range(100))
    async with aclosing(pull(numbers)) as items:
        assert await anext(items) == 0
    assert next(numbers) <= 1 + PULLED_AHEAD


async def test_what_the_input_raises_comes_out() -> None:
    """After what came before it; of its `iter` too."""

    def broken() -> Iterator[int]:
        yield 1
        raise LookupError("the list was cut off")

    class NoIterator:
        def __iter__(self) -> Iterator[int]:
            raise PermissionError("no")

    items = pull(broken())
    assert await anext(items) == 1
    with pytest.raises(LookupError, match="cut off"):
        await anext(items)
    with pytest.raises(PermissionError):
        await anext(pull(NoIterator()))


async def test_an_async_generator_is_closed() -> None:
    """Where it stands."""
    closed = []

    async def numbers() -> AsyncIterator[int]:
        try:
            for number in range(100):
                yield number
        finally:
            await asyncio.sleep(0)
            closed.append(number)

    async with aclosing(pull(numbers())) as items:
        assert await anext(items) == 0
    assert closed == [0]


async def test_an_async_iterator_without_a_close_will_do() -> None:
    """One that is no generator."""

    class Three:
        count = 0

        def __aiter__(self) -> Three:
            return self

        async def __anext__(self) -> int:
            self.count += 1
            if self.count > 3:
                raise StopAsyncIteration
            return self.count

    assert [number async for number in pull(Three())] == [1, 2, 3]


async def test_context_variables_are_those_of_the_caller() -> None:
    """The thread sees them too."""
    who: ContextVar[str] = ContextVar("who", default="nobody")
    who.set("me")

    def names() -> Iterator[str]:
        yield who.get()

    assert [name async for name in pull(names())] == ["me"]


def test_a_thread_outlives_its_loop_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    """An input that answers when all is over bothers nobody."""
    monkeypatch.setattr("zhongzhuan_audio.batch.pulling._LEAVE_S", 0.01)
    go, asked = threading.Event(), threading.Event()

    def stuck() -> Iterator[str]:
        yield "first"
        asked.set()
        go.wait(10)

    async def main() -> None:
        async with aclosing(pull(stuck())) as items:
            await anext(items)
            await asyncio.to_thread(asked.wait, 10)

    asyncio.run(main())
    (thread,) = pullers()
    go.set()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("kind", ["list", "generator", "async generator"])
async def test_no_more_is_taken_than_is_enough(kind: str) -> None:
    """What was taken by then is given all the same, so that nothing is lost between the input and whoever asks."""
    enough = False

    async def later() -> AsyncIterator[int]:
        for number in range(1000):
            yield number

    plain = iter(range(1000))
    given = {"list": list(range(1000)), "generator": plain, "async generator": later()}[kind]
    found = []
    async with aclosing(pull(given, enough=lambda: enough)) as items:
        async for number in items:
            found.append(number)
            enough = len(found) >= 10
    assert found == list(range(len(found)))
    assert 10 <= len(found) <= 10 + PULLED_AHEAD
    if kind == "generator":
        assert next(plain) == len(found)
