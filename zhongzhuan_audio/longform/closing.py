"""A channel with its long silences closed up, and its transcript's times opened again. Pure.

Who listens to the other side is silent for most of a call. Whisper fills long silence with what it heard before, and
has what follows begin anywhere within it; and it is billed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, count, groupby, pairwise
from typing import TypeVar, final

import attrs

from zhongzhuan_audio.longform.spans import merged, overlapping
from zhongzhuan_audio.longform.suspicion import find_suspicious
from zhongzhuan_audio.longform.tokens import Token, track_of
from zhongzhuan_audio.models import Coverage, Segment, Span, Suspicion, Transcription, Word

__all__ = ["Closing", "plan_closing"]

T = TypeVar("T", Segment, Word, Suspicion)

_KEPT_S = 0.5
_LONGEST_S = 3.0


def plan_closing(speech: Sequence[Span], duration: float) -> Closing:
    """Return how to close up a channel: silence of more than 3 s, so that half a second stays at either end of it.

    Args:
        speech: Where somebody speaks, in seconds; in order, apart from each other.
        duration: Seconds of the recording.
    """
    reach = _LONGEST_S / 2
    near = merged(((begin - reach, end + reach) for begin, end in speech), until_s=duration)
    inner = [overlapping(speech, begin, end) for begin, end in near]
    return Closing(
        merged(((spans[0][0] - _KEPT_S, spans[-1][1] + _KEPT_S) for spans in inner if spans), until_s=duration)
    )


@final
class Closing:
    """What of a channel is kept: one kept stretch follows the other."""

    def __init__(self, kept: Sequence[Span]) -> None:
        """Make one.

        Args:
            kept: In order, apart from each other, in seconds.
        """
        self.kept: tuple[Span, ...] = tuple(kept)
        self._begins = [0.0, *accumulate(end - begin for begin, end in kept)]
        self._stretches = list(pairwise(self._begins))

    @property
    def duration(self) -> float:
        """Seconds that are kept."""
        return self._begins[-1]

    def closed(self, spans: Sequence[Span]) -> tuple[Span, ...]:
        """Return where spans of the channel are once it is closed up; what was not kept of them is left out."""
        return tuple(
            (begin + max(0.0, span[0] - stretch[0]), begin + min(stretch[1], span[1]) - stretch[0])
            for begin, stretch in zip(self._begins, self.kept, strict=False)
            for span in overlapping(spans, *stretch)
        )

    def opened(self, found: Transcription, *, duration: float) -> Transcription:
        """Return the transcript of a channel that was closed up, with the times of the recording.

        A segment that goes on behind a silence is taken apart there, where words have times; else it lasts as long as
        the silence, too.

        Args:
            found: Its times are those of what was kept.
            duration: Seconds of the recording.
        """
        segments = list(self._apart(found))
        parts: dict[int, list[int]] = {}
        for number, segment in enumerate(segments):
            parts.setdefault(segment.id, []).append(number)
        free = count(len(segments))
        warnings = [
            attrs.evolve(self._opened(told), segment_id=next(free) if number is None else number)
            for each in found.warnings
            for number, told in _told_of(each, segments, () if each.dropped else parts.get(each.segment_id, ()))
        ]
        return attrs.evolve(
            found,
            duration=duration,
            segments=tuple(
                attrs.evolve(self._opened(each), id=number, seek=None) for number, each in enumerate(segments)
            ),
            words=tuple(map(self._word, found.words)),
            gaps=self.spans_of(found.gaps),
            warnings=tuple(warnings),
            coverage=None if found.coverage is None else self._opened_coverage(found.coverage),
        )

    def _apart(self, found: Transcription) -> Iterator[Segment]:
        """Yield the segments, those that go over a seam in parts."""
        crossing = [len(overlapping(self._stretches, each.start, each.end)) > 1 for each in found.segments]
        track = track_of(found) if any(crossing) and found.words else None
        if track is None or not track.is_exact:
            yield from found.segments
            return
        for index, tokens in groupby(track.tokens, key=lambda token: token.segment):
            segment = found.segments[index]
            if not crossing[index]:
                yield segment
                continue
            for at, part in groupby(tokens, key=self._running_stretch()):
                said = list(part)
                text = segment.text[said[0].begin : said[-1].end].strip()
                whole = attrs.evolve(segment, start=said[0].start_s, end=said[-1].end_s, text=text, tokens=None)
                yield self._within(whole, at)

    def _running_stretch(self) -> Callable[[Token], int]:
        """Return what tells in which stretch a token is, which is never one before that of the last."""
        latest = 0

        def stretch_of(token: Token) -> int:
            nonlocal latest
            latest = max(latest, self._stretch_at(token.middle_s))
            return latest

        return stretch_of

    def _stretch_at(self, time: float) -> int:
        return min(max(bisect_right(self._begins, time) - 1, 0), len(self.kept) - 1)

    def _within(self, part: T, at: int) -> T:
        """Return a part with the time that it has in a stretch."""
        begin, end = self._stretches[at]
        return attrs.evolve(part, start=min(max(part.start, begin), end), end=min(max(part.end, begin), end))

    def _word(self, word: Word) -> Word:
        return self._opened(self._within(word, self._stretch_at((word.start + word.end) / 2)))

    def _opened(self, part: T) -> T:
        start = self._true(part.start, bisect_right)
        return attrs.evolve(part, start=start, end=max(start, self._true(part.end, bisect_left)))

    def _opened_coverage(self, coverage: Coverage) -> Coverage:
        return attrs.evolve(
            coverage,
            uncovered=self.spans_of(coverage.uncovered),
            sparse=self.spans_of(coverage.sparse),
            refilled=self.spans_of(coverage.refilled),
        )

    def spans_of(self, spans: Iterable[Span]) -> tuple[Span, ...]:
        """Return spans of what was kept as those of the recording; one that goes over a seam is several."""
        pieces = [
            (max(begin, first), min(end, last))
            for begin, end in spans
            for first, last in overlapping(self._stretches, begin, end)
        ]
        return tuple((self._true(begin, bisect_right), self._true(end, bisect_left)) for begin, end in pieces)

    def _true(self, time: float, side: Callable[[Sequence[float], float], int]) -> float:
        """Return when in the recording something is; at a seam it ends before the silence, and begins after it."""
        at = min(max(side(self._begins, time) - 1, 0), len(self.kept) - 1)
        begin, end = self.kept[at]
        return min(max(begin, begin + time - self._begins[at]), end)


def _told_of(
    warning: Suspicion, segments: Sequence[Segment], numbers: Sequence[int]
) -> Iterator[tuple[int | None, Suspicion]]:
    """Yield a warning for each part of its segment that it is true of, with the part's number, times and text.

    Where it was true of the whole only, it is the first part's.

    Args:
        warning: As it was told of the whole.
        segments: With the parts among them.
        numbers: Which these are; none of a segment that is not there.
    """
    if not numbers:
        yield None, warning
        return
    told = [(numbers[0], warning.detail)]
    if len(numbers) > 1:
        alone = [(number, Transcription(text="", segments=(segments[number],))) for number in numbers]
        true = [
            (number, each.detail)
            for number, part in alone
            for each in find_suspicious(part)
            if each.kind == warning.kind
        ]
        told = true or told
    for number, detail in told:
        part = segments[number]
        yield number, attrs.evolve(warning, start=part.start, end=part.end, text=part.text, detail=detail)
