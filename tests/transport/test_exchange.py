"""What each fault of the wire becomes; the server is real and misbehaves byte by byte."""

from __future__ import annotations

import asyncio
import gzip
import os
from pathlib import Path
from typing import Any

import pytest
import trustme

from zhongzhuan_audio import AsyncClient, RetryPolicy, Timeouts, Transcription
from zhongzhuan_audio.errors import (
    AudioSourceError,
    InvalidResponseError,
    PayloadTooLargeError,
    TimedOutError,
    TransportError,
    ZhongzhuanError,
)

MP3 = (Path(__file__).parent.parent / "data" / "jfk.mp3").read_bytes()
LARGE = MP3 * 40
"""3 MB: past one chunk, and past what a socket's buffers take."""
ONCE = RetryPolicy(max_attempts=1)
"""What a fault becomes is looked at here, and what is done about it in test_pipeline.py."""
OK = b'{"text": "hello"}'


async def failure(client: AsyncClient, file: Any = MP3, **options: Any) -> Any:
    """Return the error that a call ends in."""
    with pytest.raises(ZhongzhuanError) as caught:
        await client.transcribe(file, **options)
    return caught.value


@pytest.fixture
async def client(raw_server: Any) -> Any:
    """A client of the server."""
    async with AsyncClient(raw_server.url, "sk-test", retry=ONCE) as client:
        yield client


@pytest.mark.parametrize("data", [MP3, LARGE], ids=["small", "large"])
async def test_the_whole_body_arrives(raw_server: Any, client: AsyncClient, data: bytes, tmp_path: Path) -> None:
    """Form and recording come in one body of the announced length; the last part is the file."""
    seen: list[tuple[bytes, bytes]] = []

    async def serve(peer: Any) -> None:
        while True:
            seen.append(await peer.request())
            await peer.answer(OK)

    raw_server.script(serve)
    path = tmp_path / "录音.mp3"
    path.write_bytes(data)
    sent: list[tuple[int, int]] = []
    for _ in range(2):
        result = await client.transcribe(
            path, prompt="提示", language="zh", on_progress=lambda done, total: sent.append((done, total))
        )
        assert result.text == "hello"
    assert raw_server.connections == 1
    head, body = seen[1]
    assert head.startswith(b"POST /v1/audio/transcriptions HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer sk-test\r\n" in head
    assert b"chunked" not in head.lower()
    assert 'filename="录音.mp3"\r\nContent-Type: audio/mpeg\r\n\r\n'.encode() in body
    boundary = head.split(b"boundary=")[1].split(b"\r\n")[0]
    assert body.endswith(data + b"\r\n--" + boundary + b"--\r\n")
    assert body.index(b'name="prompt"\r\n\r\n' + "提示".encode()) < body.index(b'name="file"')
    assert sent[-1] == (len(data), len(data))
    assert [done for done, _ in sent] == sorted(done for done, _ in sent[: len(sent) // 2]) * 2


async def test_a_small_upload_is_one_write(raw_server: Any, client: AsyncClient) -> None:
    """Headers, form and recording reach the transport together."""
    writes: list[int] = []
    real = asyncio.selector_events._SelectorSocketTransport.write  # type: ignore[attr-defined]

    def write(self: Any, data: Any) -> None:
        if self.get_extra_info("peername")[1] == raw_server.port:
            writes.append(len(data))
        real(self, data)

    async def serve(peer: Any) -> None:
        await peer.request()
        await peer.answer(OK)

    raw_server.script(serve)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.selector_events._SelectorSocketTransport, "write", write)  # type: ignore[attr-defined]
        await client.transcribe(MP3)
    assert len(writes) == 1


async def test_nobody_listens(unused_tcp_port: int) -> None:
    """A refused connection cost nothing and may be tried again."""
    async with AsyncClient(f"http://127.0.0.1:{unused_tcp_port}", "sk-test", retry=ONCE) as client:
        error = await failure(client)
    assert type(error) is TransportError
    assert "no connection to 127.0.0.1" in str(error)
    assert (error.billed, error.retryable, len(error.attempts)) == ("no", True, 1)
    assert error.endpoint == f"http://127.0.0.1:{unused_tcp_port}/v1"


async def test_a_name_that_does_not_exist() -> None:
    """A failed look-up is told as one."""
    async with AsyncClient("https://relay.invalid", "sk-test", retry=ONCE, trust_env=False) as client:
        error = await failure(client)
    assert type(error) is TransportError
    assert "relay.invalid cannot be looked up" in str(error)


async def test_a_proxy_whose_name_does_not_exist() -> None:
    """It is the proxy that is named, and not the relay."""
    async with AsyncClient("https://relay.invalid", "sk-test", retry=ONCE, proxy="http://proxy.invalid:3128") as client:
        error = await failure(client)
    assert "no way through the proxy http://proxy.invalid:3128: its name cannot be looked up" in str(error)
    assert "trust_env" not in str(error)


async def test_a_connection_that_never_comes_about(raw_server: Any) -> None:
    """A server that takes the connection and never finishes TLS runs into the connect timeout."""

    async def mute(peer: Any) -> None:
        await peer.reader.read()

    raw_server.script(mute)
    url = raw_server.url.replace("http:", "https:")
    async with AsyncClient(url, "sk-test", retry=ONCE, timeouts=Timeouts(connect_s=0.2)) as client:
        error = await failure(client)
    assert isinstance(error, TimedOutError)
    assert (error.phase, error.billed) == ("connect", "no")


async def test_an_upload_that_stands_still(raw_server: Any, client: AsyncClient) -> None:
    """A peer that stops reading is given up, and nothing was billed."""

    async def stuck(peer: Any) -> None:
        await peer.head()
        await asyncio.sleep(3600)

    raw_server.script(stuck)
    error = await failure(client, LARGE * 4, timeouts=Timeouts(upload_stall_s=0.2))
    assert isinstance(error, TimedOutError)
    assert (error.phase, error.billed, error.retryable) == ("upload", "no", True)
    assert isinstance(error, TimeoutError)


async def test_a_slow_upload_that_moves_is_not_cut(raw_server: Any, client: AsyncClient) -> None:
    """Neither the stall nor the answer's timeout counts while bytes flow."""

    async def slow(peer: Any) -> None:
        head = await peer.head()
        left = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        while left:
            left -= len(await peer.reader.read(min(left, 200_000)))
            await asyncio.sleep(0.02)
        await peer.answer(OK)

    raw_server.script(slow)
    # Longer than either timeout in all; each step, and what the sockets' buffers hold at the end, takes less.
    timeouts = Timeouts(upload_stall_s=1.5, answer_stall_s=1.5)
    assert (await client.transcribe(LARGE * 8, timeouts=timeouts)).text == "hello"


@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n", b"HTTP/1.1 200 OK\r\nCont"])
async def test_an_answer_that_does_not_come(raw_server: Any, client: AsyncClient, part: bytes) -> None:
    """Silence after the upload, in the headers or in the body may have been billed."""

    async def silent(peer: Any) -> None:
        await peer.request()
        await peer.send(part)
        await asyncio.sleep(3600)

    raw_server.script(silent)
    error = await failure(client, timeouts=Timeouts(answer_stall_s=0.2))
    assert isinstance(error, TimedOutError)
    assert (error.phase, error.billed, error.retryable) == ("answer", "maybe", True)
    assert "may have been billed" in str(error)


async def _close_at_once(peer: Any) -> None:
    await peer.head()


async def _reset_in_the_upload(peer: Any) -> None:
    await peer.reader.readexactly(1000)
    peer.reset()


async def _close_after_the_upload(peer: Any) -> None:
    await peer.request()


async def _reset_after_the_upload(peer: Any) -> None:
    await peer.request()
    peer.reset()


async def _cut_body(peer: Any) -> None:
    await peer.request()
    await peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"text": "half')


async def _bad_gzip(peer: Any) -> None:
    await peer.request()
    await peer.answer(gzip.compress(OK)[:-9] + b"garbage..", headers="Content-Encoding: gzip\r\n")


async def _garbage(peer: Any) -> None:
    await peer.request()
    await peer.send(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")


@pytest.mark.parametrize(
    ("behaviour", "data", "billed"),
    [
        (_close_at_once, LARGE * 4, "no"),
        (_reset_in_the_upload, LARGE * 4, "no"),
        (_close_after_the_upload, MP3, "maybe"),
        (_reset_after_the_upload, MP3, "maybe"),
        (_cut_body, MP3, "maybe"),
        (_bad_gzip, MP3, "maybe"),
        (_garbage, MP3, "maybe"),
    ],
)
async def test_a_connection_that_breaks(
    raw_server: Any, client: AsyncClient, behaviour: Any, data: bytes, billed: str
) -> None:
    """No status is invented, and what may have been billed is told."""
    raw_server.script(behaviour)
    error = await failure(client, data)
    assert type(error) is TransportError
    assert error.billed == billed
    assert error.retryable
    assert error.attempts[0].billed == billed
    assert error.attempts[0].status is None


async def test_an_early_refusal_is_heard(raw_server: Any, client: AsyncClient) -> None:
    """A 413 in the middle of an upload, with a reset behind it, is a 413."""

    async def refuse(peer: Any) -> None:
        await peer.head()
        await peer.answer(b'{"error": {"message": "too large"}}', status="413 Payload Too Large")
        await asyncio.sleep(0.05)
        peer.reset()

    raw_server.script(refuse)
    error = await failure(client, LARGE * 4)
    assert isinstance(error, PayloadTooLargeError)
    assert error.status == 413


async def test_an_early_transcript_is_not_believed(raw_server: Any, client: AsyncClient) -> None:
    """A 200 before the upload's end is an answer to something else."""

    async def hasty(peer: Any) -> None:
        await peer.head()
        await peer.answer(OK)
        await asyncio.sleep(3600)

    raw_server.script(hasty)
    error = await failure(client, LARGE * 4)
    assert type(error) is TransportError
    assert "before it had the whole upload" in str(error)


async def test_an_endless_answer_is_cut(raw_server: Any, client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer larger than any transcript does not fill the memory."""
    monkeypatch.setattr("zhongzhuan_audio.transport.exchange.MAX_ANSWER_BYTES", 1_000_000)

    async def endless(peer: Any) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await peer.send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")

    raw_server.script(endless)
    error = await failure(client)
    assert isinstance(error, InvalidResponseError)
    assert error.billed == "maybe"
    await asyncio.wait_for(raw_server.gone.wait(), 10)


@pytest.mark.parametrize("change", ["shrink", "grow", "vanish"])
async def test_a_file_that_changes_while_it_is_sent(
    raw_server: Any, client: AsyncClient, tmp_path: Path, change: str
) -> None:
    """The relay never gets the last byte, so that it cannot take a part for the whole."""
    path = tmp_path / "live.mp3"
    path.write_bytes(LARGE * 4)
    got = 0

    async def reading(peer: Any) -> None:
        nonlocal got
        head = await peer.head()
        length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        if change == "shrink":
            os.truncate(path, 1_000_000)
        elif change == "grow":
            with path.open("ab") as file:
                file.write(b"more")
        else:
            path.unlink()
        while chunk := await peer.reader.read(1 << 20):
            got += len(chunk)
            if got == length:
                await peer.answer(OK)

    raw_server.script(reading)
    if change == "vanish":
        # The descriptor still has every byte: nothing is wrong with this upload.
        assert (await client.transcribe(path)).text == "hello"
        return
    error = await failure(client, path)
    assert isinstance(error, AudioSourceError)
    assert f"{change.replace('shrink', 'shrank').replace('grow', 'grew')} while it was sent" in str(error)
    assert error.billed == "no"
    assert got < len(LARGE) * 4


async def test_a_progress_function_that_fails_ends_the_call(raw_server: Any, client: AsyncClient) -> None:
    """Its own error comes out, not a connection error in its place."""

    async def serve(peer: Any) -> None:
        await peer.request()
        await peer.answer(OK)

    def progress(_: int, __: int) -> None:
        raise RuntimeError("their bar broke")

    raw_server.script(serve)
    for data in (MP3, LARGE):
        with pytest.raises(RuntimeError, match="their bar broke"):
            await client.transcribe(data, on_progress=progress)


@pytest.mark.parametrize("moment", ["upload", "answer"])
async def test_cancelling_aborts_the_request(raw_server: Any, client: AsyncClient, tmp_path: Path, moment: str) -> None:
    """The connection goes, the file is closed, and the client serves the next call."""
    reached = asyncio.Event()
    path = tmp_path / "long.mp3"
    path.write_bytes(LARGE * 4)

    async def stuck(peer: Any) -> None:
        await (peer.head() if moment == "upload" else peer.request())
        reached.set()
        await peer.reader.read()
        while await peer.reader.read(1 << 20):
            pass
        raw_server.gone.set()

    async def serve(peer: Any) -> None:
        await peer.request()
        await peer.answer(OK)

    raw_server.script(stuck, serve)
    task = asyncio.create_task(client.transcribe(path if moment == "upload" else MP3))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(raw_server.gone.wait(), 10)
    assert path.resolve() not in [link.resolve() for link in Path("/proc/self/fd").iterdir()]
    assert (await client.transcribe(MP3)).text == "hello"


async def test_an_authority_that_is_not_known(raw_server: Any) -> None:
    """An untrusted certificate is told as such, and SSL_CERT_FILE as the way out."""
    authority = trustme.CA()
    context = _server_context(authority)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with AsyncClient(f"https://localhost:{port}", "sk-test", retry=ONCE) as client:
        error = await failure(client)
    assert type(error) is TransportError
    assert not error.retryable
    assert "no TLS with localhost" in str(error)
    assert "SSL_CERT_FILE" in str(error)
    server.close()


def _server_context(authority: trustme.CA) -> Any:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.mark.parametrize("way", ["SSL_CERT_FILE", "context", "off"])
@pytest.mark.parametrize("data", [MP3, LARGE], ids=["small", "large"])
async def test_a_company_authority(
    raw_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, data: bytes
) -> None:
    """A private authority is trusted through the variable or a context; False checks nothing."""
    import ssl

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(OK), OK))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=_server_context(authority), limit=1 << 22)
    options: dict[str, Any] = {}
    if way == "SSL_CERT_FILE":
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    elif way == "context":
        options["ssl"] = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    else:
        options["ssl"] = False
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    async with AsyncClient(url, "sk-test", **options) as client:
        result = await client.transcribe(data)
    assert isinstance(result, Transcription)
    assert data in seen[0]
    server.close()
