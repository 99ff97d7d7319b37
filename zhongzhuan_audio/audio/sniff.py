"""Telling a recording's format by its first bytes.

Sources, format by format:
    flac: RFC 9639 section 6. mp3: ISO/IEC 11172-3 section 2.4.1.3, ISO/IEC 13818-3; ID3v2.4.0 structure section 3.1.
    mp4, m4a: ISO/IEC 14496-12 section 4.3 and the MP4 registration authority's list of brands. mov: Apple's QuickTime
    File Format. ogg: RFC 3533 section 6. wav, avi: Microsoft and IBM's Multimedia Programming Interface 1.0; RF64 and
    BW64: EBU Tech 3306, ITU-R BS.2088. webm, mkv: RFC 8794 sections 4, 5 and 11.2, RFC 9559. aac: ISO/IEC 13818-7
    sections 6.2 (ADTS) and 6.1 (ADIF). aiff, aifc: Apple's Audio Interchange File Format 1.3 and AIFF-C. amr: RFC 4867
    section 5. caf: Apple's Core Audio Format. wma: Microsoft's Advanced Systems Format section 3.1. au: Sun's and
    NeXT's audio(4). mpeg, ts: ISO/IEC 13818-1 sections 2.5.3.3 (pack_start_code) and 2.4.3.2 (sync_byte); m2ts has four
    bytes more before each packet. ac3, eac3: ATSC A/52 sections 5.3 and E.1.2. flv: Adobe's Flash Video File Format
    10.1, annex E.2. dsf: Sony's DSF File Format 1.01. w64: Sony's Wave64. rm, ape, tta, voc, wv: the words that they
    begin with. silk: the header that Skype's SILK SDK writes, before which WeChat and QQ put a byte
    02. G.711 in wav: Microsoft's New Multimedia Data Types 3.0.
"""

from __future__ import annotations

import re
from typing import Literal

from zhongzhuan_audio.audio import formats
from zhongzhuan_audio.audio.formats import AudioFormat
from zhongzhuan_audio.audio.plaintext import decode_text

__all__ = ["HEAD_BYTES", "IMAGE_BRANDS", "sniff"]

HEAD_BYTES = 4096
"""How many bytes of a recording's beginning are worth reading; more are not looked at."""

IMAGE_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"avif", b"avis")
)
"""Brands of the mp4 family that are pictures. Source: ISO/IEC 23008-12 annex B, AV1 Image File Format section 6."""

_MP4_BRANDS = {b"M4A ": formats.M4A, b"M4B ": formats.M4A, b"M4P ": formats.M4A, b"qt  ": formats.MOV}
_MAGIC = {
    b"fLaC": formats.FLAC,
    b"OggS\0": formats.OGG,
    b"#!AMR-WB": formats.AMR_WB,
    b"#!AMR": formats.AMR,
    b"#!SILK_V3": formats.SILK,
    b"\x02#!SILK_V3": formats.SILK,
    b"caff\0\x01": formats.CAF,
    b"\0\0\x01\xba": formats.MPEG_PS,
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c": formats.ASF,
    b"FLV\x01": formats.FLV,
    b".RMF\0": formats.RM,
    b"MAC ": formats.APE,
    b"DSD \x1c\0": formats.DSF,
    b"TTA1": formats.TTA,
    b"wvpk": formats.WAVPACK,
    b"Creative Voice File\x1a": formats.VOC,
    b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00": formats.W64,
}
# A recording that goes out is looked at each time: most begin like none of them.
_MAGIC_BY_FIRST = {
    first: tuple((magic, kind) for magic, kind in _MAGIC.items() if magic[0] == first)
    for first in {magic[0] for magic in _MAGIC}
}
_CHUNKED = {
    (b"RIFF", b"WAVE"): formats.WAV,
    (b"RIFX", b"WAVE"): formats.WAV,
    (b"RF64", b"WAVE"): formats.WAV,
    (b"BW64", b"WAVE"): formats.WAV,
    (b"RIFF", b"AVI "): formats.AVI,
    (b"FORM", b"AIFF"): formats.AIFF,
    (b"FORM", b"AIFC"): formats.AIFC,
}
_ID3 = re.compile(rb"ID3[\x02-\x04].(.)([\x00-\x7f]{4})", re.DOTALL)
_MPEG_SYNC = re.compile(rb"\xff[\xe0-\xff]..", re.DOTALL)  # eleven set bits for MPEG audio, twelve for ADTS
_G711 = (6, 7)
_EXTENSIBLE = 0xFFFE
_PACKET_BYTES = (188, 192)  # of ts and of m2ts, whose sync byte is the fifth
_OLD_ATOMS = frozenset({b"moov", b"mdat", b"wide"})  # QuickTime is older than ftyp
_ATOM_HEADER_BYTES = 8  # a size of 1 says that one of 64 bits follows the type
_ADTS_HEADER_BYTES = 7
_ADTS_RATES = range(13)
_AU_HEADER_BYTES = range(24, 1 << 24)  # 24, and a remark that is short in any real file
_AC3_SYNC = b"\x0b\x77"
_AC3_KBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
_AC3_RATES = (48_000, 44_100, 32_000)
_AC3_SAMPLES = 1536
_EAC3_FROM = 11
_DOCTYPES = {b"webm": formats.WEBM, b"matroska": formats.MKV}


def sniff(head: bytes) -> AudioFormat | None:
    """Return the format of a recording that begins with `head`, or None where it is not recognised.

    Args:
        head: The first `HEAD_BYTES` bytes, or all where there are fewer.
    """
    head = head[:HEAD_BYTES]
    tagged = False
    while tag_bytes := _id3_bytes(head):
        head, tagged = head[tag_bytes:], True
    # FLAC and AAC carry ID3 tags too; what follows a tag that is longer than the head is an mp3 nearly always.
    return _untagged(head) or (formats.MP3 if tagged else None)


def _untagged(head: bytes) -> AudioFormat | None:
    for magic, kind in _MAGIC_BY_FIRST.get(head[0], ()) if head else ():
        if head.startswith(magic):
            return kind
    chunked = _CHUNKED.get((head[:4], head[8:12]))
    if chunked is formats.WAV and _codec_of(head) in _G711:
        return formats.G711
    return chunked or _mp4_family(head) or _matroska(head) or _raw_stream(head)


def _id3_bytes(head: bytes) -> int:
    """Return the size of an ID3v2 tag at the start, or 0.

    The size is four times 7 bits, and counts neither the 10 bytes of the header nor those of the footer (flag 0x10).
    """
    match = _ID3.match(head)
    if match is None:
        return 0
    size = 0
    for seven_bits in match[2]:
        size = size << 7 | seven_bits
    return 10 + size + (10 if match[1][0] & 0x10 else 0)


def _codec_of(head: bytes) -> int | None:
    """Return the tag of a wav's codec; that of the extensible form stands in its GUID."""
    order: Literal["big", "little"] = "big" if head.startswith(b"RIFX") else "little"
    at = 12
    while at + 8 < len(head):
        if head[at : at + 4] == b"fmt ":
            tag = int.from_bytes(head[at + 8 : at + 10], order)
            return int.from_bytes(head[at + 32 : at + 34], order) if tag == _EXTENSIBLE else tag
        size = int.from_bytes(head[at + 4 : at + 8], order)
        at += 8 + size + (size & 1)
    return None


def _mp4_family(head: bytes) -> AudioFormat | None:
    kind, brand = head[4:8], head[8:12]
    if kind == b"ftyp":
        return None if brand in IMAGE_BRANDS else _MP4_BRANDS.get(brand, formats.MP4)
    if kind not in _OLD_ATOMS:
        return None
    size = int.from_bytes(head[:4], "big")
    return formats.MOV if size == 1 or size >= _ATOM_HEADER_BYTES else None


def _matroska(head: bytes) -> AudioFormat | None:
    """Find DocType (0x4282) among the elements of the EBML header."""
    if not head.startswith(b"\x1a\x45\xdf\xa3"):
        return None
    size, at = _ebml_size(head, 4)
    end = min(at + size, len(head))
    while at < end:
        id_bytes = 9 - head[at].bit_length()
        element = head[at : at + id_bytes]
        size, at = _ebml_size(head, at + id_bytes)
        if element == b"\x42\x82":
            return _DOCTYPES.get(head[at : at + size].rstrip(b"\0"))
        at += size
    return None


def _ebml_size(head: bytes, at: int) -> tuple[int, int]:
    """Return an element's size and where its data begin: leading zero bits count the bytes that follow the first."""
    if at >= len(head) or not head[at]:
        return 0, len(head)
    width = 9 - head[at].bit_length()
    return int.from_bytes(head[at : at + width], "big") & ((1 << 7 * width) - 1), at + width


def _raw_stream(head: bytes) -> AudioFormat | None:
    """Tell what begins with a few telling bits rather than with a name."""
    # Amateur radio logs (.adi) are called ADIF as well, and often begin with the word; they are text.
    if head.startswith(b"ADIF") and decode_text(head) is None:
        return formats.AAC
    if head.startswith(b".snd") and int.from_bytes(head[4:8], "big") in _AU_HEADER_BYTES:
        return formats.AU
    for size in _PACKET_BYTES:
        if head[size - 188 : 4 * size : size] == b"GGGG":
            return formats.MPEG_TS
    if head.startswith(_AC3_SYNC):
        return _ac3(head)
    return _mpeg_frame(head) if _MPEG_SYNC.match(head) else None


def _ac3(head: bytes) -> AudioFormat | None:
    """Tell by the frame's length, behind which another one must begin; bsid says which of the two it is."""
    if len(head) < 6:  # noqa: PLR2004 - up to bsid
        return None
    if head[5] >> 3 >= _EAC3_FROM:
        kind, size = formats.EAC3, 2 * ((int.from_bytes(head[2:4], "big") & 0x7FF) + 1)
    else:
        rate, code = head[4] >> 6, head[4] & 63
        if rate >= len(_AC3_RATES) or code // 2 >= len(_AC3_KBITS):
            return None
        words = _AC3_KBITS[code // 2] * 1000 * _AC3_SAMPLES // 16 // _AC3_RATES[rate]
        # Frames at 44.1 kHz have a word more now and then, which the lowest bit tells.
        kind, size = formats.AC3, 2 * (words + (code & 1 if _AC3_RATES[rate] == 44_100 else 0))  # noqa: PLR2004
    return kind if head[size : size + 2] in (_AC3_SYNC, b"") else None


def _mpeg_frame(head: bytes) -> AudioFormat | None:
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    if layer == 0:
        frame_bytes = int.from_bytes(head[3:6].ljust(3, b"\0"), "big") >> 5 & 0x1FFF
        good = version in (2, 3) and head[2] >> 2 & 15 in _ADTS_RATES and frame_bytes >= _ADTS_HEADER_BYTES
        return formats.AAC if good else None
    # The other values are reserved, but for layer I (3) and bit rate 0 (free), which no recording has. They are left
    # out for what else begins so: the byte order mark FF FE of UTF-16 would be a layer I.
    valid = version in (0, 2, 3) and layer in (1, 2) and head[2] >> 4 in range(1, 15)
    return formats.MP3 if valid and head[2] >> 2 & 3 in (0, 1, 2) and head[3] & 3 in (0, 1, 3) else None
