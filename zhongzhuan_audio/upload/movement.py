"""Whether a connection still takes what is sent over it."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from contextlib import suppress
from types import TracebackType

__all__ = ["moving"]

_LOOKS = 4
"""How often it is looked, within the time that a connection may stand still, whether it moves."""

# Of Linux's `struct tcp_info`: the 64 bits of `tcpi_bytes_acked`, there since Linux 4.1.
_ACKED = struct.Struct("@120xQ")


class moving:  # noqa: N801 - reads as an adjective at the `async with`
    """Ends a block, in which nothing is written, with a TimeoutError once the connection has stood still for so long.

    It costs a drain no more than `asyncio.timeout` does, and does not cancel it to look: aiohttp's cannot go on then.
    """

    def __init__(self, transport: asyncio.WriteTransport, still_s: float | None) -> None:
        self._transport = transport
        self._still_s = still_s
        self._limit = asyncio.timeout(None)
        self._unmoved = 0

    async def __aenter__(self) -> None:
        """Begin to look."""
        await self._limit.__aenter__()
        if self._still_s is not None:
            self._taken = _taken(self._transport)
            self._look_later(self._still_s / _LOOKS)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Look no more.

        Raises:
            TimeoutError: It has stood still.
        """
        if self._still_s is not None:
            self._timer.cancel()
        await self._limit.__aexit__(kind, error, traceback)

    def _look_later(self, wait_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._look, wait_s)

    def _look(self, wait_s: float) -> None:
        taken = _taken(self._transport)
        self._taken, self._unmoved = taken, self._unmoved + 1 if taken == self._taken else 0
        if self._unmoved < _LOOKS:
            self._look_later(wait_s)
        else:
            self._limit.reschedule(asyncio.get_running_loop().time())


def _taken(transport: asyncio.WriteTransport) -> int:
    """Return a number that changes when the peer takes something.

    On Linux the bytes that the peer's system has acknowledged. A buffer of ours does not tell: asyncio's TLS counts
    none of what its inner transport holds, and the system asks for more only once a third of its own buffer is free,
    which takes minutes on a slow link. Elsewhere there is only that buffer.

    Source: linux/include/uapi/linux/tcp.h.
    """
    connection = transport.get_extra_info("socket")
    if sys.platform == "linux" and connection is not None:
        # It may be closed, and what stands in for a socket may not tell.
        with suppress(OSError, TypeError, struct.error):
            (acked,) = _ACKED.unpack(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKED.size))
            return int(acked)
    return transport.get_write_buffer_size()
