"""The length of mp4, m4a and mov: the sound track's, else the film's.

Sources: ISO/IEC 14496-12 sections 8.2.2 (mvhd), 8.3.2 (tkhd), 8.4.2 (mdhd), 8.5.2 and 12.2.3 (sample entries), 8.8.2
(mehd), 8.16.3 (sidx); Apple's QuickTime File Format (the second version of a sound's description).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import attrs

from zhongzhuan_audio.audio.durations.reading import Probe, Reader, UnreadableError

__all__ = ["Tracks", "mp4", "tracks"]

_LONG_SIZE = 1
_TO_THE_END = 0
_QUICKTIME_2 = 2
_SEGMENTS = (b"sidx", b"styp", b"moof", b"emsg", b"mdat")
_INNER = {b"trak": b"mdia", b"mdia": b"minf", b"minf": b"stbl"}
"""The way from a track to the description of its samples."""
_SOUNDLESS = frozenset((b"vide", b"text", b"sbtl", b"subt", b"subp", b"clcp", b"tmcd", b"hint", b"meta"))
"""Handlers of tracks that surely have no sound; a video may have one of old that holds pictures and sound."""


@attrs.frozen(kw_only=True)
class _Box:
    kind: bytes
    at: int
    """Where what it holds begins."""
    end: int
    missing: int = 0
    """How many of its bytes would lie behind the end."""


@attrs.frozen(kw_only=True)
class Tracks:
    """What the boxes tell of a film's tracks and of their samples."""

    is_mute: bool
    """Whether there are pictures, and nothing that may be sound."""
    there_bytes: int
    """Of samples."""
    missing_bytes: int
    """Of samples that the boxes promise, behind the end of the file."""


@attrs.define(kw_only=True)
class _Track:
    """What a track's boxes tell; 0 where one is missing or says that it does not know."""

    is_sound: bool = False
    shown: int = 0
    """The length of its edits, in the film's time scale."""
    length: int = 0
    """The length of its samples, in its own time scale."""
    scale: int = 0
    channels: int = 0
    sample_rate: int = 0


def mp4(reader: Reader) -> Probe:
    """Return what moov tells, at the front or at the end; what is fragmented, by mehd or by an index of all segments.

    A film's mvhd tells only of what comes before the first fragment, so without these two None is the answer.
    """
    for box in _boxes(reader, 0, reader.size_bytes):
        if box.kind == b"moov":
            return _movie(reader, box)
    return Probe()


def _boxes(reader: Reader, at: int, end: int) -> Iterator[_Box]:
    while at + 8 <= end:
        size, kind = struct.unpack(">I4s", reader.all(at, 8))
        head_bytes = 8
        if size == _LONG_SIZE:
            size, head_bytes = int.from_bytes(reader.all(at + 8, 8), "big"), 16
        elif size == _TO_THE_END:
            size = end - at
        if size < head_bytes:
            return
        yield _Box(kind=kind, at=at + head_bytes, end=min(at + size, end), missing=max(0, at + size - end))
        at += size


def tracks(reader: Reader) -> Tracks | None:
    """Return what is told of the tracks; None where nothing is, so that no player knows where a sample begins.

    `UnreadableError` where what is there leaves a doubt.
    """
    moov: _Box | None = None
    there = missing = end = 0
    for box in _boxes(reader, 0, reader.size_bytes):
        if box.kind == b"mdat":
            there, missing = there + box.end - box.at, missing + box.missing
        elif box.kind == b"moov" or (box.kind in (b"free", b"hoov") and _is_hidden_movie(reader, box)):
            moov = moov or box
        end = box.end
    if moov is None and end + 8 <= reader.size_bytes:
        raise UnreadableError
    if moov is None:
        return None
    inner = list(_boxes(reader, moov.at, moov.end))
    whole = [box for box in inner if box.kind == b"trak" and not box.missing]
    if moov.missing and any(box.missing for box in inner):
        if whole:
            raise UnreadableError
        return None
    kinds = {_handler(reader, box) for box in whole}
    return Tracks(is_mute=b"vide" in kinds and kinds <= _SOUNDLESS, there_bytes=there, missing_bytes=missing)


def _is_hidden_movie(reader: Reader, box: _Box) -> bool:
    """Say whether a box that counts as empty holds a movie, which players take where they find no other."""
    return box.end - box.at >= 8 and reader.all(box.at + 4, 4) in (b"mvhd", b"cmov")  # noqa: PLR2004 - a box's head


def _handler(reader: Reader, trak: _Box) -> bytes:
    return next((reader.all(box.at + 8, 4) for box in _descend(reader, trak) if box.kind == b"hdlr"), b"")


def _movie(reader: Reader, moov: _Box) -> Probe:
    scale = length = whole = 0
    fragmented = False
    sound: _Track | None = None
    for box in _boxes(reader, moov.at, moov.end):
        if box.kind == b"mvhd":
            scale, length = _scale_and_length(reader, box)
        elif box.kind == b"trak" and sound is None:
            track = _track(reader, box)
            sound = track if track.is_sound else None
        elif box.kind == b"mvex":
            fragmented = True
            whole = next(
                (_whole(reader, inner) for inner in _boxes(reader, box.at, box.end) if inner.kind == b"mehd"), 0
            )
    if fragmented:
        seconds = whole / scale if whole and scale else _by_segments(reader, moov.end)
    else:
        seconds = _first_ratio((sound.shown, scale), (sound.length, sound.scale)) if sound else None
        seconds = seconds or _first_ratio((length, scale))
    return Probe(
        duration_s=seconds,
        channels=sound.channels if sound else None,
        sample_rate=sound.sample_rate if sound else None,
        exact=seconds is not None,
    )


def _first_ratio(*ratios: tuple[int, int]) -> float | None:
    return next((count / scale for count, scale in ratios if count and scale), None)


def _scale_and_length(reader: Reader, box: _Box) -> tuple[int, int]:
    """Read the time scale and the length of mvhd or mdhd, which begin alike."""
    if reader.all(box.at, 1)[0]:
        scale, length = struct.unpack(">IQ", reader.all(box.at + 20, 12))
        return scale, _known(length, 64)
    scale, length = struct.unpack(">II", reader.all(box.at + 12, 8))
    return scale, _known(length, 32)


def _known(length: int, bits: int) -> int:
    """Return 0 for the length of which all bits are set: it says that it is not known."""
    return 0 if length == (1 << bits) - 1 else length


def _whole(reader: Reader, mehd: _Box) -> int:
    bits = 64 if reader.all(mehd.at, 1)[0] else 32
    return _known(int.from_bytes(reader.all(mehd.at + 4, bits // 8), "big"), bits)


def _track(reader: Reader, trak: _Box) -> _Track:
    track = _Track()
    for box in _descend(reader, trak):
        if box.kind == b"tkhd":
            at, bits = (box.at + 28, 64) if reader.all(box.at, 1)[0] else (box.at + 20, 32)
            track.shown = _known(int.from_bytes(reader.all(at, bits // 8), "big"), bits)
        elif box.kind == b"mdhd":
            track.scale, track.length = _scale_and_length(reader, box)
        elif box.kind == b"hdlr":
            track.is_sound = track.is_sound or reader.all(box.at + 8, 4) == b"soun"
        elif box.kind == b"stsd" and track.is_sound:
            _describe(reader, box, track)
    # A rate that 16 bits do not hold is the time scale, of which a part or nothing stands in the description.
    if track.scale >= 1 << 16 and not (track.sample_rate and track.scale % track.sample_rate):
        track.sample_rate = track.scale
    return track


def _descend(reader: Reader, parent: _Box) -> Iterator[_Box]:
    """Yield a box's boxes, and those in the one that leads to the description of the samples."""
    for box in _boxes(reader, parent.at, parent.end):
        yield box
        if box.kind == _INNER.get(parent.kind):
            yield from _descend(reader, box)


def _describe(reader: Reader, stsd: _Box, track: _Track) -> None:
    """Read the first sample entry: channels and rate."""
    entry = stsd.at + 8
    if entry + 36 > stsd.end:
        return
    data = reader.all(entry, 36)
    track.channels, track.sample_rate = struct.unpack(">H6xH", data[24:34])
    if int.from_bytes(data[16:18], "big") == _QUICKTIME_2 and entry + 52 <= stsd.end:
        rate, channels = struct.unpack(">dI", reader.all(entry + 40, 12))
        track.channels, track.sample_rate = channels, round(rate) if 1 <= rate < 1 << 31 else 0


def _by_segments(reader: Reader, at: int) -> float | None:
    """Return what the segment index behind moov tells, where it speaks of all segments."""
    box = next(_boxes(reader, at, reader.size_bytes), None)
    if box is None or box.kind != b"sidx":
        return None
    version, scale = struct.unpack(">B7xI", reader.all(box.at, 12))
    head = reader.all(box.at + 12, 20 if version else 12)
    offset, count = struct.unpack(">QxxH" if version else ">IxxH", head[8 if version else 4 :])
    end, ticks = box.end + offset, 0
    for size, length, _ in struct.iter_unpack(">III", reader.all(box.at + 12 + len(head), 12 * count)):
        end, ticks = end + (size & 0x7FFFFFFF), ticks + length
    after = next(_boxes(reader, end, reader.size_bytes), None)
    return ticks / scale if ticks and scale and (after is None or after.kind not in _SEGMENTS) else None
