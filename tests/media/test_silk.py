"""WeChat's voice messages."""

from __future__ import annotations

import io
from typing import Any

import pytest

from zhongzhuan_audio.errors import AudioSourceError

from .conftest import RATE, decoded, lag

pysilk = pytest.importorskip("pysilk")
np = pytest.importorskip("numpy")


def silk(samples: Any, *, tencent: bool = True) -> bytes:
    """Return samples as SILK, with the leading byte that WeChat writes or without it."""
    out = io.BytesIO()
    pysilk.encode(io.BytesIO(samples.tobytes()), out, RATE, 25_000, tencent=tencent)
    return out.getvalue()


@pytest.mark.parametrize("end", [b"", b"\xff\xff"])
@pytest.mark.parametrize("tencent", [True, False])
def test_silk_is_decoded_with_and_without_its_leading_byte(jfk_samples, tencent, end):
    """All of it, in time."""
    samples, track = decoded(silk(jfk_samples, tencent=tencent) + end)
    assert len(samples) / RATE == pytest.approx(11.0, abs=0.03)
    assert abs(lag(samples, jfk_samples)) < 0.03 * RATE
    assert (track.lost_s, track.channels) == (0, 1)
    assert track.duration_s == pytest.approx(11.0, abs=0.03)


def test_silk_has_one_row_where_channels_are_kept_apart(jfk_samples):
    """As any recording of one channel."""
    samples, _ = decoded(silk(jfk_samples[:RATE]), mono=False)
    assert samples.shape == (1, RATE)


def test_a_broken_packet_is_passed_over(jfk_samples):
    """Silence stands for it, and what follows keeps its time."""
    data = bytearray(silk(jfk_samples))
    at = 10
    for _ in range(200):
        at += 2 + int.from_bytes(data[at : at + 2], "little")
    size = int.from_bytes(data[at : at + 2], "little")
    data[at : at + 2 + size] = b"\0\0"  # of no bytes: the decoder refuses it
    samples, track = decoded(bytes(data))
    assert track.lost_s == pytest.approx(0.02)
    assert len(samples) / RATE == pytest.approx(11.0, abs=0.03)
    assert abs(lag(samples, jfk_samples)) < 0.03 * RATE


@pytest.mark.parametrize("data", [b"\x02#!SILK_V3", b"#!SILK_V3\xff\xff", b"#!SILK_V3" + b"\xf0\x7f" * 50])
def test_silk_without_sound_is_told(data):
    """A header alone is no recording."""
    with pytest.raises(AudioSourceError, match="no sound in it can be decoded"):
        decoded(data)
