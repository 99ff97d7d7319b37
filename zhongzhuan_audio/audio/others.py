"""Naming what plainly is not a recording."""

from __future__ import annotations

import re

from zhongzhuan_audio.audio.plaintext import decode_text
from zhongzhuan_audio.audio.sniff import HEAD_BYTES, IMAGE_BRANDS, sniff

__all__ = ["describe_other"]

_ZIP = "a ZIP archive (or an Office document)"
_MAGIC = {
    b"%PDF-": "a PDF file",  # ISO 32000-1 section 7.5.2
    b"PK\x03\x04": _ZIP,  # PKWARE's APPNOTE sections 4.3.7, 4.3.16 (no entries) and 8.5.3 (split)
    b"PK\x05\x06": _ZIP,
    b"PK\x07\x08": _ZIP,
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Office document",  # [MS-CFB] section 2.2
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",  # 7zFormat.txt of the LZMA SDK
    b"Rar!\x1a\x07": "a RAR archive",  # RAR 5.0 archive format; 1.5 differs in the byte after
    b"\x1f\x8b\x08": "a gzip file",  # RFC 1952 section 2.3.1; 8 is the only method
    b"\xfd7zXZ\0": "an xz file",  # The .xz File Format section 2.1.1.1
    b"\x28\xb5\x2f\xfd": "a Zstandard file",  # RFC 8878 section 3.1.1
    b"\x89PNG\r\n\x1a\n": "a PNG image",  # ISO/IEC 15948 section 5.2
    b"GIF87a": "a GIF image",  # GIF89a section 17
    b"GIF89a": "a GIF image",
    b"II*\0": "a TIFF image",  # TIFF 6.0 section 2
    b"MM\0*": "a TIFF image",
    b"\x7fELF": "a program (ELF)",  # System V ABI, chapter 4
    b"SQLite format 3\0": "an SQLite database",  # "Database File Format" section 1.3
}
# ISO/IEC 10918-1 annex B: SOI, then a marker that may follow it and a length. Quiet 16-bit samples that fall slowly
# begin like SOI as well, but stay below 0: FF D8 FF DF FF E3.
_JPEG = re.compile(rb"\xff\xd8\xff[\xc0-\xc4\xdb\xdd\xe0-\xef\xfe](?!\xff)")
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
_BMP_HEADER_BYTES = (12, 16, 40, 52, 56, 64, 108, 124)

_HTML = re.compile(
    r"<(?:!doctype html|html|head|body|title|meta|script|style|iframe|table|div|h1|p|br|a|b|font|center)(?=[\s/>])",
    re.IGNORECASE,
)
_XML_START = re.compile(r"<(?:\?xml\s|!--|!DOCTYPE\s|[A-Za-z_][\w.:-]*[\s/>])")
_SVG = re.compile(r"<svg[\s>]")
_JSON = re.compile(r"""\{\s*["}]|\[\s*[\[{"\]]""")


def describe_other(head: bytes) -> str | None:
    """Say what a file that begins with `head` plainly is, other than a recording.

    Args:
        head: The first `HEAD_BYTES` bytes, or all where there are fewer.

    Returns:
        A noun phrase with its article ("a PDF file"); None where it could be a recording, recognised or not.
    """
    head = head[:HEAD_BYTES]
    if sniff(head) is not None:
        return None
    return _describe_binary(head) or _describe_text(head)


def _describe_binary(head: bytes) -> str | None:
    for magic, phrase in _MAGIC.items():
        if head.startswith(magic):
            return phrase
    if _JPEG.match(head):
        return "a JPEG image"
    if _BZIP2.match(head):
        return "a bzip2 file"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":  # WebP Container Specification
        return "a WebP image"
    if head[4:8] == b"ftyp" and head[8:12] in IMAGE_BRANDS:
        return "a HEIC or AVIF image"
    if _is_bmp(head):
        return "a BMP image"
    if _is_windows_program(head):
        return "a program (Windows)"
    return None


def _is_bmp(head: bytes) -> bool:
    """Judge more than the two letters: reserved zeros, and a size of the second header that exists.

    Source: Microsoft's BITMAPFILEHEADER and its family of BITMAPINFOHEADERs.
    """
    return (
        head.startswith(b"BM") and head[6:10] == bytes(4) and int.from_bytes(head[14:18], "little") in _BMP_HEADER_BYTES
    )


def _is_windows_program(head: bytes) -> bool:
    """Judge more than the two letters: offset 0x3C tells where "PE" stands. Source: Microsoft's PE Format."""
    if not head.startswith(b"MZ"):
        return False
    at = int.from_bytes(head[0x3C:0x40], "little")
    # The first bytes that Microsoft's linker has always written do for a head that ends before.
    return head[at : at + 4] == b"PE\0\0" or head.startswith(b"MZ\x90\0\x03\0\0\0")


def _describe_text(head: bytes) -> str | None:
    text = decode_text(head)
    if text is None:
        return None
    text = text.lstrip()
    if _HTML.match(text) or ("<html" in text.lower() and text.startswith("<")):
        return "a web page (HTML)"
    if _XML_START.match(text):
        return "an SVG image" if _SVG.search(text) else "an XML document"
    return "a JSON document" if _JSON.match(text) else "a text file"
