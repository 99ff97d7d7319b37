"""The length of flac, and of Vorbis, Opus, FLAC and Speex in ogg.

Sources: RFC 9639 sections 8.2 and 10.1; RFC 3533 section 6; Vorbis I section 4.2.2; RFC 7845 sections 4 and 5.1; the
Speex manual's section 6.2.
"""

from __future__ import annotations

import struct

import attrs

from zhongzhuan_audio.audio.durations.reading import READ_BYTES, Probe, Reader, UnreadableError

__all__ = ["flac", "missing_bytes", "ogg"]

_PAGE_BYTES = 27
_PAGE_HEAD_BYTES = _PAGE_BYTES + 255
_FIRST_OF_STREAM = 2
_NO_PACKET_ENDS = -1
_MOST_FIRST_PAGES = 8
_TAIL_READS = 4
_OPUS_RATE = 48_000
_MIDWAY_S = 16.0
"""A first page with sound holds less: 255 packets of 60 ms."""


def flac(reader: Reader, at: int = 0) -> Probe:
    """Return what the stream information at the start tells, behind tags that end at `at`."""
    head = reader.all(at, 26)
    return _stream_info(head[8:]) if head[:4] == b"fLaC" and not head[4] & 0x7F else Probe()


def _stream_info(data: bytes) -> Probe:
    packed = int.from_bytes(data[10:18], "big")
    rate, channels, samples = packed >> 44, (packed >> 41 & 7) + 1, packed & (1 << 36) - 1
    known = bool(rate and samples)
    return Probe(duration_s=samples / rate if known else None, channels=channels, sample_rate=rate, exact=known)


@attrs.frozen(kw_only=True)
class _Page:
    serial: int
    flags: int
    granule: int
    body_at: int
    end: int


@attrs.frozen(kw_only=True)
class _Codec:
    channels: int
    sample_rate: int
    clock: int
    """Granules a second."""
    skipped: int = 0
    """Granules at the start that are not played."""


def ogg(reader: Reader) -> Probe:
    """Return the last page's time, less that of the first where the recording was cut from a longer one.

    None where the last page belongs to a stream that does not begin at the start: streams follow each other, and only
    the last one's length is told.
    """
    codec: _Codec | None = None
    sound, at = -1, 0
    serials: set[int] = set()
    while len(serials) < _MOST_FIRST_PAGES and (page := _whole_page(reader, at)) and page.flags & _FIRST_OF_STREAM:
        if codec is None and (codec := _codec(reader.some(page.body_at, min(64, page.end - page.body_at)))):
            sound = page.serial
        serials.add(page.serial)
        at = page.end
    if codec is None:
        return Probe()
    last = _last_granule(reader, sound, frozenset(serials), at)
    skipped, exact = codec.skipped, True
    if last is not None:
        first = _first_granule(reader, at, sound)
        if first > codec.clock * _MIDWAY_S and first < last:
            skipped, exact = first, False
    return Probe(
        duration_s=max(0, last - skipped) / codec.clock if last is not None else None,
        channels=codec.channels,
        sample_rate=codec.sample_rate,
        exact=exact and last is not None,
    )


def _page(reader: Reader, at: int) -> _Page:
    head = reader.all(at, _PAGE_BYTES)
    magic, version, flags, granule, serial, _, _, segments = struct.unpack("<4sBBqIIIB", head)
    if magic != b"OggS" or version:
        raise UnreadableError
    body_at = at + _PAGE_BYTES + segments
    end = body_at + sum(reader.all(at + _PAGE_BYTES, segments))
    return _Page(serial=serial, flags=flags, granule=granule, body_at=body_at, end=end)


def _codec(head: bytes) -> _Codec | None:
    """Read the first packet of a stream; None where it is not that of a known sound codec."""
    if head.startswith(b"\x01vorbis") and len(head) >= 16:  # noqa: PLR2004 - as far as the rate
        channels, rate = struct.unpack("<BI", head[11:16])
        return _Codec(channels=channels, sample_rate=rate, clock=rate) if rate else None
    if head.startswith(b"OpusHead") and len(head) >= 12:  # noqa: PLR2004 - as far as the pre-skip
        # The rate that follows is that of what was encoded; it is decoded at 48 kHz.
        channels, skipped = struct.unpack("<BH", head[9:12])
        return _Codec(channels=channels, sample_rate=_OPUS_RATE, clock=_OPUS_RATE, skipped=skipped)
    if head.startswith(b"\x7fFLAC") and len(head) >= 35:  # noqa: PLR2004 - as far as the number of samples
        told = _stream_info(head[17:35])
        rate, channels = told.sample_rate or 0, told.channels or 0
        return _Codec(channels=channels, sample_rate=rate, clock=rate) if rate else None
    if head.startswith(b"Speex   ") and len(head) >= 52:  # noqa: PLR2004 - as far as the channels
        rate, channels = struct.unpack("<I8xI", head[36:52])
        return _Codec(channels=channels, sample_rate=rate, clock=rate) if rate else None
    return None


def _first_granule(reader: Reader, at: int, serial: int) -> int:
    """Return the time at the end of the first page with sound; 0 where it is not among the first pages."""
    for _ in range(_MOST_FIRST_PAGES):
        try:
            page = _page(reader, at)
        except UnreadableError:
            return 0
        if page.serial == serial and page.granule > 0:
            return page.granule
        at = page.end
    return 0


def _last_granule(reader: Reader, serial: int, known: frozenset[int], start: int) -> int | None:
    """Return the time at the end of the last whole page of a stream; None where another stream came after it.

    Streams that play together begin together: pages of those that are known may come last.
    """
    end = reader.size_bytes
    for _ in range(_TAIL_READS):
        tail_at = max(start, end - READ_BYTES)
        tail = reader.some(tail_at, end - tail_at)
        at = tail.rfind(b"OggS")
        while at >= 0:
            page = _whole_page(reader, tail_at + at)
            if page is not None and (page.serial not in known or page.flags & _FIRST_OF_STREAM):
                return None
            if page is not None and page.serial == serial and page.granule != _NO_PACKET_ENDS:
                return page.granule
            at = tail.rfind(b"OggS", 0, at)
        if tail_at == start:
            return None
        end = tail_at + _PAGE_HEAD_BYTES - 1  # a page's header may lie across the cut
    return None


def missing_bytes(reader: Reader) -> int:
    """Return how many bytes of the last page of an ogg are missing; 0 where none are, or no page is near the end."""
    tail_at = max(0, reader.size_bytes - READ_BYTES)
    at = reader.some(tail_at, READ_BYTES).rfind(b"OggS")
    return max(0, _page(reader, tail_at + at).end - reader.size_bytes) if at >= 0 else 0


def _whole_page(reader: Reader, at: int) -> _Page | None:
    try:
        page = _page(reader, at)
    except UnreadableError:
        return None
    return page if page.end <= reader.size_bytes else None
