"""What was done to a recording before it was sent."""

from __future__ import annotations

import attrs

__all__ = ["Preparation"]


@attrs.frozen(kw_only=True)
class Preparation:
    """What was done to a recording before it was sent."""

    reason: str
    """"format": relays do not take it; "billing": they cannot bill it; "size", "length": it passes a limit; "wish";
    "channels": each of them goes out by itself; "silence": it has long silence, which was left out."""
    encoding: str
    """What it was converted to: "mp3", "opus" or "flac", of 16 kHz and one channel."""
    original_bytes: int
    """Size of the recording."""
    sent_bytes: int
    """Size of all that was sent in its place, each piece once."""
    pieces: int
    """In how many requests it was sent; 0 where nobody speaks in it, so that nothing was."""
    skipped_s: float = 0.0
    """Seconds of silence that were not sent, of all channels that were asked for."""
    lost_s: float = 0.0
    """Seconds that could not be decoded."""
    channels: int = 1
    """How many were sent, each by itself."""
    channel_count: int = 1
    """How many the recording has, where it was asked for by channel."""
    same_channels: bool = False
    """Whether there are several, all the same, of which one was sent."""
    silent_channels: tuple[str, ...] = ()
    """Names of those in which nobody speaks, and which were not sent."""
