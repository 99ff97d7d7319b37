"""The length of aiff, aifc, caf and au, as Apple's and Sun's pages lay them out."""

from __future__ import annotations

import struct

import pytest

from zhongzhuan_audio.audio.duration import Probe

RATE_8K = b"\x40\x0b\xfa\0\0\0\0\0\0\0"  # 8000 = 0xFA00 / 2**15 * 2**12
SECOND = Probe(duration_s=1.0, channels=1, sample_rate=8_000, exact=True)
BY_SIZE = Probe(duration_s=1.0, channels=1, sample_rate=8_000)


def aiff(
    frames: int, *, kind: bytes = b"", rate: bytes = RATE_8K, bits: int = 16, sound: bytes = b"", ssnd: int = -1
) -> bytes:
    """Return an aiff, or an aifc where a kind is given; `ssnd` is the size that the sound chunk claims."""
    common = struct.pack(">hIh", 1, frames, bits) + rate + (kind + b"\0\0" if kind else b"")
    body = (b"AIFC" if kind else b"AIFF") + b"COMM" + struct.pack(">I", len(common)) + common
    samples = bytes(8) + sound
    body += b"SSND" + struct.pack(">I", len(samples) if ssnd < 0 else ssnd) + samples
    return b"FORM" + struct.pack(">I", len(body)) + body


@pytest.mark.parametrize("kind", [b"", b"NONE", b"sowt", b"alaw", b"fl32"])
def test_the_frames_of_the_common_chunk_count(told, kind):
    """They tell the length of what is not compressed, or only to a byte a sample."""
    assert told(aiff(8_000, kind=kind)) == SECOND


def test_packets_of_ima4_have_64_samples(told):
    """What is counted for Apple's ADPCM are packets."""
    assert told(aiff(125, kind=b"ima4")) == SECOND


@pytest.mark.parametrize(("kind", "sample_bytes"), [(b"", 2), (b"sowt", 2), (b"ulaw", 1)])
@pytest.mark.parametrize("ssnd", [-1, 0, 0xFFFFFFFF])
def test_a_count_that_was_never_filled_in_gives_way_to_the_sound(told, kind, sample_bytes, ssnd):
    """The sound chunk's size tells, or the file's where that was not filled in either."""
    found = told(aiff(0, kind=kind, sound=bytes(8_000 * sample_bytes), ssnd=ssnd))
    assert found == BY_SIZE


@pytest.mark.parametrize("kind", [b"Qclp", b"MAC3", b"????"])
def test_what_is_compressed_otherwise_tells_no_length(told, kind):
    """What its count means is not known."""
    assert told(aiff(8_000, kind=kind)) == Probe(channels=1, sample_rate=8_000)


@pytest.mark.parametrize("rate", [bytes(10), b"\xff" * 10, b"\x40\x3f" + b"\xff" * 8, b"\xc0\x0b\xfa" + bytes(7)])
def test_a_rate_that_is_none_tells_nothing(told, rate):
    """Zero, what is not a number, more than any rate, and less than 0."""
    assert told(aiff(8_000, rate=rate)) == Probe(channels=1)


def test_channels_below_0_are_damage(told):
    """The count has a sign, and must not use it."""
    recording = aiff(8_000)
    assert told(recording.replace(b"\0\1\0\0\x1f\x40", b"\xff\xff\0\0\x1f\x40")) == Probe(sample_rate=8_000)


def au(encoding: int, size: int, data: bytes, *, at: int = 24, rate: int = 8_000) -> bytes:
    """Return a header, with a remark where the data begin later, and data."""
    return b".snd" + struct.pack(">5I", at, size, encoding, rate, 1) + bytes(at - 24) + data


@pytest.mark.parametrize(
    ("encoding", "bits"),
    [(1, 8), (2, 8), (3, 16), (4, 24), (5, 32), (6, 32), (7, 64), (23, 4), (24, 4), (25, 3), (26, 5), (27, 8)],
)
def test_au_of_every_encoding(told, encoding, bits):
    """The size over the width is the length; what is not told or not there is the rest of the file."""
    data = bytes(1_000 * bits)
    assert told(au(encoding, len(data), data + b"more", at=32)) == SECOND
    assert told(au(encoding, 0xFFFFFFFF, data)) == BY_SIZE
    assert told(au(encoding, len(data) + 9, data)) == BY_SIZE


@pytest.mark.parametrize(("encoding", "rate"), [(0, 8_000), (99, 8_000), (3, 0)])
def test_au_of_no_known_width_or_rate(told, encoding, rate):
    """Without either there is no length."""
    assert told(au(encoding, 100, bytes(100), rate=rate)) == Probe(channels=1, sample_rate=rate or None)


def caf_chunk(name: bytes, data: bytes, size: int | None = None) -> bytes:
    return name + struct.pack(">q", len(data) if size is None else size) + data


def caf(*chunks: bytes, packet_bytes: int = 2, packet_samples: int = 1, rate: float = 8_000.0) -> bytes:
    """Return a file of a description and these chunks."""
    description = struct.pack(">d4sIIIII", rate, b"lpcm", 0, packet_bytes, packet_samples, 1, 16)
    return b"caff\0\1\0\0" + caf_chunk(b"desc", description) + b"".join(chunks)


def pakt(frames: int) -> bytes:
    return caf_chunk(b"pakt", struct.pack(">qqii", 9, frames, 0, 0) + bytes(9))


DATA = bytes(4 + 16_000)


@pytest.mark.parametrize("before", [b"", caf_chunk(b"free", bytes(70_000)), caf_chunk(b"info", b"\0\0\0\0")])
def test_packets_of_one_size_are_counted_by_the_size(told, before):
    """Four bytes before them count edits."""
    assert told(caf(before, caf_chunk(b"data", DATA), caf_chunk(b"info", bytes(5)))) == SECOND


def test_a_last_chunk_may_go_on_to_the_end(told):
    """A size of -1 says so, and one that is larger than the file was never true."""
    assert told(caf(caf_chunk(b"data", DATA, -1))) == BY_SIZE
    assert told(caf(caf_chunk(b"data", DATA, 1 << 62))) == BY_SIZE


@pytest.mark.parametrize("chunks", [(pakt(8_000), caf_chunk(b"data", DATA)), (caf_chunk(b"data", DATA), pakt(8_000))])
def test_packets_of_different_sizes_are_counted_by_their_table(told, chunks):
    """It may stand on either side of them."""
    assert told(caf(*chunks, packet_bytes=0)) == SECOND


def test_packets_of_different_sizes_without_a_table(told):
    """Their number is not known."""
    assert told(caf(caf_chunk(b"data", DATA), packet_bytes=0)) == Probe(channels=1, sample_rate=8_000)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf"), 1e300])
def test_a_caf_rate_that_is_none_tells_nothing(told, rate):
    """No recording has such a rate."""
    assert told(caf(caf_chunk(b"data", DATA), rate=rate)) == Probe()


@pytest.mark.parametrize("frames", [-1, 1 << 62])
def test_a_table_that_cannot_be_right(told, frames):
    """Fewer than no frames, or ages of them, are no length."""
    assert told(caf(pakt(frames), caf_chunk(b"data", DATA))).duration_s is None
