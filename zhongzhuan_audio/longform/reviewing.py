"""A transcript looked into: what in it is suspicious, and what it lacks, which is asked for once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs

from zhongzhuan_audio.errors import ZhongzhuanError
from zhongzhuan_audio.longform.cutting import Piece
from zhongzhuan_audio.longform.needs import Lengths
from zhongzhuan_audio.longform.pieces import AskForPiece, NotAskedError, ask_for_pieces, with_rest
from zhongzhuan_audio.longform.refilling import plan_refill, put_in
from zhongzhuan_audio.longform.snapping import snap_to_speech
from zhongzhuan_audio.longform.suspicion import drop_suspicious, find_suspicious, measure_coverage
from zhongzhuan_audio.models import Span, Suspicion, Transcription
from zhongzhuan_audio.options import Preparing
from zhongzhuan_audio.threads import in_thread

__all__ = ["flag", "look_into", "review"]

_FEW_SEGMENTS = 100
"""So many are looked into in some milliseconds; more are in a thread."""


async def flag(transcription: Transcription) -> Transcription:
    """Return a transcript with `warnings` of what its answer alone makes suspicious; nobody has listened."""
    if len(transcription.segments) <= _FEW_SEGMENTS:
        return _flagged(transcription)
    return await in_thread(_flagged, transcription)


def look_into(transcription: Transcription, speech: Sequence[Span], *, drop: bool = False) -> Transcription:
    """Return a transcript with its times moved to speech, its `warnings` and its `coverage`; without times, as it is.

    Args:
        transcription: Of the whole recording.
        speech: Where somebody speaks, in seconds.
        drop: Whether to take out what is suspicious.
    """
    if transcription.text.strip() and not transcription.segments and not transcription.words:
        return transcription
    numbered = _numbered(transcription)
    # By the relay's own times: what was moved to where somebody speaks looks as if it had been said there.
    warnings = find_suspicious(numbered, speech)
    found = drop_suspicious(numbered, warnings) if drop else attrs.evolve(numbered, warnings=warnings)
    unsaid = {warning.segment_id for warning in warnings if warning.kind == "silence"}
    found = snap_to_speech(found, speech, unsaid=unsaid)
    moved = {segment.id: segment for segment in found.segments}
    warnings = tuple(
        attrs.evolve(each, start=moved[each.segment_id].start, end=moved[each.segment_id].end)
        if each.segment_id in moved
        else each
        for each in found.warnings
    )
    found = attrs.evolve(found, warnings=warnings)
    return attrs.evolve(found, coverage=measure_coverage(found, speech))


async def review(
    transcription: Transcription,
    speech: Sequence[Span],
    duration: float,
    preparing: Preparing,
    ask: AskForPiece,
    *,
    lengths: Lengths,
    first: int,
    at_once: int,
    may_ask: Callable[[float], bool],
) -> Transcription:
    """Look into a transcript, and have put in what it lacks, where that is wanted.

    Args:
        transcription: Of the whole recording.
        speech: Where somebody speaks, in seconds.
        duration: Seconds of the recording.
        preparing: What the caller wants.
        ask: Asks for a stretch of the recording.
        lengths: How long such a stretch may be.
        first: Index of the first stretch.
        at_once: How many may be under way side by side.
        may_ask: Whether there is room for so many seconds more; a stretch that has none stays as it is.

    Raises:
        ZhongzhuanError: A stretch failed, and gaps are not allowed; `partial` is the transcript without it.
    """
    found = await in_thread(look_into, transcription, speech, drop=preparing.drop_suspicious)
    if not preparing.refill:
        return found
    plan = plan_refill(found, duration, speech, lengths, first=first)
    plan = attrs.evolve(plan, pieces=tuple([piece for piece in plan.pieces if may_ask(piece.duration_s)]))
    if not plan.pieces:
        return found
    failure: ZhongzhuanError | None = None
    failed: dict[Piece, ZhongzhuanError] = {}

    async def ask_once_more(piece: Piece, before: str | None) -> Transcription:
        try:
            return await ask(piece, before)
        except NotAskedError:
            raise
        except ZhongzhuanError as error:
            failed[piece] = error
            raise

    try:
        refill = await ask_for_pieces(
            plan, ask_once_more, context="parallel", at_once=at_once, allow_gaps=preparing.allow_gaps
        )
    except ZhongzhuanError as error:
        failure, told = error, error.partial
        heard = told if isinstance(told, Transcription) else Transcription(text="")
        refill = attrs.evolve(heard, attempts=error.attempts)
    whole = await in_thread(_with_refill, found, refill, speech, plan.pieces, failed)
    if failure is None or preparing.allow_gaps:
        return whole
    raise with_rest(failure, whole)


def _with_refill(
    transcription: Transcription,
    refill: Transcription,
    speech: Sequence[Span],
    asked: Sequence[Piece],
    failed: Mapping[Piece, ZhongzhuanError],
) -> Transcription:
    whole = put_in(transcription, refill, speech)
    known = {(each.start, each.end, each.text) for each in transcription.segments}
    new = [each for each in whole.segments if (each.start, each.end, each.text) not in known]
    middles = [(each.start + each.end) / 2 for each in new]
    refilled = tuple(
        (piece.start, piece.end) for piece in asked if any(piece.start <= middle <= piece.end for middle in middles)
    )
    ids = [*(each.id for each in whole.segments), *(each.segment_id for each in whole.warnings)]
    unused = max(ids, default=-1) + 1
    told = [
        Suspicion(
            kind="refill",
            segment_id=unused + at,
            start=piece.start,
            end=piece.end,
            text="",
            detail=f"asked for once more, and failed: {failed[piece].message}",
        )
        for at, piece in enumerate(each for each in asked if each in failed)
    ]
    return attrs.evolve(
        whole,
        warnings=(*whole.warnings, *told),
        coverage=attrs.evolve(measure_coverage(whole, speech), refilled=refilled),
    )


def _flagged(transcription: Transcription) -> Transcription:
    found = find_suspicious(numbered := _numbered(transcription))
    return attrs.evolve(numbered, warnings=found) if found else transcription


def _numbered(transcription: Transcription) -> Transcription:
    """Return a transcript whose segments have numbers of their own; some relays give all of them the same."""
    segments = transcription.segments
    if len({segment.id for segment in segments}) == len(segments):
        return transcription
    return attrs.evolve(
        transcription, segments=tuple(attrs.evolve(segment, id=at) for at, segment in enumerate(segments))
    )
