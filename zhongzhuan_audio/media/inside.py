"""What a container tells of its sound when it is gone through, without decoding it."""

from __future__ import annotations

from typing import Any

import attrs

from zhongzhuan_audio.audio import AudioFormat, formats
from zhongzhuan_audio.media.containers import demuxed, packets
from zhongzhuan_audio.media.recording import Recording, Window

__all__ = ["Inside", "look_inside"]

_MOST_GAP_S = 600.0
"""A longer jump in time is a fault in the times."""
_TIMED_AT_ITS_END = (formats.MPEG_PS, formats.MPEG_TS)
_FILM_BYTES = 64 * 1024 * 1024
"""Of these FFmpeg looks for the last times, within a second or so: what is larger need not be read whole."""


@attrs.frozen(kw_only=True)
class Inside:
    """What is told of the first sound track; None where nothing is."""

    format: str | None = None
    """FFmpeg's name for the container."""
    duration_s: float | None = None
    channels: int | None = None
    sample_rate: int | None = None
    exact: bool = False
    """Whether every packet was counted."""
    mute: bool = False
    """Whether it has no sound track."""

    def close(self) -> None:
        """Hold nothing."""


def look_inside(recording: Recording, kind: AudioFormat | None) -> Inside:
    """Open a container of which no header tells the length, and go through its first sound track. Blocks.

    Args:
        recording: What to read; whole, but for large films.
        kind: Its format, where that was recognised.

    Raises:
        AudioSourceError: It cannot be read, or FFmpeg makes nothing of it.
    """
    with demuxed(recording, kind) as (container, window):
        if not container.streams.audio:
            return Inside(format=container.format.name, mute=True)
        stream = container.streams.audio[0]
        context = stream.codec_context
        found = Inside(
            format=container.format.name,
            channels=(context and context.channels) or None,
            sample_rate=(context and context.sample_rate) or None,
        )
        if kind in _TIMED_AT_ITS_END and recording.size_bytes > _FILM_BYTES and stream.duration:
            return attrs.evolve(found, duration_s=float(stream.duration * stream.time_base))
        duration_s = _measured_s(container, window, stream)
        return attrs.evolve(found, duration_s=duration_s or None, exact=duration_s > 0 and window.error is None)


def _measured_s(container: Any, window: Window, stream: Any) -> float:
    """Return how long the packets of a track last, with the time for which there are none."""
    total_s, at_s = 0.0, (container.start_time or 0) / 1_000_000
    for packet in packets(container, window, stream):
        lasts_s = float((packet.duration or 0) * stream.time_base)
        if packet.pts is not None:
            starts_s = float(packet.pts * stream.time_base)
            # Times run backwards where recordings follow each other.
            if at_s < starts_s <= at_s + _MOST_GAP_S:
                total_s += starts_s - at_s
            at_s = starts_s
        at_s += lasts_s
        total_s += lasts_s
    return total_s
