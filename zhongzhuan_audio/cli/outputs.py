"""Transcripts as files: each form of each, and nothing of an earlier run replaced by less."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs

from zhongzhuan_audio.errors import ConfigurationError, NoTimingError, ZhongzhuanError
from zhongzhuan_audio.files import write_text
from zhongzhuan_audio.models import Transcription
from zhongzhuan_audio.models.transcription import FitOptions

__all__ = [
    "FORMATS",
    "UNTIMED_SUFFIX",
    "Form",
    "Kept",
    "Rendered",
    "UnwrittenError",
    "keep",
    "parse_formats",
    "render",
]

Form: TypeAlias = Literal["text", "json", "srt", "vtt"]
"""What a transcript is written as."""

FORMATS: dict[str, tuple[Form, str]] = {
    "text": ("text", ".txt"),
    "json": ("json", ".json"),
    "verbose_json": ("json", ".json"),
    "srt": ("srt", ".srt"),
    "vtt": ("vtt", ".vtt"),
}
"""Of each format's name, what is written and the suffix of its file."""

UNTIMED_SUFFIX = ".txt"
"""What an answer without times gets in place of a subtitle's suffix."""

_GAP = "[missing·缺失".encode()
"""Without blanks and line ends, which depend on how subtitles are laid out."""
_MOST_BYTES = 64 << 20
"""More than any transcript has: the client takes no larger answer."""
_GAP_IN_JSON = b'\n  "gaps": ['


class UnwrittenError(ZhongzhuanError):
    """A transcript found no place.

    Attributes:
        reason: What the system said.
        folder: Where it belonged.
    """

    def __init__(self, message: str = "", *, reason: str = "", folder: str = "", **facts: Any) -> None:
        super().__init__(message, **facts)
        self.reason = reason
        self.folder = folder


def parse_formats(names: str) -> tuple[str, ...]:
    """Return the formats that an option names, with commas between them.

    Raises:
        ConfigurationError: One is none, or is there twice.
    """
    formats = tuple(name.strip() for name in names.split(","))
    for name in formats:
        if name not in FORMATS:
            raise ConfigurationError(f"no format {name!r}", hint=f"use {', '.join(FORMATS)}, or several with commas")
    suffixes = [FORMATS[name][1] for name in formats]
    if len(set(suffixes)) < len(suffixes):
        raise ConfigurationError(f"--format {names} names a file twice", hint="name each kind of file once")
    return formats


@attrs.frozen(kw_only=True)
class Rendered:
    """A transcript in all its forms."""

    texts: Mapping[str, str]
    """By the suffixes of their files."""
    is_untimed: bool
    """Whether there are no subtitles, for want of times: its text stands in for them."""


def render(transcription: Transcription, formats: Iterable[str], fit: FitOptions | None = None) -> Rendered:
    """Return a transcript in the forms that the formats name.

    Args:
        transcription: What to render.
        formats: As in `parse_formats`.
        fit: How subtitles are laid out.
    """
    texts, is_untimed = {}, False
    for form, suffix in (FORMATS[name] for name in formats):
        try:
            texts[suffix] = transcription.render(form, **(fit if fit and form in {"srt", "vtt"} else {}))
        except NoTimingError:
            is_untimed = True
    if is_untimed:
        texts[UNTIMED_SUFFIX] = transcription.to_text()
    return Rendered(texts=texts, is_untimed=is_untimed)


@attrs.frozen(kw_only=True)
class Kept:
    """Where a text is now, and what became of what was there before."""

    path: Path
    note: str | None = None
    """What is to be said of it; None where all is as expected."""


def keep(path: Path, text: str, *, known: bool) -> Kept:
    """Write a text, unless what is there is worth more. Blocks.

    What has no gaps is worth more than what has.

    Args:
        path: Where it belongs; folders are made.
        text: What is to be written.
        known: Whether it was written there before, so that what differs was changed since then.

    Raises:
        OSError: It cannot be written.
    """
    data = text.encode("utf-8", "replace")
    held = _size(path)
    if held is not None and held <= _MOST_BYTES:
        there = path.read_bytes()
        if there == data:
            return Kept(path=path)
    else:
        # What is so large is no transcript.
        there = b""
    less, more = _has_gaps(data), _has_gaps(there)
    if held and (less > more or (less == more and (known or held > len(data)))):
        beside, is_there = _beside(path, data)
        if is_there:
            return Kept(path=beside)
        if known:
            return Kept(path=path, note=f"{path} differs from the journal's answer, and is left as it is")
        write_text(beside, text)
        return Kept(path=beside, note=f"{path} holds more than the new answer, which is in {beside}")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    return Kept(path=path)


def _has_gaps(data: bytes) -> bool:
    """Tell, of a transcript in any form, whether it says that something is missing."""
    return _GAP_IN_JSON in data or _GAP in b"".join(data.split())


def _beside(path: Path, data: bytes) -> tuple[Path, bool]:
    """Return the first name beside a path that is free or has the same in it, and whether it has."""
    number = 1
    while True:
        found = path.with_name(f"{path.stem}.new{number}{path.suffix}")
        held = _size(found)
        if held is None or (held == len(data) and found.read_bytes() == data):
            return found, held is not None
        number += 1


def _size(path: Path) -> int | None:
    """Return a file's size in bytes; None where there is none, or something that no text goes into."""
    return path.stat().st_size if path.is_file() else None
