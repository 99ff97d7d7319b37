"""How long a recording is, from its header or its index, without decoding it. Pure; a few bounded reads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from zhongzhuan_audio.audio import formats
from zhongzhuan_audio.audio.durations.id3 import skip_id3
from zhongzhuan_audio.audio.durations.reading import (
    MOST_READS,
    READ_BYTES,
    Probe,
    ReadAt,
    Reader,
    UnreadableError,
)
from zhongzhuan_audio.audio.formats import AudioFormat
from zhongzhuan_audio.audio.sniff import HEAD_BYTES, sniff

__all__ = ["MOST_READS", "READ_BYTES", "Probe", "ReadAt", "probe"]

_PROBES: Mapping[AudioFormat, str] = MappingProxyType(
    {
        formats.AAC: "mpeg.aac",
        formats.AIFC: "iff.aiff",
        formats.AIFF: "iff.aiff",
        formats.AMR: "speech.amr",
        formats.AMR_WB: "speech.amr_wb",
        formats.ASF: "asf.asf",
        formats.AU: "iff.au",
        formats.AVI: "riff.avi",
        formats.CAF: "iff.caf",
        formats.FLAC: "xiph.flac",
        formats.G711: "riff.wav",
        formats.M4A: "mp4.mp4",
        formats.MKV: "matroska.matroska",
        formats.MOV: "mp4.mp4",
        formats.MP3: "mpeg.mp3",
        formats.MP4: "mp4.mp4",
        formats.OGG: "xiph.ogg",
        formats.SILK: "speech.silk",
        formats.WAV: "riff.wav",
        formats.WEBM: "matroska.matroska",
    }
)
"""Modules and their functions, loaded when they are first needed: all would take 20 ms, in a thread beside a loop that
sends and gets only what they leave it."""
_TAGGED = (formats.AAC, formats.FLAC, formats.MP3)
_MOST_SECONDS_A_BYTE = 10
"""No codec keeps more in a byte, silence included: a header that says so is damaged, or meant to mislead."""
_MOST_CHANNELS = 255
_MOST_RATE = 1 << 24


def probe(read_at: ReadAt, size_bytes: int, format: AudioFormat) -> Probe:  # noqa: A002 - the word of the whole package
    """Return a recording's length, channels and sample rate, as far as its header or its index tells.

    Nothing is decoded, and the recording is read at most `MOST_READS` times, at most `READ_BYTES` each: most formats
    take one to three reads, of 4 KiB or, at the end of an ogg, 64 KiB. Those that have no index (AAC in ADTS, AMR,
    SILK, mp3 without one) are counted where they have less than 896 KiB or so, and estimated from samples of the
    stream where they have more.

    Args:
        read_at: Takes an offset and a number of bytes, and returns these bytes; fewer at the end of the recording.
            What it raises passes through.
        size_bytes: The size of the whole recording.
        format: What `sniff` made of its first bytes.

    Returns:
        What was found. Damaged, cut off or hostile bytes raise nothing: what they leave unknown is None. No length is
        told by: what a browser's MediaRecorder made (webm, fragmented mp4), a flac written to a pipe, ogg streams
        that follow each other, AAC in ADIF.
    """
    reader = Reader(read_at, size_bytes)
    try:
        found = _probe(reader, format)
    except UnreadableError:
        return Probe()
    seconds, channels, rate = found.duration_s, found.channels or 0, found.sample_rate or 0
    known = seconds is not None and math.isfinite(seconds) and 0 <= seconds <= _MOST_SECONDS_A_BYTE * size_bytes
    return Probe(
        duration_s=seconds if known else None,
        channels=channels if 0 < channels <= _MOST_CHANNELS else None,
        sample_rate=rate if 0 < rate <= _MOST_RATE else None,
        exact=known and found.exact,
    )


def _probe(reader: Reader, kind: AudioFormat) -> Probe:
    if kind in _TAGGED and (start := skip_id3(reader)):
        # What is behind a tag longer than the sniffed head counts as mp3 until it is seen.
        kind = sniff(reader.some(start, HEAD_BYTES)) or kind
        if kind == formats.FLAC:
            from zhongzhuan_audio.audio.durations.xiph import flac

            return flac(reader, start)
    if kind not in _PROBES:
        return Probe()
    module, _, name = _PROBES[kind].partition(".")
    found: Probe = getattr(import_module(f"zhongzhuan_audio.audio.durations.{module}"), name)(reader)
    return found
