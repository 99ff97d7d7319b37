"""Keeping what can be read only once, so that it has a size and can be sent again."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterable, AsyncIterator
from typing import IO, Any

from aiohttp import BodyPartReader

from zhongzhuan_audio.errors import AudioSourceError
from zhongzhuan_audio.upload.readers import close_in_thread, in_thread

__all__ = ["MEMORY_BYTES", "chunks_of_async_reader", "chunks_of_file", "chunks_of_part", "spool"]

CHUNK_BYTES = 256 * 1024
MEMORY_BYTES = 256 * 1024
"""Up to this many bytes are kept in memory; more go to an unnamed temporary file."""


async def chunks_of_file(file: Any) -> AsyncIterator[bytes | None]:
    """Read a blocking file object to its end in a worker thread."""
    # None is no end: a file that does not block says so where nothing has come yet. It is refused as no bytes.
    while (chunk := await in_thread(file.read, CHUNK_BYTES)) or chunk is None:
        yield chunk


async def chunks_of_async_reader(file: Any) -> AsyncIterator[bytes]:
    """Read an object with an async ``read`` to its end, at once where that takes no size."""
    try:
        reading = file.read(CHUNK_BYTES)
    except TypeError:
        # An async function that is called with what it does not take has not begun.
        yield await file.read()
        return
    while chunk := await reading:
        yield chunk
        reading = file.read(CHUNK_BYTES)


async def chunks_of_part(part: BodyPartReader) -> AsyncIterator[bytes]:
    """Read a part of a multipart request to its end, decoded if it is encoded."""
    while chunk := await part.read_chunk(CHUNK_BYTES):
        async for piece in part.decode_iter(chunk):
            yield piece


async def spool(chunks: AsyncIterable[object], *, source: str) -> bytes | IO[bytes]:
    """Gather chunks: bytes where they are few, else a temporary file that vanishes when it is closed.

    Args:
        chunks: What to gather; its own errors come out as they are.
        source: What to call it in a message.

    Raises:
        AudioSourceError: A chunk is not bytes, or the temporary folder is full or not writable.
    """
    kept = bytearray()
    file: IO[bytes] | None = None
    try:
        async for chunk in chunks:
            if not isinstance(chunk, (bytes, bytearray, memoryview)):
                kind = type(chunk).__name__
                raise AudioSourceError(f"{source} gave {kind}, not bytes", hint="give bytes", source=source)
            kept += chunk
            if len(kept) > MEMORY_BYTES:
                file = await in_thread(_append, file, kept, source)
                kept = bytearray()
        if file is not None:
            await in_thread(_append, file, kept, source)
    except BaseException:
        if file is not None:
            close_in_thread(file)
        raise
    return bytes(kept) if file is None else file


def _append(file: IO[bytes] | None, data: bytearray, source: str) -> IO[bytes]:
    try:
        file = tempfile.TemporaryFile() if file is None else file  # noqa: SIM115 - the caller closes it
        file.write(data)
        file.flush()
    except OSError as error:
        raise AudioSourceError(
            f"cannot keep {source} in a temporary file: {error.strerror or error}",
            hint="free space, or set TMPDIR to a folder that has some",
            source=source,
        ) from error
    return file
