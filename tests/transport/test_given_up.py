"""What was given up is not sent after all."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from zhongzhuan_audio import AsyncClient, RetryPolicy, Timeouts
from zhongzhuan_audio.errors import TimedOutError

MP3 = (Path(__file__).parent.parent / "data" / "jfk.mp3").read_bytes()
KERNEL_BYTES = 16_384


def narrow(connection: socket.socket) -> socket.socket:
    """Let the kernel keep little of what is sent, as over a slow link."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BYTES)
    return connection


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors as Linux lists them")
@pytest.mark.parametrize("ending", ["stall", "attempt", "deadline", "cancel"])
@pytest.mark.parametrize("size_bytes", [200_000, 4_000_000])
async def test_a_relay_that_takes_its_time_gets_no_whole_upload_later(ending: str, size_bytes: int) -> None:
    """Neither from one write nor from many, nor does a socket stay open for it; and nothing can have been billed."""
    go_on, ended = asyncio.Event(), asyncio.Event()
    got: list[bytes] = []

    async def takes_its_time(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        try:
            while chunk := await reader.read(65_536):
                got.append(chunk)
        except ConnectionError:
            pass  # an end like any other
        writer.close()
        ended.set()

    listening = narrow(socket.create_server(("127.0.0.1", 0)))
    server = await asyncio.start_server(takes_its_time, sock=listening, limit=4096)
    descriptors = len(os.listdir("/proc/self/fd"))
    connector = aiohttp.TCPConnector(socket_factory=lambda address: narrow(socket.socket(*address[:3])))
    timeouts = {"stall": Timeouts(upload_stall_s=0.2), "attempt": Timeouts(attempt_s=0.2)}.get(ending)
    policy = RetryPolicy(max_attempts=1, deadline_s=0.2 if ending == "deadline" else None)
    recording: Any = MP3[:1000] + bytes(size_bytes)
    async with aiohttp.ClientSession(connector=connector) as session:
        client = AsyncClient(f"http://127.0.0.1:{listening.getsockname()[1]}", "sk-test", session=session)
        call = asyncio.create_task(client.transcribe(recording, timeouts=timeouts, retry=policy))
        if ending == "cancel":
            await asyncio.sleep(0.2)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        else:
            with pytest.raises(TimedOutError) as caught:
                await call
            assert caught.value.billed == "no"
        for _ in range(200):
            # The server's end stays open, since it does not look.
            if len(os.listdir("/proc/self/fd")) <= descriptors + 1:
                break
            await asyncio.sleep(0.01)
        assert len(os.listdir("/proc/self/fd")) <= descriptors + 1
    go_on.set()
    await ended.wait()
    server.close()
    assert 0 < len(b"".join(got)) < size_bytes
