"""The cues of a transcript's subtitles. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from zhongzhuan_audio.models.parts import Segment, Word
from zhongzhuan_audio.models.review import Span
from zhongzhuan_audio.models.text import join_texts
from zhongzhuan_audio.subtitles import Cue, Fit, fit_cues

__all__ = ["cues_from_words", "cues_of"]

_MISSING = "[missing · 缺失]"
_CUE_MAX_S = 7.0
_CUE_MAX_CHARS = 84
_CUE_GAP_S = 1.0
_SENTENCE_ENDS = tuple(".?!。？！…")


def cues_of(
    segments: Sequence[Segment],
    words: Sequence[Word],
    gaps: Iterable[Span],
    fit: Fit,
    *,
    until_s: float | None,
    named: bool,
) -> list[Cue]:
    """Return the cues of a transcript, in the order of their beginnings: its segments, or else its words in groups.

    A stretch that was not transcribed has a cue, which says so and stands as long as that.

    Args:
        segments: In order.
        words: In order.
        gaps: What was not transcribed, in seconds.
        fit: What the cues are to be like.
        until_s: Where the recording ends; None where that is not known.
        named: Whether speakers' names take room on the lines.
    """
    cues = [Cue(each.start, each.end, each.text, each.speaker) for each in segments] or list(cues_from_words(words))
    missing = [Cue(begin, end, _MISSING) for begin, end in gaps]
    if fit == Fit():
        return sorted([*cues, *missing], key=lambda cue: cue.start)
    if not any(word.speaker for word in words):
        spoken = [Cue(word.start, word.end, word.word) for word in words]
        return fit_cues([*cues, *missing], fit, spoken, until_s=until_s, named=named)
    # Who speaks at the same time has words of their own.
    fitted = fit_cues(missing, fit, until_s=until_s)
    for who in dict.fromkeys(cue.speaker for cue in cues):
        own = [cue for cue in cues if cue.speaker == who]
        spoken = [Cue(word.start, word.end, word.word) for word in words if word.speaker == who]
        fitted += fit_cues(own, fit, spoken, until_s=until_s, named=named)
    return sorted(fitted, key=lambda cue: cue.start)


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
