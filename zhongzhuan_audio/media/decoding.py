"""A recording of any format -> blocks of 16 kHz samples, as it is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from zhongzhuan_audio.audio import formats, sniff
from zhongzhuan_audio.audio.duration import probe
from zhongzhuan_audio.audio.others import describe_other
from zhongzhuan_audio.errors import UnsupportedAudioError
from zhongzhuan_audio.media.containers import open_container
from zhongzhuan_audio.media.extra import check_media
from zhongzhuan_audio.media.recording import Recording
from zhongzhuan_audio.media.samples import Samples
from zhongzhuan_audio.media.silk import open_silk

__all__ = ["Track", "open_track"]


class Track(Protocol):
    """The sound of a recording, to be gone through once."""

    channels: int
    """How many channels the blocks have: 1 where they are mixed down."""
    duration_s: float | None
    """Seconds, as the recording's header tells; None where it does not."""
    lost_s: float
    """Seconds that could not be decoded: silence stands in their place, or the recording ends before its time. Whole
    when the blocks are at their end."""

    def blocks(self) -> Iterator[Samples]:
        """Yield the samples, about a second at a time: (count,), or (channels, count) where they are not mixed down.

        Raises:
            AudioSourceError: The recording cannot be read, or nothing in it decoded.
        """
        ...


def open_track(recording: Recording, *, mono: bool = True) -> AbstractContextManager[Track]:
    """Open the first sound track of a recording, a video's too. Blocks; for a thread.

    Args:
        recording: Any format that FFmpeg reads as a file whole in itself, or WeChat's SILK.
        mono: Mix all channels into one; else they stay what they are.

    Raises:
        MissingExtraError: The extra ``media`` is not installed.
        AudioSourceError: It cannot be read, or is damaged.
        UnsupportedAudioError: It is not audio, a video without sound, or of a codec that is not known here.
    """
    check_media()
    head = recording.head()
    kind = sniff(head)
    if kind is None and (other := describe_other(head)) is not None:
        raise UnsupportedAudioError(
            f"{recording.label} is {other}, not audio", hint="give a recording", source=recording.label
        )
    told = probe(recording.read, recording.size_bytes, kind) if kind is not None else None
    if kind == formats.SILK:
        return open_silk(recording, told, mono=mono)
    return open_container(recording, kind, told, mono=mono)
