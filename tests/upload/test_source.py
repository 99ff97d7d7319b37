"""Whatever can be a recording becomes a named, sized, reopenable source."""

from __future__ import annotations

import asyncio
import base64
import errno
import gzip
import io
import mmap
import os
import pty
import subprocess
import sys
import threading
import warnings
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import aiohttp
import anyio
import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.web import FileField
from multidict import CIMultiDict, CIMultiDictProxy

from zhongzhuan_audio.errors import AudioSourceError, ConfigurationError, UnsupportedAudioError
from zhongzhuan_audio.upload.opening import open_source
from zhongzhuan_audio.upload.readers import SharedFile
from zhongzhuan_audio.upload.source import Source

MP3 = (Path(__file__).parent.parent / "data" / "jfk.mp3").read_bytes()


async def content(source: Source) -> bytes:
    """Read a source whole, twice, and check that both times give the same."""
    passes = []
    for _ in range(2):
        reader = await source.open()
        room, found = memoryview(bytearray(50_000)), b""
        while count := await reader.readinto(room):
            found += bytes(room[:count])
        await source.verify(reader)
        reader.close()
        passes.append(found)
    assert passes[0] == passes[1]
    assert len(passes[0]) == source.size_bytes
    return passes[0]


async def chunked(data: bytes, step: int = 10_000) -> AsyncIterator[bytes]:
    """Give bytes piece by piece."""
    for start in range(0, len(data), step):
        yield data[start : start + step]


class Upload:
    """As a web framework hands one on."""

    def __init__(self, data: bytes, filename: str | None) -> None:
        self.filename = filename
        self._file = io.BytesIO(data)

    async def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        return self._file.read(size)


class Remote:
    """A path elsewhere, as universal_pathlib has it: it opens itself and is no os.PathLike."""

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name
        self._data = data

    def open(self, mode: str) -> io.BytesIO:
        """Return a new file, never on the loop's thread."""
        assert mode == "rb"
        assert threading.current_thread() is not threading.main_thread()
        return io.BytesIO(self._data)


class OneWay(io.RawIOBase):
    """A stream that can be read once."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer."""
        return self._file.readinto(buffer)


@pytest.fixture
def mp3(tmp_path: Path) -> Path:
    """The sample under a name of its own."""
    path = tmp_path / "会议 2024.MP3"
    path.write_bytes(MP3)
    return path


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Path]:
    """A named pipe that the sample is written into."""
    path = tmp_path / "pipe.mp3"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(MP3))
    writer.start()
    yield path
    writer.join()


@pytest.mark.parametrize("kind", [str, Path, anyio.Path, os.fsencode])
async def test_a_path_of_any_kind(mp3: Path, kind: Any) -> None:
    """Strings and path objects name a file."""

    class BytesPath:
        def __fspath__(self) -> bytes:
            return os.fsencode(mp3)

    source = await open_source(BytesPath() if kind is os.fsencode else kind(mp3))
    assert source.filename == "会议 2024.mp3"
    assert source.label == str(mp3)
    assert await content(source) == MP3


@pytest.mark.parametrize("data", [MP3, bytearray(MP3), memoryview(MP3)])
async def test_bytes_get_a_name_from_their_format(data: Any) -> None:
    """A nameless upload is called after what it is."""
    source = await open_source(data)
    assert source.filename == "audio.mp3"
    assert await content(source) == MP3


async def test_a_view_that_is_no_plain_bytes_is_refused() -> None:
    """What cannot be sent as it lies there is told, before anything is sent."""
    released = memoryview(MP3)
    released.release()
    for view in (memoryview(MP3)[::2], released):
        with pytest.raises(ConfigurationError, match="the memoryview cannot be sent: .* — give bytes"):
            await open_source(view)


async def test_a_mapped_file_is_read_off_the_loop(mp3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its position; nothing of ours keeps the caller from closing it, not even an error on its way."""
    threads = set[threading.Thread]()
    real = zlib.adler32

    def adler32(data: memoryview) -> int:
        threads.add(threading.current_thread())
        return real(data)

    monkeypatch.setattr(zlib, "adler32", adler32)
    with mp3.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        source = await open_source(mapped)
        assert source.filename == "audio.mp3"
        assert await content(source) == MP3
        mapped.seek(1000)
        assert await content(await open_source(("rest.mp3", mapped))) == MP3[1000:]
        reader = await source.open()
        assert reader.read_at(70_000, 10_000) == MP3[70_000:]
        mapped.seek(len(mapped))
        with pytest.raises(AudioSourceError, match=r"read to its end.*seek\(0\)"):
            await open_source(mapped)
    assert threads
    with pytest.raises(AudioSourceError, match="was closed"):
        await open_source(mapped)


async def test_a_pair_names_its_bytes() -> None:
    """(name, bytes) goes out under that name; filename= wins over it."""
    assert (await open_source(("voice.mpga", MP3))).filename == "voice.mp3"
    assert (await open_source(("voice.mp3", MP3), filename="other.mp3")).filename == "other.mp3"


async def test_an_open_file_is_read_from_its_position_and_left_open(mp3: Path) -> None:
    """The caller's file stays the caller's."""
    with mp3.open("rb") as file:
        file.seek(1000)
        source = await open_source(file, filename="rest.mp3")
        assert await content(source) == MP3[1000:]
        source.close()
        assert not file.closed


async def test_a_file_object_lends_its_name(mp3: Path, tmp_path: Path) -> None:
    """A file's name is taken, a descriptor's number is not."""
    with mp3.open("rb") as file:
        assert (await open_source(file)).filename == "会议 2024.mp3"
    with open(os.open(mp3, os.O_RDONLY), "rb") as file:  # noqa: PTH123 - the point is a file without a name
        assert (await open_source(file)).filename == "audio.mp3"
    with open(os.fsencode(mp3), "rb") as file:  # noqa: PTH123 - a Path has no name in bytes
        assert (await open_source(file)).filename == "会议 2024.mp3"


async def test_a_decompressing_file_is_named_after_what_it_holds(tmp_path: Path) -> None:
    """The name goes out without ".gz", and asking for it draws no warning."""
    with gzip.open(tmp_path / "a.mp3.gz", "wb") as file:
        file.write(MP3)
    for path in (str(tmp_path / "a.mp3.gz"), os.fsencode(tmp_path / "a.mp3.gz")):
        with warnings.catch_warnings(record=True) as caught, gzip.open(path) as file:
            warnings.simplefilter("always")
            source = await open_source(file)
            assert source.filename == "a.mp3"
            assert await content(source) == MP3
        assert not caught
    with gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(MP3))) as file:
        assert (await open_source(file)).filename == "audio.mp3"


async def test_a_stream_that_cannot_seek_is_spooled() -> None:
    """A one-way stream is kept, so that it can be sent again."""
    source = await open_source(OneWay(MP3 * 5), filename="live.mp3")
    assert await content(source) == MP3 * 5
    source.close()


async def test_a_named_pipe_is_spooled(pipe: Path) -> None:
    """A pipe's opening and reading wait in a thread."""
    source = await open_source(pipe)
    assert source.filename == "pipe.mp3"
    assert await content(source) == MP3


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/random", "/dev/full"])
async def test_a_device_is_refused_before_it_is_read(path: str) -> None:
    """It has no end, or none that would make a recording of it."""
    with pytest.raises(AudioSourceError, match=f"{path} is a device, not a recording — give a file"):
        await open_source(path)


async def test_a_device_is_not_taken_for_a_stdin_that_is_closed() -> None:
    """Though it is opened under that number."""
    kept = os.dup(0)
    os.close(0)
    try:
        with pytest.raises(AudioSourceError, match="is a device"):
            await open_source("/dev/zero")
        await asyncio.get_running_loop().shutdown_default_executor()
    finally:
        os.dup2(kept, 0)
        os.close(kept)


async def test_a_terminal_is_read() -> None:
    """It is a device too, and has an end: Ctrl-D, twice."""
    sound = b"#!AMR\n" + b"<" * 100 + b"\n"
    ours, theirs = pty.openpty()
    os.write(ours, sound + b"\4\4")
    assert await content(await open_source(os.ttyname(theirs))) == sound
    os.close(theirs)
    os.close(ours)


async def test_a_file_that_seeks_and_does_not_tell_is_spooled() -> None:
    """Its place could not be found again."""

    class Odd:
        def __init__(self) -> None:
            self._file = io.BytesIO(MP3 * 5)
            self.read = self._file.read
            self.seek = self._file.seek

    source = await open_source(Odd())
    assert await content(source) == MP3 * 5
    source.close()


async def test_a_file_with_nothing_yet_is_not_at_its_end() -> None:
    """A pipe that does not block gives None; a part is not taken for the whole."""
    pieces = [MP3, None, MP3]

    class Pipe:
        def read(self, _: int) -> bytes | None:
            return pieces.pop(0)

    with pytest.raises(AudioSourceError, match="gave NoneType, not bytes"):
        await open_source(Pipe())


async def test_cancelling_does_not_wait_for_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a thread reads from it, a file's close waits: that happens off the loop too."""
    loop = asyncio.get_running_loop()
    reading, closed, closed_by = asyncio.Event(), asyncio.Event(), list[threading.Thread]()
    more = threading.Event()

    class Stuck(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            loop.call_soon_threadsafe(reading.set)
            more.wait(10)
            return b""

        def close(self) -> None:
            if not self.closed:
                closed_by.append(threading.current_thread())
                loop.call_soon_threadsafe(closed.set)
            super().close()

    os.mkfifo(tmp_path / "pipe.mp3")
    monkeypatch.setattr("zhongzhuan_audio.upload.opening._open_binary", lambda _: Stuck())
    call = asyncio.create_task(open_source(tmp_path / "pipe.mp3"))
    await reading.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    more.set()
    await asyncio.wait_for(closed.wait(), 10)
    assert len(closed_by) == 1
    assert closed_by[0] is not threading.main_thread()


SILENT_PIPE = """
import asyncio, os, sys, threading, time
from zhongzhuan_audio.upload.opening import open_source

path, writes = sys.argv[1], sys.argv[2] == "True"
before = len(os.listdir("/proc/self/fd"))
# Open both ways, it waits for no reader.
writer = os.open(path, os.O_RDWR) if writes else None
started = time.monotonic()
try:
    asyncio.run(asyncio.wait_for(open_source(path), 0.2))
except TimeoutError:
    assert time.monotonic() - started < 5
else:
    raise AssertionError("a silent pipe was read")
# Without a writer the reader that was left behind waits for one, and is let go here.
os.close(os.open(path, os.O_WRONLY) if writer is None else writer)
# Its descriptor may be yet to come: that none is open says something only once its threads have ended.
while others := [thread for thread in threading.enumerate() if thread is not threading.main_thread()]:
    others[0].join(10)
    assert not others[0].is_alive()
assert len(os.listdir("/proc/self/fd")) == before
"""


@pytest.mark.parametrize("writes", [False, True])
def test_a_silent_pipe_holds_no_loop(tmp_path: Path, *, writes: bool) -> None:
    """Neither the wait for a writer nor that for its bytes keeps the loop from its end; what was opened is closed."""
    path = tmp_path / "pipe.mp3"
    os.mkfifo(path)
    code = [sys.executable, "-c", SILENT_PIPE, str(path), str(writes)]
    done = subprocess.run(code, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


async def test_a_pipe_that_is_waited_for_can_be_closed() -> None:
    """The wait holds no lock of the file's; what was buffered before comes in its place."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as file:
        os.write(writing, b"line\n" + MP3[:50])
        assert file.readline() == b"line\n"
        call = asyncio.create_task(open_source(file, filename="a.mp3"))
        await asyncio.sleep(0.05)
        os.write(writing, MP3[50:60_000])
        await asyncio.sleep(0.05)
        os.close(writing)
        assert await content(await call) == MP3[:60_000]
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as file:
        call = asyncio.create_task(open_source(file, filename="a.mp3"))
        await asyncio.sleep(0.05)
        call.cancel()
    os.close(writing)


async def test_an_async_iterable_is_spooled() -> None:
    """Chunks as they come from another service become an upload of known size."""
    source = await open_source(chunked(MP3), filename="stream.mp3")
    assert await content(source) == MP3
    large = await open_source(chunked(MP3 * 9))
    assert large.filename == "audio.mp3"
    assert await content(large) == MP3 * 9
    large.close()


async def test_a_spool_goes_when_the_recording_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is spooled and then found to be no recording leaves no open file."""
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(UnsupportedAudioError):
        await open_source(chunked(b"%PDF-1.7\n" * 100_000), filename="a.mp3")
    assert len(os.listdir("/proc/self/fd")) <= before


async def test_an_upload_object(mp3: Path) -> None:
    """FastAPI's UploadFile and its like: an async read and a filename."""
    assert await content(await open_source(Upload(MP3, "从前.mp3"))) == MP3
    assert (await open_source(Upload(MP3, "C:\\sounds\\从前.mp3"))).filename == "从前.mp3"
    assert (await open_source(Upload(MP3, None))).filename == "audio.mp3"


async def test_an_upload_object_whose_read_takes_no_size() -> None:
    """It is read once; what goes wrong in the reading is not taken for that."""

    class Whole(Upload):
        async def read(self) -> bytes:  # type: ignore[override]
            return self._file.read()

    class Broken(Upload):
        async def read(self, size: int = -1) -> bytes:
            raise TypeError(f"their own, at {size}")

    source = await open_source(Whole(MP3 * 5, "从前.mp3"))
    assert source.filename == "从前.mp3"
    assert await content(source) == MP3 * 5
    source.close()
    with pytest.raises(TypeError, match="their own, at 262144"):
        await open_source(Broken(MP3, "a.mp3"))


async def test_an_object_with_a_file_in_it(mp3: Path) -> None:
    """A FileField of aiohttp: the file from its position, under the name that it was uploaded with."""
    with mp3.open("rb") as file:
        field = FileField("file", "从前.mp3", file, "audio/mpeg", CIMultiDictProxy(CIMultiDict()))
        source = await open_source(field)
        assert source.filename == "从前.mp3"
        assert await content(source) == MP3
        source.close()
        assert not file.closed
    with pytest.raises(AudioSourceError, match=r"从前\.mp3 is a file that was closed"):
        await open_source(field)


async def test_a_part_of_a_request_is_read_in_pieces_and_decoded() -> None:
    """A BodyPartReader of aiohttp, for a browser or for one of the few clients that send base64."""
    for encoding, body in (("binary", MP3 * 5), ("base64", base64.b64encode(MP3 * 5))):
        protocol = BaseProtocol(asyncio.get_running_loop())
        stream = aiohttp.StreamReader(protocol, 2**22, loop=asyncio.get_running_loop())
        stream.feed_data(
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="voice.MP3"\r\n'
            b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n" + body + b"\r\n--x--\r\n"
        )
        stream.feed_eof()
        part = await aiohttp.MultipartReader({"Content-Type": "multipart/form-data; boundary=x"}, stream).next()
        assert isinstance(part, aiohttp.BodyPartReader)
        source = await open_source(part)
        assert source.filename == "voice.mp3"
        assert await content(source) == MP3 * 5
        source.close()


async def test_what_opens_itself() -> None:
    """A remote path is opened, off the loop, for each pass."""
    assert await content(await open_source(Remote(MP3, "far.mp3"))) == MP3
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("in/side.mp3", MP3)
    inside = zipfile.Path(zipfile.ZipFile(archive), "in/side.mp3")
    source = await open_source(inside)
    assert source.filename == "side.mp3"
    assert await content(source) == MP3


async def test_what_opens_itself_and_cannot_seek_is_spooled() -> None:
    """A remote stream is kept."""

    class Live(Remote):
        def open(self, mode: str) -> Any:
            return OneWay(super().open(mode).getvalue())

    assert await content(await open_source(Live(MP3, "live.mp3"))) == MP3


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (None, "NoneType is not a recording"),
        (3, "int is not a recording"),
        (object(), "object is not a recording"),
        (("a.mp3", b"x", "audio/mpeg"), r"must be \(name, bytes\)"),
        ((b"a.mp3", b"x"), r"must be \(name, bytes\)"),
        (io.StringIO("words"), "opened as text.*'rb'"),
        (PurePosixPath, "type is not a recording"),
    ],
)
async def test_what_is_no_recording_is_refused(file: object, message: str) -> None:
    """A wrong kind of argument is named, with what would be right."""
    with pytest.raises(ConfigurationError, match=message):
        await open_source(file)


async def test_a_filename_is_a_string() -> None:
    """Anything else is refused."""
    with pytest.raises(ConfigurationError, match="filename must be a string"):
        await open_source(MP3, filename=3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing.mp3", "no such file: .*missing.mp3"),
        ("", "is a folder"),
        ("空.mp3", "空.mp3 is empty"),
        ("text.mp3", "text.mp3 is a text file, not audio"),
        ("会.mp3/inside.mp3", "no such file"),
        ("x" * 5000, "too long"),
    ],
)
async def test_what_cannot_be_read_is_told(tmp_path: Path, path: str, message: str) -> None:
    """Each fault of a path has a message of its own."""
    (tmp_path / "空.mp3").touch()
    (tmp_path / "会.mp3").touch()
    (tmp_path / "text.mp3").write_text("This is no recording, whatever its name says.\n" * 20)
    with pytest.raises(AudioSourceError, match=message) as caught:
        await open_source(tmp_path / path)
    assert caught.value.hint
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("path", "message"),
    [("", "the path is empty"), ("a\0b.mp3", "holds a NUL"), ("https://example.com/a.mp3", "an address, not a file")],
)
async def test_what_is_no_path_is_told(path: str, message: str) -> None:
    """Strings that cannot be paths are named for what they are."""
    with pytest.raises(AudioSourceError, match=message):
        await open_source(path)


@pytest.mark.parametrize(
    ("code", "message"), [(errno.EACCES, "may not be read by this user"), (errno.EIO, "cannot read .*: Input/output")]
)
async def test_an_unreadable_file_is_told(mp3: Path, monkeypatch: pytest.MonkeyPatch, code: int, message: str) -> None:
    """Permissions and broken disks come out in words. As root reads everything, the kernel's word is given here."""

    def refuse(*_: object, **__: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(AudioSourceError, match=message) as caught:
        await open_source(mp3)
    assert isinstance(caught.value.__cause__, OSError)


async def test_a_recording_that_changes_between_the_look_and_the_upload(mp3: Path) -> None:
    """A file that is still being written is not sent."""
    source = await open_source(mp3)
    with mp3.open("ab") as file:
        file.write(b"more")
    with pytest.raises(
        AudioSourceError, match=r"grew while it was sent: 76447 bytes were announced, now there are 76451"
    ):
        await source.open()
    mp3.write_bytes(MP3[:-10])
    with pytest.raises(AudioSourceError, match="shrank"):
        await source.open()
    mp3.unlink()
    with pytest.raises(AudioSourceError, match="no such file"):
        await source.open()


async def test_nothing_is_left_open(mp3: Path) -> None:
    """Looking at a file leaves no descriptor."""
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        await open_source(mp3)
    await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) <= before


async def test_a_file_that_is_closed_or_read_to_its_end_is_told(mp3: Path) -> None:
    """Neither is called empty, and neither is an error of another kind."""
    with mp3.open("rb") as file:
        file.read()
        for position in (len(MP3), len(MP3) + 10):
            file.seek(position)
            with pytest.raises(AudioSourceError, match=r"read to its end.*seek\(0\)"):
                await open_source(file)
    with pytest.raises(AudioSourceError, match="was closed — open it again"):
        await open_source(file)


async def test_several_calls_may_send_one_file(tmp_path: Path) -> None:
    """Each gets every byte from where the file stood before any of them, whatever the others do to its position."""
    data = os.urandom(10) + MP3 * 20
    (tmp_path / "long.mp3").write_bytes(data)
    with (tmp_path / "long.mp3").open("rb") as opened:
        for file in (opened, io.BytesIO(data)):
            file.seek(10)
            sources = [await open_source(file, filename="long.mp3") for _ in range(4)]
            assert set(await asyncio.gather(*(content(source) for source in sources))) == {data[10:]}
            for source in sources:
                source.close()
            assert id(file) not in SharedFile._borrowed


async def test_every_kind_of_recording_tells_its_length(mp3: Path) -> None:
    """From its header, in a thread, and the next pass begins at the start all the same."""
    with mp3.open("rb") as opened, io.BytesIO(b"before" + MP3) as later:
        later.seek(6)
        kinds = [mp3, MP3, opened, later, Remote(MP3, "far.mp3"), OneWay(MP3), chunked(MP3), Upload(MP3, "a.mp3")]
        for kind in kinds:
            source = await open_source(kind)
            found = await source.probe()
            assert found is not None
            assert found.duration_s == pytest.approx(11.09, abs=0.1)
            assert (found.channels, found.sample_rate) == (1, 16_000)
            assert await content(source) == MP3


async def test_what_tells_no_length_is_no_error(mp3: Path) -> None:
    """Bytes that were not recognised, and a file that is gone, which is told when it is sent."""
    assert await (await open_source(("a.mp3", bytes(10_000)))).probe() is None
    source = await open_source(mp3)
    mp3.unlink()
    assert await source.probe() is None


@pytest.mark.parametrize("kind", [lambda path: path, lambda path: Remote(path.read_bytes(), path.name)])
async def test_a_probe_can_be_cancelled(mp3: Path, monkeypatch: pytest.MonkeyPatch, kind: Any) -> None:
    """The thread reads nothing more, and nothing stays open."""
    began, go_on, left = threading.Event(), threading.Event(), []

    def slow(read_at: Any, size_bytes: int, _: object) -> None:
        began.set()
        go_on.wait(10)
        left.append(read_at(0, size_bytes))

    monkeypatch.setattr("zhongzhuan_audio.audio.duration.probe", slow)
    source = await open_source(kind(mp3))
    before = len(os.listdir("/proc/self/fd"))
    probing = asyncio.create_task(source.probe())
    await asyncio.to_thread(began.wait)
    probing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probing
    go_on.set()
    while not left:
        await asyncio.sleep(0.001)
    assert left == [b""]
    assert len(os.listdir("/proc/self/fd")) <= before


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (FileNotFoundError("/x/a.mp3"), "no such file: a.mp3"),
        (IsADirectoryError("/x/a.mp3"), "a.mp3 is a folder"),
        (PermissionError("/x/a.mp3"), "a.mp3 may not be read by this user"),
    ],
)
async def test_a_path_that_opens_itself_fails_in_the_same_words(error: OSError, message: str) -> None:
    """Such errors have no number."""

    class Remote:
        name = "a.mp3"

        def open(self, _: str) -> Any:
            raise error

    with pytest.raises(AudioSourceError, match=message):
        await open_source(Remote())


async def test_a_missing_or_a_folder_in_an_archive(tmp_path: Path) -> None:
    """`zipfile.Path` raises the same classes."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/side.mp3", MP3)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        for name, message in (("in/", "in is a folder"), ("nope.mp3", "no such file: nope.mp3")):
            with pytest.raises(AudioSourceError, match=message):
                await open_source(zipfile.Path(archive, name))
