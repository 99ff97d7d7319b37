"""Text in, speech out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from zhongzhuan_audio.config import RetryPolicy, Timeouts
from zhongzhuan_audio.core import ClientCore
from zhongzhuan_audio.options import utc_now
from zhongzhuan_audio.transport.outgoing import Message

if TYPE_CHECKING:
    from zhongzhuan_audio.protocol.speech import SpeechFormat
    from zhongzhuan_audio.speech import AsyncSpeech
    from zhongzhuan_audio.transport.stream import Stream

__all__ = ["SpeakingCalls"]

_PATH = "audio/speech"


class SpeakingCalls(ClientCore):
    """What is spoken."""

    @asynccontextmanager
    async def speak(
        self,
        input: str,  # noqa: A002 - the wire's own name
        *,
        model: str = "tts-1",
        voice: str = "alloy",
        response_format: SpeechFormat = "mp3",
        speed: float | None = None,
        instructions: str | None = None,
        extra: Mapping[str, Any] | None = None,
        strict: bool = True,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
    ) -> AsyncIterator[AsyncSpeech]:
        """Have a text spoken, and give the sound as it comes.

        It is tried again until the beginning of the sound is here, and never after that.

        Args:
            input: The text, up to 4,096 characters.
            model: tts-1, tts-1-hd, gpt-4o-mini-tts, or any other name that the relay knows.
            voice: One of the model's voices: all of OpenAI's have alloy, ash, coral, echo, fable, onyx, nova, sage and
                shimmer.
            response_format: mp3, opus, aac, flac, wav, or pcm (24 kHz, 16 bits, mono, without a header).
            speed: 0.25 to 4; None leaves it to the relay, whose default is 1.
            instructions: How to speak (gpt-4o-mini-tts).
            extra: Fields that this version does not know.
            strict: Refuse a field that the model is known not to take, before anything is sent, and sound in another
                format than the one that was asked for.
            timeouts: In place of the client's own, for this call; ``answer_stall_s`` holds between two chunks, and
                ``attempt_s`` up to the first.
            retry: In place of the client's own, for this call; its ``deadline_s`` holds for the whole stream.

        Yields:
            The sound, for one pass. Leaving the block ends the request.

        Raises:
            ConfigurationError: An option is out of its range, or the text too long; nothing was sent.
            TransportError: No answer came.
            NotFoundError: The relay does not speak; many only transcribe.
            APIError: The relay said no.
            InvalidResponseError: What came is not the sound that was asked for.

        Source: OpenAI's API reference, ``POST /v1/audio/speech``.
        """
        from zhongzhuan_audio.protocol.speech import speech_body
        from zhongzhuan_audio.speech import AsyncSpeech

        content = speech_body(
            input=input,
            model=model,
            voice=voice,
            response_format=response_format,
            speed=speed,
            instructions=instructions,
            extra=extra,
            strict=strict,
        )
        message = Message(method="POST", path=_PATH, content=content)

        async def begin(stream: Stream) -> AsyncSpeech:
            return await AsyncSpeech(stream, response_format).begin(strict=strict, now=utc_now)

        async with self._stream(
            message, scope=f"/{_PATH} {model}", begin=begin, timeouts=timeouts, retry=retry
        ) as speech:
            yield speech
