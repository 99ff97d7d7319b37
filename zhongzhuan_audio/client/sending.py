"""The way of one recording: looked at, made ready where it must be, sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import attrs

from zhongzhuan_audio.client.damaged import with_damage
from zhongzhuan_audio.client.needed import find_need
from zhongzhuan_audio.config import RetryPolicy, Timeouts
from zhongzhuan_audio.core import ClientCore
from zhongzhuan_audio.longform.needs import Need
from zhongzhuan_audio.models import Transcription
from zhongzhuan_audio.options import Prepare, Preparing
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.form import Field
from zhongzhuan_audio.transport.outgoing import Upload
from zhongzhuan_audio.upload.payload import Progress
from zhongzhuan_audio.upload.soundness import check_sound
from zhongzhuan_audio.upload.source import AudioFile, Source

__all__ = ["SendingCalls"]


class SendingCalls(ClientCore):
    """How a recording goes out."""

    async def _send_recording(
        self,
        file: AudioFile,
        filename: str | None,
        path: str,
        model: str,
        fields: Sequence[Field],
        *,
        decode: Callable[[Answer], Transcription],
        preparing: Preparing,
        timeouts: Timeouts | None,
        retry: RetryPolicy | None,
        on_progress: Progress | None,
    ) -> Transcription:
        preparing.check_times(fields)
        since = time.monotonic()
        upload = await self._open_upload(
            file, filename, path, fields, timeouts=timeouts, retry=retry, on_progress=on_progress
        )

        async def ask(upload: Upload) -> Transcription:
            transcription, attempts = await self._send(
                upload, scope=f"{path} {model}", decode=decode, timeouts=timeouts, retry=retry, since=since
            )
            # Nobody has it yet; a copy with one field changed would cost as much as half of its decoding.
            object.__setattr__(transcription, "attempts", attempts)
            return transcription

        async def ask_for(
            source: Source, fields: Sequence[Field], on_progress: Progress | None, audio_s: float | None
        ) -> Transcription:
            return await ask(
                attrs.evolve(upload, source=source, fields=fields, on_progress=on_progress, audio_s=audio_s)
            )

        async def ask_somehow() -> Transcription:
            asked = (upload.source, model, fields, preparing, ask_for, on_progress)
            if preparing.channels is not None:
                from zhongzhuan_audio.client.channels import ChannelPreparer

                return await ChannelPreparer(self._audio_limits, self._limits, self._on_event).ask_by_channel(*asked)
            need = await self._need_of(upload.source, upload.audio_s, model, preparing)
            if need is not None or preparing.listens or preparing.skip_silence:
                from zhongzhuan_audio.client.prepared import Preparer

                preparer = Preparer(self._audio_limits, self._limits, self._on_event)
                return await (preparer.ask_heard(*asked) if need is None else preparer.ask_prepared(need, *asked))
            return await _flagged(await ask(upload))

        try:
            damage = None if self._is_untouched(preparing.prepare) else await check_sound(upload.source)
            return with_damage(await ask_somehow(), damage)
        finally:
            upload.source.close()

    def _is_untouched(self, prepare: Prepare) -> bool:
        """Say whether a recording goes out as it is, whatever it is."""
        return prepare == "never" or self._relay is not None

    async def _need_of(self, source: Source, duration_s: float | None, model: str, preparing: Preparing) -> Need | None:
        """Return why a recording cannot go out as it is; None where it can, or must."""
        if self._is_untouched(preparing.prepare):
            return None
        return await find_need(source, duration_s, model, self._audio_limits, preparing.prepare)


async def _flagged(transcription: Transcription) -> Transcription:
    if not transcription.segments:
        return transcription
    from zhongzhuan_audio.longform.reviewing import flag

    return await flag(transcription)
