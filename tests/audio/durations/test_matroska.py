"""The length of webm and mkv, element by element: RFC 8794 and RFC 9559."""

from __future__ import annotations

import struct

import pytest

from zhongzhuan_audio.audio.duration import Probe

UNKNOWN = b"\x01" + b"\xff" * 7


def element(name: int, *inside: bytes, size: bytes | None = None) -> bytes:
    """Return an element with a size of four bytes, or of `size` as it stands."""
    data = b"".join(inside)
    head = name.to_bytes((name.bit_length() + 7) // 8, "big")
    return head + (struct.pack(">I", 1 << 28 | len(data)) if size is None else size) + data


EBML = element(0x1A45DFA3, element(0x4282, b"webm"))


def info(duration: bytes | None = None, *, scale_ns: int | None = 1_000_000) -> bytes:
    inside = [] if scale_ns is None else [element(0x2AD7B1, scale_ns.to_bytes(4, "big"))]
    return element(0x1549A966, *inside, *([] if duration is None else [element(0x4489, duration)]))


def track(*audio: bytes) -> bytes:
    return element(0xAE, element(0xD7, b"\1"), *([element(0xE1, *audio)] if audio else []))


RATE, CHANNELS = element(0xB5, struct.pack(">f", 48_000)), element(0x9F, b"\2")
TRACKS = element(0x1654AE6B, track(), track(RATE, CHANNELS), track(element(0x9F, b"\1")))
CLUSTER = element(0x1F43B675, element(0xE7, b"\0"), bytes(500))
DOUBLE, SINGLE = struct.pack(">d", 2500), struct.pack(">f", 2500)


def webm(*parts: bytes, size: bytes | None = None) -> bytes:
    return EBML + element(0x18538067, *parts, size=size)


def told_s(seconds: float | None) -> Probe:
    return Probe(duration_s=seconds, channels=2, sample_rate=48_000, exact=seconds is not None)


@pytest.mark.parametrize("duration", [SINGLE, DOUBLE])
@pytest.mark.parametrize("size", [None, b"\xff", UNKNOWN])
@pytest.mark.parametrize("before", [b"", element(0x114D9B74, bytes(30)), element(0xEC, bytes(70_000))])
def test_the_segments_information_tells(told, duration, size, before):
    """In a segment of any size, known or not, and behind other elements."""
    assert told(webm(before, info(duration), TRACKS, CLUSTER, size=size)) == told_s(2.5)
    assert told(webm(TRACKS, before, info(duration), CLUSTER, size=size)) == told_s(2.5)


@pytest.mark.parametrize(("scale_ns", "seconds"), [(None, 2.5), (1_000_000, 2.5), (100_000, 0.25), (20_833, 0.0520825)])
def test_the_length_is_in_the_files_own_ticks(told, scale_ns, seconds):
    """A millisecond where nothing else is said."""
    assert told(webm(info(DOUBLE, scale_ns=scale_ns), TRACKS)) == told_s(pytest.approx(seconds))


@pytest.mark.parametrize(
    "information",
    [
        b"",
        info(),
        info(struct.pack(">d", 0)),
        info(struct.pack(">d", -1)),
        info(struct.pack(">d", float("nan"))),
        info(struct.pack(">d", float("inf"))),
        info(struct.pack(">d", 1e300)),
        info(b"\0\0\0"),
        info(DOUBLE, scale_ns=0),
    ],
)
def test_what_is_no_length_is_not_told(told, information):
    """What a browser records has none; a live one has 0."""
    assert told(webm(information, TRACKS, CLUSTER, size=UNKNOWN)) == told_s(None)


def test_what_comes_behind_the_clusters_is_not_looked_for(told):
    """They may be gigabytes."""
    assert told(webm(TRACKS, CLUSTER, info(DOUBLE))) == told_s(None)


@pytest.mark.parametrize(
    ("audio", "channels", "rate"),
    [
        ((CHANNELS,), 2, 8_000),
        ((RATE,), 1, 48_000),
        ((element(0xB5, struct.pack(">d", 44_100)), element(0x9F, b"\0\6")), 6, 44_100),
        ((element(0xB5, struct.pack(">f", float("nan"))), element(0x9F, b"\0")), None, None),
        ((), None, None),
    ],
)
def test_a_tracks_sound_has_defaults(told, audio, channels, rate):
    """One channel, at 8 kHz: RFC 9559 sections 5.1.4.1.29.1 and 3."""
    found = told(webm(info(DOUBLE), element(0x1654AE6B, track(*audio))))
    assert found == Probe(duration_s=2.5, channels=channels, sample_rate=rate, exact=True)


@pytest.mark.parametrize(
    "recording",
    [EBML, EBML + b"\x18", EBML + bytes(50), webm(b"\x08\x80"), webm(b"\x15\x49\xa9\x66\0"), webm(b"\0" * 9)],
)
def test_what_is_no_element_ends_the_search(told, recording):
    """No segment, half a name, and names and sizes longer than there are."""
    assert told(recording) == Probe()
