"""The length of amr, amr-wb and silk, packet by packet: RFC 4867, and Skype's SILK SDK."""

from __future__ import annotations

import io
import math
import random
import struct

import pytest

from zhongzhuan_audio.audio import formats
from zhongzhuan_audio.audio.duration import Probe

AMR_BYTES = {0: 13, 7: 32, 8: 6, 15: 1}  # 4.75 and 12.2 kbit/s, comfort noise, nothing
AMR_WB_BYTES = {0: 18, 8: 61, 9: 6, 14: 1, 15: 1}
NOISE = random.Random(7)  # noqa: S311 - data for a test


def frames(sizes: dict[int, int], kinds: list[int]) -> bytes:
    """Return frames of these types, full of noise."""
    return b"".join(bytes((kind << 3 | 4,)) + NOISE.randbytes(sizes[kind] - 1) for kind in kinds)


@pytest.mark.parametrize(
    ("magic", "sizes", "rate"), [(b"#!AMR\n", AMR_BYTES, 8_000), (b"#!AMR-WB\n", AMR_WB_BYTES, 16_000)]
)
@pytest.mark.parametrize("count", [1, 50, 3000])
def test_frames_of_every_type_last_20_ms(told, magic, sizes, rate, count):
    """Speech at any rate, comfort noise and nothing at all."""
    data = magic + frames(sizes, NOISE.choices(list(sizes), k=count))
    expected = Probe(duration_s=pytest.approx(count * 0.02), channels=1, sample_rate=rate, exact=True)
    assert told(data) == expected


# Bits of the frames of each type: 3GPP TS 26.101 table 1a, TS 26.201 table 2.
@pytest.mark.parametrize(
    ("magic", "bits"),
    [
        (b"#!AMR\n", (95, 103, 118, 134, 148, 159, 204, 244, 39)),
        (b"#!AMR-WB\n", (132, 177, 253, 285, 317, 365, 397, 461, 477, 40)),
    ],
)
def test_frames_of_every_rate(told, magic, bits):
    """A frame is as many whole bytes as its bits take, behind the one that tells its type."""
    for kind, count in enumerate(bits):
        data = bytes((kind << 3 | 4,)) + b"\xff" * ((count + 7) // 8)
        assert told(magic + data * 50).duration_s == pytest.approx(1.0)
    for kind in set(range(len(bits), 16)) - set(AMR_WB_BYTES if b"WB" in magic else AMR_BYTES):
        assert told(magic + bytes((kind << 3 | 4,)) * 50).duration_s is None


@pytest.mark.parametrize(
    ("magic", "sizes"), [(b"#!AMR_MC1.0\n\0\0\0\2", AMR_BYTES), (b"#!AMR-WB_MC1.0\n\0\0\0\2", AMR_WB_BYTES)]
)
def test_frames_of_many_channels_take_turns(told, magic, sizes):
    """The last bits before the first one count the channels."""
    found = told(magic + frames(sizes, [0] * 100))
    assert found.duration_s == pytest.approx(1.0)
    assert found.channels == 2


def test_many_frames_are_estimated(told):
    """Pauses between what is said, with few bytes, are part of the mean."""
    kinds = [
        kind for _ in range(400) for kind in [7] * NOISE.randrange(20, 300) + [8, *[15] * 7] * NOISE.randrange(1, 9)
    ]
    found = told(b"#!AMR\n" + frames(AMR_BYTES, kinds))
    assert found.duration_s == pytest.approx(len(kinds) * 0.02, rel=0.05)
    assert not found.exact


@pytest.mark.parametrize("data", [b"#!AMR\n", b"#!AMR", b"#!AMR-WB\n\xff\xff", b"#!AMR\n" + b"\x4c" * 99])
def test_without_frames_there_is_no_length(told, data):
    """A header, half of one, what is no frame, and a type that is not used."""
    assert told(data).duration_s is None


def packets(sizes: list[int]) -> bytes:
    return b"".join(struct.pack("<H", size) + NOISE.randbytes(size) for size in sizes)


@pytest.mark.parametrize("first", [b"", b"\2"])
@pytest.mark.parametrize("last", [b"", b"\xff\xff"])
@pytest.mark.parametrize("count", [1, 50, 3000])
def test_silk_packets_last_20_ms(told, first, last, count):
    """With the byte of the chat programs before the name or without; with the mark at the end or without."""
    data = first + b"#!SILK_V3" + packets([NOISE.randrange(20, 90) for _ in range(count)]) + last
    assert told(data) == Probe(duration_s=pytest.approx(count * 0.02), channels=1, exact=True)


def test_many_silk_packets_are_estimated(told):
    """An hour is sampled at a few places."""
    sizes = [NOISE.randrange(15, 40) if at // 500 % 3 else NOISE.randrange(60, 120) for at in range(180_000)]
    found = told(b"\2#!SILK_V3" + packets(sizes))
    assert found.duration_s == pytest.approx(3600, rel=0.05)
    assert not found.exact


@pytest.mark.parametrize("data", [b"#!SILK_V3", b"#!SILK_V3\xff\xff", b"#!SILK_V3\x05", b"#!SILK", b"\2\2#!SILK_V3"])
def test_without_packets_there_is_no_length(told, data):
    """A header and the mark of the end, and half of either."""
    assert told(data, formats.SILK).duration_s is None


@pytest.mark.parametrize("tencent", [True, False])
def test_what_an_encoder_writes(told, tencent):
    """The codec itself, where the extra that brings it is installed."""
    pysilk = pytest.importorskip("pysilk")
    tone = b"".join(struct.pack("<h", int(8000 * math.sin(at / 8))) for at in range(24_000 * 3))
    encoded = io.BytesIO()
    pysilk.encode(io.BytesIO(tone), encoded, 24_000, 25_000, tencent=tencent)
    assert told(encoded.getvalue()) == Probe(duration_s=pytest.approx(3.0), channels=1, exact=True)
