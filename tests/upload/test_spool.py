"""Keeping what can be read only once."""

from __future__ import annotations

import asyncio
import io
import os
import tempfile
from collections.abc import AsyncIterator
from typing import IO, Any

import pytest

from zhongzhuan_audio.errors import AudioSourceError
from zhongzhuan_audio.upload.spool import MEMORY_BYTES, chunks_of_async_reader, chunks_of_file, spool


async def pieces(*chunks: bytes | bytearray | str) -> AsyncIterator[bytes]:
    """Give chunks one by one."""
    for chunk in chunks:
        yield chunk  # type: ignore[misc]


def content(kept: bytes | IO[bytes]) -> bytes:
    """Return what was kept, and let go of it."""
    if isinstance(kept, bytes):
        return kept
    with kept:
        kept.seek(0)
        return kept.read()


async def test_a_little_stays_in_memory() -> None:
    """Up to the limit no file is made."""
    kept = await spool(pieces(b"ab", bytearray(b"cd"), b"", b"x" * (MEMORY_BYTES - 4)), source="it")
    assert isinstance(kept, bytes)
    assert kept == b"abcd" + b"x" * (MEMORY_BYTES - 4)


async def test_much_goes_to_a_file() -> None:
    """Past the limit everything is in a temporary file, in order."""
    chunks = [bytes([number]) * 100_000 for number in range(10)]
    kept = await spool(pieces(*chunks), source="it")
    assert not isinstance(kept, bytes)
    assert content(kept) == b"".join(chunks)


async def test_a_file_and_an_async_reader_are_read_to_their_end() -> None:
    """Both ways give all bytes."""

    class Upload:
        def __init__(self) -> None:
            self.file = io.BytesIO(b"abc" * 200_000)

        async def read(self, size: int = -1) -> bytes:
            return self.file.read(size)

    for chunks in (chunks_of_file(io.BytesIO(b"abc" * 200_000)), chunks_of_async_reader(Upload())):
        assert content(await spool(chunks, source="it")) == b"abc" * 200_000


async def test_text_is_refused() -> None:
    """A chunk that is not bytes is named."""
    with pytest.raises(AudioSourceError, match="it gave str, not bytes"):
        await spool(pieces(b"x" * 300_000, "words"), source="it")


async def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the temporary folder says comes out, with what to do."""

    def full() -> IO[bytes]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(AudioSourceError, match="cannot keep it in a temporary file: No space left.*TMPDIR"):
        await spool(pieces(b"x" * 300_000), source="it")


async def test_what_has_no_end_is_given_up() -> None:
    """However it comes, in memory or past it; the temporary file is gone with it."""

    async def endless(chunk: bytes | memoryview) -> AsyncIterator[Any]:
        while True:
            yield chunk

    before = len(os.listdir("/proc/self/fd"))
    for chunk in (b"x" * 1000, memoryview(bytes(8000)).cast("d")):
        with pytest.raises(
            AudioSourceError, match=r"^it goes on past 0\.0078125 GiB, as if it had no end — give a rec"
        ):
            await spool(endless(chunk), source="it", max_bytes=2**23)
    with pytest.raises(AudioSourceError, match="no end"):
        await spool(endless(b"x"), source="it", max_bytes=1000)
    assert content(await spool(pieces(b"x" * 1000), source="it", max_bytes=1000)) == b"x" * 1000
    while len(os.listdir("/proc/self/fd")) > before:
        await asyncio.sleep(0.001)


async def test_an_error_of_the_source_comes_out_as_it_is() -> None:
    """What the caller's own iterator raises is the caller's."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 300_000
        raise ConnectionResetError("their socket")

    with pytest.raises(ConnectionResetError, match="their socket"):
        await spool(broken(), source="it")
