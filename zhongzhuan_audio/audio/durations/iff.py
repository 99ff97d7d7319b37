"""The length of aiff, aifc, caf and au: sizes and counts that stand before the samples.

Sources: Apple's Audio Interchange File Format 1.3 and AIFF-C; Apple's Core Audio Format Specification 1.0; Sun's and
NeXT's audio(4).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

from zhongzhuan_audio.audio.durations.reading import Probe, Reader
from zhongzhuan_audio.audio.durations.riff import chunks, extent

__all__ = ["aiff", "au", "caf"]

_LINEAR_AIFC = frozenset(
    (b"NONE", b"twos", b"sowt", b"raw ", b"in24", b"in32", b"42ni", b"23ni", b"fl32", b"FL32", b"fl64", b"FL64")
)
_AIFC_BITS = {b"alaw": 8, b"ALAW": 8, b"ulaw": 8, b"ULAW": 8}  # COMM says 16 there: what the samples decode to
_IMA4_SAMPLES = 64  # of each channel in a packet; COMM counts packets
_AU_BITS = {1: 8, 2: 8, 3: 16, 4: 24, 5: 32, 6: 32, 7: 64, 23: 4, 24: 4, 25: 3, 26: 5, 27: 8}


def aiff(reader: Reader) -> Probe:
    """Return what the common chunk of an aiff or aifc tells; by the sound chunk where the writer left the count 0."""
    probe: Probe | None = None
    frame_bits = 0
    for name, at, size in chunks(reader, 12, reader.size_bytes, "big"):
        if name == b"COMM":
            channels, frames, bits = struct.unpack(">hIh", reader.all(at, 8))
            rate = _extended(reader.all(at + 8, 10))
            kind = reader.all(at + 18, 4) if size >= 22 else b"NONE"  # noqa: PLR2004 - what aifc has and aiff has not
            frame_bits = max(0, channels) * _AIFC_BITS.get(kind, (bits + 7) // 8 * 8 if kind in _LINEAR_AIFC else 0)
            frames *= _IMA4_SAMPLES if kind == b"ima4" else 1
            known = frames and rate and (frame_bits or kind == b"ima4")
            seconds = frames / rate if known else None
            probe = Probe(duration_s=seconds, channels=channels, sample_rate=round(rate), exact=seconds is not None)
            if known or not frame_bits or not rate:
                return probe
        elif name == b"SSND" and probe is not None and probe.sample_rate:
            # Eight bytes, offset and block size, come before the samples and count.
            data_bytes, _ = extent(reader, at, size)
            seconds = max(0, data_bytes - 8) * 8 // frame_bits / probe.sample_rate
            return Probe(duration_s=seconds, channels=probe.channels, sample_rate=probe.sample_rate)
    return probe or Probe()


def _extended(data: bytes) -> float:
    """Return an 80-bit number of the IEEE 754 kind, with its leading bit written; 0 where it makes no sample rate."""
    exponent, mantissa = struct.unpack(">HQ", data)
    # A sample rate lies between 1 and 2**31; all else, the sign included, is damage.
    return math.ldexp(mantissa, exponent - 16383 - 63) if 16383 <= exponent < 16383 + 31 else 0  # noqa: PLR2004


def au(reader: Reader) -> Probe:
    """Return what the 24 bytes of the header tell."""
    at, declared, encoding, rate, channels = struct.unpack(">5I", reader.all(4, 20))
    bits = _AU_BITS.get(encoding, 0) * channels
    if not bits or not rate:
        return Probe(channels=channels, sample_rate=rate)
    data_bytes, exact = extent(reader, at, declared)
    return Probe(duration_s=data_bytes * 8 // bits / rate, channels=channels, sample_rate=rate, exact=exact)


def caf(reader: Reader) -> Probe:
    """Return what the packet table tells, wherever it stands; without one, the size of packets that have one size."""
    rate = 0.0
    channels = packet_bytes = packet_samples = data_bytes = 0
    exact = True
    for name, at, size in _caf_chunks(reader):
        if name == b"desc":
            rate, _, _, packet_bytes, packet_samples, channels = struct.unpack(">d4sIIII", reader.all(at, 28))
            if not 1 <= rate < 1 << 31:
                return Probe()
        elif name == b"data":
            data_bytes, exact = extent(reader, at + 4, size - 4 if size > 0 else 0)
        elif name == b"pakt" and rate:
            frames = struct.unpack(">q", reader.all(at + 8, 8))[0]
            return Probe(duration_s=frames / rate, channels=channels, sample_rate=round(rate), exact=True)
        if data_bytes and packet_bytes and packet_samples:
            break
    seconds = data_bytes // packet_bytes * packet_samples / rate if packet_bytes and packet_samples and rate else None
    return Probe(duration_s=seconds, channels=channels, sample_rate=round(rate), exact=exact and seconds is not None)


def _caf_chunks(reader: Reader) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's name, where its data begin and their size; a size of -1 is that of the last one."""
    at = 8
    while at + 12 <= reader.size_bytes:
        name, size = struct.unpack(">4sq", reader.all(at, 12))
        yield name, at + 12, size
        if size < 0:
            return
        at += 12 + size
