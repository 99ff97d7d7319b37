"""What looks invented is flagged and never dropped unasked; speech without a segment is found."""

from __future__ import annotations

import time

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.longform import suspicion
from zhongzhuan_audio.longform.phantoms import folded
from zhongzhuan_audio.longform.suspicion import drop_suspicious, find_suspicious, measure_coverage
from zhongzhuan_audio.longform.tokens import tokenize
from zhongzhuan_audio.models import Coverage, Segment, Suspicion, Transcription, Word
from zhongzhuan_audio.models.text import join_texts


def transcript(*texts: str, **of_all) -> Transcription:
    """Segments of a second each, and their words."""
    segments = tuple(Segment(id=at, start=at, end=at + 1.0, text=text, **of_all) for at, text in enumerate(texts))
    words = tuple(Word(word=text, start=at + 0.1, end=at + 0.9) for at, text in enumerate(texts))
    return Transcription(text=join_texts(texts), segments=segments, words=words, duration=float(len(texts)))


def kinds(whole: Transcription, speech=None) -> list[tuple[int, str]]:
    """Which segments are suspected of what."""
    return [(each.segment_id, each.kind) for each in find_suspicious(whole, speech)]


@pytest.mark.parametrize(
    "line",
    [
        "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
        "請不吝點贊、訂閱、轉發、打賞支持明鏡與點點欄目。",
        "字幕由Amara.org社区提供",
        "Thanks for watching!",
        "thank you for watching.",
        "Subtitles by the Amara.org community",
        "ご視聴ありがとうございました。",
        "♪ Thanks for watching ♪",
        "Sous-titres réalisés par la communauté d'Amara.org",
    ],
)
def test_known_lines_are_flagged(line):
    """Whatever their case and marks."""
    (found,) = find_suspicious(transcript("Good evening.", line))
    assert (found.kind, found.segment_id, found.start, found.end, found.text) == ("phantom", 1, 1, 2, line)
    assert found.detail.startswith("known line ")


@pytest.mark.parametrize(
    "line",
    [
        "So when we say thanks for watching at the end of each video, we mean it.",
        "字幕组今天讨论了很多问题",
        "Subtitles are useful.",
        "Thanks for watching! " + "And now we come to something that is entirely different. " * 3,
        "…",
        "",
    ],
)
def test_what_only_resembles_them_is_not(line):
    """Half of a segment at least must be such a line."""
    assert find_suspicious(transcript(line)) == ()


@pytest.mark.parametrize(
    ("silent", "doubtful", "ratio", "found"),
    [
        (0.61, -1.01, 2.4, ["no_speech"]),
        (0.6, -1.01, 2.41, ["compression"]),
        (0.61, -1.0, None, []),
        (None, -3.0, None, []),
        (0.9, None, None, []),
        (0.99, -2.0, 9.0, ["no_speech", "compression"]),
    ],
)
def test_what_the_model_says_of_itself_counts(silent, doubtful, ratio, found):
    """By Whisper's own bounds; what it does not say does not count."""
    whole = transcript("hello there", no_speech_prob=silent, avg_logprob=doubtful, compression_ratio=ratio)
    assert [kind for _, kind in kinds(whole)] == found


def test_text_over_silence_is_flagged():
    """A tenth of a segment's time must be speech; without knowing of speech nobody can say."""
    whole = transcript("one", "two", "three", "four")
    assert kinds(whole, [(0.2, 0.9), (1.905, 2.05), (3.0, 3.2)]) == [(1, "silence"), (2, "silence")]
    assert kinds(whole) == []
    assert [index for index, _ in kinds(whole, [])] == [0, 1, 2, 3]
    assert find_suspicious(whole, [(0.0, 3.08)])[0].detail == "8% of its time is speech"
    assert find_suspicious(attrs.evolve(whole, segments=(), words=())) == ()


def test_a_segment_without_length_goes_by_where_it_is():
    """Some models give an end that is the start."""
    whole = Transcription(
        text="x y", segments=(Segment(id=0, start=5, end=5, text="x"), Segment(id=1, start=9, end=9, text="y"))
    )
    assert kinds(whole, [(4.0, 6.0)]) == [(1, "silence")]


@pytest.mark.parametrize(
    ("text", "phrase", "times"),
    [
        ("I don't know. I don't know. I don't know. I don't know.", "I don't know.", 4),
        ("我不知道，我不知道，我不知道，我不知道", "我不知道，", 4),
        ("no no no no no no", "no", 6),
        ("well, a b a b a b a b a c", "a b", 4),
    ],
)
def test_a_phrase_that_comes_again_and_again_is_flagged(text, phrase, times):
    """With how often it does."""
    (found,) = find_suspicious(transcript(text))
    assert (found.kind, found.detail) == ("repetition", f"{phrase!r} {times} times in a row")


@pytest.mark.parametrize(
    "text", ["no no no no no", "I know. I know. I know.", "哈哈哈", "a b c d e f g h", "1 2 1 2 1 2"]
)
def test_people_repeat_themselves_too(text):
    """A few times is nothing unusual."""
    assert find_suspicious(transcript(text)) == ()


def test_the_same_segment_again_and_again_is_flagged():
    """All but the first of three; short answers may come four times."""
    assert kinds(transcript("a b c", "A b c.", "a b c", "d")) == [(1, "repetition"), (2, "repetition")]
    assert kinds(transcript("a b c", "a b c", "d", "a b c")) == []
    assert kinds(transcript(*["好。"] * 4)) == []
    assert [index for index, _ in kinds(transcript(*["好。"] * 5))] == [1, 2, 3, 4]
    assert kinds(transcript(*["♪"] * 9)) == []


def test_suspects_are_dropped_only_when_asked_and_recorded():
    """The rest keeps ids, words and times."""
    whole = transcript("Good evening.", "Thanks for watching!", "Good night.")
    warnings = find_suspicious(whole)
    assert [segment.text for segment in whole.segments][1] == "Thanks for watching!"
    got = drop_suspicious(whole, warnings)
    assert got.text == "Good evening. Good night."
    assert [segment.id for segment in got.segments] == [0, 2]
    assert [word.word for word in got.words] == ["Good evening.", "Good night."]
    assert got.warnings == (attrs.evolve(warnings[0], dropped=True),)
    assert not warnings[0].dropped
    assert drop_suspicious(whole, ()) == whole
    stray = attrs.evolve(warnings[0], segment_id=99)
    assert drop_suspicious(whole, [stray]) == attrs.evolve(whole, warnings=(stray,))


def test_compression_alone_is_no_reason_to_drop():
    """It is told of half a minute as a whole."""
    whole = transcript("ask not", "Thanks for watching!", compression_ratio=2.5)
    got = drop_suspicious(whole, find_suspicious(whole))
    assert got.text == "ask not"
    assert [(each.segment_id, each.kind, each.dropped) for each in got.warnings] == [
        (0, "compression", False),
        (1, "compression", True),
        (1, "phantom", True),
    ]


def test_a_word_that_a_kept_segment_has_too_is_kept():
    """Segments may overlap."""
    segments = (Segment(id=0, start=0, end=2, text="a b"), Segment(id=1, start=1, end=3, text="c"))
    words = (Word(word="a", start=0, end=1), Word(word="b", start=1.2, end=1.6), Word(word="c", start=2.2, end=3))
    whole = Transcription(text="a b c", segments=segments, words=words)
    suspect = Suspicion(kind="silence", segment_id=1, start=1, end=3, text="c", detail="")
    assert [word.word for word in drop_suspicious(whole, [suspect]).words] == ["a", "b"]


def test_hours_are_looked_through_in_seconds():
    """Time grows with the length, and not with its square, however much is dropped."""
    whole = transcript(*(f"this is {number}" for number in range(8000)))
    begin = time.process_time()
    got = drop_suspicious(whole, find_suspicious(whole, [(float(at), at + 1.0) for at in range(0, 8000, 2)]))
    assert time.process_time() - begin < 10
    assert len(got.segments) == len(got.words) == len(got.warnings) == 4000


TEXTS = st.text(st.sampled_from("ab 好，.") | st.characters(), max_size=20) | st.sampled_from(["Thanks for watching"])
SPANS = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)).map(lambda span: (min(span), max(span))), max_size=8)
SEGMENTS = st.lists(
    st.builds(
        lambda span, text, silent, doubtful: Segment(
            id=0, start=min(span), end=max(span), text=text, no_speech_prob=silent, avg_logprob=doubtful
        ),
        st.tuples(st.floats(0, 100), st.floats(0, 100)),
        TEXTS,
        st.none() | st.floats(),
        st.none() | st.floats(),
    ),
    max_size=12,
).map(
    lambda row: tuple(
        attrs.evolve(segment, id=at) for at, segment in enumerate(sorted(row, key=lambda each: each.start))
    )
)


@given(SEGMENTS, SPANS)
def test_nothing_changes_but_what_is_dropped(segments, speech):
    """Each suspicion names a segment that there is, and dropping leaves the others as they were.

    A second look finds nothing but repetitions: what stood between two segments may be gone.
    """
    whole = Transcription(text=join_texts(segment.text for segment in segments), segments=segments)
    warnings = find_suspicious(whole, speech)
    by_id = {segment.id: segment for segment in segments}
    for warning in warnings:
        segment = by_id[warning.segment_id]
        assert (warning.start, warning.end, warning.text) == (segment.start, segment.end, segment.text)
        assert warning.detail
    suspects = {warning.segment_id for warning in warnings}
    got = drop_suspicious(whole, warnings)
    assert got.segments == tuple(segment for segment in segments if segment.id not in suspects)
    assert len(got.warnings) == len(warnings)
    assert {each.kind for each in find_suspicious(got, speech)} <= {"repetition"}


@given(SEGMENTS, SPANS)
def test_coverage_is_what_is_left_of_speech(segments, speech):
    """A figure from 0 to 1 that goes with the spans; these begin and end with speech and touch no segment."""
    whole = Transcription(text="", segments=segments)
    found = measure_coverage(whole, speech)
    assert 0 <= found.completeness <= 1
    missed_s = sum(end - begin for begin, end in found.uncovered)
    assert missed_s + 1e-6 >= (1 - found.completeness) * found.speech_s
    for begin, end in found.uncovered:
        assert end - begin >= 0.5
        for place in (begin, end):
            assert any(start <= place <= stop for start, stop in speech)
        for segment in segments:
            assert not segment.text.strip() or segment.end <= begin or end <= segment.start
    everything = Transcription(text="", segments=(Segment(id=0, start=0, end=100, text="x"),))
    assert measure_coverage(everything, speech) == attrs.evolve(found, completeness=1.0, uncovered=(), sparse=())


def test_short_words_with_pauses_between_them_are_missed_as_one():
    """Each of them alone would be too short; text between them makes two of them, and so does a long pause."""
    speech = [(3.3, 3.75), (4.0, 4.35), (9.0, 9.5), (11.5, 12.0)]
    assert measure_coverage(Transcription(text=""), speech).uncovered == ((3.3, 4.35), (9.0, 12.0))
    word = Segment(id=0, start=3.87, end=3.88, text="x")
    found = measure_coverage(Transcription(text="x", segments=(word,)), speech)
    assert found.uncovered == ((9.0, 12.0),)
    apart = measure_coverage(Transcription(text=""), [(1.0, 2.0), (4.1, 5.0)])
    assert apart == Coverage(completeness=0.0, speech_s=pytest.approx(1.9), uncovered=((1.0, 2.0), (4.1, 5.0)))


def test_what_no_segment_covers_is_named():
    """With a margin around segments; text that is blank covers nothing."""
    segments = (
        Segment(id=0, start=0.0, end=4.0, text="a"),
        Segment(id=1, start=6.0, end=7.0, text=" "),
        Segment(id=2, start=9.0, end=10.0, text="b"),
    )
    whole = Transcription(text="a b", segments=segments)
    assert measure_coverage(whole, [(0.0, 4.2), (5.0, 8.0), (8.5, 10.7), (20.0, 20.4)]) == Coverage(
        completeness=pytest.approx(1 - 3 / 9.8), speech_s=pytest.approx(9.8), uncovered=((5.0, 8.0),)
    )
    spoken = (Word(word="a", start=0.0, end=1.0), Word(word="b", start=2.0, end=3.0))
    assert measure_coverage(Transcription(text="a b", words=spoken), [(0.0, 3.0)]).completeness == 1
    assert measure_coverage(Transcription(text="a b"), [(0.0, 3.0)]).completeness == 0
    assert measure_coverage(whole, []) == Coverage(completeness=1.0, speech_s=0.0)


@given(
    st.text(st.sampled_from("ab AＡ１1好的'.-_,½ｱア\u0301") | st.characters(), min_size=1, max_size=6),
    st.integers(4, 8),
    st.sampled_from(["", " ", "，", ", "]),
)
def test_no_repetition_escapes_the_quick_look(phrase, times, blank):
    """What is looked at first passes over nothing that the thorough look would find."""
    text = blank.join([phrase] * times)
    norms = [token.norm for token in tokenize(text)]
    found = suspicion._may_repeat(text, folded(text))
    if len(norms) >= 4 and any(
        norms[at : at + length] * 4 == norms[at : at + 4 * length]
        for length in range(1, len(norms) // 4 + 1)
        for at in range(len(norms) - 4 * length + 1)
    ):
        assert found
