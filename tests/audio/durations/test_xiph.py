"""The length of flac and ogg: RFC 9639, RFC 3533, RFC 7845."""

from __future__ import annotations

import struct

import pytest

from zhongzhuan_audio.audio import formats
from zhongzhuan_audio.audio.duration import Probe

SERIAL = 77


def stream_info(samples: int, *, rate: int = 44_100, channels: int = 2) -> bytes:
    return bytes(10) + (rate << 44 | channels - 1 << 41 | 15 << 36 | samples).to_bytes(8, "big") + bytes(16)


def flac(samples: int, **options: int) -> bytes:
    return b"fLaC\x80\0\0\x22" + stream_info(samples, **options) + bytes(500)


def test_the_stream_information_tells(told):
    """Its number of samples counts; 0 says that it is not known."""
    assert told(flac(66_150)) == Probe(duration_s=1.5, channels=2, sample_rate=44_100, exact=True)
    assert told(flac(0)) == Probe(channels=2, sample_rate=44_100)
    assert told(flac(100, rate=0, channels=8)) == Probe(channels=8)


@pytest.mark.parametrize("data", [flac(9)[:25], b"fLaC\x84\0\0\x22" + stream_info(9), b"fLaX" + flac(9)[4:]])
def test_without_stream_information_nothing_is_told(told, data):
    """It comes first, whole, or there is none."""
    assert told(data, formats.FLAC) == Probe()


def page(granule: int, body: bytes = bytes(200), *, flags: int = 0, serial: int = SERIAL) -> bytes:
    """Return a page of packets; its check sum is not looked at."""
    table = bytes([255] * (len(body) // 255) + [len(body) % 255])
    return b"OggS\0" + struct.pack("<BqIIIB", flags, granule, serial, 0, 0, len(table)) + table + body


OPUS = b"OpusHead\1\2" + struct.pack("<HI", 312, 16_000) + bytes(3)
VORBIS = b"\1vorbis" + struct.pack("<IBI", 0, 1, 44_100) + bytes(14)
SPEEX = b"Speex   " + bytes(28) + struct.pack("<III", 16_000, 1, 4) + struct.pack("<I", 1) + bytes(28)
FLAC = b"\x7fFLAC\1\0\0\1fLaC\0\0\0\x22" + stream_info(0)
SKELETON = b"fishead\0" + bytes(56)


def ogg(*pages: bytes, head: bytes = OPUS, tags: bytes = bytes(100)) -> bytes:
    return page(0, head, flags=2) + page(0, tags) + b"".join(pages)


def told_s(seconds: float | None, *, exact: bool = True) -> Probe:
    return Probe(duration_s=seconds, channels=2, sample_rate=48_000, exact=exact and seconds is not None)


@pytest.mark.parametrize(
    ("head", "granule", "seconds", "channels", "rate"),
    [
        (OPUS, 48_312, 1.0, 2, 48_000),
        (VORBIS, 66_150, 1.5, 1, 44_100),
        (SPEEX, 8_000, 0.5, 1, 16_000),
        (FLAC, 88_200, 2.0, 2, 44_100),
    ],
)
def test_the_last_page_tells(told, head, granule, seconds, channels, rate):
    """By the clock of the codec: that of Opus is always 48 kHz, and begins before what is played."""
    found = told(ogg(page(960), page(granule, flags=4), head=head))
    assert found == Probe(duration_s=seconds, channels=channels, sample_rate=rate, exact=True)


@pytest.mark.parametrize(
    "end",
    [
        page(-1, bytes(60_000)),
        page(-1, bytes(60_000)) * 3,
        page(960_312, bytes(300))[:-1],
        page(960_312)[:20],
        b"\0" * 60_000,
        b"OggS" * 100,
        page(-1, b"OggS\1\0" + bytes(100)),
        bytes(65_536 - 15),
    ],
)
def test_the_last_page_is_looked_for(told, end):
    """Pages in which no packet ends, pages cut off, and what is no page are stepped over."""
    assert told(ogg(page(960), page(48_312), end)) == told_s(1.0)


def test_the_last_page_is_not_looked_for_too_long(told):
    """A quarter of a megabyte that tells nothing ends the search."""
    assert told(ogg(page(960), page(48_312), bytes(300_000))) == told_s(None)


@pytest.mark.parametrize(
    "rest",
    [
        ogg(page(48_312)).replace(struct.pack("<I", SERIAL), struct.pack("<I", 78)),
        page(48_312, serial=78),
        page(0, OPUS, flags=2),
    ],
)
def test_streams_that_follow_each_other_tell_no_length(told, rest):
    """The last one tells of itself only."""
    assert told(ogg(page(960), page(480_312), rest)) == told_s(None)


@pytest.mark.parametrize("sound_last", [True, False])
def test_streams_that_play_together(told, sound_last):
    """The sound's pages count, and not those of what begins with it."""
    heads = page(0, SKELETON, flags=2, serial=1) + page(0, b"\x80theora" + bytes(40), flags=2, serial=2)
    body = page(0, bytes(99), serial=2) + page(960) + page(5, serial=2)
    end = page(48_312) + page(1 << 40, serial=2) if not sound_last else page(1 << 40, serial=2) + page(48_312)
    assert told(heads + page(0, OPUS, flags=2) + body + end) == told_s(1.0)


def test_what_was_cut_from_a_longer_recording_begins_later(told):
    """The first page's time is taken off where it is more than a page can hold."""
    hour = 3600 * 48_000
    assert told(ogg(page(hour), page(hour + 480_000))) == told_s(10.0, exact=False)
    assert told(ogg(page(48_000), page(480_312))) == told_s(10.0)


def test_a_picture_among_the_tags_is_stepped_over(told):
    """Pages of them come before the first with sound."""
    tags = page(-1, bytes(64_770)) * 4 + page(0, bytes(100))
    hour = 3600 * 48_000
    assert told(ogg(tags, page(hour), page(hour + 480_000))) == told_s(10.0, exact=False)
    assert told(ogg(tags * 5, page(960), page(480_312))) == told_s(10.0)


def test_less_than_what_is_skipped_is_0_s(told):
    """An Opus stream of fewer samples than its delay plays none."""
    assert told(ogg(page(100))) == told_s(0)


def test_a_header_alone_tells_no_length(told):
    """Nor does one with no more than tags."""
    assert told(page(0, OPUS, flags=2)) == told_s(None)
    assert told(ogg()) == told_s(0)


@pytest.mark.parametrize(
    "head",
    [
        SKELETON,
        b"\x80theora" + bytes(40),
        OPUS[:11],
        VORBIS[:15],
        SPEEX[:50],
        FLAC[:30],
        VORBIS[:12] + bytes(20),
        bytes(9),
    ],
)
def test_without_a_codec_that_is_known_nothing_is_told(told, head):
    """Other streams, headers cut short, and a rate of 0."""
    assert told(ogg(page(48_312), head=head)) == Probe()


@pytest.mark.parametrize("head", [SPEEX.replace(struct.pack("<I", 16_000), bytes(4)), FLAC[:27] + bytes(24)])
def test_a_clock_that_stands_still_tells_nothing(told, head):
    """Without a rate there are no seconds."""
    assert told(ogg(page(48_312), head=head)) == Probe()
