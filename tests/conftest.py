"""What every test stands on: a clean environment, a watch on the loop, the sample, a server that misbehaves."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import aioresponses.core
import coverage
import pytest
from blockbuster import BlockBuster
from hypothesis import HealthCheck, settings

# A machine that is busy with something else is no fault of a test.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", _PATIENT)
settings.register_profile("ci", _PATIENT, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

_PROXY_VARIABLES = {"http_proxy", "https_proxy", "ws_proxy", "wss_proxy", "all_proxy", "no_proxy"}
_TLS_VARIABLES = {"SSL_CERT_FILE", "SSL_CERT_DIR"}


@pytest.fixture(autouse=True)
def scrubbed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the settings, proxies and authorities of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith("ZHONGZHUAN_") or name.lower() in _PROXY_VARIABLES or name in _TLS_VARIABLES:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def watched_loop() -> Iterator[None]:
    """Fail a test in which code of this package blocks a running loop.

    Four places block on purpose. The key file is a few bytes, and is looked at before each request. So is a recording's
    path: a thread hop would halve the rate of small uploads. `Transcription.save` is a plain method: whoever calls it
    in a coroutine accepts a small write. And the blocking client blocks, as the blocking probe does.
    """
    allowed = {
        "config/keys.py": {"__call__"},
        "upload/opening.py": {"_from_path"},
        "models/transcription.py": {"save"},
        "blocking/runner.py": {"run", "hold", "close"},
        "probing.py": {"probe"},
        "blocking/worker.py": {"__init__", "stop"},
    }
    watch = BlockBuster(["zhongzhuan_audio"])
    for function in watch.functions.values():
        for module, names in allowed.items():
            function.can_block_in(f"zhongzhuan_audio/{module}", names)
    # It measures several threads, and locks what they share from no frame of its own: that is no code of this package.
    measuring = coverage.Coverage.current()
    shared = measuring._collector.data_lock if measuring and measuring._collector else None
    locking = watch.functions["threading.Lock.acquire"]
    goes_on = locking.can_block_predicate
    locking.can_block_predicate = lambda lock, *options, **named: lock is shared or goes_on(lock, *options, **named)
    watch.activate()
    yield
    watch.deactivate()


@pytest.fixture(scope="session")
def jfk() -> Path:
    """Path of the sample: 11.09 s of speech in an MP3; see tests/data/README.md."""
    return Path(__file__).parent / "data" / "jfk.mp3"


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of eight megabytes."""
    place = tmp_path / "tiny"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("a file system can be mounted by root only")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


class _MockedResponse(aiohttp.ClientResponse):
    """A response that aioresponses can build: since aiohttp 3.14 it must be told where the request was written."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, stream_writer=SimpleNamespace(output_size=0), **options)


def _unlimited_reader(loop: Any = None) -> aiohttp.StreamReader:
    """Return a reader that takes a whole body at once; aioresponses' own stops at 128 KiB for want of a transport."""
    return aiohttp.StreamReader(aiohttp.client_proto.ResponseHandler(loop=loop), limit=2**40, loop=loop)


@pytest.fixture
def aioresponses_mock(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses.aioresponses]:
    """Answer aiohttp's requests from a script, with what aioresponses 0.7.9 lacks on aiohttp 3.14.

    It never reads an upload and runs no timeouts: use it for decisions on statuses and retries, and a real server on
    loopback for the rest.
    """
    monkeypatch.setattr(aioresponses.core, "ClientResponse", _MockedResponse)
    monkeypatch.setattr(aioresponses.core, "stream_reader_factory", _unlimited_reader)
    with aioresponses.aioresponses() as mock:
        yield mock


Behaviour = Callable[["Peer"], Awaitable[None]]


class Peer:
    """One connection, seen from the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def head(self) -> bytes:
        """Read the request line and the headers."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def request(self) -> tuple[bytes, bytes]:
        """Read a whole request; return its head and its body."""
        head = await self.head()
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-le")
        )
        return head, await self.reader.readexactly(length)

    async def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, body: bytes, *, status: str = "200 OK", headers: str = "") -> None:
        """Write a well-formed answer."""
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        await self.send(head.encode() + body)

    def reset(self) -> None:
        """End the connection with a RST."""
        self.writer.transport.abort()


class RawServer:
    """A server on loopback; `url` ends in /v1."""

    def __init__(self) -> None:
        self.connections = 0
        self.heads: list[bytes] = []
        self.gone = asyncio.Event()
        self._behaviours: list[Behaviour] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def script(self, *behaviours: Behaviour) -> None:
        """Set what each connection does, in order; the last serves all later ones."""
        self._behaviours = list(behaviours)

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        behaviour = self._behaviours[min(self.connections, len(self._behaviours)) - 1]
        try:
            await behaviour(Peer(reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.close()
            self._tasks.discard(task)

    async def close(self) -> None:
        """Stop listening and end every connection."""
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def raw_server() -> AsyncIterator[RawServer]:
    """A server on 127.0.0.1 whose every byte a test decides."""
    server = RawServer()
    await server.start()
    yield server
    await server.close()
