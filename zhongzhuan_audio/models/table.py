"""A transcript as a table for a notebook. Pure."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from zhongzhuan_audio.models.cues import cues_from_words
from zhongzhuan_audio.models.parts import Segment, Word
from zhongzhuan_audio.subtitles import Cue

__all__ = ["html_table"]

_HTML_ROWS = 200


def html_table(text: str, segments: Sequence[Segment], words: Sequence[Word]) -> str:
    """Return HTML with a row for each segment, 200 at most; without segments they are made of words.

    Where there are no times it is a paragraph of the text.
    """
    lines: Sequence[Segment | Cue] = segments or tuple(cues_from_words(words))
    if not lines:
        return _sendable(f"<p>{html.escape(text)}</p>")
    spoken = any(segment.speaker for segment in segments)
    rows = []
    for line in lines[:_HTML_ROWS]:
        speaker = f"<td>{html.escape(getattr(line, 'speaker', None) or '')}</td>" if spoken else ""
        rows.append(
            f"<tr><td>{_clock(line.start)}</td><td>{_clock(line.end)}</td>{speaker}"
            f'<td style="text-align:left">{html.escape(line.text)}</td></tr>'
        )
    more = len(lines) - _HTML_ROWS
    tail = f"<p>and {more} more</p>" if more > 0 else ""
    titles = "<th>start</th><th>end</th>" + ("<th>speaker</th>" if spoken else "") + "<th>text</th>"
    return _sendable(f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(rows)}</tbody></table>{tail}")


def _clock(seconds: float) -> str:
    milliseconds = max(0, round(seconds * 1000)) if math.isfinite(seconds * 1000) else 0
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def _sendable(text: str) -> str:
    """Return text without lone surrogates, which a notebook's kernel cannot send."""
    return text.encode("utf-8", "replace").decode("utf-8")
