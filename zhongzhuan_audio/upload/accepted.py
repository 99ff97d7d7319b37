"""What can be a recording."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable
from mmap import mmap
from typing import IO, Protocol, TypeAlias

__all__ = ["ACCEPTED", "AsyncReadable", "AudioFile", "Openable"]

ACCEPTED = "give a path, bytes, (name, bytes), an open binary file, an async iterable of bytes or an upload object"
"""The hint where something is no recording."""


class AsyncReadable(Protocol):
    """An upload that a web framework hands on: FastAPI's or Starlette's ``UploadFile``, an aiofiles file."""

    async def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, empty at the end."""
        ...


class Openable(Protocol):
    """A path-like object that opens itself: ``upath.UPath``, ``zipfile.Path``."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        ...

    def open(self, mode: str, /) -> IO[bytes]:
        """Return a binary file."""
        ...


AudioFile: TypeAlias = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | mmap
    | tuple[str, bytes]
    | IO[bytes]
    | AsyncIterable[bytes]
    | AsyncReadable
    | Openable
)
"""Everything that `transcribe` takes as a recording."""
