"""Speech as it comes: streamed, saved whole or not at all."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import BinaryIO, Self

from zhongzhuan_audio.audio import sniff
from zhongzhuan_audio.errors import Attempt, ConfigurationError
from zhongzhuan_audio.files import replacing
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.body import media_type
from zhongzhuan_audio.protocol.headers import request_id
from zhongzhuan_audio.protocol.speech import looks_like_sound, speech_error, speech_refusal
from zhongzhuan_audio.threads import in_thread
from zhongzhuan_audio.transport.stream import Stream

__all__ = ["AsyncSpeech"]

_HEAD_BYTES = 16
"""Enough to tell every format by; more would hold the beginning of the sound back."""
_WRITE_BYTES = 256 * 1024


class AsyncSpeech:
    """Sound that is being made. There is one pass over it: iterate, or `read`, or `save`.

    ::

        async with client.speak("你好", voice="alloy") as speech:
            await speech.save("hello.mp3")

    Attributes:
        format: What it was asked to be: "mp3", "opus", "aac", "flac", "wav" or "pcm" (24 kHz, 16 bits, mono, little
            endian, without a header).
    """

    def __init__(self, stream: Stream, format: str) -> None:  # noqa: A002 - what it is
        self.format: str = format
        self._stream = stream
        self._head = b""
        self._begun = False
        self._content: bytes | None = None

    async def begin(self, *, strict: bool, now: Callable[[], datetime]) -> Self:
        """Read as much as shows whether it is sound.

        Args:
            strict: Take no other format than the one that was asked for.
            now: Clock giving an aware datetime.

        Raises:
            APIError: The relay said no.
            InvalidResponseError: It is no sound, or in another format.
        """
        stream = self._stream
        if not 200 <= stream.status < 300:  # noqa: PLR2004 - the bounds of 2xx
            raise speech_refusal(await stream.rest(b""), now=now)
        while len(self._head) < _HEAD_BYTES and (chunk := await stream.chunk()):
            self._head += chunk
        if not looks_like_sound(self._head, self.format) and (strict or sniff(self._head) is None):
            if sniff(self._head) is not None:
                raise speech_error(_answer_of(stream, self._head), self.format, now=now)
            raise speech_error(await stream.rest(self._head), self.format, now=now)
        return self

    @property
    def content_type(self) -> str:
        """The relay's label, such as "audio/mpeg"; empty where it gave none."""
        return media_type(self._stream.headers)

    @property
    def request_id(self) -> str | None:
        """The relay's own id of the request."""
        return request_id(self._stream.headers)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """What was tried, in order; the one that streams is in it from its end on."""
        return self._stream.attempts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the sound in chunks, as they come.

        Raises:
            StreamInterruptedError: It broke off; the message says after how many bytes.
            TimedOutError: It stood still, or the deadline of the call has passed.
            ConfigurationError: It was read already.
        """
        if self._content is not None:
            yield self._content
            return
        if self._begun:
            raise ConfigurationError("this speech was read already", hint="read() keeps it, for save() to write")
        self._begun = True
        yield self._head
        while chunk := await self._stream.chunk():
            yield chunk
        await self._stream.finish()

    async def read(self) -> bytes:
        """Return all of it, and keep it.

        Raises:
            StreamInterruptedError: It broke off; the message says after how many bytes.
            TimedOutError: It stood still, or the deadline of the call has passed.
            ConfigurationError: Some of it was taken already.
        """
        if self._content is None:
            self._content = b"".join([chunk async for chunk in self])
        return self._content

    async def save(self, path: str | os.PathLike[str]) -> int:
        """Write it to a file as it comes, and return how many bytes it has.

        The file is whole or not there: it is written beside its place and renamed.

        Raises:
            StreamInterruptedError: It broke off; the message says after how many bytes.
            TimedOutError: It stood still, or the deadline of the call has passed.
            OSError: The file cannot be written.
            ConfigurationError: Some of it was taken already.
        """
        draft = replacing(path)
        try:
            # Nothing in a thread is left to itself, so that no part of a file stays behind.
            file = await in_thread(draft.__enter__)
            size = await self._write(file)
        except BaseException as error:
            await in_thread(_abandon, draft, error)
            raise
        await in_thread(draft.__exit__, None, None, None)
        return size

    async def _write(self, file: BinaryIO) -> int:
        size, kept = 0, bytearray()
        async for chunk in self:
            kept += chunk
            size += len(chunk)
            if len(kept) >= _WRITE_BYTES:
                await in_thread(file.write, kept)
                kept = bytearray()
        await in_thread(file.write, kept)
        return size


def _answer_of(stream: Stream, head: bytes) -> Answer:
    return Answer(status=stream.status, headers=stream.headers, body=head)


def _abandon(draft: AbstractContextManager[BinaryIO], error: BaseException) -> None:
    draft.__exit__(type(error), error, error.__traceback__)
