"""A relay with everything that the doctor asks for, the doctor's rows, and a proxy."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import attrs
import pytest
from aiohttp import web
from anyio.from_thread import start_blocking_portal

from zhongzhuan_audio.cli import run

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Rows = dict[str, dict[str, Any]]
Examine = Callable[..., tuple[int, Rows]]


def listed(*names: str) -> dict[str, object]:
    """Return the answer that lists these models."""
    return {"data": [{"id": name} for name in names]}


def token(dollars: float, **facts: object) -> dict[str, object]:
    """Return the answer that tells how many dollars are left."""
    return {"data": {"total_available": dollars * 500_000, "total_granted": 5_000_000, **facts}}


@attrs.define
class Clinic:
    """What the relay answers, by path; a path that is not there is 404."""

    answers: dict[str, object] = attrs.field(
        factory=lambda: {
            "/v1/models": listed("gpt-4o-mini", "gpt-4o-transcribe", "whisper-1"),
            "/api/usage/token/": token(5),
            "/v1/audio/transcriptions": {"text": ""},
        }
    )
    headers: dict[str, str] = attrs.field(factory=dict)
    requests: list[tuple[str, str | None]] = attrs.field(factory=list)
    """Paths, and the keys that came with them."""
    bodies: list[bytes] = attrs.field(factory=list)

    def app(self) -> web.Application:
        """Return it as an application."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.path, request.headers.get("Authorization")))
        self.bodies.append(await request.read())
        answer = self.answers.get(request.path)
        if callable(answer):
            return answer()
        if answer is None:
            answer = {"error": {"message": f"Invalid URL ({request.method} {request.path})", "type": "invalid"}}
            return web.json_response(answer, status=404, headers=self.headers)
        return web.json_response(answer, headers=self.headers)


@pytest.fixture
def clinic() -> Clinic:
    """A relay in good health, not yet served."""
    return Clinic()


@pytest.fixture
def examined(capsys: pytest.CaptureFixture[str]) -> Examine:
    """Return a function that runs ``doctor --json``, and gives its exit code and the last endpoint's rows by name."""

    def examined(*options: str) -> tuple[int, Rows]:
        code = run(["doctor", "--json", *options])
        out, err = capsys.readouterr()
        assert err == ""
        told = json.loads(out)
        assert told["ok"] == (code == 0)
        return code, {row["check"]: row for row in told["rows"]}

    return examined


@attrs.define
class Tunnel:
    """A CONNECT proxy that leads every name to one port of this machine."""

    target: int = 0
    port: int = 0
    status: bytes = b"200 Connection established"
    heads: list[bytes] = attrs.field(factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Lead one connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        writer.write(b"HTTP/1.1 " + self.status + b"\r\nContent-Length: 0\r\n\r\n")
        if b" 200 " in b" " + self.status:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
            await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))
        writer.close()
        await writer.wait_closed()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        sink.close()


@asynccontextmanager
async def _listening(serve: Handler) -> AsyncIterator[int]:
    tasks: set[asyncio.Task[None]] = set()

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(ConnectionError):
                await serve(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)  # for the sockets to be closed


@pytest.fixture
def listening() -> Callable[[Handler], AbstractAsyncContextManager[int]]:
    """Return what serves connections with a function in the running loop, and gives the port."""
    return _listening


@pytest.fixture
def tunnel() -> Iterator[Tunnel]:
    """The proxy, in a thread of its own."""
    tunnel = Tunnel()
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(_listening(tunnel.serve)) as tunnel.port,
    ):
        yield tunnel
