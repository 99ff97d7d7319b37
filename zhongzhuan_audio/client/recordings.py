"""Recordings in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from zhongzhuan_audio.client.script import in_script
from zhongzhuan_audio.client.sending import SendingCalls
from zhongzhuan_audio.config import RetryPolicy, Timeouts
from zhongzhuan_audio.models import Transcription
from zhongzhuan_audio.models.script import Script
from zhongzhuan_audio.options import Channels, Context, Prepare, Preparing, utc_now
from zhongzhuan_audio.protocol.known_models import timed_format
from zhongzhuan_audio.protocol.request import (
    ChunkingStrategy,
    Granularity,
    Include,
    ResponseFormat,
    TranscriptionFormat,
    reference_fields,
    transcription_fields,
    translation_fields,
)
from zhongzhuan_audio.protocol.response import decode_transcription
from zhongzhuan_audio.upload.payload import Progress
from zhongzhuan_audio.upload.references import SpeakerReference, list_references, read_references
from zhongzhuan_audio.upload.source import AudioFile

__all__ = ["RecordingCalls"]


class RecordingCalls(SendingCalls):
    """What is done to recordings."""

    async def transcribe(
        self,
        file: AudioFile,
        *,
        model: str = "whisper-1",
        language: str | None = None,
        prompt: str | None = None,
        response_format: TranscriptionFormat = "json",
        temperature: float | None = None,
        timestamp_granularities: Iterable[Granularity] | None = None,
        include: Iterable[Include] | None = None,
        chunking_strategy: ChunkingStrategy | None = None,
        known_speaker_names: Sequence[str] | None = None,
        known_speaker_references: Sequence[SpeakerReference] | None = None,
        keywords: Iterable[str] | None = None,
        languages: Iterable[str] | None = None,
        extra: Mapping[str, Any] | None = None,
        strict: bool = True,
        prepare: Prepare = "auto",
        context: Context = "parallel",
        skip_silence: bool = False,
        allow_gaps: bool = False,
        drop_suspicious: bool = False,
        refill: bool = False,
        channels: Channels | None = None,
        script: Script | None = None,
        filename: str | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        on_progress: Progress | None = None,
    ) -> Transcription:
        """Turn a recording into text.

        Args:
            file: A path, bytes, ``(name, bytes)``, a binary file (read from its current position, left open), an async
                iterable of bytes, an upload object with an async ``read`` or a ``file``, or a path-like with ``open``.
                It is streamed, never held in memory whole, unless its ``read`` can only give it so.
            model: Model name.
            language: ISO 639-1 code of what is spoken (``zh``, ``en``; also ``yue``, ``haw``); None lets the model
                guess.
            prompt: Words that the recording is likely to hold, or the text before it.
            response_format: What the relay answers with: ``json`` and ``text`` have no times; ``verbose_json``,
                ``srt``, ``vtt`` and ``diarized_json`` (with speakers) have.
            temperature: Sampling temperature, 0 to 1; None leaves it to the relay, whose default is 0.
            timestamp_granularities: "segment", "word" or both, with ``verbose_json``.
            include: "logprobs": how sure the model is of each token (gpt-4o-transcribe and its mini).
            chunking_strategy: "auto", or ``{"type": "server_vad", …}``: how the relay's upstream cuts the recording;
                gpt-4o-transcribe-diarize needs it past 30 s.
            known_speaker_names: Names for the voices of the references, at most four (gpt-4o-transcribe-diarize).
            known_speaker_references: A sample of 2 to 10 s of each voice: paths, bytes or data URLs.
            keywords: Words that the recording is likely to hold (gpt-transcribe).
            languages: Codes of what may be spoken (gpt-transcribe).
            extra: Fields that this version does not know; lists go out as ``name[]``, mappings as JSON.
            strict: Refuse a format or a field that the model is known not to take, before anything is sent. Models that
                this version does not know are always let through.
            prepare: "auto" converts what the relay would not take or could not bill, and compresses or cuts what passes
                the client's `AudioLimits`, with the extra ``media``; "never" sends every recording as it is, "always"
                none. `Transcription.preparation` says what was done.
            context: Of a recording that is cut: "parallel" asks for its pieces side by side; "sequential" one after
                another, each with the end of the text before behind the prompt.
            skip_silence: Listen on this machine, with the extra ``media``, and do not send silence of more than 30 s;
                times stay true. A recording without such silence is sent as it would be, and one in which nobody speaks
                is not sent at all: its transcript is empty. `Transcription.preparation` tells what was saved.
            allow_gaps: Of a recording that is cut, give what there is even if pieces failed, with
                `Transcription.gaps`; else the error has it as `partial`.
            drop_suspicious: Take out the segments that look invented, also those where nobody is heard speaking, and
                tell of them in `Transcription.warnings`. The recording is listened to on this machine, with the extra
                ``media``. It takes the times of segments, and so do the next two: in place of "json" or "text" the
                relay is asked for "verbose_json".
            refill: Listen, and ask once more for just the speech that no segment covers; what looks invented of that is
                not put in. `Transcription.coverage` tells what was asked for.
            channels: Transcribe each channel of a call's recording by itself, and tell who speaks: ``{"left": "agent",
                "right": "customer"}``, by number from 1 where there are more, or "split" for all. It needs the extra
                ``media``; each channel is billed. A channel without speech is not sent, and
                of channels that are all the same one is, without a speaker; `Transcription.preparation` tells both.
                Where nobody speaks in any, nothing is sent, and the transcript is empty.
            script: "simplified" or "traditional": have the Chinese in the transcript in one of them, with the extra
                ``zh``. As in `Transcription.in_script`.
            filename: The name that the recording goes out under.
            timeouts: In place of the client's own, for this call.
            retry: In place of the client's own, for this call.
            on_progress: Called on the event loop as ``on_progress(sent_bytes, total_bytes)``.

        Returns:
            The transcript, whatever the format was.

        Raises:
            ConfigurationError: An option is out of its range; nothing was sent.
            MissingExtraError: What an option, or the recording, needs is not installed; nothing was sent.
            AudioSourceError: The recording is missing, unreadable, empty, not audio, or changed while it was sent.
            TransportError: No answer came.
            APIError: The relay said no.
            InvalidResponseError: What came is not a transcript.

        Source: OpenAI's API reference, ``POST /v1/audio/transcriptions``.
        """
        preparing = Preparing(
            prepare=prepare,
            context=context,
            skip_silence=skip_silence,
            allow_gaps=allow_gaps,
            drop_suspicious=drop_suspicious,
            refill=refill,
            channels=channels,
        )
        if preparing.needs_times:
            apart = preparing.channels is not None
            response_format = cast("TranscriptionFormat", timed_format(model, response_format, words=apart))
        fields = transcription_fields(
            model=model,
            language=language,
            prompt=prompt,
            response_format=response_format,
            temperature=temperature,
            timestamp_granularities=timestamp_granularities,
            include=include,
            chunking_strategy=chunking_strategy,
            known_speaker_names=known_speaker_names,
            speaker_references=len(references := list_references(known_speaker_references)),
            keywords=keywords,
            languages=languages,
            extra=extra,
            strict=strict,
        )
        if references:
            fields += reference_fields(await read_references(references))
        return await in_script(
            script,
            lambda: self._send_recording(
                file,
                filename,
                "/audio/transcriptions",
                model,
                fields,
                decode=lambda answer: decode_transcription(answer, response_format=response_format, now=utc_now),
                preparing=preparing,
                timeouts=timeouts,
                retry=retry,
                on_progress=on_progress,
            ),
        )

    async def translate(
        self,
        file: AudioFile,
        *,
        model: str = "whisper-1",
        prompt: str | None = None,
        response_format: ResponseFormat = "json",
        temperature: float | None = None,
        extra: Mapping[str, Any] | None = None,
        prepare: Prepare = "auto",
        context: Context = "parallel",
        skip_silence: bool = False,
        allow_gaps: bool = False,
        drop_suspicious: bool = False,
        refill: bool = False,
        channels: Channels | None = None,
        filename: str | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        on_progress: Progress | None = None,
    ) -> Transcription:
        """Turn a recording in any language into English text.

        Args:
            file: As in `transcribe`.
            model: Model name.
            prompt: English words that the text is likely to hold, or the text before it.
            response_format: As in `transcribe`.
            temperature: Sampling temperature, 0 to 1; None leaves it to the relay, whose default is 0.
            extra: Fields that this version does not know; lists go out as ``name[]``, mappings as JSON.
            prepare: As in `transcribe`, and so are the next six.
            context: As in `transcribe`.
            skip_silence: As in `transcribe`.
            allow_gaps: As in `transcribe`.
            drop_suspicious: As in `transcribe`.
            refill: As in `transcribe`.
            channels: As in `transcribe`.
            filename: The name that the recording goes out under.
            timeouts: In place of the client's own, for this call.
            retry: In place of the client's own, for this call.
            on_progress: Called on the event loop as ``on_progress(sent_bytes, total_bytes)``.

        Returns:
            The English text, whatever the format was.

        Raises:
            ConfigurationError: An option is out of its range; nothing was sent.
            MissingExtraError: What an option, or the recording, needs is not installed; nothing was sent.
            AudioSourceError: The recording is missing, unreadable, empty, not audio, or changed while it was sent.
            TransportError: No answer came.
            NotFoundError: The relay does not translate; many only transcribe.
            APIError: The relay said no.
            InvalidResponseError: What came is not a transcript.

        Source: OpenAI's API reference, ``POST /v1/audio/translations``.
        """
        preparing = Preparing(
            prepare=prepare,
            context=context,
            skip_silence=skip_silence,
            allow_gaps=allow_gaps,
            drop_suspicious=drop_suspicious,
            refill=refill,
            channels=channels,
        )
        if preparing.needs_times:
            apart = preparing.channels is not None
            response_format = cast("ResponseFormat", timed_format(model, response_format, words=apart))
        from zhongzhuan_audio.protocol.translation import decode_translation

        fields = translation_fields(
            model=model, prompt=prompt, response_format=response_format, temperature=temperature, extra=extra
        )
        return await self._send_recording(
            file,
            filename,
            "/audio/translations",
            model,
            fields,
            decode=lambda answer: decode_translation(answer, response_format=response_format, now=utc_now),
            preparing=preparing,
            timeouts=timeouts,
            retry=retry,
            on_progress=on_progress,
        )
