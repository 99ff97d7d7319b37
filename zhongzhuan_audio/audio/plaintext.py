"""Telling text from sound: raw samples have no header, so what is called text must be nothing else."""

from __future__ import annotations

import codecs
import re
import unicodedata

__all__ = ["decode_text"]

_CONTROLS = re.compile("[\0-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_BREAKS = re.compile("[ \t\r\n，。、？！：；）》”]")
_FOREIGN = re.compile("[^\0-\x7f]")
_COMMON_SHARE = 0.9
_ASCII_SHARE = 0.75


def decode_text(head: bytes) -> str | None:
    """Return the text that `head` begins with, or None where it need not be text.

    UTF-8, UTF-16 with a byte order mark, GB18030 and Windows-1252 are known; the last character may be cut. Text has
    no control characters but tab, line feed, form feed, carriage return and escape. The two older encodings take
    nearly any bytes, so there the characters must also be those of a Chinese or a Western text, with a blank or a
    punctuation mark: silence in G.711 is D5 D5 D5, which would be 照照照 in GB18030. One byte value over and over is no
    text in any of them.
    """
    if len(set(head)) < 2:  # noqa: PLR2004 - one value, or nothing
        return None
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = _decode(head, "utf-16")
        return text if text is not None and _all_assigned(text) else None
    text = _decode(head, "utf-8-sig")
    if text is not None:
        return text
    # Western words make Chinese characters in GB18030 too, so the encoding with the stricter rule goes first.
    text = _decode(head, "cp1252")
    if text is not None and _is_western(text):
        return text
    text = _decode(head, "gb18030")
    return text if text is not None and _is_chinese(text) else None


def _decode(head: bytes, encoding: str) -> str | None:
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return None
    return text if text and not _CONTROLS.search(text) else None


def _all_assigned(text: str) -> bool:
    """Say whether all characters exist: samples that look like UTF-16 soon hit one that does not."""
    return not any(unicodedata.category(char) in ("Cn", "Co") for char in text)


def _is_chinese(text: str) -> bool:
    """Say whether the characters are those of GB2312, with which nearly all Chinese text on the mainland gets by."""
    common = text.encode("gb2312", "ignore").decode("gb2312")
    enough = len(_FOREIGN.findall(common)) >= _COMMON_SHARE * len(_FOREIGN.findall(text))
    return enough and _BREAKS.search(text) is not None


def _is_western(text: str) -> bool:
    return len(_FOREIGN.findall(text)) <= (1 - _ASCII_SHARE) * len(text) and _BREAKS.search(text) is not None
