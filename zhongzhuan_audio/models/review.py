"""What there is to say about a transcript: where it looks invented, and how much of the speech it has."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

__all__ = ["Coverage", "Span", "Suspicion", "SuspicionKind"]

Span: TypeAlias = tuple[float, float]
"""Begin and end of a stretch of a recording, in seconds from its beginning."""

SuspicionKind: TypeAlias = Literal["silence", "no_speech", "compression", "repetition", "phantom", "refill"]
"""Text where there is no speech; text that the model itself took for no speech; text that repeats itself so much that
it compresses well; a phrase that comes again and again; a line that models are known to invent; or, of a
stretch, speech without text that was asked for once more and failed."""


@attrs.frozen(kw_only=True)
class Suspicion:
    """A segment that looks like an invention of the model's, or a stretch that could not be refilled."""

    kind: SuspicionKind
    """What makes it suspicious."""
    segment_id: int
    """Of one that was dropped, and of a stretch, a number that no segment of the transcript has."""
    start: float
    """Seconds from the beginning of the recording."""
    end: float
    """Seconds from the beginning of the recording."""
    text: str
    """The segment's; empty of a stretch."""
    detail: str
    """The reason in words, with its figures."""
    dropped: bool = False
    """Whether the segment was taken out of the transcript, or was not put in where it was asked for once more."""


@attrs.frozen(kw_only=True)
class Coverage:
    """How much of the speech in a recording has a segment."""

    completeness: float
    """0 to 1; 1 where there is no speech."""
    speech_s: float
    """Seconds of speech."""
    uncovered: tuple[Span, ...] = ()
    """Speech that no segment covers, in order; a stretch of it may hold short pauses."""
    sparse: tuple[Span, ...] = ()
    """Segments that have far less text than is said in such a time elsewhere in the recording: some may be missing."""
    refilled: tuple[Span, ...] = ()
    """What was asked for once more and has text since then, in order; what failed is in `warnings`."""
