"""Silence in every format that speech may be asked for in, without anything that encodes. Pure."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Final

__all__ = ["SAMPLE_RATE", "silence", "wav_header"]

SAMPLE_RATE: Final = 24_000
"""Of all the speech that the upstream gives."""
_SILENCE_S = 0.1
_ENDLESS = 0xFFFFFFFF
_PACKED = {
    "mp3": "eNr7/9nlCAMDA7MHkGDwcfR1NdYzNDAIpQKAGPYfaH4wzHwqmYxu/jIam79mSJoPASjmh1If0Np8ANA61to=",
    "opus": (
        "eNrzT08PZmBigAJjyQoPEP3P+Esmo7B/QWmxR2piCiOjBeOBWLACf5ByBmTljED67iyRIkYzkPKQxPRiXqCIT2JZmpmRniEQGRiBlIgCcW"
        "pecn5KapEtiiTYRBYDUYSJINfcmDetno0ZDG78/4eGAGYLMac="
    ),
    "aac": "eNr7/zHCgbH+D6OEAvt/QkwAoZ8REQ==",
    "flac": (
        "eNrtyTEKggAUxvFPSNChJXAXDyDl4BYNDi5ODq0ipW0FDe5eyWt4hQ7h6KavMfACwf/He3wf77VFnUmKfPn6OgTuR5M27KR4b1nUXZsm8c"
        "nmmDh2CGyb5+11b97nn2evUAAAAAAAAAAAAAAA4P8tc+5psDKWy/zwnOpq/ZKudoUVwg=="
    ),
}
"""A tenth of a second each, or the fewest frames that hold one; made once by FFmpeg, and deflated."""


def silence(response_format: str) -> bytes:
    """Return a tenth of a second of silence: mp3, opus, aac, flac, wav or pcm."""
    if response_format in _PACKED:
        return zlib.decompress(base64.b64decode(_PACKED[response_format]))
    samples = bytes(2 * int(_SILENCE_S * SAMPLE_RATE))
    return wav_header(len(samples)) + samples if response_format == "wav" else samples


def wav_header(size_bytes: int | None = None) -> bytes:
    """Return what stands before 16-bit mono samples in a WAV file.

    Args:
        size_bytes: Of the samples. None means that it is not known yet: the sizes then are the largest ones, as the
            upstream has them in what it streams.
    """
    data, riff = (_ENDLESS, _ENDLESS) if size_bytes is None else (size_bytes, size_bytes + 36)
    layout = struct.pack("<HHIIHH", 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16)
    return b"RIFF%bWAVEfmt %b%bdata%b" % (
        struct.pack("<I", riff),
        struct.pack("<I", len(layout)),
        layout,
        struct.pack("<I", data),
    )
