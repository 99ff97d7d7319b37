"""Sound as samples of 16 kHz, and as a WAV."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import av
import numpy as np

RATE = 16_000


def samples(path: Path) -> Any:
    """Return a recording's samples."""
    with av.open(str(path)) as file:
        resampler = av.AudioResampler("s16", "mono", RATE)
        blocks = [block.to_ndarray()[0] for frame in file.decode(audio=0) for block in resampler.resample(frame)]
    return np.concatenate(blocks)


def silence(seconds: float) -> Any:
    """Return nothing to hear."""
    return np.zeros(round(seconds * RATE), np.int16)


def wav(*channels: Any) -> bytes:
    """Return channels as a WAV, the shorter ones with silence behind."""
    longest = max(map(len, channels))
    rows = [np.concatenate([channel, np.zeros(longest - len(channel), np.int16)]) for channel in channels]
    kept = io.BytesIO()
    with wave.open(kept, "wb") as file:
        file.setnchannels(len(rows))
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.stack(rows, 1).astype("<i2").tobytes())
    return kept.getvalue()
