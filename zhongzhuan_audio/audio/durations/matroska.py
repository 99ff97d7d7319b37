"""The length of webm and mkv. Sources: RFC 8794 sections 4 to 7; RFC 9559 sections 5.1.2 (Info) and 5.1.4 (Tracks)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import attrs

from zhongzhuan_audio.audio.durations.reading import Probe, Reader

__all__ = ["is_mute", "matroska"]

_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
_INFO, _TIMESTAMP_SCALE, _DURATION = 0x1549A966, 0x2AD7B1, 0x4489
_TRACKS, _ENTRY, _AUDIO, _RATE, _CHANNELS = 0x1654AE6B, 0xAE, 0xE1, 0xB5, 0x9F
_USUAL_SCALE_NS = 1_000_000
_USUAL_RATE = 8000
_FLOATS = {4: ">f", 8: ">d"}
_LONGEST_HEAD = 12
_KIND = 0x83
_VIDEO = 1
_SOUNDLESS = frozenset((_VIDEO, 0x10, 0x11, 0x12, 0x20, 0x21))
"""Kinds of tracks that have no sound: video, logo, subtitles, buttons, control, metadata."""


@attrs.frozen(kw_only=True)
class _Element:
    id: int
    at: int
    """Where its data begin."""
    end: int


def matroska(reader: Reader) -> Probe:
    """Return what Info and Tracks tell; no length where Info has none, as in what a browser recorded."""
    probe = Probe()
    for top in _elements(reader, 0, reader.size_bytes):
        if top.id != _SEGMENT:
            continue
        for element in _elements(reader, top.at, top.end):
            if element.id == _INFO:
                seconds = _length(reader, element)
                probe = attrs.evolve(probe, duration_s=seconds, exact=seconds is not None)
            elif element.id == _TRACKS:
                probe = _with_sound(reader, element, probe)
            if element.id == _CLUSTER or (probe.duration_s is not None and probe.channels):
                return probe
        break
    return probe


def is_mute(reader: Reader) -> bool:
    """Say whether there are pictures and no track that may have sound; False where Tracks is behind the samples."""
    for top in _elements(reader, 0, reader.size_bytes):
        for element in _elements(reader, top.at, top.end) if top.id == _SEGMENT else ():
            if element.id == _CLUSTER:
                return False
            if element.id == _TRACKS:
                kinds = set(_kinds(reader, element))
                return _VIDEO in kinds and kinds <= _SOUNDLESS
    return False


def _kinds(reader: Reader, tracks: _Element) -> Iterator[int]:
    for entry in _elements(reader, tracks.at, tracks.end):
        for element in _elements(reader, entry.at, entry.end) if entry.id == _ENTRY else ():
            if element.id == _KIND:
                yield int.from_bytes(reader.all(element.at, 1))


def _elements(reader: Reader, at: int, end: int) -> Iterator[_Element]:
    """Yield the elements between two offsets; one of unknown size takes all the rest."""
    while at < end:
        head = reader.some(at, _LONGEST_HEAD)
        id_bytes = 9 - head[0].bit_length() if head else 9
        size_bytes = 9 - head[id_bytes].bit_length() if len(head) > id_bytes else 9
        if id_bytes > 4 or size_bytes > 8 or len(head) < id_bytes + size_bytes:  # noqa: PLR2004 - RFC 8794's limits
            return
        size = int.from_bytes(head[id_bytes : id_bytes + size_bytes], "big") & (1 << 7 * size_bytes) - 1
        start = at + id_bytes + size_bytes
        at = end if size == (1 << 7 * size_bytes) - 1 else start + size
        yield _Element(id=int.from_bytes(head[:id_bytes], "big"), at=start, end=min(at, end))


def _length(reader: Reader, info: _Element) -> float | None:
    scale_ns, ticks = _USUAL_SCALE_NS, 0.0
    for element in _elements(reader, info.at, info.end):
        if element.id == _TIMESTAMP_SCALE:
            scale_ns = int.from_bytes(reader.some(element.at, min(8, element.end - element.at)), "big")
        elif element.id == _DURATION:
            ticks = _float(reader, element)
    # A length of 0 is what a writer leaves that could not come back to fill it in.
    return ticks * scale_ns / 1e9 or None


def _float(reader: Reader, element: _Element) -> float:
    form = _FLOATS.get(element.end - element.at)
    return float(struct.unpack(form, reader.all(element.at, element.end - element.at))[0]) if form else 0.0


def _with_sound(reader: Reader, tracks: _Element, probe: Probe) -> Probe:
    """Return the probe with the channels and the rate of the first track that has sound."""
    for entry in _elements(reader, tracks.at, tracks.end):
        for element in _elements(reader, entry.at, entry.end) if entry.id == _ENTRY else ():
            if element.id == _AUDIO:
                rate, channels = float(_USUAL_RATE), 1
                for value in _elements(reader, element.at, element.end):
                    if value.id == _RATE:
                        rate = _float(reader, value)
                    elif value.id == _CHANNELS:
                        channels = int.from_bytes(reader.some(value.at, min(8, value.end - value.at)), "big")
                return attrs.evolve(probe, channels=channels, sample_rate=round(rate) if 1 <= rate < 1 << 31 else None)
    return probe
