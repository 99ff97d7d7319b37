"""Times move from silence to where somebody speaks, and never make matters worse."""

from __future__ import annotations

from itertools import pairwise

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.longform.snapping import snap_to_speech
from zhongzhuan_audio.longform.suspicion import find_suspicious
from zhongzhuan_audio.models import Segment, Transcription, Word

SPEECH = [(1.0, 3.0), (5.0, 8.0)]


def words(*timed: tuple[str, float, float]) -> Transcription:
    """Words, and a segment of all of them."""
    found = tuple(Word(word=text, start=start, end=end) for text, start, end in timed)
    text = " ".join(word.word for word in found)
    whole = Segment(id=0, start=found[0].start, end=found[-1].end, text=text)
    return Transcription(text=text, segments=(whole,), words=found, duration=10.0)


def times(parts) -> list[tuple[float, float]]:
    """Start and end of each."""
    return [(part.start, part.end) for part in parts]


@pytest.mark.parametrize(
    ("timed", "moved"),
    [
        ((0.4, 1.5), (1.0, 1.5)),
        ((2.0, 4.0), (2.0, 3.0)),
        ((3.5, 9.0), (5.0, 8.0)),
        ((1.2, 2.0), (1.2, 2.0)),
        ((2.5, 6.0), (2.5, 6.0)),  # too much of it is before the pause
        ((1.1, 6.0), (1.1, 6.0)),
        ((3.2, 4.8), (3.2, 4.8)),
        ((2.95, 4.0), (2.95, 4.0)),  # next to nothing would be left of it
        ((2.8, 6.0), (5.0, 6.0)),  # what sounds on before a pause is the word before
        ((9.0, 9.5), (9.0, 9.5)),
    ],
)
def test_edges_in_silence_move_to_speech(timed, moved):
    """The first edge to its beginning, the last to its end; what has no speech stays."""
    found = snap_to_speech(words(("well", *timed)), SPEECH)
    assert times(found.words) == times(found.segments) == [moved]


def test_a_first_word_that_lies_in_the_pause_shares_the_seconds_time():
    """By their letters; the segment begins with it."""
    found = snap_to_speech(words(("He", 3.0, 3.6), ("was", 3.6, 5.5), ("not", 5.5, 6.0)), SPEECH)
    assert times(found.words) == [(5.0, pytest.approx(5.2)), (pytest.approx(5.2), 5.5), (5.5, 6.0)]
    assert times(found.segments) == [(5.0, 6.0)]


def test_it_may_begin_where_the_sentence_before_ends():
    """Of which a last sound is left."""
    found = snap_to_speech(words(("he", 2.9, 3.6), ("was", 3.6, 5.5)), SPEECH)
    assert found.words[0].start == found.segments[0].start == 5.0


def test_no_word_leaves_its_segment():
    """However near the next one is."""
    he, was = Word(word="He", start=3.0, end=3.6), Word(word="was", start=3.6, end=5.5)
    segments = [Segment(id=at, start=word.start, end=word.end, text=word.word) for at, word in enumerate((he, was))]
    found = snap_to_speech(Transcription(text="He was", segments=tuple(segments), words=(he, was)), SPEECH)
    assert times(found.words) == times(found.segments) == [(3.0, 3.6), (5.0, 5.5)]


def test_a_segment_without_words_may_begin_with_a_short_one():
    """So that only the very last of a sound is taken for what was said before."""
    for start, moved in ((2.7, 2.7), (2.85, 5.0)):
        before = Transcription(text="x", segments=(Segment(id=0, start=start, end=7.0, text="x"),))
        assert times(snap_to_speech(before, SPEECH).segments) == [(moved, 7.0)]


@pytest.mark.parametrize(
    "timed",
    [
        (("He", 4.6, 4.9), ("was", 4.9, 5.5)),  # so near to speech it may be a soft word
        (("He", 3.0, 3.6), ("was", 4.4, 5.5)),  # they do not follow each other
        (("He", 3.0, 3.6), ("was", 3.6, 4.0), ("not", 4.0, 4.9)),
        (("He", 2.7, 3.2), ("was", 3.2, 5.5)),  # it is said before the pause, mostly
    ],
)
def test_other_words_in_silence_stay(timed):
    """Nobody knows where they belong."""
    before = words(*timed)
    assert snap_to_speech(before, SPEECH).words[0].start == before.words[0].start


def test_what_looks_invented_keeps_its_times():
    """That they are in silence is what tells."""
    before = Transcription(text="x", segments=(Segment(id=0, start=8.0, end=40.0, text="Thank you."),), duration=40.0)
    assert snap_to_speech(before, [(39.5, 40.0)]) == before


def test_without_speech_nothing_moves():
    """Nor without times."""
    before = words(("a", 0.0, 1.0), ("b", 1.0, 2.0))
    assert snap_to_speech(before, []) == before
    assert snap_to_speech(Transcription(text="a b"), SPEECH) == Transcription(text="a b")


@st.composite
def transcripts(draw):
    """Words in the order of their starts, some overlapping, and segments that hold some each."""
    at, found = 0.0, []
    for gap, length in draw(st.lists(st.tuples(st.floats(0, 4), st.floats(0, 3)), max_size=12)):
        at += gap
        found.append(Word(word=draw(st.sampled_from(["", "a", "word"])), start=at, end=at + length))
        at += draw(st.sampled_from([0.0, length / 2, length]))
    segments, rest = [], found
    while rest:
        own, rest = rest[: (count := draw(st.integers(1, 8)))], rest[count:]
        start, end = own[0].start, max(word.end for word in own)
        segments.append(Segment(id=len(segments), start=start, end=end + draw(st.floats(0, 2)), text="said"))
    kept = found if draw(st.booleans()) else []
    return Transcription(text="said", segments=tuple(segments), words=tuple(kept), duration=200.0)


spans = st.lists(st.tuples(st.floats(0, 40), st.floats(0.1, 10)), max_size=6).map(
    lambda found: [(begin, begin + length) for begin, length in found]
)


@given(transcripts(), spans)
def test_nothing_grows_is_lost_or_passes_another(before, speech):
    """Whatever the times are; what is suspected of being over silence stays where it is."""
    after = snap_to_speech(before, speech)
    for old, new in (*zip(before.segments, after.segments, strict=True), *zip(before.words, after.words, strict=True)):
        assert attrs.evolve(new, start=old.start, end=old.end) == old
        assert old.start <= new.start <= new.end
    for old, new in zip(before.segments, after.segments, strict=True):
        assert new.end <= old.end
    for parts in (after.segments, after.words):
        assert all(one.start <= other.start for one, other in pairwise(parts))
    for word, moved in zip(before.words, after.words, strict=True):
        own = [at for at, each in enumerate(before.segments) if each.start <= word.start and word.end <= each.end]
        if len(own) == 1 and word.start < before.segments[own[0]].end:
            kept = after.segments[own[0]]
            assert kept.start <= moved.start
            assert moved.end <= kept.end
    unsaid = {each.segment_id for each in find_suspicious(before, speech) if each.kind == "silence"}
    still = snap_to_speech(before, speech, unsaid=unsaid)
    assert all(new == old for old, new in zip(before.segments, still.segments, strict=True) if old.id in unsaid)
