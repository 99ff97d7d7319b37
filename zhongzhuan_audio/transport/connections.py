"""Keeps requests off connections on which something came while they were idle, or that have likely died of it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakSet

import aiohttp

from zhongzhuan_audio.transport.outgoing import Bodiless
from zhongzhuan_audio.upload.incoming import Incoming

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection

__all__ = ["CleanConnections", "carried", "go_direct"]

carried: ContextVar[Bodiless | None] = ContextVar("carried", default=None)
"""The request under way that has no body; one that has is told of its connection when that is written."""

_MOST_UNKNOWN = 3
"""How many connections a request passes over that it cannot tell from new ones: their server may speak first always."""


class _PassedOver(Exception):  # noqa: N818 - no error: it never leaves this module
    """The connection that aiohttp chose is not to be used; nothing was written to it."""


class CleanConnections:
    """A middleware of aiohttp's for each request, that looks at the connection before anything is written to it.

    aiohttp would take what came on an idle connection for the answer to the next request: a gateway's 408, or the
    transcript of another recording. A connection that is passed over is closed, and the request gets another one. This
    works on a session of the caller's own too, of which nothing is changed.

    Args:
        shared: Whether others send over the session too, so that a connection that was not seen here may be an old one.
    """

    def __init__(self, *, shared: bool) -> None:
        self._shared = shared
        self._seen: WeakKeyDictionary[ResponseHandler, Incoming] = WeakKeyDictionary()
        self._suspects: WeakSet[ResponseHandler] = WeakSet()

    def distrust(self) -> None:
        """Use none of the present connections again: where one died of its idleness the others have too."""
        self._suspects.update(self._seen)

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request over a connection that is new or clean.

        Raises:
            aiohttp.ClientConnectionError: Only connections came that said something before they were asked.
        """
        send = request.send
        unknown = 0

        async def send_if_clean(conn: Connection) -> aiohttp.ClientResponse:
            nonlocal unknown
            protocol = conn.protocol
            assert protocol is not None
            incoming = self._seen.get(protocol)
            if incoming is not None:
                if protocol in self._suspects or _is_unclean(protocol, incoming):
                    raise _PassedOver
            elif self._shared and protocol.should_close:
                unknown += 1
                raise _PassedOver
            if (bodiless := carried.get()) is not None:
                if bodiless.reused is not None:
                    # aiohttp sends a GET again by itself where its connection dies; whether to is decided elsewhere.
                    raise aiohttp.ServerDisconnectedError
                bodiless.connected(reused=incoming is not None)
            if incoming is None and protocol.transport is not None:
                self._seen[protocol] = Incoming(protocol.transport)
            return await send(conn)

        # The one place where aiohttp shows a request its connection with nothing written yet; the request is ours.
        request.send = send_if_clean  # type: ignore[method-assign]
        try:
            while unknown < _MOST_UNKNOWN:
                try:
                    return await handler(request)
                except _PassedOver:
                    continue
        finally:
            # A request that refers to itself would keep the recording in memory until the next collection of garbage.
            del request.send
        raise aiohttp.ClientConnectionError("the server says something on each connection before it is asked")


async def go_direct(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a request for this very machine through no proxy, whatever the caller's session has been told."""
    request.proxy = None
    return await handler(request)


def _is_unclean(protocol: ResponseHandler, incoming: Incoming) -> bool:
    """Tell whether anything came while a connection was idle, its end included, that the loop may not have read yet."""
    transport = protocol.transport
    return protocol.should_close or transport is None or transport.is_closing() or incoming.waits()
