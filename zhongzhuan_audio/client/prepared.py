"""Recordings that a relay would not take as they are: converted, compressed, cut, and put together again."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

import attrs

from zhongzhuan_audio.client.asking import (
    AskFor,
    Asking,
    Listened,
    Sent,
    booked,
    decoding,
    may_ask,
    nothing_said,
    plan_of,
    unread,
    with_prompt,
)
from zhongzhuan_audio.config import AudioLimits, Limits
from zhongzhuan_audio.errors import ZhongzhuanError
from zhongzhuan_audio.events import OnEvent
from zhongzhuan_audio.longform.cutting import Piece, Plan
from zhongzhuan_audio.longform.needs import Lengths, Need, lengths_of, need_of, rate_of
from zhongzhuan_audio.longform.pieces import AskForPiece, Turns, ask_for_pieces, pieces_to_ask
from zhongzhuan_audio.longform.reviewing import flag, look_into, review
from zhongzhuan_audio.models import Preparation, Transcription
from zhongzhuan_audio.options import Preparing
from zhongzhuan_audio.protocol.form import Field
from zhongzhuan_audio.threads import in_thread
from zhongzhuan_audio.upload.payload import Progress
from zhongzhuan_audio.upload.source import Source

if TYPE_CHECKING:
    from zhongzhuan_audio.media.preparing import Heard

__all__ = ["Preparer"]

_AT_ONCE = 8
"""Pieces of a recording that are encoded and asked for side by side."""


class Preparer:
    """The way of a recording that has to be made ready first, or listened to.

    Args:
        audio_limits: What the relays take in one request.
        limits: How much is asked of them at once.
        on_event: Told how far a recording is decoded.
    """

    def __init__(self, audio_limits: AudioLimits, limits: Limits, on_event: OnEvent | None) -> None:
        self._audio_limits = audio_limits
        self._limits = limits
        self._on_event = on_event

    async def ask_prepared(
        self,
        need: Need,
        source: Source,
        model: str,
        fields: Sequence[Field],
        preparing: Preparing,
        ask: AskFor,
        on_progress: Progress | None,
    ) -> Transcription:
        """Make a recording ready, and ask for it."""
        from zhongzhuan_audio.media.encoding import USUAL_BIT_RATES
        from zhongzhuan_audio.media.preparing import convert, listen

        limits, lengths = self._audio_limits, self._lengths(model)
        usual = lengths_of(model, limits, USUAL_BIT_RATES[limits.encoding] / 8)
        found = await source.probe()
        is_long = found is not None and (found.duration_s or 0.0) > usual.whole_s
        if not is_long and not preparing.skip_silence and not preparing.listens:
            converted = await convert(unread(source), limits.encoding, on_progress=decoding(source, self._on_event))
            try:
                made, duration_s = converted.source, converted.duration_s
                if need_of(made.format, made.size_bytes, duration_s, model, limits) is None:
                    which = f"{0:.3f}-{duration_s:.3f} {limits.encoding}"
                    if (book := source.book) is not None:
                        is_known = await book.known(which, fields) is not None
                        await book.plan(() if is_known else (duration_s,), audio_s=duration_s)
                    transcription = await booked(source, made, which, fields, ask, on_progress, duration_s)
                    if transcription.duration is None:
                        transcription = attrs.evolve(transcription, duration=duration_s)
                    done = self._preparation(source, need, made.size_bytes, 1, converted.lost_s)
                    return await flag(attrs.evolve(transcription, preparation=done))
            finally:
                converted.close()
        heard = await listen(unread(source), on_progress=decoding(source, self._on_event))
        try:
            asking = Asking(source, fields, preparing, ask, lengths, on_progress, model)
            return await self._ask_in_pieces(asking, heard, need)
        finally:
            heard.close()

    async def _ask_in_pieces(self, asking: Asking, heard: Heard, need: Need) -> Transcription:
        """Ask for a recording, all channels of which are one, in as many pieces as it takes."""
        source = asking.source
        (channel,) = heard.channels
        listened = Listened(pcm=channel.pcm, speech=channel.speech, duration_s=heard.duration_s)
        if asking.preparing.skips_all and not listened.speech:
            done = self._preparation(source, need, 0, 0, heard.lost_s, heard.duration_s)
            return await nothing_said(source, done, heard.duration_s)
        plan = await self._plan(listened, asking)
        await self._book([(listened, plan)], asking, audio_s=heard.duration_s)
        sent = self._sent([plan], asking)
        whole = await self._ask_listened(asking, listened, plan, sent)
        done = self._preparation(source, need, sent.total_bytes, len(plan.pieces), heard.lost_s, plan.saved_s)
        return attrs.evolve(whole, preparation=done)

    async def _plan(self, listened: Listened, asking: Asking) -> Plan:
        """Return the pieces in which a recording, or a channel, is asked for.

        How many bytes a second of FLAC has is not known before it is made: it is measured, where that matters.
        """
        from zhongzhuan_audio.media.encoding import BIT_RATES
        from zhongzhuan_audio.media.preparing import flac_sizes

        limits, lengths = self._audio_limits, asking.lengths
        if limits.encoding == "flac" and limits.max_bytes is not None and listened.duration_s > lengths.target_s:
            sizes = await flac_sizes(listened.pcm, listened.spans_of(Piece(index=0, start=0, end=listened.duration_s)))
            lengths = lengths_of(asking.model, limits, rate_of(sizes, limits, BIT_RATES["flac"] / 8))
        return plan_of(listened, attrs.evolve(asking, lengths=lengths))

    async def _ask_listened(
        self, asking: Asking, listened: Listened, plan: Plan, sent: Sent, *, turns: Turns | None = None
    ) -> Transcription:
        """Ask for a recording, or a channel, in the pieces of its plan, and look into what was heard.

        Args:
            asking: What is asked.
            listened: Of what.
            plan: Its pieces; at least one.
            sent: Adds up what is sent of all channels.
            turns: Those of all channels; None where there is but one.
        """
        ask_for = self._asking_for(asking, listened, sent)
        if turns is not None:
            ask_for = turns.taking(ask_for)
        at_once = self._pieces_at_once
        preparing = asking.preparing
        try:
            whole = await ask_for_pieces(
                plan, ask_for, context=preparing.context, at_once=at_once, allow_gaps=preparing.allow_gaps
            )
        except ZhongzhuanError as error:
            if isinstance(error.partial, Transcription):
                drop = preparing.drop_suspicious
                error.partial = await in_thread(look_into, error.partial, listened.speech, drop=drop)
            raise
        return await review(
            whole,
            listened.speech,
            listened.duration_s,
            preparing,
            ask_for,
            lengths=asking.lengths,
            first=len(plan.pieces),
            at_once=at_once,
            may_ask=may_ask(asking.source),
        )

    async def ask_heard(
        self,
        source: Source,
        model: str,
        fields: Sequence[Field],
        preparing: Preparing,
        ask: AskFor,
        on_progress: Progress | None,
    ) -> Transcription:
        """Ask for a recording that could go out as it is, without its long silence where that is wanted."""
        from zhongzhuan_audio.media.preparing import listen

        asking = Asking(source, fields, preparing, ask, self._lengths(model), on_progress, model)
        heard = await listen(unread(source), on_progress=decoding(source, self._on_event))
        try:
            (channel,) = heard.channels
            listened = Listened(pcm=channel.pcm, speech=channel.speech, duration_s=heard.duration_s)
            if preparing.skip_silence:
                if not channel.speech or plan_of(listened, asking).skipped:
                    return await self._ask_in_pieces(asking, heard, "silence")
                if (book := source.book) is not None:
                    is_known = await book.known("", fields) is not None
                    await book.plan(() if is_known else (heard.duration_s,), audio_s=heard.duration_s)
            return await self._ask_and_review(asking, listened)
        finally:
            heard.close()

    async def _ask_and_review(self, asking: Asking, listened: Listened) -> Transcription:
        """Ask for a recording as it is, and compare the answer with what is heard in it here."""
        source, ask = asking.source, asking.ask
        sent = Sent(asking.on_progress, source.size_bytes)
        follow = sent.of(("", 0), source.size_bytes)

        async def ask_flagged(
            source: Source, fields: Sequence[Field], follow: Progress | None, audio_s: float | None
        ) -> Transcription:
            return await flag(await ask(source, fields, follow, audio_s))

        whole = await booked(source, source, "", asking.fields, ask_flagged, follow, listened.duration_s)
        return await review(
            whole,
            listened.speech,
            listened.duration_s,
            asking.preparing,
            self._asking_for(asking, listened, sent),
            lengths=asking.lengths,
            first=1,
            at_once=self._pieces_at_once,
            may_ask=may_ask(source),
        )

    def _asking_for(self, asking: Asking, listened: Listened, sent: Sent) -> AskForPiece:
        """Return what asks for a piece of what was listened to."""
        from zhongzhuan_audio.media.preparing import encode_stretches

        encoding, source, ask = self._audio_limits.encoding, asking.source, asking.ask

        async def ask_for(piece: Piece, before: str | None) -> Transcription:
            spans = listened.spans_of(piece)
            made = await encode_stretches(listened.pcm, spans, encoding, filename=source.filename)
            try:
                which = self._which(listened, piece)
                asked = with_prompt(asking.fields, before)
                follow = sent.of((listened.name, piece.index), made.size_bytes)
                return await booked(source, made, which, asked, ask, follow, piece.duration_s)
            finally:
                made.close()

        return ask_for

    async def _book(self, planned: Sequence[tuple[Listened, Plan]], asking: Asking, *, audio_s: float) -> None:
        """Wait until all pieces that are to be asked for, of all channels, may be.

        Raises:
            BudgetExceededError: They must not.
        """
        if (book := asking.source.book) is None:
            return
        lengths_s: list[float] = []
        for listened, plan in planned:

            def known(
                piece: Piece, before: str | None, listened: Listened = listened
            ) -> Awaitable[Transcription | None]:
                return book.known(self._which(listened, piece), with_prompt(asking.fields, before))

            to_ask = await pieces_to_ask(plan, known, context=asking.preparing.context)
            lengths_s += [piece.duration_s for piece in to_ask]
        await book.plan(lengths_s, audio_s=audio_s)

    def _which(self, listened: Listened, piece: Piece) -> str:
        return f"{listened.which(piece)} {self._audio_limits.encoding}"

    @property
    def _pieces_at_once(self) -> int:
        return min(_AT_ONCE, self._limits.max_concurrency)

    def _lengths(self, model: str) -> Lengths:
        from zhongzhuan_audio.media.encoding import BIT_RATES

        limits = self._audio_limits
        return lengths_of(model, limits, BIT_RATES[limits.encoding] / 8)

    def _sent(self, plans: Sequence[Plan], asking: Asking) -> Sent:
        from zhongzhuan_audio.media.encoding import BIT_RATES

        seconds = sum(piece.duration_s for plan in plans for piece in plan.pieces)
        return Sent(asking.on_progress, round(seconds * BIT_RATES[self._audio_limits.encoding] / 8))

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
