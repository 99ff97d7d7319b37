"""Anything that can be a recording -> a `Source`."""

from __future__ import annotations

import inspect
import io
import os
import stat
from collections.abc import AsyncIterable, Callable
from mmap import mmap
from typing import IO, Any

import attrs
from aiohttp import BodyPartReader

from zhongzhuan_audio.audio import HEAD_BYTES, sniff, wire_filename
from zhongzhuan_audio.errors import AudioSourceError, ConfigurationError, UnsupportedAudioError
from zhongzhuan_audio.upload.accepted import ACCEPTED
from zhongzhuan_audio.upload.daemons import close_in_daemon_thread, in_daemon_thread
from zhongzhuan_audio.upload.faults import explained
from zhongzhuan_audio.upload.mapped import MappedReader
from zhongzhuan_audio.upload.objects import flat, is_seekable, name_of
from zhongzhuan_audio.upload.readers import (
    BytesReader,
    DescriptorReader,
    FileReader,
    Reader,
    SharedFile,
    in_thread,
)
from zhongzhuan_audio.upload.source import Source
from zhongzhuan_audio.upload.spool import chunks_of_async_reader, chunks_of_file, chunks_of_part, spool

__all__ = ["open_source"]

# A terminal that is read does not become the one that ends this process when it hangs up.
_FLAGS: int = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_BINARY", "O_CLOEXEC", "O_NOCTTY"))


async def open_source(file: object, *, filename: str | None = None) -> Source:
    """Look at a recording: its name, its size, its first bytes.

    Nothing is read of it but the head, unless it can be read only once: then it is spooled.

    Args:
        file: See `AudioFile`; or what an earlier call gave, which stays that one's to close.
        filename: The name it goes out under; None takes the file's own, or one made from its format.

    Raises:
        ConfigurationError: It is of no kind that can be sent.
        AudioSourceError: It is missing, unreadable, a folder or empty.
        UnsupportedAudioError: It is plainly not audio.
    """
    if isinstance(file, Source):
        # Whoever opened it closes it.
        return attrs.evolve(file, close=lambda: None)
    if filename is not None and not isinstance(filename, str):
        raise ConfigurationError(f"filename must be a string, not {type(filename).__name__}")
    if isinstance(file, tuple):
        if len(file) != 2 or not isinstance(file[0], str):  # noqa: PLR2004 - a pair
            raise ConfigurationError("file as a tuple must be (name, bytes)", hint=ACCEPTED)
        return await open_source(file[1], filename=filename or file[0])
    if isinstance(file, (bytes, bytearray, memoryview)):
        return _from_bytes(flat(file), filename)
    if isinstance(file, (str, os.PathLike)):
        return await _from_path(os.fspath(file), filename)
    if isinstance(file, io.TextIOBase):
        raise ConfigurationError("the file is opened as text", hint="open it with mode 'rb'")
    return await _from_object(file, filename or name_of(file))


async def _from_object(file: Any, name: str | None) -> Source:
    label = name or "the recording"
    read = getattr(file, "read", None)
    if isinstance(file, BodyPartReader):
        return await _from_spool(chunks_of_part(file), name)
    if inspect.iscoroutinefunction(read):
        return await _from_spool(chunks_of_async_reader(file), name)
    if hasattr(file, "__aiter__"):
        return await _from_spool(file, name)
    if callable(read):
        if getattr(file, "closed", False) is True:
            raise AudioSourceError(f"{label} is a file that was closed", hint="open it again", source=label)
        if isinstance(file, mmap):
            return await _from_mapped(file, name, label)
        with explained(label):
            if not await in_thread(is_seekable, file):
                return await _from_spool(chunks_of_file(file), name)
            return await _from_shared(SharedFile.borrow(file), name, label)
    if callable(getattr(enclosed := getattr(file, "file", None), "read", None)):
        return await _from_object(enclosed, name)
    if callable(getattr(file, "open", None)) and isinstance(getattr(file, "name", None), str):
        return await _from_openable(file, name, label)
    raise ConfigurationError(f"{type(file).__name__} is not a recording", hint=ACCEPTED)


async def _from_mapped(mapped: mmap, name: str | None, label: str) -> Source:
    start = mapped.tell()
    if start >= len(mapped):
        raise _read_to_its_end(label)
    return await _from_opener(lambda: MappedReader(mapped, start), name, label)


async def _from_shared(shared: SharedFile, name: str | None, label: str) -> Source:
    try:
        start = await in_thread(shared.start)
        reader = FileReader(lambda: shared.file, start=start, shared=shared)
        if start and await reader.size() <= 0:
            raise _read_to_its_end(label)
        source = await _from_opener(
            lambda: FileReader(lambda: shared.file, start=start, shared=shared), name, label, shared.give_back
        )
        return attrs.evolve(source, rewind=shared.rewind)
    except BaseException:
        shared.give_back()
        raise


def _read_to_its_end(label: str) -> AudioSourceError:
    return AudioSourceError(f"{label} has been read to its end", hint="seek(0) first, to send it again", source=label)


async def _from_openable(file: Any, name: str | None, label: str) -> Source:
    with explained(label):
        opened = await in_thread(file.open, "rb")
        try:
            if not await in_thread(is_seekable, opened):
                return await _from_spool(chunks_of_file(opened), name)
        finally:
            close_in_daemon_thread(opened)
        return await _from_opener(lambda: FileReader(lambda: file.open("rb")), name, label)


async def _from_spool(chunks: AsyncIterable[object], name: str | None) -> Source:
    kept = await spool(chunks, source=name or "the recording")
    if isinstance(kept, bytes):
        return _from_bytes(memoryview(kept), name)
    try:
        fd = kept.fileno()
        return await _from_opener(lambda: DescriptorReader(fd, owned=False), name, name or "the recording", kept.close)
    except BaseException:
        kept.close()
        raise


def _from_bytes(data: memoryview, name: str | None) -> Source:
    return _look(data[:HEAD_BYTES], len(data), name, name or "the recording", lambda: BytesReader(data))


async def _from_path(path: str | bytes, filename: str | None) -> Source:
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    label = path
    if not path or "\0" in path:
        raise AudioSourceError("the path is empty" if not path else "the path holds a NUL", hint=ACCEPTED)
    name = filename or os.path.basename(path)  # noqa: PTH119 - a string in, a string out
    with explained(label):
        status = os.stat(path)  # noqa: PTH116 - on the loop: no object is made that is not needed
        mode = status.st_mode
        if stat.S_ISDIR(mode):
            raise AudioSourceError(f"{label} is a folder", hint="give a file", source=label)
        if stat.S_ISREG(mode):
            return await _from_opener(
                lambda: DescriptorReader(_open_descriptor(path)), name, label, size=status.st_size
            )
        # A pipe or a terminal can be read once, and its opening may wait for the other side.
        opened = await in_daemon_thread(_open_binary, path, undo=close_in_daemon_thread)
    try:
        with explained(label):
            one_way = await in_thread(_is_one_way, mode, opened)
        if not one_way:
            raise AudioSourceError(f"{label} is a device, not a recording", hint="give a file", source=label)
        return await _from_spool(chunks_of_file(opened), name)
    finally:
        close_in_daemon_thread(opened)


def _is_one_way(mode: int, opened: IO[bytes]) -> bool:
    """Tell whether what is no plain file is something that a recording comes out of: a pipe, a terminal, our stdin."""
    if not (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)):
        return True
    # Where stdin is closed, what is opened next has its number.
    return opened.isatty() or (opened.fileno() > 0 and os.path.sameopenfile(opened.fileno(), 0))


def _open_descriptor(path: str) -> int:
    return os.open(path, _FLAGS)


def _open_binary(path: str) -> IO[bytes]:
    return open(_open_descriptor(path), "rb")


async def _from_opener(
    opener: Callable[[], Reader],
    name: str | None,
    label: str,
    close: Callable[[], None] = lambda: None,
    *,
    size: int | None = None,
) -> Source:
    with explained(label):
        reader = opener()
        try:
            if size is None:
                size = await reader.size()
            head = memoryview(bytearray(min(HEAD_BYTES, size)))
            filled = 0
            while filled < len(head) and (count := await reader.readinto(head[filled:])):
                filled += count
        finally:
            reader.close()
    return _look(head[:filled], size, name, label, opener, close)


def _look(
    head: memoryview,
    size: int,
    name: str | None,
    label: str,
    opener: Callable[[], Reader],
    close: Callable[[], None] = lambda: None,
) -> Source:
    """Judge a recording by its head."""
    if size == 0:
        raise AudioSourceError(f"{label} is empty", hint="check that the recording was written", source=label)
    start = bytes(head)
    kind = sniff(start)
    if kind is None:
        from zhongzhuan_audio.audio.others import describe_other

        if (other := describe_other(start)) is not None:
            raise UnsupportedAudioError(f"{label} is {other}, not audio", hint="give a recording", source=label)
    return Source(
        label=label,
        filename=wire_filename(name, kind),
        format=kind,
        size_bytes=size,
        head=start,
        open=opener,
        close=close,
    )
