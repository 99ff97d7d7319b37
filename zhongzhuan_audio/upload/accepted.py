"""What can be a recording."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable
from mmap import mmap
from typing import IO, Protocol, TypeAlias

from zhongzhuan_audio.advice import Advice

__all__ = ["ACCEPTED", "AsyncReadable", "AudioFile", "Enclosing", "Openable"]

ACCEPTED = Advice(
    "give a path, bytes, (name, bytes), an open binary file, an async iterable of bytes or an upload object",
    command="name a file, or - for stdin",
)
"""The hint where something is no recording."""


class AsyncReadable(Protocol):
    """An upload that a web framework hands on: FastAPI's ``UploadFile``, aiohttp's ``BodyPartReader``.

    A `read` that takes a size is called with one until it gives no more; one that takes none is called once.
    """

    async def read(self) -> bytes:
        """Return bytes: all that are left, where no size is given."""
        ...


class Enclosing(Protocol):
    """An upload with an open file in it, to be read as that: aiohttp's ``FileField``."""

    @property
    def file(self) -> IO[bytes]:
        """The file."""
        ...

    @property
    def filename(self) -> str | None:
        """The name that it was uploaded under."""
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
    | Enclosing
    | Openable
)
"""Everything that `transcribe` takes as a recording."""
