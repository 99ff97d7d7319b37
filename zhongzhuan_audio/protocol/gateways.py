"""What gateways write at a status of success where a transcript should be: bare words, nothing else.

A set on purpose so small, and only ever the whole of an answer: someone may say any of this, and more.

Source: the reason phrases of RFC 9110, as Go's `http.Error` and bare proxies write them; Envoy's local replies;
Cloudflare's short errors; Go's `context.DeadlineExceeded`, which relays pass on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["is_never_said", "is_written_by_gateways"]

_REASON = r"(?:internal server error|bad gateway|service (?:temporarily )?unavailable|gateway time-?out)"
_LONGEST = 400
_MODELS_OWN_HEADERS = ("openai-processing-ms", "openai-version", "openai-organization")
"""Set upstream, behind every gateway, and passed on by relays."""

_NEVER_SAID = re.compile(
    rf"(?:http )?(?:error )?50[0234][ :-]{{1,3}}{_REASON}\.?"
    r"|upstream connect error or disconnect/reset before headers\b.*"
    r"|(?:no healthy upstream|upstream request timeout|context deadline exceeded)\.?",
    re.IGNORECASE | re.DOTALL,
)
_SELDOM_SAID = re.compile(rf"{_REASON}\.?|error code: [0-9]{{3,4}}\.?", re.IGNORECASE)


def is_never_said(words: str) -> bool:
    """Tell whether words are a gateway's even where something else says that they are a transcript."""
    return len(words) <= _LONGEST and _NEVER_SAID.fullmatch(words) is not None


def is_written_by_gateways(body: str, headers: Mapping[str, str]) -> bool:
    """Tell whether a body of bare text is a gateway's words.

    A recording of nothing but "Service unavailable." is taken for one too, unless the headers are a model's.

    Args:
        body: The whole, without the blanks around it.
        headers: Response headers with lower-case names.
    """
    if is_never_said(body):
        return True
    return _SELDOM_SAID.fullmatch(body) is not None and not any(name in headers for name in _MODELS_OWN_HEADERS)
