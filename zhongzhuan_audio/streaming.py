"""Streamed answers as they are read: server-sent events, and the events of a transcript made of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Generic, Self, TypeVar

from zhongzhuan_audio.errors import Attempt, StreamInterruptedError, ZhongzhuanError
from zhongzhuan_audio.models import ServerSentEvent, TranscriptDone, TranscriptEvent, Transcription
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.anything import raise_for_error
from zhongzhuan_audio.protocol.body import media_type, parse_json
from zhongzhuan_audio.protocol.response import decode_transcription
from zhongzhuan_audio.protocol.sse import DONE, EventStreamParser, looks_like_events
from zhongzhuan_audio.protocol.transcript_events import TranscriptAssembler, event_error
from zhongzhuan_audio.protocol.unusable import broken_error
from zhongzhuan_audio.transport.stream import Stream

__all__ = ["ServerEvents", "TranscriptEvents"]

T = TypeVar("T")
_KIND_BYTES = 16
"""More than the name of a field takes."""
Now = Callable[[], datetime]


class _Feed:
    """Server-sent events out of a stream."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._parser = EventStreamParser()
        self._pending: deque[ServerSentEvent] = deque()
        self._is_over = False

    async def begin(self, *, now: Now) -> Answer | None:
        """Read up to the first event; return the whole answer where it is no stream of events.

        Raises:
            APIError: The relay said no.
        """
        stream, head = self.stream, b""
        if not 200 <= stream.status < 300:  # noqa: PLR2004 - the bounds of 2xx
            from zhongzhuan_audio.protocol.classify import classify

            raise classify(await stream.rest(b""), now=now)
        labelled = media_type(stream.headers) == "text/event-stream"
        while not _shows_its_kind(head, labelled=labelled) and (chunk := await stream.chunk()):
            head += chunk
        labelled = labelled and head.strip()[:1] not in {b"", b"{", b"[", b"<"}
        if not labelled and not looks_like_events(head):
            return await stream.rest(head)
        self._take(head)
        return None

    async def next(self) -> ServerSentEvent | None:
        """Return the next event; None at the end."""
        while not self._pending and not self._is_over:
            self._take(await self.stream.chunk())
        if not self._pending:
            return None
        self.stream.check_upload()
        return self._pending.popleft()

    def _take(self, chunk: bytes) -> None:
        try:
            self._pending.extend(self._parser.feed(chunk) if chunk else self._parser.finish())
        except ZhongzhuanError as error:
            raise self.stream.broken(error) from None
        self._is_over = not chunk


def _shows_its_kind(head: bytes, *, labelled: bool) -> bool:
    """Tell whether the beginning of an answer is long enough to know events by: the first piece may be a byte."""
    start = head.strip()
    return looks_like_events(head) or len(start) >= _KIND_BYTES or (labelled and bool(start))


class _Events(ABC, Generic[T]):
    """Gives events, the first of which was there before the caller got this."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._feed = _Feed(stream)
        self._first: T | None = None
        self._is_over = False

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """What was tried, in order; the one that streams is in it from its end on."""
        return self._stream.attempts

    def __aiter__(self) -> Self:
        """Return itself: there is one pass."""
        return self

    async def __anext__(self) -> T:
        """Return the next event.

        Raises:
            StreamInterruptedError: The stream broke off.
            TimedOutError: It stood still, or the deadline of the call has passed.
            APIError: The relay gave up.
        """
        if self._first is not None:
            event, self._first = self._first, None
            return event
        found = None if self._is_over else await self._next()
        if found is None:
            self._is_over = True
            raise StopAsyncIteration
        return found

    @abstractmethod
    async def _next(self) -> T | None:
        """Return the next event; None at the end."""


class ServerEvents(_Events[ServerSentEvent]):
    """The events of an answer as they come; an answer that is no stream is one event."""

    def __init__(self, stream: Stream, *, now: Now) -> None:
        super().__init__(stream)
        self._now = now
        self._has_begun = False

    async def begin(self) -> Self:
        """Read as much as shows whether the answer is a good one.

        Raises:
            ZhongzhuanError: It is none.
        """
        answer = await self._feed.begin(now=self._now)
        if answer is None:
            self._first = await self._next()
            self._is_over = self._first is None
        else:
            text, _ = raise_for_error(answer, now=self._now)
            if not text.strip():
                raise broken_error(answer, text, f"status {answer.status} and an empty answer")
            self._first, self._is_over = ServerSentEvent(data=text), True
        return self

    async def _next(self) -> ServerSentEvent | None:
        event = await self._feed.next()
        if event is None or event.data.strip() == DONE:
            await self._stream.finish()
            return None
        value = parse_json(event.data)
        if (error := event_error(event, value, self._stream.headers, now=self._now)) is not None:
            error.billed = "maybe" if self._has_begun else error.billed
            raise self._stream.broken(error)
        self._has_begun = True
        return event


class TranscriptEvents(_Events[TranscriptEvent]):
    """The events of a transcript as they come; the last is a `TranscriptDone`.

    Args:
        stream: Where they come from.
        response_format: What was asked for.
        now: Clock giving an aware UTC datetime.
        complete: Adds what is known of the recording to the whole transcript.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        response_format: str,
        now: Now,
        complete: Callable[[Transcription], Transcription] = lambda whole: whole,
    ) -> None:
        super().__init__(stream)
        self._complete = complete
        self._format = response_format
        self._now = now
        self._transcript = TranscriptAssembler(stream.headers, now=now)

    async def begin(self) -> Self:
        """Read up to the first event; a relay that does not stream answers with the whole.

        Raises:
            ZhongzhuanError: It is no transcript.
        """
        answer = await self._feed.begin(now=self._now)
        if answer is not None:
            whole = decode_transcription(answer, response_format=self._format, now=self._now)
            self._first, self._is_over = TranscriptDone(transcription=self._complete(whole)), True
            return self
        try:
            self._first = await self._next()
        except StreamInterruptedError:
            empty = Answer(status=self._stream.status, headers=self._stream.headers, body=b"")
            raise broken_error(empty, "", f"status {self._stream.status} and a stream without an event") from None
        return self

    async def _next(self) -> TranscriptEvent | None:
        if self._transcript.done:
            await self._stream.finish()
            return None
        try:
            while (event := await self._feed.next()) is not None:
                if (found := self._take(event)) is not None:
                    return found
            raise self._stream.broken(
                StreamInterruptedError(
                    "the stream ended before the transcript did",
                    retryable=True,
                    billed="maybe",
                    hint="what came is in `partial`; asking again is billed again",
                )
            )
        except ZhongzhuanError as error:
            error.partial = self._transcript.text or None
            raise

    def _take(self, event: ServerSentEvent) -> TranscriptEvent | None:
        try:
            found = self._transcript.take(event)
        except ZhongzhuanError as error:
            raise self._stream.broken(error) from None
        return (
            TranscriptDone(transcription=self._complete(found.transcription))
            if isinstance(found, TranscriptDone)
            else found
        )
