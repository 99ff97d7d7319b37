"""Pieces asked for side by side or in a row, some of which fail."""

from __future__ import annotations

import asyncio

import pytest

from zhongzhuan_audio import Attempt, Transcription, UpstreamError
from zhongzhuan_audio.longform.cutting import Piece, Plan
from zhongzhuan_audio.longform.pieces import ask_for_pieces

PLAN = Plan(duration=50.0, pieces=tuple(Piece(index=at, start=at * 10.0, end=at * 10.0 + 10.0) for at in range(5)))


def answer(piece: Piece) -> Transcription:
    """Return what is said in a piece."""
    return Transcription(text=f"piece {piece.index}", attempts=(Attempt(endpoint="https://r/v1"),))


async def ask_all(ask, **options):
    """Ask with what is usual."""
    return await ask_for_pieces(PLAN, ask, **{"context": "parallel", "at_once": 3, "allow_gaps": False, **options})


async def test_pieces_are_asked_side_by_side_and_put_in_order():
    """As many at once as may be, and the later ones may be there first."""
    running = most = 0

    async def ask(piece, before):
        nonlocal running, most
        assert before is None
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05 - piece.index * 0.01)
        running -= 1
        return answer(piece)

    whole = await ask_all(ask)
    assert whole.text == "piece 0 piece 1 piece 2 piece 3 piece 4"
    assert (most, len(whole.attempts), whole.duration, whole.gaps) == (3, 5, 50.0, ())


async def test_pieces_in_a_row_know_the_text_before():
    """One at a time."""
    told = []

    async def ask(piece, before):
        told.append(before)
        return answer(piece)

    await ask_all(ask, context="sequential")
    assert told == [None, "piece 0", "piece 1", "piece 2", "piece 3"]


def failing(*indexes: int):
    """Return what asks, and fails for these; and the pieces that were asked for."""
    asked = []

    async def ask(piece, before):
        asked.append(piece.index)
        await asyncio.sleep(0.05 * (piece.index + 1))
        if piece.index in indexes:
            raise UpstreamError("broken", status=500, attempts=(Attempt(endpoint="https://r/v1", billed="maybe"),))
        return answer(piece)

    return ask, asked


async def test_a_failure_ends_it_with_what_there_is():
    """What runs comes to its end, nothing more is begun, and the error has the rest and all attempts."""
    ask, asked = failing(0)
    with pytest.raises(UpstreamError) as caught:
        await ask_all(ask)
    assert sorted(asked) == [0, 1, 2]
    assert caught.value.partial.text == "piece 1 piece 2"
    assert caught.value.partial.gaps == ((0.0, 10.0), (30.0, 50.0))
    assert (len(caught.value.attempts), caught.value.billed) == (3, "maybe")


async def test_gaps_are_allowed_where_that_is_wanted():
    """Unless there is nothing else."""
    ask, asked = failing(1, 4)
    whole = await ask_all(ask, allow_gaps=True)
    assert (whole.text, whole.gaps) == ("piece 0 piece 2 piece 3", ((10.0, 20.0), (40.0, 50.0)))
    assert sorted(asked) == [0, 1, 2, 3, 4]
    ask, _ = failing(*range(5))
    with pytest.raises(UpstreamError) as caught:
        await ask_all(ask, allow_gaps=True)
    assert caught.value.partial is None


async def test_a_mistake_ends_everything():
    """What is no failure of a relay is not taken for one; no piece runs on."""
    ended = []

    async def ask(piece, before):
        try:
            if piece.index == 1:
                await asyncio.sleep(0.01)
                raise ZeroDivisionError
            await asyncio.sleep(10)
        finally:
            ended.append(piece.index)

    with pytest.raises(ZeroDivisionError):
        await ask_all(ask)
    assert sorted(ended) == [0, 1, 2]


async def test_who_is_cancelled_leaves_nothing_running():
    """Each piece is cancelled, too."""
    ended = []

    async def ask(piece, before):
        try:
            await asyncio.sleep(10)
        finally:
            ended.append(piece.index)

    task = asyncio.create_task(ask_all(ask))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == [0, 1, 2]
