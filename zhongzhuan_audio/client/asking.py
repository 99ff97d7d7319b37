"""What goes out in place of a recording, and what asks for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import attrs

from zhongzhuan_audio.events import Decoding, OnEvent
from zhongzhuan_audio.longform.closing import Closing
from zhongzhuan_audio.longform.cutting import Piece, Plan, plan_pieces
from zhongzhuan_audio.longform.needs import Lengths
from zhongzhuan_audio.models import Coverage, Preparation, Span, Transcription
from zhongzhuan_audio.options import Preparing
from zhongzhuan_audio.protocol.form import Field
from zhongzhuan_audio.upload.payload import Progress
from zhongzhuan_audio.upload.source import Source

if TYPE_CHECKING:
    from zhongzhuan_audio.media.pcm import Pcm

__all__ = [
    "AskFor",
    "Asking",
    "Listened",
    "Sent",
    "booked",
    "decoding",
    "may_ask",
    "nothing_said",
    "plan_of",
    "standing_for",
    "unread",
    "with_prompt",
]

AskFor: TypeAlias = Callable[[Source, Sequence[Field], Progress | None, float | None], Awaitable[Transcription]]
"""Asks for a recording that the relay takes: with its fields, with whoever follows it, and its length in seconds."""


@attrs.frozen
class Asking:
    """What is asked, and of which recording."""

    source: Source
    fields: Sequence[Field]
    preparing: Preparing
    ask: AskFor
    lengths: Lengths
    """Of its pieces."""
    on_progress: Progress | None
    model: str
    """The one that is asked."""


@attrs.frozen(kw_only=True)
class Listened:
    """A recording, or one channel of it, in which it is known where somebody speaks."""

    pcm: Pcm
    speech: tuple[Span, ...]
    """From when to when, in seconds; of what is kept, where it is closed up."""
    duration_s: float
    closing: Closing | None = None
    """What of it is kept; None where all is."""
    name: str = ""
    """Tells it from other channels of the recording, for a journal."""

    def spans_of(self, piece: Piece) -> Sequence[Span]:
        """Return a piece's stretches of the samples."""
        span = (piece.start, piece.end)
        return [span] if self.closing is None else self.closing.spans_of([span])

    def which(self, piece: Piece) -> str:
        """Return what tells a piece from all others of the recording."""
        if self.closing is None:
            return f"{piece.start:.3f}-{piece.end:.3f}"
        spans = self.spans_of(piece)
        return f"{self.name} {spans[0][0]:.3f}-{spans[-1][1]:.3f} less {_silent_s(spans):.3f}"


class Sent:
    """Adds up what is sent of all pieces."""

    def __init__(self, on_progress: Progress | None, expected_bytes: int) -> None:
        self._on_progress = on_progress
        self._expected_bytes = expected_bytes
        self._sent: dict[tuple[str, int], int] = {}
        self._sizes: dict[tuple[str, int], int] = {}

    @property
    def total_bytes(self) -> int:
        """Size of all pieces so far."""
        return sum(self._sizes.values())

    def of(self, piece: tuple[str, int], size_bytes: int) -> Progress | None:
        """Return what follows a piece, told by its channel and its index."""
        self._sizes[piece] = size_bytes
        tell = self._on_progress
        if tell is None:
            return None

        def follow(sent_bytes: int, total_bytes: int) -> None:
            self._sent[piece] = min(sent_bytes, total_bytes)
            done = sum(self._sent.values())
            tell(done, max(done, self._expected_bytes))

        return follow


def _silent_s(spans: Sequence[Span]) -> float:
    return sum(after - before for (_, before), (after, _) in pairwise(spans))


def plan_of(listened: Listened, asking: Asking) -> Plan:
    """Return the pieces in which a recording, or a channel, is asked for."""
    lengths = asking.lengths
    return plan_pieces(
        listened.duration_s,
        target_s=lengths.target_s,
        max_s=lengths.max_s,
        speech=listened.speech,
        window_s=lengths.window_s,
        overlap_s=lengths.overlap_s,
        skip_silence=asking.preparing.skip_silence,
    )


def with_prompt(fields: Sequence[Field], before: str | None) -> Sequence[Field]:
    """Return fields with a prompt that ends in the text before, where there is one."""
    if not before:
        return fields
    prompt = " ".join([*(value for name, value in fields if name == "prompt"), before])
    return (*(field for field in fields if field[0] != "prompt"), ("prompt", prompt))


async def booked(
    source: Source,
    made: Source,
    which: str,
    fields: Sequence[Field],
    ask: AskFor,
    on_progress: Progress | None,
    audio_s: float,
) -> Transcription:
    """Ask for what goes out in a recording's place, by way of its book where there is one."""

    def ask_for(kept: Source) -> Awaitable[Transcription]:
        return ask(standing_for(source, kept), fields, on_progress, audio_s)

    if source.book is None:
        return await ask(source if made is source else standing_for(source, made), fields, on_progress, audio_s)
    return await source.book.ask(made, which, fields, audio_s, ask_for)


def may_ask(source: Source) -> Callable[[float], bool]:
    """Return what tells whether as many more seconds may be asked for."""
    book = source.book
    return lambda audio_s: book is None or book.again(audio_s) is None


async def nothing_said(source: Source, preparation: Preparation, duration_s: float) -> Transcription:
    """Return the transcript of a recording in which nobody speaks, and of which nothing is sent."""
    if source.book is not None:
        await source.book.plan((), audio_s=duration_s)
    return Transcription(
        text="",
        duration=duration_s,
        preparation=preparation,
        coverage=Coverage(completeness=1.0, speech_s=0.0),
    )


def decoding(source: Source, on_event: OnEvent | None) -> Callable[[float, float | None], None] | None:
    """Return what tells how far a recording is decoded; None where nobody listens."""
    if on_event is None:
        return None
    return lambda done_s, total_s: on_event(Decoding(label=source.label, done_s=done_s, total_s=total_s))


def unread(source: Source) -> Source:
    """Return a recording that is read here: nothing of it goes out."""
    return attrs.evolve(source, on_open=lambda: None)


def standing_for(source: Source, made: Source) -> Source:
    """Return what goes out in a recording's place; whoever follows that is told, beside whoever follows this."""

    def tell_open() -> None:
        source.tell_open()
        made.tell_open()

    async def lost() -> str | None:
        for tell in (made.on_lost, source.on_lost):
            if tell is not None and (reason := await tell()) is not None:
                return reason
        return None

    return attrs.evolve(made, on_open=tell_open, on_lost=lost)
