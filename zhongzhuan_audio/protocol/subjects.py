"""What a relay's words are about, in Chinese and English: which model, the recording's format, its length."""

from __future__ import annotations

import re

__all__ = ["AMOUNT_OF_TIME_ZH", "TOO_LONG", "model_named", "names_format", "says_too_long"]

AMOUNT_OF_TIME_ZH = r"[^，。\n]{0,12}?\d[\d.]*\s*(?:秒|分钟|小时)"
"""A pattern: a time, perhaps behind a few words."""

_SOUND = r"\b(?:audio|recording|file(?! ?name)|duration)\b"
_SOUND_ZH = r"(?:音频|录音|语音|文件)"
_AMOUNT_OF_TIME = r"[^\n]{0,40}?\d[\d.,]*[\s-]?(?:s|sec(?:ond)?s?|min(?:ute)?s?|hours?)\b"

TOO_LONG = (
    rf"{_SOUND}(?:(?!took|tak|process|request|respon)[^\n]){{0,60}}?(?:longer|more|greater) than{_AMOUNT_OF_TIME}",
    rf"{_SOUND}(?:(?!took|tak|process|request|respon)[^\n]){{0,60}}?exceed{_AMOUNT_OF_TIME}",
    rf"{_SOUND}[^\n]{{0,30}}too long|\bmax(?:imum)? (?:audio )?(?:duration\b|length{_AMOUNT_OF_TIME})",
    rf"{_SOUND_ZH}[^，。\n]{{0,6}}(?:时长|长度)[^。\n]{{0,30}}?(?:超|大于|长于|过长|太长|上限)",
    r"时长[^，。\n]{0,12}(?:超出|超过|超限|过长|太长)(?:[^，。\n]{0,10}(?:限制|上限)|$)",
    rf"(?:音频|录音|语音)[^，。\n]{{0,6}}(?:过长|太长)|{_SOUND_ZH}[^。\n]{{0,20}}超{AMOUNT_OF_TIME_ZH}",
)
"""Patterns of what is said of a recording that lasts too long; a request that took too long is another matter.

Source: OpenAI's "audio duration 1834.2 seconds is longer than 1500 seconds which is the maximum for this model".
"""

_LENGTH = re.compile("|".join((*TOO_LONG, r"\btokens\b[^\n]{0,60}\baudio\b[^\n]{0,20}too large")), re.IGNORECASE)

_NAME_CHAR = r"[\w./:@-]"
_MODEL = re.compile(
    rf"模型\s*[:：=]?\s*[`'\"「]?({_NAME_CHAR}{{1,80}})"
    rf"|\bmodels?(?:\s*[:=]\s*|\s+|(?=[`'\"]))(?:[`'\"]({_NAME_CHAR}{{1,80}})|({_NAME_CHAR}*[\d/-]{_NAME_CHAR}*))",
    re.IGNORECASE | re.ASCII,
)
"""In English a bare word after "model" is a name only if no word looks like it."""

_FORMAT = re.compile(r"(?<!response )(?<!response_)\bformat|codec|decode|extension|格式", re.IGNORECASE)


def model_named(message: str) -> str | None:
    """Return the model that a message names, or None."""
    found = _MODEL.search(message)
    return (found[1] or found[2] or found[3]).rstrip(".:") or None if found else None


def names_format(message: str) -> bool:
    """Tell whether a message is about the recording's format."""
    return _FORMAT.search(message) is not None


def says_too_long(message: str) -> bool:
    """Tell whether a message says that the recording lasts too long, or makes too many tokens."""
    return _LENGTH.search(message) is not None
