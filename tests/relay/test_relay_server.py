"""The relay over real sockets: what it takes, what it refuses, what it remembers."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from zhongzhuan_audio.errors import RateLimitError
from zhongzhuan_audio.relay import LocalRelay, Recognition, ScriptedAnswer, ScriptedEngine, ScriptedVoice

SOUND = b"ID3 sound" * 100


@pytest.fixture
async def relay() -> AsyncIterator[LocalRelay]:
    """Give a relay that answers by script and takes 1 MB."""
    async with LocalRelay(ScriptedEngine("你好"), max_upload_bytes=1_000_000) as relay:
        yield relay


@pytest.fixture
async def session(relay: LocalRelay) -> AsyncIterator[aiohttp.ClientSession]:
    """Give a session with the relay's key."""
    headers = {"Authorization": f"Bearer {relay.api_key}"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=1)) as session:
        yield session


def form(
    *fields: tuple[str, str], file: bytes | io.BytesIO | None = SOUND, filename: str = "a.mp3"
) -> aiohttp.FormData:
    """Return an upload of whisper-1 with these further fields."""
    data = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, value in fields if any(name == "model" for name, _ in fields) else (("model", "whisper-1"), *fields):
        data.add_field(name, value)
    if file is not None:
        data.add_field("file", file, filename=filename, content_type="audio/mpeg")
    return data


async def post(session: aiohttp.ClientSession, relay: LocalRelay, **options: Any) -> tuple[int, str, Any]:
    """Send one upload and return the status, the body, and the headers."""
    async with session.post(f"{relay.base_url}/audio/transcriptions", **options) as answer:
        return answer.status, await answer.text(), answer.headers


def message(body: str) -> str:
    """Return an error's message."""
    return json.loads(body)["error"]["message"]


async def test_transcribes(relay, session):
    """An upload is answered, and remembered with everything that came, but no audio and no key."""
    status, body, headers = await post(
        session,
        relay,
        data=form(("language", "zh"), ("keywords[]", "甲"), ("keywords[]", "乙"), filename="会议;🎙;.MP3"),
    )
    assert (status, json.loads(body)["text"]) == (200, "你好")
    (received,) = relay.requests
    assert relay.request_count == 1
    assert received.fields == {"model": ("whisper-1",), "language": ("zh",), "keywords[]": ("甲", "乙")}
    assert (received.filename, received.size_bytes) == ("会议;🎙;.MP3", len(SOUND))
    assert received.sha256 == hashlib.sha256(SOUND).hexdigest()
    assert (received.method, received.path, received.status) == ("POST", "/v1/audio/transcriptions", 200)
    assert (received.authorized, received.gone) == (True, False)
    assert received.content_length > len(SOUND)
    assert received.request_id == headers["X-Oneapi-Request-Id"]
    assert "authorization" not in received.headers
    assert "sk-local" not in repr(received)
    assert "sk-local" not in repr(relay)


async def test_chunked_upload_and_long_fields(relay, session):
    """An upload without a Content-Length is taken, and a long field is remembered by its beginning."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nso'
        yield b'und\r\n--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--b\r\n'
        yield b'Content-Disposition: form-data; name="prompt"\r\n\r\n' + b"p" * 5000 + b"\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    status, _, _ = await post(session, relay, data=pieces(), headers=headers)
    assert status == 200
    assert relay.requests[0].content_length is None
    assert relay.requests[0].size_bytes == 5
    assert relay.requests[0].fields["prompt"] == ("p" * 4096,)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "未提供令牌"),
        ({"Authorization": "Basic sk-local"}, "未提供令牌"),
        ({"Authorization": "Bearer "}, "未提供令牌"),
        ({"Authorization": "Bearer sk-other"}, "无效的令牌"),
        ({"Authorization": "Bearer 密"}, "无效的令牌"),
    ],
)
@pytest.mark.parametrize("path", ["models", "audio/transcriptions"])
async def test_keys(relay, headers, words, path):
    """A missing and a wrong key are told apart, in the relay's words, with the request id in header and message."""
    async with aiohttp.ClientSession() as session:
        send = session.get if path == "models" else session.post
        async with send(f"{relay.base_url}/{path}", headers=headers) as answer:
            told = (await answer.json())["error"]
            assert answer.status == 401
            assert told == {
                "message": f"{words} (request id: {answer.headers['X-Oneapi-Request-Id']})",
                "type": "new_api_error",
                "code": "",
            }
    assert relay.requests[0].authorized is bool(headers)


async def test_an_open_relay_takes_any_key():
    """With `api_key=None` nothing is asked for."""
    async with LocalRelay(ScriptedEngine(), api_key=None) as relay, aiohttp.ClientSession() as session:
        assert relay.api_key is None
        async with session.get(f"{relay.base_url}/models") as answer:
            assert answer.status == 200


async def test_lists_its_engines_models():
    """Each relay lists the models of its own engine and voice, and hears with those of its engine."""
    names = {("whisper-1",), ("whisper-1", "gpt-transcribe")}
    for models in names:
        async with (
            LocalRelay(ScriptedEngine(models=models), voice=ScriptedVoice(models=("speaker",)), api_key=None) as relay,
            aiohttp.ClientSession() as session,
            session.get(f"{relay.base_url}/models") as answer,
        ):
            assert tuple(row["id"] for row in (await answer.json())["data"]) == (*models, "speaker")
            status, body, _ = await post(session, relay, data=form(("model", "gpt-transcribe")))
            assert status == (200 if "gpt-transcribe" in models else 503), body


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ([("model", "")], 400, "you must provide a model parameter"),
        ([("model", "gpt-9")], 503, "模型 gpt-9 无可用渠道"),
        ([("model", "whisper-1"), ("model", "whisper-1")], 400, "model was sent 2 times"),
        ([("response_format", "xml")], 400, "'xml' is not one of"),
        ([("temperature", "1.5")], 400, "not a number from 0 to 1"),
        ([("temperature", "warm")], 400, "not a number from 0 to 1"),
        ([("temperature", "nan")], 400, "not a number from 0 to 1"),
        ([("language", "chinese")], 400, "Invalid language 'chinese'"),
        ([("timestamp_granularities[]", "word")], 400, "need response_format verbose_json"),
        ([("timestamp_granularities[]", "letter"), ("response_format", "verbose_json")], 400, "word or segment"),
        ([("prompt", "p" * 70_000)], 400, "longer than 65536 bytes"),
        ([("x[]", "1")] * 64, 400, "too many parts"),
    ],
)
async def test_fields_are_checked(relay, session, fields, status, words):
    """Each wrong field is refused in so many words, and the connection goes on to be used."""
    refused, body, _ = await post(session, relay, data=form(*fields))
    assert refused == status, body
    assert words in message(body)
    assert relay.requests[-1].status == status
    assert (await post(session, relay, data=form()))[0] == 200


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"data": form(file=None)}, "file is required"),
        ({"data": form(file=b"")}, "the audio file is empty"),
        ({"data": form(filename="a.txt")}, "Invalid file format. Supported formats: ['flac',"),
        ({"data": form(filename="mp3")}, "Invalid file format"),
        ({"json": {"model": "whisper-1"}}, "request Content-Type isn't multipart/form-data"),
        ({"data": b"--b\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, "unexpected EOF"),
        ({"data": b"--bad", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, "boundary is followed"),
    ],
)
async def test_uploads_are_checked(relay, session, options, words):
    """What is no form, has no file, an empty one, or one of another kind, is a 400."""
    status, body, _ = await post(session, relay, **options)
    assert (status, words in message(body)) == (400, True), body


async def test_other_files_are_passed_over(relay, session):
    """Only the first part `file` counts, as with relays that rebuild the form; other files are not kept."""
    data = form()
    data.add_field("file", b"second", filename="b.wav")
    data.add_field("cover", b"picture", filename="c.png")
    assert (await post(session, relay, data=data))[0] == 200
    assert (relay.requests[0].filename, relay.requests[0].size_bytes) == ("a.mp3", len(SOUND))


@pytest.mark.parametrize("name", ["file", "cover"])
@pytest.mark.parametrize("announced", [True, False])
async def test_too_large(relay, session, name, announced):
    """A request past the limit is a 413, whichever part is large, announced or found out on the way."""

    async def pieces() -> AsyncIterator[bytes]:
        yield f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="a.wav"\r\n\r\n'.encode()
        for _ in range(40):
            yield b"z" * 500_000
        yield b"\r\n--b--\r\n"

    data: Any = io.BytesIO(b"".join([piece async for piece in pieces()])) if announced else pieces()
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    status, body, _ = await post(session, relay, data=data, headers=headers)
    assert status == 413
    assert message(body).startswith("Maximum content size limit (1000000) exceeded (")


async def test_too_large_is_told_before_the_upload_ends(relay):
    """An announced size past the limit is refused with nothing read of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(relay))
    writer.write(head(relay, 10**12))
    assert await reader.readline() == b"HTTP/1.1 413 Request Entity Too Large\r\n"
    await hang_up(writer)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/v1/audio/transcriptions"),
        ("POST", "/audio/transcriptions"),
        ("GET", "/v1/audio/transcriptions"),
        ("DELETE", "/v1/models"),
    ],
)
async def test_unknown_addresses(relay, session, method, path):
    """A wrong path and a wrong method are one and the same to a relay: an invalid URL."""
    async with session.request(method, relay.base_url.removesuffix("/v1") + path) as answer:
        assert answer.status == 404
        assert (await answer.json())["error"]["message"] == f"Invalid URL ({method} {path})"
        assert answer.headers["X-Oneapi-Request-Id"] == relay.requests[0].request_id


async def test_head(relay, session):
    """HEAD gives the headers alone."""
    for path, status in (("models", 200), ("audio/transcriptions", 404)):
        async with session.head(f"{relay.base_url}/{path}") as answer:
            assert (answer.status, await answer.read()) == (status, b"")


async def test_one_connection_serves_on_after_errors(relay, session):
    """Errors do not cost the connection."""
    for filename in ("a.txt", "a.mp3", "b.exe", "b.wav"):
        await post(session, relay, data=form(filename=filename))
    assert [received.status for received in relay.requests] == [400, 200, 400, 200]
    assert len(session.connector._conns) == 1


@pytest.mark.parametrize(
    ("answer", "status", "kind", "body"),
    [
        (ScriptedAnswer(502, "<h1>502</h1>"), 502, "text/html; charset=utf-8", "<h1>502</h1>"),
        (ScriptedAnswer(200, b'{"te', {"content-type": "text/plain", "x-a": "1"}), 200, "text/plain", '{"te'),
        (ScriptedAnswer(429), 429, None, ""),
        (Recognition(duration=3.0, text="ok"), 200, "application/json; charset=utf-8", None),
    ],
)
async def test_scripted_answers(relay, session, answer, status, kind, body):
    """A scripted answer goes out as it is."""
    relay.engine.script(answer)
    got, text, headers = await post(session, relay, data=form())
    assert got == status
    assert body is None or text == body
    assert kind is None or headers["Content-Type"] == kind
    assert "X-Oneapi-Request-Id" in headers


async def test_scripted_errors(relay, session, caplog):
    """An error of the package's own kind is answered as a relay tells it, any other as a breakdown that is logged."""
    relay.engine.script(
        RateLimitError("slow", status=429, code="rate_limit_exceeded", retry_after=7.0, headers={"x-a": "1"}),
        ZeroDivisionError("by zero"),
    )
    status, body, headers = await post(session, relay, data=form())
    assert (status, headers["Retry-After"], headers["x-a"]) == (429, "7", "1")
    assert json.loads(body)["error"]["code"] == "rate_limit_exceeded"
    with caplog.at_level(logging.ERROR, logger="zhongzhuan_audio.relay"):
        status, body, _ = await post(session, relay, data=form())
    assert (status, json.loads(body)["error"]["type"]) == (500, "new_api_panic")
    assert "ZeroDivisionError: by zero" in message(body)
    assert "ZeroDivisionError" in caplog.text


async def test_scripted_hang_up(relay, session):
    """A connection error in the script closes the connection without an answer."""
    relay.engine.script(ConnectionResetError(), "ok")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await post(session, relay, data=form())
    assert (relay.requests[0].status, relay.requests[0].gone) == (None, False)
    assert (await post(session, relay, data=form()))[0] == 200


async def test_a_large_recording_comes_whole():
    """A recording of many MiB goes to disk in pieces and arrives byte for byte."""
    sound = bytes(range(256)) * 20_000
    async with (
        LocalRelay(ScriptedEngine(lambda options: options.filename), api_key=None) as relay,
        aiohttp.ClientSession() as session,
    ):
        status, _, _ = await post(session, relay, data=form(file=io.BytesIO(sound)))
        assert status == 200
        assert (relay.requests[0].size_bytes, relay.requests[0].sha256) == (
            len(sound),
            hashlib.sha256(sound).hexdigest(),
        )


def port_of(relay: LocalRelay) -> int:
    """Return the port that a relay listens on."""
    return int(relay.base_url.removesuffix("/v1").rpartition(":")[2])


def head(relay: LocalRelay, length: int | None) -> bytes:
    """Return the head of an upload with a boundary `b`; chunked where no length is given."""
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return (
        f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {relay.api_key}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\n{size}\r\n\r\n"
    ).encode()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close a client's end at once."""
    writer.transport.abort()
    await asyncio.wait({asyncio.ensure_future(writer.wait_closed())})


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that the other side brings about."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_client_that_hangs_up_while_it_uploads(relay):
    """The upload's file goes, and the request is noted as gone."""
    _, writer = await asyncio.open_connection("127.0.0.1", port_of(relay))
    writer.write(
        head(relay, 900_000) + b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + SOUND
    )
    await writer.drain()
    await until(lambda: relay.request_count == 1)
    await hang_up(writer)
    await until(lambda: relay.requests[0].gone)
    assert relay.requests[0].status is None


async def test_a_body_that_does_not_unpack_is_a_bad_request(relay, session):
    """A body that is not packed as its header says is a 400, not a breakdown."""
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Content-Encoding": "gzip"}
    status, body, _ = await post(session, relay, data=b"never gzipped", headers=headers)
    assert (status, message(body).partition(" (")[0]) == (400, "the body is broken")
