"""The length of wma, by the objects of its header: Microsoft's Advanced Systems Format."""

from __future__ import annotations

import struct

import pytest

from zhongzhuan_audio.audio.duration import Probe

HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
STREAM = bytes.fromhex("9107dcb7b7a9cf118ee600c00c205365")
AUDIO = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b")
VIDEO = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")


def asf_object(guid: bytes, data: bytes) -> bytes:
    return guid + struct.pack("<Q", 24 + len(data)) + data


def properties(play: int, *, preroll_ms: int = 3000, flags: int = 2) -> bytes:
    """Return the file properties; the play time is in units of 100 ns."""
    return asf_object(FILE, bytes(40) + struct.pack("<QQQI", play, play, preroll_ms, flags) + bytes(12))


def stream(kind: bytes) -> bytes:
    return asf_object(STREAM, kind + bytes(38) + struct.pack("<HHIIHH", 0x161, 2, 44_100, 8_000, 1, 16))


def asf(*objects: bytes) -> bytes:
    body = b"".join(objects)
    return HEADER + struct.pack("<QIH", 30 + len(body), len(objects), 0x201) + body + bytes(500)


@pytest.mark.parametrize("between", [b"", asf_object(bytes(16), bytes(9000)), stream(VIDEO)])
def test_the_play_time_counts_less_what_a_player_gathers_first(told, between):
    """In any order of the objects."""
    expected = Probe(duration_s=2.0, channels=2, sample_rate=44_100, exact=True)
    assert told(asf(properties(50_000_000), between, stream(AUDIO))) == expected
    assert told(asf(stream(AUDIO), between, properties(50_000_000))) == expected


@pytest.mark.parametrize("file", [properties(50_000_000, flags=1), properties(0), b""])
def test_a_broadcast_tells_no_length(told, file):
    """Its play time means nothing; nor does none."""
    assert told(asf(file, stream(AUDIO))) == Probe(channels=2, sample_rate=44_100)


def test_without_sound_there_is_a_length(told):
    """A film without sound has no channels."""
    assert told(asf(properties(50_000_000), stream(VIDEO))) == Probe(duration_s=2.0, exact=True)
