"""Pieces put together: a known text that was cut comes back, with true times, and nothing of it twice."""

from __future__ import annotations

import doctest
import random
from itertools import pairwise

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.errors import Attempt, UpstreamError
from zhongzhuan_audio.longform import tokens
from zhongzhuan_audio.longform.cutting import Piece, plan_pieces
from zhongzhuan_audio.longform.stitching import stitch
from zhongzhuan_audio.longform.tokens import tokenize
from zhongzhuan_audio.models import Logprob, Segment, Transcription, Usage, Word
from zhongzhuan_audio.models.text import join_texts

LATIN = ("yes", "no,", "the", "cat", "Don't", "3.5", "well", "so.", "and")
CHINESE = ("我", "我们", "好，", "不", "是。", "的", "今天", "“对", "很”")


@st.composite
def recordings(draw, *, alike=True, dense=False):
    """Words with their times, which repeat where they are alike, the plan of the pieces, and a chance of its own."""
    chance = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311 - a test
    chinese, longest = draw(st.booleans()), 0.0 if dense else draw(st.sampled_from([0.3, 3.0, 40.0]))
    at, words = chance.uniform(0, 3), []
    for number in range(draw(st.integers(0, 150))):
        text = (
            chance.choice(CHINESE if chinese else LATIN) if alike else chr(0x4E00 + number) if chinese else f"w{number}"
        )
        words.append(Word(word=text, start=at, end=at + chance.uniform(0.15, 0.6)))
        at = words[-1].end + (0 if dense else chance.uniform(0, longest if chance.random() < 0.1 else 0.5))
    plan = plan_pieces(
        at + draw(st.sampled_from([0.0, 5.0])),
        target_s=draw(st.floats(16, 60)),
        max_s=70,
        speech=[(word.start, word.end) for word in words] if draw(st.booleans()) else None,
        window_s=draw(st.floats(0, 8)),
        overlap_s=4,
        skip_silence=draw(st.booleans()),
    )
    return words, plan, chance


def heard(words: list[Word], piece: Piece, chance: random.Random, *, jitter: float = 0.0, scraps: bool = False):
    """What a perfect model gives for a piece: its words, in segments; of words that are cut in two, scraps."""
    found = []
    for word in words:
        start, end = max(word.start, piece.start) - piece.start, min(word.end, piece.end) - piece.start
        if start >= end:
            continue
        whole = (start, end) == (word.start - piece.start, word.end - piece.start)
        text = word.word if word.start >= piece.start and word.end <= piece.end else ""
        if not text and scraps:
            text = "qq" if word.start >= piece.start else "zz"
        if text:
            shift = chance.uniform(-jitter, jitter) if whole else 0.0
            found.append(Word(word=text, start=max(0.0, start + shift), end=max(0.0, end + shift)))
    segments, at = [], 0
    while at < len(found):
        group = found[at : at + chance.randint(1, 9)]
        at += len(group)
        text = join_texts(word.word for word in group)
        segments.append(Segment(id=len(segments), start=group[0].start, end=group[-1].end, text=text))
    return Transcription(
        text=join_texts(segment.text for segment in segments), segments=tuple(segments), words=tuple(found)
    )


def check_times(whole: Transcription, duration: float) -> None:
    """Times go up and stay within the recording; segments are numbered."""
    for row in (whole.segments, whole.words):
        assert all(0 <= each.start <= each.end <= duration + 1e-6 for each in row)
        assert all(one.start <= other.start + 1e-6 for one, other in pairwise(row))
    assert [segment.id for segment in whole.segments] == list(range(len(whole.segments)))
    assert whole.duration == duration


@given(recordings(), st.booleans())
def test_a_known_text_comes_back(recording, scraps):
    """Text, segments and words, whatever repeats itself, and where words are cut in two too; each with its times."""
    words, plan, chance = recording
    answers = [heard(words, piece, chance, scraps=scraps) for piece in plan.pieces]
    whole = stitch(plan.pieces, answers, duration=plan.duration)
    assert whole.text == join_texts(word.word for word in words)
    assert join_texts(segment.text for segment in whole.segments) == whole.text
    assert [word.word for word in whole.words] == [word.word for word in words]
    for got, said in zip(whole.words, words, strict=True):
        assert (got.start, got.end) == pytest.approx((said.start, said.end), abs=1e-6)
    check_times(whole, plan.duration)


@given(recordings(alike=False), st.booleans())
def test_a_known_text_comes_back_with_rough_times(recording, has_segments):
    """Two hearings of a word may be 0.6 s apart; words alone do as well."""
    words, plan, chance = recording
    answers = [heard(words, piece, chance, jitter=0.3) for piece in plan.pieces]
    if not has_segments:
        answers = [attrs.evolve(answer, segments=()) for answer in answers]
    whole = stitch(plan.pieces, answers, duration=plan.duration)
    assert whole.text == join_texts(word.word for word in words)
    assert [word.word for word in whole.words] == [word.word for word in words]


@given(recordings(alike=False, dense=True), st.booleans())
def test_a_known_text_comes_back_without_words(recording, has_segments):
    """By what the texts of segments have in common, or the texts where there are no times at all."""
    words, plan, chance = recording
    answers = [attrs.evolve(heard(words, piece, chance), words=()) for piece in plan.pieces]
    if not has_segments:
        answers = [attrs.evolve(answer, segments=()) for answer in answers]
    whole = stitch(plan.pieces, answers, duration=plan.duration)
    assert whole.text == join_texts(word.word for word in words)
    if has_segments:
        assert join_texts(segment.text for segment in whole.segments) == whole.text
        check_times(whole, plan.duration)


@given(recordings(alike=False), st.data())
def test_nothing_outside_of_overlaps_is_lost(recording, data):
    """What a piece says of a time that no other piece has is there, whatever became of the others; gaps are true."""
    words, plan, chance = recording
    fates = data.draw(
        st.lists(
            st.sampled_from(["lost", "words", "segments", "text"]), min_size=len(plan.pieces), max_size=len(plan.pieces)
        )
    )
    answers = []
    for piece, fate in zip(plan.pieces, fates, strict=True):
        answer = heard(words, piece, chance)
        changes = {"words": {}, "segments": {"words": ()}, "text": {"words": (), "segments": ()}}
        answers.append(UpstreamError("no") if fate == "lost" else attrs.evolve(answer, **changes[fate]))
    whole = stitch(plan.pieces, answers, duration=plan.duration)
    there = [(piece.start, piece.end) for piece, fate in zip(plan.pieces, fates, strict=True) if fate != "lost"]
    lost_s = sum(end - begin for begin, end in whole.gaps)
    assert lost_s == pytest.approx(plan.duration - plan.saved_s - union_s(there), abs=1e-6)
    said = [token.norm for token in tokenize(whole.text)]
    for word in words:
        if sum(begin - 1 <= word.start and word.end <= end + 1 for begin, end in there) == 1 and any(
            begin <= word.start and word.end <= end for begin, end in there
        ):
            assert word.word in said
    check_times(whole, plan.duration)


def union_s(spans: list[tuple[float, float]]) -> float:
    """Seconds that are in any of the spans."""
    total, at = 0.0, 0.0
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, at))
        at = max(at, end)
    return total


TWO = (Piece(index=0, start=0.0, end=12.0), Piece(index=1, start=10.0, end=22.0, overlap_s=2.0))


def spoken(*said: tuple[str, float, float], grouped: int = 0, **more) -> Transcription:
    """A piece's transcript, in segments of so many words."""
    words = tuple(Word(word=text, start=start, end=end) for text, start, end in said)
    groups = [words[at : at + grouped] for at in range(0, len(words), grouped)] if grouped else []
    segments = tuple(
        Segment(
            id=at, start=group[0].start, end=group[-1].end, text=join_texts(word.word for word in group), tokens=(1,)
        )
        for at, group in enumerate(groups)
    )
    return Transcription(text=join_texts(word.word for word in words), words=words, segments=segments, **more)


def test_segments_are_cut_where_the_pieces_meet():
    """The first keeps what it heard up to a word that both heard, the second what comes after it."""
    one = spoken(
        ("I", 9.0, 9.5), ("went", 9.6, 10.2), ("to", 10.4, 10.6), ("the", 10.8, 11.0), ("sto", 11.5, 12.0), grouped=5
    )
    two = spoken(
        ("want", 0.0, 0.2), ("To", 0.4, 0.6), ("the", 0.8, 1.0), ("store.", 1.5, 2.2), ("Bye", 3.0, 3.5), grouped=4
    )
    whole = stitch(TWO, [one, two], duration=22.0)
    assert whole.text == "I went to the store. Bye"
    assert [(each.id, each.start, each.end, each.text, each.tokens) for each in whole.segments] == [
        (0, 9.0, 11.0, "I went to the", None),
        (1, 11.5, 12.2, "store.", None),
        (2, 13.0, 13.5, "Bye", (1,)),
    ]
    assert [word.word for word in whole.words] == ["I", "went", "to", "the", "store.", "Bye"]


def test_segments_without_words_and_nothing_in_common_stay_whole():
    """What is all in the overlap goes by its middle."""
    one = Transcription(
        text="a b c",
        segments=(Segment(id=0, start=0, end=10.9, text="a b"), Segment(id=1, start=11.1, end=12, text="c")),
    )
    two = Transcription(
        text="x y z", segments=(Segment(id=0, start=0, end=0.8, text="x"), Segment(id=1, start=1, end=9, text="y z"))
    )
    whole = stitch(TWO, [one, two], duration=22.0)
    assert [segment.text for segment in whole.segments] == ["a b", "y z"]
    assert whole.text == "a b y z"


def test_pieces_meet_where_they_agree_best():
    """Two words in a row are surer than one that is nearer to the middle."""
    one = spoken(("the", 9.9, 10.1), ("end", 10.2, 10.4), ("so", 10.9, 11.1), grouped=3)
    two = spoken(("the", 0.0, 0.1), ("end", 0.2, 0.4), ("um", 0.5, 0.6), ("so", 0.9, 1.1), ("we", 3.0, 3.5), grouped=5)
    assert stitch(TWO, [one, two], duration=22.0).text == "the end um so we"


def test_one_word_over_and_over_is_counted_right():
    """Only its times tell which of them both pieces heard."""
    words = [Word(word="哈", start=at * 0.3, end=at * 0.3 + 0.2) for at in range(150)]
    plan = plan_pieces(45.0, target_s=20, max_s=30, window_s=3, overlap_s=4)
    whole = stitch(plan.pieces, [heard(words, piece, random.Random(1)) for piece in plan.pieces], duration=45.0)  # noqa: S311
    assert len(plan.pieces) == 3
    assert whole.text == "哈" * 150
    assert len(whole.words) == 150


def test_where_nothing_is_in_common_each_has_its_half():
    """Of what they share."""
    one = spoken(("a", 9.0, 9.5), ("x", 10.3, 10.7), ("y", 11.3, 11.7), grouped=3)
    two = spoken(("u", 0.1, 0.5), ("v", 1.2, 1.6), ("b", 4.0, 4.5), grouped=3)
    whole = stitch(TWO, [one, two], duration=22.0)
    assert whole.text == "a x v b"
    assert [word.word for word in whole.words] == ["a", "x", "v", "b"]
    assert [segment.text for segment in whole.segments] == ["a x", "v b"]


def test_times_do_not_go_back_where_pieces_meet():
    """Two hearings of a word differ a little."""
    one = spoken(("in", 10.0, 10.5), ("the", 10.8, 11.2), grouped=2)
    two = spoken(("the", 0.7, 0.9), ("sea", 1.0, 1.1), ("now", 1.1, 1.5), grouped=2)
    whole = stitch(TWO, [one, two], duration=22.0)
    assert [(word.word, word.start, word.end) for word in whole.words][2:] == [("sea", 11.2, 11.2), ("now", 11.2, 11.5)]
    assert [(each.text, each.start, each.end) for each in whole.segments] == [
        ("in the", 10.0, 11.2),
        ("sea", 11.2, 11.2),
        ("now", 11.2, 11.5),
    ]


def test_segments_without_letters_go_with_their_neighbours():
    """A mark that was heard before what the pieces have in common is the first one's, and one after it the second's."""
    note = Segment(id=0, start=1.0, end=2.0, text="♪")
    one = spoken(("in", 10.0, 10.5), ("the", 10.8, 11.2), ("se", 11.6, 12.0), grouped=1)
    two = spoken(("the", 0.8, 1.2), ("sea", 1.6, 2.1), grouped=1)
    one = attrs.evolve(one, segments=(*one.segments[:2], attrs.evolve(note, start=11.2, end=11.5), one.segments[2]))
    two = attrs.evolve(two, segments=(note, *two.segments, attrs.evolve(note, start=5.0, end=6.0)))
    whole = stitch(TWO, [one, two], duration=22.0)
    assert [segment.text for segment in whole.segments] == ["in", "the", "sea", "♪"]
    assert whole.text == "in the sea"


def test_marks_stay_with_their_words_where_pieces_meet():
    """Opening ones with what comes after them."""
    assert [(token.norm, token.begin, token.end) for token in tokenize("Hi — (you), “我”。")] == [
        ("hi", 0, 5),
        ("you", 5, 12),
        ("我", 12, 16),
    ]
    assert [token.end for token in tokenize("hi -you")] == [3, 7]
    assert [token.end for token in tokenize("他说：“好”《书》")] == [1, 3, 6, 9]


def test_one_common_word_without_a_time_of_its_own_is_not_enough():
    """Where it was said is a guess."""
    one = Transcription(text="we saw the sea", segments=(Segment(id=0, start=8.0, end=12.0, text="we saw the sea"),))
    two = Transcription(text="now the hills", segments=(Segment(id=0, start=0.0, end=4.0, text="now the hills"),))
    assert stitch(TWO, [one, two], duration=22.0).text == "we saw the sea now the hills"


def test_what_only_one_piece_heard_stays():
    """Also where the other heard nothing at all in what they share."""
    one = spoken(("one", 1.0, 2.0), ("two", 11.2, 11.9), grouped=1)
    assert stitch(TWO, [one, spoken()], duration=22.0).text == "one two"
    assert stitch(TWO, [one, spoken(("far", 9.0, 9.5), grouped=1)], duration=22.0).text == "one two far"
    assert stitch(TWO, [spoken(), spoken(("far", 0.1, 0.2), grouped=1)], duration=22.0).text == "far"
    one = spoken(("one", 1.0, 2.0), ("two", 9.2, 9.8), grouped=1)
    two = spoken(("and", 0.1, 0.3), ("so", 0.4, 0.6), ("my", 1.2, 1.5), grouped=3)
    assert stitch(TWO, [one, two], duration=22.0).text == "one two and so my"
    one, two = attrs.evolve(one, words=()), attrs.evolve(two, words=())
    assert stitch(TWO, [one, two], duration=22.0).text == "one two and so my"


def test_a_common_word_in_texts_without_times_is_not_enough():
    """Nothing is lost for the sake of a word that is everywhere."""
    one, two = Transcription(text="we saw the sea"), Transcription(text="and the mountains")
    assert stitch(TWO, [one, two], duration=22.0).text == "we saw the sea and the mountains"
    two = Transcription(text="ey saw the sea and the mountains")
    assert stitch(TWO, [one, two], duration=22.0).text == "we saw the sea and the mountains"


def test_a_piece_that_failed_is_a_gap():
    """But for what its neighbours have of it; gaps that touch are one."""
    pieces = (
        *TWO,
        Piece(index=2, start=20.0, end=30.0, overlap_s=2.0),
        Piece(index=3, start=30.0, end=40.0),
        Piece(index=4, start=40.0, end=50.0),
    )
    failure = UpstreamError("no", attempts=(Attempt(endpoint="b", status=502),))
    good = [spoken((text, 5.0, 6.0), attempts=(Attempt(endpoint=text, status=200),)) for text in "abcde"]
    whole = stitch(pieces, [good[0], failure, good[2], failure, failure], duration=50.0)
    assert whole.gaps == ((12.0, 20.0), (30.0, 50.0))
    assert whole.text == "a c"
    assert [word.start for word in whole.words] == [5.0, 25.0]
    assert [attempt.endpoint for attempt in whole.attempts] == ["a", "b", "c", "b", "b"]
    assert stitch(pieces, good, duration=50.0).gaps == ()


def test_times_within_a_piece_stay_within_it():
    """Whisper's last segment may end after the sound does; frames are shifted as well."""
    segment = Segment(id=7, start=9.0, end=30.0, text="x", seek=100, speaker="A")
    pieces = (Piece(index=0, start=0.0, end=10.0), Piece(index=1, start=50.0, end=60.0))
    whole = stitch(pieces, [Transcription(text="x", segments=(segment,))] * 2, duration=60.0)
    assert [(each.id, each.start, each.end, each.seek, each.speaker) for each in whole.segments] == [
        (0, 9.0, 10.0, 100, "A"),
        (1, 59.0, 60.0, 5100, "A"),
    ]


def test_usage_is_summed_and_the_language_is_that_of_most():
    """What no piece tells is not known."""
    pieces = tuple(Piece(index=at, start=at * 10.0, end=at * 10.0 + 10) for at in range(3))
    answers = [
        Transcription(text="a", language="en", usage=Usage(type="tokens", input_tokens=3, total_tokens=5), body="{}"),
        Transcription(text="b", language="zh", logprobs=(Logprob(token="b", logprob=-1.0),), request_id="r"),
        Transcription(text="c", language="zh", usage=Usage(type="tokens", input_tokens=4, total_tokens=6)),
    ]
    whole = stitch(pieces, answers, duration=30.0)
    assert whole.usage == Usage(type="tokens", input_tokens=7, total_tokens=11)
    assert (whole.language, whole.text, whole.body, whole.request_id) == ("zh", "a b c", "", None)
    assert len(whole.logprobs) == 1
    mixed = [attrs.evolve(answers[0], usage=Usage(type="duration", seconds=1.5)), *answers[1:]]
    assert stitch(pieces, mixed, duration=30.0).usage == Usage(seconds=1.5, input_tokens=4, total_tokens=6)
    assert stitch(pieces[:1], [Transcription(text="")], duration=30.0).usage is None


def test_one_piece_is_the_answer_itself():
    """With its body and its id; nothing is there where nothing was sent."""
    answer = spoken(("a", 0.5, 1.0), grouped=1, body="{}", request_id="r", language="en")
    whole = stitch((Piece(index=0, start=0.0, end=9.0),), [answer], duration=9.0)
    assert whole == attrs.evolve(answer, duration=9.0)
    assert stitch((), [], duration=9.0) == Transcription(text="", duration=9.0)
    with pytest.raises(ValueError, match="zip"):
        stitch(TWO, [answer], duration=22.0)


@given(st.text(st.sampled_from("ab你好ไ. ,“”（）-'\u0301Ａ") | st.characters()))
def test_tokens_share_the_whole_text(text):
    """Each begins where the one before it ends, and has a letter or a digit."""
    found = tokenize(text)
    assert bool(found) == any(char.isalnum() for char in text)
    ends = [0, *(token.end for token in found)]
    assert [token.begin for token in found] == ends[:-1]
    assert not found or ends[-1] == len(text)


def test_the_example_of_tokens_is_true():
    """As the docstring has it."""
    results = doctest.testmod(tokens)
    assert results.attempted > 0
    assert results.failed == 0
