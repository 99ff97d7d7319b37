"""One request and its answer; nothing is decided here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus

import aiohttp
from yarl import URL

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.config import Secret, Timeouts
from zhongzhuan_audio.errors import ConfigurationError, InvalidResponseError, ZhongzhuanError
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.transport.connections import carried
from zhongzhuan_audio.transport.foreign import Foreign, cut_off
from zhongzhuan_audio.transport.outgoing import Bodiless, Body
from zhongzhuan_audio.transport.route import Route

__all__ = ["MAX_ANSWER_BYTES", "Reply", "exchange"]

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""More than any answer that is read whole: three hours with word times are about 10 MB, ten images some more."""

_NO_AUTH = Advice(
    "a session of your own must leave the key to this client: no auth=, and no .netrc that names the relay"
)


async def exchange(
    session: aiohttp.ClientSession,
    url: URL,
    *,
    method: str,
    headers: Mapping[str, str],
    payload: Body,
    route: Route,
    timeouts: Timeouts,
    key: Secret,
) -> Reply:
    """Send one request and return its answer as soon as the head of it is here, whatever its status.

    Redirects are not followed, and no status is an error here.

    Args:
        session: Sends it.
        url: Where to.
        method: In capitals.
        headers: All that are wanted beside those of the body.
        payload: The body.
        route: How to get there.
        timeouts: Of its phases.
        key: Taken out of the answer, should the relay repeat it.

    Returns:
        The answer, to be closed whatever happens.

    Raises:
        TransportError: No answer came. ``billed`` is "maybe" where the whole body had been written.
        TimedOutError: A phase took too long.
        ConfigurationError: The session has credentials of its own.
        ZhongzhuanError: What the payload found wrong with the recording.
    """
    foreign = Foreign(payload, route, timeouts)
    bodiless = payload if isinstance(payload, Bodiless) else None
    token = carried.set(bodiless)
    answered = False
    try:
        with foreign:
            response = await session.request(
                method,
                url,
                data=payload if bodiless is None else None,
                headers=headers,
                timeout=_client_timeout(timeouts.connect_s, timeouts.answer_stall_s),
                allow_redirects=False,
                raise_for_status=False,
                **route.options(),
            )
            payload.answered = True
            reply = Reply(response, payload, route, foreign, key)
            if response.status == HTTPStatus.SWITCHING_PROTOCOLS:
                # What comes now would be taken for the answer to the next request.
                await reply.close()
                host = URL(route.endpoint).host
                raise cut_off(f"{host} switched to a protocol that nobody had asked for", route, payload.billed)
        answered = True
    except ValueError as error:
        if payload.reused is not None or payload.answered or isinstance(error, ZhongzhuanError):
            raise
        raise ConfigurationError(f"aiohttp cannot send this request: {error}", hint=_NO_AUTH) from None
    else:
        return reply
    finally:
        carried.reset(token)
        if not answered:
            payload.hang_up()


@lru_cache(16)
def _client_timeout(connect_s: float | None, answer_stall_s: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect_s, sock_connect=connect_s, sock_read=answer_stall_s)


class Reply:
    """An answer whose head has come and whose body is still to be read.

    Attributes:
        status: HTTP status.
        headers: With lower-case names, the key taken out.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, payload: Body, route: Route, foreign: Foreign, key: Secret
    ) -> None:
        self._response = response
        self._payload = payload
        self._route = route
        self._foreign = foreign
        self._key = key
        self._settled = False
        self.status: int = response.status
        self.headers: dict[str, str] = {
            name.lower(): value.replace(key, "***") for name, value in response.headers.items()
        }

    async def whole(self) -> Answer:
        """Read the body to its end.

        Raises:
            TransportError: It broke off, or stood still.
            InvalidResponseError: It is larger than any answer of a relay.
        """
        chunks: list[bytes] = []
        size = 0
        with self._foreign:
            while chunk := await self._read():
                size += len(chunk)
                if size > MAX_ANSWER_BYTES:
                    raise InvalidResponseError(
                        f"the answer is larger than {MAX_ANSWER_BYTES >> 20} MiB",
                        hint=Advice(
                            "check that base_url is the relay's", command="check that --base-url is the relay's"
                        ),
                        billed=self._payload.billed,
                    )
                chunks.append(chunk)
            self._settle()
        body = b"".join(chunks)
        if (spelt := self._key.encode()) in body:
            # What decodes it keeps it in variables.
            body = body.replace(spelt, b"***")
        return Answer(status=self.status, headers=self.headers, body=body)

    async def chunk(self) -> bytes:
        """Return what has come of the body, waiting for it; empty at the end.

        Raises:
            TransportError: It broke off, or stood still.
        """
        with self._foreign:
            chunk = await self._read()
            if not chunk:
                self._settle()
        return chunk

    async def _read(self) -> bytes:
        try:
            return await self._response.content.readany()
        except RuntimeError:
            # aiohttp says so where the session was closed under the reader.
            raise aiohttp.ClientConnectionError("it was closed on this side") from None

    async def close(self) -> None:
        """End the connection, unless the whole body was read: then others may use it. Harmless when repeated."""
        if not self._settled:
            self._settled = True
            self._response.close()
            # asyncio would go on sending what it holds: the relay would work on what was given up, or the socket stay
            # open as long as the peer takes nothing.
            self._payload.hang_up()
        await self._response.wait_for_close()

    def check_upload(self) -> None:
        """Find out whether the relay had everything before it answered well.

        An error may be true all the same (413); a transcript is not.

        Raises:
            TransportError: It had not. Closing stops the upload, and the connection is of no further use.
        """
        if not self._payload.complete and self.status < 300:  # noqa: PLR2004 - the statuses of success
            self._response.close()
            raise self._payload.failure or cut_off(
                "the relay answered before it had the whole upload", self._route, "no"
            )

    def _settle(self) -> None:
        self.check_upload()
        self._settled = self._payload.complete
