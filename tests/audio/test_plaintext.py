"""Text is told from sound: no raw samples are ever called text."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zhongzhuan_audio.audio import HEAD_BYTES
from zhongzhuan_audio.audio.others import describe_other
from zhongzhuan_audio.audio.plaintext import decode_text

ALLOWED_CONTROLS = b"\t\n\r\f\x1b"
CONTROLS = [value for value in (*range(32), 127) if value not in ALLOWED_CONTROLS]
printable = st.text(
    st.one_of(st.characters(exclude_categories=["Cc", "Cs", "Cn", "Co"]), st.sampled_from("\t\r\n ")), min_size=2
).filter(lambda text: len(set(text.encode("utf-8"))) > 1 and not text.startswith("\ufeff"))


@given(printable)
def test_utf8_is_read_with_and_without_a_mark(text):
    """Any printable text in UTF-8 is text; a byte order mark is not a part of it."""
    assert decode_text(text.encode("utf-8")) == text
    assert decode_text(text.encode("utf-8-sig")) == text


@given(printable)
def test_utf16_is_read_with_a_mark(text):
    """Any printable text in UTF-16 of either order is text where a mark says so."""
    assert decode_text(b"\xff\xfe" + text.encode("utf-16-le")) == text
    assert decode_text(b"\xfe\xff" + text.encode("utf-16-be")) == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_a_character_may_be_cut(encoding, cut):
    """A head that ends within a character is still text."""
    whole = "会议记录，第一部分。\r\n好的😀".encode(encoding)
    text = decode_text(whole[: len(whole) - cut])
    assert text is not None
    assert text.startswith("会议记录，第一部分。")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("今天的会议，讨论了三件事。Python 也在其中".encode("gb18030"), "今天的会议，讨论了三件事。Python 也在其中"),
        ("Tänään käytiin läpi pöytäkirja".encode("cp1252"), "Tänään käytiin läpi pöytäkirja"),
        ("“Café” – a piece of déjà vu".encode("cp1252"), "“Café” – a piece of déjà vu"),
        (b"\x1b$B:#F|\x1b(B form\x0cfeed", "\x1b$B:#F|\x1b(B form\x0cfeed"),
    ],
)
def test_older_encodings_are_read(data, text):
    """Chinese in GB18030 and Western text in Windows-1252 are text."""
    assert decode_text(data) == text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\xff\xfe",
        b"x" * 64,
        b"\x55" * 64,
        b"\x80" * 4096,
        b"\xd5" * 4096,
        b"\xff\x7f" * 64,
        b"\xd5\x55" * 64,
        b"\xd5\xd4\xd5\xd7" * 64,
        b"\xf0\xf1\xfe\xff\xfd" * 64,
        b"\xff\xfe\x01\x00\x02\x00\xfe\xff",
        b"\xff\xfe\x20\x00\x00\xd8\x20\x00",
        b"\xff\xfe\x41\x00\x00\xe0\x42\x00",
        b"\xff\xfe\x00\x00h\0\0\0i\0\0\0",
        "сведения о записи".encode("koi8-r")[:7],
        b"caf\xe9caf\xe9",
    ],
)
def test_what_need_not_be_text_is_not(data):
    """Silence and soft sound in raw PCM and G.711, broken UTF-16, and bytes of no certain encoding are not text."""
    assert decode_text(data) is None
    assert describe_other(data) is None


@given(
    st.one_of(st.binary(min_size=64, max_size=HEAD_BYTES), printable.map(lambda text: text.encode("utf-8") * 64)),
    st.sampled_from(CONTROLS),
    st.integers(min_value=0),
)
@example(b"plain words, " * 10, 0, 5)
@example("会议，".encode("gb18030") * 30, 8, 7)
def test_a_control_byte_is_never_text(data, control, at):
    """A head with a NUL or another control byte is not text, but for UTF-16 with a mark, where all bytes occur."""
    at %= len(data) + 1
    head = data[:at] + bytes((control,)) + data[at:]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = b"." + head
    assert decode_text(head) is None


def test_noise_is_never_text():
    """Random bytes, also behind UTF-16's mark and without control bytes, are not called anything."""
    source = random.Random(5)  # noqa: S311 - noise, not a secret
    plain = [value for value in range(256) if value not in CONTROLS]
    for _ in range(200):
        assert decode_text(source.randbytes(HEAD_BYTES)) is None
        assert decode_text(b"\xff\xfe" + source.randbytes(HEAD_BYTES)) is None
        assert decode_text(bytes(source.choices(plain, k=256))) is None
