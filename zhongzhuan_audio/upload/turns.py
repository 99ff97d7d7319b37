"""How the uploads of a loop share its time and their memory."""

from __future__ import annotations

import asyncio
import mmap
import sys
from collections import deque
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["CHUNK_BYTES", "Turns", "forget_closed"]

CHUNK_BYTES = 512 * 1024
"""The largest buffer of one upload. Half of it costs a tenth more at 1 GB, and a quarter more at 10 MB, four at once;
twice as much gains nothing, and lets the loop stand still for longer."""

_LEAST_BYTES = 32 * 1024
_HELD_BYTES = 8 * 1024 * 1024
"""What the buffers of all uploads come to, where their least is not more, while their links take less than they give.

Of a link that takes whatever it is given nothing is held: its upload has the largest buffer, however many there are, as
long as those come to no more than this, too. Sixty-four of 20 MB take three quarters of the time with that.
"""
_TURN_BYTES = 2 * 1024 * 1024
"""What all uploads together read and send in one turn of the loop; it takes about 2 ms.

Many small pieces would share it as well, but each piece costs some 20 µs beside its bytes.
"""


class Turns:
    """Lets so many uploads send a piece in each turn of a loop, one after the other."""

    def __init__(self) -> None:
        # It holds no loop: what is found by one weakly would keep it for ever.
        self._uploads = 0
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()
        self._is_coming = False
        self.piece_bytes: int = CHUNK_BYTES
        """How much an upload holds while its link is busy: a power of two, so that it seldom changes."""
        self._idle: dict[int, list[mmap.mmap]] = {}
        """By their size."""
        self._large = 0
        """How many of the largest are lent."""

    @classmethod
    def here(cls) -> Turns:
        """Return those of the running loop."""
        loop = asyncio.get_running_loop()
        turns = _of_loops.get(loop)
        if turns is None:
            forget_closed(_of_loops)
            turns = _of_loops[loop] = cls()
        return turns

    def join(self) -> None:
        """Have one more upload take its turns."""
        self._count(1)

    def leave(self) -> None:
        """Have one less."""
        self._count(-1)

    def _count(self, change: int) -> None:
        self._uploads += change
        even = _HELD_BYTES // max(1, self._uploads)
        piece_bytes = min(CHUNK_BYTES, max(_LEAST_BYTES, 1 << (even.bit_length() - 1)))
        if piece_bytes != self.piece_bytes or not self._uploads:
            self._idle.clear()
        self.piece_bytes = piece_bytes

    def lend(self, *, whole: bool = False) -> mmap.mmap:
        """Return a buffer for one piece: the one that was used last, which the processor has at hand.

        Each upload would find one of its own cold: sixty-four took a sixth more time with them. It begins where a page
        of memory does: a large `bytearray` begins 16 bytes behind that, and some processors take seven times as long to
        copy there from a file's page.

        Args:
            whole: Give one of the largest, if there is room: the link has taken at once all that it was given.
        """
        is_large = whole and self._large * CHUNK_BYTES < _HELD_BYTES
        size_bytes = CHUNK_BYTES if is_large else self.piece_bytes
        self._large += size_bytes == CHUNK_BYTES
        idle = self._idle.get(size_bytes)
        return idle.pop() if idle else _pages(size_bytes)

    def take_back(self, buffer: mmap.mmap, *, is_free: bool) -> None:
        """Take a buffer that was lent.

        Args:
            buffer: What `lend` returned.
            is_free: Whether no transport holds anything of it, so that it can be lent again.
        """
        size_bytes = len(buffer)
        self._large -= size_bytes == CHUNK_BYTES
        if is_free and size_bytes in (CHUNK_BYTES, self.piece_bytes):
            self._idle.setdefault(size_bytes, []).append(buffer)

    async def next(self, piece_bytes: int) -> None:
        """Give way to all else, and to the uploads whose turn is before.

        Args:
            piece_bytes: What will be sent then, at most or thereabouts.
        """
        if self._uploads * self.piece_bytes <= _TURN_BYTES:
            await asyncio.sleep(0)
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append((waiter, piece_bytes))
        self._come()
        await waiter

    def _come(self) -> None:
        if not self._is_coming:
            self._is_coming = True
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        self._is_coming = False
        room = _TURN_BYTES
        while self._waiting and room > 0:
            waiter, piece_bytes = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                room -= piece_bytes
        if self._waiting:
            self._come()


def forget_closed(of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Any]) -> None:
    """Let go of what belongs to loops that were closed with somebody waiting: who waits would keep it and them."""
    # A list at once: another thread may begin a loop of its own meanwhile.
    for found in of_loops.keyrefs():
        loop = found()
        if loop is not None and loop.is_closed():
            of_loops.pop(loop, None)


def _pages(size_bytes: int) -> mmap.mmap:
    if sys.platform == "win32":
        return mmap.mmap(-1, size_bytes)
    return mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()
