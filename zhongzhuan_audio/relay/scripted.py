"""What a test writes out for the relay to answer: whole, in pieces, or as the deltas of a transcript."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any, Generic, TypeAlias, TypeVar, final

import attrs

from zhongzhuan_audio.config import check_kind
from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.models import Segment
from zhongzhuan_audio.relay.checks import check_whole

__all__ = ["Piece", "Script", "ScriptedAnswer", "ScriptedDeltas", "ScriptedStream"]

Piece: TypeAlias = bytes | str | float | Exception
"""Bytes (or text, as UTF-8) to send as they are, seconds to wait, or an error to end with."""

T = TypeVar("T")


@attrs.frozen
class ScriptedAnswer:
    """An HTTP answer, sent as it is: an error of the relay's, a gateway's web page, half a JSON body."""

    status: int
    body: str | bytes = ""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    """A Content-Type of JSON, HTML or plain text is added by the look of the body where none is given."""

    def __attrs_post_init__(self) -> None:
        """Check that it can be sent."""
        check_whole("status", self.status, lowest=100, highest=999)
        check_kind("body", self.body, (str, bytes), "str or bytes")
        check_kind("headers", self.headers, Mapping, "a mapping of strings")


@attrs.frozen
class ScriptedStream:
    """An HTTP answer that goes out piece by piece: speech, events, half a gigabyte that is made as it goes.

    ::

        ScriptedStream([b"some", 0.5, b"thing"])
        ScriptedStream([b"half of it", ConnectionResetError()])
        ScriptedStream(bytes(65_536) for _ in range(8_000))

    A number is a pause in seconds, infinity one that lasts until the client goes. A `ConnectionError` closes the
    connection in the middle of the answer; so does any other exception, which is logged too. An exception that comes
    before the first bytes is answered as an error.
    """

    pieces: Iterable[Piece] | AsyncIterable[Piece]
    """Taken as they are sent, never all at once. A list serves for every request, an iterator for one."""
    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=dict)
    """Sent chunked, unless there is a Content-Length among them. A Content-Type that fits is added where none is."""

    def __attrs_post_init__(self) -> None:
        """Check that it can be sent."""
        check_whole("status", self.status, lowest=200, highest=999)
        check_kind("headers", self.headers, Mapping, "a mapping of strings")
        if isinstance(self.pieces, bytes | str) or not isinstance(self.pieces, Iterable | AsyncIterable):
            kind = type(self.pieces).__name__
            raise ConfigurationError(f"pieces must be a list or an iterator of bytes and pauses, not {kind}")

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give the bytes, after their pauses.

        Raises:
            Exception: The script's own.
            TypeError: A piece is none.
        """
        async with aclosing(_each(self.pieces)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Exception):
                    raise piece
                if isinstance(piece, int | float):
                    await asyncio.sleep(piece)
                elif isinstance(piece, str | bytes | bytearray | memoryview):
                    yield piece.encode() if isinstance(piece, str) else bytes(piece)
                    # A fast client never makes a write wait, and nobody else would have a turn.
                    await asyncio.sleep(0)
                else:
                    raise TypeError(f"a piece must be bytes, a text, a number of seconds or an error, not {piece!r}")


async def _each(pieces: Iterable[Any] | AsyncIterable[Any]) -> AsyncGenerator[Any]:
    if not isinstance(pieces, AsyncIterable):
        for piece in pieces:
            yield piece
        return
    iterator = aiter(pieces)
    try:
        async for piece in iterator:
            yield piece
    finally:
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()


@final
class ScriptedDeltas:
    """A streamed transcript, delta by delta; without ``stream=true`` the whole of it.

    ::

        ScriptedDeltas("And so, ", 0.2, "my fellow Americans")
        ScriptedDeltas("And so, ", ConnectionResetError())          # breaks off
        ScriptedDeltas("And so, ", UpstreamError("overloaded"))     # an error in the stream

    A `Segment` has its times and its speaker told, with a model that tells speakers.
    """

    def __init__(self, *pieces: str | float | Segment | Exception) -> None:
        """Make one.

        Args:
            *pieces: Texts, sent as they are and joined without anything between them; pauses in seconds; an error to
                end with.

        Raises:
            ConfigurationError: One is none of these.
        """
        for piece in pieces:
            if not isinstance(piece, str | int | float | Segment | Exception):
                raise ConfigurationError(
                    f"a delta must be a text, a Segment, a number of seconds or an error, not {type(piece).__name__}"
                )
        self.pieces: tuple[str | float | Segment | Exception, ...] = pieces

    def __repr__(self) -> str:
        """Return what it was made of."""
        return f"ScriptedDeltas({', '.join(map(repr, self.pieces))})"

    async def segments(self) -> AsyncGenerator[Segment]:
        """Give the deltas as segments, after their pauses; a text has no times, and 0 stands for them.

        Raises:
            Exception: The script's own.
        """
        count = 0
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, int | float):
                await asyncio.sleep(piece)
            else:
                yield piece if isinstance(piece, Segment) else Segment(id=count, start=0.0, end=0.0, text=piece)
                count += 1


@final
class Script(Generic[T]):
    """Answers, given one after the other, and the last one for ever."""

    def __init__(self, kinds: tuple[type[Any], ...], wanted: str, answers: Iterable[T]) -> None:
        """Make one.

        Args:
            kinds: What an answer may be, beside a function that gives one.
            wanted: The same in words.
            answers: In their order.

        Raises:
            ConfigurationError: There is none, or one of them can be no answer.
        """
        self._answers = list(answers)
        if not self._answers:
            raise ConfigurationError("a script needs an answer")
        for answer in self._answers:
            if isinstance(answer, type) or not (isinstance(answer, (*kinds, Exception)) or callable(answer)):
                given = f"the class {answer.__name__}" if isinstance(answer, type) else type(answer).__name__
                raise ConfigurationError(f"an answer must be {wanted}, exception or function, not {given}")

    async def take(self, options: object, delay_s: float) -> Any:
        """Return the next answer after a while; of a function what it gives, plain or async.

        Raises:
            Exception: The answer is one.
        """
        answer: Any = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        await asyncio.sleep(delay_s)
        if isinstance(answer, Exception):
            raise answer
        if not callable(answer):
            return answer
        return await resolve(answer, options)


async def resolve(function: Callable[[Any], Any], argument: object) -> Any:
    """Return what a test's function gives, plain or async."""
    given = function(argument)
    return await given if inspect.isawaitable(given) else given
