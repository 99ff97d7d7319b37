"""One connection to an endpoint, for what no request tells: how long it takes, and the certificate."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl as ssl_module
from datetime import UTC, datetime

from yarl import URL

from zhongzhuan_audio.cli.doctor.facts import Reach, TlsFacts
from zhongzhuan_audio.errors import TransportError
from zhongzhuan_audio.transport.proxies import Proxy
from zhongzhuan_audio.transport.route import Route

__all__ = ["probe"]

_EYEBALLS_S = 0.25
"""After which the next address of a name is tried beside the first. Source: RFC 8305, section 8."""
_PROXY_HINT = "check that the proxy runs and lets you through"
_REACH_HINT = "check the address and the network; behind a proxy set HTTPS_PROXY"
_CERTIFICATE_HINT = "for a company's own authority set SSL_CERT_FILE; check this machine's clock too"
_TLS_HINT = "check the address, and what stands in between: a proxy, a gateway, a captive network"
_FINE = range(200, 300)


async def probe(route: Route, *, patience_s: float) -> Reach:
    """Connect, and hang up.

    Args:
        route: How to reach the endpoint.
        patience_s: Seconds for the connection, and again for TLS.

    Raises:
        TransportError: There is no connection; what is wrong with TLS is in what is returned.
    """
    url = URL(route.endpoint)
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(patience_s):
            reader, writer = await _connect(route.proxy, url)
    except TimeoutError:
        raise _unreached(route, f"no connection to {_whom(route)} within {patience_s:g} s") from None
    except socket.gaierror:
        raise _unreached(route, f"the name of {_whom(route)} cannot be looked up") from None
    except OSError as error:
        raise _unreached(route, f"no connection to {_whom(route)}: {_reason(error)}") from None
    try:
        if route.proxy is not None and url.scheme == "https":
            await _ask_proxy(route, url, reader, writer, patience_s=patience_s)
        peer, elapsed_s = _peer(writer), loop.time() - began
        tls = await _secure(route, url, writer, patience_s=patience_s) if url.scheme == "https" else None
        return Reach(peer=peer, elapsed_s=elapsed_s, tls=tls)
    finally:
        writer.transport.abort()


async def _connect(proxy: Proxy | None, url: URL) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    target = url if proxy is None else URL(proxy.url)
    # The TLS to a proxy is checked as any; the one to the relay begins later, where the certificate can be looked at.
    tls = await asyncio.to_thread(ssl_module.create_default_context) if proxy and target.scheme == "https" else None
    return await asyncio.open_connection(target.raw_host, target.port, ssl=tls, happy_eyeballs_delay=_EYEBALLS_S)


async def _ask_proxy(
    route: Route, url: URL, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, patience_s: float
) -> None:
    """Have the proxy lead to the relay.

    Raises:
        TransportError: It does not.
    """
    assert route.proxy is not None
    target = f"{url.host_subcomponent}:{url.port}"
    head = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    head += [f"{name}: {value}" for name, value in (route.proxy.headers or {}).items()]
    writer.write("\r\n".join([*head, "", ""]).encode())
    try:
        async with asyncio.timeout(patience_s):
            answer = await reader.readuntil(b"\r\n\r\n")
        status = int(answer.split(maxsplit=2)[1])
    except TimeoutError:
        raise _unreached(route, f"no answer from {_whom(route)} within {patience_s:g} s") from None
    except (OSError, EOFError, asyncio.LimitOverrunError, ValueError, IndexError):
        raise _unreached(route, f"{_whom(route)} does not answer as a proxy does") from None
    if status not in _FINE:
        raise _unreached(route, f"{_whom(route)} does not lead to {url.host} (status {status})")


async def _secure(
    route: Route, url: URL, writer: asyncio.StreamWriter, *, patience_s: float
) -> TlsFacts | TransportError:
    """Begin TLS, and look at the certificate."""
    context = route.ssl
    if not isinstance(context, ssl_module.SSLContext):
        context = await asyncio.to_thread(ssl_module.create_default_context)
    hint = _TLS_HINT
    try:
        async with asyncio.timeout(patience_s):
            await writer.start_tls(context, server_hostname=url.raw_host)
    except TimeoutError:
        reason = f"nothing came for {patience_s:g} s"
    except ssl_module.SSLCertVerificationError as error:
        reason, hint = error.verify_message, _CERTIFICATE_HINT
    except OSError as error:
        reason = _reason(error)
    else:
        secured = writer.get_extra_info("ssl_object")
        until = ssl_module.cert_time_to_seconds(secured.getpeercert()["notAfter"])
        return TlsFacts(version=secured.version(), expires_at=datetime.fromtimestamp(until, UTC))
    return TransportError(f"no TLS with {url.host}: {reason}", endpoint=route.endpoint, hint=hint)


def _whom(route: Route) -> str:
    return f"the proxy {route.proxy.url}" if route.proxy else str(URL(route.endpoint).host)


def _unreached(route: Route, message: str) -> TransportError:
    hint = _PROXY_HINT if route.proxy else _REACH_HINT
    return TransportError(message, endpoint=route.endpoint, unreachable=True, hint=hint)


def _peer(writer: asyncio.StreamWriter) -> str:
    host, port, *_ = writer.get_extra_info("peername")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reason(error: OSError) -> str:
    if isinstance(error, ssl_module.SSLError):
        spoken = error.reason != "WRONG_VERSION_NUMBER"
        return str(error.reason or error) if spoken else "what answers there does not speak it"
    # asyncio's own words quote the address that the message has already.
    return os.strerror(error.errno) if error.errno else str(error) or type(error).__name__
