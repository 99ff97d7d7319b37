"""Recordings of calls: each channel is transcribed by itself, and all become one transcript."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from zhongzhuan_audio.client.asking import AskFor, Asking, Listened, decoding, nothing_said, unread
from zhongzhuan_audio.client.prepared import Preparer
from zhongzhuan_audio.errors import ZhongzhuanError
from zhongzhuan_audio.longform.channels import merge_channels, name_channels
from zhongzhuan_audio.longform.closing import plan_closing
from zhongzhuan_audio.longform.cutting import Plan
from zhongzhuan_audio.longform.pieces import NotAskedError, Turns, with_rest
from zhongzhuan_audio.longform.spans import merged
from zhongzhuan_audio.models import Transcription
from zhongzhuan_audio.options import Preparing
from zhongzhuan_audio.protocol.form import Field
from zhongzhuan_audio.upload.payload import Progress
from zhongzhuan_audio.upload.source import Source

if TYPE_CHECKING:
    from zhongzhuan_audio.media.preparing import Heard

__all__ = ["ChannelPreparer"]


class ChannelPreparer(Preparer):
    """The way of a recording whose channels are apart."""

    async def ask_by_channel(
        self,
        source: Source,
        model: str,
        fields: Sequence[Field],
        preparing: Preparing,
        ask: AskFor,
        on_progress: Progress | None,
    ) -> Transcription:
        """Take a recording apart, and ask for each channel that is wanted."""
        from zhongzhuan_audio.media.preparing import listen

        assert preparing.channels is not None
        heard = await listen(unread(source), split=True, on_progress=decoding(source, self._on_event))
        try:
            named = name_channels(preparing.channels, heard.channel_count, source.label)
            asking = Asking(source, fields, preparing, ask, self._lengths(model), on_progress, model)
            if len(heard.channels) > 1:
                asking = attrs.evolve(asking, fields=_with_words(fields))
                return await self._ask_each(asking, heard, named)
            whole = await self._ask_in_pieces(asking, heard, "channels")
            assert whole.preparation is not None
            done = attrs.evolve(whole.preparation, channel_count=heard.channel_count, same_channels=heard.same)
            whole = attrs.evolve(whole, preparation=done)
            if len(named) == 1 and preparing.channels != "split":
                return _spoken_by(named[0][1], whole)
            return whole
        finally:
            heard.close()

    async def _ask_each(self, asking: Asking, heard: Heard, named: Sequence[tuple[int, str]]) -> Transcription:
        """Ask for several channels side by side; one in which nobody speaks is not sent."""
        source = asking.source
        silent = tuple(name for index, name in named if not heard.channels[index].speech)
        wanted = [(index, name) for index, name in named if heard.channels[index].speech]
        if not wanted:
            silent_s = len(named) * heard.duration_s
            done = self._preparation(source, "channels", 0, 0, heard.lost_s, silent_s)
            done = attrs.evolve(done, channels=0, channel_count=heard.channel_count, silent_channels=silent)
            return await nothing_said(source, done, heard.duration_s)
        channels = [_closed_up(heard, index) for index, _ in wanted]
        plans = [await self._plan(channel, asking) for channel in channels]
        await self._book(list(zip(channels, plans, strict=True)), asking, audio_s=heard.duration_s)
        sent = self._sent(plans, asking)
        allow_gaps = asking.preparing.allow_gaps
        turns = Turns(self._pieces_at_once, allow_gaps=allow_gaps)
        tasks = [
            asyncio.ensure_future(self._ask_listened(asking, channel, plan, sent, turns=turns))
            for channel, plan in zip(channels, plans, strict=True)
        ]
        try:
            # What is under way comes to its end: what one channel has heard is not lost by what befalls another.
            await asyncio.wait(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        answers = [_ended(task) for task in tasks]
        parts = [
            (name, _opened(channel, _told(answer, plan), heard.duration_s))
            for (_, name), channel, plan, answer in zip(wanted, channels, plans, answers, strict=True)
        ]
        whole = merge_channels(parts, duration=heard.duration_s)
        failures = [answer for answer in answers if isinstance(answer, ZhongzhuanError)]
        if failures and (not allow_gaps or len(failures) == len(answers)):
            raise with_rest(next(error for error in failures if not isinstance(error, NotAskedError)), whole)
        done = self._preparation(
            source,
            "channels",
            sent.total_bytes,
            sum(len(plan.pieces) for plan in plans),
            heard.lost_s,
            len(named) * heard.duration_s - sum(piece.duration_s for plan in plans for piece in plan.pieces),
        )
        done = attrs.evolve(done, channels=len(wanted), channel_count=heard.channel_count, silent_channels=silent)
        return attrs.evolve(whole, preparation=done)


def _with_words(fields: Sequence[Field]) -> Sequence[Field]:
    """Return fields that ask for the times of words, where these can be had: turns are told apart by them."""
    name = "timestamp_granularities[]"
    if ("response_format", "verbose_json") not in fields or any(field[0] == name for field in fields):
        return fields
    return (*fields, (name, "word"), (name, "segment"))


def _closed_up(heard: Heard, index: int) -> Listened:
    channel = heard.channels[index]
    closing = plan_closing(channel.speech, heard.duration_s)
    return Listened(
        pcm=channel.pcm,
        speech=closing.closed(channel.speech),
        duration_s=closing.duration,
        closing=closing,
        name=f"channel {index + 1}",
    )


def _opened(channel: Listened, found: Transcription, duration_s: float) -> Transcription:
    return found if channel.closing is None else channel.closing.opened(found, duration=duration_s)


def _ended(task: asyncio.Future[Transcription]) -> Transcription | ZhongzhuanError:
    error = task.exception()
    if error is not None and not isinstance(error, ZhongzhuanError):
        raise error
    return error or task.result()


def _told(answer: Transcription | ZhongzhuanError, plan: Plan) -> Transcription:
    """Return what there is of a channel, with all that was tried."""
    if isinstance(answer, Transcription):
        return answer
    partial = answer.partial
    if not isinstance(partial, Transcription):
        partial = Transcription(text="", gaps=tuple(merged((piece.start, piece.end) for piece in plan.pieces)))
    return attrs.evolve(partial, attempts=answer.attempts)


def _spoken_by(name: str, whole: Transcription) -> Transcription:
    return attrs.evolve(
        whole,
        segments=tuple(attrs.evolve(segment, speaker=name) for segment in whole.segments),
        words=tuple(attrs.evolve(word, speaker=name) for word in whole.words),
    )
