"""The transcripts of the pieces of a recording, put together to the transcript of the whole. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import attrs

from zhongzhuan_audio.errors import Attempt, ZhongzhuanError
from zhongzhuan_audio.longform.aligning import trim_overlap
from zhongzhuan_audio.longform.cutting import Piece
from zhongzhuan_audio.longform.spans import between, merged
from zhongzhuan_audio.longform.tokens import Track, track_of
from zhongzhuan_audio.models import Segment, Span, Transcription, Usage, Word
from zhongzhuan_audio.models.text import join_texts

__all__ = ["stitch", "sum_usages"]

T = TypeVar("T", Segment, Word)

_FRAMES_A_SECOND = 100


def stitch(
    pieces: Sequence[Piece], answers: Sequence[Transcription | ZhongzhuanError], *, duration: float
) -> Transcription:
    """Return the transcript of a whole recording.

    What two pieces share is there once: they meet at a word that both have. Segments are numbered from 0, and one that
    is cut in two there has the times of its words, or its share of its time. Usage is summed over the pieces that tell
    it. `logprobs` are those of all pieces, one after another, and what two pieces share is in them twice.

    Args:
        pieces: In order.
        answers: What became of each, with times from the piece's own beginning; an error leaves a gap.
        duration: Seconds of the recording.

    Returns:
        All that there is, with `gaps`; `body` and `request_id` are there only where there is but one piece.

    Raises:
        ValueError: There are not as many answers as pieces.
    """
    tracks = [
        track_of(_at_its_place(piece, answer)) if isinstance(answer, Transcription) else None
        for piece, answer in zip(pieces, answers, strict=True)
    ]
    for at in range(1, len(pieces)):
        before, after = tracks[at - 1], tracks[at]
        overlap = (pieces[at].start, pieces[at - 1].end)
        if before is not None and after is not None and overlap[0] < overlap[1]:
            shared = overlap[1] - overlap[0]
            trim_overlap(before, after, overlap, shared / pieces[at - 1].duration_s, shared / pieces[at].duration_s)
    found = [track for track in tracks if track is not None]
    transcripts = [track.transcription for track in found]
    only = answers[0] if len(answers) == 1 and isinstance(answers[0], Transcription) else None
    return Transcription(
        text=join_texts(track.text() for track in found),
        language=_most_common([each.language for each in transcripts if each.language]),
        duration=duration,
        segments=tuple(
            attrs.evolve(segment, id=at) for at, segment in enumerate(_in_order(track.segments() for track in found))
        ),
        words=tuple(_in_order(track.words() for track in found)),
        logprobs=tuple(logprob for each in transcripts for logprob in each.logprobs),
        usage=sum_usages([each.usage for each in transcripts if each.usage is not None]),
        body=only.body if only else "",
        request_id=only.request_id if only else None,
        attempts=tuple(_attempts(answers)),
        gaps=tuple(_gaps(pieces, tracks)),
    )


def _at_its_place(piece: Piece, answer: Transcription) -> Transcription:
    """Return a piece's transcript with times of the recording, none of them outside the piece."""

    def true(time: float) -> float:
        return min(max(piece.start, piece.start + time), piece.end)

    return attrs.evolve(
        answer,
        segments=tuple(
            attrs.evolve(
                segment,
                start=true(segment.start),
                end=true(segment.end),
                seek=None if segment.seek is None else segment.seek + round(piece.start * _FRAMES_A_SECOND),
            )
            for segment in answer.segments
        ),
        words=tuple(attrs.evolve(word, start=true(word.start), end=true(word.end)) for word in answer.words),
    )


def _in_order(pieces: Iterable[Iterable[T]]) -> Iterator[T]:
    """Yield what each piece has; none of it begins before the end of what the piece before has."""
    latest = 0.0
    for piece in pieces:
        floor = latest
        for part in piece:
            start = max(part.start, floor)
            yield attrs.evolve(part, start=start, end=max(start, part.end))
            latest = max(latest, start, part.end)


def _most_common(values: Sequence[str]) -> str | None:
    return Counter(values).most_common(1)[0][0] if values else None


def sum_usages(usages: Sequence[Usage]) -> Usage | None:
    """Return what relays counted in all; None where none of them told."""
    if not usages:
        return None
    kinds = {usage.type for usage in usages}
    totals = {}
    for name in ("seconds", "input_tokens", "output_tokens", "total_tokens"):
        told = [value for usage in usages if (value := getattr(usage, name)) is not None]
        totals[name] = sum(told) if told else None
    return Usage(type=kinds.pop() if len(kinds) == 1 else None, **totals)


def _attempts(answers: Sequence[Transcription | ZhongzhuanError]) -> Iterator[Attempt]:
    for answer in answers:
        yield from answer.attempts


def _gaps(pieces: Sequence[Piece], tracks: Sequence[Track | None]) -> list[Span]:
    """Return what is in pieces that failed and in no other."""
    there = merged((piece.start, piece.end) for piece, track in zip(pieces, tracks, strict=True) if track is not None)
    failed = [piece for piece, track in zip(pieces, tracks, strict=True) if track is None]
    return merged(gap for piece in failed for gap in between(there, piece.start, piece.end))
