"""The length of wav and avi, and the chunks that they share with aiff.

Sources: Microsoft and IBM's Multimedia Programming Interface 1.0; Microsoft's New Multimedia Data Types 3.0 (fact) and
AVI RIFF File Reference; EBU Tech 3306 and ITU-R BS.2088 (ds64).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import attrs

from zhongzhuan_audio.audio.durations.reading import Probe, Reader, UnreadableError

__all__ = ["ByteOrder", "WaveFormat", "avi", "chunks", "data_extent", "extent", "is_mute", "wav", "wave_format"]

ByteOrder = Literal["big", "little"]

_WAVE_FORMAT_BYTES = 16
_LINEAR = (0x0001, 0x0003, 0x0006, 0x0007, 0xFFFE)  # PCM, float, A-law, mu-law, and the extensible form of these
_STREAMED_BYTES = 0xFFFFFFFF
_ENDLESS_BYTES = 0x7FFF0000
"""From here on a size is what a writer puts who does not know it, and cannot come back: as much as may be, signed or
not, in some cases less the header."""


@attrs.frozen(kw_only=True)
class WaveFormat:
    """The part of WAVEFORMATEX that tells a length."""

    tag: int
    channels: int
    sample_rate: int
    bytes_per_s: int
    block_bytes: int

    def length(self, data_bytes: int, samples: int) -> tuple[float | None, bool]:
        """Return the seconds that so much data last, and whether that is exact.

        Args:
            data_bytes: The size of all samples.
            samples: What the fact chunk counts for each channel; 0 where there is none, or it was never filled in.
        """
        if self.tag in _LINEAR and self.block_bytes and self.sample_rate:
            return data_bytes // self.block_bytes / self.sample_rate, True
        if samples and self.sample_rate:
            return samples / self.sample_rate, True
        return (data_bytes / self.bytes_per_s if self.bytes_per_s else None), False


def wave_format(data: bytes, order: ByteOrder = "little") -> WaveFormat:
    """Read the 16 bytes that every WAVEFORMATEX begins with; `UnreadableError` where there are fewer."""
    if len(data) < _WAVE_FORMAT_BYTES:
        raise UnreadableError
    tag, channels = int.from_bytes(data[:2], order), int.from_bytes(data[2:4], order)
    bits = int.from_bytes(data[14:16], order)
    return WaveFormat(
        tag=tag,
        channels=channels,
        sample_rate=int.from_bytes(data[4:8], order),
        bytes_per_s=int.from_bytes(data[8:12], order),
        block_bytes=int.from_bytes(data[12:14], order) or channels * ((bits + 7) // 8),
    )


def chunks(reader: Reader, at: int, end: int, order: ByteOrder) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's name, where its data begin and their size as it says, padded to even sizes."""
    while at + 8 <= min(end, reader.size_bytes):
        head = reader.all(at, 8)
        size = int.from_bytes(head[4:], order)
        yield head[:4], at + 8, size
        at += 8 + size + (size & 1)


def extent(reader: Reader, at: int, declared: int) -> tuple[int, bool]:
    """Return how many bytes of data there are from `at` on, and whether the header said so.

    A header that was never completed, as streamed writers leave it, says 0 or more than there is: then all the rest
    counts. Whoever may have a true 0 before other chunks looks for these first.
    """
    rest = max(0, reader.size_bytes - at)
    return (declared, True) if 0 < declared <= rest or rest == declared else (rest, False)


def wav(reader: Reader) -> Probe:
    """Return what the chunks before the samples tell, in either byte order, RF64 and BW64 included."""
    order: ByteOrder = "big" if reader.all(0, 4) == b"RIFX" else "little"
    wave: WaveFormat | None = None
    samples = long_bytes = 0
    for name, at, size in chunks(reader, 12, reader.size_bytes, order):
        if name == b"fmt ":
            wave = wave_format(reader.some(at, min(size, _WAVE_FORMAT_BYTES)), order)
        elif name == b"fact":
            samples = int.from_bytes(reader.all(at, 4), order)
        elif name == b"ds64":
            long_bytes = int.from_bytes(reader.all(at + 8, 8), order)
        elif name == b"data" and wave is not None:
            declared = long_bytes if size == _STREAMED_BYTES and long_bytes else size
            data_bytes, said = (
                (0, True) if not size and _only_chunks(reader, at, order) else extent(reader, at, declared)
            )
            # Whoever could not fill in the one size could not fill in the other.
            seconds, exact = wave.length(data_bytes, samples if said else 0)
            return Probe(duration_s=seconds, channels=wave.channels, sample_rate=wave.sample_rate, exact=said and exact)
    return Probe()


def data_extent(reader: Reader) -> tuple[float, float] | None:
    """Return how many seconds of samples the header of a wav promises, and how many there are at most.

    Both are the same where it promises nothing certain. None where there are no samples.
    """
    order: ByteOrder = "big" if reader.all(0, 4) == b"RIFX" else "little"
    bytes_per_s = long_bytes = 0
    for name, at, size in chunks(reader, 12, reader.size_bytes, order):
        if name == b"fmt ":
            bytes_per_s = wave_format(reader.some(at, min(size, _WAVE_FORMAT_BYTES)), order).bytes_per_s
        elif name == b"ds64":
            long_bytes = int.from_bytes(reader.all(at + 8, 8), order)
        elif name == b"data":
            if not bytes_per_s:
                raise UnreadableError
            rest = max(0, reader.size_bytes - at)
            declared = long_bytes if size == _STREAMED_BYTES else 0 if size >= _ENDLESS_BYTES else size
            return max(declared, rest) / bytes_per_s, rest / bytes_per_s
    return None


def is_mute(reader: Reader) -> bool:
    """Say whether an avi has pictures, and no stream that may be sound."""
    kinds = {reader.all(at, 4) for name, at, _ in _avi_headers(reader) if name == b"strh"}
    return b"vids" in kinds and kinds <= {b"vids", b"txts"}


def _only_chunks(reader: Reader, at: int, order: ByteOrder) -> bool:
    """Say whether whole chunks with readable names fill the file from `at` on: then an empty one before is empty."""
    try:
        for name, start, size in chunks(reader, at, reader.size_bytes, order):
            if not name.isascii() or not name.decode("ascii").isprintable():
                return False
            at = start + size
    except UnreadableError:
        return False
    return at <= reader.size_bytes <= at + 1


def avi(reader: Reader) -> Probe:
    """Return what the header of the first sound stream tells; else the length of the pictures."""
    pictures: float | None = None
    is_sound = False
    seconds: float | None = None
    for name, at, size in _avi_headers(reader):
        if name == b"avih":
            main = reader.all(at, 20)
            pictures = int.from_bytes(main[:4], "little") * int.from_bytes(main[16:20], "little") / 1e6 or None
        elif name == b"strh":
            head = reader.all(at, 36)
            is_sound = head[:4] == b"auds"
            scale, rate, _, length = (int.from_bytes(head[i : i + 4], "little") for i in range(20, 36, 4))
            seconds = length * scale / rate if rate and length else None
        elif name == b"strf" and is_sound:
            wave = wave_format(reader.some(at, min(size, _WAVE_FORMAT_BYTES)))
            return Probe(
                duration_s=seconds if seconds is not None else pictures,
                channels=wave.channels,
                sample_rate=wave.sample_rate,
                exact=seconds is not None,
            )
    return Probe(duration_s=pictures)


def _avi_headers(reader: Reader) -> Iterator[tuple[bytes, int, int]]:
    """Yield the chunks of the header list and of the stream lists in it."""
    for name, at, size in chunks(reader, 12, reader.size_bytes, "little"):
        if name == b"LIST" and reader.all(at, 4) == b"hdrl":
            for inner_name, inner_at, inner_size in chunks(reader, at + 4, at + size, "little"):
                if inner_name == b"LIST" and reader.all(inner_at, 4) == b"strl":
                    yield from chunks(reader, inner_at + 4, inner_at + inner_size, "little")
                else:
                    yield inner_name, inner_at, inner_size
            return
