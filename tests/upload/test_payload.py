"""Sending the body: how much at a time, and that all of it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from zhongzhuan_audio import AsyncClient, Limits

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


async def steps(client: AsyncClient) -> set[int]:
    """Send the large recording; return by how many bytes the upload went on at a time, but for the first and last."""
    seen: list[int] = []
    await client.transcribe(LARGE, on_progress=lambda sent, _: seen.append(sent))
    return {after - before for before, after in pairwise(seen[:-1])}


@pytest.mark.parametrize(("crowd", "least"), [(1, 256), (8, 256), (32, 64), (100, 32)])
async def test_uploads_share_a_turn_of_the_loop(server: tuple[Server, str], crowd: int, least: int) -> None:
    """A few send whole buffers; the more there are the less each sends at a time, to a limit. All arrive whole."""
    kept, url = server
    kept.crowd = crowd
    async with AsyncClient(url, "sk-test", limits=Limits(max_concurrency=crowd)) as client:
        found = set[int]().union(*await asyncio.gather(*(steps(client) for _ in range(crowd))))
    assert min(found) == least * KIB
    assert len(kept.bodies) == crowd
    assert all(LARGE in body for body in kept.bodies)


async def test_a_form_may_be_larger_than_the_buffer(server: tuple[Server, str]) -> None:
    """A very long prompt goes out whole, and the recording behind it."""
    kept, url = server
    prompt = "提示" * 100_000
    async with AsyncClient(url, "sk-test") as client:
        await client.transcribe(MP3, prompt=prompt)
    assert prompt.encode() in kept.bodies[0]
    assert MP3 in kept.bodies[0]
