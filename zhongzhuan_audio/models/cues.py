"""The cues of a transcript's subtitles. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from zhongzhuan_audio.models.parts import Word
from zhongzhuan_audio.models.review import Span
from zhongzhuan_audio.models.text import join_texts
from zhongzhuan_audio.subtitles import Cue

__all__ = ["cues_from_words", "cues_of_gaps"]

_MISSING = "[missing · 缺失]"
_CUE_MAX_S = 7.0
_CUE_MAX_CHARS = 84
_CUE_GAP_S = 1.0
_SENTENCE_ENDS = tuple(".?!。？！…")


def cues_from_words(words: Iterable[Word]) -> Iterator[Cue]:
    """Group words into cues at sentence ends, pauses, and a length that a reader can follow."""
    group: list[Word] = []
    for word in words:
        if group and (
            word.start - group[-1].end > _CUE_GAP_S
            or word.end - group[0].start > _CUE_MAX_S
            or sum(len(each.word) + 1 for each in group) + len(word.word) > _CUE_MAX_CHARS
            or group[-1].word.rstrip().endswith(_SENTENCE_ENDS)
        ):
            yield Cue(group[0].start, group[-1].end, join_texts(each.word for each in group))
            group = []
        group.append(word)
    if group:
        yield Cue(group[0].start, group[-1].end, join_texts(each.word for each in group))


def cues_of_gaps(gaps: Iterable[Span]) -> list[Cue]:
    """Return a cue for each stretch that was not transcribed, which says so and stands as long as that."""
    return [Cue(begin, end, _MISSING) for begin, end in gaps]
