"""A recording in, its text as it is recognised."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs

from zhongzhuan_audio.client.damaged import with_damage
from zhongzhuan_audio.client.needed import find_need
from zhongzhuan_audio.client.sending import SendingCalls
from zhongzhuan_audio.config import RetryPolicy, Timeouts
from zhongzhuan_audio.options import Prepare, Preparing, utc_now
from zhongzhuan_audio.protocol.request import (
    ChunkingStrategy,
    Include,
    TranscriptionFormat,
    reference_fields,
    transcription_fields,
)
from zhongzhuan_audio.transport.outgoing import Upload
from zhongzhuan_audio.upload.payload import Progress
from zhongzhuan_audio.upload.references import SpeakerReference, list_references, read_references
from zhongzhuan_audio.upload.soundness import check_sound
from zhongzhuan_audio.upload.source import AudioFile

if TYPE_CHECKING:
    from zhongzhuan_audio.models import TranscriptEvent, Transcription
    from zhongzhuan_audio.streaming import TranscriptEvents
    from zhongzhuan_audio.transport.stream import Stream

__all__ = ["StreamedCalls"]

_PATH = "/audio/transcriptions"


class StreamedCalls(SendingCalls):
    """Transcripts that come piece by piece."""

    @asynccontextmanager
    async def stream_transcription(
        self,
        file: AudioFile,
        *,
        model: str = "gpt-4o-mini-transcribe",
        language: str | None = None,
        prompt: str | None = None,
        response_format: TranscriptionFormat = "json",
        temperature: float | None = None,
        include: Iterable[Include] | None = None,
        chunking_strategy: ChunkingStrategy | None = None,
        known_speaker_names: Sequence[str] | None = None,
        known_speaker_references: Sequence[SpeakerReference] | None = None,
        keywords: Iterable[str] | None = None,
        languages: Iterable[str] | None = None,
        extra: Mapping[str, Any] | None = None,
        strict: bool = True,
        prepare: Prepare = "auto",
        filename: str | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        on_progress: Progress | None = None,
    ) -> AsyncIterator[AsyncIterator[TranscriptEvent]]:
        """Turn a recording into text, and give the text as it is recognised.

        ::

            async with client.stream_transcription("meeting.m4a") as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        print(event.delta, end="", flush=True)

        The events are `TextDelta`, `SegmentDone` (of gpt-4o-transcribe-diarize) and, as the last, one `TranscriptDone`
        with all of it. A relay or a model that does not stream (whisper-1) gives only the last. It is tried again until
        the first event is here, and never after that.

        Args:
            file: As in `transcribe`.
            model: Model name; whisper-1 does not stream.
            language: As in `transcribe`.
            prompt: As in `transcribe`.
            response_format: ``json``, or ``diarized_json`` for gpt-4o-transcribe-diarize.
            temperature: As in `transcribe`.
            include: As in `transcribe`; each `TextDelta` then has its own.
            chunking_strategy: As in `transcribe`.
            known_speaker_names: As in `transcribe`.
            known_speaker_references: As in `transcribe`.
            keywords: As in `transcribe`.
            languages: As in `transcribe`.
            extra: As in `transcribe`.
            strict: As in `transcribe`.
            prepare: As in `transcribe`, but that nothing is cut: a stream is one request.
            filename: As in `transcribe`.
            timeouts: In place of the client's own, for this call; ``answer_stall_s`` holds between two events, and
                ``attempt_s`` up to the first.
            retry: In place of the client's own, for this call; its ``deadline_s`` holds for the whole stream.
            on_progress: Called on the event loop as ``on_progress(sent_bytes, total_bytes)``.

        Yields:
            The events, one pass. Leaving the block ends the request.

        Raises:
            ConfigurationError: An option is out of its range; nothing was sent.
            MissingExtraError: The recording has to be converted, and the extra ``media`` is not installed; nothing was
                sent.
            AudioSourceError: The recording is missing, unreadable, empty, not audio, or changed while it was sent; or
                it would have to be cut, which `transcribe` does.
            StreamInterruptedError: The stream broke off; `partial` is the text so far, as with any error after the
                first event.
            TransportError: No answer came.
            APIError: The relay said no.
            InvalidResponseError: What came is not a transcript.

        Source: OpenAI's API reference, ``POST /v1/audio/transcriptions``, ``stream``.
        """
        from zhongzhuan_audio.streaming import TranscriptEvents

        fields = transcription_fields(
            model=model,
            language=language,
            prompt=prompt,
            response_format=response_format,
            temperature=temperature,
            include=include,
            chunking_strategy=chunking_strategy,
            known_speaker_names=known_speaker_names,
            speaker_references=len(references := list_references(known_speaker_references)),
            keywords=keywords,
            languages=languages,
            extra=extra,
            strict=strict,
        )
        fields += reference_fields(await read_references(references))
        fields += (("stream", "true"),)

        preparing = Preparing(prepare=prepare)
        since = time.monotonic()
        upload = await self._open_upload(
            file, filename, _PATH, fields, timeouts=timeouts, retry=retry, on_progress=on_progress
        )
        try:
            async with self._ready_to_stream(upload, model, preparing.prepare) as (ready, complete):

                async def begin(stream: Stream) -> TranscriptEvents:
                    events = TranscriptEvents(stream, response_format=response_format, now=utc_now, complete=complete)
                    return await events.begin()

                async with self._stream(
                    ready, scope=f"{_PATH} {model}", begin=begin, timeouts=timeouts, retry=retry, since=since
                ) as events:
                    yield events
        finally:
            upload.source.close()

    @asynccontextmanager
    async def _ready_to_stream(
        self, upload: Upload, model: str, prepare: Prepare
    ) -> AsyncIterator[tuple[Upload, Callable[[Transcription], Transcription]]]:
        """Give what is sent, and what tells the transcript of what was done to the recording."""
        if self._is_untouched(prepare):
            yield upload, lambda whole: whole
            return
        source, limits = upload.source, self._audio_limits
        damage = await check_sound(source)
        need = await find_need(source, upload.audio_s, model, limits, prepare)
        if need is None:
            yield upload, lambda whole: with_damage(whole, damage)
            return
        from zhongzhuan_audio.client.whole import made_whole

        async with made_whole(source, need, model, limits, self._on_event) as (made, done):
            ready = attrs.evolve(upload, source=made.source, audio_s=made.duration_s)
            yield ready, lambda whole: with_damage(attrs.evolve(whole, preparation=done), damage)
