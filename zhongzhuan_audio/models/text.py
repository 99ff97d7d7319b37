"""Joining pieces of a transcript the way their language does."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

__all__ = ["is_unspaced", "join_texts", "unspaced_class"]

_UNSPACED_RANGES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x312F),  # CJK radicals, punctuation, kana, bopomofo
    (0x3190, 0x31FF),  # annotations, bopomofo, strokes and kana extensions
    (0x3400, 0x4DBF),  # CJK extension A
    (0x4E00, 0x9FFF),  # CJK
    (0xF900, 0xFAFF),  # CJK compatibility
    (0xFF00, 0xFF9F),  # full-width forms, half-width kana
    (0x1AFF0, 0x1B16F),  # kana supplements
    (0x20000, 0x3FFFF),  # CJK extensions B and later
)


def is_unspaced(char: str) -> bool:
    """Tell characters of scripts that put no blanks between words."""
    code = ord(char)
    return code >= _UNSPACED_RANGES[0][0] and any(low <= code <= high for low, high in _UNSPACED_RANGES)


def unspaced_class() -> str:
    """Return the same characters as what stands between the brackets of a regular expression."""
    return "".join(f"{chr(low)}-{chr(high)}" for low, high in _UNSPACED_RANGES)


def _is_mark(char: str, widths: str) -> bool:
    return unicodedata.category(char).startswith("P") and unicodedata.east_asian_width(char) in widths


def _edge(chars: Iterable[str], default: str) -> str:
    """Return the first character that tells the script: quotes, dashes and dots such as “ — … stand in all of them."""
    return next((char for char in chars if not _is_mark(char, "A")), default)


def _needs_blank(left: str, right: str) -> bool:
    last, first = _edge(reversed(left), left[-1]), _edge(right, right[0])
    if is_unspaced(last) and is_unspaced(first):
        return False
    return not (_is_mark(last, "WF") or _is_mark(first, "WF"))


def join_texts(pieces: Iterable[str]) -> str:
    """Join pieces of text with a blank between them, and with none between characters of scripts that use no blanks.

    Chinese, Japanese, Thai, Lao, Burmese and Khmer characters are joined directly, and so is anything beside full-width
    punctuation. Empty pieces are passed over; blanks around a piece are not kept.

    >>> join_texts(["Hello there.", "你好。", "世界"])
    'Hello there. 你好。世界'
    """
    joined: list[str] = []
    for piece in pieces:
        text = piece.strip()
        if not text:
            continue
        if joined and _needs_blank(joined[-1], text):
            joined.append(" ")
        joined.append(text)
    return "".join(joined)
