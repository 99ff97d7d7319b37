"""A transcript as a row of tokens that can be compared with another's, and cut between two of them. Pure."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise

import attrs

from zhongzhuan_audio.models import Segment, Transcription, Word
from zhongzhuan_audio.models.text import is_unspaced, join_texts
from zhongzhuan_audio.subtitles import Cue
from zhongzhuan_audio.subtitles.breaking import is_opening
from zhongzhuan_audio.subtitles.timing import Clock, place_words

__all__ = ["Token", "Track", "tokenize", "track_of"]

_WITHIN_WORDS = frozenset("'’.-")


@attrs.frozen
class Token:
    """A word, or a character of a script without blanks."""

    norm: str
    """As it is compared: without case, width and marks."""
    begin: int
    """Where in its text it begins, with the marks that belong to it: tokens share the whole text among them."""
    end: int
    segment: int = 0
    """Which segment or word it is of; 0 in a text without times."""
    start_s: float = 0.0
    """Seconds from the beginning of the recording; 0 in a text without times."""
    end_s: float = 0.0

    @property
    def middle_s(self) -> float:
        """When half of it was said."""
        return (self.start_s + self.end_s) / 2


@attrs.define
class Track:
    """A piece's transcript with true times, and which of its tokens are wanted."""

    transcription: Transcription
    tokens: list[Token]
    is_timed: bool
    """Whether tokens have times."""
    is_exact: bool
    """Whether these are times of words, and not shares of a segment's."""
    word_tokens: list[int]
    """For each word, which token it begins with."""
    first: int
    """First token that is wanted."""
    stop: int
    """First token after it that is not."""

    @property
    def is_whole(self) -> bool:
        """Whether all tokens are wanted."""
        return self.first == 0 and self.stop == len(self.tokens)

    def has(self, place: int) -> bool:
        """Whether what stands before so many tokens and after the rest is wanted."""
        return (place >= self.first or self.first == 0) and (place < self.stop or self.stop == len(self.tokens))

    def segments(self) -> Iterator[Segment]:
        """Yield what is wanted of the segments."""
        at = 0
        for index, segment in enumerate(self.transcription.segments):
            begin = at
            while at < len(self.tokens) and self.tokens[at].segment == index:
                at += 1
            wanted = self.tokens[max(begin, self.first) : max(0, min(at, self.stop))]
            if begin == at:
                if self.has(begin):
                    yield segment
            elif len(wanted) == at - begin:
                yield segment
            elif wanted:
                text = segment.text[wanted[0].begin : wanted[-1].end].strip()
                yield attrs.evolve(segment, start=wanted[0].start_s, end=wanted[-1].end_s, text=text, tokens=None)

    def words(self) -> Iterator[Word]:
        """Yield the words that are wanted."""
        for word, place in zip(self.transcription.words, self.word_tokens, strict=True):
            if self.has(place):
                yield word

    def text(self) -> str:
        """Return what is wanted of the text."""
        whole = self.transcription.text
        if self.is_whole:
            return whole
        tokens = tokenize(whole)
        if [token.norm for token in tokens] == [token.norm for token in self.tokens]:
            wanted = tokens[self.first : self.stop]
            return whole[wanted[0].begin : wanted[-1].end].strip() if wanted else ""
        pieces = [segment.text for segment in self.segments()] or [word.word for word in self.words()]
        return join_texts(pieces)


def track_of(transcription: Transcription) -> Track:
    """Return the tokens of a transcript, by its segments, else by its words, else by its text."""
    words = [Cue(word.start, word.end, word.word) for word in transcription.words]
    segments = [Cue(segment.start, segment.end, segment.text) for segment in transcription.segments]
    tokens: list[Token] = []
    word_tokens: list[int] = []
    exact = bool(words)
    if segments:
        firsts: dict[int, int] = {}
        for index, (segment, placed) in enumerate(zip(segments, place_words(segments, words), strict=True)):
            found = _timed(segment, index, Clock(segment, placed, words))
            begins = [token.begin for token in found]
            for each in placed:
                firsts[each.index] = len(tokens) + bisect_right(begins, each.begin) - 1
            tokens += found
        exact = 2 * len(firsts) > len(words)
        at = 0
        for index in range(len(words)):
            at = firsts.get(index, at)
            word_tokens.append(at)
    elif words:
        for index, word in enumerate(words):
            word_tokens.append(len(tokens))
            tokens += _timed(word, index, Clock(word))
    else:
        tokens = tokenize(transcription.text)
    return Track(
        transcription,
        tokens,
        is_timed=bool(segments or words),
        is_exact=exact,
        word_tokens=word_tokens,
        first=0,
        stop=len(tokens),
    )


def _timed(cue: Cue, index: int, clock: Clock) -> list[Token]:
    return [
        attrs.evolve(token, segment=index, start_s=clock.begin_of(token.begin), end_s=clock.end_of(token.end))
        for token in tokenize(cue.text)
    ]


def tokenize(text: str) -> list[Token]:
    """Take a text apart into tokens; empty where it has neither letters nor digits.

    >>> [token.norm for token in tokenize("Don't say “你好”, Bob!")]
    ["don't", 'say', '你', '好', 'bob']
    """
    bounds = list(_bounds(text))
    cuts = [0, *(_cut(text, left[1], right[0]) for left, right in pairwise(bounds)), len(text)]
    return [
        Token(unicodedata.normalize("NFKC", text[begin:end]).casefold(), cuts[at], cuts[at + 1])
        for at, (begin, end) in enumerate(bounds)
    ]


def _bounds(text: str) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each token, without the marks around it."""
    at = 0
    while at < len(text):
        begin = at
        at += 1
        if not text[begin].isalnum():
            continue
        joins = not is_unspaced(text[begin])
        while at < len(text) and (_is_mark(text[at]) or (joins and _goes_on(text, at))):
            at += 1
        yield begin, at


def _goes_on(text: str, at: int) -> bool:
    """Whether a word goes on here: with a letter, or with a sign and a letter after it, as in don't and 3.5."""
    if text[at] in _WITHIN_WORDS:
        at += 1
    return at < len(text) and text[at].isalnum() and not is_unspaced(text[at])


def _is_mark(char: str) -> bool:
    return unicodedata.category(char).startswith("M")


def _cut(text: str, begin: int, end: int) -> int:
    """Return where between two tokens one's marks end and the other's begin: at the last blank, if there is one."""
    for at in range(end, begin, -1):
        if text[at - 1].isspace():
            return at
    while begin < end and not is_opening(text[begin]):
        begin += 1
    return begin
