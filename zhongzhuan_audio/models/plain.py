"""A transcript as plain text: turns by their speakers, and a line wherever something is missing. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from zhongzhuan_audio.models.parts import Segment, Word
from zhongzhuan_audio.models.review import Span
from zhongzhuan_audio.models.text import join_texts

__all__ = ["plain_text"]


def plain_text(text: str, segments: Sequence[Segment], words: Sequence[Word], gaps: Sequence[Span]) -> str:
    """Return a text with a line end, or several lines.

    There is a line for each turn where segments tell who speaks, and one for each gap, such as
    ``[missing · 缺失 0:10:00-0:20:00]``: at its place, or above the text where nothing tells times.

    Args:
        text: The whole, which is one line where there are neither speakers nor gaps.
        segments: In order.
        words: In order; looked at where there are no segments.
        gaps: What was not transcribed, in order.
    """
    if not gaps and not any(segment.speaker for segment in segments):
        return f"{text}\n"
    said = [(each.start, each.speaker, each.text) for each in segments]
    said = said or [(each.start, None, each.word) for each in words]
    lines: list[str] = []
    for mark, part in itertools.groupby(_with_marks(said, gaps), key=lambda each: each[0]):
        if mark:
            lines.append(mark)
            continue
        for who, turn in itertools.groupby(part, key=lambda each: each[1]):
            spoken = join_texts(each[2] for each in turn)
            lines.append(f"{who}: {spoken}" if who else spoken)
    if not said and text.strip():
        lines.append(text)
    return "".join(f"{line}\n" for line in lines)


def _with_marks(
    said: Sequence[tuple[float, str | None, str]], gaps: Sequence[Span]
) -> Iterator[tuple[str, str | None, str]]:
    """Yield (mark, None, "") for each gap, and ("", speaker, text) for each part, in the order of their times."""
    left = list(reversed(gaps))
    for start, who, text in said:
        while left and left[-1][0] <= start:
            yield _mark(left.pop()), None, ""
        yield "", who, text
    while left:
        yield _mark(left.pop()), None, ""


def _mark(gap: Span) -> str:
    return f"[missing · 缺失 {_clock(gap[0])}-{_clock(gap[1])}]"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
