"""Pieces of text are joined the way their language does."""

from __future__ import annotations

import doctest
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.models import text as module
from zhongzhuan_audio.models.text import join_texts

HAN = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF) | st.sampled_from("㐀𠀀豈々〇⺀⼀")
PIECES = st.lists(st.text(HAN | st.sampled_from("aZ09 .,!?。，！？“”—…、（）한국ไทยかカ \u3000\n") | st.characters()))


@pytest.mark.parametrize(
    ("pieces", "joined"),
    [
        ([], ""),
        ([""], ""),
        ([" ", "\n", "\u3000"], ""),
        (["Hello there.", "How are you?"], "Hello there. How are you?"),
        ([" And so,", " my fellow Americans,"], "And so, my fellow Americans,"),
        (["Hello", "", "  ", "there"], "Hello there"),
        (["你好", "世界"], "你好世界"),
        (["你好。", "世界"], "你好。世界"),
        (["你好，", " 世界"], "你好，世界"),
        (["你好……", "世界"], "你好……世界"),
        (["他说：“你好”", "世界"], "他说：“你好”世界"),
        (["你好——", "世界"], "你好——世界"),
        (["你好", "“世界”"], "你好“世界”"),
        (["我在用", "Python", "写代码"], "我在用 Python 写代码"),
        (["Hello there.", "你好。", "世界"], "Hello there. 你好。世界"),
        (["2024", "年"], "2024 年"),
        (["He left…", "Then he came."], "He left… Then he came."),
        (["“Yes”", "“No”"], "“Yes” “No”"),
        (["…", "…"], "… …"),
        (["用", "（Python）"], "用（Python）"),
        (["Python", "（语言）"], "Python（语言）"),
        (["「はい」", "そうです"], "「はい」そうです"),
        (["こんにちは", "カタカナ", "漢字"], "こんにちはカタカナ漢字"),
        (["ｶﾀｶﾅ", "ﾃﾞｽ"], "ｶﾀｶﾅﾃﾞｽ"),
        (["สวัสดี", "ครับ"], "สวัสดีครับ"),
        (["ສະບາຍດີ", "ເຈົ້າ"], "ສະບາຍດີເຈົ້າ"),
        (["မင်္ဂလာ", "ပါ"], "မင်္ဂလာပါ"),
        (["សួស្តី", "បង"], "សួស្តីបង"),
        (["안녕하세요.", "반갑습니다"], "안녕하세요. 반갑습니다"),
        (["안녕", "你好"], "안녕 你好"),
        (["Привет,", "мир"], "Привет, мир"),
        (["مرحبا", "بك"], "مرحبا بك"),
        (["ㄅㄆ", "ㄇ"], "ㄅㄆㄇ"),
        (["𠀀", "𪚥"], "𠀀𪚥"),
        (["two\nlines", "here"], "two\nlines here"),
    ],
)
def test_pieces_are_joined_as_their_language_does(pieces: list[str], joined: str) -> None:
    """Blanks for Latin, Cyrillic, Arabic and Korean; none for Chinese, Japanese, Thai, Lao, Burmese and Khmer."""
    assert join_texts(pieces) == joined


def test_any_iterable_will_do() -> None:
    """A generator is read once."""
    assert join_texts(piece for piece in ("a", "b")) == "a b"


@given(st.lists(st.text(HAN, min_size=1), min_size=1))
def test_no_blank_stands_between_han_characters(pieces: list[str]) -> None:
    """Of whatever block."""
    assert join_texts(pieces) == "".join(pieces)


@given(PIECES)
def test_every_character_but_blanks_is_kept_in_order(pieces: list[str]) -> None:
    """And nothing but single blanks is put between pieces."""
    joined = join_texts(pieces)
    assert re.sub(r"\s", "", joined) == re.sub(r"\s", "", "".join(pieces))
    stripped = [piece.strip() for piece in pieces if piece.strip()]
    assert re.fullmatch(" ?".join(map(re.escape, stripped)), joined)


@given(st.text())
def test_one_piece_is_only_stripped(piece: str) -> None:
    """Joining again changes nothing."""
    assert join_texts([piece]) == piece.strip()
    assert join_texts([join_texts([piece])]) == join_texts([piece])


@given(PIECES)
def test_a_join_does_not_begin_or_end_with_a_blank(pieces: list[str]) -> None:
    """However many pieces are empty."""
    joined = join_texts(pieces)
    assert joined == joined.strip()


def test_the_example_in_the_docstring_is_true() -> None:
    """What a reader copies works."""
    results = doctest.testmod(module)
    assert results.attempted > 0
    assert results.failed == 0
