"""The transcripts of a call's channels, put together; and channels closed up and opened again."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.errors import Attempt, AudioSourceError
from zhongzhuan_audio.longform.channels import merge_channels, name_channels
from zhongzhuan_audio.longform.closing import plan_closing
from zhongzhuan_audio.models import Coverage, Segment, Span, Suspicion, Transcription, Usage, Word
from zhongzhuan_audio.options import channel_names

DURATION = 60.0


def said(*segments: tuple[float, float, str], **others: object) -> Transcription:
    """Return the transcript of a channel."""
    return Transcription(
        text=" ".join(text for _, _, text in segments),
        segments=tuple(
            Segment(id=at, start=start, end=end, text=text) for at, (start, end, text) in enumerate(segments)
        ),
        **others,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("names", "count", "expected"),
    [
        ("split", 1, [(0, "left")]),
        ("split", 2, [(0, "left"), (1, "right")]),
        ("split", 3, [(0, "1"), (1, "2"), (2, "3")]),
        (((0, "agent"), (1, "customer")), 2, [(0, "agent"), (1, "customer")]),
        (((1, "customer"),), 2, [(1, "customer")]),
        (((0, "agent"),), 1, [(0, "agent")]),
        (((0, "agent"), (1, "customer")), 1, []),
    ],
)
def test_channels_have_names(names: object, count: int, expected: list[tuple[int, str]]) -> None:
    """Those of the caller, or their places."""
    assert name_channels(names, count, "call.wav") == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("names", "count", "message"),
    [
        (((1, "b"),), 1, "call.wav has one channel, and so no right one"),
        (((1, "b"), (2, "c")), 1, "call.wav has one channel, and so no right one and no channel 3"),
        (((3, "d"),), 2, "call.wav has 2 channels, and so no channel 4"),
    ],
)
def test_a_channel_that_is_not_there_is_told(names: object, count: int, message: str) -> None:
    """By the name of its place."""
    with pytest.raises(AudioSourceError, match=message):
        name_channels(names, count, "call.wav")  # type: ignore[arg-type]


def test_turns_are_in_order_with_their_speakers() -> None:
    """All that belongs to a channel is in the whole, once."""
    tried = Attempt(endpoint="http://x", status=200, elapsed_s=1.0)
    agent = said(
        (0, 4, "Good morning."),
        (9, 12, "Yes."),
        language="en",
        words=(Word(word="Good", start=0, end=1), Word(word="Yes", start=9, end=12)),
        usage=Usage(type="duration", seconds=5),
        attempts=(tried,),
        gaps=((20.0, 30.0),),
        warnings=(Suspicion(kind="phantom", segment_id=1, start=9, end=12, text="Yes.", detail="known"),),
        coverage=Coverage(completeness=1.0, speech_s=6.0),
    )
    customer = said(
        (4.5, 8, "Hello, is it open?"),
        language="en",
        words=(Word(word="Hello", start=4.5, end=5),),
        usage=Usage(type="duration", seconds=4),
        attempts=(tried, tried),
        gaps=((25.0, 40.0),),
        warnings=(Suspicion(kind="silence", segment_id=7, start=1, end=2, text="Bye", detail="none", dropped=True),),
        coverage=Coverage(completeness=0.5, speech_s=2.0, uncovered=((50.0, 51.0),)),
    )
    whole = merge_channels([("agent", agent), ("customer", customer)], duration=DURATION)
    assert [(each.id, each.speaker, each.text) for each in whole.segments] == [
        (0, "agent", "Good morning."),
        (1, "customer", "Hello, is it open?"),
        (2, "agent", "Yes."),
    ]
    assert [(word.word, word.speaker) for word in whole.words] == [
        ("Good", "agent"),
        ("Hello", "customer"),
        ("Yes", "agent"),
    ]
    assert whole.text == "Good morning. Hello, is it open? Yes."
    assert (
        whole.to_text()
        == "agent: Good morning.\ncustomer: Hello, is it open?\nagent: Yes.\n[missing · 缺失 0:00:20-0:00:40]\n"
    )
    assert (whole.duration, whole.language, len(whole.attempts)) == (DURATION, "en", 3)
    assert whole.usage == Usage(type="duration", seconds=9)
    assert whole.gaps == ((20.0, 40.0),)
    assert [(each.segment_id, each.kind) for each in whole.warnings] == [(3, "silence"), (2, "phantom")]
    assert whole.coverage == Coverage(completeness=0.875, speech_s=8.0, uncovered=((50.0, 51.0),))


def test_a_text_without_times_is_a_segment() -> None:
    """It is not lost, whatever the relay gave."""
    whole = merge_channels([("a", Transcription(text="你好")), ("b", said((3, 4, "再见")))], duration=DURATION)
    assert [(each.start, each.end, each.text) for each in whole.segments] == [(0.0, DURATION, "你好"), (3, 4, "再见")]
    assert whole.text == "你好再见"


PARTS = st.lists(
    st.tuples(st.floats(0, 50), st.floats(0, 10)).map(lambda each: (each[0], each[0] + each[1])), max_size=12
)


@given(st.lists(PARTS, min_size=1, max_size=4))
def test_nothing_is_lost_or_out_of_order(channels: list[list[Span]]) -> None:
    """Whatever the channels have."""
    parts = [
        (str(at), said(*((start, end, f"{at}-{number}") for number, (start, end) in enumerate(sorted(spans)))))
        for at, spans in enumerate(channels)
    ]
    whole = merge_channels(parts, duration=DURATION)
    assert [each.id for each in whole.segments] == list(range(sum(map(len, channels))))
    assert [each.start for each in whole.segments] == sorted(each.start for each in whole.segments)
    for who, found in parts:
        own = [each for each in whole.segments if each.speaker == who]
        assert [(each.start, each.end, each.text) for each in own] == [
            (each.start, each.end, each.text) for each in found.segments
        ]


SPEECH = st.lists(st.floats(0.1, 9), max_size=12).map(
    lambda gaps: [(sum(gaps[: at + 1]) + at * 2.0, sum(gaps[: at + 1]) + at * 2.0 + 2.0) for at in range(len(gaps))]
)


@given(SPEECH)
def test_speech_is_kept_and_found_again(speech: list[Span]) -> None:
    """No silence of more than 3 s is left, all speech is, and what is closed up opens at the same time."""
    closing = plan_closing(speech, 140.0)
    closed = closing.closed(speech)
    assert [end - begin for begin, end in closed] == pytest.approx([2.0] * len(speech))
    assert all(begin >= before - 1e-9 for (_, before), (begin, _) in pairwise(closed))
    assert all(begin - before <= 3.0 + 1e-9 for (_, before), (begin, _) in pairwise(closed))
    assert closing.duration <= 140.0
    opened = closing.opened(said(*((*span, "x") for span in closed)), duration=140.0)
    assert [time for each in opened.segments for time in (each.start, each.end)] == pytest.approx(
        [time for span in speech for time in span]
    )
    assert [time for span in closing.spans_of(closed) for time in span] == pytest.approx(
        [time for span in speech for time in span]
    )


def test_a_segment_over_a_silence_is_taken_apart() -> None:
    """By the times of its words; without them it lasts as long as the silence does."""
    closing = plan_closing([(2.0, 4.0), (20.0, 22.0)], DURATION)
    assert closing.kept == ((1.5, 4.5), (19.5, 22.5))
    one = said((0.4, 5.5, "Is it open? Yes, it is."))
    words = [("Is", 0.5), ("it", 1.0), ("open", 1.5), ("Yes", 2.9), ("it", 4.0), ("is", 5.0)]
    timed = Transcription(
        text=one.text,
        segments=one.segments,
        words=tuple(Word(word=word, start=start, end=start + 0.5) for word, start in words),
        warnings=(Suspicion(kind="phantom", segment_id=0, start=0.4, end=5.5, text=one.text, detail="known"),),
    )
    opened = closing.opened(timed, duration=DURATION)
    assert [(each.id, round(each.start, 2), round(each.end, 2), each.text) for each in opened.segments] == [
        (0, 2.0, 3.5, "Is it open?"),
        (1, 19.5, 22.0, "Yes, it is."),
    ]
    assert [round(word.start, 2) for word in opened.words] == [2.0, 2.5, 3.0, 19.5, 20.5, 21.5]
    assert [each.segment_id for each in opened.warnings] == [0]
    untimed = closing.opened(one, duration=DURATION)
    assert [(round(each.start, 2), round(each.end, 2)) for each in untimed.segments] == [(1.9, 22.0)]
    assert [(each.segment_id, each.kind, each.text) for each in opened.warnings] == [(0, "phantom", "Is it open?")]


def test_what_is_told_of_a_segment_that_is_taken_apart_is_told_of_its_parts() -> None:
    """Of each that it is true of, with the times and the text that the part has."""
    closing = plan_closing([(2.0, 4.0), (20.0, 22.0)], DURATION)
    text = "Is it open? Thanks for watching!"
    facts = {"segment_id": 0, "start": 0.4, "end": 5.5, "text": text}
    timed = Transcription(
        text=text,
        segments=(Segment(id=0, start=0.4, end=5.5, text=text, compression_ratio=2.9),),
        words=tuple(
            Word(word=word, start=start, end=start + 0.5)
            for word, start in [
                ("Is", 0.5),
                ("it", 1.0),
                ("open", 1.5),
                ("Thanks", 2.9),
                ("for", 4.0),
                ("watching", 5.0),
            ]
        ),
        warnings=(
            Suspicion(kind="compression", detail="compression_ratio 2.90", **facts),
            Suspicion(kind="phantom", detail="known line", **facts),
            Suspicion(kind="silence", detail="2% of its time is speech", **facts),
        ),
    )
    opened = closing.opened(timed, duration=DURATION)
    found = {each.id: each for each in opened.segments}
    assert [found[0].text, found[1].text] == ["Is it open?", "Thanks for watching!"]
    assert [(each.kind, each.segment_id) for each in opened.warnings] == [
        ("compression", 0),
        ("compression", 1),
        ("phantom", 1),
        ("silence", 0),
    ]
    for told in opened.warnings:
        part = found[told.segment_id]
        assert (told.start, told.end, told.text) == (part.start, part.end, part.text)


@pytest.mark.parametrize(
    ("count", "hint"),
    [
        (1, "name 'left'; 'split' takes it"),
        (2, "name 'left' and 'right'; 'split' takes each"),
        (4, "name 1, 2, 3 and 4; 'split' takes each"),
    ],
)
def test_what_names_there_are_is_told(count: int, hint: str) -> None:
    """Where one is wanted that there is not, with how many channels there are; a number may be a text."""
    names = channel_names({"7": "agent"})
    assert names == ((6, "agent"),)
    with pytest.raises(AudioSourceError, match=r"call\.wav has (one|2|4) channels?, and so no channel 7") as caught:
        name_channels(names, count, "call.wav")
    assert caught.value.hint == hint
