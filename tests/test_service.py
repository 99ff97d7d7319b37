"""A web service that passes an upload on: FastAPI and aiohttp, each a real server."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import pytest
import uvicorn
from aiohttp import web
from fastapi import FastAPI, UploadFile

from zhongzhuan_audio import AsyncClient
from zhongzhuan_audio.errors import AudioSourceError
from zhongzhuan_audio.relay import LocalRelay


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Run an ASGI app on a free port, in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


async def post(url: str, path: Path, name: str) -> tuple[int, dict[str, str]]:
    """Upload a file as a browser does."""
    form = aiohttp.FormData(quote_fields=False)
    with path.open("rb") as file:
        form.add_field("file", file, filename=name)
        async with aiohttp.ClientSession() as session, session.post(url, data=form) as answer:
            return answer.status, await answer.json()


async def test_fastapi_passes_an_upload_on(local_relay: LocalRelay, jfk: Path, tmp_path: Path) -> None:
    """An UploadFile goes to `transcribe` as it is, with its own name, small or large, and errors are errors."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncClient(local_relay.base_url, local_relay.api_key) as client:
            app.state.client = client
            yield

    app = FastAPI(lifespan=lifespan)

    async def minutes(file: UploadFile) -> dict[str, str]:
        try:
            return {"text": (await app.state.client.transcribe(file, language="zh")).text}
        except AudioSourceError as error:
            return {"error": str(error)}

    minutes.__annotations__ = {"file": UploadFile}
    app.post("/minutes")(minutes)
    large = tmp_path / "large.mp3"
    large.write_bytes(jfk.read_bytes() * 40)
    with served(app) as url:
        answers = await asyncio.gather(*(post(f"{url}/minutes", path, "会议.MP3") for path in (jfk, large, jfk)))
        refused = await post(f"{url}/minutes", Path(__file__), "code.mp3")
    assert answers == [(200, {"text": "This is a scripted answer."})] * 3
    assert refused == (200, {"error": "code.mp3 is a text file, not audio — give a recording"})
    assert {request.filename for request in local_relay.requests} == {"会议.mp3"}
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (jfk, large)}
    assert {request.sha256 for request in local_relay.requests} == digests


@pytest.mark.parametrize("way", ["part", "field", "stream"])
async def test_aiohttp_passes_an_upload_on(local_relay: LocalRelay, jfk: Path, way: str) -> None:
    """The part of a request goes to `transcribe` as it is, and so does the field of a form; so does any stream."""

    async def minutes(request: web.Request) -> web.Response:
        client = request.app[key]
        if way == "field":
            field = (await request.post())["file"]
            assert isinstance(field, web.FileField)
            result = await client.transcribe(field)
            return web.json_response({"text": result.text})
        part = await (await request.multipart()).next()
        assert isinstance(part, aiohttp.BodyPartReader)
        if way == "part":
            result = await client.transcribe(part)
        else:
            result = await client.transcribe(_chunks(part), filename=part.filename)
        return web.json_response({"text": result.text})

    async def _chunks(part: aiohttp.BodyPartReader) -> AsyncIterator[bytes]:
        while chunk := await part.read_chunk():
            yield chunk

    key = web.AppKey("client", AsyncClient)
    app = web.Application()
    app.router.add_post("/minutes", minutes)
    async with AsyncClient(local_relay.base_url, local_relay.api_key) as client:
        app[key] = client
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        answer = await post(f"http://127.0.0.1:{port}/minutes", jfk, "会议.MP3")
        await runner.cleanup()
    assert answer == (200, {"text": "This is a scripted answer."})
    assert local_relay.requests[0].filename == "会议.mp3"
    assert local_relay.requests[0].sha256 == hashlib.sha256(jfk.read_bytes()).hexdigest()
