"""SRT and VTT: parse and render plain cues. Pure."""

from __future__ import annotations

import attrs

__all__ = ["Cue", "parse_srt", "parse_vtt", "render_srt", "render_vtt"]


@attrs.frozen
class Cue:
    """A stretch of text on the screen."""

    start: float
    """Seconds from the beginning of the recording."""
    end: float
    """Seconds; never before `start`."""
    text: str
    """May have several lines."""
