"""Times of a transcript moved from silence to where somebody speaks. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from typing import TypeVar

import attrs

from zhongzhuan_audio.longform.spans import merged, overlapping, total_s
from zhongzhuan_audio.models import Segment, Span, Transcription, Word

__all__ = ["snap_to_speech"]

T = TypeVar("T", Segment, Word)

_LEAST_SPEECH = 0.1
"""A segment with a smaller share of speech may well be invented, and keeps the times that tell so."""
_LEAST_S = 0.1
"""No end is moved nearer to its beginning: what is said there is the word before it."""
_PAUSE_S = 0.4
"""Nobody is silent for so long within a word."""
_WORD_TAIL_S = 0.4
_SEGMENT_TAIL_S = 0.2
"""What has no more speech before such a pause is said after it; a segment may well begin with a short word."""
_SOFT_S = 0.5
"""A word that begins no earlier before speech may be a soft one that was not taken for speech."""
_IN_A_ROW_S = 0.1
"""Words that are no further apart follow each other."""


def snap_to_speech(
    transcription: Transcription, speech: Iterable[Span], *, unsaid: Collection[int] = ()
) -> Transcription:
    """Return a transcript whose segments and words begin and end where somebody speaks.

    Whisper has what follows a pause begin within it, often by half a second, and at times where the sentence before
    it ends. A start that lies in silence moves on to where speech begins, one that lies in the last sound before a
    pause to where the pause ends, and an end in silence back to where speech ends. A first word that lies in the pause
    whole shares the time of the second. No start passes the next one's, and no segment's time its words'. A segment
    with next to no speech in it stays where it is, and so do other words.

    Args:
        transcription: Of the whole recording; its segments and its words each in the order of their starts.
        speech: Where somebody speaks, in seconds.
        unsaid: Ids of segments that nobody has said; they stay where they are, and so do their words.
    """
    spoken = merged(speech)
    still = [(segment.start, segment.end) for segment in transcription.segments if segment.id in unsaid]
    seams = [segment.start for segment in transcription.segments]
    words = _with_first_words(transcription.words, _snapped(transcription.words, spoken), spoken, seams)
    if still:
        pairs = zip(transcription.words, words, strict=True)
        words = [old if any(begin <= old.start <= end for begin, end in still) else new for old, new in pairs]
    begins = [word.start for word in transcription.words]
    segments = []
    for old, new in zip(transcription.segments, _snapped(transcription.segments, spoken), strict=True):
        if old.id in unsaid:
            segments.append(old)
            continue
        first, last = bisect_left(begins, old.start), bisect_left(begins, old.end)
        begins_with_word = first < last and begins[first] - old.start <= _IN_A_ROW_S
        segments.append(_around(old, new, words[first:last], begins_with_word=begins_with_word))
    latest = math.inf
    for at in range(len(segments) - 1, -1, -1):
        segments[at] = attrs.evolve(segments[at], start=min(segments[at].start, latest))
        latest = segments[at].start
    return attrs.evolve(transcription, segments=tuple(segments), words=tuple(words))


def _around(old: Segment, new: Segment, words: Sequence[Word], *, begins_with_word: bool) -> Segment:
    """Return a moved segment with a time that its words are in."""
    # One that did not move keeps its time, whatever became of the words.
    if new is old or not words:
        return new
    start = words[0].start if begins_with_word else min(new.start, words[0].start)
    end = min(old.end, max(new.end, *(word.end for word in words)))
    return attrs.evolve(new, start=min(start, end), end=end)


def _snapped(parts: Sequence[T], speech: Sequence[Span]) -> list[T]:
    return [
        _moved(part, speech, parts[at + 1].start if at + 1 < len(parts) else part.end) for at, part in enumerate(parts)
    ]


def _moved(part: T, speech: Sequence[Span], latest: float) -> T:
    """Return a segment or word with new times, its start no later than `latest`."""
    start, end = part.start, part.end
    within = overlapping(speech, start, end)
    if not within or (isinstance(part, Segment) and _spoken_s(part, within) < _LEAST_SPEECH * (end - start)):
        return part
    begin = _said_from(part, within)
    if start < begin <= latest:
        start = begin
    if start + _LEAST_S <= within[-1][1] < end:
        end = within[-1][1]
    return attrs.evolve(part, start=start, end=end)


def _spoken_s(part: Segment | Word, within: Sequence[Span]) -> float:
    return total_s((max(part.start, begin), min(part.end, end)) for begin, end in within)


def _said_from(part: Segment | Word, within: Sequence[Span]) -> float:
    """Return from when on it can have been said: a pause, and the last sound before it, count as the word behind."""
    tail_s = _WORD_TAIL_S if isinstance(part, Word) else _SEGMENT_TAIL_S
    begin, spoken_s = within[0][0], 0.0
    for before, after in pairwise(within):
        spoken_s += before[1] - max(before[0], part.start)
        if spoken_s > tail_s:
            break
        if before[0] < part.start - tail_s and after[0] - before[1] >= _PAUSE_S:
            begin = after[0]
    return begin


def _with_first_words(
    old: Sequence[Word], new: Sequence[Word], speech: Sequence[Span], seams: Sequence[float]
) -> list[Word]:
    """Return the words with each moved that lies in the pause before the speech which the next one is in.

    None passes a seam: it would leave its segment.
    """
    words = list(new)
    for at in range(len(words) - 1):
        word, second = old[at], words[at + 1]
        spoken_s = _spoken_s(word, overlapping(speech, word.start, word.end))
        if spoken_s > min(_SEGMENT_TAIL_S, (word.end - word.start) / 3) or old[at + 1].start - word.end > _IN_A_ROW_S:
            continue
        if bisect_right(seams, word.start) < bisect_right(seams, old[at + 1].start):
            continue
        begin = next((begin for begin, _ in overlapping(speech, word.end, second.end)), word.start)
        latest = old[at + 2].start if at + 2 < len(old) else second.end
        if word.start + _SOFT_S < begin <= latest:
            share = len(word.word) / max(1, len(word.word) + len(second.word))
            meeting = max(second.start, begin + share * (second.end - begin))
            meeting = min(meeting, max(second.start, latest))
            words[at] = attrs.evolve(word, start=begin, end=max(begin, meeting))
            words[at + 1] = attrs.evolve(second, start=meeting)
    return words
