"""The form parser: any split of the bytes gives the same parts, and what is broken is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.relay.multipart import (
    MalformedFormError,
    MultipartParser,
    PartBegin,
    PartData,
    PartEnd,
    boundary_of,
)

BOUNDARY = b"xyz"


def parse(body: bytes, *, step: int | None = None, boundary: bytes = BOUNDARY) -> list[tuple[PartBegin, bytes]]:
    """Return the parts of a body fed in pieces of `step` bytes."""
    parser = MultipartParser(boundary)
    parts: list[tuple[PartBegin, bytes]] = []
    ended = 0
    for start in range(0, len(body), step or max(len(body), 1)):
        for event in parser.feed(body[start : start + (step or len(body))]):
            if isinstance(event, PartBegin):
                parts.append((event, b""))
            elif isinstance(event, PartData):
                parts[-1] = (parts[-1][0], parts[-1][1] + event.data)
            else:
                assert event == PartEnd()
                ended += 1
    assert parser.finished
    assert ended == len(parts)
    return parts


def part(data: bytes, disposition: str = 'form-data; name="a"') -> bytes:
    """Return one part as bytes, its boundary before it."""
    return b"--xyz\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\n" + data + b"\r\n"


@given(
    st.lists(st.binary(max_size=60).map(lambda data: data.replace(b"\r\n--xyz", b""))),
    st.integers(min_value=1, max_value=40),
    st.sampled_from([b"", b"preamble to be passed over\r\n"]),
    st.sampled_from([b"", b"\r\n", b"\r\nepilogue --xyz"]),
)
def test_any_bytes_in_any_pieces(contents, step, preamble, epilogue):
    """Parts come out byte for byte, wherever the pieces are cut."""
    body = preamble + b"".join(part(data) for data in contents) + b"--xyz--" + epilogue
    assert [data for _, data in parse(body, step=step)] == contents


def test_holds_back_no_more_than_a_boundary():
    """Memory stays flat: a large part is passed on as it comes."""
    parser = MultipartParser(BOUNDARY)
    list(parser.feed(part(b"")[:-2]))
    for _ in range(50):
        got = b"".join(event.data for event in parser.feed(b"z" * 1000) if isinstance(event, PartData))
        assert len(got) >= 1000 - len(b"\r\n--xyz")


@pytest.mark.parametrize(
    ("disposition", "name", "filename"),
    [
        ('form-data; name="file"; filename="会议 🎙.m4a"', "file", "会议 🎙.m4a"),
        ('form-data; name="file"; filename="a;b;c.mp3"', "file", "a;b;c.mp3"),
        ('form-data; name="file"; filename="%E4%BC%9A.mp3"', "file", "%E4%BC%9A.mp3"),
        ('form-data; name="file"; filename="C:\\a\\b.mp3"', "file", "C:\\a\\b.mp3"),
        ('form-data; name="file"; filename="a\\"b.mp3"', "file", 'a\\"b.mp3'),
        ('form-data; name="file"; filename=""', "file", ""),
        ("form-data; name=file; filename=a.mp3", "file", "a.mp3"),
        ("form-data; name=file; filename*=UTF-8''%E4%BC%9A.mp3", "file", "会.mp3"),
        ("form-data; name=file; filename*=latin-1''%E4.mp3", "file", None),
        ('form-data; name="prompt"', "prompt", None),
        ("form-data", "", None),
    ],
)
def test_names_are_told_as_sent(disposition, name, filename):
    """A file name is what came over the wire, nothing undone."""
    assert parse(part(b"1", disposition) + b"--xyz--") == [(PartBegin(name, filename), b"1")]


def test_part_without_headers_and_blanks_after_a_boundary():
    """A part may have no headers, others than the one looked for, and padding after its boundary."""
    assert parse(b"--xyz  \r\n\r\nhello\r\n--xyz\r\nX-Other: 1\r\n\r\n\r\n--xyz--") == [
        (PartBegin("", None), b"hello"),
        (PartBegin("", None), b""),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"--xyzz\r\n\r\n",
        b"--xyz" + b" " * 200,
        b"--xyz\r\nContent-Disposition: " + b"x" * 20_000,
        b"--xyz\r\nContent-Disposition: " + b"x" * 20_000 + b"\r\n\r\n",
    ],
)
def test_broken_forms_are_refused(body):
    """A boundary that goes on and headers without end are errors."""
    with pytest.raises(MalformedFormError):
        parse(body)


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=xyz", b"xyz"),
        ('Multipart/Form-Data; charset=utf-8; Boundary="x y"', b"x y"),
    ],
)
def test_boundary(content_type, boundary):
    """The boundary is read quoted or not."""
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "multipart/mixed; boundary=a",
        "multipart/form-data",
        f"multipart/form-data; boundary={'a' * 71}",
        "multipart/form-data; boundary=é",
    ],
)
def test_no_boundary(content_type):
    """Another type, or no boundary that may stand there, is an error."""
    with pytest.raises(MalformedFormError):
        boundary_of(content_type)
