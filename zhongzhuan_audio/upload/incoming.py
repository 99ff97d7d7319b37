"""What a peer says before it is asked, or while we still send to it."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import Any

__all__ = ["Incoming"]


class Incoming:
    """Whether there is something to read on a connection that the loop has not read yet."""

    def __init__(self, transport: asyncio.BaseTransport) -> None:
        connection = transport.get_extra_info("socket")
        # Neither holds a descriptor of its own; a plain poll costs a third of what its selector does.
        self._poll: Callable[[int], list[Any]] = lambda _: []
        if connection is None or connection.fileno() < 0:
            # Closed, which whoever writes is told.
            return
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(connection.fileno(), select.POLLIN)
            self._poll = poll.poll
        else:  # pragma: no cover - Windows
            self._poll = lambda timeout: select.select([connection], [], [], timeout)[0]

    def waits(self) -> bool:
        """Tell whether there are bytes, or the end of all bytes."""
        return bool(self._poll(0))

    async def let_in(self) -> None:
        """Give way to the loop where there is something to read.

        A relay that refuses early resets the connection behind its answer. A write that then fails makes asyncio close
        the transport with the answer unread.
        """
        if self.waits():
            # In its next turn the loop comes back here before it reads, in the one after that it has read.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
