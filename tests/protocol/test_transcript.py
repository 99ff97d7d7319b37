"""Every field but the text may be missing, null, or of the wrong kind."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.models import Segment, Usage, Word
from zhongzhuan_audio.protocol.transcript import structure_transcription

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1.5", "nan", "-1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(
    ANYTHING
    | st.dictionaries(st.sampled_from(["id", "start", "end", "text", "word", "tokens", "speaker", "seek"]), ANYTHING),
    max_size=4,
)


def segments(*rows):
    return structure_transcription({"text": "x", "segments": list(rows)}).segments


def words(*rows):
    return structure_transcription({"text": "x", "words": list(rows)}).words


def test_a_whole_segment_is_read():
    """All fields of the wire's ``verbose_json``, and the speaker of a diarized answer."""
    row = {
        "id": 7,
        "seek": 100,
        "start": 0.5,
        "end": 2.5,
        "text": " Hello there.",
        "tokens": [1, 2],
        "temperature": 0,
        "avg_logprob": -0.21,
        "compression_ratio": "1.1",
        "no_speech_prob": 0.01,
        "speaker": "A",
        "transient": False,
    }
    assert segments(row) == (
        Segment(
            id=7,
            seek=100,
            start=0.5,
            end=2.5,
            text="Hello there.",
            tokens=(1, 2),
            temperature=0.0,
            avg_logprob=-0.21,
            compression_ratio=1.1,
            no_speech_prob=0.01,
            speaker="A",
        ),
    )


def test_a_bare_segment_is_numbered_by_its_place():
    """Ids that are missing or no numbers are made; the place counts those that are kept."""
    rows = segments({"start": 0, "end": 1, "text": "a"}, {"end": 1}, {"id": "seg_001", "start": "1", "end": "2.5"})
    assert [(row.id, row.start, row.end, row.text) for row in rows] == [(0, 0.0, 1.0, "a"), (1, 1.0, 2.5, "")]


@pytest.mark.parametrize("time", [None, "soon", "nan", math.nan, math.inf, True, [], {}, 10**400])
def test_what_has_no_usable_times_is_left_out(time):
    """Nothing is invented."""
    assert segments({"start": 0, "end": time, "text": "a"}, {"start": time, "end": 1, "text": "a"}) == ()
    assert words({"word": "a", "start": time, "end": 1}, {"word": "a", "start": 0, "end": time}) == ()


def test_times_are_put_in_order():
    """Never before 0, never an end before its start."""
    assert [(row.start, row.end) for row in segments({"start": -0.5, "end": 1.0}, {"start": 2.0, "end": 1.0})] == [
        (0.0, 1.0),
        (2.0, 2.0),
    ]
    assert words({"word": " a ", "start": 3, "end": "1"}) == (Word(word="a", start=3.0, end=3.0),)
    assert words({"word": "b", "start": 0.5, "end": 1.0}) == (Word(word="b", start=0.5, end=1.0),)


def test_rows_that_are_none_are_passed_over():
    """Segments and words that are no objects, words without a word, and lists that are none."""
    assert segments(None, "a", 1) == ()
    assert words(None, {"start": 0, "end": 1}, {"word": 5, "start": 0, "end": 1}) == ()
    whole = structure_transcription({"text": "x", "segments": "a", "words": {"0": {}}})
    assert (whole.segments, whole.words) == ((), ())


@pytest.mark.parametrize(
    ("tokens", "kept"), [([1, 2], (1, 2)), ([], ()), (None, None), ("1", None), ([1, "2"], None), ([True], None)]
)
def test_tokens_are_whole_numbers_or_none(tokens, kept):
    """A list that holds anything else is dropped."""
    assert segments({"start": 0, "end": 1, "tokens": tokens})[0].tokens == kept


@pytest.mark.parametrize(
    ("duration", "kept"),
    [("11.0", 11.0), (11, 11.0), (None, None), ("", None), ("NaN", None), (math.inf, None), (-1, None), (True, None)],
)
def test_a_duration_is_a_number_of_seconds_or_none(duration, kept):
    """Strings of numbers are numbers."""
    assert structure_transcription({"text": "x", "duration": duration}).duration == kept


@pytest.mark.parametrize(
    ("language", "kept"), [("en", "en"), (" english ", "english"), ("", None), (None, None), (5, None)]
)
def test_a_language_is_a_word_or_none(language, kept):
    """As the relay wrote it, without blanks around it."""
    assert structure_transcription({"text": "x", "language": language}).language == kept


@pytest.mark.parametrize(
    ("usage", "kept"),
    [
        ({"type": "duration", "seconds": 6}, Usage(type="duration", seconds=6.0)),
        ({"type": "tokens", "input_tokens": "14", "x": 1}, Usage(type="tokens", input_tokens=14)),
        ({"total_tokens": 5.0}, Usage(total_tokens=5)),
        ({}, None),
        (None, None),
        ([], None),
        ("6", None),
    ],
)
def test_usage_is_read_where_it_is_there(usage, kept):
    """By duration or by tokens."""
    assert structure_transcription({"text": "x", "usage": usage}).usage == kept


def test_what_is_not_the_wires_is_not_read():
    """A relay cannot fill in what this package does."""
    whole = structure_transcription({"text": "x", "body": "y", "request_id": "z", "attempts": [1], "new_field": 1})
    assert (whole.body, whole.request_id, whole.attempts) == ("", None, ())


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "text": st.text(),
            "language": ANYTHING,
            "duration": ANYTHING,
            "usage": ANYTHING,
            "segments": ROWS | ANYTHING,
            "words": ROWS | ANYTHING,
        },
    )
)
def test_any_object_gives_a_transcript_of_the_right_types(fields):
    """Nothing raises, all times are finite and in order, all is what the annotations say."""
    whole = structure_transcription(fields)
    assert whole.text == fields.get("text", "").strip()
    assert whole.duration is None or (isinstance(whole.duration, float) and math.isfinite(whole.duration))
    for row in (*whole.segments, *whole.words):
        assert type(row.start) is float
        assert type(row.end) is float
        assert 0 <= row.start <= row.end < math.inf
    for segment in whole.segments:
        assert isinstance(segment.text, str)
        assert segment.tokens is None or all(type(token) is int for token in segment.tokens)
        assert segment.seek is None or type(segment.seek) is int
        assert segment.speaker is None or segment.speaker
