"""What plainly is not a recording is named, and nothing else is."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.audio import HEAD_BYTES, sniff
from zhongzhuan_audio.audio.others import describe_other


def zip_of(data: bytes) -> bytes:
    """Return a ZIP archive with one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", data)
    return file.getvalue()


def empty_zip() -> bytes:
    """Return a ZIP archive without a file."""
    file = io.BytesIO()
    zipfile.ZipFile(file, "w").close()
    return file.getvalue()


def png() -> bytes:
    """Return an image of one grey dot."""
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0\x80")),
        (b"IEND", b""),
    )
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def bmp() -> bytes:
    """Return the headers of an image of one white dot, and the dot."""
    info = struct.pack("<IiiHHIIiiII", 40, 1, 1, 1, 24, 0, 4, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 58, 0, 0, 54) + info + b"\xff\xff\xff\0"


def windows_program(at: int = 0x80) -> bytes:
    """Return the beginning of a program as linkers lay it out, with other first bytes than Microsoft's."""
    return (b"MZ\x50\0".ljust(0x3C, b"\x02") + struct.pack("<I", at)).ljust(at, b"\x0e") + b"PE\0\0\x64\x86"


def database() -> bytes:
    """Return an SQLite database with one table."""
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (x)")
    data = connection.serialize()
    connection.close()
    return data


@pytest.mark.parametrize(
    ("head", "phrase"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF file"),
        (zip_of(b"<xml/>"), "a ZIP archive (or an Office document)"),
        (empty_zip(), "a ZIP archive (or an Office document)"),
        (b"PK\x07\x08PK\x03\x04", "a ZIP archive (or an Office document)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16), "an old Office document"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7z archive"),
        (b"Rar!\x1a\x07\0\xcf", "a RAR archive"),
        (b"Rar!\x1a\x07\x01\0", "a RAR archive"),
        (gzip.compress(b"sound"), "a gzip file"),
        (bz2.compress(b"sound"), "a bzip2 file"),
        (bz2.compress(b""), "a bzip2 file"),
        (lzma.compress(b"sound"), "an xz file"),
        (b"\x28\xb5\x2f\xfd\x04\0", "a Zstandard file"),
        (png(), "a PNG image"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "a JPEG image"),
        (b"\xff\xd8\xff\xe1\0\x10Exif\0", "a JPEG image"),
        (b"GIF89a\x01\0\x01\0", "a GIF image"),
        (b"GIF87a\x01\0\x01\0", "a GIF image"),
        (b"II*\0\x08\0\0\0", "a TIFF image"),
        (b"MM\0*\0\0\0\x08", "a TIFF image"),
        (b"RIFF\x1a\0\0\0WEBPVP8L", "a WebP image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1", "a HEIC or AVIF image"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1", "a HEIC or AVIF image"),
        (bmp(), "a BMP image"),
        (b"\x7fELF\x02\x01\x01\0", "a program (ELF)"),
        (windows_program(), "a program (Windows)"),
        (b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff", "a program (Windows)"),
        (database(), "an SQLite database"),
    ],
)
def test_files_with_a_signature_are_named(head, phrase):
    """Documents, archives, images, programs and databases are told by their first bytes."""
    assert describe_other(head) == phrase
    assert describe_other(head[:HEAD_BYTES].ljust(HEAD_BYTES, b"\0")) == phrase


def test_the_running_program_is_a_program():
    """The interpreter that runs these tests is a program, where its format is one that is known."""
    head = Path(sys.executable).read_bytes()[:HEAD_BYTES]
    expected = {"linux": "a program (ELF)", "win32": "a program (Windows)"}.get(sys.platform)
    assert describe_other(head) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("<!DOCTYPE html>\n<html><head><title>登录</title>", "a web page (HTML)"),
        ('\r\n  <!doctype HTML PUBLIC "-//W3C//DTD HTML 4.01//EN">', "a web page (HTML)"),
        ("<html>\n<head><title>502 Bad Gateway</title></head>", "a web page (HTML)"),
        ("<body bgcolor=white>维护中，请稍后", "a web page (HTML)"),
        ("<p>请求失败 <br/>", "a web page (HTML)"),
        ('<?xml version="1.0"?>\n<!DOCTYPE html>\n<HTML xmlns="x">', "a web page (HTML)"),
        ("<!-- made by hand -->\n<html>", "a web page (HTML)"),
        ('<?xml version="1.0"?>\n<svg xmlns="x">', "an SVG image"),
        ("<svg viewBox='0 0 1 1'>", "an SVG image"),
        ('<?xml version="1.0"?>\n<Error><Code>NoSuchKey</Code>', "an XML document"),
        ("<rss version='2.0'>", "an XML document"),
        ("<abbr>no tag of a page's beginning", "an XML document"),
        ('{"error": {"message": "没有找到。"}}', "a JSON document"),
        ('  [\n {"id": 1}', "a JSON document"),
        ("[ ]\n", "a JSON document"),
        ("{ }\n", "a JSON document"),
        (json.dumps(["x", " "]), "a JSON document"),
        ("[00:01.00] a line of a song", "a text file"),
        ("会议记录，第一页。\n", "a text file"),
        ("a < b and <html>", "a text file"),
        ("<3 hearts", "a text file"),
        ("1\n00:00:00,000 --> 00:00:02,500\n你好，世界。\n", "a text file"),
        ("#!/bin/sh\nexit 0\n", "a text file"),
        ("#EXTM3U\nhttps://example.org/a.mp3\n", "a text file"),
    ],
)
def test_text_is_named_by_what_it_holds(text, phrase, encoding):
    """Pages, XML, SVG and JSON are told from plain text, in any encoding that is read."""
    assert describe_other(text.encode(encoding)) == phrase


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\0" * HEAD_BYTES,
        b"BM\x00\x01\x02\x03\x04\x05" * 20,
        b"BM" + bytes(200),
        b"MZ" + bytes(200),
        b"MZ\x01\x02\x03\x04" * 50,
        windows_program()[:-6] + b"\x01\x02\x03\x04",
        b"BZh1" + bytes(20),
        struct.pack("<8h", -9985, -8193, -7425, -6657, -5121, -4097, -1793, 7),
        struct.pack("<8h", -9985, -7937, -5889, -4353, -2817, -1281, 255, 9),
        b"\xff\xd8\xff\xe0\xff\xe3\xff\xe6",
        b"\x1f\x8b\x00\x01",
        b"PK\x01\x05",
        b"RIFF\x1a\0\0\0ACON",
        b"\0\0\0\x18ftypisom\0\0\0\0",
        b"\xff\xfb\x90\x64" + b"%PDF-1.7",
        b"#!AMR\n and words",
    ],
)
def test_what_could_be_audio_is_not_named(head):
    """A signature of two letters is not enough, and a recording is a recording whatever else it holds."""
    assert describe_other(head) is None


@given(st.binary(min_size=64, max_size=200), st.sampled_from([0, 1, 8, 0x7F]), st.integers(min_value=0, max_value=63))
def test_binary_bytes_are_never_called_text(noise, control, at):
    """64 bytes with a control byte among them are named by a signature or not at all."""
    head = noise[:at] + bytes((control,)) + noise[at + 1 :]
    words = ("text", "page", "JSON", "XML", "SVG")
    phrase = describe_other(head)
    assert phrase is None or head.startswith((b"\xff\xfe", b"\xfe\xff")) or not any(word in phrase for word in words)
    assert phrase is None or sniff(head) is None
