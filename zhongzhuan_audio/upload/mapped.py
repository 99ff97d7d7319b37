"""One pass over a mapped file."""

from __future__ import annotations

import zlib
from mmap import mmap

from zhongzhuan_audio.upload.readers import in_thread

__all__ = ["MappedReader"]


class MappedReader:
    """Reads a mapped file from a position on, in a worker thread.

    A copy out of it keeps the interpreter's lock, and so the loop, while a page comes from the disk. A checksum does
    not: one is made first, of each stretch, to have its pages in memory.
    """

    def __init__(self, mapped: mmap, start: int) -> None:
        self._mapped = mapped
        self._start = start
        self._offset = 0

    async def readinto(self, view: memoryview) -> int:
        """Copy the next stretch."""
        count = await in_thread(self._copy, view, self._offset)
        self._offset += count
        return count

    async def size(self) -> int:
        """Return the number of bytes from the starting position on."""
        return len(self._mapped) - self._start

    def read_at(self, offset: int, size: int) -> bytes:
        """Return a stretch, counted from the starting position. Blocks; for a thread."""
        data = bytearray(size)
        return bytes(data[: self._copy(memoryview(data), offset)])

    def close(self) -> None:
        """Do nothing: the mapping is the caller's, who may close it now."""

    def _copy(self, view: memoryview, offset: int) -> int:
        first = self._start + offset
        # A view that outlived this would keep the caller from closing the mapping.
        with memoryview(self._mapped) as whole, whole[first : first + len(view)] as piece:
            zlib.adler32(piece)
            view[: len(piece)] = piece
            return len(piece)
