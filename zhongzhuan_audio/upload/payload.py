"""The whole request body as one aiohttp payload: form fields and recording, of known length, sendable again."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, cast

from aiohttp.payload import Payload

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.errors import Billed, TimedOutError
from zhongzhuan_audio.upload.incoming import Incoming
from zhongzhuan_audio.upload.movement import moving
from zhongzhuan_audio.upload.readers import Reader
from zhongzhuan_audio.upload.turns import Turns

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.base_protocol import BaseProtocol
    from aiohttp.http_writer import StreamWriter

    from zhongzhuan_audio.upload.source import Source

__all__ = ["Progress", "UploadPayload"]

_SMALL_BYTES = 256 * 1024
"""The size up to which a whole body goes out as one write."""

# The connections that have carried a body of ours before.
_used: weakref.WeakSet[BaseProtocol] = weakref.WeakSet()

Progress = Callable[[int, int], None]
"""A plain function, called as ``on_progress(sent_bytes, total_bytes)`` on the loop, of the recording's own bytes; it
must not block."""


class UploadPayload(Payload):
    """A multipart body around a recording.

    One payload serves one attempt; a retry makes another of the same source. `on_connection` is told at its start
    whether it goes over a kept-alive connection.

    Attributes:
        complete: Whether the whole body was handed to the connection; the relay may then have done the work.
        reused: Whether it went over a kept-alive connection; None where no connection was made.
        answered: Whether the relay began to answer.
        failure: What ended the upload on our side (the file changed, the link stood still, a progress function
            raised), to be raised in place of the connection error that aiohttp makes of it.
    """

    _autoclose = True

    def __init__(
        self,
        source: Source,
        prefix: bytes,
        suffix: bytes,
        *,
        content_type: str,
        stall_s: float | None = None,
        on_progress: Progress | None = None,
        on_connection: Callable[[bool], None] | None = None,
    ) -> None:
        super().__init__(source, content_type=content_type)
        self._source = source
        self._prefix = prefix
        self._suffix = suffix
        self._stall_s = stall_s
        self._on_progress = on_progress
        self._on_connection = on_connection
        self._size = self._total_bytes = len(prefix) + source.size_bytes + len(suffix)
        self.complete: bool = False
        self.reused: bool | None = None
        self._transport: asyncio.Transport | None = None
        self.answered: bool = False
        self.failure: BaseException | None = None

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> NoReturn:  # noqa: ARG002 - aiohttp's signature
        """Refuse: a recording is never decoded as text.

        Raises:
            TypeError: Always.
        """
        raise TypeError("an upload has no text form")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send the body."""
        await self.write_with_length(writer, None)

    async def write_with_length(
        self,
        writer: AbstractStreamWriter,
        content_length: int | None,  # noqa: ARG002 - always this payload's own size
    ) -> None:
        """Send the body."""
        # aiohttp sends a PUT or a DELETE again by itself where its connection dies, but nothing that is consumed.
        self._consumed = True
        stream = cast("StreamWriter", writer)
        self._transport = stream.transport
        self.reused = stream.protocol in _used
        if not self.reused:
            _used.add(stream.protocol)
        if self._on_connection is not None:
            self._on_connection(self.reused)
        try:
            reader = await self._source.open()
            try:
                if self._total_bytes <= _SMALL_BYTES:
                    await self._send_whole(stream, reader)
                else:
                    await self._send_in_chunks(stream, reader)
            finally:
                reader.close()
        except Exception as error:
            # A connection that closes under us is the transport's own affair; the answer may still say why.
            if not isinstance(error, ConnectionError):
                self.failure = error
            raise
        self.complete = True

    @property
    def billed(self) -> Billed:
        """What a failure may have cost: "maybe" once the relay has all that it needs to do the work."""
        return "maybe" if self.complete else "no"

    def hang_up(self) -> None:
        """End the connection that it goes or went over, and send nothing of what it still holds."""
        if self._transport is not None:
            # asyncio's has no loop any more where it was closed with something still to send, and has sent it.
            with suppress(AttributeError):
                self._transport.abort()

    async def _send_whole(self, writer: StreamWriter, reader: Reader) -> None:
        body = bytearray(self._total_bytes)
        body[: len(self._prefix)] = self._prefix
        end = self._total_bytes - len(self._suffix)
        await self._fill(reader, memoryview(body)[len(self._prefix) : end], remaining=self._source.size_bytes)
        body[end:] = self._suffix
        await self._source.verify(reader)
        await writer.write(body, drain=False)
        await self._drain(writer)
        self._report(self._source.size_bytes)

    async def _send_in_chunks(self, writer: StreamWriter, reader: Reader) -> None:
        """Send through buffers that others use, too, once the transport holds none of them."""
        transport = writer.transport
        if transport is None:
            raise ConnectionResetError("the connection closed before the upload began")
        incoming, turns = Incoming(transport), Turns.here()
        turns.join()
        # With this mark a drain waits until the transport's own buffer is empty. (0 would hang asyncio's TLS.)
        transport.set_write_buffer_limits(high=1)
        try:
            # It goes out with the headers, which aiohttp holds back until now.
            await writer.write(self._prefix, drain=False)
            remaining = total = self._source.size_bytes
            taken = False
            while remaining:
                buffer, is_free = turns.lend(whole=taken), False
                try:
                    piece = memoryview(buffer)[:remaining]
                    await self._fill(reader, piece, remaining=remaining)
                    remaining -= len(piece)
                    if not remaining:
                        # Checked while the relay still waits for the end: it cannot take this upload for a whole one.
                        await self._source.verify(reader)
                    await incoming.let_in()
                    await writer.write(piece, drain=False)
                    taken = not transport.get_write_buffer_size()
                    await self._drain(writer)
                    is_free = not transport.get_write_buffer_size()
                finally:
                    turns.take_back(buffer, is_free=is_free)
                self._report(total - remaining)
                # A drain does not yield to a peer that is fast; without this one upload keeps the loop to itself.
                await turns.next(len(buffer))
            await incoming.let_in()
            await writer.write(self._suffix, drain=False)
            await self._drain(writer)
        finally:
            turns.leave()
            transport.set_write_buffer_limits()

    async def _fill(self, reader: Reader, room: memoryview, *, remaining: int) -> None:
        done = 0
        while done < len(room):
            count = await reader.readinto(room[done:])
            if not count:
                raise self._source.changed(self._source.size_bytes - remaining + done)
            done += count

    async def _drain(self, writer: StreamWriter) -> None:
        """Wait until the transport's own buffer is empty, as long as that takes where the peer takes something.

        Raises:
            TimedOutError: It has taken nothing for `stall_s`.
        """
        transport = writer.transport
        if transport is None or not transport.get_write_buffer_size():
            return
        try:
            async with moving(transport, self._stall_s):
                await writer.drain()
        except TimeoutError:
            raise TimedOutError(
                f"the upload stood still for {self._stall_s:g} s",
                phase="upload",
                retryable=True,
                hint=Advice(
                    "the link or the relay is stuck; try again, or raise Timeouts.upload_stall_s",
                    command="the link or the relay is stuck; try again",
                ),
            ) from None

    def _report(self, sent_bytes: int) -> None:
        if self._on_progress is not None:
            self._on_progress(sent_bytes, self._source.size_bytes)
