"""The pieces of a long recording, asked for one by one or side by side, and put together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias, final

import attrs

from zhongzhuan_audio.errors import ZhongzhuanError
from zhongzhuan_audio.longform.cutting import Piece, Plan
from zhongzhuan_audio.longform.stitching import stitch
from zhongzhuan_audio.models import Transcription
from zhongzhuan_audio.options import Context
from zhongzhuan_audio.threads import in_thread

__all__ = ["AskForPiece", "NotAskedError", "Turns", "ask_for_pieces", "pieces_to_ask", "with_rest"]

AskForPiece: TypeAlias = Callable[[Piece, str | None], Awaitable[Transcription]]
"""Asks for a piece, with the text before it where that is known."""

_TAIL_CHARS = 200
"""How much of the text before is worth telling: Whisper looks at 224 tokens."""


class NotAskedError(ZhongzhuanError):
    """A piece that was not asked for, since another one failed."""


@final
class Turns:
    """What the channels of a recording have in common: how many of their pieces are under way side by side."""

    def __init__(self, at_once: int, *, allow_gaps: bool) -> None:
        """Make room for so many; unless gaps are allowed, none is begun after one that failed."""
        self._room = asyncio.Semaphore(at_once)
        self._allow_gaps = allow_gaps
        self._failed = False

    def taking(self, ask: AskForPiece) -> AskForPiece:
        """Return what asks for a piece when there is room.

        It raises `NotAskedError` where another piece has failed.
        """

        async def ask_in_turn(piece: Piece, before: str | None) -> Transcription:
            async with self._room:
                if self._failed:
                    raise NotAskedError("not asked for")
                try:
                    return await ask(piece, before)
                except ZhongzhuanError:
                    self._failed = not self._allow_gaps
                    raise

        return ask_in_turn


async def ask_for_pieces(
    plan: Plan, ask: AskForPiece, *, context: Context, at_once: int, allow_gaps: bool
) -> Transcription:
    """Return the transcript of a recording that is cut in pieces.

    Args:
        plan: The pieces; at least one.
        ask: Asks for one of them.
        context: In what order.
        at_once: How many may be under way side by side.
        allow_gaps: Whether a piece that fails leaves a gap, and the rest is given.

    Raises:
        ZhongzhuanError: A piece failed, and gaps are not allowed, or all failed; `partial` is the transcript of those
            that did not, with its `gaps`, and `attempts` are those of all.
    """
    pieces = iter(plan.pieces)
    answers: dict[int, Transcription | ZhongzhuanError] = {}
    failed: list[ZhongzhuanError] = []
    before: str | None = None

    async def go_through(pieces: Iterator[Piece]) -> None:
        nonlocal before
        for piece in pieces:
            if failed and not allow_gaps:
                return
            try:
                answer = await ask(piece, before)
            except ZhongzhuanError as error:
                answers[piece.index] = error
                failed.append(error)
                continue
            answers[piece.index] = answer
            if context == "sequential":
                before = _tail(answer)

    workers = 1 if context == "sequential" else min(at_once, len(plan.pieces))
    tasks = [asyncio.ensure_future(go_through(pieces)) for _ in range(workers)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    all_answers = [answers.get(piece.index, NotAskedError("not asked for")) for piece in plan.pieces]
    whole = await in_thread(stitch, plan.pieces, all_answers, duration=plan.duration)
    if failed and (not allow_gaps or len(failed) == len(plan.pieces)):
        raise with_rest(failed[0], whole)
    return whole


async def pieces_to_ask(
    plan: Plan, known: Callable[[Piece, str | None], Awaitable[Transcription | None]], *, context: Context
) -> tuple[Piece, ...]:
    """Return the pieces that have no answer yet.

    Args:
        plan: The pieces.
        known: Returns the answer to a piece, with the text before it where that matters; None where there is none.
        context: In what order they are asked for: one after another, all after the first without an answer are asked.
    """
    before: str | None = None
    for at, piece in enumerate(plan.pieces if context == "sequential" else ()):
        if (answer := await known(piece, before)) is None:
            return plan.pieces[at:]
        before = _tail(answer)
    if context == "sequential":
        return ()
    return tuple([piece for piece in plan.pieces if await known(piece, None) is None])


def _tail(answer: Transcription) -> str:
    return answer.text[-_TAIL_CHARS:]


def with_rest(error: ZhongzhuanError, whole: Transcription) -> ZhongzhuanError:
    """Return a piece's error as that of the recording, whose transcript, as far as there is one, is its `partial`."""
    done = attrs.evolve(whole, attempts=())
    error.partial = done if done.text else None
    error.attempts = whole.attempts
    if any(attempt.billed == "maybe" for attempt in whole.attempts):
        error.billed = "maybe"
    return error
