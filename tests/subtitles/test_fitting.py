"""Cues made fit to watch: nothing is lost, lines and times keep to the bounds, and words stay whole."""

from __future__ import annotations

import doctest
import math
import time
import unicodedata
from itertools import pairwise

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.subtitles import Cue, Fit, breaking, fit_cues
from zhongzhuan_audio.subtitles.breaking import atoms_of, width_of

ENGLISH = "And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
CHINESE = "今天我们要讨论的是人工智能在医疗领域的应用，特别是在影像诊断方面。很多医院已经开始使用Python编写的系统。"
MIXED = "aé -你好，。！？「」（）“”…—ーゃカタ한국ไทย👍🏽👩‍👩‍👧🇨🇳e\u0301\u00a0\n\t "

texts = st.text(st.sampled_from(MIXED) | st.characters(), max_size=120) | st.sampled_from([ENGLISH, CHINESE])
latin = st.lists(st.text(st.sampled_from("abcdefgé'"), min_size=1, max_size=9), min_size=1, max_size=40).map(" ".join)
times = st.floats(min_value=0, max_value=20000)
cues = st.lists(st.builds(lambda start, length, text: Cue(start, start + length, text), times, st.floats(0, 30), texts))
lines_and_chars = st.builds(Fit, max_chars=st.integers(2, 50), max_lines=st.integers(1, 4))


def bare(text: str) -> str:
    """The text without blanks."""
    return "".join(text.split())


def one(text: str, fit: Fit, *, end: float = 10.0, words: list[Cue] | None = None) -> list[Cue]:
    """Fit a single cue."""
    return fit_cues([Cue(0.0, end, text)], fit, words or [])


@given(texts, lines_and_chars)
def test_no_character_is_lost_or_moved(text, fit):
    """All but blanks comes out, in order."""
    assert bare("".join(cue.text for cue in one(text, fit))) == bare(text)


@given(texts, lines_and_chars)
def test_lines_are_no_longer_and_no_more_than_asked(text, fit):
    """But for a line that is a single character, which is wider than the line."""
    for cue in one(text, fit):
        lines = cue.text.split("\n")
        assert len(lines) <= fit.max_lines
        for line in lines:
            assert line == line.strip()
            assert width_of(line) <= fit.max_chars or is_one_character(line)


@given(texts, lines_and_chars, st.sampled_from(["agent", "客服", "A", "the second speaker of the afternoon"]))
def test_names_are_in_every_part_and_in_the_bounds(text, fit, who):
    """But for a name that alone is wider than a line, or leaves no room on the only one for what comes after it."""
    whole = fit_cues([Cue(0.0, 10.0, text, who)], fit, named=True)
    assert all(cue.text.startswith(f"{who}:") and cue.speaker is None for cue in whole)
    assert bare("".join(cue.text.removeprefix(f"{who}:") for cue in whole)) == bare(text)
    beside = width_of(who) + 2
    for cue in whole:
        first, *others = cue.text.split("\n")
        if fit.max_lines > 1 or beside + 2 <= fit.max_chars:
            assert len(others) < fit.max_lines
        for line in [first, *others]:
            said = line.removeprefix(f"{who}:")
            assert width_of(line) <= fit.max_chars or is_one_character(said.strip()) or beside + 1 > fit.max_chars
    apart = fit_cues([Cue(0.0, 10.0, text, who)], fit)
    assert apart == [attrs.evolve(cue, speaker=who) for cue in fit_cues([Cue(0.0, 10.0, text)], fit)]


def test_a_name_counts_as_a_part_of_the_first_line():
    """And has one of its own where a word has no room beside it."""
    assert [cue.text for cue in fit_cues([Cue(0, 9, "ask not what your", "agent")], Fit(max_chars=14), named=True)] == [
        "agent: ask\nnot what your"
    ]
    long = [Cue(0, 9, "extraordinarily so", "agent")]
    assert [cue.text for cue in fit_cues(long, Fit(max_chars=18, max_lines=3), named=True)] == [
        "agent:\nextraordinarily so"
    ]
    two = fit_cues([Cue(0, 9, "ask not what", "agent")], Fit(max_chars=14, max_lines=1), named=True)
    assert [cue.text for cue in two] == ["agent: ask not", "agent: what"]


def is_one_character(text: str) -> bool:
    """Whether a reader may see it as one: with marks, joined, or a flag."""
    return len(atoms_of(text, 1)) == 1


@given(latin, st.integers(9, 40), st.integers(1, 3))
def test_words_stay_whole(text, max_chars, max_lines):
    """Every Latin word that fits a line is on one line."""
    cues = one(text, Fit(max_chars=max_chars, max_lines=max_lines))
    assert " ".join(" ".join(cue.text.split("\n")) for cue in cues) == text


@given(st.text(st.sampled_from("你好世界，。！？、）」”（「“"), min_size=1, max_size=80), st.integers(12, 50))
def test_chinese_lines_begin_and_end_well(text, max_chars):
    """None begins with a closing mark or ends with an opening one, where a line has room for what sticks together."""
    if any(atom.after == "inside" for atom in atoms_of(text, max_chars)):
        return
    lines = "\n".join(cue.text for cue in one(text, Fit(max_chars=max_chars, max_lines=2))).split("\n")
    assert all(line[0] not in "，。！？、）」”" for line in lines[1:])
    assert all(line[-1] not in "（「“" for line in lines[:-1])


@given(texts, lines_and_chars, st.floats(0, 60))
def test_the_parts_of_a_cue_share_its_time(text, fit, end):
    """They begin and end with it, in order, and none is shown with another."""
    found = one(text, fit, end=end)
    if not found:
        assert not bare(text)
        return
    assert found[0].start == 0
    assert found[-1].end == pytest.approx(end, abs=0.0006)
    flat = [time for cue in found for time in (cue.start, cue.end)]
    assert flat == sorted(flat)


def test_time_without_words_goes_by_characters():
    """A part of two thirds of the characters has two thirds of the time."""
    found = one("aaaa bbbb, cccc", Fit(max_chars=10, max_lines=1), end=13.0)
    assert found == [Cue(0.0, 9.0, "aaaa bbbb,"), Cue(9.0, 13.0, "cccc")]


def test_time_goes_by_words_where_there_are_any():
    """Parts begin and end with their words; the marks beside a word go with it."""
    words = [Cue(1.0, 2.0, "Hello,"), Cue(2.0, 3.0, "there"), Cue(7.0, 8.0, "(big"), Cue(8.0, 9.0, "world)")]
    found = one("“Hello, there” (big world)!", Fit(max_chars=15, max_lines=1), words=words)
    assert found == [Cue(0.0, 3.0, "“Hello, there”"), Cue(7.0, 10.0, "(big world)!")]


def test_words_are_found_in_chinese():
    """Whatever Whisper takes for a word."""
    words = [Cue(0.0, 1.0, "今天"), Cue(1.0, 2.0, "天气"), Cue(4.0, 4.5, "很"), Cue(4.5, 5.0, "好")]
    found = fit_cues([Cue(0.0, 6.0, "今天天气，很好。")], Fit(max_chars=10, max_lines=1), words)
    assert found == [Cue(0.0, 2.0, "今天天气，"), Cue(4.0, 6.0, "很好。")]


def test_words_that_differ_from_the_text_are_passed_over():
    """A text that says 20 where the word is twenty is timed by its other words."""
    words = [Cue(0.0, 1.0, "about"), Cue(1.0, 5.0, "twenty"), Cue(5.0, 6.0, "people"), Cue(8.0, 9.0, "came")]
    words.insert(2, Cue(math.nan, 5.0, "people"))
    found = fit_cues([Cue(0.0, 9.0, "About 20 people came")], Fit(max_chars=15, max_lines=1), words)
    assert found == [Cue(0.0, 6.0, "About 20 people"), Cue(8.0, 9.0, "came")]


def test_a_short_word_is_not_found_within_a_longer_one():
    """The words of a text of which one was not heard keep their times."""
    words = [Cue(0.0, 1.0, "so"), Cue(1.0, 2.0, "a"), Cue(6.0, 7.0, "cat"), Cue(7.0, 8.0, "a"), Cue(8.0, 9.0, "dog")]
    found = fit_cues([Cue(0.0, 9.0, "so many cats. cat a dog")], Fit(max_chars=13, max_lines=1), words)
    assert found[1] == Cue(6.0, 9.0, "cat a dog")


def test_each_cue_has_its_own_words():
    """The same sentence twice is timed by the words that were said at the time."""
    words = [Cue(at + 0.0, at + 0.5, text) for at, text in enumerate(["one", "two", "three", "four"] * 2)]
    found = fit_cues(
        [Cue(0, 4, "one two three four"), Cue(4, 8, "one two three four")], Fit(max_chars=10, max_lines=1), words
    )
    assert [(cue.start, cue.text) for cue in found] == [
        (0, "one two"),
        (2, "three four"),
        (4, "one two"),
        (6, "three four"),
    ]


def test_words_of_another_time_are_not_a_cues():
    """Neither those that come later nor those that were said before and are in no text."""
    fit = Fit(max_chars=10, max_lines=1)
    later = [Cue(10.0 + at, 10.5 + at, text) for at, text in enumerate(["eins", "zwei", "drei", "vier"])]
    text = "eins zwei drei vier"
    found = fit_cues([Cue(0.0, 4.0, text), Cue(10.0, 14.0, text)], fit, later)
    assert [(cue.start, cue.end) for cue in found] == [(0, 2), (2, 4), (10, 11.5), (12, 14)]
    found = fit_cues([Cue(0.0, 4.0, "eins"), Cue(10.0, 14.0, "zwei drei vier sechs")], fit, [Cue(1.0, 2.0, "zwei")])
    assert [(cue.start, cue.text) for cue in found[1:]] == [(10, "zwei drei"), (pytest.approx(11.882), "vier sechs")]


def test_times_of_words_are_kept_in_order_and_within_the_cue():
    """Whatever a relay says."""
    words = [Cue(30.0, 35.0, "aaaa"), Cue(25.0, 28.0, "bbbb"), Cue(59.0, 80.0, "cccc"), Cue(10.0, 70.0, "dddd")]
    found = fit_cues([Cue(20.0, 60.0, "aaaa bbbb cccc dddd")], Fit(max_chars=4, max_lines=1), words)
    assert [(cue.start, cue.end) for cue in found] == [(20, 35), (35, 35), (59, 60), (60, 60)]


@given(
    st.lists(st.text(st.sampled_from("ab你好"), min_size=1, max_size=6), min_size=1, max_size=30),
    st.lists(st.floats(0, 100) | st.just(math.nan), min_size=60, max_size=60),
)
def test_words_with_any_times_keep_order(spoken, wild):
    """Whatever the times of words are, parts are in order and within their cue."""
    words = [Cue(wild[2 * at], wild[2 * at + 1], word) for at, word in enumerate(spoken)]
    found = fit_cues([Cue(20.0, 60.0, " ".join(spoken))], Fit(max_chars=8, max_lines=1), words)
    flat = [time for cue in found for time in (cue.start, cue.end)]
    assert flat == sorted(flat)
    assert (flat[0], flat[-1]) == (20.0, 60.0)


@given(
    st.lists(st.tuples(st.text(st.sampled_from("abc"), min_size=1, max_size=8), st.floats(0.05, 1), st.floats(0, 1))),
    st.integers(8, 30),
)
def test_parts_begin_and_end_with_their_words(said, max_chars):
    """A part after the first begins when its first word does, one before the last ends when its last word does."""
    words, at = [], 0.0
    for text, length, pause in said:
        words.append(Cue(at, at + length, text))
        at += length + pause
    if not words:
        return
    whole = Cue(0.0, words[-1].end, " ".join(word.text for word in words))
    found = fit_cues([whole], Fit(max_chars=max_chars, max_lines=1), words)
    spoken = iter(words)
    for number, cue in enumerate(found):
        its = [next(spoken) for _ in cue.text.split()]
        assert cue.start == pytest.approx(its[0].start, abs=0.001) or number == 0
        assert cue.end == pytest.approx(its[-1].end, abs=0.001) or number == len(found) - 1


@pytest.mark.parametrize(
    ("text", "max_chars", "lines"),
    [
        ("And so, my fellow Americans, ask not what you", 30, ["And so, my fellow Americans,", "ask not what you"]),
        ("one two three four five six", 20, ["one two three", "four five six"]),
        ("今天天气很好，我们去公园玩吧", 20, ["今天天气很好，", "我们去公园玩吧"]),
        ("我们在使用TensorFlow编写系统", 20, ["我们在使用", "TensorFlow编写系统"]),
        ("Donaudampfschifffahrt", 10, ["Donaudampf", "schifffahr", "t"]),
        ("第一行，\n第二行", 40, ["第一行，第二行"]),
        ("first line\nsecond line", 40, ["first line second line"]),
        ("10\u00a0000 people", 40, ["10\u00a0000 people"]),
        ("カタカナをカタカナで", 16, ["カタカナを", "カタカナで"]),
        ("👩‍👩‍👧👩‍👩‍👧", 6, ["👩‍👩‍👧", "👩‍👩‍👧"]),
        ("🇨🇳🇯🇵🇰🇷", 3, ["🇨🇳", "🇯🇵", "🇰🇷"]),
        ("ภาษาไทยไม่มีช่องว่าง", 8, None),
        ("他说：“你好，世界！”他然后就走了。", 22, ["他说：“你好，世界！”", "他然后就走了。"]),
    ],
)
def test_lines_are_broken_where_a_reader_would(text, max_chars, lines):
    """Balanced, after marks where that serves, never within what belongs together."""
    (cue,) = one(text, Fit(max_chars=max_chars))
    found = cue.text.split("\n")
    if lines is None:
        assert "".join(found) == text
        assert all(width_of(line) <= max_chars and unicodedata.category(line[0]) != "Mn" for line in found)
    else:
        assert found == lines


@pytest.mark.parametrize(
    ("text", "atoms"),
    [
        ('他说"你好"了', ["他", '说"你', '好"了']),
        ("きゃっと〜です", ["きゃっ", "と〜", "で", "す"]),
        ("👩‍👩‍👧好👍🏽", ["👩‍👩‍👧", "好", "👍🏽"]),
        ("2024年，（约）3.5万人", ["2024", "年，", "（约）", "3.5", "万", "人"]),
        ("한국어 단어", ["한국어", "단어"]),
    ],
)
def test_what_sticks_together(text, atoms):
    """Marks and small characters with what is before them, opening marks with what comes after, quotes with both."""
    assert [atom.text for atom in atoms_of(text, 40)] == atoms


def test_a_word_in_katakana_is_parted_last():
    """Of all breaks it is the worst, and the end of a sentence is the best."""
    assert [atom.after for atom in atoms_of("カタ字を、か。 a", 40)] == [
        "inside",
        "character",
        "character",
        "clause",
        "sentence",
        "word",
    ]


def test_a_split_prefers_the_end_of_a_sentence():
    """Two cues that hold a sentence each, though others would be more alike in length."""
    found = one("It is late. We should all go home now, they say", Fit(max_chars=36, max_lines=1))
    assert [cue.text for cue in found] == ["It is late.", "We should all go home now, they say"]


def test_a_split_is_even_where_speech_says_nothing_of_it():
    """No cue of a word is left over."""
    found = one("one two three four five six", Fit(max_chars=22, max_lines=1))
    assert [cue.text for cue in found] == ["one two three", "four five six"]


def test_without_a_number_of_lines_no_cue_is_split():
    """It has as many lines as it takes."""
    (cue,) = one(ENGLISH, Fit(max_chars=20))
    assert len(cue.text.split("\n")) > 2
    assert cue == Cue(0.0, 10.0, cue.text)


@given(cues, st.floats(0, 3), st.none() | st.floats(1, 50), st.none() | st.integers(5, 40))
@example([Cue(0, 5, "a"), Cue(5, 6, "b")], 0.08, None, None)
def test_a_gap_is_kept_or_the_cue_is_as_short_as_it_may_be(given_cues, gap, max_cps, max_chars):
    """Cues are in order, and one that leaves too small a gap is no longer than half a second."""
    fit = Fit(min_gap_s=gap, max_cps=max_cps, max_chars=max_chars, max_lines=max_chars and 2)
    found = fit_cues(given_cues, fit)
    for cue, following in pairwise(found):
        assert cue.start <= following.start
        assert following.start - cue.end >= gap - 1e-6 or cue.end - cue.start <= 0.5 + 1e-6


@given(cues, st.floats(0, 3), st.floats(1, 50))
def test_a_cue_stands_as_long_as_it_takes_to_read(given_cues, gap, max_cps):
    """Or up to the gap before the next one; never shorter than without, and never into the next."""
    found = fit_cues(given_cues, Fit(min_gap_s=gap, max_cps=max_cps))
    plain = fit_cues(given_cues, Fit(min_gap_s=gap))
    assert [(cue.start, cue.text) for cue in found] == [(cue.start, cue.text) for cue in plain]
    for at, (cue, before) in enumerate(zip(found, plain, strict=True)):
        assert cue.end >= before.end
        latest = found[at + 1].start - gap if at + 1 < len(found) else math.inf
        assert cue.end <= max(before.end, latest + 1e-6)
        long_enough = cue.end - cue.start >= width_of(cue.text.replace("\n", "")) / max_cps - 0.001
        assert long_enough or cue.end >= latest - 0.001


def test_times_are_given_as_asked():
    """The gap cuts the first, and reading speed stretches the last, though not past the recording."""
    given_cues = [Cue(0.0, 3.0, "a"), Cue(3.0, 4.0, "x" * 40), Cue(9.0, 9.2, "你好你好你好你好你好")]
    fit = Fit(min_gap_s=0.1, max_cps=10)
    assert [(cue.start, cue.end) for cue in fit_cues(given_cues, fit)] == [(0, 2.9), (3, 7), (9, 11)]
    assert [(cue.start, cue.end) for cue in fit_cues(given_cues, fit, until_s=10.0)] == [(0, 2.9), (3, 7), (9, 10)]
    assert fit_cues(given_cues, fit, until_s=5.0)[-1] == Cue(9.0, 9.2, "你好你好你好你好你好")


def test_a_cue_is_not_cut_to_a_flash():
    """Half a second stays, or what it had where that is less."""
    given_cues = [Cue(0.0, 1.0, "a"), Cue(0.2, 0.3, "b"), Cue(0.3, 1.0, "c")]
    assert fit_cues(given_cues, Fit(min_gap_s=0.5)) == [Cue(0.0, 0.5, "a"), Cue(0.2, 0.3, "b"), Cue(0.3, 1.0, "c")]


def test_times_that_are_none_count_as_nothing():
    """As when they are rendered."""
    given_cues = [Cue(math.nan, math.inf, "a"), Cue(-3.0, 2.0, "b"), Cue(1.0, 2.0, " \n"), Cue(5.0, 4.0, "c")]
    assert fit_cues(given_cues, Fit(max_chars=10)) == [Cue(0.0, 0.0, "a"), Cue(0.0, 2.0, "b"), Cue(5.0, 5.0, "c")]


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"max_chars": 1}, "max_chars must be a whole number of at least 2"),
        ({"max_chars": 42.0}, "max_chars must be a whole number"),
        ({"max_chars": True}, "max_chars must be a whole number"),
        ({"max_chars": 42, "max_lines": 0}, "max_lines must be a whole number of at least 1"),
        ({"max_lines": 2}, "max_lines needs max_chars"),
        ({"min_gap_s": -0.1}, "min_gap_s must be a number of at least 0"),
        ({"min_gap_s": math.nan}, "min_gap_s must be a number"),
        ({"min_gap_s": "1"}, "min_gap_s must be a number"),
        ({"max_cps": 0}, "max_cps must be a number above 0"),
        ({"max_cps": math.inf}, "max_cps must be a number"),
    ],
)
def test_what_cannot_be_fitted_is_refused(values, complaint):
    """Before anything is rendered."""
    with pytest.raises(ConfigurationError, match=complaint):
        Fit(**values)


@pytest.mark.parametrize("piece", ["word ", "字", "字。", "x", "👍", "🇨🇳", "\u0301", "\u00a0", "ก", "a\u3000"])
def test_an_endless_text_is_fitted_in_seconds(piece):
    """What a relay gives as one segment of a long recording: time grows with the text, and not with its square."""
    begin = time.process_time()
    text = piece * (30_000 // len(piece))
    found = one(text, Fit(max_chars=42, max_lines=2))
    assert time.process_time() - begin < 20
    assert bare("".join(cue.text for cue in found)) == bare(text)


def test_widths_are_those_of_a_screen():
    """The examples in the docstring are true."""
    results = doctest.testmod(breaking)
    assert results.attempted > 0
    assert results.failed == 0
