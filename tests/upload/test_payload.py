"""Sending the body: how much at a time, and that all of it arrives."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme

from zhongzhuan_audio import AsyncClient, Limits, RetryPolicy, TimedOutError, Timeouts
from zhongzhuan_audio.upload.opening import open_source
from zhongzhuan_audio.upload.payload import Progress, UploadPayload
from zhongzhuan_audio.upload.turns import Turns

MP3 = (Path(__file__).parent.parent / "data" / "jfk.mp3").read_bytes()
LARGE = MP3 * 40
KIB = 1024


class Server:
    """Reads no body until `crowd` requests have begun; keeps the bodies."""

    def __init__(self) -> None:
        self.crowd = 1
        self.bodies: list[bytes] = []
        self._begun = 0
        self._all_begun = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's one request."""
        head = await reader.readuntil(b"\r\n\r\n")
        self._begun += 1
        if self._begun == self.crowd:
            self._all_begun.set()
        await self._all_begun.wait()
        self.bodies.append(await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])))
        writer.write(b'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 14\r\n\r\n{"text": "ok"}')
        await writer.drain()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, str]]:
    """The server, and its address."""
    kept = Server()
    listening = await asyncio.start_server(kept.serve, "127.0.0.1", 0)
    async with listening:
        yield kept, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def steps(client: AsyncClient) -> list[int]:
    """Send the large recording; return by how many bytes the upload went on at a time, but for the last."""
    seen = [0]
    await client.transcribe(LARGE, on_progress=lambda sent, _: seen.append(sent))
    return [after - before for before, after in pairwise(seen[:-1])]


@pytest.mark.parametrize(("crowd", "least"), [(1, 512), (16, 512), (32, 256), (64, 128), (100, 64)])
async def test_uploads_share_a_turn_of_the_loop(server: tuple[Server, str], crowd: int, least: int) -> None:
    """The more there are the less each begins with, to a limit, and goes on with where it is held up. All arrive."""
    kept, url = server
    kept.crowd = crowd
    async with AsyncClient(url, "sk-test", limits=Limits(max_concurrency=crowd)) as client:
        found = await asyncio.gather(*(steps(client) for _ in range(crowd)))
    assert min(first for first, *_ in found) == least * KIB
    rest = set[int]().union(*(rest for _, *rest in found))
    assert 512 * KIB in rest
    assert min(rest) >= least * KIB
    assert len(kept.bodies) == crowd
    assert all(LARGE in body for body in kept.bodies)


async def test_a_link_that_holds_up_is_given_little() -> None:
    """Where many share the memory."""
    turns = Turns.here()
    for _ in range(63):
        turns.join()
    told: list[int] = []
    assert (
        await NarrowLink(tls=False).send(MP3 * 10, stall_s=5.0, on_progress=lambda sent, _: told.append(sent)) == "ok"
    )
    assert {after - before for before, after in pairwise([0, *told[:-1]])} == {128 * KIB}
    for _ in range(63):
        turns.leave()


async def test_a_link_that_takes_all_is_given_much(server: tuple[Server, str]) -> None:
    """However many there are."""
    kept, url = server
    turns = Turns.here()
    for _ in range(63):
        turns.join()
    async with AsyncClient(url, "sk-test") as client:
        first, *rest = await steps(client)
    assert first == 128 * KIB
    assert 512 * KIB in rest
    assert LARGE in kept.bodies[0]
    for _ in range(63):
        turns.leave()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_a_buffer_that_is_held_is_not_lent_again(tls: bool) -> None:
    """A transport, or a thread that reads, may hold it after the upload was given up."""
    turns = Turns.here()
    turns.join()
    sending = asyncio.create_task(NarrowLink(tls=tls, takes_bytes=1).send(MP3 * 15, stall_s=None))
    while not turns._large:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    sending.cancel()
    await asyncio.wait([sending])
    assert turns._large == 0
    assert not any(turns._idle.values())
    turns.leave()


async def test_a_form_may_be_larger_than_the_buffer(server: tuple[Server, str]) -> None:
    """A very long prompt goes out whole, and the recording behind it."""
    kept, url = server
    prompt = "提示" * 100_000
    async with AsyncClient(url, "sk-test") as client:
        await client.transcribe(MP3, prompt=prompt)
    assert prompt.encode() in kept.bodies[0]
    assert MP3 in kept.bodies[0]


class NarrowLink:
    """A link of 640 KiB a second, whose buffers hold next to nothing, with TLS or without."""

    def __init__(self, *, tls: bool, takes_bytes: int | None = None) -> None:
        """Make a link that stands still after so many bytes, or never."""
        self._takes_bytes = takes_bytes
        self._authority = trustme.CA() if tls else None
        self._over = threading.Event()
        # In a thread: asyncio's TLS would take hundreds of KiB at a time.
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * KIB)
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen()

    async def send(self, recording: bytes, *, stall_s: float | None, on_progress: Progress | None = None) -> str:
        """Send a recording over it; return the answer's text."""
        ours = None if self._authority is None else ssl.create_default_context()
        if self._authority is not None and ours is not None:
            self._authority.configure_trust(ours)
        url = f"http{'s' if ours else ''}://127.0.0.1:{self._listening.getsockname()[1]}"
        timeouts, once = Timeouts(upload_stall_s=stall_s), RetryPolicy(max_attempts=1)
        connector = aiohttp.TCPConnector(socket_factory=self._small_socket)
        serving = asyncio.create_task(asyncio.to_thread(self._serve))
        try:
            async with aiohttp.ClientSession(connector=connector) as session:
                async with AsyncClient(url, "sk-test", session=session, ssl=ours, timeouts=timeouts, retry=once) as it:
                    return (await it.transcribe(recording, on_progress=on_progress)).text
        finally:
            self._over.set()
            await serving

    @staticmethod
    def _small_socket(address: Any) -> socket.socket:
        made = socket.socket(*address[:3])
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 * KIB)
        return made

    def _serve(self) -> None:
        with self._listening, self._listening.accept()[0] as accepted, self._secured(accepted) as connection:
            got = b""
            while b"\r\n\r\n" not in got:
                got += connection.recv(16 * KIB)
            head, _, body = got.partition(b"\r\n\r\n")
            length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
            wanted, taken = self._takes_bytes or length, len(body)
            while taken < wanted and not self._over.wait(0.025):
                taken += len(connection.recv(16 * KIB))
            if taken == length:
                connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"text": "ok"}')
            self._over.wait()

    def _secured(self, connection: socket.socket) -> socket.socket:
        if self._authority is None:
            return connection
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert("127.0.0.1").configure_cert(context)
        return context.wrap_socket(connection, server_side=True)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_a_slow_link_that_moves_is_not_cut(tls: bool) -> None:
    """Not even where a whole buffer takes longer to go out than the link may stand still."""
    assert await NarrowLink(tls=tls).send(MP3 * 15, stall_s=0.2) == "ok"


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_a_link_that_moves_no_more_is_cut(tls: bool) -> None:
    """It was alive at first; the time counts from when it stands still."""
    with pytest.raises(TimedOutError, match=r"the upload stood still for 0\.2 s") as caught:
        await NarrowLink(tls=tls, takes_bytes=300_000).send(MP3 * 15, stall_s=0.2)
    assert caught.value.phase == "upload"


async def test_a_link_may_stand_still_for_ever() -> None:
    """Where no limit is set there is nothing to look for."""
    assert await NarrowLink(tls=False).send(MP3 * 6, stall_s=None) == "ok"


async def test_any_other_system_tells_by_its_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody counts what was acknowledged, what is left in the transport does."""
    monkeypatch.setattr("zhongzhuan_audio.upload.movement.sys.platform", "darwin")
    assert await NarrowLink(tls=False).send(MP3 * 15, stall_s=0.4) == "ok"
    with pytest.raises(TimedOutError):
        await NarrowLink(tls=False, takes_bytes=300_000).send(MP3 * 15, stall_s=0.2)


async def test_hanging_up_on_a_connection_that_closed_by_itself_is_no_error() -> None:
    """It was told to close while it still had something to send, and has sent it since."""
    gone = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        await reader.read()
        writer.close()
        gone.set()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(LARGE * 3)
        assert writer.transport.get_write_buffer_size()
        writer.close()
        await gone.wait()
        await writer.wait_closed()
    payload = UploadPayload(await open_source(MP3), b"", b"", content_type="audio/mpeg")
    payload._transport = writer.transport
    payload.hang_up()
