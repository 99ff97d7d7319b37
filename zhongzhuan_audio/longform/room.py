"""Whether there is speech enough for what a segment says. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from zhongzhuan_audio.longform.spans import between, merged, overlapping, total_s
from zhongzhuan_audio.longform.tokens import tokenize
from zhongzhuan_audio.models import Segment, Span, Transcription, Word

__all__ = ["silences_in"]

_LEAST_SPEECH = 0.1
_LEAST_TOKEN_S = 0.1
"""Nobody says more than ten words, or Chinese characters, a second."""
_CRAMMED = 0.5
"""What has less than this part of the time that it takes was put there by no voice."""
_REACH_S = 1.0
"""How far beside the words the speech that is theirs may be: so wrong may Whisper's times be."""
_MARGIN_S = 0.3


def silences_in(transcription: Transcription, speech: Sequence[Span]) -> dict[int, str]:
    """Return which segments, by their index, have text where nobody speaks, and what tells so.

    It is so where less than a tenth of a segment's time is speech. It is also so where its words are in silence, or
    crammed into less time than it takes to say them, and there is no speech near them but that of other segments.

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
        elif (reason := _out_of_place(segment, _words_of(segment, transcription.words, starts), speech)) is not None:
            others = [each for each in (*segments[:at], *segments[at + 1 :]) if each.text.strip()]
            needed_s = _needed_s(segment)
            if _free_s(segment, others, speech, max(_REACH_S, needed_s)) < needed_s * _CRAMMED:
                found[at] = reason
    return found


def _share_of(spans: Sequence[Span], speech: Sequence[Span]) -> float:
    """Return how much of a time is speech, 0 to 1; of none at all, that of 0.3 s before and after."""
    timed = merged(spans) or merged((begin - _MARGIN_S, end + _MARGIN_S) for begin, end in spans)
    spoken_s = total_s(
        (max(begin, start), min(end, stop)) for begin, end in timed for start, stop in overlapping(speech, begin, end)
    )
    return spoken_s / total_s(timed)


def _out_of_place(segment: Segment, words: Sequence[Word], speech: Sequence[Span]) -> str | None:
    """Return what is wrong with the times of a segment's words; None where they may well have been said then."""
    times = [(word.start, word.end) for word in words] or [(segment.start, segment.end)]
    took_s = max(end for _, end in times) - times[0][0]
    if took_s < _needed_s(segment) * _CRAMMED:
        count = len(tokenize(segment.text))
        return f"{count} {'word' if count == 1 else 'words'} in {took_s:.2f} s, and no speech for them"
    if words and (share := _share_of(times, speech)) < _LEAST_SPEECH:
        return f"{share:.0%} of its words' time is speech"
    return None


def _words_of(segment: Segment, words: Sequence[Word], starts: Sequence[float]) -> Sequence[Word]:
    return words[bisect_left(starts, segment.start) : bisect_left(starts, segment.end)]


def _needed_s(segment: Segment) -> float:
    return len(tokenize(segment.text)) * _LEAST_TOKEN_S


def _free_s(segment: Segment, others: Sequence[Segment], speech: Sequence[Span], reach_s: float) -> float:
    """Return the seconds of speech in and near a segment that are no other's."""
    taken = merged((each.start - _MARGIN_S, each.end + _MARGIN_S) for each in others)
    begin, end = max(0.0, segment.start - reach_s), segment.end + reach_s
    free = list(between(taken, begin, end))
    return total_s(
        (max(start, first), min(stop, last)) for first, last in free for start, stop in overlapping(speech, first, last)
    )
