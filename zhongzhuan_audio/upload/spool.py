"""Keeping what can be read only once, so that it has a size and can be sent again."""

from __future__ import annotations

import io
import select
import tempfile
from collections.abc import AsyncIterable, AsyncIterator
from typing import IO, TYPE_CHECKING, Any

from zhongzhuan_audio.errors import AudioSourceError
from zhongzhuan_audio.upload.daemons import in_daemon_thread
from zhongzhuan_audio.upload.readers import close_in_thread, in_thread

if TYPE_CHECKING:
    from aiohttp import BodyPartReader

__all__ = [
    "MAX_SPOOLED_BYTES",
    "MEMORY_BYTES",
    "chunks_of_async_reader",
    "chunks_of_file",
    "chunks_of_part",
    "spool",
    "too_long",
]

CHUNK_BYTES = 256 * 1024
MEMORY_BYTES = 256 * 1024
"""Up to this many bytes are kept in memory; more go to an unnamed temporary file."""
MAX_SPOOLED_BYTES = 2 * 1024**3
"""What is longer is taken for endless, before it has filled the disk.

Eighty times what OpenAI takes (25 MiB), and eighteen hours of a plain WAV at 16 kHz.
"""


async def chunks_of_file(file: Any) -> AsyncIterator[bytes | None]:
    """Read a blocking file object to its end, in threads that nobody waits for: it may stay silent."""
    if hasattr(select, "poll") and isinstance(file, io.BufferedReader) and isinstance(file.raw, io.FileIO):
        size = CHUNK_BYTES
        # A terminal's end is said once, and would be waited for again.
        while size == CHUNK_BYTES and (piece := await in_daemon_thread(_read_when_there, file)):
            size = len(piece)
            yield piece
        return
    # None is no end: a file that does not block says so where nothing has come yet. It is refused as no bytes.
    while (chunk := await in_daemon_thread(file.read, CHUNK_BYTES)) or chunk is None:
        yield chunk


def _read_when_there(file: io.BufferedReader) -> bytes:
    """Read a chunk, a shorter one at the end, and wait for it outside of the file.

    A read that waits holds the file's lock: whoever closes the file would wait too, and Python itself, which closes
    stdin at exit, would abort.
    """
    poll = select.poll()
    poll.register(file.fileno(), select.POLLIN)
    kept = bytearray()
    while len(kept) < CHUNK_BYTES:
        poll.poll()
        # What was buffered before comes with the first bytes to follow, or with the end.
        if not (piece := file.read1(CHUNK_BYTES - len(kept))):
            break
        kept += piece
    return bytes(kept)


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


async def spool(chunks: AsyncIterable[object], *, source: str, max_bytes: int = MAX_SPOOLED_BYTES) -> bytes | IO[bytes]:
    """Gather chunks: bytes where they are few, else a temporary file that vanishes when it is closed.

    Args:
        chunks: What to gather; its own errors come out as they are.
        source: What to call it in a message.
        max_bytes: The most that is kept.

    Raises:
        AudioSourceError: A chunk is not bytes, there are too many, or the temporary folder is full or not writable.
    """
    kept, left = bytearray(), max_bytes
    file: IO[bytes] | None = None
    try:
        async for chunk in chunks:
            if not isinstance(chunk, (bytes, bytearray, memoryview)):
                kind = type(chunk).__name__
                raise AudioSourceError(f"{source} gave {kind}, not bytes", hint="give bytes", source=source)
            left -= chunk.nbytes if isinstance(chunk, memoryview) else len(chunk)
            if left < 0:
                raise too_long(source, max_bytes)
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


def too_long(source: str, max_bytes: int) -> AudioSourceError:
    """Return the error for what is not kept any further."""
    return AudioSourceError(
        f"{source} goes on past {max_bytes / 1024**3:g} GiB, as if it had no end",
        hint="give a recording that has an end; one that is really so long is sent from a file",
        source=source,
    )


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
