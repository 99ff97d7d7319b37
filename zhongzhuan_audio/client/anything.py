"""The way to everything else that a relay serves: chat with sound, embeddings, images, Suno, Midjourney."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs

from zhongzhuan_audio.config import RetryPolicy, Timeouts, masked_items
from zhongzhuan_audio.core import ClientCore
from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.options import checked_headers, utc_now
from zhongzhuan_audio.transport.outgoing import Message

if TYPE_CHECKING:
    from zhongzhuan_audio.models import Response, ServerSentEvent
    from zhongzhuan_audio.streaming import ServerEvents
    from zhongzhuan_audio.transport.stream import Stream

__all__ = ["OtherCalls"]


class OtherCalls(ClientCore):
    """Requests of the caller's own, with the same keys, retries, failover, pacing and errors."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
    ) -> Response:
        """Ask the relay for anything.

        ::

            body = {"model": "text-embedding-3-small", "input": "你好"}
            answer = await client.request("POST", "/v1/embeddings", json=body)
            answer.json()["data"]

        A request that is not a GET may have been billed once its body was sent, and is then tried again as
        `RetryPolicy.maybe_billed_retries` says.

        Args:
            method: GET, POST, PUT, PATCH, DELETE or HEAD.
            path: As the relay's own pages write it, from its root: ``/v1/chat/completions``, ``/mj/submit/imagine``.
                Without a slash in front it counts from the base URL: ``chat/completions``.
            json: The body, as a value that JSON has.
            data: The body as bytes (give their ``Content-Type`` in `headers`), or a form's fields.
            params: The query.
            headers: Beside the client's own.
            timeouts: In place of the client's own, for this call.
            retry: In place of the client's own, for this call.

        Returns:
            The whole answer, of a status that means success.

        Raises:
            ConfigurationError: What was given cannot be sent.
            TransportError: No answer came.
            APIError: The relay said no, also with an error object at a status of success.
            InvalidResponseError: A web page came: the address is not that of the relay's API.
        """
        headers = masked_items(headers)
        from zhongzhuan_audio.protocol.anything import decode_response

        message = _message(method, path, json=json, data=data, params=params, headers=headers)
        response, attempts = await self._send(
            message,
            scope=_scope(message, json),
            decode=lambda answer: decode_response(answer, now=utc_now),
            timeouts=timeouts,
            retry=retry,
        )
        return attrs.evolve(response, attempts=attempts)

    @asynccontextmanager
    async def stream_request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
    ) -> AsyncIterator[AsyncIterator[ServerSentEvent]]:
        """Ask the relay for anything that answers with server-sent events.

        ::

            body = {"model": "gpt-4o-audio-preview", "messages": messages, "stream": True}
            async with client.stream_request("POST", "/v1/chat/completions", json=body) as events:
                async for event in events:
                    event.json()["choices"]

        It is tried again until the first event is here, and never after that. ``[DONE]`` ends the events, and is none.
        An answer that is no stream is one event with all of it.

        Args:
            method: As in `request`.
            path: As in `request`.
            json: As in `request`.
            data: As in `request`.
            params: As in `request`.
            headers: As in `request`.
            timeouts: As in `request`; ``answer_stall_s`` holds between two events, ``attempt_s`` up to the first.
            retry: As in `request`; its ``deadline_s`` holds for the whole stream.

        Yields:
            The events, one pass. Leaving the block ends the request.

        Raises:
            ConfigurationError: What was given cannot be sent.
            StreamInterruptedError: The stream broke off.
            TransportError: No answer came.
            APIError: The relay said no, be it in an event.
            InvalidResponseError: A web page came: the address is not that of the relay's API.
        """
        headers = masked_items(headers)
        message = _message(
            method,
            path,
            json=json,
            data=data,
            params=params,
            headers={"Accept": "text/event-stream", **(headers or {})},
        )

        from zhongzhuan_audio.streaming import ServerEvents

        async def begin(stream: Stream) -> ServerEvents:
            return await ServerEvents(stream, now=utc_now).begin()

        async with self._stream(
            message, scope=_scope(message, json), begin=begin, timeouts=timeouts, retry=retry
        ) as events:
            yield events


def _message(
    method: str,
    path: str,
    *,
    json: Any,
    data: bytes | Mapping[str, str] | None,
    params: Mapping[str, str] | None,
    headers: Mapping[str, str] | None,
) -> Message:
    from zhongzhuan_audio.protocol.anything import check_method, check_path, encode_message

    content, content_type = encode_message(json, data)
    own = checked_headers(headers)
    label = next((name for name in own if name.lower() == "content-type"), None)
    query = {} if params is None else dict(params)
    if not all(isinstance(item, str) for pair in query.items() for item in pair):
        raise ConfigurationError("params must be strings")
    return Message(
        method=check_method(method),
        path=check_path(path),
        params=query,
        content=content,
        content_type=own.pop(label) if label else content_type,
        headers=own,
    )


def _scope(message: Message, json: Any) -> str:
    model = json.get("model", "") if isinstance(json, Mapping) else ""
    return f"{message.path} {model}"
