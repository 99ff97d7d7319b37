"""A recording as Whisper wants its samples."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zhongzhuan_audio.relay.refusals import not_audio

__all__ = ["SAMPLE_RATE", "CancelledInThreadError", "decode"]

SAMPLE_RATE = 16_000
_CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,rm,tta,voc,w64,wav,wv"
)
"""FFmpeg's readers for what is taken: files whole in themselves. Playlists could name any other file or address."""


class CancelledInThreadError(Exception):
    """The client went away."""


def decode(path: Path, cancelled: threading.Event) -> Any:
    """Return the recording as 16 kHz mono float32 samples in an array.

    Not left to faster-whisper, whose decoder reads playlists too and cannot be stopped.
    """
    import av
    import numpy as np
    from av.error import FFmpegError

    samples = bytearray()
    try:
        with av.open(
            os.fspath(path),
            metadata_errors="ignore",
            options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"},
        ) as container:
            for piece in _resampled(_frames(container)):
                if cancelled.is_set():
                    raise CancelledInThreadError
                samples += piece.to_ndarray().tobytes()
    except (FFmpegError, LookupError):
        # A LookupError means that there is no audio stream.
        raise not_audio() from None
    return np.frombuffer(samples, dtype=np.int16).astype(np.float32) / 32768.0


def _frames(container: Any) -> Iterator[Any]:
    """Give the first audio stream's frames; broken packets are passed over, as every player does."""
    from av.error import InvalidDataError

    for packet in container.demux(container.streams.audio[0]):
        try:
            yield from packet.decode()
        except InvalidDataError:
            continue


def _resampled(frames: Iterator[Any]) -> Iterator[Any]:
    """Give the frames as they are wanted; recordings that were joined may change their rate and channels midway."""
    from av import AudioResampler

    resampler, kind = None, None
    for frame in frames:
        new = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or new != kind:
            yield from resampler.resample(None) if resampler is not None else ()
            resampler, kind = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE), new
        # Times may have gaps or run backwards, which the resampler refuses; the samples' own order is enough.
        frame.pts = None
        yield from resampler.resample(frame)
    yield from resampler.resample(None) if resampler is not None else ()
