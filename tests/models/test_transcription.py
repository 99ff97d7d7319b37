"""A transcription shows, renders and saves itself; nothing that it does not know is made up."""

from __future__ import annotations

import json
import math
import os
import pickle
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.errors import Attempt, ConfigurationError, NoTimingError
from zhongzhuan_audio.models import Coverage, Segment, Suspicion, Transcription, Usage, Word
from zhongzhuan_audio.subtitles import parse_srt, parse_vtt

TIMED = Transcription(
    text="你好。世界",
    language="chinese",
    duration=3.5,
    segments=(
        Segment(id=0, start=0.0, end=1.5, text="你好。", avg_logprob=-0.25, tokens=(1, 2)),
        Segment(id=1, start=1.5, end=3.25, text="世界"),
    ),
    usage=Usage(type="duration", seconds=4.0),
    body='{"text": "你好。世界"}',
    request_id="req-1",
    attempts=(Attempt(endpoint="https://relay.example/v1", status=200),),
)
SILENCE = Transcription(text="", duration=2.0)
PLAIN = Transcription(text="no times here", request_id="req-2")

EVIL = '<script>alert("1")</script> & \''


class Rows(HTMLParser):
    """Reads a table back: its rows, the cells of each, and every tag that there is."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Begin a row or a cell; no tag of ours but a cell has an attribute."""
        assert tag == "td" or not attributes
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        """Put text where it belongs."""
        self.text += data
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def words(*spoken: tuple[str, float, float]) -> tuple[Word, ...]:
    return tuple(Word(word=word, start=start, end=end) for word, start, end in spoken)


def cues(transcription: Transcription) -> list[tuple[float, float, str]]:
    return [(cue.start, cue.end, cue.text) for cue in parse_srt(transcription.to_srt())]


def test_str_is_the_text_and_repr_is_short() -> None:
    """A notebook of many shows one line each, without the answer's body."""
    assert str(TIMED) == "你好。世界"
    assert repr(TIMED) == "Transcription('你好。世界', language='chinese', duration=3.5, segments=2)"
    assert repr(SILENCE) == "Transcription('', duration=2)"
    spoken = words(("a", 0, 1), ("b", 1, 2))
    assert repr(Transcription(text="a b", words=spoken)) == "Transcription('a b', words=2)"
    assert repr(Transcription(text="x" * 60)) == f"Transcription('{'x' * 60}')"
    assert repr(Transcription(text="x" * 61)) == f"Transcription('{'x' * 60}…')"
    assert repr(Transcription(text="two\nlines\ud800")).isprintable()


def test_subtitles_come_from_segments() -> None:
    """SRT and VTT hold the segments' times and texts."""
    expected = [(0.0, 1.5, "你好。"), (1.5, 3.25, "世界")]
    assert cues(TIMED) == expected
    assert [(cue.start, cue.end, cue.text) for cue in parse_vtt(TIMED.to_vtt())] == expected


def test_segments_win_over_words() -> None:
    """Where an answer has both, a subtitle is a segment."""
    both = attrs.evolve(TIMED, words=words(("你", 0, 1), ("好", 1, 1.5)))
    assert both.to_srt() == TIMED.to_srt()
    assert both._repr_html_() == TIMED._repr_html_()


def test_silence_gives_empty_subtitles() -> None:
    """No speech is an answer and not an error."""
    for silent in (SILENCE, Transcription(text=" \n")):
        assert silent.to_srt() == ""
        assert silent.to_vtt() == "WEBVTT\n\n"


@pytest.mark.parametrize("render", [Transcription.to_srt, Transcription.to_vtt])
def test_subtitles_without_times_are_refused(render: Callable[[Transcription], str]) -> None:
    """The error names the formats that would have had times, and holds what there is."""
    with pytest.raises(NoTimingError) as caught:
        render(PLAIN)
    for name in ("verbose_json", "srt", "vtt", "whisper-1"):
        assert name in str(caught.value)
    assert caught.value.partial is PLAIN
    assert caught.value.request_id == "req-2"
    assert pickle.loads(pickle.dumps(caught.value)).partial == PLAIN  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("spoken", "expected"),
    [
        ([("Hello", 0, 1), ("world", 1, 2)], [(0, 2, "Hello world")]),
        ([("Hello.", 0, 1), ("World", 1, 2)], [(0, 1, "Hello."), (1, 2, "World")]),
        ([("你", 0, 1), ("好。", 1, 2), ("世", 2, 3)], [(0, 2, "你好。"), (2, 3, "世")]),
        ([("Why? ", 0, 1), ("So", 1, 2)], [(0, 1, "Why?"), (1, 2, "So")]),
        ([("a", 0, 1), ("b", 2, 3)], [(0, 3, "a b")]),
        ([("a", 0, 1), ("b", 2.001, 3)], [(0, 1, "a"), (2.001, 3, "b")]),
        ([("a", 0, 3), ("b", 3, 7), ("c", 7, 8)], [(0, 7, "a b"), (7, 8, "c")]),
        ([("a", 0, 9)], [(0, 9, "a")]),
        ([("x" * 42, 0, 1), ("y" * 41, 1, 2)], [(0, 2, f"{'x' * 42} {'y' * 41}")]),
        ([("x" * 42, 0, 1), ("y" * 42, 1, 2)], [(0, 1, "x" * 42), (1, 2, "y" * 42)]),
    ],
)
def test_words_alone_are_grouped_into_cues(
    spoken: list[tuple[str, float, float]], expected: list[tuple[float, float, str]]
) -> None:
    """At ends of sentences, pauses over a second, and a length that a reader can follow."""
    assert cues(Transcription(text="…", words=words(*spoken))) == expected


@given(st.lists(st.tuples(st.text("ab.。你好", min_size=1, max_size=30), st.floats(0, 5), st.floats(0, 3)), min_size=1))
def test_grouping_loses_no_word_and_no_time(spoken: list[tuple[str, float, float]]) -> None:
    """Every word is in a cue, in order; a cue of several words is short enough."""
    at, said = 0.0, []
    for word, pause, length in spoken:
        said.append((word, at + pause, at + pause + length))
        at = said[-1][2]
    found = cues(Transcription(text="x", words=words(*said)))
    assert "".join(text for _, _, text in found).replace(" ", "") == "".join(word for word, _, _ in spoken)
    assert found[0][0] == pytest.approx(said[0][1], abs=0.001)
    assert found[-1][1] == pytest.approx(at, abs=0.001)
    assert all(end - start <= 7.002 for start, end, _ in found)


LONG = Transcription(
    text="one two three four",
    duration=8.5,
    segments=(
        Segment(id=0, start=0.0, end=4.0, text="one two three four"),
        Segment(id=1, start=4.0, end=4.2, text="x" * 10),
    ),
    words=words(("one", 0, 1), ("two", 1, 1.5), ("three", 3, 3.5), ("four", 3.5, 4)),
)


def test_subtitles_are_fitted_by_the_words() -> None:
    """A cue that is too long is split where its words say, and stands long enough; the last up to the end."""
    assert [(cue.start, cue.end, cue.text) for cue in parse_vtt(LONG.to_vtt(max_chars=10, max_lines=1))] == [
        (0.0, 1.5, "one two"),
        (3.0, 4.0, "three four"),
        (4.0, 4.2, "x" * 10),
    ]
    fitted = LONG.to_srt(max_chars=10, max_lines=1, min_gap_s=0.25, max_cps=2)
    assert [(cue.start, cue.end) for cue in parse_srt(fitted)] == [(0.0, 2.75), (3.0, 3.75), (4.0, 8.5)]


def test_subtitles_are_fitted_only_where_asked(tmp_path: Path) -> None:
    """An option that is None is none; `render` and `save` pass them on."""
    assert LONG.to_srt(max_chars=None, max_lines=None, min_gap_s=None, max_cps=None) == LONG.to_srt()
    assert LONG.to_srt(max_chars=10) != LONG.to_srt()
    assert LONG.render("srt", max_chars=10) == LONG.to_srt(max_chars=10)
    assert LONG.render("vtt", max_chars=10, max_lines=1) == LONG.to_vtt(max_chars=10, max_lines=1)
    LONG.save(tmp_path / "a.srt", max_chars=10)
    assert (tmp_path / "a.srt").read_text() == LONG.to_srt(max_chars=10)


def test_words_without_segments_are_fitted_too() -> None:
    """They are grouped first."""
    fitted = attrs.evolve(LONG, segments=()).to_srt(max_chars=5, max_lines=1)
    assert [(cue.start, cue.text) for cue in parse_srt(fitted)] == [(0, "one"), (1, "two"), (3, "three"), (3.5, "four")]


def test_options_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """Also where only subtitles have them; no file is made."""
    with pytest.raises(ConfigurationError, match="max_chars must be"):
        LONG.to_srt(max_chars=0)
    with pytest.raises(ConfigurationError, match="max_lines needs max_chars"):
        LONG.to_vtt(max_lines=2)
    with pytest.raises(ConfigurationError, match="max_chars, max_lines is for subtitles, not for 'txt'"):
        LONG.save(tmp_path / "a.txt", max_lines=2, max_chars=42)
    assert os.listdir(tmp_path) == []
    assert LONG.render("json", max_chars=None) == LONG.to_json()
    with pytest.raises(NoTimingError):
        PLAIN.to_srt(max_chars=42)


def test_html_is_a_timed_table() -> None:
    """Start, end and text of each segment."""
    table = Rows(TIMED._repr_html_())
    assert table.rows == [
        ["start", "end", "text"],
        ["00:00:00.000", "00:00:01.500", "你好。"],
        ["00:00:01.500", "00:00:03.250", "世界"],
    ]


def test_html_names_the_speakers_where_there_are_any() -> None:
    """A segment whose speaker is not known has an empty cell."""
    segments = (
        Segment(id=0, start=0, end=1, text="a", speaker="A<b>"),
        Segment(id=1, start=1, end=2, text="b"),
    )
    table = Rows(Transcription(text="a b", segments=segments)._repr_html_())
    assert table.rows[0] == ["start", "end", "speaker", "text"]
    assert [row[2:] for row in table.rows[1:]] == [["A<b>", "a"], ["", "b"]]
    assert "b" not in table.tags


def test_html_shows_words_as_cues_and_a_text_without_times_as_it_is() -> None:
    """Every answer shows something."""
    table = Rows(Transcription(text="Hello world", words=words(("Hello", 0, 1), ("world", 1, 2)))._repr_html_())
    assert table.rows[1:] == [["00:00:00.000", "00:00:02.000", "Hello world"]]
    assert PLAIN._repr_html_() == "<p>no times here</p>"
    assert SILENCE._repr_html_() == "<p></p>"


def test_html_is_text_and_never_markup() -> None:
    """A transcript cannot run a script in a notebook."""
    segment = Segment(id=0, start=0, end=1, text=EVIL, speaker=EVIL)
    spoken = words((EVIL, 0, 1))
    for evil in (
        Transcription(text=EVIL),
        Transcription(text=EVIL, segments=(segment,)),
        Transcription(text=EVIL, words=spoken),
    ):
        shown = Rows(evil._repr_html_())
        assert shown.tags <= {"p", "table", "thead", "tbody", "tr", "th", "td"}
        assert EVIL in shown.text


@pytest.mark.parametrize(
    ("count", "rows", "note"), [(200, 200, ""), (201, 200, "and 1 more"), (1000, 200, "and 800 more")]
)
def test_html_stops_after_200_rows(count: int, rows: int, note: str) -> None:
    """And says how many more there are."""
    segments = tuple(Segment(id=at, start=at, end=at + 1, text="x") for at in range(count))
    table = Rows(Transcription(text="x", segments=segments)._repr_html_())
    assert len(table.rows) == rows + 1
    assert table.text.endswith(f"x{note}")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (59.9996, "00:01:00.000"),
        (3599.9999, "01:00:00.000"),
        (3661.5, "01:01:01.500"),
        (360_000.0, "100:00:00.000"),
        (-1.0, "00:00:00.000"),
        (math.nan, "00:00:00.000"),
        (math.inf, "00:00:00.000"),
        (1.7e308, "00:00:00.000"),
    ],
)
def test_html_times_are_clock_times(seconds: float, shown: str) -> None:
    """Rounded to the millisecond without a 60th second; what is no time is 0, as in subtitles."""
    segments = (Segment(id=0, start=seconds, end=seconds, text="x"),)
    table = Rows(Transcription(text="x", segments=segments)._repr_html_())
    assert table.rows[1] == [shown, shown, "x"]


def test_dict_has_the_wires_names_and_only_what_is_known() -> None:
    """Neither the body nor the attempts nor anything that is None."""
    assert TIMED.to_dict() == {
        "text": "你好。世界",
        "language": "chinese",
        "duration": 3.5,
        "segments": [
            {"id": 0, "start": 0.0, "end": 1.5, "text": "你好。", "tokens": [1, 2], "avg_logprob": -0.25},
            {"id": 1, "start": 1.5, "end": 3.25, "text": "世界"},
        ],
        "usage": {"type": "duration", "seconds": 4.0},
        "request_id": "req-1",
    }
    assert Transcription(text="", usage=Usage()).to_dict() == {"text": ""}
    spoken = Transcription(text="a", words=words(("a", 0.0, 1.0)))
    assert spoken.to_dict() == {"text": "a", "words": [{"word": "a", "start": 0.0, "end": 1.0}]}


def test_dict_has_what_was_found_about_the_whole() -> None:
    """Gaps, warnings and coverage, as plain values."""
    looked_into = Transcription(
        text="a",
        gaps=((1.0, 2.5),),
        warnings=(Suspicion(kind="silence", segment_id=3, start=4.0, end=5.0, text="x", detail="0%"),),
        coverage=Coverage(completeness=0.5, speech_s=3.0, uncovered=((1.0, 2.5),)),
    )
    assert json.loads(looked_into.to_json()) == {
        "text": "a",
        "gaps": [[1.0, 2.5]],
        "warnings": [
            {
                "kind": "silence",
                "segment_id": 3,
                "start": 4.0,
                "end": 5.0,
                "text": "x",
                "detail": "0%",
                "dropped": False,
            }
        ],
        "coverage": {"completeness": 0.5, "speech_s": 3.0, "uncovered": [[1.0, 2.5]], "sparse": [], "refilled": []},
    }


def test_json_is_readable_and_valid() -> None:
    """Characters stand as themselves; NaN, which JSON does not know, is left out."""
    assert json.loads(TIMED.to_json()) == TIMED.to_dict()
    assert "你好" in TIMED.to_json()
    assert TIMED.to_json().endswith("}\n")
    odd = attrs.evolve(
        TIMED, duration=math.inf, segments=(Segment(id=0, start=0, end=1, text="a", avg_logprob=math.nan),)
    )

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    read = json.loads(odd.to_json(), parse_constant=refuse)
    assert "duration" not in read
    assert read["segments"] == [{"id": 0, "start": 0, "end": 1, "text": "a"}]


@pytest.mark.parametrize(
    ("format_", "method"),
    [
        ("txt", Transcription.to_text),
        ("text", Transcription.to_text),
        ("srt", Transcription.to_srt),
        ("vtt", Transcription.to_vtt),
        ("json", Transcription.to_json),
    ],
)
def test_render_gives_each_form(format_: Any, method: Callable[[Transcription], str]) -> None:
    """By the name of the form."""
    assert TIMED.render(format_) == method(TIMED)


@pytest.mark.parametrize("name", ["a.txt", "a.srt", "a.vtt", "a.json", "A.SRT", "会议.Vtt", "two.dots.srt"])
def test_save_goes_by_the_suffix(tmp_path: Path, name: str) -> None:
    """In any case, in UTF-8, under a str or a path."""
    expected = TIMED.render(name.rpartition(".")[2].lower())  # type: ignore[arg-type]
    for path in (tmp_path / name, str(tmp_path / name)):
        TIMED.save(path)
        assert (tmp_path / name).read_bytes() == expected.encode()
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("name", ["a.doc", "a.mp3", "a", ".srt", "a.srt.bak", "a.", ""])
def test_save_refuses_other_suffixes(tmp_path: Path, name: str) -> None:
    """The error names the four, and no file is made."""
    with pytest.raises(ConfigurationError, match=r"use \.txt, \.srt, \.vtt or \.json"):
        TIMED.save(os.path.join(tmp_path, name))  # noqa: PTH118 - keeps the last slash
    assert os.listdir(tmp_path) == []


def test_save_makes_no_file_of_subtitles_without_times(tmp_path: Path) -> None:
    """And leaves one that is there alone."""
    with pytest.raises(NoTimingError):
        PLAIN.save(tmp_path / "a.srt")
    assert os.listdir(tmp_path) == []
    (tmp_path / "a.vtt").write_text("old")
    with pytest.raises(NoTimingError):
        PLAIN.save(tmp_path / "a.vtt")
    assert (tmp_path / "a.vtt").read_text() == "old"


def test_save_tells_of_a_missing_folder(tmp_path: Path) -> None:
    """As the operating system says it."""
    with pytest.raises(FileNotFoundError):
        TIMED.save(tmp_path / "none" / "a.txt")


def test_half_a_character_stops_nothing(tmp_path: Path) -> None:
    """JSON can hold a lone surrogate; files and notebooks get a question mark in its place."""
    odd = Transcription(text="a\ud800b", segments=(Segment(id=0, start=0, end=1, text="a\ud800b", speaker="\udfff"),))
    for suffix in ("txt", "srt", "vtt", "json"):
        odd.save(tmp_path / f"a.{suffix}")
        assert "a?b" in (tmp_path / f"a.{suffix}").read_text(encoding="utf-8")
    assert "a?b" in odd._repr_html_()
    assert attrs.evolve(odd, segments=())._repr_html_() == "<p>a?b</p>"


def test_a_transcription_is_a_value() -> None:
    """Frozen, equal by what it holds, hashable, and the same after a pickle."""
    copied = pickle.loads(pickle.dumps(TIMED))  # noqa: S301 - our own bytes
    assert copied == TIMED
    assert copied.body == TIMED.body
    assert len({TIMED, copied, PLAIN}) == 2
    for value, name in (
        (TIMED, "text"),
        (TIMED.segments[0], "start"),
        (Word(word="a", start=0, end=1), "word"),
        (Usage(), "type"),
    ):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, name, "other")
