"""Chinese in one script: phrases as a whole, every character in its place, and times as they were."""

from __future__ import annotations

import sys
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.errors import ConfigurationError, MissingExtraError
from zhongzhuan_audio.models import Segment, Transcription, Word
from zhongzhuan_audio.models import script as module
from zhongzhuan_audio.models.script import convert_pieces, converter_to

PAIRS = (
    ("说话", "說話"),
    ("后来", "後來"),
    ("皇后", "皇后"),
    ("头发", "頭髮"),
    ("发展", "發展"),
    ("干杯", "乾杯"),
    ("干部", "幹部"),
    ("干扰", "干擾"),
    ("面条", "麵條"),
    ("表面", "表面"),
    ("为了这里", "為了這裡"),
)
CHINESE = st.text(st.sampled_from("头发展后来说话干杯面条a 。，\0𠀀") | st.characters(), max_size=30)


def spoken(*pieces: str) -> Transcription:
    """A transcript whose words and segments are these pieces."""
    return Transcription(
        text="".join(pieces),
        duration=9.0,
        segments=tuple(Segment(id=at, start=at, end=at + 1, text=piece) for at, piece in enumerate(pieces)),
        words=tuple(Word(word=piece, start=at, end=at + 0.5) for at, piece in enumerate(pieces)),
        body="".join(pieces),
    )


@pytest.mark.parametrize(("simplified", "traditional"), PAIRS)
def test_phrases_are_converted(simplified: str, traditional: str) -> None:
    """One character of one script may be several of the other: the phrase decides."""
    for given_text in (simplified, traditional):
        assert spoken(given_text).in_script("traditional").text == traditional
        assert spoken(given_text).in_script("simplified").text == simplified


def test_a_phrase_is_one_across_words_and_segments() -> None:
    """Characters that are words by themselves are converted as the phrase that they make."""
    got = spoken("剪", "头", "发", "，", "然后", "干", "杯").in_script("traditional")
    pieces = ["剪", "頭", "髮", "，", "然後", "乾", "杯"]
    assert got.text == "剪頭髮，然後乾杯"
    assert [word.word for word in got.words] == pieces
    assert [segment.text for segment in got.segments] == pieces


def test_only_texts_change() -> None:
    """Times, ids and the answer itself stay."""
    before = spoken("说话", "hello ", "后来")
    got = before.in_script("traditional")
    back = attrs.evolve(got, text=before.text, segments=before.segments, words=before.words)
    assert back == before
    assert got.body == "说话hello 后来"
    assert [(word.start, word.end) for word in got.words] == [(0, 0.5), (1, 1.5), (2, 2.5)]
    assert [(each.id, each.start, each.end) for each in got.segments] == [(0, 0, 1), (1, 1, 2), (2, 2, 3)]


def test_a_mixture_becomes_one() -> None:
    """As Whisper writes it."""
    assert spoken("說话，後来").in_script("simplified").text == "说话，后来"
    assert spoken("說话，後来").in_script("traditional").text == "說話，後來"


@given(st.lists(CHINESE, max_size=8), st.sampled_from(["simplified", "traditional"]))
def test_no_character_is_lost(pieces: list[str], script: Any) -> None:
    """Pieces keep their lengths and make up the converted whole, whatever is in them."""
    got = spoken(*pieces).in_script(script)
    assert [len(word.word) for word in got.words] == [len(piece) for piece in pieces]
    assert "".join(word.word for word in got.words) == got.text
    assert "".join(segment.text for segment in got.segments) == got.text


@given(st.lists(st.text(st.sampled_from("abc"), max_size=5)))
def test_a_conversion_that_changes_lengths_is_done_piece_by_piece(pieces: list[str]) -> None:
    """Nothing gets into a neighbour."""

    def double(text: str) -> str:
        return text.replace("a", "aa")

    assert convert_pieces(pieces, double) == [double(piece) for piece in pieces]


def test_half_a_character_stays() -> None:
    """OpenCC could not take it, and would drop a NUL that is alone."""
    assert converter_to("traditional")("说\ud800话\udfff\udfff后来") == "說\ud800話\udfff\udfff後來"
    assert converter_to("traditional")("\0") == "\0"


def test_other_scripts_are_refused() -> None:
    """By name, before OpenCC is looked for."""
    wrong: Any
    for wrong in ("zh-tw", None, ["simplified"]):
        with pytest.raises(ConfigurationError, match="script must be 'simplified' or 'traditional'"):
            spoken("说话").in_script(wrong)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only when it is used."""
    module._converter.cache_clear()
    monkeypatch.setitem(sys.modules, "opencc", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'zhongzhuan-audio\[zh\]'") as caught:
        spoken("说话").in_script("simplified")
    assert caught.value.extra == "zh"


@pytest.mark.parametrize(
    "line", ["大家先看一下关于头发和发展的内容，后来再说。", "大家先看一下关于头发和发展的内容后来再说干杯"]
)
def test_a_long_text_is_converted_in_parts_as_the_whole_would_be(line: str) -> None:
    """Cut at a mark, or where no phrase is, so that no single call keeps the interpreter for long."""
    asked: list[int] = []
    convert = converter_to("traditional")

    def counted(text: str) -> str:
        asked.append(len(text))
        return convert(text)

    whole = line * 1500
    assert module._convert_long(whole, counted) == convert(line) * 1500
    assert max(asked) <= 4000
