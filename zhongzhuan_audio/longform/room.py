"""Whether there is speech enough for what a segment says. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from statistics import median

from zhongzhuan_audio.longform.spans import between, merged, overlapping, total_s
from zhongzhuan_audio.longform.tokens import tokenize
from zhongzhuan_audio.models import Segment, Span, Transcription, Word

__all__ = ["silences_in", "sparse_in"]

_LEAST_SPEECH = 0.1
_LEAST_TOKEN_S = 0.1
"""Nobody says more than ten words, or Chinese characters, a second."""
_CRAMMED = 0.7
"""What has less than this part of the speech that it takes was put there by no voice."""
_REACH_S = 1.0
"""How far beside the words the speech that is theirs may be: so wrong may Whisper's times be."""
_MARGIN_S = 0.3
_TAIL_S = 0.2
"""How much speech next to a segment may be its last sound."""
_ENOUGH_TOKENS = 5
_ENOUGH_SEGMENTS = 3
_SLOW = 2.0
_SPARE_S = 3.0


def silences_in(transcription: Transcription, speech: Sequence[Span]) -> dict[int, str]:
    """Return which segments, by their index, have text where nobody speaks, and what tells so.

    It is so where less than a tenth of a segment's time is speech. It is also so where its words are in silence, or
    crammed into less speech than it takes to say them, and there is no more near them but that of other segments.

    Args:
        transcription: With the times that the relay told.
        speech: Where somebody speaks, merged, in seconds.
    """
    found: dict[int, str] = {}
    segments = transcription.segments
    starts = [word.start for word in transcription.words]
    for at, segment in enumerate(segments):
        if not segment.text.strip():
            continue
        if (share := _share_of([(segment.start, segment.end)], speech)) < _LEAST_SPEECH:
            found[at] = f"{share:.0%} of its time is speech"
            continue
        own = _said_in(segment, _words_of(segment, transcription.words, starts))
        count = len(tokenize(segment.text))
        needed_s = count * _LEAST_TOKEN_S * _CRAMMED
        if (spoken_s := _spoken_s([own], speech)) < needed_s:
            others = [(each.start, each.end) for each in (*segments[:at], *segments[at + 1 :]) if each.text.strip()]
            if _free_s(own, others, speech, max(_REACH_S, count * _LEAST_TOKEN_S)) < needed_s:
                words = "word" if count == 1 else "words"
                found[at] = f"{count} {words} in {spoken_s:.2f} s of speech, and no more of it is theirs"
    return found


def _share_of(spans: Sequence[Span], speech: Sequence[Span]) -> float:
    """Return how much of a time is speech, 0 to 1; of none at all, that of 0.3 s before and after."""
    timed = merged(spans) or merged((begin - _MARGIN_S, end + _MARGIN_S) for begin, end in spans)
    return _spoken_s(timed, speech) / total_s(timed)


def _spoken_s(spans: Sequence[Span], speech: Sequence[Span]) -> float:
    """Return the seconds of speech in a time."""
    return total_s(
        (max(begin, start), min(end, stop)) for begin, end in spans for start, stop in overlapping(speech, begin, end)
    )


def _said_in(segment: Segment, words: Sequence[Word]) -> Span:
    """Return when a segment's words are, where they have times."""
    if not words:
        return segment.start, segment.end
    return words[0].start, max(word.end for word in words)


def _words_of(segment: Segment, words: Sequence[Word], starts: Sequence[float]) -> Sequence[Word]:
    return words[bisect_left(starts, segment.start) : bisect_left(starts, segment.end)]


def _free_s(own: Span, others: Sequence[Span], speech: Sequence[Span], reach_s: float) -> float:
    """Return the seconds of speech in and near a stretch that are no other's; what is next to others is theirs."""
    taken = merged((start - _TAIL_S, stop + _TAIL_S) for start, stop in others)
    return _spoken_s(list(between(taken, max(0.0, own[0] - reach_s), own[1] + reach_s)), speech)


def sparse_in(transcription: Transcription, speech: Sequence[Span]) -> tuple[Span, ...]:
    """Return the segments that have far less text than is said in such a time elsewhere in the recording, as spans.

    Whisper that was told in its prompt what is said again may leave that out, and have the sentence before last for all
    of it. So is a segment that has 3 s of speech more than twice what its words would take at the pace of all.

    Args:
        transcription: Of the whole recording; of fewer than three segments nobody knows the pace.
        speech: Where somebody speaks, merged, in seconds.
    """
    said = [
        ((each.start, each.end), _spoken_s([(each.start, each.end)], speech), len(tokenize(each.text)))
        for each in transcription.segments
        if each.text.strip() and each.end > each.start
    ]
    paces = [spoken_s / tokens for _, spoken_s, tokens in said if tokens >= _ENOUGH_TOKENS]
    if len(paces) < _ENOUGH_SEGMENTS:
        return ()
    pace_s = max(median(paces), _LEAST_TOKEN_S)
    return tuple(span for span, spoken_s, tokens in said if spoken_s > _SLOW * pace_s * tokens + _SPARE_S)
