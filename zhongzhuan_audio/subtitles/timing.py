"""When each part of a timed text was said: by the times of its words where there are any, else in proportion. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

import attrs

from zhongzhuan_audio.subtitles.breaking import is_opening, is_spaced
from zhongzhuan_audio.subtitles.formats import Cue

__all__ = ["Clock", "PlacedWord", "place_words"]

_LOOKAHEAD_CHARS = 60
_TOLERANCE_S = 1.0


@attrs.frozen
class PlacedWord:
    """Where in a text a word stands."""

    begin: int
    end: int
    index: int
    """Which of the words it is."""


class Clock:
    """Tells when the parts of a text begin and end."""

    def __init__(self, cue: Cue, placed: Iterable[PlacedWord] = (), words: Sequence[Cue] = ()) -> None:
        """Make a clock.

        Args:
            cue: The text and its times.
            placed: Which of the words stand where in it, in order.
            words: All words with their times, which are kept within the cue's and in order.
        """
        self._before = [0, *accumulate(not char.isspace() for char in cue.text)]
        points = [(0, cue.start)]
        for each in placed:
            for at, said in ((each.begin, words[each.index].start), (each.end, words[each.index].end)):
                points.append((self._before[at], max(points[-1][1], min(said, cue.end))))
        points.append((self._before[-1], max(points[-1][1], cue.end)))
        self._counts = [count for count, _ in points]
        self._times = [time for _, time in points]

    def begin_of(self, at: int) -> float:
        """Return when what begins at a place in the text begins, in seconds."""
        count = self._before[at]
        return self._between(bisect_right(self._counts, count) - 1, count)

    def end_of(self, at: int) -> float:
        """Return when what ends before a place in the text ends, in seconds."""
        count = self._before[at]
        found = bisect_left(self._counts, count)
        return self._times[found] if self._counts[found] == count else self._between(found - 1, count)

    def _between(self, left: int, count: int) -> float:
        """Return the time of a count of characters that lies at a point or between it and the next one."""
        begin, start = self._counts[left], self._times[left]
        if count == begin:
            return start
        share = (count - begin) / (self._counts[left + 1] - begin)
        return start + share * (self._times[left + 1] - start)


def place_words(cues: Sequence[Cue], words: Sequence[Cue]) -> list[list[PlacedWord]]:
    """Find the words in the texts that they are the words of.

    Args:
        cues: In the order of their times.
        words: In the order of theirs. One that is not found, or whose times are no numbers, is passed over.

    Returns:
        For each cue the words in it, in the order of its text. A mark that stands right beside a word belongs to it.
    """
    folded = [_folded(word.text)[0] for word in words]
    usable = [
        index
        for index, word in enumerate(words)
        if folded[index] and math.isfinite(word.start) and math.isfinite(word.end)
    ]
    found = []
    first = 0
    for cue in cues:
        while first < len(usable) and words[usable[first]].end < cue.start - _TOLERANCE_S:
            first += 1
        text, places = _folded(cue.text)
        placed: list[PlacedWord] = []
        at, here = 0, first
        while here < len(usable) and at < len(text) and words[usable[here]].start <= cue.end + _TOLERANCE_S:
            index = usable[here]
            here += 1
            begin = _find(text, places, cue.text, folded[index], at)
            since = words[placed[-1].index].end if placed else cue.start
            if begin is not None and (begin == at or _is_in_time(begin - at, len(text) - at, since, cue, words[index])):
                at = begin + len(folded[index])
                first = here
                earliest = placed[-1].end if placed else 0
                placed.append(_with_marks(cue.text, places[begin], places[at - 1] + 1, earliest, index))
        found.append(placed)
    return found


def _folded(text: str) -> tuple[str, list[int]]:
    """Return letters and digits without their case, and where in the text each of them stands."""
    folded = [(char, at) for at, each in enumerate(text) if each.isalnum() for char in each.casefold()]
    return "".join(char for char, _ in folded), [at for _, at in folded]


def _find(text: str, places: list[int], original: str, word: str, at: int) -> int | None:
    """Return where a word stands in a folded text, at a place or soon after it; not within another word there."""
    begin = at - 1
    while (begin := text.find(word, begin + 1, at + _LOOKAHEAD_CHARS + len(word))) >= 0:
        if begin == at:
            return begin
        left, right = places[begin], places[begin + len(word) - 1]
        if not (_is_one_word(original, left - 1) or _is_one_word(original, right)):
            return begin
    return None


def _is_in_time(skipped: int, left: int, since: float, cue: Cue, word: Cue) -> bool:
    """Whether so much of the text can have been said before a word; if not, it is a later word of the same letters."""
    return word.start >= since + (cue.end - since) * skipped / left - _TOLERANCE_S


def _is_one_word(text: str, at: int) -> bool:
    """Whether two characters beside each other are of one word, in a script that has blanks between words."""
    return 0 <= at < len(text) - 1 and all(each.isalnum() and is_spaced(each) for each in text[at : at + 2])


def _with_marks(text: str, begin: int, end: int, earliest: int, index: int) -> PlacedWord:
    """Take in the marks that stand right beside a word: opening ones before it, any others behind."""
    while begin > earliest and is_opening(text[begin - 1]):
        begin -= 1
    while end < len(text) and not (text[end].isalnum() or text[end].isspace() or is_opening(text[end])):
        end += 1
    return PlacedWord(begin, end, index)
