"""The pieces of a recording: all of it, in order, none too long, and never cut within speech where there is a pause."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.longform.cutting import Piece, plan_pieces

FUZZ = 1e-6


@st.composite
def recordings(draw):
    """A duration and where somebody speaks in it."""
    steps = draw(st.lists(st.tuples(st.floats(0.01, 90), st.floats(0.02, 120)), max_size=60))
    at, speech = draw(st.sampled_from([0.0, 1.0, 50.0])), []
    for spoken, pause in steps:
        speech.append((at, at + spoken))
        at += spoken + pause
    return at + draw(st.sampled_from([0.0, 0.3, 40.0])), speech


@st.composite
def limits(draw):
    """What `plan_pieces` takes beside the recording."""
    target = draw(st.floats(20, 700))
    return {
        "target_s": target,
        "max_s": target * draw(st.floats(1, 2)),
        "window_s": target * draw(st.floats(0, 0.5)),
        "overlap_s": target * draw(st.floats(0, 0.25)),
    }


def speech_within(speech, begin: float, end: float) -> float:
    """Seconds of speech between two places."""
    return sum(max(0.0, min(stop, end) - max(start, begin)) for start, stop in speech)


@given(recordings(), limits(), st.booleans(), st.booleans())
def test_pieces_and_what_is_skipped_are_the_whole(recording, given_limits, skip, known):
    """In order, numbered, each within the limit, and twice only what they say they share."""
    duration, speech = recording
    plan = plan_pieces(duration, speech=speech if known else None, skip_silence=skip, **given_limits)
    assert [piece.index for piece in plan.pieces] == list(range(len(plan.pieces)))
    stretches = sorted([(piece.start + piece.overlap_s, piece.end) for piece in plan.pieces] + list(plan.skipped))
    at = 0.0
    for begin, end in stretches:
        assert begin == pytest.approx(at, abs=FUZZ)
        assert end > begin
        at = end
    assert at == pytest.approx(duration, abs=FUZZ)
    for piece in plan.pieces:
        assert 0 <= piece.start < piece.end
        assert piece.overlap_s < piece.duration_s <= given_limits["max_s"] + FUZZ
    assert plan.saved_s == pytest.approx(sum(end - begin for begin, end in plan.skipped))
    assert (skip and known) or not plan.skipped


@given(recordings(), limits(), st.booleans())
def test_no_cut_is_within_speech_where_there_is_a_pause(recording, given_limits, skip):
    """And pieces overlap only where speech goes on all through the window."""
    duration, speech = recording
    plan = plan_pieces(duration, speech=speech, skip_silence=skip, **given_limits)
    ends = {end for _, end in plan.skipped} | {0.0}
    for before, piece in pairwise(plan.pieces):
        if piece.start in ends:
            continue
        cut = before.end
        assert before.duration_s >= given_limits["target_s"] / 4 - FUZZ
        if piece.overlap_s or piece.start < cut:
            assert piece.overlap_s == pytest.approx(given_limits["overlap_s"])
            window = min(given_limits["window_s"], (cut - before.start) / 2, before.start + given_limits["max_s"] - cut)
            assert speech_within(speech, cut - window, cut + window) == pytest.approx(2 * window, abs=FUZZ)
        else:
            inside = [span for span in speech if span[0] + FUZZ < cut < span[1] - FUZZ]
            assert not inside or given_limits["overlap_s"] == 0


@given(recordings(), limits())
def test_only_silence_is_skipped(recording, given_limits):
    """Each stretch of it that is longer than 30 s, but for half a second beside speech."""
    duration, speech = recording
    plan = plan_pieces(duration, speech=speech, skip_silence=True, **given_limits)
    edges = [(0.0, 0.0), *speech, (duration, duration)]
    silences = [(left[1], right[0]) for left, right in pairwise(edges) if right[0] - left[1] > 30]
    assert len(plan.skipped) == len(silences)
    for (begin, end), (start, stop) in zip(plan.skipped, silences, strict=True):
        assert begin == (start + 0.5 if start else 0.0)
        assert end == (stop - 0.5 if stop < duration else duration)


def test_a_short_recording_is_one_piece():
    """Also where it passes the target by less than the window, if the limit allows."""
    whole = (Piece(index=0, start=0.0, end=620.0),)
    assert plan_pieces(620.0, target_s=600, max_s=1400).pieces == whole
    assert len(plan_pieces(620.0, target_s=600, max_s=610).pieces) == 2
    assert len(plan_pieces(640.0, target_s=600, max_s=1400).pieces) == 2


def test_pieces_are_of_like_lengths():
    """No tail of a few seconds is left."""
    plan = plan_pieces(1000.0, target_s=300, max_s=400, speech=[], window_s=30)
    assert [piece.duration_s for piece in plan.pieces] == [250.0] * 4
    assert all(piece.overlap_s == 0 for piece in plan.pieces)


def test_a_long_pause_wins_over_a_near_one():
    """As far as a second, and half a second away from speech."""
    speech = [(0.0, 99.0), (99.1, 110.0), (111.0, 200.0)]
    (first, second) = plan_pieces(200.0, target_s=100, max_s=150, speech=speech, window_s=30).pieces
    assert first == Piece(index=0, start=0.0, end=110.5)
    assert second == Piece(index=1, start=110.5, end=200.0)


def test_of_two_pauses_the_nearer_one_is_taken():
    """If they are as long."""
    speech = [(0.0, 80.0), (80.4, 105.0), (105.4, 200.0)]
    assert plan_pieces(200.0, target_s=100, max_s=150, speech=speech, window_s=30).pieces[0].end == pytest.approx(105.2)


def test_a_pause_beyond_the_limit_is_no_use():
    """Though it is within the window."""
    speech = [(0.0, 110.0), (111.0, 200.0)]
    plan = plan_pieces(200.0, target_s=100, max_s=105, speech=speech, window_s=30, overlap_s=0)
    assert [piece.end for piece in plan.pieces] == [100.0, 200.0]
    plan = plan_pieces(200.0, target_s=100, max_s=111, speech=speech, window_s=30, overlap_s=0)
    assert [piece.end for piece in plan.pieces] == [110.5, 200.0]


def test_a_cut_is_never_at_the_beginning_of_a_piece():
    """However wide the window."""
    speech = [(1.0, 100.5)]
    plan = plan_pieces(100.5, target_s=100, max_s=100, speech=speech, window_s=50, overlap_s=5)
    assert [(piece.start, piece.end) for piece in plan.pieces] == [(0.0, 50.25), (45.25, 100.5)]


def test_without_a_pause_pieces_overlap():
    """As where nobody knows of any."""
    for speech in (None, [(0.0, 200.0)]):
        (first, second) = plan_pieces(200.0, target_s=100, max_s=150, speech=speech, overlap_s=4).pieces
        assert first == Piece(index=0, start=0.0, end=100.0)
        assert second == Piece(index=1, start=96.0, end=200.0, overlap_s=4.0)


def test_silence_alone_is_no_piece():
    """All of it is saved."""
    plan = plan_pieces(100.0, target_s=60, max_s=90, speech=[], skip_silence=True)
    assert (plan.pieces, plan.skipped, plan.saved_s) == ((), ((0.0, 100.0),), 100.0)
    assert plan_pieces(0.0, target_s=60, max_s=90).pieces == ()


def test_spans_may_touch_and_reach_too_far():
    """As some VADs give them, in any order."""
    speech = [(70.0, 130.0), (-1.0, 50.0), (50.0, 60.0), (55.0, 58.0), (5.0, 5.0)]
    (first, second) = plan_pieces(120.0, target_s=70, max_s=80, speech=speech, window_s=20).pieces
    assert (first.end, second.start) == (60.5, 60.5)


@example(duration=math.nan, changes={})
@example(duration=math.inf, changes={})
@example(duration=-1.0, changes={})
@example(duration=9.0, changes={"target_s": 0})
@example(duration=9.0, changes={"target_s": 101})
@example(duration=9.0, changes={"window_s": 31})
@example(duration=9.0, changes={"window_s": -1})
@example(duration=9.0, changes={"overlap_s": 16})
@example(duration=9.0, changes={"overlap_s": math.nan})
@given(st.just(-2.0), st.just({}))
def test_lengths_out_of_range_are_refused(duration, changes):
    """Also what is no number."""
    with pytest.raises(ConfigurationError):
        plan_pieces(duration, **({"target_s": 60.0, "max_s": 100.0} | changes))


def test_a_day_is_planned_at_once():
    """Of speech in short spans."""
    speech = [(at * 2.0, at * 2.0 + 1.7) for at in range(43_200)]
    plan = plan_pieces(86_400.0, target_s=300, max_s=400, speech=speech)
    assert 288 <= len(plan.pieces) <= 290
