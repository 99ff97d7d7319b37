"""Recordings that a relay would not take as they are: converted, compressed, cut, and put together again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import attrs

from zhongzhuan_audio.audio import formats
from zhongzhuan_audio.core import ClientCore
from zhongzhuan_audio.errors import AudioSourceError, UnsupportedAudioError
from zhongzhuan_audio.longform import (
    Piece,
    ask_for_pieces,
    find_suspicious,
    measure_coverage,
    plan_pieces,
    snap_to_speech,
)
from zhongzhuan_audio.longform.needs import Lengths, Need, lengths_of, need_of
from zhongzhuan_audio.models import Preparation, Span, Transcription
from zhongzhuan_audio.options import Preparing
from zhongzhuan_audio.protocol.form import Field
from zhongzhuan_audio.threads import in_thread
from zhongzhuan_audio.upload.payload import Progress
from zhongzhuan_audio.upload.source import Source

__all__ = ["PreparedCalls"]

_LONG_BYTES = 1 << 20
"""A smaller recording is no longer than any model takes."""
_AT_ONCE = 8
"""Pieces of a recording that are encoded and asked for side by side."""
_MUTE = "give a recording, or a video with a sound track"
_SILENT = "check the microphone, or leave out skip_silence"

AskFor: TypeAlias = Callable[[Source, Sequence[Field], Progress | None, float | None], Awaitable[Transcription]]
"""Asks for a recording that the relay takes: with its fields, with whoever follows it, and its length in seconds."""


class PreparedCalls(ClientCore):
    """The way of a recording that has to be made ready first."""

    async def _need_of(self, source: Source, duration_s: float | None, model: str, preparing: Preparing) -> Need | None:
        """Return why a recording cannot go out as it is; None where it can, or must.

        Raises:
            UnsupportedAudioError: It is a film without sound, in a container that relays take.
        """
        if preparing.prepare == "never" or self._relay is not None:
            return None
        limits = self._audio_limits
        may_be_silent = source.format == formats.MP4
        is_long = duration_s is None and source.size_bytes >= _LONG_BYTES and limits.longest_s(model) is not None
        if may_be_silent or is_long:
            found = await source.probe()
            if may_be_silent and found and found.duration_s and not (found.channels or found.sample_rate):
                raise UnsupportedAudioError(f"{source.label} has no sound", hint=_MUTE, source=source.label)
            duration_s = found.duration_s if found else duration_s
        always = preparing.prepare == "always"
        return need_of(source.format, source.size_bytes, duration_s, model, limits, always=always)

    async def _ask_prepared(
        self,
        source: Source,
        need: Need,
        model: str,
        fields: Sequence[Field],
        preparing: Preparing,
        ask: AskFor,
        on_progress: Progress | None,
    ) -> Transcription:
        """Make a recording ready, and ask for it."""
        from zhongzhuan_audio.media.encoding import BIT_RATES
        from zhongzhuan_audio.media.preparing import convert

        limits = self._audio_limits
        lengths = lengths_of(model, limits, BIT_RATES[limits.encoding] / 8)
        found = await source.probe()
        is_long = found is not None and (found.duration_s or 0.0) > lengths.whole_s
        if not is_long and not preparing.skip_silence:
            converted = await convert(_unread(source), limits.encoding)
            try:
                made, duration_s = converted.source, converted.duration_s
                if need_of(made.format, made.size_bytes, duration_s, model, limits) is None:
                    transcription = await ask(_for(source, made), fields, on_progress, duration_s)
                    done = self._preparation(source, need, made.size_bytes, 1, converted.lost_s)
                    return attrs.evolve(transcription, preparation=done)
            finally:
                converted.close()
        return await self._ask_in_pieces(source, need, fields, preparing, ask, lengths, on_progress)

    async def _ask_in_pieces(
        self,
        source: Source,
        need: Need,
        fields: Sequence[Field],
        preparing: Preparing,
        ask: AskFor,
        lengths: Lengths,
        on_progress: Progress | None,
    ) -> Transcription:
        from zhongzhuan_audio.media.encoding import BIT_RATES
        from zhongzhuan_audio.media.preparing import encode_stretch, listen

        encoding = self._audio_limits.encoding
        heard = await listen(_unread(source))
        try:
            (channel,) = heard.channels
            plan = plan_pieces(
                heard.duration_s,
                target_s=lengths.target_s,
                max_s=lengths.max_s,
                speech=channel.speech,
                window_s=lengths.window_s,
                overlap_s=lengths.overlap_s,
                skip_silence=preparing.skip_silence,
            )
            if not plan.pieces:
                raise AudioSourceError(f"nobody speaks in {source.label}", hint=_SILENT, source=source.label)
            total = sum(piece.duration_s for piece in plan.pieces) * BIT_RATES[encoding] / 8
            sent = _Sent(on_progress, round(total))

            async def ask_for(piece: Piece, before: str | None) -> Transcription:
                made = await encode_stretch(channel.pcm, piece.start, piece.end, encoding, filename=source.filename)
                try:
                    asked = with_prompt(fields, before)
                    follow = sent.of(piece.index, made.size_bytes)
                    keep = source.keep_piece
                    if keep is None:
                        return await ask(_for(source, made), asked, follow, piece.duration_s)
                    mark = f"{piece.start:.3f}-{piece.end:.3f} {encoding}"
                    answer: Transcription = await keep(
                        made, mark, asked, lambda kept: ask(_for(source, kept), asked, follow, piece.duration_s)
                    )
                    return answer
                finally:
                    made.close()

            whole = await ask_for_pieces(
                plan,
                ask_for,
                context=preparing.context,
                at_once=min(_AT_ONCE, self._limits.max_concurrency),
                allow_gaps=preparing.allow_gaps,
            )
        finally:
            heard.close()
        done = self._preparation(source, need, sent.total_bytes, len(plan.pieces), heard.lost_s, plan.saved_s)
        return await in_thread(_looked_into, attrs.evolve(whole, preparation=done), channel.speech)

    def _preparation(
        self, source: Source, need: Need, sent_bytes: int, pieces: int, lost_s: float, skipped_s: float = 0.0
    ) -> Preparation:
        return Preparation(
            reason=need,
            encoding=self._audio_limits.encoding,
            original_bytes=source.size_bytes,
            sent_bytes=sent_bytes,
            pieces=pieces,
            skipped_s=skipped_s,
            lost_s=lost_s,
        )


class _Sent:
    """Adds up what is sent of all pieces."""

    def __init__(self, on_progress: Progress | None, expected_bytes: int) -> None:
        self._on_progress = on_progress
        self._expected_bytes = expected_bytes
        self._sent: dict[int, int] = {}
        self._sizes: dict[int, int] = {}

    @property
    def total_bytes(self) -> int:
        """Size of all pieces so far."""
        return sum(self._sizes.values())

    def of(self, index: int, size_bytes: int) -> Progress | None:
        """Return what follows a piece."""
        self._sizes[index] = size_bytes
        tell = self._on_progress
        if tell is None:
            return None

        def follow(sent_bytes: int, total_bytes: int) -> None:
            self._sent[index] = min(sent_bytes, total_bytes)
            done = sum(self._sent.values())
            tell(done, max(done, self._expected_bytes))

        return follow


def with_prompt(fields: Sequence[Field], before: str | None) -> Sequence[Field]:
    """Return fields with a prompt that ends in the text before, where there is one."""
    if not before:
        return fields
    prompt = " ".join([*(value for name, value in fields if name == "prompt"), before])
    return (*(field for field in fields if field[0] != "prompt"), ("prompt", prompt))


def _unread(source: Source) -> Source:
    """Return a recording that is read here: nothing of it goes out."""
    return attrs.evolve(source, on_open=lambda: None)


def _for(source: Source, made: Source) -> Source:
    """Return what goes out in a recording's place; whoever follows that is told, beside whoever follows this."""

    def tell_open() -> None:
        source.tell_open()
        made.tell_open()

    async def lost() -> None:
        for tell in (source.on_lost, made.on_lost):
            if tell is not None:
                await tell()

    return attrs.evolve(made, on_open=tell_open, on_lost=lost)


def _looked_into(transcription: Transcription, speech: Sequence[Span]) -> Transcription:
    if not transcription.segments:
        return transcription
    transcription = snap_to_speech(transcription, speech)
    return attrs.evolve(
        transcription,
        warnings=find_suspicious(transcription, speech),
        coverage=measure_coverage(transcription, speech),
    )
