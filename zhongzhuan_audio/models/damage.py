"""What is wrong with a recording."""

from __future__ import annotations

import attrs

__all__ = ["Damage"]


@attrs.frozen(kw_only=True)
class Damage:
    """What is wrong with a recording: it is cut off, or cannot be decoded, in part or at all."""

    detail: str
    """In words, with the figures that are known."""
    lost_s: float | None = None
    """How many seconds of the recording are missing or cannot be decoded; None where that is not known."""
