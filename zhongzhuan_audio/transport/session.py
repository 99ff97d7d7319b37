"""One aiohttp session a client, made at the first request, in the loop that makes it."""

from __future__ import annotations

import asyncio
import os
import ssl as ssl_module
from collections.abc import Sequence

import aiohttp
import attrs
from yarl import URL

from zhongzhuan_audio.config import Limits, is_loopback
from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.transport.connections import CleanConnections, go_direct
from zhongzhuan_audio.transport.pacing import Pacer
from zhongzhuan_audio.transport.proxies import Proxy, find_proxy, parse_proxy
from zhongzhuan_audio.transport.route import Route

__all__ = ["Network", "Opened", "SessionKeeper", "check_left"]


def check_left(loop: asyncio.AbstractEventLoop) -> None:
    """Find out whether the loop that a client was used in is gone, so that another can have it.

    Raises:
        ConfigurationError: It is not.
    """
    if not loop.is_closed():
        raise ConfigurationError(
            "this client is in use in another event loop",
            hint="make one AsyncClient a loop, or use Client, which any thread may call",
        )


def _parsed_proxy(proxy: str | Proxy | None) -> Proxy | None:
    return parse_proxy(proxy) if isinstance(proxy, str) else proxy


@attrs.frozen(kw_only=True, repr=False)
class Network:
    """How a client reaches the network."""

    proxy: Proxy | None = attrs.field(default=None, converter=_parsed_proxy)
    trust_env: bool = True
    """Whether proxy variables and SSL_CERT_FILE count."""
    ssl: ssl_module.SSLContext | bool | None = attrs.field(default=None, repr=False)
    """A context, False for no check of certificates at all, None for the default."""

    def find_route(self, endpoint: str) -> Route:
        """Return how to reach an endpoint. Blocks: it may load certificates or ask the system for its proxies.

        Raises:
            ConfigurationError: A proxy variable or SSL_CERT_FILE names what cannot be used.
        """
        proxy = self.proxy or (find_proxy(endpoint) if self.trust_env else None)
        return Route(endpoint=endpoint, proxy=proxy, ssl=self._tls(endpoint))

    def _tls(self, endpoint: str) -> ssl_module.SSLContext | bool:
        if self.ssl is not None:
            return self.ssl
        # aiohttp's default context was made at import: later changes of the variable would go unseen.
        path = os.environ.get("SSL_CERT_FILE") if self.trust_env and endpoint.startswith("https:") else None
        if not path:
            return True
        try:
            return ssl_module.create_default_context(cafile=path)
        except OSError as error:
            reason = error.strerror or "it holds no certificates"
            raise ConfigurationError(f"SSL_CERT_FILE names {path}, which cannot be used: {reason}") from None


@attrs.frozen(kw_only=True, eq=False)
class Opened:
    """What belongs to one event loop."""

    session: aiohttp.ClientSession
    pacer: Pacer
    loop: asyncio.AbstractEventLoop


def _within(limits: Limits, connector: aiohttp.BaseConnector | None) -> Limits:
    """Return limits that let no more run at once than there may be connections, of a caller's session too.

    What waits for one inside aiohttp would look like a relay that cannot be reached.
    """
    most = (connector.limit, connector.limit_per_host) if connector is not None else ()
    return attrs.evolve(limits, max_concurrency=min((limits.max_concurrency, *(each for each in most if each))))


class SessionKeeper:
    """Makes the session when it is first needed, and again in another loop once its own is gone.

    Raises:
        ConfigurationError: The session given has a user and a password, which aiohttp refuses to send beside a key.
    """

    def __init__(self, network: Network, limits: Limits, session: aiohttp.ClientSession | None = None) -> None:
        if session is not None and session.auth is not None:
            raise ConfigurationError(
                "the aiohttp session given to this client has auth=, which would stand where the relay's key goes",
                hint="give a session without auth=",
            )
        self._network = network
        self._limits = limits
        self._given = session
        self._connections = CleanConnections(shared=session is not None)
        # A request's own take the place of its session's. Ours comes last: next to the connection.
        others: Sequence[aiohttp.ClientMiddlewareType] = session._middlewares if session else ()  # noqa: SLF001 - see above
        self._middlewares: tuple[aiohttp.ClientMiddlewareType, ...] = (*others, self._connections)
        self._opened: Opened | None = None
        self._routes: dict[str, Route] = {}

    async def route(self, endpoint: str) -> Route:
        """Return how to reach an endpoint; found once, in a thread.

        Raises:
            ConfigurationError: A proxy or certificate setting is wrong.
        """
        found = self._routes.get(endpoint)
        if found is None:
            found = await asyncio.to_thread(self._network.find_route, endpoint)
            middlewares = self._middlewares
            if self._given is not None and found.proxy is None and is_loopback(URL(endpoint).host or ""):
                middlewares = (*middlewares[:-1], go_direct, middlewares[-1])
            found = self._routes[endpoint] = attrs.evolve(found, middlewares=middlewares)
        return found

    def open(self) -> Opened:
        """Return the session of the running loop.

        Raises:
            ConfigurationError: The client is in use in another loop that still runs, or the session given is closed.
        """
        loop = asyncio.get_running_loop()
        opened = self._opened
        if opened is None or opened.loop is not loop:
            if opened is not None:
                check_left(opened.loop)
            session = self._given or self._make_session()
            pacer = Pacer(_within(self._limits, session.connector))
            opened = self._opened = Opened(session=session, pacer=pacer, loop=loop)
        if opened.session.closed:
            raise ConfigurationError("the aiohttp session given to this client is closed")
        return opened

    def distrust_idle(self) -> None:
        """Send the next requests over new connections."""
        self._connections.distrust()

    def _make_session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._limits.max_concurrency),
            # A relay sets no cookie that matters, and a jar costs on each request.
            cookie_jar=aiohttp.DummyCookieJar(),
            # Proxies are found once an endpoint; aiohttp would hop to a thread twice a request, and read .netrc.
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the session that was made here; a session given stays open."""
        opened, self._opened = self._opened, None
        if opened is not None and self._given is None and opened.loop is asyncio.get_running_loop():
            await opened.session.close()
