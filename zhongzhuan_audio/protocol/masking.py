"""Keys do not pass: what a relay sends back may hold them, whole or in part."""

from __future__ import annotations

import re

__all__ = ["mask_keys"]

# Dots belong to a key only between its characters: "sk-abc...xyz" is one, the full stop after "sk-abc123." is not.
_KEY_CHAR = r"(?:[A-Za-z0-9_*•…-]|\.+(?=[A-Za-z0-9_*•…]))"

# A letter before "sk-" makes it the end of a word ("task-list"), unless that letter is the tail of an escape.
_KEY_BEGINS = r"(?:(?<![A-Za-z])|(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{4})|(?<=%[0-9A-Fa-f]{2}))"

_MASKS = (
    (re.compile(rf"{_KEY_BEGINS}sk-(?:{_KEY_CHAR}{{5,}}|[A-Za-z0-9_-]{{0,4}}\*{_KEY_CHAR}*)"), "sk-***"),
    # Glued to a word, only what no word looks like: long, with letters and digits.
    (re.compile(r"(?<=[A-Za-z])sk-(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{20,}"), "sk-***"),
    # "Bearer authentication" is two words; a token has a digit, a star, or is longer than a word.
    (
        re.compile(r"\b(Bearer(?:\s|%20){1,8})(?=[\w.~+/=*-]*[0-9*]|[\w.~+/=*-]{24})[\w.~+/=*-]{6,}", re.IGNORECASE),
        r"\1***",
    ),
    # As Google makes them.
    (re.compile(r"\bAIza[\w-]{20,}"), "AIza***"),
    (re.compile(r"([?&](?:api[_-]?)?key=)[^&\s\"'<>]{6,}", re.IGNORECASE), r"\1***"),
)

# What each of them needs; most texts have none of it, and one search costs less than five replacements.
_HINT = re.compile(r"sk-|bearer|AIza|key=", re.IGNORECASE)


def mask_keys(text: str) -> str:
    """Return the text with keys replaced, those that the relay has shortened itself (``sk-abc***xyz``) too.

    Replaced are ``sk-`` tokens, ``AIza`` ones (Google's), tokens after ``Bearer``, and the value of ``key=`` in an
    address.

    >>> mask_keys("[sk-abc***xyz] 该令牌额度已用尽")
    '[sk-***] 该令牌额度已用尽'
    """
    if not _HINT.search(text):
        return text
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text
