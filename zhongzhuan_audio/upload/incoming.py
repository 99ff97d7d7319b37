"""What a peer says before it is asked, or while we still send to it."""

from __future__ import annotations

import asyncio
import selectors

__all__ = ["Incoming"]

_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)
"""Neither holds a descriptor of its own."""


class Incoming:
    """Whether there is something to read on a connection that the loop has not read yet."""

    def __init__(self, transport: asyncio.BaseTransport) -> None:
        self._selector = _Selector()
        connection = transport.get_extra_info("socket")
        if connection is not None:
            self._selector.register(connection.fileno(), selectors.EVENT_READ)

    def waits(self) -> bool:
        """Tell whether there are bytes, or the end of all bytes."""
        return bool(self._selector.select(0))

    async def let_in(self) -> None:
        """Give way to the loop where there is something to read.

        A relay that refuses early resets the connection behind its answer. A write that then fails makes asyncio close
        the transport with the answer unread.
        """
        if self.waits():
            # In its next turn the loop comes back here before it reads, in the one after that it has read.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
