"""One request on its way through the relay, and what every handler does with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

import attrs
from aiohttp import web
from multidict import CIMultiDict

from zhongzhuan_audio.errors import APIError
from zhongzhuan_audio.relay.answers import Body, error_body, scripted_type
from zhongzhuan_audio.relay.faultplay import Strike
from zhongzhuan_audio.relay.received import ReceivedRequest
from zhongzhuan_audio.relay.refusals import too_large
from zhongzhuan_audio.relay.scripted import ScriptedAnswer, ScriptedStream
from zhongzhuan_audio.relay.streamed import Streamed

__all__ = ["Exchange", "Handler", "refusal", "respond", "scripted"]


@attrs.frozen
class Exchange:
    """A request under way."""

    request: web.Request
    received: ReceivedRequest
    strike: Strike | None
    """What goes wrong with it."""
    open: AsyncExitStack
    """Closed when the answer is out, or lost."""

    @property
    def is_replaced(self) -> bool:
        """Whether a fault answers in place of the work; asked when the request has been read."""
        return self.strike is not None and self.strike.replaces_work()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give the body as it comes."""
        while chunk := await self.request.content.readany():
            yield chunk

    async def body(self, limit_bytes: int) -> bytes:
        """Return the body.

        Raises:
            APIError: It is larger.
        """
        body = bytearray()
        async for chunk in self.chunks():
            body += chunk
            if len(body) > limit_bytes:
                raise too_large(limit_bytes, len(body))
        return bytes(body)

    async def stream(self, pieces: AsyncIterator[bytes], content_type: str) -> Streamed:
        """Return an answer that is made as it goes, and ended with the exchange."""
        self.close_later(pieces)
        return await Streamed.begin(pieces, {"Content-Type": content_type})

    def close_later(self, iterator: AsyncIterator[Any]) -> None:
        """End an iterator with the exchange, if it has anything to end."""
        if isinstance(iterator, AsyncGenerator):
            self.open.push_async_callback(iterator.aclose)

    async def scripted(self, answer: ScriptedAnswer | ScriptedStream, content_type: str = "") -> web.StreamResponse:
        """Return a test's answer as a response; `content_type` is that of a stream which names none."""
        if isinstance(answer, ScriptedAnswer):
            return scripted(answer)
        chunks, headers = answer.chunks(), CIMultiDict(answer.headers)
        self.close_later(chunks)
        if content_type:
            headers.setdefault("Content-Type", content_type)
        return await Streamed.begin(chunks, headers, status=answer.status)


Handler: TypeAlias = Callable[[Exchange], Awaitable[web.StreamResponse]]


def respond(body: Body, status: int = 200) -> web.Response:
    """Return a body as a response."""
    return web.Response(
        status=status, body=body.text.encode("utf-8", "replace"), headers={"Content-Type": body.content_type}
    )


def refusal(error: APIError, request_id: str) -> web.Response:
    """Return an error as a response."""
    response = respond(error_body(error, request_id), error.status or 500)
    response.headers.update(error.headers)
    if error.retry_after is not None:
        response.headers["Retry-After"] = f"{error.retry_after:g}"
    return response


def scripted(answer: ScriptedAnswer) -> web.Response:
    """Return a test's answer as a response."""
    body = answer.body.encode() if isinstance(answer.body, str) else answer.body
    headers = CIMultiDict(answer.headers)
    if body:
        headers.setdefault("Content-Type", scripted_type(answer))
    return web.Response(status=answer.status, body=body, headers=headers)
