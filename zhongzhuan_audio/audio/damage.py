"""What is wrong with a recording by its headers: nothing in it can be decoded, or its end is missing. Pure.

Sources are those of `zhongzhuan_audio.audio.durations`. What is told is certain: a recording that any decoder might
still make something of is none of these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import Literal, TypeAlias

import attrs

from zhongzhuan_audio.audio import formats
from zhongzhuan_audio.audio.durations import matroska, mp4, mpeg, riff, xiph
from zhongzhuan_audio.audio.durations.id3 import skip_id3
from zhongzhuan_audio.audio.durations.reading import READ_BYTES, ReadAt, Reader, UnreadableError
from zhongzhuan_audio.audio.formats import AudioFormat
from zhongzhuan_audio.audio.sniff import HEAD_BYTES, sniff

__all__ = ["Damage", "DamageKind", "find_damage"]

DamageKind: TypeAlias = Literal["mute", "broken", "cut off"]
"""It has tracks, none of which is sound; nothing of it can be decoded; or something is missing at its end."""

_LEAST_LOST_S = 0.1
"""Sizes in headers are a few bytes off now and then: what is less is not missed."""
_JUDGED_BYTES = HEAD_BYTES
"""Of less than that nothing is said to be no stream of frames: it may hold but one."""
_FEW_BYTES = HEAD_BYTES // 2
"""Enough for two frames; behind a short tag they are in the head, which has been read."""
_WINDOWS = 4
_MARKS = (b"fLaC", b"OggS", b"RIFF", b"RIFX", b"RF64", b"BW64", b"ftyp", b"moov", b"mdat", b"\x1a\x45\xdf\xa3")
"""What stands in the beginnings of files of all formats that are known by a name, the streams of frames aside."""
_NAMED = frozenset(
    (".flac", ".m4a", ".m4b", ".mka", ".mkv", ".mov", ".mp3", ".mp4", ".mpga", ".oga", ".ogg", ".opus", ".wav", ".webm")
)
"""Extensions of files that have such a mark, or frames of MPEG audio."""


@attrs.frozen(kw_only=True)
class Damage:
    """What is wrong with a recording."""

    kind: DamageKind
    detail: str
    """In words, to stand behind "it is damaged: "."""
    lost_s: float | None = None
    """How many seconds its header promises that it does not have; None where that is not told."""


def find_damage(read_at: ReadAt, size_bytes: int, kind: AudioFormat | None, name: str = "") -> Damage | None:
    """Return what is wrong with a recording; None where nothing is, or nothing shows.

    Args:
        read_at: As in `zhongzhuan_audio.audio.duration.probe`, and it is read no more often.
        size_bytes: The size of the whole recording.
        kind: What `sniff` made of its first bytes; None where it did not know them.
        name: The recording's; where its bytes are not known, the extension tells what they should be.
    """
    reader = Reader(read_at, size_bytes)
    try:
        if kind is None:
            return _unknown(reader, PurePath(name).suffix.lower())
        return _FINDERS[kind](reader) if kind in _FINDERS else None
    except UnreadableError:
        return None


def _unknown(reader: Reader, extension: str) -> Damage | None:
    """Judge what is called a recording, and does not begin like one."""
    if extension not in _NAMED or reader.size_bytes < _JUDGED_BYTES:
        return None
    start = reader.some(0, READ_BYTES)
    if any(mark in start for mark in _MARKS) or _has_frames(reader, 0):
        return None
    return Damage(kind="broken", detail=f"its bytes are no {extension[1:]}, nor any other kind of recording")


def _mpeg(reader: Reader) -> Damage | None:
    """Judge an mp3: its frames, and its index."""
    start = skip_id3(reader)
    behind = reader.some(start, _FEW_BYTES)
    # Behind a tag there may be anything; and frames of a free bit rate or of layer I are not known here.
    if behind and (sniff(behind) not in {formats.MP3, None} or mpeg.is_other_frame(behind)):
        return None
    if reader.size_bytes >= _JUDGED_BYTES and not (mpeg.has_frames(behind) or _has_frames(reader, start)):
        if start >= reader.size_bytes:
            return Damage(kind="broken", detail="it ends within the tag (ID3) before the sound")
        return Damage(kind="broken", detail="it holds no frames of MPEG audio that follow each other")
    told = mpeg.promised(reader)
    return None if told is None else _cut_off(told)


def _has_frames(reader: Reader, start: int) -> bool:
    """Say whether there are frames in a row near a place, or anywhere else that is looked at."""
    last = max(0, reader.size_bytes - READ_BYTES)
    places = [start, *(last * number // (_WINDOWS - 1) for number in range(_WINDOWS))]
    return any(mpeg.has_frames(reader.some(at, READ_BYTES)) for at in places)


def _wav(reader: Reader) -> Damage | None:
    extent = riff.data_extent(reader)
    if extent is None:
        return Damage(kind="broken", detail="it has no chunk of samples (data): it was cut off or never finished")
    return _cut_off(extent)


def _cut_off(extent: tuple[float, float]) -> Damage | None:
    promised_s, there_s = extent
    lost_s = promised_s - there_s
    if lost_s < _LEAST_LOST_S:
        return None
    if there_s <= 0:
        return Damage(kind="broken", detail="it ends where the sound should begin: it was cut off")
    return Damage(
        kind="cut off",
        detail=f"it is cut off: its header promises {promised_s:.1f} s, and {there_s:.1f} s are there",
        lost_s=lost_s,
    )


def _mp4(reader: Reader) -> Damage | None:
    tracks = mp4.tracks(reader)
    if tracks is None:
        return Damage(kind="broken", detail="it has no index (moov): it was cut off or never finished")
    if tracks.is_mute:
        return Damage(kind="mute", detail="it has no sound")
    if tracks.missing_bytes:
        if not tracks.there_bytes:
            return Damage(kind="broken", detail="it ends where the sound should begin: it was cut off")
        return Damage(kind="cut off", detail=f"it is cut off: {tracks.missing_bytes} bytes are missing at its end")
    return None


def _matroska(reader: Reader) -> Damage | None:
    return Damage(kind="mute", detail="it has no sound") if matroska.is_mute(reader) else None


def _avi(reader: Reader) -> Damage | None:
    return Damage(kind="mute", detail="it has no sound") if riff.is_mute(reader) else None


def _ogg(reader: Reader) -> Damage | None:
    missing = xiph.missing_bytes(reader)
    return Damage(kind="cut off", detail="it is cut off: its last page ends too early") if missing else None


_FINDERS: Mapping[AudioFormat, Callable[[Reader], Damage | None]] = MappingProxyType(
    {
        formats.AVI: _avi,
        formats.G711: _wav,
        formats.M4A: _mp4,
        formats.MKV: _matroska,
        formats.MOV: _mp4,
        formats.MP3: _mpeg,
        formats.MP4: _mp4,
        formats.OGG: _ogg,
        formats.WAV: _wav,
        formats.WEBM: _matroska,
    }
)
