"""Tags before a recording. Source: ID3v2.4.0 structure, section 3.1."""

from __future__ import annotations

import functools
import re

from zhongzhuan_audio.audio.durations.reading import Reader

__all__ = ["skip_id3"]

_ID3 = re.compile(rb"ID3[\x02-\x04].(.)([\x00-\x7f]{4})", re.DOTALL)


def skip_id3(reader: Reader) -> int:
    """Return where the ID3v2 tags end that the recording begins with; 0 where there is none."""
    at = 0
    while match := _ID3.match(reader.some(at, 10)):
        size = functools.reduce(lambda sum_, seven_bits: sum_ << 7 | seven_bits, match[2], 0)
        at += 10 + size + (10 if match[1][0] & 0x10 else 0)
    return at
