"""Joining pieces of a transcript the way their language does."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

__all__ = ["join_texts"]

_UNSPACED_RANGES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3000, 0x30FF),  # CJK punctuation, kana
    (0x31F0, 0x31FF),  # kana extensions
    (0x3400, 0x4DBF),  # CJK extension A
    (0x4E00, 0x9FFF),  # CJK
    (0xF900, 0xFAFF),  # CJK compatibility
    (0xFF00, 0xFF9F),  # full-width forms, half-width kana
    (0x20000, 0x3FFFF),  # CJK extensions B and later
)


def _is_unspaced(char: str) -> bool:
    code = ord(char)
    return any(low <= code <= high for low, high in _UNSPACED_RANGES)


def _needs_blank(left: str, right: str) -> bool:
    if _is_unspaced(left) and _is_unspaced(right):
        return False
    full_width = ("W", "F")
    left_mark = unicodedata.category(left).startswith("P") and unicodedata.east_asian_width(left) in full_width
    right_mark = unicodedata.category(right).startswith("P") and unicodedata.east_asian_width(right) in full_width
    return not (left_mark or right_mark)


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
        if joined and _needs_blank(joined[-1][-1], text[0]):
            joined.append(" ")
        joined.append(text)
    return "".join(joined)
