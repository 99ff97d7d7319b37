"""How far this machine's clock is from the relay's. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from zhongzhuan_audio.cli.doctor.facts import Listing
from zhongzhuan_audio.cli.doctor.rows import Row

__all__ = ["clock_row", "clock_skew_s"]

_FAR_S = 300.0
"""Signatures and tokens with a date in them are commonly refused beyond this."""
_NEAR_S = 2.0
"""The header has whole seconds, and is some time on its way."""


def clock_skew_s(headers: Mapping[str, str], heard_at: datetime) -> float | None:
    """Return how many seconds this machine's clock is ahead of the relay's; negative where it is behind.

    Args:
        headers: Of an answer, with lower-case names.
        heard_at: This machine's time when it came; aware.

    Returns:
        None where the answer does not tell, or was kept by a cache since.

    Source: RFC 9110 section 6.6.1 (``Date``), RFC 9111 section 5.1 (``Age``).
    """
    if headers.get("age", "0").strip() != "0":
        return None
    try:
        there = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (heard_at - (there if there.tzinfo else there.replace(tzinfo=UTC))).total_seconds()


def clock_row(endpoint: str, listing: Listing) -> Row:
    """Return the row of the clock."""
    skew_s = clock_skew_s(listing.headers, listing.heard_at)
    if skew_s is None:
        return Row(endpoint=endpoint, check="clock", state="skip", detail="the relay's time is not told")
    if abs(skew_s) <= _NEAR_S:
        return Row(endpoint=endpoint, check="clock", state="ok", detail="as the relay's")
    way = "ahead of" if skew_s > 0 else "behind"
    detail = f"{_in_words(abs(skew_s))} {way} the relay's"
    if abs(skew_s) <= _FAR_S:
        return Row(endpoint=endpoint, check="clock", state="ok", detail=detail)
    hint = "set this machine's clock, or have the network set it (NTP); if it is right, tell the relay's operator"
    return Row(endpoint=endpoint, check="clock", state="warn", detail=detail, hint=hint)


def _in_words(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    return " ".join(part for part in parts if part) or f"{rest} s"
