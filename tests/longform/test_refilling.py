"""What is asked for once more is the speech that is missed, and what is heard there gets between what was there."""

from __future__ import annotations

from itertools import pairwise

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.longform.needs import Lengths
from zhongzhuan_audio.longform.refilling import plan_refill, put_in
from zhongzhuan_audio.longform.reviewing import look_into
from zhongzhuan_audio.longform.spans import merged
from zhongzhuan_audio.models import Segment, Span, Transcription, Usage, Word
from zhongzhuan_audio.models.text import join_texts

LENGTHS = Lengths(whole_s=60.0, max_s=60.0, target_s=50.0, window_s=10.0, overlap_s=2.0)


def transcript(*parts: tuple[float, float, str], gaps: tuple[Span, ...] = ()) -> Transcription:
    """Segments, and a word in the middle of each."""
    return Transcription(
        text=join_texts(text for _, _, text in parts),
        segments=tuple(Segment(id=at, start=start, end=end, text=text) for at, (start, end, text) in enumerate(parts)),
        words=tuple(Word(word=text, start=(start + end) / 2, end=(start + end) / 2) for start, end, text in parts),
        gaps=gaps,
    )


def asked(whole: Transcription, speech: list[Span], duration: float = 200.0) -> list[Span]:
    """What is asked for once more."""
    plan = plan_refill(look_into(whole, speech), duration, speech, LENGTHS, first=7)
    assert [piece.index for piece in plan.pieces] == list(range(7, 7 + len(plan.pieces)))
    assert plan.duration == duration
    return [(piece.start, piece.end) for piece in plan.pieces]


def test_gaps_that_are_near_are_one_request():
    """Unless there is text between them, or more than ten seconds."""
    whole = transcript((0.0, 10.0, "a"), (40.0, 41.0, "b"))
    speech = [(0.0, 10.0), (12.0, 15.0), (20.0, 25.0), (36.0, 38.0), (40.0, 41.0), (43.0, 44.0)]
    assert asked(whole, speech) == [
        (pytest.approx(11.7), pytest.approx(25.3)),
        (pytest.approx(35.7), pytest.approx(38.3)),
        (pytest.approx(42.7), pytest.approx(44.3)),
    ]


def test_nothing_is_asked_for_outside_of_the_recording():
    """The margin ends where it does."""
    assert asked(transcript(), [(0.1, 5.0)], duration=5.1) == [(0.0, 5.1)]
    assert asked(transcript(), []) == []
    assert asked(Transcription(text="untimed"), [(0.0, 9.0)]) == []


def test_a_piece_that_failed_is_not_asked_for_again_here():
    """It has its error; only what is missed beside it is."""
    whole = transcript((0.0, 10.0, "a"), gaps=((20.0, 60.0),))
    assert asked(whole, [(0.0, 10.0), (15.0, 30.0), (40.0, 60.4)]) == [(pytest.approx(14.7), pytest.approx(20.3))]


def test_a_long_gap_is_cut():
    """In pauses, as a long recording is."""
    spans = asked(transcript(), [(0.0, 48.0), (52.0, 150.0)], duration=150.0)
    assert len(spans) >= 3
    assert spans[0][0] == 0
    assert spans[-1][1] == 150
    assert all(end - begin <= 60 for begin, end in spans)
    assert 48 <= spans[0][1] <= 52
    assert all(after[0] <= before[1] for before, after in pairwise(spans))


def test_what_was_heard_gets_to_its_place():
    """Numbered anew, with its words, and cut where its neighbours are; text and usage are those of all."""
    whole = attrs.evolve(
        transcript((0.0, 4.0, "one"), (10.0, 14.0, "three"), (20.0, 21.0, "four")), usage=Usage(seconds=21.0)
    )
    refill = attrs.evolve(
        transcript((3.5, 3.9, "one"), (3.8, 10.5, "two"), (15.0, 15.0, " "), (16.0, 17.0, "Thanks for watching!")),
        usage=Usage(seconds=8.0),
    )
    got = put_in(look_into(whole, [(0.0, 21.0)]), refill, [(0.0, 21.0)])
    assert got.text == "one two three four"
    assert [(each.id, each.start, each.end, each.text) for each in got.segments] == [
        (0, 0.0, 4.0, "one"),
        (1, 4.0, 10.0, "two"),
        (2, 10.0, 14.0, "three"),
        (4, 20.0, 21.0, "four"),
    ]
    assert [each.word for each in got.words] == ["one", "two", "three", "four"]
    assert [(each.segment_id, each.kind, each.dropped) for each in got.warnings] == [(3, "phantom", True)]
    assert got.usage == Usage(seconds=29.0)


def test_speakers_are_not_guessed():
    """A of one answer is not A of another; where nobody told speakers, what is new may."""
    refill = transcript((5.0, 6.0, "two"))
    refill = attrs.evolve(refill, segments=(attrs.evolve(refill.segments[0], speaker="A"),))
    for speaker, expected in (("A", None), (None, "A")):
        whole = transcript((0.0, 2.0, "one"))
        whole = attrs.evolve(whole, segments=(attrs.evolve(whole.segments[0], speaker=speaker),))
        got = put_in(look_into(whole, [(0.0, 9.0)]), refill, [(0.0, 9.0)])
        assert [each.speaker for each in got.segments] == [speaker, expected]


def test_earlier_warnings_follow_their_segments():
    """Those that were dropped keep numbers that nobody else has."""
    whole = transcript(
        (0.0, 2.0, "one"), (3.0, 4.0, "感谢观看"), (8.0, 9.0, "three"), (9.0, 9.5, "Thanks for watching")
    )
    speech = [(0.0, 2.0), (5.0, 9.5)]
    refill = transcript((5.0, 8.0, "two"))
    kept = put_in(look_into(whole, speech), refill, speech)
    assert [(each.id, each.text) for each in kept.segments] == list(
        enumerate(["one", "感谢观看", "two", "three", "Thanks for watching"])
    )
    assert [(each.segment_id, each.dropped) for each in kept.warnings] == [(1, False), (1, False), (4, False)]
    dropped = put_in(look_into(whole, speech, drop=True), refill, speech)
    assert [(each.id, each.text) for each in dropped.segments] == [(0, "one"), (2, "two"), (3, "three")]
    assert [(each.segment_id, each.dropped) for each in dropped.warnings] == [(1, True), (1, True), (4, True)]
    assert put_in(look_into(whole, speech), Transcription(text=""), speech) == look_into(whole, speech)


TIMES = st.floats(0, 100).map(lambda time: round(time, 2))
SPANS = st.lists(st.tuples(TIMES, TIMES).map(lambda span: (min(span), max(span))), max_size=8)
PARTS = SPANS.map(sorted).map(lambda spans: tuple((begin, end, f"word {begin}") for begin, end in spans))


@given(PARTS, SPANS)
def test_all_that_is_missed_is_asked_for_and_nothing_that_has_text(parts, speech):
    """But for the margins: whatever the transcript and the speech are like."""
    found = look_into(transcript(*parts), speech)
    plan = plan_refill(found, 100.0, speech, LENGTHS)
    spans = merged((piece.start, piece.end) for piece in plan.pieces)
    assert found.coverage is not None
    for begin, end in found.coverage.uncovered:
        assert any(start <= begin and end <= stop for start, stop in spans)
    for piece in plan.pieces:
        assert 0 <= piece.start < piece.end <= 100
        assert piece.duration_s <= LENGTHS.max_s + 1e-6
        for start, end, _ in parts:
            assert min(end, piece.end) - max(start, piece.start) <= 0.3 + 1e-6


@given(PARTS, PARTS, SPANS, st.booleans())
def test_what_was_there_stays(parts, more, speech, drop):
    """Each segment once, in order, numbered apart; what is new is no longer than the room between."""
    found = look_into(transcript(*parts), speech, drop=drop)
    refill = transcript(*((start, end, f"new {text}") for start, end, text in more))
    got = put_in(found, refill, speech)
    old = [(each.start, each.end, each.text) for each in found.segments]
    new = [each for each in got.segments if each.text.startswith("new")]
    assert [(each.start, each.end, each.text) for each in got.segments if not each.text.startswith("new")] == old
    ids = [each.id for each in got.segments]
    assert ids == sorted(set(ids))
    assert len(got.warnings) >= len(found.warnings)
    gone = {each.segment_id for each in got.warnings if each.dropped}
    assert not gone & set(ids)
    for each in new:
        assert each.start <= each.end
        for start, end, _ in old:
            assert min(end, each.end) - max(start, each.start) <= 1e-9
    if not new:
        assert got.text == found.text
