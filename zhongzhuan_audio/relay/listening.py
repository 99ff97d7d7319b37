"""The relay's socket: opened, served by aiohttp, and told about without a word of what a client sent."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, final

from aiohttp import http_exceptions, web
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from zhongzhuan_audio.errors import ConfigurationError

__all__ = ["leave", "listen"]

_SHUTDOWN_S = 0.5
_LINGER_S = 2.0
"""How long the rest of a refused upload is read away, so that the client sees the answer and not a reset."""

_HINTS = {
    errno.EADDRINUSE: "another program has the port; port 0 takes any free one",
    errno.EACCES: "this user may not have the port: take one from 1024 on, or 0 for any free one",
    errno.EADDRNOTAVAIL: "this machine does not have the address: 127.0.0.1 is itself, 0.0.0.0 all that it has",
}
_UNKNOWN_HOST = "no such host is known here: 127.0.0.1 is this machine, 0.0.0.0 all of its addresses"


async def listen(
    application: web.Application,
    host: str,
    port: int,
    *,
    stack: AsyncExitStack,
    break_off: Callable[[], Awaitable[None]],
) -> asyncio.Server:
    """Serve an application until the stack is closed.

    Args:
        application: What answers.
        host: Address or name to listen on.
        port: 0 means any free one.
        stack: Gets what ends it all.
        break_off: Called when nobody can connect any more, before the connections there are get closed.

    Returns:
        What listens.

    Raises:
        ConfigurationError: The address cannot be had.
    """
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_S)
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    manager, loop = runner.server, asyncio.get_running_loop()
    assert manager is not None

    def connection() -> _Connection:
        return _Connection(manager, loop=loop, access_log=None, logger=_logger, lingering_time=_LINGER_S)

    try:
        server = await loop.create_server(connection, host, port)
    except (OSError, UnicodeError) as error:
        raise _refused(host, port, error) from error
    # Before the runner's own clean-up, which would wait for requests that nobody will see the answer of.
    stack.push_async_callback(break_off)
    stack.callback(server.close)
    return server


def leave(server: asyncio.Server) -> None:
    """Close the sockets of a server whose loop is closed: it cannot do so itself any more."""
    for each in server.sockets:
        # Another loop than asyncio's own has closed them by then.
        if (own := getattr(each, "_sock", None)) is not None:
            own.close()


def _refused(host: str, port: int, error: OSError | UnicodeError) -> ConfigurationError:
    if isinstance(error, socket.gaierror | UnicodeError):
        reason = error.strerror if isinstance(error, OSError) else "it cannot be a host's name"
        return ConfigurationError(f"cannot listen on {host}: {reason}", hint=_UNKNOWN_HOST)
    # Newer Pythons pass over an address that is not this machine's, and raise an error without a number in the end.
    hint = _HINTS.get(error.errno or errno.EADDRNOTAVAIL)
    return ConfigurationError(f"cannot listen on {host} port {port}: {error.strerror or error}", hint=hint)


@final
class _QuietLogger(logging.LoggerAdapter[logging.Logger]):
    """Says in one line at level DEBUG what a client did wrong.

    aiohttp would show the exceptions, which quote what could not be read: the whole head, the key in it.
    """

    def log(self, level: int, msg: object, *args: object, exc_info: Any = None, **options: Any) -> None:
        """Log an error of a client's without its words; of any other leave out the frame that holds the head."""
        if isinstance(exc_info, _CLIENTS_FAULTS):
            super().log(logging.DEBUG, "a request that cannot be read: %s", type(exc_info).__name__)
            return
        if isinstance(exc_info, BaseException):
            trace = exc_info.__traceback__
            exc_info = (type(exc_info), exc_info, trace and trace.tb_next)
        super().log(level, msg, *args, exc_info=exc_info, **options)


_CLIENTS_FAULTS = (http_exceptions.HttpProcessingError, web.RequestPayloadError)
_logger: Any = _QuietLogger(logging.getLogger("zhongzhuan_audio.relay.http"), {})


@final
class _Connection(web.RequestHandler):
    """A client's connection, on which a body that turns out to be broken ends for its reader too.

    aiohttp's parser in C puts such an error only into the queue of requests, and the reader would wait for ever.
    """

    __slots__ = ("_body",)

    def __init__(self, manager: web.Server, **options: Any) -> None:
        super().__init__(manager, **options)
        self._body: StreamReader = EMPTY_PAYLOAD

    def data_received(self, data: bytes) -> None:
        """Take some bytes."""
        super().data_received(data)
        if self._messages and self._messages[-1][1] is not self._body:
            # What comes into the queue before a body is at its end can be nothing but an error.
            if not self._body.is_eof():
                self._body.set_exception(web.RequestPayloadError())
            self._body = self._messages[-1][1]
