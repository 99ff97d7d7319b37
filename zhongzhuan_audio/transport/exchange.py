"""One request and its answer. Foreign errors become ours here, once; nothing is decided here."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl as ssl_module
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
import attrs
from yarl import URL

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.config import Timeouts
from zhongzhuan_audio.errors import Billed, InvalidResponseError, TimedOutError, TransportError, ZhongzhuanError
from zhongzhuan_audio.protocol.answer import Answer

if TYPE_CHECKING:
    from zhongzhuan_audio.transport.proxies import Proxy
    from zhongzhuan_audio.upload.payload import UploadPayload

__all__ = ["MAX_ANSWER_BYTES", "Route", "exchange"]

_QUOTING = (aiohttp.ClientResponseError, aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError)

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""More than any transcript: three hours with word times are about 10 MB."""


@attrs.frozen(kw_only=True)
class Route:
    """How requests reach an endpoint."""

    endpoint: str
    """Base URL, for messages."""
    proxy: Proxy | None = None
    ssl: ssl_module.SSLContext | bool = attrs.field(default=True, repr=False)

    def options(self) -> dict[str, Any]:
        """Return the arguments that aiohttp takes for it."""
        if self.proxy is None:
            return {"ssl": self.ssl}
        return {"ssl": self.ssl, "proxy": self.proxy.url, "proxy_headers": self.proxy.headers}


async def exchange(
    session: aiohttp.ClientSession,
    url: URL,
    *,
    headers: Mapping[str, str],
    payload: UploadPayload,
    route: Route,
    timeouts: Timeouts,
) -> Answer:
    """Send one POST and read its whole answer, whatever its status.

    Redirects are not followed, and no status is an error here.

    Raises:
        TransportError: No answer came. ``billed`` is "maybe" where the whole body had been written.
        TimedOutError: A phase took too long.
        InvalidResponseError: The answer is larger than any transcript.
        ZhongzhuanError: What the payload found wrong with the recording.
    """
    timeout = aiohttp.ClientTimeout(
        total=None,
        connect=timeouts.connect_s,
        sock_connect=timeouts.connect_s,
        sock_read=timeouts.answer_stall_s,
    )
    settled = False
    try:
        async with session.post(
            url,
            data=payload,
            headers=headers,
            timeout=timeout,
            allow_redirects=False,
            raise_for_status=False,
            **route.options(),
        ) as response:
            payload.answered = True
            if response.status == HTTPStatus.SWITCHING_PROTOCOLS:
                # What comes now would be taken for the answer to the next request.
                host = URL(route.endpoint).host
                billed: Billed = "maybe" if payload.complete else "no"
                raise _cut_off(f"{host} switched to a protocol that nobody had asked for", route, billed)
            body = await _read(response)
            if not payload.complete:
                # It answered before it had everything. An error may be true all the same (413); a transcript is not.
                # Closing stops the upload, and the connection is of no further use.
                response.close()
                if response.status < 300:  # noqa: PLR2004 - the statuses of success
                    raise payload.failure or _cut_off("the relay answered before it had the whole upload", route, "no")
            settled = payload.complete
            return Answer(
                status=response.status,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=body,
            )
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        if payload.failure is not None and not isinstance(payload.failure, asyncio.CancelledError):
            raise payload.failure from None
        if isinstance(error, ZhongzhuanError):
            raise
        # These quote the wire, on which a relay may have repeated the key.
        cause = None if isinstance(error, _QUOTING) else error
        raise _translate(error, route, timeouts, "maybe" if payload.complete else "no") from cause
    finally:
        if not settled:
            # asyncio would go on sending what it holds: the relay would work on what was given up, or the socket
            # stay open as long as the peer takes nothing.
            payload.hang_up()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := await response.content.readany():
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            response.close()
            raise InvalidResponseError(
                f"the answer is larger than {MAX_ANSWER_BYTES >> 20} MiB: it is not a transcript",
                hint=Advice("check that base_url is the relay's", command="check that --base-url is the relay's"),
                billed="maybe",
            )
        chunks.append(chunk)
    return b"".join(chunks)


def _cut_off(message: str, route: Route, billed: Billed) -> TransportError:
    return TransportError(
        message,
        endpoint=route.endpoint,
        retryable=True,
        billed=billed,
        hint="the link or a gateway on the way is unreliable; try again",
    )


def _translate(error: Exception, route: Route, timeouts: Timeouts, billed: Billed) -> TransportError:
    """Say in our terms why no answer came."""
    host = URL(route.endpoint).host
    match error:
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError() | aiohttp.ClientHttpProxyError():
            return _never_connected(error, route, timeouts)
        case aiohttp.ServerFingerprintMismatch():
            return TransportError(f"no TLS with {host}: another certificate", endpoint=route.endpoint, hint=_TLS)
        case aiohttp.ServerTimeoutError() | TimeoutError():
            return TimedOutError(
                f"{host} sent nothing for {timeouts.answer_stall_s or 0:g} s",
                phase="answer",
                endpoint=route.endpoint,
                retryable=True,
                billed=billed,
                hint=_LONG,
            )
        case aiohttp.ClientResponseError():
            # Behind the reason aiohttp quotes what it could not read, which may be a whole transcript.
            reason = _QUOTE.split(error.message, maxsplit=1)[0].rstrip(": ")
            return _cut_off(f"the answer of {host} cannot be read as HTTP: {reason}", route, billed)
        case aiohttp.ClientPayloadError():
            return _cut_off(f"the answer of {host} broke off or is damaged", route, billed)
        case aiohttp.ServerDisconnectedError():
            return _cut_off(f"{host} closed the connection without an answer", route, billed)
        case _:
            return _cut_off(f"the connection to {host} broke: {_reason(error)}", route, billed)


def _never_connected(error: aiohttp.ClientError, route: Route, timeouts: Timeouts) -> TransportError:
    host = URL(route.endpoint).host
    facts: dict[str, Any] = {"endpoint": route.endpoint, "retryable": True, "unreachable": True}
    match error:
        case aiohttp.ConnectionTimeoutError():
            message = f"no connection to {host} within {timeouts.connect_s or 0:g} s"
            return TimedOutError(message, phase="connect", hint=_REACH, **facts)
        case aiohttp.ClientConnectorDNSError() if route.proxy is not None:
            # Only the proxy's own name is looked up here.
            return _no_proxy(route, ": its name cannot be looked up", facts)
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            status = f" (status {error.status})" if isinstance(error, aiohttp.ClientHttpProxyError) else ""
            return _no_proxy(route, status, facts)
        case aiohttp.ClientSSLError():
            facts["retryable"] = False
            return TransportError(f"no TLS with {host}: {_reason(error)}", hint=_TLS, **facts)
        case aiohttp.ClientConnectorDNSError():
            return TransportError(f"the name {host} cannot be looked up", hint=_REACH, **facts)
        case _:
            return TransportError(f"no connection to {host}: {_reason(error)}", hint=_REACH, **facts)


def _no_proxy(route: Route, why: str, facts: dict[str, Any]) -> TransportError:
    proxy = route.proxy.url if route.proxy else "the proxy"
    hint = _PROXY_OF_ENV if route.proxy and route.proxy.from_env else _PROXY
    return TransportError(f"no way through the proxy {proxy}{why}", hint=hint, **facts)


_LONG = Advice(
    "a long recording takes long: raise Timeouts.answer_stall_s, or send it in pieces",
    command="a long recording takes long: send it in pieces",
)
_PROXY = "check that the proxy runs and lets you through"
_PROXY_OF_ENV = Advice(f"{_PROXY}; trust_env=False goes without", command=f"{_PROXY}; NO_PROXY names what needs none")
_QUOTE = re.compile(r"\n|\bb['\"]")
_REACH = Advice(
    "check base_url and the network; behind a proxy set HTTPS_PROXY",
    command="check --base-url and the network; behind a proxy set HTTPS_PROXY",
)
_TLS = Advice(
    "for a company's own authority set SSL_CERT_FILE or pass ssl=",
    command="for a company's own authority set SSL_CERT_FILE",
)


def _reason(error: Exception) -> str:
    for cause in (getattr(error, "certificate_error", None), getattr(error, "os_error", None), error):
        if isinstance(cause, ssl_module.SSLError):
            return str(getattr(cause, "verify_message", "") or cause.reason or cause)
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    with contextlib.suppress(Exception):
        return str(error) or type(error).__name__
    return type(error).__name__
