"""How recordings share the turns of a loop in which they are taken up."""

from __future__ import annotations

import asyncio
import gc
import weakref
from pathlib import Path

import pytest

from zhongzhuan_audio import AsyncClient
from zhongzhuan_audio.relay import LocalRelay
from zhongzhuan_audio.upload.starts import Starts


async def begun_in(count: int, *, cancelled: tuple[int, ...] = ()) -> list[list[int]]:
    """Have calls begin all at once; return who did, turn of the loop by turn."""
    begun: list[list[int]] = [[]]
    loop, over = asyncio.get_running_loop(), False

    def tick() -> None:
        begun.append([])
        if not over:
            loop.call_soon(tick)

    async def call(number: int) -> None:
        await Starts.here().next()
        begun[-1].append(number)

    calls = [asyncio.create_task(call(number)) for number in range(count)]
    await asyncio.sleep(0)
    for number in cancelled:
        calls[number].cancel()
    loop.call_soon(tick)
    await asyncio.gather(*calls, return_exceptions=True)
    over = True
    await asyncio.sleep(0)
    return [each for each in begun if each]


async def test_one_alone_does_not_wait() -> None:
    """It goes on in the same step."""
    waiting = Starts.here().next()
    try:
        waiting.send(None)
    except StopIteration:
        return
    raise AssertionError("it waited")


async def test_two_begin_in_a_turn_in_their_order() -> None:
    """Nobody is passed over, and nobody waits for the network."""
    turns = await begun_in(9)
    assert [number for turn in turns for number in turn] == list(range(9))
    assert max(map(len, turns)) == 2


async def test_who_left_takes_no_turn() -> None:
    """A call that was cancelled while it waited holds nobody up."""
    turns = await begun_in(9, cancelled=(3, 4, 5, 6))
    assert [number for turn in turns for number in turn] == [0, 1, 2, 7, 8]


@pytest.mark.parametrize(("copies", "starts"), [(1, 1), (20, 2)])
async def test_every_upload_passes(
    local_relay: LocalRelay, jfk: Path, monkeypatch: pytest.MonkeyPatch, copies: int, starts: int
) -> None:
    """A large one twice: threads that have looked for lengths may end all at once."""
    passed, real = [], Starts.next

    async def counted(self: Starts) -> None:
        passed.append(self)
        await real(self)

    monkeypatch.setattr(Starts, "next", counted)
    async with AsyncClient(local_relay.base_url, local_relay.api_key) as client:
        await client.transcribe(jfk.read_bytes() * copies, prepare="never")
    assert passed == [Starts.here()] * starts


async def test_turns_come_again() -> None:
    """What begins later finds the loop as the first did."""
    assert await begun_in(3) == [[0, 1], [2]]
    assert await begun_in(3) == [[0, 1], [2]]


async def test_a_loop_has_one() -> None:
    """Another loop has its own."""

    async def theirs() -> Starts:
        return Starts.here()

    assert Starts.here() is Starts.here()
    assert await asyncio.to_thread(asyncio.run, theirs()) is not Starts.here()


def test_a_loop_that_ended_is_let_go() -> None:
    """A program may run one after another."""

    async def calls() -> weakref.ref[asyncio.AbstractEventLoop]:
        await begun_in(3)
        return weakref.ref(asyncio.get_running_loop())

    found = asyncio.run(calls())
    gc.collect()
    assert found() is None


def test_a_loop_that_was_closed_under_those_who_wait_is_let_go() -> None:
    """When another loop has its first call."""
    loop = asyncio.new_event_loop()
    found = weakref.ref(loop)
    starts = loop.run_until_complete(_starts())
    calls = [loop.create_task(starts.next()) for _ in range(9)]
    loop.run_until_complete(asyncio.sleep(0))
    waiting = [call for call in calls if not call.done()]
    for call in waiting:
        call._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()
    assert waiting
    del loop, starts, calls, call, waiting
    asyncio.run(_starts())
    gc.collect()
    assert found() is None


async def _starts() -> Starts:
    return Starts.here()
