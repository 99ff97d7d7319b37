"""Where to cut a recording: in pauses, so that no word is cut in two. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import attrs

from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.longform.spans import between, merged, overlapping, total_s
from zhongzhuan_audio.models import Span

__all__ = ["Piece", "Plan", "plan_pieces"]

_LONG_SILENCE_S = 30.0
_MARGIN_S = 0.5
_PAUSE_ENOUGH_S = 1.0


@attrs.frozen(kw_only=True)
class Piece:
    """A stretch of a recording that is sent by itself."""

    index: int
    """From 0."""
    start: float
    """Seconds from the beginning of the recording."""
    end: float
    """Seconds from the beginning of the recording."""
    overlap_s: float = 0.0
    """How many seconds at its beginning are the end of the piece before it, too."""

    @property
    def duration_s(self) -> float:
        """Seconds that it has, with the overlap."""
        return self.end - self.start


@attrs.frozen(kw_only=True)
class Plan:
    """The pieces of a recording."""

    duration: float
    """Seconds of the whole recording."""
    pieces: tuple[Piece, ...]
    """In order; none where all is silence that is left out."""
    skipped: tuple[Span, ...] = ()
    """Silence that is in no piece, in order."""

    @property
    def saved_s(self) -> float:
        """Seconds of silence that are in no piece."""
        return total_s(self.skipped)


def plan_pieces(
    duration: float,
    *,
    target_s: float,
    max_s: float,
    speech: Iterable[Span] | None = None,
    window_s: float = 30.0,
    overlap_s: float = 5.0,
    skip_silence: bool = False,
) -> Plan:
    """Decide where to cut a recording.

    A cut is in a pause that is long and near to where pieces of like lengths would have it. Where the window has none,
    the cut is at the ideal place, and the next piece begins some seconds before the end of this one.

    Args:
        duration: Seconds of the recording.
        target_s: Seconds that a piece should have at most; the last one may have `window_s` more.
        max_s: Seconds that no piece may pass.
        speech: Where somebody speaks, in seconds; all else is a pause. None where nobody knows: there is no pause then.
        window_s: How many seconds before and after its ideal place a cut may be; at most half of `target_s`.
        overlap_s: Seconds that two pieces share where there is no pause; at most a quarter of `target_s`.
        skip_silence: Whether silence of more than 30 s is left out, but for half a second at its ends.

    Returns:
        The plan. Its pieces and what it skips are the whole recording.

    Raises:
        ConfigurationError: A length is out of range.
    """
    _check(duration, target_s, max_s, window_s, overlap_s)
    spoken = None if speech is None else merged(speech, until_s=duration)
    skipped = tuple(_long_silences(spoken, duration)) if skip_silence and spoken is not None else ()
    pauses = [] if spoken is None else list(between(spoken, 0.0, duration))
    pieces: list[Piece] = []
    for begin, end in between(skipped, 0.0, duration):
        for start, stop, overlap in _cut(begin, end, pauses, target_s, max_s, window_s, overlap_s):
            pieces.append(Piece(index=len(pieces), start=start, end=stop, overlap_s=overlap))
    return Plan(duration=duration, pieces=tuple(pieces), skipped=skipped)


def _check(duration: float, target_s: float, max_s: float, window_s: float, overlap_s: float) -> None:
    if not 0 <= duration < math.inf:
        raise ConfigurationError(f"duration must be a number of seconds, not {duration!r}")
    if not 0 < target_s <= max_s:
        raise ConfigurationError(f"target_s must be above 0 and at most max_s ({max_s:g}), not {target_s:g}")
    if not 0 <= window_s <= target_s / 2:
        raise ConfigurationError(f"window_s must be at least 0 and at most half of target_s, not {window_s:g}")
    if not 0 <= overlap_s <= target_s / 4:
        raise ConfigurationError(f"overlap_s must be at least 0 and at most a quarter of target_s, not {overlap_s:g}")


def _long_silences(speech: Sequence[Span], duration: float) -> Iterator[Span]:
    """Yield silence that is worth leaving out; what is next to speech keeps a margin, for breath and soft sounds."""
    for begin, end in between(speech, 0.0, duration):
        if end - begin > _LONG_SILENCE_S:
            yield begin + (_MARGIN_S if begin > 0 else 0), end - (_MARGIN_S if end < duration else 0)


def _cut(
    begin: float,
    end: float,
    pauses: Sequence[Span],
    target_s: float,
    max_s: float,
    window_s: float,
    overlap_s: float,
) -> Iterator[tuple[float, float, float]]:
    """Yield start, end and overlap of the pieces of a stretch."""
    start, overlap = begin, 0.0
    while end - start > min(target_s + window_s, max_s):
        length = (end - start) / math.ceil((end - start) / target_s)
        low, high = start + max(length - window_s, length / 2), start + min(length + window_s, max_s)
        pause = _best_pause(pauses, low, start + length, high)
        cut = start + length if pause is None else pause
        yield start, cut, overlap
        overlap = overlap_s if pause is None else 0.0
        start = cut - overlap
    yield start, end, overlap


def _best_pause(pauses: Sequence[Span], low: float, ideal: float, high: float) -> float | None:
    """Return where to cut in the best pause between two places: long, as far as that helps, and near the ideal."""
    best, most = None, -math.inf
    for begin, end in overlapping(pauses, low, high):
        margin = min(_MARGIN_S, (end - begin) / 2)
        cut = max(low, min(max(begin + margin, min(ideal, end - margin)), high))
        far = abs(cut - ideal) / (high - low) if high > low else 0.0
        merit = min(end - begin, _PAUSE_ENOUGH_S) / _PAUSE_ENOUGH_S - 2 * far
        if merit > most:
            best, most = cut, merit
    return best
