"""How uploads share a loop, without any upload."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from zhongzhuan_audio.upload.turns import CHUNK_BYTES, Turns

KIB, MIB = 1 << 10, 1 << 20


@pytest.mark.parametrize(
    ("uploads", "piece"),
    [(0, 512), (1, 512), (16, 512), (17, 256), (32, 256), (33, 128), (64, 128), (65, 64), (256, 32), (5_000, 32)],
)
async def test_the_more_there_are_the_less_each_holds(uploads: int, piece: int) -> None:
    """Together no more than 8 MiB, but never less than 32 KiB each."""
    turns = Turns.here()
    for _ in range(uploads):
        turns.join()
    assert turns.piece_bytes == piece * KIB
    for _ in range(uploads):
        turns.leave()
    assert turns.piece_bytes == CHUNK_BYTES


async def test_a_loop_has_one() -> None:
    """Another loop has its own."""

    async def theirs() -> Turns:
        return Turns.here()

    assert Turns.here() is Turns.here()
    assert await asyncio.to_thread(asyncio.run, theirs()) is not Turns.here()


def test_a_loop_that_ended_is_let_go() -> None:
    """A program may run one after another."""

    async def upload() -> weakref.ref[asyncio.AbstractEventLoop]:
        await passed_in(Turns.here(), 64, 2)
        return weakref.ref(asyncio.get_running_loop())

    found = asyncio.run(upload())
    gc.collect()
    assert found() is None


async def passed_in(turns: Turns, uploads: int, rounds: int) -> list[list[int]]:
    """Have uploads take so many turns each; return who had one, turn of the loop by turn."""
    passed: list[list[int]] = [[]]
    over = False

    async def upload(number: int) -> None:
        for _ in range(rounds):
            await turns.next(turns.piece_bytes)
            passed[-1].append(number)

    async def watch() -> None:
        while not over:
            await asyncio.sleep(0)
            passed.append([])

    for _ in range(uploads):
        turns.join()
    watching = asyncio.create_task(watch())
    await asyncio.gather(*(upload(number) for number in range(uploads)))
    over = True
    await watching
    for _ in range(uploads):
        turns.leave()
    return [each for each in passed if each]


async def test_no_more_pass_than_there_is_room_for() -> None:
    """64 send 128 KiB each, so 16 to a turn, and all as often as each other."""
    passed = await passed_in(Turns.here(), 64, 3)
    assert {len(each) for each in passed} == {16}
    assert [number for each in passed for number in each] == [*range(64)] * 3


async def test_a_few_pass_in_every_turn() -> None:
    """Nobody waits where all together are no more than a turn holds."""
    assert [sorted(each) for each in await passed_in(Turns.here(), 4, 3)] == [[*range(4)]] * 3


async def test_one_that_was_cancelled_takes_nobodys_turn() -> None:
    """Its room goes to the next."""
    turns = Turns.here()
    for _ in range(64):
        turns.join()
    waiting = [asyncio.create_task(turns.next(turns.piece_bytes)) for _ in range(40)]
    await asyncio.sleep(0)
    for task in waiting[:30]:
        task.cancel()
    await asyncio.wait(waiting)
    assert [task.cancelled() for task in waiting] == [True] * 30 + [False] * 10
    async with asyncio.timeout(5):
        await turns.next(turns.piece_bytes)
    for _ in range(64):
        turns.leave()


async def test_a_buffer_is_lent_again() -> None:
    """The last that came back is the first that is lent, and none is lent twice at a time."""
    turns = Turns.here()
    turns.join()
    first, second = turns.lend(), turns.lend()
    assert first is not second
    assert len(first) == len(second) == CHUNK_BYTES
    turns.take_back(first, is_free=True)
    turns.take_back(second, is_free=True)
    assert turns.lend() is second
    assert turns.lend() is first
    turns.take_back(first, is_free=False)
    assert turns.lend() is not first
    turns.leave()


async def test_a_link_that_takes_all_has_the_largest() -> None:
    """However many there are; the others' are kept apart, and fewer of the large ones pass in a turn."""
    turns = Turns.here()
    for _ in range(64):
        turns.join()
    small, large = turns.lend(), turns.lend(whole=True)
    assert (len(small), len(large)) == (128 * KIB, CHUNK_BYTES)
    turns.take_back(small, is_free=True)
    turns.take_back(large, is_free=True)
    assert turns.lend() is small
    assert turns.lend(whole=True) is large
    turns.take_back(large, is_free=True)
    waiting = [asyncio.create_task(turns.next(size)) for size in [CHUNK_BYTES] * 3 + [128 * KIB] * 9]
    for _ in range(3):
        await asyncio.sleep(0)
    assert [task.done() for task in waiting] == [True] * 7 + [False] * 5
    await asyncio.wait(waiting)
    for _ in range(64):
        turns.leave()


async def test_the_largest_are_few() -> None:
    """A link that was fast until just now may hold its piece for long."""
    turns = Turns.here()
    for _ in range(64):
        turns.join()
    lent = [turns.lend(whole=True) for _ in range(20)]
    assert [len(buffer) for buffer in lent] == [CHUNK_BYTES] * 16 + [128 * KIB] * 4
    turns.take_back(lent[-1], is_free=True)
    assert len(turns.lend(whole=True)) == 128 * KIB
    turns.take_back(lent[0], is_free=False)
    assert len(turns.lend(whole=True)) == CHUNK_BYTES
    for buffer in lent[1:16]:
        turns.take_back(buffer, is_free=True)
    for _ in range(64):
        turns.leave()


async def test_no_buffer_is_kept_for_nobody() -> None:
    """What is of a size that nobody asks for now, or left behind by the last, is let go."""
    turns = Turns.here()
    for _ in range(32):
        turns.join()
    middling = turns.lend()
    assert len(middling) == 256 * KIB
    for _ in range(32):
        turns.join()
    turns.take_back(middling, is_free=True)
    small = turns.lend()
    turns.take_back(small, is_free=True)
    for _ in range(32):
        turns.leave()
    assert turns.lend() is not middling
    for _ in range(32):
        turns.leave()
    turns.join()
    assert turns.lend() is not small
    turns.leave()
