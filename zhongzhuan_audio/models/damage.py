"""What is wrong with a recording that was transcribed all the same."""

from __future__ import annotations

import attrs

__all__ = ["Damage"]


@attrs.frozen(kw_only=True)
class Damage:
    """What is wrong with a recording that was transcribed all the same: it is cut off, or in part not to be decoded."""

    detail: str
    """In words, with the figures that are known."""
    lost_s: float | None = None
    """How many seconds of the recording are not in the transcript; None where that is not known."""
