"""Stretches of a recording, as begin and end in seconds. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from zhongzhuan_audio.models import Span

__all__ = ["between", "merged", "overlapping", "total_s"]


def merged(spans: Iterable[Span], *, until_s: float = math.inf) -> list[Span]:
    """Return spans in order, those that touch as one, within a recording that has so many seconds; none is empty."""
    found: list[Span] = []
    for begin, end in sorted((max(0.0, begin), min(end, until_s)) for begin, end in spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif end > begin:
            found.append((begin, end))
    return found


def between(spans: Sequence[Span], begin: float, end: float) -> Iterator[Span]:
    """Yield what is left of a stretch without the spans, which are merged."""
    for start, stop in overlapping(spans, begin, end):
        if start > begin:
            yield begin, start
        begin = stop
    if end > begin:
        yield begin, end


def overlapping(spans: Sequence[Span], begin: float, end: float) -> Sequence[Span]:
    """Return those of merged spans that have a part within a stretch."""
    first = bisect_right(spans, begin, key=lambda span: span[1])
    return spans[first : max(first, bisect_left(spans, end, key=lambda span: span[0]))]


def total_s(spans: Iterable[Span]) -> float:
    """Return the seconds that spans have in all."""
    return math.fsum(end - begin for begin, end in spans)
