"""What has to be done to a recording before a relay takes it. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import attrs

from zhongzhuan_audio.audio import AudioFormat, formats
from zhongzhuan_audio.config import AudioLimits

__all__ = ["Lengths", "Need", "lengths_of", "may_be_too_long", "need_of", "rate_of"]

Need: TypeAlias = Literal["format", "billing", "size", "length", "wish", "channels", "silence"]
"""Why a recording is not sent as it is: relays do not take its format, or cannot bill it; it is too large, or too long;
it is wanted so; or its channels are; or it has silence that is to be left out."""

_TAKEN = frozenset((formats.FLAC, formats.MP3, formats.MP4, formats.M4A, formats.OGG, formats.WAV))
_TAKEN_UNBILLED = frozenset((formats.WEBM,))
_LEAST_BYTES_PER_S = {
    # The lowest bit rates that there are: 8 kbit/s, rounded down; of a wav, those of telephone codecs.
    formats.MP3: 980,
    formats.WAV: 650,
    # Digital silence at 8 kHz, which these keep in a frame of a few bytes each, now and then.
    formats.MP4: 50,
    formats.M4A: 50,
    formats.OGG: 30,
    formats.FLAC: 10,
}
"""With fewer bytes a second no recording of such a format is made."""
_PIECE_S = 600.0
_ROOM = 0.97
_HEAD_BYTES = 9 * 1024
"""What FFmpeg puts before the sound of a FLAC file, at most: empty room for tags nearly all."""
_WINDOW_S = 30.0
_OVERLAP_S = 5.0


def need_of(
    kind: AudioFormat | None,
    size_bytes: int,
    duration_s: float | None,
    model: str,
    limits: AudioLimits,
    *,
    always: bool = False,
) -> Need | None:
    """Return why a recording cannot go out as it is; None where it can.

    Args:
        kind: Its format; None where the bytes were not recognised, which is left to the relay.
        size_bytes: Of the file.
        duration_s: None where it is not known.
        model: The one that is asked.
        limits: What the relay takes.
        always: Whether it is to be converted in any case.
    """
    if kind is not None and kind not in _TAKEN:
        return "billing" if kind in _TAKEN_UNBILLED else "format"
    if limits.max_bytes is not None and size_bytes > limits.max_bytes:
        return "size"
    longest_s = limits.longest_s(model)
    if longest_s is not None and duration_s is not None and duration_s > longest_s:
        return "length"
    return "wish" if always else None


def may_be_too_long(kind: AudioFormat | None, size_bytes: int, model: str, limits: AudioLimits) -> bool:
    """Say whether a recording that relays take may be longer than the model takes, by its size alone.

    Where it may not, its header need not be looked at.

    Args:
        kind: Its format; None where the bytes were not recognised, which have no header to look at.
        size_bytes: Of the file.
        model: The one that is asked.
        limits: What the relay takes.
    """
    longest_s, least = limits.longest_s(model), None if kind is None else _LEAST_BYTES_PER_S.get(kind)
    return longest_s is not None and least is not None and size_bytes > longest_s * least


@attrs.frozen(kw_only=True)
class Lengths:
    """How long the pieces of a recording are to be, in seconds."""

    whole_s: float
    """What is no longer may well go out in one piece."""
    max_s: float
    """No piece may be longer."""
    target_s: float
    window_s: float
    overlap_s: float


def rate_of(sizes: Sequence[int], limits: AudioLimits, bytes_per_s: float) -> float:
    """Return for how many bytes a second pieces are to be planned, so that none of any place and length is too large.

    Args:
        sizes: What each second comes to, at most a second long each.
        limits: What the relay takes.
        bytes_per_s: The most that a second may come to, be it measured or not.
    """
    if limits.max_bytes is None:
        return bytes_per_s
    most = limits.max_bytes * _ROOM
    # The longest stretch of which every one, wherever it begins, has room.
    longest, first, total = len(sizes), 0, 0
    for last, size in enumerate(sizes):
        total += size
        while total > most - _HEAD_BYTES:
            total -= sizes[first]
            first += 1
            longest = min(longest, last - first + 1)
    # A piece begins and ends within a second, and the encoder is as far behind.
    seconds = longest if longest == len(sizes) else longest - 3
    return min(bytes_per_s, most / seconds) if seconds > 0 else bytes_per_s


def lengths_of(model: str, limits: AudioLimits, bytes_per_s: float) -> Lengths:
    """Return how long pieces may be that are encoded to so many bytes a second."""
    most = []
    if limits.max_bytes is not None:
        most.append(limits.max_bytes * _ROOM / bytes_per_s)
    if (longest_s := limits.longest_s(model)) is not None:
        most.append(longest_s * _ROOM)
    whole_s = min(most, default=math.inf)
    max_s = min(whole_s, _PIECE_S * 2)
    target_s = min(_PIECE_S, max_s * 0.9)
    return Lengths(
        whole_s=whole_s,
        max_s=max_s,
        target_s=target_s,
        window_s=min(_WINDOW_S, target_s / 2),
        overlap_s=min(_OVERLAP_S, target_s / 4),
    )
