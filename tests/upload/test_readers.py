"""Reading a recording without blocking the loop."""

from __future__ import annotations

import asyncio
import errno
import gzip
import io
import os
from pathlib import Path

import pytest

from zhongzhuan_audio.errors import AudioSourceError
from zhongzhuan_audio.upload import readers
from zhongzhuan_audio.upload.readers import BytesReader, DescriptorReader, FileReader, Reader, SharedFile


async def read_all(reader: Reader, *, step: int = 1000) -> bytes:
    """Read to the end in steps."""
    room, found = memoryview(bytearray(step)), b""
    while count := await reader.readinto(room):
        found += bytes(room[:count])
    return found


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A file of 10,000 bytes, no two stretches alike."""
    path = tmp_path / "recording.bin"
    path.write_bytes(b"".join(number.to_bytes(4, "big") for number in range(2500)))
    return path


def descriptor(path: Path) -> int:
    """Open a path for reading."""
    return os.open(path, os.O_RDONLY)


async def test_bytes_are_read_in_order() -> None:
    """What is in memory comes in the steps asked for, then the end."""
    reader = BytesReader(memoryview(b"abcdefg"))
    assert await reader.size() == 7
    assert await read_all(reader, step=3) == b"abcdefg"
    reader.close()


async def test_a_descriptor_gives_the_files_bytes(recording: Path) -> None:
    """A file comes whole and in order, and its size is told."""
    reader = DescriptorReader(descriptor(recording))
    assert await reader.size() == 10_000
    assert await read_all(reader) == recording.read_bytes()
    reader.close()


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.EOPNOTSUPP])
async def test_what_is_not_cached_is_read_in_a_thread(
    recording: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Where the kernel would have to wait, or has no such flag, the bytes come from the executor all the same."""
    asked: list[int] = []
    real = os.preadv

    def preadv(fd: int, buffers: list[memoryview], offset: int, flags: int = 0, /) -> int:
        if flags:
            asked.append(offset)
            raise OSError(code, "not now")
        return real(fd, buffers, offset)

    monkeypatch.setattr(os, "preadv", preadv)
    reader = DescriptorReader(descriptor(recording))
    assert await read_all(reader) == recording.read_bytes()
    reader.close()
    # A miss is asked for again each time, a missing flag only once.
    assert len(asked) == (11 if code == errno.EAGAIN else 1)


async def test_a_fault_of_the_disk_comes_out(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is neither of the two is not swallowed."""

    def preadv(*_: object) -> int:
        raise OSError(errno.EIO, "broken disk")

    monkeypatch.setattr(os, "preadv", preadv)
    reader = DescriptorReader(descriptor(recording))
    with pytest.raises(OSError, match="broken disk"):
        await reader.readinto(memoryview(bytearray(10)))
    reader.close()


async def test_a_platform_without_the_flag_reads_in_the_thread(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without RWF_NOWAIT nothing is read on the loop."""
    monkeypatch.setattr(readers, "_RWF_NOWAIT", None)
    reader = DescriptorReader(descriptor(recording))
    assert await read_all(reader) == recording.read_bytes()
    reader.close()


def test_the_portable_read_takes_an_offset(recording: Path) -> None:
    """The way for platforms without preadv reads the same bytes."""
    fd, room = descriptor(recording), memoryview(bytearray(8))
    assert readers._pread_portable(fd, room, 4) == 8
    assert bytes(room) == recording.read_bytes()[4:12]
    os.close(fd)


async def test_a_descriptor_is_not_closed_under_a_thread_that_reads(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancelled upload closes at once; the descriptor's number is free only when the read is over."""
    fd = descriptor(recording)
    loop = asyncio.get_running_loop()
    entered, leave = asyncio.Event(), asyncio.Event()
    real = readers.pread

    def slow(fd: int, view: memoryview, offset: int) -> int:
        loop.call_soon_threadsafe(entered.set)
        asyncio.run_coroutine_threadsafe(leave.wait(), loop).result(10)
        return real(fd, view, offset)

    monkeypatch.setattr(readers, "_RWF_NOWAIT", None)
    monkeypatch.setattr(readers, "pread", slow)
    reader = DescriptorReader(fd)
    task = asyncio.create_task(reader.readinto(memoryview(bytearray(10))))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    reader.close()
    assert os.fstat(fd).st_size == 10_000
    leave.set()
    await loop.shutdown_default_executor()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


async def test_a_closed_reader_reads_nothing(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read that begins after the close touches no descriptor, and a second close none either."""
    monkeypatch.setattr(readers, "_RWF_NOWAIT", None)
    reader = DescriptorReader(descriptor(recording))
    reader.close()
    reader.close()
    assert await reader.readinto(memoryview(bytearray(10))) == 0


async def test_a_borrowed_descriptor_stays_open(recording: Path) -> None:
    """A spool's descriptor serves the next attempt too."""
    fd = descriptor(recording)
    DescriptorReader(fd, owned=False).close()
    assert os.fstat(fd).st_size == 10_000
    os.close(fd)


async def test_a_file_is_read_through_its_own_methods(tmp_path: Path) -> None:
    """A gzip file gives what it holds, not the compressed bytes behind its descriptor."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"spoken words" * 100))
    with gzip.open(path) as file:
        reader = FileReader(lambda: file, shared=SharedFile(file))
        assert await reader.size() == 1200
        assert await read_all(reader) == b"spoken words" * 100
        reader.close()
        assert not file.closed


async def test_a_file_is_read_from_where_it_stood() -> None:
    """The size and the bytes begin at the starting position."""
    file = io.BytesIO(b"abcdefgh")
    reader = FileReader(lambda: file, start=3, shared=SharedFile(file))
    assert await reader.size() == 5
    assert await read_all(reader, step=2) == b"defgh"


async def test_a_file_opened_here_is_closed_here(recording: Path) -> None:
    """What the reader opened it closes, in the executor."""
    opened = []

    def opener() -> io.BufferedReader:
        opened.append(recording.open("rb"))
        return opened[-1]

    reader = FileReader(opener)
    reader.close()
    assert not opened
    assert len(await read_all(reader)) == 10_000
    reader.close()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert [file.closed for file in opened] == [True]


async def test_a_file_that_gives_text_is_refused() -> None:
    """A text stream behind a binary face is found out, with what to do."""
    with pytest.raises(AudioSourceError, match="gave str, not bytes.*'rb'"):
        await FileReader(lambda: io.StringIO("words")).readinto(memoryview(bytearray(10)))


async def test_a_file_that_gives_too_much_is_refused() -> None:
    """More than was asked for has no place in the buffer."""

    class Whole(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            return super().read()

    with pytest.raises(AudioSourceError, match="gave more than that"):
        await FileReader(lambda: Whole(bytes(20))).readinto(memoryview(bytearray(10)))
