"""The length of mp3 and ADTS, with an index and without."""

from __future__ import annotations

import struct

import pytest

from zhongzhuan_audio.audio import formats
from zhongzhuan_audio.audio.duration import Probe

# MPEG-1 layer III, 48 kHz, mono: 24 ms a frame, and 3 bytes a kbit/s.
FRAME_S = 0.024
KBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)


def frame(kbits: int, inside: bytes = b"") -> bytes:
    """Return a frame of that bit rate, with something behind its 4 bytes of header."""
    return (b"\xff\xfb" + bytes((KBITS.index(kbits) + 1 << 4 | 4, 0xC0)) + inside).ljust(kbits * 3, b"\0")


def xing(frames: int | None, size: int | None, *, encoder: bytes = b"", magic: bytes = b"Xing") -> bytes:
    """Return a frame with Xing's index, which has a table of 100 bytes and a quality, and LAME's delay of 576 + 384."""
    flags = (frames is not None) | (size is not None) << 1 | 12
    counts = b"".join(struct.pack(">I", count) for count in (frames, size) if count is not None)
    lame = encoder.ljust(21, b"\0") + (576 << 12 | 384).to_bytes(3, "big") if encoder else b""
    return frame(96, bytes(17) + magic + struct.pack(">I", flags) + counts + bytes(104) + lame)


def close(seconds: float, *, exact: bool) -> Probe:
    return Probe(duration_s=pytest.approx(seconds), channels=1, sample_rate=48_000, exact=exact)


@pytest.mark.parametrize("magic", [b"Xing", b"Info"])
@pytest.mark.parametrize(("encoder", "skipped"), [(b"", 0), (b"LAME3.100", 960), (b"Lavc62.28", 960), (b"other", 0)])
@pytest.mark.parametrize("sized", [True, False])
def test_the_index_of_the_first_frame_tells(told, magic, encoder, skipped, sized):
    """Its frames count, less what the encoder says is to be skipped; it need not say how many bytes it speaks of."""
    frames = frame(32) * 50 + frame(320) * 50
    first = xing(100, 288 + len(frames) if sized else None, encoder=encoder, magic=magic)
    assert told(first + frames) == close(100 * FRAME_S - skipped / 48_000, exact=True)


def test_fraunhofers_index_tells(told):
    """VBRI stands 32 bytes behind the header, whatever the channels."""
    frames = frame(32) * 50
    first = frame(96, bytes(32) + b"VBRI" + struct.pack(">HHHII", 1, 0, 0, 288 + len(frames), 50))
    assert told(first + frames) == close(50 * FRAME_S, exact=True)


@pytest.mark.parametrize("index", [xing(None, None), xing(0, 1000), frame(96, bytes(32) + b"VBRI" + bytes(14))])
def test_an_index_that_counts_no_frames_is_passed_over(told, index):
    """Then the frames themselves are counted, and the index is the first of them."""
    assert told(index + frame(64) * 50) == close(51 * FRAME_S, exact=True)


@pytest.mark.parametrize(("copies", "kept"), [(3, 1), (1, 0.25)])
def test_an_index_of_other_bytes_is_scaled(told, copies, kept):
    """Of recordings one after the other the first speaks of itself only; one that was cut off speaks of the whole."""
    one = xing(200, 288 + 200 * 288) + frame(96) * 200
    data = one[: int(len(one) * kept)] * copies
    assert told(data) == close(200 * FRAME_S * copies * kept, exact=False)


def test_an_index_of_one_byte_is_no_ages(told):
    """What cannot be is not told."""
    assert told(xing(1 << 31, 1) + frame(64) * 9).duration_s is None


ID3V1 = b"TAG" + bytes(125)


def ape(size: int, *, header: bool) -> bytes:
    """Return an APEv2 tag with `size` bytes of items."""
    rest = struct.pack("<IIII", 2000, size + 32, 0, header << 31) + bytes(8)
    return (b"APETAGEX" + rest if header else b"") + b"\xff\xfb" * (size // 2) + b"APETAGEX" + rest


@pytest.mark.parametrize(
    "tags",
    [
        b"",
        ID3V1,
        ape(500, header=False),
        ape(500, header=True),
        ape(100_000, header=True) + ID3V1,
        bytes(1000),
        b"\xff",
    ],
)
@pytest.mark.parametrize("frames", [50, 20_000])
def test_tags_behind_the_frames_do_not_count(told, tags, frames):
    """Neither in what is counted, nor in what is estimated."""
    found = told(frame(64) * frames + tags)
    assert found.duration_s == pytest.approx(frames * FRAME_S, rel=0.001)
    assert found.exact == (frames == 50)


@pytest.mark.parametrize("junk", [b"\0" * 500, b"\xff\xfb\x90\xc0" * 3, b"\0" * 20_000, b"\xff" * 5_000])
def test_what_is_before_the_first_frame_is_passed_over(told, junk):
    """Padding, and what looks like a frame and is followed by none."""
    assert told(junk + frame(64) * 100, formats.MP3).duration_s == pytest.approx(100 * FRAME_S, abs=2 * FRAME_S)


def test_junk_between_the_frames_is_passed_over(told):
    """A tag in the middle, as where recordings were put together, is no frame."""
    found = told(frame(64) * 50 + b"ID3\x04\0\0\0\0\1\0" + bytes(128) + frame(64) * 50)
    assert found.duration_s == pytest.approx(100 * FRAME_S)


def test_a_frame_that_is_cut_off_does_not_count(told):
    """The last one is often not whole, and not played."""
    assert told((frame(64) * 10)[:-1]) == close(9 * FRAME_S, exact=True)


def test_frames_of_a_few_rates_are_estimated(told):
    """Where the bit rate goes up and down, the estimate errs by a few percent at most."""
    quiet, loud = frame(32) * 130, frame(128) * 200
    found = told((quiet + loud) * 60)
    assert found.duration_s == pytest.approx(330 * 60 * FRAME_S, rel=0.05)
    assert not found.exact


def test_what_holds_few_frames_is_not_estimated(told):
    """Some frames before a lot of something else tell of no length."""
    assert told(frame(64) * 1000 + bytes(20_000_000)).duration_s is None


@pytest.mark.parametrize(
    ("header", "size", "samples", "rate", "channels"),
    [
        (b"\xff\xfb\x90\x00", 417, 1152, 44_100, 2),
        (b"\xff\xfb\x92\x00", 418, 1152, 44_100, 2),
        (b"\xff\xfa\x18\xc0", 144, 1152, 32_000, 1),
        (b"\xff\xf3\x84\xc0", 192, 576, 24_000, 1),
        (b"\xff\xe3\x18\xc0", 72, 576, 8_000, 1),
        (b"\xff\xfd\xe4\x00", 1152, 1152, 48_000, 2),
        (b"\xff\xf5\x88\xc0", 576, 1152, 16_000, 1),
    ],
)
def test_frames_of_every_version_and_layer(told, header, size, samples, rate, channels):
    """Tables of ISO/IEC 11172-3 and 13818-3: 128 kbit/s at 44.1 kHz are 417 bytes, and so on."""
    assert told(header.ljust(size, b"\0") * 20, formats.MP3) == Probe(
        duration_s=pytest.approx(20 * samples / rate), channels=channels, sample_rate=rate, exact=True
    )


@pytest.mark.parametrize("number", range(14))
def test_frames_of_every_bit_rate(told, number):
    """Four steps double the rate in version 1; in version 2 the steps are 8 and then 16 kbit/s."""
    third = (4 + number % 4) * 8 << number // 4
    second = (32, 48, 56)[number] if number < 3 else (4 + (number - 3) % 4) * 16 << (number - 3) // 4
    later = 8 * (number + 1) if number < 8 else 16 * (number - 3)
    bits = number + 1 << 4 | 4
    for first, kbits, rate in ((0xFB, third, 48_000), (0xFD, second, 48_000), (0xF5, later, 24_000)):
        data = bytes((0xFF, first, bits, 0)).ljust(1152 * 125 * kbits // rate, b"\0")
        found = told(data * 20, formats.MP3)
        assert found.duration_s == pytest.approx(20 * 1152 / rate)
        assert found.exact


@pytest.mark.parametrize("header", [b"\xff\xfb\x04\xc0", b"\xff\xfb\xf4\xc0", b"\xff\xfb\x5c\xc0", b"\xff\xeb\x54\xc0"])
def test_what_tells_no_size_tells_no_length(told, header):
    """A free bit rate, one that is none, a sample rate that is none, and a version that is none."""
    assert told(header.ljust(192, b"\0") * 20, formats.MP3) == Probe()


def adts(size: int, *, blocks: int = 1, channels: int = 1, rate: int = 8) -> bytes:
    """Return an ADTS frame; rate 8 is 16 kHz, of which 1024 samples last 64 ms."""
    bits = 0xFFF << 44 | 1 << 40 | 1 << 38 | rate << 34 | channels << 30 | size << 13 | 0x7FF << 2 | (blocks - 1)
    return bits.to_bytes(7, "big").ljust(size, b"\0")


@pytest.mark.parametrize(("channels", "expected"), [(0, None), (1, 1), (2, 2), (6, 6), (7, 8)])
@pytest.mark.parametrize("blocks", [1, 4])
def test_adts_frames_are_counted(told, channels, expected, blocks):
    """Each has one to four blocks of 1024 samples; the channels may be told elsewhere."""
    assert told(b"".join(adts(size, blocks=blocks, channels=channels) for size in range(20, 120))) == Probe(
        duration_s=pytest.approx(100 * blocks * 0.064), channels=expected, sample_rate=16_000, exact=True
    )


@pytest.mark.parametrize("rate", range(13))
def test_adts_of_every_rate(told, rate):
    """Three rates a step of two, twelve steps, and 7350 Hz."""
    expected = (96_000, 88_200, 64_000)[rate % 3] >> rate // 3 if rate < 12 else 7_350
    found = told(adts(8_000, rate=rate) * 10)
    assert found.duration_s == pytest.approx(10 * 1024 / expected)
    assert found.sample_rate == expected


@pytest.mark.parametrize("rate", [13, 14, 15])
def test_adts_of_no_rate(told, rate):
    """The last three are not used."""
    assert told(adts(200, rate=rate) * 10, formats.AAC) == Probe()


def test_many_adts_frames_are_estimated(told):
    """Where sizes go up and down, the estimate errs by a few percent at most."""
    found = told(b"".join(adts(20 + at % 800) for at in range(10_000)))
    assert found.duration_s == pytest.approx(640, rel=0.03)
    assert not found.exact


def test_a_frame_alone_is_one(told):
    """Nothing need follow at the very start."""
    assert told(frame(64)) == close(FRAME_S, exact=True)
    assert told(adts(200)).duration_s == pytest.approx(0.064)


def test_adts_that_begins_within_a_frame(told):
    """What was cut out of a stream begins with the end of a frame."""
    assert told(adts(200)[9:] + adts(200) * 50, formats.AAC).duration_s == pytest.approx(50 * 0.064)


@pytest.mark.parametrize("data", [b"ADIF\x00\x3e\x80\x00\x01\x20\x00" + bytes(99), b"\xff\xf1\x50", b"\xff\xf1" * 5000])
def test_other_aac_tells_nothing(told, data):
    """ADIF has one header for all, and what is no frame has none."""
    assert told(data, formats.AAC) == Probe()
