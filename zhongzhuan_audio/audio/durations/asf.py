"""The length of wma: the header's file properties. Source: Microsoft's Advanced Systems Format, sections 3.1 to 3.3."""

from __future__ import annotations

import struct

from zhongzhuan_audio.audio.durations.reading import Probe, Reader
from zhongzhuan_audio.audio.durations.riff import WaveFormat, wave_format

__all__ = ["asf"]

_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_STREAM_PROPERTIES = bytes.fromhex("9107dcb7b7a9cf118ee600c00c205365")
_AUDIO_MEDIA = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b")
_HEADER_BYTES = 30
_OBJECT_BYTES = 24
_BROADCAST = 1


def asf(reader: Reader) -> Probe:
    """Return what the objects of the header tell; no length where it was broadcast, and the fields mean nothing."""
    seconds: float | None = None
    wave: WaveFormat | None = None
    at, end = _HEADER_BYTES, int.from_bytes(reader.all(16, 8), "little")
    while at + _OBJECT_BYTES <= min(end, reader.size_bytes) and (seconds is None or wave is None):
        guid, size = struct.unpack("<16sQ", reader.all(at, _OBJECT_BYTES))
        if guid == _FILE_PROPERTIES:
            # In units of 100 ns; it counts the milliseconds that a player gathers first.
            play, _, preroll_ms, flags = struct.unpack("<QQQI", reader.all(at + _OBJECT_BYTES + 40, 28))
            seconds = None if flags & _BROADCAST or not play else max(0.0, play / 1e7 - preroll_ms / 1e3)
        elif guid == _STREAM_PROPERTIES and reader.all(at + _OBJECT_BYTES, 16) == _AUDIO_MEDIA:
            wave = wave_format(reader.all(at + _OBJECT_BYTES + 54, 16))
        at += max(size, _OBJECT_BYTES)
    return Probe(
        duration_s=seconds,
        channels=wave.channels if wave else None,
        sample_rate=wave.sample_rate if wave else None,
        exact=seconds is not None,
    )
