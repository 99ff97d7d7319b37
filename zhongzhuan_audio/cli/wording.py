"""The library's complaints in the command's words: options where it names arguments."""

from __future__ import annotations

import re

from zhongzhuan_audio.config import API_KEY_VARIABLE
from zhongzhuan_audio.errors import ConfigurationError, ZhongzhuanError

__all__ = ["in_options"]

_KEY = f"{API_KEY_VARIABLE} or --api-key-file"
_TUNING = r"raise (?:Timeouts|RetryPolicy|Limits)\.\w+(?: and \w+)?"
_HINTS = [
    (re.compile(pattern), words)
    for pattern, words in (
        (r"pass api_key=; Client\.local\(\) needs none", "name its file with --api-key-file; --local needs none"),
        (rf"\({API_KEY_VARIABLE} or api_key=\)", f"({_KEY})"),
        (r"(?:as|with) api_key\b=?", f"in {_KEY}"),
        (r"allow_http=True \(--allow-http\)", "--allow-http"),
        (r"(?:as|with) base_url\b", "with --base-url"),
        (r"(?<!-)\bbase_url\b", "--base-url"),
        (r"response_format='(\w+)'", r"--format \1"),
        # What the command has no option for.
        (rf"(?:,? or|;) {_TUNING}|{_TUNING}, or |^{_TUNING}$", ""),
        (r",? or \S* ?allow_download=True\S* to fetch one", ""),
        (r",? or pass ssl=", ""),
        (r"; strict=False sends it all the same|(?:; |^)strict=False takes it as it is", ""),
        (r"; trust_env=False goes without|,? ?trust_env=False to go without", ""),
        (r",? or a session with aiohttp_socks's connector", ""),
    )
]
_TEXT = re.compile(r"\Ainput (?=has|is)")
_ARGUMENT = re.compile(r"\A(?:base_url|api_key|model_dir|host|port)\b")


def in_options(error: ZhongzhuanError) -> ZhongzhuanError:
    """Return the error with a hint, and the beginning of a message, that somebody at a command line can follow."""
    if error.hint is not None:
        for pattern, words in _HINTS:
            error.hint = pattern.sub(words, error.hint)
    if isinstance(error, ConfigurationError):
        error.message = _ARGUMENT.sub(lambda found: f"--{found[0].replace('_', '-')}", error.message)
        error.message = _TEXT.sub("the text ", error.message)
    return error
