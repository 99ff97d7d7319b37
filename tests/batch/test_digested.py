"""The digest by which a journal knows a recording."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from zhongzhuan_audio import AudioSourceError
from zhongzhuan_audio.batch.recorded import digested
from zhongzhuan_audio.journal import Journal
from zhongzhuan_audio.upload.readers import BytesReader
from zhongzhuan_audio.upload.source import Source


class Shrinking(BytesReader):
    """Says that it has ten bytes, and has four."""

    def __init__(self) -> None:
        super().__init__(memoryview(b"four"))

    async def size(self) -> int:
        """Return what was there a moment ago."""
        return 10


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    """An open one."""
    async with Journal(tmp_path / "run.sqlite") as journal:
        yield journal


def source_of(content: bytes) -> Source:
    """Return a recording in memory."""
    view = memoryview(content)
    return Source(label="a", filename="a.mp3", format=None, size_bytes=len(view), open=lambda: BytesReader(view))


@pytest.mark.parametrize("size_bytes", [1, 1 << 16, (1 << 16) + 1, 1 << 20, (1 << 21) + 1])
async def test_it_is_that_of_the_content(journal: Journal, size_bytes: int) -> None:
    """Of whatever size, also where the path that it was opened by is gone."""
    content = bytes(size_bytes - 1) + b"x"
    read, digest = await digested(source_of(content), "/no/such/file.mp3", journal)
    assert digest == hashlib.blake2b(content, digest_size=32).digest()
    reader = await read.open()
    assert reader.read_at(0, size_bytes) == content


async def test_one_that_shrinks_while_it_is_read_is_told(journal: Journal) -> None:
    """It has no digest."""
    source = Source(label="a.mp3", filename="a.mp3", format=None, size_bytes=10, open=Shrinking)
    with pytest.raises(AudioSourceError, match="10 bytes were announced, now there are 4"):
        await digested(source, "a.mp3", journal)
