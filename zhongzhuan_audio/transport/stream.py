"""The body of an answer as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

import attrs

from zhongzhuan_audio.errors import (
    Attempt,
    ConfigurationError,
    StreamInterruptedError,
    TimedOutError,
    TransportError,
    ZhongzhuanError,
)
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.transport.call import Call
from zhongzhuan_audio.transport.deadline import within
from zhongzhuan_audio.transport.exchange import Reply

__all__ = ["Stream"]

_LAST_S = 0.5


class Stream:
    """Gives chunks. A fault before the answer has begun well is an attempt that failed, one after it ends the call.

    Args:
        reply: Whose body.
        call: That it answers.
        ended: Called once the stream has begun well, at its end: with the error that it broke off with, which comes
            back with all that is known of the call, or with None.

    Attributes:
        received_bytes: How much has come.
    """

    def __init__(self, reply: Reply, call: Call, *, ended: Callable[[Call, ZhongzhuanError | None], None]) -> None:
        self._reply = reply
        self._call = call
        self._ended = ended
        self.received_bytes: int = 0

    @property
    def status(self) -> int:
        """HTTP status."""
        return self._reply.status

    @property
    def headers(self) -> Mapping[str, str]:
        """With lower-case names."""
        return self._reply.headers

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """What was tried; the present one is in it from the end of the stream on."""
        return tuple(self._call.attempts)

    async def chunk(self) -> bytes:
        """Return what has come, waiting for it; empty at the end.

        Raises:
            StreamInterruptedError: The stream broke off after a good beginning.
            TransportError: It broke off before that.
            TimedOutError: It stood still, or the deadline of the call has passed.
            ConfigurationError: The block that held it is over.
        """
        if self._call.over:
            raise ConfigurationError("the block that held this answer is over", hint="read it inside of the block")
        if not self._call.begun:
            # The attempt has a deadline of its own around it.
            chunk = await self._reply.chunk()
            self.received_bytes += len(chunk)
            return chunk
        deadline = within(self._call.left_s())
        try:
            async with deadline:
                chunk = await self._reply.chunk()
        except ZhongzhuanError as error:
            raise self.broken(_interrupted(error, self.received_bytes)) from error.__cause__
        except TimeoutError:
            if not deadline.expired():
                raise
            raise self.broken(_interrupted(self._call.past_deadline(), self.received_bytes)) from None
        self.received_bytes += len(chunk)
        return chunk

    async def rest(self, head: bytes) -> Answer:
        """Read the rest of an answer that is no stream after all.

        Args:
            head: What was read of it.
        """
        answer = await self._reply.whole()
        return attrs.evolve(answer, body=head + answer.body)

    async def finish(self) -> None:
        """Take note that nothing of worth follows; what little is left is read, so that others may use the connection.

        What goes wrong now is nobody's concern: the answer is whole.
        """
        with suppress(ZhongzhuanError, TimeoutError):
            async with asyncio.timeout(_LAST_S):
                while await self._reply.chunk():
                    pass
        self._end(None)
        if self._call.begun:
            # Its turn is over as well, whatever the block goes on to do.
            await self._call.held.close()

    def check_upload(self) -> None:
        """Find out whether the relay had all that it answers to.

        Raises:
            TransportError: It had not: this is the answer to something else.
        """
        try:
            self._reply.check_upload()
        except ZhongzhuanError as error:
            raise self.broken(error) from None

    def broken(self, error: ZhongzhuanError) -> ZhongzhuanError:
        """Take note that the stream is of no use any more; return the error, with what is known of the call."""
        self._end(error)
        return error

    def _end(self, error: ZhongzhuanError | None) -> None:
        # Before the caller has the stream, its end is that of an attempt, and whoever made that takes note of it.
        if self._call.begun:
            self._ended(self._call, error)


def _interrupted(error: ZhongzhuanError, received_bytes: int) -> ZhongzhuanError:
    """Return the error for what came of a stream."""
    if not isinstance(error, TransportError):
        return error
    message = f"{error.message}, after {received_bytes} bytes"
    if isinstance(error, TimedOutError):
        error.message, error.args = message, (message,)
        return error
    return StreamInterruptedError(
        message, endpoint=error.endpoint, retryable=True, billed=error.billed, hint="asking again is billed again"
    )
