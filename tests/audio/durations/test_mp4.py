"""The length of mp4 and mov, box by box: ISO/IEC 14496-12."""

from __future__ import annotations

import struct

import pytest

from zhongzhuan_audio.audio import formats
from zhongzhuan_audio.audio.duration import Probe

FTYP = b"\0\0\0\x18ftypisom\0\0\2\0isommp42"
UNKNOWN_32, UNKNOWN_64 = (1 << 32) - 1, (1 << 64) - 1


def box(kind: bytes, *inside: bytes, long: bool = False) -> bytes:
    """Return a box; a long one has its size in 64 bits behind the kind."""
    data = b"".join(inside)
    head = struct.pack(">I4sQ", 1, kind, 16 + len(data)) if long else struct.pack(">I4s", 8 + len(data), kind)
    return head + data


def times(kind: bytes, scale: int, length: int, *, version: int = 0) -> bytes:
    """Return an mvhd or an mdhd."""
    return box(kind, bytes((version, 0, 0, 0)) + struct.pack(">QQIQ" if version else ">IIII", 0, 0, scale, length))


def tkhd(length: int, *, version: int = 0) -> bytes:
    form = ">QQIIQ" if version else ">IIIII"
    return box(b"tkhd", bytes((version, 0, 0, 7)) + struct.pack(form, 0, 0, 1, 0, length) + bytes(60))


def entry(channels: int, rate: int, *, version: int = 0) -> bytes:
    """Return a sound's sample entry; the second version of QuickTime's has its values further back."""
    if version == 2:
        head = bytes(8) + struct.pack(">HHIHHHHI", 2, 0, 0, 3, 16, 0xFFFE, 0, 1 << 16)
        return box(b"lpcm", head, struct.pack(">IdI", 72, rate, channels) + bytes(20))
    return box(b"mp4a", bytes(8) + struct.pack(">HHIHHHHI", version, 0, 0, channels, 16, 0, 0, rate << 16) + bytes(30))


def trak(
    *,
    shown: int = 0,
    scale: int = 16_000,
    length: int = 0,
    kind: bytes = b"soun",
    sample: bytes = b"",
    version: int = 0,
) -> bytes:
    """Return a track; `shown` is in the film's time, `length` in its own."""
    stsd = box(b"stsd", struct.pack(">II", 0, 1) + (sample or entry(1, 16_000)))
    return box(
        b"trak",
        tkhd(shown, version=version),
        box(b"edts", box(b"elst", bytes(20))),
        box(
            b"mdia",
            times(b"mdhd", scale, length, version=version),
            box(b"hdlr", bytes(8) + kind + bytes(13)),
            box(
                b"minf", box(b"hdlr", bytes(4) + b"dhlralis"), box(b"dinf"), box(b"stbl", stsd, box(b"stts", bytes(8)))
            ),
        ),
    )


def told_s(seconds: float | None) -> Probe:
    return Probe(duration_s=seconds, channels=1, sample_rate=16_000, exact=seconds is not None)


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize(
    ("shown", "length", "film", "expected"),
    [
        (1500, 32_000, 3000, 1.5),
        (0, 32_000, 3000, 2.0),
        (0, 0, 3000, 3.0),
        (0, 0, 0, None),
        (None, None, 3000, 3.0),
        (None, None, None, None),
    ],
)
def test_the_sound_goes_before_the_film(told, version, shown, length, film, expected):
    """What is shown of a track counts, then what it has, then what the film has; all bits set say: not known."""
    unknown = UNKNOWN_64 if version else UNKNOWN_32
    shown, length, film = (unknown if value is None else value for value in (shown, length, film))
    moov = box(b"moov", times(b"mvhd", 1000, film, version=version), trak(shown=shown, length=length, version=version))
    assert told(FTYP + moov + box(b"mdat", bytes(900))) == told_s(expected)


MOOV = box(b"moov", times(b"mvhd", 1000, 3000), trak(shown=1500))


@pytest.mark.parametrize(
    "recording",
    [
        FTYP + box(b"free", bytes(100_000)) + MOOV + box(b"mdat", bytes(5000)),
        FTYP + box(b"mdat", bytes(500_000)) + MOOV,
        FTYP + box(b"mdat", bytes(500_000), long=True) + MOOV,
        FTYP + box(b"mdat") + b"\0\0\0\0" + MOOV[4:],
        FTYP + box(b"moov", MOOV[8:], long=True),
        box(b"wide") + box(b"mdat", bytes(5000)) + MOOV,
    ],
)
def test_moov_is_found_wherever_it_stands(told, recording):
    """In front, behind, behind a box of more than 32 bits, as the last that goes on to the end, or without ftyp."""
    assert told(recording) == told_s(1.5)


@pytest.mark.parametrize(
    "recording",
    [
        FTYP,
        FTYP + box(b"mdat", bytes(5000)),
        FTYP + b"\0\0\0\0mdat" + bytes(5000) + MOOV,
        FTYP + b"\0\0\0\1mdat" + b"\x7f" * 8 + MOOV,
        FTYP + b"\0\0\0\7free" + MOOV,
        FTYP + box(b"moov"),
        FTYP + box(b"moov", box(b"cmov", bytes(99))),
        FTYP + MOOV[:20],
    ],
)
def test_without_moov_nothing_is_told(told, recording):
    """A recording that was never finished has none; nor can one be reached behind a size that leads nowhere."""
    assert told(recording) == Probe()


def test_a_film_tells_of_its_sound(told):
    """Pictures may go on for longer, and come first, with many more bytes."""
    pictures = trak(shown=9000, kind=b"vide", sample=bytes(70_000))
    moov = box(b"moov", times(b"mvhd", 1000, 9000), pictures, trak(shown=1500), trak(shown=700))
    assert told(FTYP + moov) == told_s(1.5)
    assert told(FTYP + box(b"moov", times(b"mvhd", 1000, 9000), pictures)) == Probe(duration_s=9.0, exact=True)


@pytest.mark.parametrize(
    ("sample", "scale", "channels", "rate"),
    [
        (entry(2, 44_100), 44_100, 2, 44_100),
        (entry(2, 44_100, version=1), 600, 2, 44_100),
        (entry(6, 96_000, version=2), 600, 6, 96_000),
        (entry(2, 0), 96_000, 2, 96_000),
        (entry(2, 48_000), 96_000, 2, 96_000),
        (entry(2, 48_000), 90_000, 2, 48_000),
        (entry(0, 0), 600, None, None),
        (entry(1, -1 & 0xFFFF), 600, 1, 65_535),
        (bytes(8), 600, None, None),
    ],
)
def test_channels_and_rate_of_every_kind_of_entry(told, sample, scale, channels, rate):
    """16 bits hold most rates; the time scale holds the others, and may be what it likes."""
    found = told(FTYP + box(b"moov", times(b"mvhd", 1000, 3000), trak(scale=scale, sample=sample)))
    assert found == Probe(duration_s=3.0, channels=channels, sample_rate=rate, exact=True)


def mvex(*, whole: int | None = None, version: int = 0) -> bytes:
    if whole is None:
        return box(b"mvex", box(b"trex", bytes(24)))
    return box(b"mvex", box(b"mehd", bytes((version, 0, 0, 0)) + whole.to_bytes(8 if version else 4, "big")))


def fragmented(*, extends: bytes | None = None, rest: bytes = b"", film: int = 400) -> bytes:
    """Return what says in moov that fragments follow; the film's length is that before the first."""
    return FTYP + box(b"moov", times(b"mvhd", 1000, film), trak(shown=film), extends or mvex()) + rest


FRAGMENT = box(b"moof", bytes(92)) + box(b"mdat", bytes(892))  # a thousand bytes


def sidx(*lengths: int, version: int = 0, size: int = 1000, offset: int = 0) -> bytes:
    head = struct.pack(">IIQQHH" if version else ">IIIIHH", 1, 1000, 0, offset, 0, len(lengths))
    parts = (struct.pack(">III", size, length, 1 << 31) for length in lengths)
    return box(b"sidx", bytes((version, 0, 0, 0)), head, *parts)


@pytest.mark.parametrize("version", [0, 1])
def test_fragments_are_told_of_by_mehd(told, version):
    """What the film says is the length before the first fragment."""
    assert told(fragmented(extends=mvex(whole=2500, version=version), rest=FRAGMENT)) == told_s(2.5)


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("behind", [b"", box(b"mfra", bytes(40))])
@pytest.mark.parametrize("gap", [b"", box(b"free", bytes(50))])
def test_fragments_are_told_of_by_their_index(told, version, behind, gap):
    """It may leave a gap, and something else may follow the last one."""
    index = sidx(1000, 1000, 250, version=version, offset=len(gap))
    assert told(fragmented(rest=index + gap + FRAGMENT * 3 + behind)) == told_s(2.25)


@pytest.mark.parametrize(
    "rest",
    [
        FRAGMENT * 3,
        sidx(1000) + FRAGMENT * 2,
        sidx(1000) + FRAGMENT + box(b"styp", bytes(8)) + sidx(1000) + FRAGMENT,
        (sidx(1000) + FRAGMENT) * 2,
        sidx() + FRAGMENT,
        sidx(0) + FRAGMENT,
        sidx(*[1] * 6000) + FRAGMENT,
        sidx(1000)[:20],
        b"",
    ],
)
def test_fragments_that_nothing_counts_tell_no_length(told, rest):
    """No index, one of some of them, and one that is empty, too large, or cut off."""
    found = told(fragmented(rest=rest))
    assert found.duration_s is None


@pytest.mark.parametrize("whole", [0, UNKNOWN_32])
def test_a_mehd_that_knows_nothing_is_passed_over(told, whole):
    """The index of the segments tells then."""
    assert told(fragmented(extends=mvex(whole=whole), rest=sidx(1000) + FRAGMENT)) == told_s(1.0)


def test_ages_are_no_length(told):
    """More than ten seconds a byte cannot be."""
    moov = box(b"moov", times(b"mvhd", 1, (1 << 63), version=1))
    assert told(FTYP + moov, formats.MP4) == Probe()
