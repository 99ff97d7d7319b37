"""Text where nobody speaks is told by the relay's own times, also where they touch what somebody else says."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.longform.reviewing import look_into
from zhongzhuan_audio.longform.room import silences_in
from zhongzhuan_audio.longform.suspicion import find_suspicious
from zhongzhuan_audio.models import Segment, Transcription, Word


def transcript(*parts: tuple[float, float, str], words: tuple[tuple[float, float, str], ...] = ()) -> Transcription:
    """Segments, and their words."""
    return Transcription(
        text=" ".join(text for _, _, text in parts),
        segments=tuple(Segment(id=at, start=start, end=end, text=text) for at, (start, end, text) in enumerate(parts)),
        words=tuple(Word(start=start, end=end, word=word) for start, end, word in words),
        duration=60.0,
    )


def crammed(begin: float, end: float, text: str) -> tuple[tuple[float, float, str], ...]:
    """The words of a text, all in so short a time."""
    said = text.split()
    step = (end - begin) / len(said)
    return tuple((begin + at * step, begin + (at + 1) * step, word) for at, word in enumerate(said))


SAID = (0.0, 10.0, "And so my fellow Americans ask not what your country can do for you.")
SPEECH = [(0.2, 10.3)]


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [(10.2, 10.32, 10.2, 10.32), (10.25, 10.25, 10.25, 10.25), (10.0, 12.0, 11.88, 12.0), (10.1, 10.22, 10.1, 10.22)],
)
def test_words_crammed_into_no_time_were_not_said(start, end, first, last):
    """Though the segment touches the speech of the one before."""
    text = "We'll be right back."
    whole = transcript(SAID, (start, end, text), words=crammed(first, last, text))
    (index,) = silences_in(whole, SPEECH)
    assert index == 1
    (found,) = look_into(whole, SPEECH).warnings
    assert (found.kind, found.segment_id) == ("silence", 1)
    assert look_into(whole, SPEECH, drop=True).text == SAID[2]


def test_words_in_silence_were_not_said():
    """Of a segment that begins in what another one says."""
    text = "Thank you very much."
    whole = transcript(SAID, (9.5, 13.0, text), words=crammed(11.0, 13.0, text))
    (found,) = [each for each in find_suspicious(whole, SPEECH) if each.kind == "silence"]
    assert (found.segment_id, found.detail) == (1, "4 words in 0.00 s of speech, and no more of it is theirs")


def test_what_was_said_late_is_not_suspected():
    """Whisper has words at the end of its half minute crammed, and said a second later."""
    text = "Ask what you can do."
    words = crammed(29.9, 30.0, text)
    whole = transcript((20.0, 29.5, "It is long ago."), (29.9, 30.5, text), words=words)
    assert silences_in(whole, [(20.0, 29.4), (30.4, 31.8)]) == {}


def test_a_word_of_no_length_in_speech_is_none_of_these():
    """What was said there is only timed badly."""
    whole = transcript(SAID, (12.0, 12.0, "Yes."), words=((12.0, 12.0, "Yes."),))
    assert silences_in(whole, [*SPEECH, (11.8, 12.4)]) == {}


def test_what_was_not_said_stays_where_it_is():
    """With its words: moved to where somebody speaks it would cover what is missing there."""
    text = "We'll be right back."
    whole = transcript((10.9, 11.02, text), words=crammed(10.9, 11.02, text))
    speech = [(11.0, 11.05), (20.0, 25.0)]
    found = look_into(whole, speech)
    assert [warning.kind for warning in found.warnings] == ["silence"]
    assert (found.segments, found.words) == (whole.segments, whole.words)


def test_warnings_have_the_times_of_their_segments():
    """Also of those that were moved."""
    whole = transcript((0.0, 4.0, "Thanks for watching!"))
    found = look_into(whole, [(1.0, 3.0)])
    assert (found.segments[0].start, found.segments[0].end) == (1.0, 3.0)
    assert [(each.kind, each.start, each.end) for each in found.warnings] == [("phantom", 1.0, 3.0)]


@pytest.mark.parametrize(
    "line", ["Thank you.", "Thank you very much!", "You", "谢谢大家", "謝謝", "Thank you. Thank you."]
)
def test_what_people_do_say_takes_a_second_sign(line):
    """Silence; what the model itself says of it where nobody has listened; or that it comes again and again."""
    whole = transcript((0.0, 2.0, "Good evening."), (4.0, 5.0, line))
    doubtful = attrs.evolve(
        whole, segments=tuple(attrs.evolve(each, no_speech_prob=0.8, avg_logprob=-0.7) for each in whole.segments)
    )
    said, silent = [(0.0, 2.0), (4.0, 5.0)], [(0.0, 2.0)]
    assert find_suspicious(whole) == find_suspicious(whole, said) == find_suspicious(doubtful, said) == ()
    assert [each.kind for each in find_suspicious(whole, silent)] == ["silence", "phantom"]
    (found,) = find_suspicious(doubtful)
    assert (found.kind, found.segment_id, found.detail[-19:]) == ("phantom", 1, "no_speech_prob 0.80")
    often = transcript(*((at, at + 1.0, line) for at in range(0, 9, 3)))
    assert {(each.kind, each.segment_id) for each in find_suspicious(often) if each.kind == "phantom"} == {
        ("phantom", 1),
        ("phantom", 2),
    }


@pytest.mark.parametrize("line", ["Thank you for coming.", "You know.", "谢谢大家的支持", "Your"])
def test_what_only_begins_so_is_not(line):
    """Even in silence it is only that."""
    assert [each.kind for each in find_suspicious(transcript((4.0, 5.0, line)), [])] == ["silence"]


@given(
    st.lists(st.tuples(st.floats(0, 50), st.floats(0, 5)), max_size=6),
    st.lists(st.tuples(st.floats(0, 50), st.floats(0.01, 5)), max_size=6),
)
def test_it_goes_by_speech_alone(parts, spoken):
    """Where all is speech nothing is suspected, and where nothing is, all."""
    timed = sorted((start, start + length, "Now then.") for start, length in parts)
    whole = transcript(*timed, words=crammed(0, 55, "Now then") if spoken else ())
    assert silences_in(whole, []).keys() == set(range(len(timed)))
    silences_in(whole, sorted((start, start + length) for start, length in spoken)[:1])


def test_a_segment_in_place_of_several_is_told():
    """Whose words take three seconds more than at half the pace of the others."""
    sentence = "He was not an ill-disposed young man."
    said = [(at, at + 3.0, sentence) for at in (0.0, 4.0, 8.0)]
    whole = transcript(*said, (12.0, 22.0, sentence))
    speech = [(0.0, 3.0), (4.0, 7.0), (8.0, 11.0), (12.0, 22.0)]
    assert look_into(whole, speech).coverage.sparse == ((12.0, 22.0),)
    assert look_into(whole, [*speech[:3], (12.0, 20.0)]).coverage.sparse == ()
    assert (
        look_into(transcript(*said[:2], (12.0, 30.0, "Yes.")), [(0.0, 3.0), (4.0, 7.0), (12.0, 30.0)]).coverage.sparse
        == ()
    )


def test_an_invention_at_the_end_of_speech_is_one():
    """Without times of words: the last sound of what was said before is not its own."""
    whole = transcript((0.0, 10.0, SAID[2]), (10.0, 12.0, "Thank you very much."))
    assert [(each.kind, each.segment_id) for each in find_suspicious(whole, [(0.2, 10.24)])] == [
        ("silence", 1),
        ("phantom", 1),
    ]
