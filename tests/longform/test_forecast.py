"""What a recording's header tells of what would be done to it."""

from __future__ import annotations

import pytest

from zhongzhuan_audio import AudioLimits
from zhongzhuan_audio.audio import AudioFormat, formats
from zhongzhuan_audio.longform.forecast import forecast
from zhongzhuan_audio.options import Channels, Preparing

LIMITS = AudioLimits(max_bytes=1_000_000, max_duration_s={"short-": 60.0})


@pytest.mark.parametrize(
    ("kind", "size_bytes", "duration_s", "model", "prepare", "expected"),
    [
        (formats.MP3, 1000, 10.0, "whisper-1", "auto", None),
        (formats.WEBM, 1000, 10.0, "whisper-1", "auto", ("billing", 1)),
        (formats.WEBM, 1000, 10.0, "whisper-1", "never", None),
        (formats.MP3, 1000, 10.0, "whisper-1", "always", ("wish", 1)),
        (formats.WAV, 2_000_000, 100.0, "whisper-1", "auto", ("size", 1)),
        (formats.WAV, 9_000_000, 800.0, "whisper-1", "auto", ("size", 6)),
        (formats.WAV, 2_000_000, None, "whisper-1", "auto", ("size", 1)),
        (formats.MP3, 900_000, 61.0, "short-1", "auto", ("length", 2)),
        (None, 1000, None, "whisper-1", "auto", None),
    ],
)
def test_what_would_be_done(
    kind: AudioFormat | None,
    size_bytes: int,
    duration_s: float | None,
    model: str,
    prepare: str,
    expected: tuple[str, int] | None,
) -> None:
    """Why, and in about how many pieces."""
    preparing = Preparing(prepare=prepare)  # type: ignore[arg-type]
    found = forecast(kind, size_bytes, duration_s, model=model, limits=LIMITS, preparing=preparing, bytes_per_s=6000.0)
    assert (found and (found.need, found.pieces)) == expected


@pytest.mark.parametrize(
    ("names", "channels", "duration_s", "expected"),
    [
        ("split", 2, 10.0, (2, 2)),
        ("split", 6, 10.0, (6, 6)),
        ("split", 1, 10.0, (1, 1)),
        ("split", None, 10.0, (2, 2)),
        ({"left": "a", "right": "b"}, 2, 800.0, (12, 2)),
        ({"left": "a", "right": "b"}, 1, 800.0, (6, 1)),
        ({"right": "b"}, 2, 10.0, (1, 1)),
    ],
)
def test_each_channel_goes_out_by_itself(
    names: Channels, channels: int | None, duration_s: float, expected: tuple[int, int]
) -> None:
    """Those that are wanted, as far as there are so many."""
    preparing = Preparing(channels=names)  # type: ignore[arg-type, misc]
    found = forecast(
        formats.WAV,
        1000,
        duration_s,
        channels,
        model="whisper-1",
        limits=LIMITS,
        preparing=preparing,
        bytes_per_s=6000.0,
    )
    assert found is not None
    assert (found.need, found.pieces, found.channels) == ("channels", *expected)
