"""The channels of a call, by their speakers' names, and their transcripts put together to one. Pure."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import attrs

from zhongzhuan_audio.errors import AudioSourceError
from zhongzhuan_audio.longform.spans import merged
from zhongzhuan_audio.longform.stitching import sum_usages
from zhongzhuan_audio.models import Coverage, Segment, Suspicion, Transcription
from zhongzhuan_audio.models.text import join_texts
from zhongzhuan_audio.options import ChannelNames

__all__ = ["merge_channels", "name_channels"]

_SIDES = ("left", "right")


def name_channels(names: ChannelNames, count: int, label: str) -> list[tuple[int, str]]:
    """Return which channels are wanted, by their index, and who speaks in each.

    Args:
        names: What the caller calls them; "split" calls two of them left and right, more of them by their numbers.
        count: How many there are.
        label: What to call the recording.

    Raises:
        AudioSourceError: There are not so many. One channel that is to have several names has none.
    """
    if names == "split":
        sides = _SIDES if count <= len(_SIDES) else [str(number) for number in range(1, count + 1)]
        return list(enumerate(sides[:count]))
    if count == 1 and len(names) > 1 and names[0][0] == 0:
        return []
    missing = [_place(index) for index, _ in names if index >= count]
    if missing:
        has = "one channel" if count == 1 else f"{count} channels"
        there = ["'left'", "'right'"] if count <= len(_SIDES) else [str(number) for number in range(1, count + 1)]
        names_there = "'left'" if count == 1 else f"{', '.join(there[:-1])} and {there[-1]}"
        raise AudioSourceError(
            f"{label} has {has}, and so no {' and no '.join(missing)}",
            hint=f"name {names_there}; 'split' takes {'it' if count == 1 else 'each'}",
            source=label,
        )
    return list(names)


def _place(index: int) -> str:
    return f"{_SIDES[index]} one" if index < len(_SIDES) else f"channel {index + 1}"


def merge_channels(parts: Sequence[tuple[str, Transcription]], *, duration: float) -> Transcription:
    """Return the transcript of a call, of which each channel was transcribed by itself.

    Segments are in the order of their beginnings, with their speakers, and numbered anew; so are words. Of a channel
    whose answer had no times the whole text is one segment, from the beginning to the end.

    Args:
        parts: Who speaks in each channel, and its transcript.
        duration: Seconds of the recording.

    Returns:
        The whole; `body` and `request_id` are there only where there is but one channel. `gaps` and what
        `coverage` tells are those of any channel.
    """
    spoken = [(who, found, _segments(found, duration)) for who, found in parts]
    numbers: dict[tuple[int, int], int] = {}
    segments: list[Segment] = []
    for at, segment in sorted(
        ((at, segment) for at, (_, _, own) in enumerate(spoken) for segment in own),
        key=lambda each: (each[1].start, each[0]),
    ):
        numbers.setdefault((at, segment.id), len(segments))
        segments.append(attrs.evolve(segment, id=len(segments), speaker=spoken[at][0]))
    words = [attrs.evolve(word, speaker=who) for who, found, _ in spoken for word in found.words]
    transcripts = [found for _, found in parts]
    languages = Counter(found.language for found in transcripts if found.language)
    only = transcripts[0] if len(transcripts) == 1 else None
    return Transcription(
        text=join_texts(segment.text for segment in segments),
        language=languages.most_common(1)[0][0] if languages else None,
        duration=duration,
        segments=tuple(segments),
        words=tuple(sorted(words, key=lambda word: word.start)),
        logprobs=tuple(itertools.chain.from_iterable(found.logprobs for found in transcripts)),
        usage=sum_usages([found.usage for found in transcripts if found.usage is not None]),
        body=only.body if only else "",
        request_id=only.request_id if only else None,
        attempts=tuple(itertools.chain.from_iterable(found.attempts for found in transcripts)),
        gaps=tuple(merged(itertools.chain.from_iterable(found.gaps for found in transcripts))),
        warnings=tuple(_warnings(transcripts, numbers, len(segments))),
        coverage=_coverage([found.coverage for found in transcripts if found.coverage is not None]),
    )


def _segments(found: Transcription, duration: float) -> Iterable[Segment]:
    if found.segments or not found.text.strip():
        return found.segments
    return [Segment(id=0, start=0.0, end=duration, text=found.text)]


def _warnings(
    transcripts: Sequence[Transcription], numbers: dict[tuple[int, int], int], free: int
) -> Iterator[Suspicion]:
    """Yield what is suspicious in any channel, in order; one that was dropped has a number that no segment has."""
    unused = itertools.count(free)
    told = [(at, warning) for at, found in enumerate(transcripts) for warning in found.warnings]
    for at, warning in sorted(told, key=lambda each: each[1].start):
        number = None if warning.dropped else numbers.get((at, warning.segment_id))
        yield attrs.evolve(warning, segment_id=next(unused) if number is None else number)


def _coverage(parts: Sequence[Coverage]) -> Coverage | None:
    if not parts:
        return None
    speech_s = sum(part.speech_s for part in parts)
    covered_s = sum(part.completeness * part.speech_s for part in parts)
    return Coverage(
        completeness=covered_s / speech_s if speech_s else 1.0,
        speech_s=speech_s,
        uncovered=tuple(sorted(span for part in parts for span in part.uncovered)),
        sparse=tuple(sorted(span for part in parts for span in part.sparse)),
        refilled=tuple(sorted(span for part in parts for span in part.refilled)),
    )
