"""Speech that a transcript lacks: which stretches to ask for once more, and how their answers are put in. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import attrs

from zhongzhuan_audio.longform.cutting import Piece, Plan, plan_pieces
from zhongzhuan_audio.longform.needs import Lengths
from zhongzhuan_audio.longform.spans import between, merged, overlapping
from zhongzhuan_audio.longform.stitching import sum_usages
from zhongzhuan_audio.longform.suspicion import covered_by, find_suspicious, suspects_of
from zhongzhuan_audio.models import Segment, Span, Transcription
from zhongzhuan_audio.models.text import join_texts

__all__ = ["plan_refill", "put_in"]

_NEAR_S = 10.0
"""Silence between two gaps that costs less than a request of its own."""
_MARGIN_S = 0.3
_LEAST_S = 0.5


def plan_refill(
    transcription: Transcription, duration: float, speech: Sequence[Span], lengths: Lengths, *, first: int = 0
) -> Plan:
    """Decide what to ask for once more: the speech that no segment covers, but not what is in a piece that failed.

    Gaps with at most 10 s between them, and no text, are one request; each has 0.3 s more at either end.

    Args:
        transcription: Of the whole recording, with its `coverage`; of one that has none there is nothing to ask for.
        duration: Seconds of the recording.
        speech: Where somebody speaks, in seconds.
        lengths: How long a request may be; a gap that is longer is cut.
        first: Index of the first piece.

    Returns:
        The pieces, in order; what they skip is all the rest.
    """
    spans: list[Span] = []
    covered = covered_by(transcription)
    for begin, end in _missed(transcription):
        if spans and begin - spans[-1][1] <= _NEAR_S and not overlapping(covered, spans[-1][1], begin):
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((begin, end))
    wanted = [(max(0.0, begin - _MARGIN_S), min(duration, end + _MARGIN_S)) for begin, end in spans]
    pieces = [piece for span in wanted for piece in _pieces(span, speech, lengths)]
    return Plan(
        duration=duration,
        pieces=tuple(attrs.evolve(piece, index=first + at) for at, piece in enumerate(pieces)),
        skipped=tuple(between(merged(wanted), 0.0, duration)),
    )


def put_in(transcription: Transcription, refill: Transcription, speech: Sequence[Span]) -> Transcription:
    """Return a transcript with what was heard where it had nothing.

    Only whole segments are put in, and none that is mostly where the transcript has text already: what is left of the
    others fits between their neighbours, without a speaker where the transcript tells speakers. One that looks invented
    is not put in, and is told in the `warnings` as dropped. All are numbered anew, in the order of their times;
    `attempts` and `usage` are those of both.

    Args:
        transcription: Of the whole recording.
        refill: Of stretches of it, with times of the recording.
        speech: Where somebody speaks, in seconds.
    """
    covered = merged((each.start, each.end) for each in transcription.segments if each.text.strip())
    new = [segment for segment in refill.segments if segment.text.strip() and not _is_within(covered, segment)]
    ids = {segment.id for segment in new}
    found = find_suspicious(refill, speech)
    rejected = suspects_of(found)
    taken = [_fitted(segment, covered) for segment in new if segment.id not in rejected]
    spans = {segment.id: (segment.start, segment.end) for segment in (*new, *taken)}
    if any(segment.speaker for segment in transcription.segments):
        # Each answer names the voices in its own way: A of one is not A of another.
        taken = [attrs.evolve(segment, speaker=None) for segment in taken]
    gone = {warning.segment_id: warning.start for warning in transcription.warnings if warning.dropped}
    order = [
        *((each.start, (True, each.id)) for each in transcription.segments),
        *((start, (True, known)) for known, start in gone.items()),
        *((each.start, (False, each.id)) for each in new),
    ]
    numbers = {mark: number for number, (_, mark) in enumerate(sorted(order, key=lambda each: each[0]))}
    segments = [
        *(attrs.evolve(each, id=numbers[True, each.id]) for each in transcription.segments),
        *(attrs.evolve(each, id=numbers[False, each.id]) for each in taken),
    ]
    segments.sort(key=lambda each: each.id)
    warnings = [
        *(attrs.evolve(each, segment_id=numbers[True, each.segment_id]) for each in transcription.warnings),
        *(
            attrs.evolve(
                each,
                segment_id=numbers[False, each.segment_id],
                start=spans[each.segment_id][0],
                end=spans[each.segment_id][1],
                dropped=each.segment_id in rejected,
            )
            for each in found
            if each.segment_id in ids
        ),
    ]
    words = [
        word for word in refill.words if any(each.start <= (word.start + word.end) / 2 <= each.end for each in taken)
    ]
    return attrs.evolve(
        transcription,
        text=join_texts(each.text for each in segments) if taken else transcription.text,
        segments=tuple(segments),
        words=tuple(sorted((*transcription.words, *words), key=lambda word: word.start))
        if words
        else transcription.words,
        warnings=tuple(sorted(warnings, key=lambda each: each.segment_id)),
        usage=sum_usages([each.usage for each in (transcription, refill) if each.usage is not None]),
        attempts=(*transcription.attempts, *refill.attempts),
    )


def _missed(transcription: Transcription) -> Iterator[Span]:
    failed = merged(transcription.gaps)
    for span in transcription.coverage.uncovered if transcription.coverage else ():
        for begin, end in between(failed, *span):
            if end - begin >= _LEAST_S:
                yield begin, end


def _pieces(span: Span, speech: Sequence[Span], lengths: Lengths) -> Iterator[Piece]:
    begin, end = span
    plan = plan_pieces(
        end - begin,
        target_s=lengths.target_s,
        max_s=lengths.max_s,
        speech=[(start - begin, stop - begin) for start, stop in speech],
        window_s=lengths.window_s,
        overlap_s=lengths.overlap_s,
    )
    for piece in plan.pieces:
        yield attrs.evolve(piece, start=begin + piece.start, end=begin + piece.end)


def _is_within(covered: Sequence[Span], segment: Segment) -> bool:
    middle = (segment.start + segment.end) / 2
    return bool(overlapping(covered, middle, middle))


def _fitted(segment: Segment, covered: Sequence[Span]) -> Segment:
    """Return a segment without what others cover; its middle is free."""
    middle = (segment.start + segment.end) / 2
    after = bisect_right(covered, middle, key=lambda span: span[1])
    begin = covered[after - 1][1] if after else segment.start
    end = covered[after][0] if after < len(covered) else segment.end
    return attrs.evolve(segment, start=max(segment.start, begin), end=min(segment.end, end))
