"""The length of mp3 (layers II and III) and of AAC in ADTS.

Sources: ISO/IEC 11172-3 section 2.4.1.3 and ISO/IEC 13818-3 (frame headers); ISO/IEC 13818-7 section 6.2 (ADTS);
ID3v2.4.0 structure section 3.1; ID3v1; APEv2. The index in the first frame is Xing's ("XING VBR Header SDK"), with
LAME's "Info Tag rev 1" behind it, or Fraunhofer's VBRI.
"""

from __future__ import annotations

import functools
import re
import struct
from collections.abc import Callable

import attrs

from zhongzhuan_audio.audio.durations.frames import Step, follows, measure
from zhongzhuan_audio.audio.durations.id3 import skip_id3
from zhongzhuan_audio.audio.durations.reading import READ_BYTES, Probe, Reader
from zhongzhuan_audio.audio.sniff import HEAD_BYTES

__all__ = ["aac", "has_frames", "is_other_frame", "mp3", "promised"]

_SYNC = re.compile(rb"\xff[\xe2-\xff](?=..)", re.DOTALL)
_ID3V1_BYTES = 128
_APE_FOOTER_BYTES = 32
_TAIL_BYTES = _ID3V1_BYTES + _APE_FOOTER_BYTES

_KBITS_1_2 = (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_KBITS_1_3 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG_RATES = (44_100, 48_000, 32_000)
_LONGEST_FRAME = 1729  # layer II at 384 kbit/s and 32 kHz, with padding
_MONO = 3
_XING_FRAMES, _XING_BYTES, _XING_SEEKS, _XING_QUALITY = 1, 2, 4, 8
_VBRI_AT = 36
_ENCODERS = (b"LAME", b"Lavf", b"Lavc")
_SAME_FILE = 0.1

_ADTS_SYNC = re.compile(rb"\xff[\xf0\xf1\xf8\xf9](?=.{5})", re.DOTALL)
_ADTS_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
_ADTS_HEADER_BYTES = 7
_ADTS_SAMPLES = 1024
_LONGEST_ADTS = 8191
_ADTS_CHANNELS = (None, 1, 2, 3, 4, 5, 6, 8)


def _end_of_frames(reader: Reader) -> int:
    """Return where the ID3v1 and APEv2 tags begin that the recording ends with."""
    end = reader.size_bytes
    tail = reader.some(max(0, end - _TAIL_BYTES), _TAIL_BYTES)
    if tail[-_ID3V1_BYTES:].startswith(b"TAG"):
        end, tail = end - _ID3V1_BYTES, tail[:-_ID3V1_BYTES]
    footer = tail[-_APE_FOOTER_BYTES:]
    if footer.startswith(b"APETAGEX") and len(footer) == _APE_FOOTER_BYTES:
        # The size counts the footer and not the header, which is there where the highest flag is set.
        size, _, flags = struct.unpack("<3I", footer[12:24])
        end -= size + (_APE_FOOTER_BYTES if flags & 1 << 31 else 0)
    return end


@attrs.frozen(kw_only=True)
class _Frame:
    """What the header of a frame tells."""

    size: int
    samples: int
    rate: int
    side_bytes: int
    """What lies between a layer III header and the first frame's index."""


@functools.lru_cache(maxsize=4096)
def _frame(header: bytes) -> _Frame | None:
    """Read four bytes; None where they are no header, or that of a free bit rate, which tells no size."""
    if not _SYNC.match(header):
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bits, rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer in (0, 3) or bits in (0, 15) or rate == _MONO:
        return None
    first_version, third_layer = version == _MONO, layer == 1
    kbits = ((_KBITS_1_3 if third_layer else _KBITS_1_2) if first_version else _KBITS_2)[bits - 1]
    hertz = _MPEG_RATES[rate] >> (0 if first_version else 1 if version else 2)
    samples = 576 if third_layer and not first_version else 1152
    mono = header[3] >> 6 == _MONO
    return _Frame(
        size=samples * 125 * kbits // hertz + (header[2] >> 1 & 1),
        samples=samples,
        rate=hertz,
        side_bytes=(17 if mono else 32) if first_version else (9 if mono else 17),
    )


def _steps_like(header: bytes) -> Step:
    """Read frames of the version, layer and rate of this one: a chance sync is seldom that."""
    version_layer, rate = header[1] & 0xFE, header[2] & 0x0C

    def step(data: bytes, at: int) -> tuple[int, float] | None:
        found = data[at : at + 4]
        frame = _frame(found)
        if frame is None or found[1] & 0xFE != version_layer or found[2] & 0x0C != rate:
            return None
        return frame.size, frame.samples / frame.rate

    return step


def mp3(reader: Reader) -> Probe:
    """Return what the index in the first frame tells; else count frames or estimate from samples of them."""
    start, end = skip_id3(reader), _end_of_frames(reader)
    data = reader.some(start, HEAD_BYTES)
    at = _first(data, _SYNC, _steps_like)
    if at is None:
        data = reader.some(start, READ_BYTES)
        at = _first(data, _SYNC, _steps_like) or 0
    header = data[at : at + 4]
    frame = _frame(header)
    if frame is None:
        return Probe()
    indexed = _index(data[at : at + frame.size], frame, end - start - at)
    seconds, exact = indexed or measure(reader, start + at, end, _steps_like(header), reach=_LONGEST_FRAME)
    channels = 1 if header[3] >> 6 == _MONO else 2
    return Probe(duration_s=seconds, channels=channels, sample_rate=frame.rate, exact=exact)


def _first(data: bytes, sync: re.Pattern[bytes], steps_like: Callable[[bytes], Step]) -> int | None:
    """Return where the first frame begins that others follow; None where there is none, though one may stand alone."""
    starts = (match.start() for match in sync.finditer(data))
    return next((at for at in starts if follows(data, at, steps_like(data[at : at + 4]))), None)


def has_frames(data: bytes) -> bool:
    """Say whether two frames follow each other anywhere in data."""
    for match in _SYNC.finditer(data):
        at = match.start()
        step = _steps_like(data[at : at + 4])
        if (frame := step(data, at)) is not None and step(data, at + frame[0]) is not None:
            return True
    return False


def is_other_frame(data: bytes) -> bool:
    """Say whether data may begin with a frame that tells no size here: of layer I, or of a free bit rate."""
    if len(data) < 4 or data[0] != 0xFF or data[1] < 0xE0:  # noqa: PLR2004 - eleven bits that are set, and a header
        return False
    return data[1] >> 1 & 3 == 3 or not data[2] >> 4  # noqa: PLR2004 - layer I


def promised(reader: Reader) -> tuple[float, float] | None:
    """Return how many seconds the index in the first frame promises, and how many there are; None without one.

    Both are the same unless the whole file, tags and all, is smaller than the stream should be: some who write the
    index count the tags.
    """
    start = skip_id3(reader)
    data = reader.some(start, HEAD_BYTES // 2)
    frame = _frame(data[:4])
    told = None if frame is None else _read_index(data[: frame.size], frame)
    if frame is None or told is None or not told.stream_bytes:
        return None
    seconds = told.samples / frame.rate
    if reader.size_bytes >= told.stream_bytes:
        return seconds, seconds
    return seconds, seconds * max(0, reader.size_bytes - start - frame.size) / told.stream_bytes


@attrs.frozen(kw_only=True)
class _Index:
    """What the index in the first frame tells."""

    samples: int
    stream_bytes: int
    """0 where that is not told."""


def _index(data: bytes, frame: _Frame, stream_bytes: int) -> tuple[float, bool] | None:
    """Return the seconds that the first frame's index tells, and whether it speaks of this very stream."""
    told = _read_index(data, frame)
    if told is None:
        return None
    seconds = told.samples / frame.rate
    if not told.stream_bytes or abs(stream_bytes - told.stream_bytes) <= _SAME_FILE * told.stream_bytes:
        return seconds, True
    # Cut off, or several recordings in one file, of which the first tells its own length.
    return seconds * max(0, stream_bytes) / told.stream_bytes, False


def _read_index(data: bytes, frame: _Frame) -> _Index | None:
    xing, lame = 4 + frame.side_bytes, 0
    frames = index_bytes = skipped = 0
    if data[xing : xing + 4] in (b"Xing", b"Info"):
        flags, at = int.from_bytes(data[xing + 4 : xing + 8], "big"), xing + 8
        if flags & _XING_FRAMES:
            frames, at = int.from_bytes(data[at : at + 4], "big"), at + 4
        if flags & _XING_BYTES:
            index_bytes, at = int.from_bytes(data[at : at + 4], "big"), at + 4
        lame = at + (100 if flags & _XING_SEEKS else 0) + (4 if flags & _XING_QUALITY else 0)
        if data.startswith(_ENCODERS, lame):
            delays = int.from_bytes(data[lame + 21 : lame + 24], "big")
            skipped = (delays >> 12) + (delays & 0xFFF)
    elif data[_VBRI_AT : _VBRI_AT + 4] == b"VBRI":
        index_bytes, frames = struct.unpack(">II", data[_VBRI_AT + 10 : _VBRI_AT + 18].ljust(8, b"\0"))
    if not frames:
        return None
    return _Index(samples=max(0, frames * frame.samples - skipped), stream_bytes=index_bytes)


def aac(reader: Reader) -> Probe:
    """Count ADTS frames or estimate from samples of them; AAC's other form, ADIF, tells nothing."""
    start = skip_id3(reader)
    data = reader.some(start, READ_BYTES)
    at = _first(data, _ADTS_SYNC, _adts_like) or 0
    step = _adts_like(data[at : at + 4])
    if step(data, at) is None:
        return Probe()
    seconds, exact = measure(reader, start + at, _end_of_frames(reader), step, reach=_LONGEST_ADTS)
    return Probe(
        duration_s=seconds,
        channels=_ADTS_CHANNELS[(data[at + 2] & 1) << 2 | data[at + 3] >> 6],
        sample_rate=_ADTS_RATES[data[at + 2] >> 2 & 15],
        exact=exact,
    )


def _adts_like(header: bytes) -> Step:
    """Read frames of the version, profile and rate of this one, which may be none."""

    def step(data: bytes, at: int) -> tuple[int, float] | None:
        found = data[at : at + _ADTS_HEADER_BYTES]
        rate = found[2] >> 2 & 15 if _ADTS_SYNC.match(found) else 15
        if rate >= len(_ADTS_RATES) or found[:2] != header[:2] or found[2] & 0xFC != header[2] & 0xFC:
            return None
        size = int.from_bytes(found[3:6], "big") >> 5 & 0x1FFF
        blocks = (found[6] & 3) + 1
        return (size, blocks * _ADTS_SAMPLES / _ADTS_RATES[rate]) if size >= _ADTS_HEADER_BYTES else None

    return step
