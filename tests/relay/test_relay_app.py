"""The relay's life: starting, breaking off, closing without a trace."""

from __future__ import annotations

import asyncio
import hashlib
import io
import socket
import tempfile
import threading
import traceback
from pathlib import Path

import aiohttp
import pytest

from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.relay import LocalRelay, Recognition, ScriptedEngine, TranscribeOptions, WhisperEngine
from zhongzhuan_audio.relay.app import _address
from zhongzhuan_audio.threads import finish


class SlowEngine:
    """Listens in a thread until it is told to stop."""

    models = ("whisper-1",)

    def __init__(self) -> None:
        self.started = threading.Event()
        self.stop = threading.Event()
        self.paths: list[Path] = []
        self.file_was_there_at_the_end = False

    async def transcribe(self, path: Path, _: TranscribeOptions) -> Recognition:
        """Listen for ever."""

        def work() -> Recognition:
            self.started.set()
            self.stop.wait()
            self.file_was_there_at_the_end = path.exists()
            return Recognition(duration=1.0)

        self.paths.append(path)
        return await finish(asyncio.get_running_loop().run_in_executor(None, work), on_cancel=self.stop.set)


async def upload(relay: LocalRelay, sound: bytes = b"sound") -> int:
    """Send one upload and return the status."""
    form = aiohttp.FormData({"model": "whisper-1"})
    form.add_field("file", io.BytesIO(sound), filename="a.mp3")
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {relay.api_key}"}) as session,
        session.post(f"{relay.base_url}/audio/transcriptions", data=form) as answer,
    ):
        return answer.status


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """Put temporary files where a test can count them."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def files_in(folder: Path) -> list[Path]:
    """Return every file under a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("size", [5, 70_000, 3_000_000])
async def test_what_nobody_listens_to_is_not_written_down(temporary, size):
    """It is counted and digested all the same."""
    seen: list[Path] = []

    async def answer(_: TranscribeOptions) -> str:
        seen.extend(await asyncio.to_thread(files_in, temporary))
        return "heard"

    sound = bytes(range(256)) * (size // 256 + 1)
    async with LocalRelay(ScriptedEngine(answer)) as relay:
        assert await upload(relay, sound[:size]) == 200
        (request,) = relay.requests
    assert request.size_bytes == size
    assert request.sha256 == hashlib.sha256(sound[:size]).hexdigest()
    assert seen == []


async def test_a_client_that_goes_away_stops_its_recognition(temporary):
    """The recognition is told, its file stays until it has ended and then goes, and the relay serves on."""
    engine = SlowEngine()
    async with LocalRelay(engine) as relay:
        task = asyncio.create_task(upload(relay))
        await asyncio.to_thread(engine.started.wait)
        assert len(await asyncio.to_thread(files_in, temporary)) == 1
        task.cancel()
        await asyncio.wait([task])
        await asyncio.to_thread(engine.stop.wait)
        async with asyncio.timeout(20):
            while not relay.requests[0].gone:
                await asyncio.sleep(0.005)
        assert relay.requests[0].status is None
        assert engine.file_was_there_at_the_end
        assert not await asyncio.to_thread(files_in, temporary)
        assert await upload(relay) == 200


async def test_closing_breaks_off_what_is_under_way(temporary):
    """`close` ends recognitions and uploads, waits for their threads, and leaves no file, task or socket."""
    engine = SlowEngine()
    before = asyncio.all_tasks()
    relay = LocalRelay(engine)
    await relay.start()
    address = relay.base_url
    task = asyncio.create_task(upload(relay))
    await asyncio.to_thread(engine.started.wait)
    await relay.close()
    assert engine.stop.is_set()
    assert engine.file_was_there_at_the_end
    with pytest.raises(aiohttp.ClientError):
        await task
    assert not relay.requests[0].gone
    assert not await asyncio.to_thread(lambda: list(temporary.iterdir()))
    assert asyncio.all_tasks() == before
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"{address}/models")
    await relay.close()


async def test_idle_connections_do_not_hold_it_up():
    """A client that keeps its connection is cut off at the close."""
    relay = LocalRelay(ScriptedEngine())
    async with relay:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(relay.base_url.split(":")[2].split("/")[0]))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 404 Not Found\r\n"
    assert (await reader.read()).endswith(b"}")
    writer.close()
    await writer.wait_closed()


async def test_started_again_it_begins_afresh():
    """A closed relay can be started again; what it remembered is gone."""
    relay = LocalRelay(ScriptedEngine())
    for _ in range(2):
        async with relay:
            assert relay.request_count == 0
            assert await upload(relay) == 200
            assert (relay.request_count, len(relay.requests)) == (1, 1)


def test_a_relay_that_cannot_be_made_has_a_repr() -> None:
    """Tools that show local variables call it."""
    with pytest.raises(ConfigurationError) as caught:
        LocalRelay(ScriptedEngine("x"), port=-1)
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "self = LocalRelay(closed)" in shown


async def test_misuse_is_told():
    """An address before the start, a second start, and a taken port are errors that say what to do."""
    relay = LocalRelay(ScriptedEngine())
    assert repr(relay) == "LocalRelay(closed)"
    with pytest.raises(ConfigurationError, match="not started"):
        _ = relay.base_url
    async with relay:
        assert repr(relay) == f"LocalRelay({relay.base_url})"
        with pytest.raises(ConfigurationError, match="started already"):
            await relay.start()
        taken = int(relay.base_url.split(":")[2].split("/")[0])
        with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1 port {taken}"):
            await LocalRelay(ScriptedEngine(), port=taken).start()


async def test_a_wrong_model_directory_is_told_at_the_start(temporary):
    """A relay whose Whisper directory is missing does not come up."""
    with pytest.raises(ConfigurationError, match="which is no directory here"):
        await LocalRelay(model_dir="nowhere").start()
    assert not await asyncio.to_thread(lambda: list(temporary.iterdir()))


@pytest.mark.parametrize(
    "options",
    [{"max_upload_bytes": 0}, {"api_key": ""}, {"api_key": "a b"}, {"engine": ScriptedEngine(), "model_dir": "."}],
)
def test_wrong_options(options):
    """Values that cannot be used are refused at once."""
    with pytest.raises(ConfigurationError):
        LocalRelay(**{"engine": ScriptedEngine(), **options})


def test_whisper_is_the_default():
    """Without an engine the relay has real ears, never a script."""
    assert isinstance(LocalRelay().engine, WhisperEngine)


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "http://127.0.0.1:5/v1"),
        ("0.0.0.0", "http://127.0.0.1:5/v1"),  # noqa: S104 - nothing listens there
        ("::", "http://[::1]:5/v1"),
        ("::1", "http://[::1]:5/v1"),
        ("localhost", "http://localhost:5/v1"),
    ],
)
def test_addresses(host, shown):
    """The address is one that a client on this machine can use."""
    assert _address(host, 5) == shown


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
async def test_listens_on_ipv6():
    """IPv6 addresses work as they are."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 loopback here")
    async with LocalRelay(ScriptedEngine(), host="::1") as relay:
        assert await upload(relay) == 200
