"""What would be done to a recording, by its header alone. Pure."""

from __future__ import annotations

import attrs

from zhongzhuan_audio.audio import AudioFormat
from zhongzhuan_audio.config import AudioLimits
from zhongzhuan_audio.longform.cutting import plan_pieces
from zhongzhuan_audio.longform.needs import Need, lengths_of, need_of
from zhongzhuan_audio.options import Preparing

__all__ = ["Forecast", "forecast"]


@attrs.frozen(kw_only=True)
class Forecast:
    """What would be done to a recording."""

    need: Need
    """Why it cannot go out as it is."""
    pieces: int
    """In about how many requests it would go out: where the pauses are, nobody knows before it was listened to, nor how
    much of it is silence."""
    channels: int = 1
    """How many would go out, each by itself; at most, since one without speech does not."""


def forecast(
    kind: AudioFormat | None,
    size_bytes: int,
    duration_s: float | None,
    channels: int | None = None,
    *,
    model: str,
    limits: AudioLimits,
    preparing: Preparing,
    bytes_per_s: float,
) -> Forecast | None:
    """Return what would be done to a recording; None where it would go out as it is.

    Args:
        kind: Its format; None where the bytes were not recognised.
        size_bytes: Of the file.
        duration_s: None where it is not known; it is then taken for one that is not cut.
        channels: None where it is not known; it is then taken for one of two.
        model: The one that is asked.
        limits: What the relay takes.
        preparing: What is wanted.
        bytes_per_s: Of what it would be converted to.
    """
    if preparing.prepare == "never":
        return None
    need: Need | None = "channels"
    wanted = _wanted(preparing, channels or 2)
    if wanted == 0:
        need = need_of(kind, size_bytes, duration_s, model, limits, always=preparing.prepare == "always")
    if need is None:
        return None
    times = max(wanted, 1)
    lengths = lengths_of(model, limits, bytes_per_s)
    if duration_s is None or duration_s <= lengths.whole_s:
        return Forecast(need=need, pieces=times, channels=times)
    plan = plan_pieces(
        duration_s,
        target_s=lengths.target_s,
        max_s=lengths.max_s,
        # As if there were a pause wherever one is wanted.
        speech=(),
        window_s=lengths.window_s,
        overlap_s=lengths.overlap_s,
    )
    return Forecast(need=need, pieces=times * len(plan.pieces), channels=times)


def _wanted(preparing: Preparing, channels: int) -> int:
    """Return how many channels are asked for each by itself; 0 where the recording goes out as one."""
    if preparing.channels is None:
        return 0
    if preparing.channels == "split" or channels == 1:
        return channels
    return len(preparing.channels)
