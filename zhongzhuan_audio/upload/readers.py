"""One pass over the bytes of a recording, into a buffer of the caller's, without blocking the loop.

Only a real path is read by descriptor: a wrapper's descriptor (``gzip.open(f).fileno()``) gives other bytes than the
wrapper does.
"""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, TypeVar

from zhongzhuan_audio.errors import AudioSourceError

__all__ = [
    "BytesReader",
    "DescriptorReader",
    "FileReader",
    "Reader",
    "SharedFile",
    "close_in_thread",
    "in_thread",
    "pread",
]

T = TypeVar("T")

_RWF_NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None)
_AHEAD_BYTES = 4 * 1024 * 1024
"""How much more is asked of the disk when a read had to wait."""
_NOT_CACHED = {errno.EAGAIN, errno.EWOULDBLOCK}
_NO_NOWAIT = {errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS}


async def in_thread(function: Callable[..., T], *args: Any) -> T:
    """Run a blocking function on the loop's own executor; cheaper by half than `anyio.to_thread` for a short call."""
    return await asyncio.get_running_loop().run_in_executor(None, function, *args)


def close_in_thread(file: Any) -> None:
    """Close a file off the loop, without waiting: where a thread still reads from it, a close waits for the read."""
    asyncio.get_running_loop().run_in_executor(None, file.close)


class Reader(Protocol):
    """A single pass; `close` may be called at any time and more than once."""

    async def readinto(self, view: memoryview) -> int:
        """Fill the beginning of `view` and return how many bytes came; 0 at the end."""
        ...

    async def size(self) -> int:
        """Return the source's size in bytes as it is now."""
        ...

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from somewhere else, the place in the pass unchanged. Blocks; for a thread."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


class BytesReader:
    """Reads what is in memory already."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._position = 0

    async def readinto(self, view: memoryview) -> int:
        """Copy the next stretch."""
        piece = self._data[self._position : self._position + len(view)]
        view[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    async def size(self) -> int:
        """Return the number of bytes."""
        return len(self._data)

    def read_at(self, offset: int, size: int) -> bytes:
        """Return a stretch."""
        return bytes(self._data[offset : offset + size])

    def close(self) -> None:
        """Do nothing: the bytes are the caller's."""


def _pread_portable(fd: int, view: memoryview, offset: int) -> int:
    """Read at an offset where the platform has no preadv; the descriptor must not be shared."""
    os.lseek(fd, offset, os.SEEK_SET)
    data = os.read(fd, len(view))
    view[: len(data)] = data
    return len(data)


def pread(fd: int, view: memoryview, offset: int) -> int:
    """Read at an offset into `view`, blocking; return how many bytes came."""
    if hasattr(os, "preadv"):
        return os.preadv(fd, [view], offset)
    return _pread_portable(fd, view, offset)  # pragma: no cover - Windows


class DescriptorReader:
    """Reads a descriptor: what the page cache holds inline, the rest in a worker thread.

    The kernel's own read-ahead is switched off, for it would be worked off on the loop, by up to 8 MiB at a time
    (measured: 33 ms); the thread asks for what comes next instead.

    A cached read of 256 KiB costs tens of microseconds, a thread hop more; a read that would wait for the disk never
    happens on the loop (``RWF_NOWAIT``, Linux 4.14). File systems without it (tmpfs, most network mounts) are read in
    the thread throughout.
    """

    def __init__(self, fd: int, *, owned: bool = True) -> None:
        self._fd = fd
        self._owned = owned
        self._offset = 0
        self._nowait = _RWF_NOWAIT is not None
        if self._nowait and owned:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
        self._lock = threading.Lock()
        self._reading = False
        self._closed = False

    async def readinto(self, view: memoryview) -> int:
        """Fill the beginning of `view`; a cached read may give less than there is room for."""
        count = self._read_cached(view) if self._nowait else None
        if count is None:
            count = await in_thread(self._read_blocking, view, self._offset)
        self._offset += count
        return count

    async def size(self) -> int:
        """Return the file's size as it is now."""
        return os.fstat(self._fd).st_size

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes, fewer at the end; none once the reader is closed."""
        data = bytearray(size)
        filled = 0
        while filled < size and (count := self._read_blocking(memoryview(data)[filled:], offset + filled)):
            filled += count
        return bytes(data[:filled])

    def close(self) -> None:
        """Close the descriptor, or leave that to the thread that is reading from it just now."""
        with self._lock:
            self._closed = True
            self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._closed and self._owned and not self._reading:
            self._owned = False
            os.close(self._fd)

    def _read_cached(self, view: memoryview) -> int | None:
        """Return the bytes read, or None where reading on would wait."""
        assert _RWF_NOWAIT is not None
        try:
            return os.preadv(self._fd, [view], self._offset, _RWF_NOWAIT)
        except OSError as error:
            if error.errno in _NOT_CACHED:
                return None
            if error.errno in _NO_NOWAIT:
                self._nowait = False
                return None
            raise

    def _read_blocking(self, view: memoryview, offset: int) -> int:
        # A cancelled upload closes at once while this thread may still wait for the disk; the descriptor must not be
        # closed (and its number given to another file) under it.
        with self._lock:
            if self._closed:
                return 0
            self._reading = True
        try:
            if self._nowait:
                os.posix_fadvise(self._fd, offset + len(view), _AHEAD_BYTES, os.POSIX_FADV_WILLNEED)
            return pread(self._fd, view, offset)
        finally:
            with self._lock:
                self._reading = False
                self._close_if_idle()


class SharedFile:
    """A file object of the caller's, which several calls may be sending at once: they share one position in it."""

    _guard = threading.Lock()
    _borrowed: ClassVar[dict[int, SharedFile]] = {}

    def __init__(self, file: Any) -> None:
        self.file: Any = file
        self.lock: threading.Lock = threading.Lock()
        self._users = 0
        self._start: int | None = None

    @classmethod
    def borrow(cls, file: Any) -> SharedFile:
        """Return what the calls that send this file at the moment have in common; to be given back."""
        with cls._guard:
            shared = cls._borrowed.setdefault(id(file), cls(file))
            shared._users += 1  # noqa: SLF001 - its own class
            return shared

    def give_back(self) -> None:
        """Let go of the file; the caller keeps it, open."""
        with self._guard:
            self._users -= 1
            if not self._users:
                self._borrowed.pop(id(self.file), None)

    def start(self) -> int:
        """Return where the file stood when the first of the calls looked at it. Blocks."""
        with self.lock:
            if self._start is None:
                self._start = int(self.file.tell())
            return self._start

    def rewind(self) -> None:
        """Put the file back to where it stood; calls that send it meanwhile read on where they are. Blocks."""
        start = self.start()
        with self.lock:
            self.file.seek(start)


class FileReader:
    """Reads a file object through its own methods, in a worker thread, where it is opened too."""

    def __init__(self, opener: Callable[[], Any], *, start: int = 0, shared: SharedFile | None = None) -> None:
        self._opener = opener
        self._start = start
        self._offset = start
        self._owned = shared is None
        self._lock = threading.Lock() if shared is None else shared.lock
        self._closed = False
        self._file: Any = None

    async def readinto(self, view: memoryview) -> int:
        """Fill the beginning of `view`."""
        return await in_thread(self._read, view)

    async def size(self) -> int:
        """Return how many bytes there are from the starting position on."""
        return await in_thread(self._measure)

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes, counted from the starting position; none once the reader is closed."""
        with self._lock:
            if self._closed:
                return b""
            file = self._opened()
            file.seek(self._start + offset)
            return bytes(file.read(size))

    def close(self) -> None:
        """Close the file if it was opened here, off the loop; a caller's file stays open."""
        self._closed = True
        if self._owned and self._file is not None:
            close_in_thread(self._file)
        self._file = None

    def _opened(self) -> Any:
        if self._file is None:
            self._file = self._opener()
        return self._file

    def _measure(self) -> int:
        with self._lock:
            file = self._opened()
            file.seek(0, os.SEEK_END)
            return int(file.tell()) - self._start

    def _read(self, view: memoryview) -> int:
        # Another call may have moved the file since: the place is sought each time, and kept till the bytes are here.
        with self._lock:
            file = self._opened()
            if file.tell() != self._offset:
                file.seek(self._offset)
            data = file.read(len(view))
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise AudioSourceError(
                f"the file object's read() gave {type(data).__name__}, not bytes", hint="open the file with mode 'rb'"
            )
        if len(data) > len(view):
            raise AudioSourceError("the file object's read(size) gave more than that", hint="give its bytes")
        view[: len(data)] = data
        self._offset += len(data)
        return len(data)
