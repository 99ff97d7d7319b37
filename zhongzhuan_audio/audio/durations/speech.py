"""The length of amr, amr-wb and silk: packets of 20 ms that follow each other without an index.

Sources: RFC 4867 sections 4.3.1, 5.1 and 5.3, with the frame sizes of 3GPP TS 26.101 annex A and TS 26.201 annex A; the
decoder in Skype's SILK SDK, and what WeChat and QQ write.
"""

from __future__ import annotations

from collections.abc import Sequence

from zhongzhuan_audio.audio.durations.frames import Step, measure
from zhongzhuan_audio.audio.durations.reading import Probe, Reader

__all__ = ["amr", "amr_wb", "silk"]

_FRAME_S = 0.02
# The bytes of a frame of each type, with the one that names the type; 0 where a type is not used.
_AMR_BYTES = (13, 14, 16, 18, 20, 21, 27, 32, 6, 0, 0, 0, 0, 0, 0, 1)
_AMR_WB_BYTES = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 0, 0, 0, 0, 1, 1)
_UNUSED_BITS = 0x83
_SILK_MAGIC = b"#!SILK_V3"
_SILK_END = b"\xff\xff"
_LONGEST_SILK = 1250


def amr(reader: Reader) -> Probe:
    """Count frames of the narrow-band codec or estimate from samples of them."""
    return _amr(reader, b"#!AMR\n", b"#!AMR_MC1.0\n", _AMR_BYTES, 8_000)


def amr_wb(reader: Reader) -> Probe:
    """Count frames of the wide-band codec or estimate from samples of them."""
    return _amr(reader, b"#!AMR-WB\n", b"#!AMR-WB_MC1.0\n", _AMR_WB_BYTES, 16_000)


def _amr(reader: Reader, magic: bytes, many: bytes, sizes: Sequence[int], rate: int) -> Probe:
    head = reader.some(0, len(many) + 4)
    if head.startswith(many):
        # The last four bits of the channel description count them; their frames take turns.
        start, channels = len(many) + 4, max(1, head[-1] & 0x0F)
    elif head.startswith(magic):
        start, channels = len(magic), 1
    else:
        return Probe()
    seconds, exact = measure(reader, start, reader.size_bytes, _amr_steps(sizes, channels), reach=max(sizes))
    return Probe(duration_s=seconds, channels=channels, sample_rate=rate, exact=exact)


def _amr_steps(sizes: Sequence[int], channels: int) -> Step:
    def step(data: bytes, at: int) -> tuple[int, float] | None:
        if at >= len(data) or data[at] & _UNUSED_BITS:
            return None
        size = sizes[data[at] >> 3]
        return (size, _FRAME_S / channels) if size else None

    return step


def silk(reader: Reader) -> Probe:
    """Count packets or estimate from samples of them; each has a size before it, and 20 ms in it.

    The codec allows up to 100 ms in a packet; the encoders of the chat programs, and those made for them, do not use
    that. The header names no rate: a decoder gives whichever is asked for.
    """
    at = reader.some(0, 1 + len(_SILK_MAGIC)).find(_SILK_MAGIC)
    if at < 0:
        return Probe()
    start, end = at + len(_SILK_MAGIC), reader.size_bytes
    if reader.some(end - len(_SILK_END), len(_SILK_END)) == _SILK_END:
        end -= len(_SILK_END)
    seconds, exact = measure(reader, start, end, _silk_step, reach=_LONGEST_SILK)
    return Probe(duration_s=seconds, channels=1, exact=exact)


def _silk_step(data: bytes, at: int) -> tuple[int, float] | None:
    size = int.from_bytes(data[at : at + 2], "little")
    return (2 + size, _FRAME_S) if size <= _LONGEST_SILK and at + 2 <= len(data) else None
