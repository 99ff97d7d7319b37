"""What an answer's headers say about the request: its id, and whether and when to try again."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from zhongzhuan_audio.protocol.masking import mask_keys

__all__ = ["request_id", "retry_after", "should_retry"]

_REQUEST_ID_NAMES = ("x-oneapi-request-id", "x-new-api-request-id", "x-request-id", "request-id", "x-litellm-call-id")
_REQUEST_ID_CHARS = 200
_DECIMAL = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the relay's id of the request.

    Args:
        headers: Response headers with lower-case names.

    Returns:
        The relay's own header before a gateway's ``x-request-id``; None where there is none or it is blank.

    Source: one-api and new-api set ``X-Oneapi-Request-Id``; OpenAI sets ``x-request-id``, litellm's proxy
    ``x-litellm-call-id``.
    """
    for name in _REQUEST_ID_NAMES:
        value = headers.get(name)
        if not value:
            continue
        if not value.isprintable():
            value = "".join(char for char in value if char.isprintable())
        if value := value.strip():
            return mask_keys(value)[:_REQUEST_ID_CHARS]
    return None


def retry_after(headers: Mapping[str, str], *, now: Callable[[], datetime]) -> float | None:
    """Return how long the relay asked to wait.

    Args:
        headers: Response headers with lower-case names.
        now: Clock giving an aware datetime; asked only where the header is a date.

    Returns:
        Seconds, finite and at least 0; None where no header says it, or says it malformed.

    Source: RFC 9110 section 10.2.3 (delta-seconds or HTTP date; fractions are taken too, relays send them);
    ``retry-after-ms`` is OpenAI's, and is the more exact where both are there.
    """
    milliseconds = _decimal(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "")
    seconds = _decimal(value)
    return seconds if seconds is not None else _until(value, now)


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """Return what ``x-should-retry`` says, or None where it says nothing.

    Args:
        headers: Response headers with lower-case names.

    Source: OpenAI's own clients obey it.
    """
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").strip().lower())


def _decimal(value: str) -> float | None:
    text = value.strip()
    if not _DECIMAL.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def _until(value: str, now: Callable[[], datetime]) -> float | None:
    try:
        when = parsedate_to_datetime(value.strip())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - now()).total_seconds())
