"""The length of wav and avi, chunk by chunk: Microsoft and IBM's Multimedia Programming Interface 1.0."""

from __future__ import annotations

import struct

import pytest

from zhongzhuan_audio.audio import formats
from zhongzhuan_audio.audio.duration import Probe

MONO_16K = {"tag": 1, "channels": 1, "rate": 16_000, "bits": 16}
ONE_SECOND = bytes(32_000)


def chunk(name: bytes, data: bytes, *, size: int | None = None, order: str = "<") -> bytes:
    """Return a chunk, padded to an even size; `size` is what it claims to have."""
    return name + struct.pack(f"{order}I", len(data) if size is None else size) + data + bytes(len(data) & 1)


def fmt(*, tag: int, channels: int, rate: int, bits: int, order: str = "<", block: int | None = None) -> bytes:
    """Return a format chunk; bit rates are those of samples as they are."""
    block = channels * bits // 8 if block is None else block
    return chunk(b"fmt ", struct.pack(f"{order}HHIIHH", tag, channels, rate, rate * block, block, bits), order=order)


def wave(*chunks: bytes, magic: bytes = b"RIFF", order: str = "<") -> bytes:
    """Return a file of these chunks."""
    body = b"WAVE" + b"".join(chunks)
    return magic + struct.pack(f"{order}I", len(body)) + body


SECOND = Probe(duration_s=1.0, channels=1, sample_rate=16_000, exact=True)
BY_SIZE = Probe(duration_s=1.0, channels=1, sample_rate=16_000, exact=False)


@pytest.mark.parametrize("before", [b"", chunk(b"JUNK", bytes(28)), chunk(b"LIST", bytes(300_001))])
@pytest.mark.parametrize("after", [b"", chunk(b"LIST", b"INFOIART\4\0\0\0me\0\0"), chunk(b"id3 ", bytes(99)), b"\0"])
def test_only_the_samples_count(told, before, after):
    """Chunks before and after them, of odd sizes and large ones, do not."""
    assert told(wave(before, fmt(**MONO_16K), before, chunk(b"data", ONE_SECOND), after)) == SECOND


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 32_002, 40_000])
def test_a_size_that_was_never_filled_in_gives_way_to_the_files(told, size):
    """What is 0, or more than there is, was left by a writer that could not come back, or the file was cut off."""
    assert told(wave(fmt(**MONO_16K), chunk(b"data", ONE_SECOND, size=size))) == BY_SIZE


@pytest.mark.parametrize("samples", [bytes(32_000), b"\1\2\3\4" * 8000, b"LIST" * 8000])
def test_a_size_of_0_counts_whatever_samples_look_like(told, samples):
    """Silence, and samples that spell a name, are no chunks."""
    assert told(wave(fmt(**MONO_16K), chunk(b"data", samples, size=0))) == BY_SIZE


@pytest.mark.parametrize("after", [b"", chunk(b"LIST", bytes(500)), chunk(b"LIST", bytes(7)) + chunk(b"id3 ", b"")])
def test_a_recording_of_nothing_lasts_0_s(told, after):
    """No samples, with other chunks behind or without, are no samples."""
    assert told(wave(fmt(**MONO_16K), chunk(b"data", b""), after)).duration_s == 0


def test_more_chunks_than_can_be_looked_at_are_samples(told):
    """Whether an empty one is empty is not looked for without end."""
    recording = wave(fmt(**MONO_16K), chunk(b"data", b""), chunk(b"LIST", bytes(5_000)) * 30)
    assert told(recording) == Probe(duration_s=30 * 5_008 / 32_000, channels=1, sample_rate=16_000)


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
@pytest.mark.parametrize("samples_bytes", [32_000, 0])
def test_the_64_bit_size_counts(told, magic, samples_bytes):
    """RF64 and BW64 say -1 in the chunk and the true size in ds64, unless that was never filled in either."""
    ds64 = chunk(b"ds64", struct.pack("<QQQI", 0, samples_bytes, 0, 0))
    recording = wave(ds64, fmt(**MONO_16K), chunk(b"data", ONE_SECOND, size=0xFFFFFFFF), b"", magic=magic)
    after = chunk(b"LIST", bytes(64)) if samples_bytes else b""
    assert told(recording + after) == (SECOND if samples_bytes else BY_SIZE)


def test_the_other_byte_order(told):
    """RIFX is RIFF with the large end first."""
    recording = wave(fmt(**MONO_16K, order=">"), chunk(b"data", ONE_SECOND, order=">"), magic=b"RIFX", order=">")
    assert told(recording) == SECOND


@pytest.mark.parametrize(("tag", "bits"), [(6, 8), (7, 8), (3, 32), (1, 24), (0xFFFE, 16)])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_samples_of_any_width(told, tag, bits, channels):
    """G.711, floats, three bytes and the extensible form are all as many bytes a second as their block says."""
    data = bytes(8_000 * channels * bits // 8)
    for block in (None, 0):
        header = fmt(tag=tag, channels=channels, rate=8_000, bits=bits, block=block)
        found = told(wave(header, chunk(b"data", data)))
        assert found == Probe(duration_s=1.0, channels=channels, sample_rate=8_000, exact=True)


@pytest.mark.parametrize(
    ("fact", "size", "expected"),
    [
        (
            chunk(b"fact", struct.pack("<I", 12_000)),
            None,
            Probe(duration_s=1.5, channels=1, sample_rate=8_000, exact=True),
        ),
        (chunk(b"fact", struct.pack("<I", 0)), None, Probe(duration_s=2.0, channels=1, sample_rate=8_000)),
        (chunk(b"fact", struct.pack("<I", 9)), 0xFFFFFFFF, Probe(duration_s=2.0, channels=1, sample_rate=8_000)),
        (b"", None, Probe(duration_s=2.0, channels=1, sample_rate=8_000)),
    ],
)
def test_compressed_samples_are_counted_by_fact_or_by_their_rate(told, fact, size, expected):
    """GSM 6.10 has 1625 bytes a second; what fact counts goes first, where it was filled in."""
    header = chunk(b"fmt ", struct.pack("<HHIIHHHH", 0x31, 1, 8_000, 1_625, 65, 0, 2, 320))
    assert told(wave(header, fact, chunk(b"data", bytes(3_250), size=size))) == expected


@pytest.mark.parametrize(
    "recording",
    [
        wave(),
        wave(fmt(**MONO_16K)),
        wave(chunk(b"data", ONE_SECOND), fmt(**MONO_16K)),
        wave(chunk(b"fmt ", b"\1\0\1\0"), chunk(b"data", ONE_SECOND)),
        wave(fmt(tag=1, channels=0, rate=0, bits=0), chunk(b"data", ONE_SECOND)),
        wave(fmt(tag=2, channels=0, rate=0, bits=0), chunk(b"data", ONE_SECOND)),
    ],
)
def test_without_a_format_nothing_is_told(told, recording):
    """Samples say nothing where what they are does not come first."""
    assert told(recording) == Probe()


def test_a_rate_that_no_recording_has_is_damage(told):
    """A length of more than ten seconds a byte is not believed."""
    assert told(wave(fmt(tag=7, channels=1, rate=8, bits=8), chunk(b"data", bytes(600)))).duration_s == 75
    header = chunk(b"fmt ", struct.pack("<HHIIHHHH", 0x31, 1, 8_000, 1_625, 65, 0, 2, 320))
    fact = chunk(b"fact", struct.pack("<I", 0xFFFFFFF0))
    assert told(wave(header, fact, chunk(b"data", bytes(3_250)))) == Probe(channels=1, sample_rate=8_000)


def avi(*, length: int, frames: int = 50, sound: bytes = b"auds") -> bytes:
    """Return the headers of a film of 40 ms a picture, with a stream of pictures and one of sound."""
    main = chunk(b"avih", struct.pack("<IIIIIIIIII16x", 40_000, 0, 0, 0, frames, 0, 2, 0, 320, 240))
    pictures = chunk(b"strh", b"vidsMJPG" + struct.pack("<IIIIIIIIIIHHHH", 0, 0, 0, 1, 25, 0, 50, 0, 0, 0, 0, 0, 0, 0))
    tones = chunk(
        b"strh", sound + struct.pack("<IIIIIIIIIIIHHHH", 1, 0, 0, 0, 2, 16_000, 0, length, 0, 0, 0, 0, 0, 0, 0)
    )
    streams = (
        chunk(b"LIST", b"strl" + pictures + chunk(b"strf", bytes(40))),
        chunk(b"LIST", b"strl" + tones + fmt(**MONO_16K).replace(b"fmt ", b"strf")),
    )
    body = b"AVI " + chunk(b"LIST", b"hdrl" + main + b"".join(streams)) + chunk(b"LIST", b"movi" + bytes(5000))
    return chunk(b"RIFF", body)


def test_a_films_sound_goes_first(told):
    """The stream of sound tells its own length in its own units; else the pictures tell the film's."""
    assert told(avi(length=24_000)) == Probe(duration_s=3.0, channels=1, sample_rate=16_000, exact=True)
    assert told(avi(length=0)) == Probe(duration_s=2.0, channels=1, sample_rate=16_000)
    assert told(avi(length=0, frames=0)) == Probe(channels=1, sample_rate=16_000)
    assert told(avi(length=9, sound=b"txts")) == Probe(duration_s=2.0)
    assert told(chunk(b"RIFF", b"AVI " + chunk(b"LIST", b"movi")), formats.AVI) == Probe()
