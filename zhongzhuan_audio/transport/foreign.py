"""Foreign errors become ours here, once."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl as ssl_module
from typing import Any

import aiohttp
from yarl import URL

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.config import Timeouts
from zhongzhuan_audio.errors import Billed, TimedOutError, TransportError, ZhongzhuanError
from zhongzhuan_audio.transport.outgoing import Body
from zhongzhuan_audio.transport.route import Route

__all__ = ["Foreign", "cut_off"]

_QUOTING = (aiohttp.ClientResponseError, aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError)
_PROXY = "check that the proxy runs and lets you through"
_PROXY_OF_ENV = Advice(f"{_PROXY}; trust_env=False goes without", command=f"{_PROXY}; NO_PROXY names what needs none")
_QUOTE = re.compile(r"\n|\bb['\"]")
_LONG = Advice(
    "a long recording or text takes long: raise Timeouts.answer_stall_s, or send it in pieces",
    command="a long recording or text takes long: send it in pieces",
)
_REACH = Advice(
    "check base_url and the network; behind a proxy set HTTPS_PROXY",
    command="check --base-url and the network; behind a proxy set HTTPS_PROXY",
)
_TLS = Advice(
    "for a company's own authority set SSL_CERT_FILE or pass ssl=",
    command="for a company's own authority set SSL_CERT_FILE",
)


class Foreign:
    """Turns aiohttp's errors and the system's into ours; a class, since it surrounds each chunk of a stream."""

    def __init__(self, payload: Body, route: Route, timeouts: Timeouts) -> None:
        self._payload = payload
        self._route = route
        self._timeouts = timeouts

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if not isinstance(error, (aiohttp.ClientError, TimeoutError, OSError)):
            return
        failure = self._payload.failure
        if failure is not None and not isinstance(failure, asyncio.CancelledError):
            raise failure from None
        if isinstance(error, ZhongzhuanError):
            return
        # These quote the wire, on which a relay may have repeated the key.
        cause = None if isinstance(error, _QUOTING) else error
        raise _translate(error, self._route, self._timeouts, self._payload.billed) from cause


def cut_off(message: str, route: Route, billed: Billed) -> TransportError:
    """Return the error for an answer that did not come, or not whole."""
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
            return cut_off(f"the answer of {host} cannot be read as HTTP: {reason}", route, billed)
        case aiohttp.ClientPayloadError():
            return cut_off(f"the answer of {host} broke off or is damaged", route, billed)
        case aiohttp.ServerDisconnectedError():
            return cut_off(f"{host} closed the connection without an answer", route, billed)
        case _:
            return cut_off(f"the connection to {host} broke: {_reason(error)}", route, billed)


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


def _reason(error: Exception) -> str:
    for cause in (getattr(error, "certificate_error", None), getattr(error, "os_error", None), error):
        if isinstance(cause, ssl_module.SSLError):
            return str(getattr(cause, "verify_message", "") or cause.reason or cause)
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    with contextlib.suppress(Exception):
        return str(error) or type(error).__name__
    return type(error).__name__
