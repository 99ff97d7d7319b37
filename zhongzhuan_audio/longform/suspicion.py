"""What in a transcript looks invented, and what speech it lacks. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import attrs

from zhongzhuan_audio.longform.phantoms import bare, everyday_phantom_in, folded, phantom_in
from zhongzhuan_audio.longform.room import silences_in, sparse_in
from zhongzhuan_audio.longform.spans import between, merged, overlapping, total_s
from zhongzhuan_audio.longform.tokens import tokenize
from zhongzhuan_audio.models import Coverage, Segment, Span, Suspicion, SuspicionKind, Transcription
from zhongzhuan_audio.models.text import join_texts, unspaced_class

__all__ = ["covered_by", "drop_suspicious", "find_suspicious", "measure_coverage", "suspects_of"]

# As openai/whisper's transcribe() has them: compression_ratio_threshold, no_speech_threshold and logprob_threshold.
_MOST_COMPRESSION = 2.4
_MOST_NO_SPEECH = 0.6
_LEAST_LOGPROB = -1.0
_MANY_TIMES = 4
_MANY_TIMES_A_TOKEN = 6
_LONGEST_PHRASE = 30
_MANY_SEGMENTS = 3
_MANY_SHORT_SEGMENTS = 5
_SHORT_TOKENS = 2
_MARGIN_S = 0.3
_LEAST_UNCOVERED_S = 0.5
_LEAST_PART_S = 0.25
_PAUSE_S = 2.0
_CERTAIN = frozenset({"silence", "no_speech", "repetition", "phantom"})
"""What is dropped. Whisper tells the same compression_ratio of all segments of half a minute, so that what only stands
beside a repetition has it too; and a speaker who says the same twice gets one above the bound."""
_SIMPLE_TOKENS = re.compile(rf"[{unspaced_class()}]|[^\W_{unspaced_class()}]+")
"""Each is a token, or a part of one, but for full-width letters, which are tokens each: where no part comes again, no
token does."""
_FULL_WIDTH = re.compile("[\uff10-\uff5a]")


def find_suspicious(transcription: Transcription, speech: Iterable[Span] | None = None) -> tuple[Suspicion, ...]:
    """Return what is suspicious about the segments; one may be so for several reasons.

    Args:
        transcription: Of the whole recording, with the times that the relay told; one without segments is never
            suspicious.
        speech: Where somebody speaks, in seconds. None where nobody knows.

    Returns:
        In the order of the segments. Nothing is changed.
    """
    spoken = None if speech is None else merged(speech)
    plain = [folded(segment.text) for segment in transcription.segments]
    bares = [bare(text) for text in plain]
    repeats = _repeated(transcription.segments, bares)
    silences = None if spoken is None else silences_in(transcription, spoken)
    return tuple(
        Suspicion(
            kind=kind,
            segment_id=segment.id,
            start=segment.start,
            end=segment.end,
            text=segment.text,
            detail=detail,
        )
        for index, segment in enumerate(transcription.segments)
        if segment.text.strip()
        for kind, detail in _reasons(segment, plain[index], bares[index], repeats.get(index, 0), silences, index)
    )


def drop_suspicious(transcription: Transcription, warnings: Sequence[Suspicion]) -> Transcription:
    """Return a transcript without the segments that are suspected, and with what was suspected of them.

    One that is suspected for its compression alone stays: that is told of half a minute as a whole. Segments keep their
    ids, and words go with the segment that they are in the middle of. Where a segment is dropped, the text is that of
    the ones that stay.

    Args:
        transcription: As it was looked into.
        warnings: What `find_suspicious` returned, or a part of that.
    """
    suspects = suspects_of(warnings)
    dropped = [segment for segment in transcription.segments if segment.id in suspects]
    kept = tuple(segment for segment in transcription.segments if segment.id not in suspects)
    ids = {segment.id for segment in dropped}
    records = tuple(attrs.evolve(warning, dropped=warning.segment_id in ids) for warning in warnings)
    if not dropped:
        return attrs.evolve(transcription, warnings=records)
    # A word at the seam of two segments is the kept one's: dropping is for what is certain.
    staying = merged((segment.start, segment.end) for segment in kept)
    gone = merged(span for segment in dropped for span in between(staying, segment.start, segment.end))
    return attrs.evolve(
        transcription,
        text=join_texts(segment.text for segment in kept),
        segments=kept,
        words=tuple(
            word for word in transcription.words if not overlapping(gone, middle := (word.start + word.end) / 2, middle)
        ),
        warnings=records,
    )


def suspects_of(warnings: Iterable[Suspicion]) -> set[int]:
    """Return the ids of the segments that are suspected of something for which they are dropped."""
    return {warning.segment_id for warning in warnings if warning.kind in _CERTAIN}


def measure_coverage(transcription: Transcription, speech: Iterable[Span]) -> Coverage:
    """Return how much of the speech has a segment with text, or a word where there are no segments.

    0.3 s around a segment count as covered, and less than half a second is not missed: neither clocks nor ears are that
    exact. Speech that is missed before and after a pause of up to two seconds is one stretch.

    Args:
        transcription: Of the whole recording.
        speech: Where somebody speaks, in seconds.
    """
    spoken = merged(speech)
    covered = covered_by(transcription)
    stretches: list[list[Span]] = []
    for begin, end in (part for stretch in spoken for part in between(covered, *stretch)):
        if end - begin < _LEAST_PART_S:
            continue
        latest = stretches[-1][-1][1] if stretches else -math.inf
        if begin - latest <= _PAUSE_S and not overlapping(covered, latest, begin):
            stretches[-1].append((begin, end))
        else:
            stretches.append([(begin, end)])
    missed = [parts for parts in stretches if total_s(parts) >= _LEAST_UNCOVERED_S]
    speech_s = total_s(spoken)
    missed_s = total_s(part for parts in missed for part in parts)
    return Coverage(
        completeness=max(0.0, 1 - missed_s / speech_s) if speech_s else 1.0,
        speech_s=speech_s,
        uncovered=tuple((parts[0][0], parts[-1][1]) for parts in missed),
        sparse=sparse_in(transcription, spoken),
    )


def covered_by(transcription: Transcription) -> list[Span]:
    """Return what has text, in order, with 0.3 s around it."""
    timed = [(each.start, each.end) for each in transcription.segments if each.text.strip()]
    timed = timed or [(each.start, each.end) for each in transcription.words if each.word.strip()]
    return merged((begin - _MARGIN_S, end + _MARGIN_S) for begin, end in timed)


def _reasons(
    segment: Segment, plain: str, bare_text: str, repeats: int, silences: Mapping[int, str] | None, index: int
) -> Iterator[tuple[SuspicionKind, str]]:
    """Yield what is suspicious about a segment."""
    silence = None if silences is None else silences.get(index)
    if silence is not None:
        yield "silence", silence
    silent, doubtful = segment.no_speech_prob, segment.avg_logprob
    if silent is not None and doubtful is not None and silent > _MOST_NO_SPEECH and doubtful < _LEAST_LOGPROB:
        yield "no_speech", f"no_speech_prob {silent:.2f} with avg_logprob {doubtful:.2f}"
    if segment.compression_ratio is not None and segment.compression_ratio > _MOST_COMPRESSION:
        yield "compression", f"compression_ratio {segment.compression_ratio:.2f}"
    phrase, times = _repeated_phrase(segment.text) if _may_repeat(segment.text, plain) else ("", 0)
    if times:
        yield "repetition", f"{phrase!r} {times} times in a row"
    elif repeats:
        yield "repetition", f"the same in {repeats} segments in a row"
    line = phantom_in(bare_text)
    if line is not None:
        yield "phantom", f"known line {line!r}"
    elif (line := everyday_phantom_in(bare_text)) is not None:
        # Whisper tells one no_speech_prob of half a minute, be it silent but for this: who has listened knows better.
        unheard = silences is None and silent is not None and silent > _MOST_NO_SPEECH
        if silence is not None or times or repeats:
            yield "phantom", f"known line {line!r}"
        elif unheard:
            yield "phantom", f"known line {line!r} with no_speech_prob {silent:.2f}"


def _repeated_phrase(text: str) -> tuple[str, int]:
    """Return the phrase that a text repeats most often in a row, and how often; 0 where that is nothing unusual."""
    tokens = tokenize(text)
    norms = [token.norm for token in tokens]
    found = ("", 0)
    for length in range(1, min(_LONGEST_PHRASE, len(norms) // _MANY_TIMES) + 1):
        equal = [norms[at] == norms[at + length] for at in range(len(norms) - length)]
        at = 0
        for is_same, group in groupby(equal):
            count = len(list(group))
            times = count // length + 1
            if is_same and times >= (_MANY_TIMES_A_TOKEN if length == 1 else _MANY_TIMES) and times > found[1]:
                found = (text[tokens[at].begin : tokens[at + length - 1].end].strip(), times)
            at += count
    return found


def _may_repeat(text: str, plain: str) -> bool:
    """Whether anything may be there often enough. It spares nearly every text what takes a hundred times as long."""
    parts = _SIMPLE_TOKENS.findall(plain)
    # What is there four times makes the set smaller by three.
    return len(parts) - len(set(parts)) >= _MANY_TIMES - 1 or _FULL_WIDTH.search(text) is not None


def _repeated(segments: Sequence[Segment], bares: Sequence[str]) -> dict[int, int]:
    """Return the indexes of segments that say what the one before them said, and in how many in a row that is so."""
    found: dict[int, int] = {}
    at = 0
    for text, group in groupby(bares):
        count = len(list(group))
        if text and count >= _MANY_SEGMENTS:
            is_short = len(tokenize(segments[at].text)) <= _SHORT_TOKENS and everyday_phantom_in(text) is None
            if count >= (_MANY_SHORT_SEGMENTS if is_short else _MANY_SEGMENTS):
                found.update(dict.fromkeys(range(at + 1, at + count), count))
        at += count
    return found
