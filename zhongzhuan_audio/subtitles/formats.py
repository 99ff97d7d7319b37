"""SRT and VTT: parse and render plain cues. Pure.

Rendering keeps to what every reader takes; parsing takes what writers really send. SRT has no specification, so its
rules are those that players share; VTT's are the W3C's "WebVTT: The Web Video Text Tracks Format".
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Iterator
from html.entities import html5

import attrs

__all__ = ["Cue", "name_of", "parse_srt", "parse_vtt", "render_srt", "render_vtt", "with_name"]

_LINE_END = re.compile(r"\r\n|\r|\n")

_TIME = r"(?:([0-9]{1,9}):)?([0-9]{1,9}):([0-9]{1,2})(?:[.,]([0-9]{1,3})[0-9]*)?"
_TIMING_LINE = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?![0-9])")
_INDEX_LINE = re.compile(r"\s*[-#]?[0-9]+(?:\.[0-9]*|[:)])?\s*")

_VTT_ASIDE = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)")
# Stopping at the next "<" keeps a row of unclosed tags linear, and leaves "a < b" alone.
_VTT_TAG = re.compile(r"</?(?:c|i|b|u|v|ruby|rt|lang)(?:[.\s][^<>]*)?>|<[0-9]+:[0-9:.]+>")
_VTT_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?[ \t]+([^<>]*)>")
# Python refuses to read a number of some thousand digits, so no more than a code point can have.
_VTT_ENTITY = re.compile(r"&(#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]*);")

_SRT_ARROW = re.compile(r"-{2,}>")
_VTT_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@attrs.frozen
class Cue:
    """A stretch of text on the screen."""

    start: float
    """Seconds from the beginning of the recording."""
    end: float
    """Seconds; never before `start`."""
    text: str
    """May have several lines."""
    speaker: str | None = None
    """Who says it; None where that is not known."""


def render_srt(cues: Iterable[Cue]) -> str:
    """Return cues as SubRip subtitles, numbered from 1.

    Times are rounded to the millisecond; one that is negative or not a number becomes 0, and an end before its start
    becomes the start. Blanks around a line and blank lines are dropped, a cue without text is left out, and a NUL
    becomes U+FFFD. A speaker's name stands before the text, as in ``Bob: Hello``. SubRip has no escapes, so the arrow
    ``-->`` in a text becomes ``->``: readers would take its line for a new cue.
    """
    blocks = (
        f"{number}\n{_stamp(start, ',')} --> {_stamp(end, ',')}\n{_SRT_ARROW.sub('->', text)}\n\n"
        for number, (start, end, text, _) in enumerate(_printable(map(with_name, cues)), start=1)
    )
    return "".join(blocks)


def render_vtt(cues: Iterable[Cue]) -> str:
    """Return cues as WebVTT.

    Times, blanks, blank lines, empty cues and NULs are treated as in `render_srt`; ``&``, ``<`` and ``>`` are escaped,
    so that a text is never read as markup. A speaker's name is in a voice tag before the text: ``<v Bob>Hello``.
    """
    blocks = (
        f"{_stamp(start, '.')} --> {_stamp(end, '.')}\n{_voice(who)}{text.translate(_VTT_ESCAPES)}\n\n"
        for start, end, text, who in _printable(cues)
    )
    return "WEBVTT\n\n" + "".join(blocks)


def name_of(cue: Cue) -> str:
    """Return the speaker's name without what cannot stand in one: line ends, which any blanks may be, and NUL."""
    return " ".join((cue.speaker or "").replace("\0", "\ufffd").split())


def with_name(cue: Cue) -> Cue:
    """Return a cue whose speaker's name, where it has one and a text, is the beginning of that text."""
    who = name_of(cue)
    if not who or not cue.text.strip():
        return Cue(cue.start, cue.end, cue.text)
    return Cue(cue.start, cue.end, f"{who}: {cue.text.lstrip()}")


def parse_srt(text: str) -> tuple[Cue, ...]:
    """Read SubRip subtitles, however untidy.

    A cue begins at a line with two times and an arrow, and reaches to the next one, without the number above that one.
    So numbers may be wrong or missing, and blank lines may stand in a text or be missing between cues. Hours and
    milliseconds may be left out; ``,`` and ``.`` both set milliseconds off. Tags stay in the text.

    Args:
        text: The file's text; with a byte order mark and any kind of line ends.

    Returns:
        Cues in the order of the text, those without text too; empty where no line has times.
    """
    return tuple(Cue(start, end, "\n".join(lines).strip()) for start, end, lines in _timed_blocks(text, vtt=False))


def parse_vtt(text: str) -> tuple[Cue, ...]:
    """Read WebVTT, however untidy; as `parse_srt` does, and by WebVTT's own rules for what surrounds a text.

    The header, NOTE, STYLE and REGION blocks, identifiers and cue settings are passed over. WebVTT's own tags (``<v
    Bob>``, ``<c.loud>``, ``<00:01.000>``, ``<i>``) are taken out, any other ``<`` is text, and character references
    are resolved. The voice that a whole text is in becomes its `speaker`.

    Args:
        text: The file's text; with a byte order mark and any kind of line ends. The header may be missing.

    Returns:
        Cues in the order of the text, those without text too; empty where no line has times.
    """
    return tuple(
        Cue(start, end, _plain(marked := "\n".join(_without_asides(lines)).strip()), _speaker_of(marked))
        for start, end, lines in _timed_blocks(text, vtt=True)
    )


def _printable(cues: Iterable[Cue]) -> Iterator[tuple[int, int, str, str]]:
    """Yield start, end (ms), text and speaker of each cue with a text, safe for a format that a blank line ends."""
    for cue in cues:
        lines = (line.strip() for line in _LINE_END.split(cue.text.replace("\0", "\ufffd")))
        text = "\n".join(line for line in lines if line)
        if text:
            start = _milliseconds(cue.start)
            yield start, max(start, _milliseconds(cue.end)), text, name_of(cue)


def _voice(name: str) -> str:
    return f"<v {name.translate(_VTT_ESCAPES)}>" if name else ""


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000)) if math.isfinite(seconds * 1000) else 0


def _stamp(milliseconds: int, mark: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{mark}{rest:03d}"


def _timed_blocks(text: str, *, vtt: bool) -> Iterator[tuple[float, float, list[str]]]:
    """Yield start, end (s) and the lines that follow each line of times, up to what belongs to the next one."""
    times: tuple[float, float] | None = None
    lines: list[str] = []
    for line in _LINE_END.split(text.removeprefix("\ufeff")):
        match = _TIMING_LINE.match(line)
        if match is None:
            lines.append(line)
            continue
        if times is not None:
            yield *times, _without_label(lines, vtt=vtt)
        groups = match.groups()
        start = _seconds(groups[:4])
        times, lines = (start, max(start, _seconds(groups[4:]))), []
    if times is not None:
        yield *times, lines


def _seconds(groups: tuple[str | None, ...]) -> float:
    hours, minutes, seconds = (int(group or 0) for group in groups[:3])
    # A whole number divided once is the float nearest to the written time; a sum of parts may not be.
    return (((hours * 60 + minutes) * 60 + seconds) * 1000 + int((groups[3] or "").ljust(3, "0"))) / 1000


def _without_label(lines: list[str], *, vtt: bool) -> list[str]:
    """Drop the next cue's number, or in WebVTT its identifier: the one line between a blank line and the times."""
    if lines and _INDEX_LINE.fullmatch(lines[-1]):
        return lines[:-1]
    if vtt and len(lines) > 1 and not lines[-2].strip():
        return lines[:-1]
    return lines


def _without_asides(lines: list[str]) -> Iterator[str]:
    """Drop blocks that are comments, style sheets or regions; they begin after a blank line and end at the next."""
    block_begins = aside = False
    for line in lines:
        blank = not line.strip()
        if blank:
            aside = False
        elif block_begins:
            aside = _VTT_ASIDE.match(line) is not None
        block_begins = blank
        if not aside:
            yield line


def _plain(text: str) -> str:
    return _VTT_ENTITY.sub(_character, _VTT_TAG.sub("", text))


def _speaker_of(marked: str) -> str | None:
    """Return the name in the voice tag that a text begins with, if all of the text is in it."""
    first = _VTT_VOICE.match(marked)
    if first is None or _VTT_VOICE.search(marked, first.end()) or marked.partition("</v>")[2].strip():
        return None
    return " ".join(_VTT_ENTITY.sub(_character, first[1]).split()) or None


def _character(reference: re.Match[str]) -> str:
    if reference[1].startswith("#"):
        return html.unescape(reference[0])
    return html5.get(f"{reference[1]};", reference[0])
