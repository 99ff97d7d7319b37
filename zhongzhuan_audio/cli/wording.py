"""The library's complaints in the command's words: options where it names arguments."""

from __future__ import annotations

import re

from zhongzhuan_audio.advice import NOT_AGAIN, for_the_command
from zhongzhuan_audio.errors import ConfigurationError, ZhongzhuanError

__all__ = ["hint_of_many", "in_options", "reason_of"]

_TEXT = re.compile(r"\Ainput (?=has|is)")
_ARGUMENT = re.compile(r"\A(?:base_url|api_key|model_dir|host|port)\b")


def in_options(error: ZhongzhuanError) -> ZhongzhuanError:
    """Return the error with a hint, and the beginning of a message, that somebody at a command line can follow."""
    error.hint = for_the_command(error.hint)
    if isinstance(error, ConfigurationError):
        error.message = _ARGUMENT.sub(lambda found: f"--{found[0].replace('_', '-')}", error.message)
        error.message = _TEXT.sub("the text ", error.message)
    return error


def hint_of_many(error: ZhongzhuanError) -> str | None:
    """Return the hint without what it says of one request alone: why that was not tried again."""
    return (for_the_command(error.hint) or "").partition(NOT_AGAIN)[0].rstrip("; ") or None


def reason_of(error: Exception) -> str:
    """Return why something failed, and what to do about it."""
    return str(in_options(error)) if isinstance(error, ZhongzhuanError) else f"{type(error).__name__}: {error}"
