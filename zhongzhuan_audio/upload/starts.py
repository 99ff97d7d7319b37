"""How many recordings a loop takes up in one of its turns."""

from __future__ import annotations

import asyncio
from collections import deque
from weakref import WeakKeyDictionary

from zhongzhuan_audio.upload.turns import forget_closed

__all__ = ["Starts"]

_AT_ONCE = 2
"""So many are opened in one turn of a loop, and mostly sent in the next.

Where many may begin, since as many answers have come, all of them would be opened before the first is sent. The loop
stands still for that, and the relay waits, whose answers come all together again then. Measured with 100 at once and
answers after 200 ms: 5% more requests a second. One at a time takes more turns of the loop than that gives.
"""


class Starts:
    """Lets few calls begin in each turn of a loop, in their order."""

    def __init__(self) -> None:
        # It holds no loop: what is found by one weakly would keep it for ever.
        self._begun = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @classmethod
    def here(cls) -> Starts:
        """Return those of the running loop."""
        loop = asyncio.get_running_loop()
        starts = _of_loops.get(loop)
        if starts is None:
            forget_closed(_of_loops)
            starts = _of_loops[loop] = cls()
        return starts

    async def next(self) -> None:
        """Wait for the turn of the loop in which one more may begin: mostly this one."""
        if self._begun < _AT_ONCE and not self._waiting:
            if not self._begun:
                asyncio.get_running_loop().call_soon(self._turn)
            self._begun += 1
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def _turn(self) -> None:
        self._begun = 0
        while self._waiting and self._begun < _AT_ONCE:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                self._begun += 1
        if self._begun:
            asyncio.get_running_loop().call_soon(self._turn)


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Starts] = WeakKeyDictionary()
