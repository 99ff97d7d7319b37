"""Through a real CONNECT proxy."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from zhongzhuan_audio import AsyncClient
from zhongzhuan_audio.errors import TransportError

MP3 = (Path(__file__).parent.parent / "data" / "jfk.mp3").read_bytes()
OK = b'{"text": "hello"}'


class Tunnel:
    """An HTTP proxy that leads every name to one port of this machine."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.credentials: bytes | None = None
        self.target = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        if self.credentials is not None and b"Proxy-Authorization: Basic " + self.credentials not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))

    async def close(self) -> None:
        """Stop."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    except ConnectionError:
        pass
    finally:
        sink.close()


@pytest.fixture
async def tunnel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Tunnel]:
    """The proxy, and behind it a relay called relay.test with a certificate of a private authority."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("relay.test").configure_cert(context)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
        assert MP3 in body
        assert b"Proxy-Authorization" not in head
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(OK), OK))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context, limit=1 << 22)
    tunnel = Tunnel()
    tunnel.target = server.sockets[0].getsockname()[1]
    await tunnel.start()
    yield tunnel
    server.close()
    await tunnel.close()


@pytest.mark.parametrize("way", ["variable", "argument"])
async def test_a_proxy_leads_to_the_relay(tunnel: Tunnel, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """The name goes to the proxy unresolved; the key goes only through the tunnel."""
    options: dict[str, Any] = {}
    if way == "variable":
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{tunnel.port}")
    else:
        options["proxy"] = f"http://127.0.0.1:{tunnel.port}"
    async with AsyncClient("https://relay.test", "sk-secret-key", **options) as client:
        assert (await client.transcribe(MP3)).text == "hello"
    assert tunnel.heads[0].startswith(b"CONNECT relay.test:443 HTTP/1.1\r\n")
    assert b"sk-secret" not in tunnel.heads[0]


async def test_a_proxy_with_a_password(tunnel: Tunnel) -> None:
    """The password reaches the proxy and nobody else; a wrong one is told without being shown."""
    tunnel.credentials = base64.b64encode(b"user:p@ss")
    async with AsyncClient(
        "https://relay.test", "sk-test", proxy=f"http://user:p%40ss@127.0.0.1:{tunnel.port}"
    ) as client:
        assert (await client.transcribe(MP3)).text == "hello"
    async with AsyncClient(
        "https://relay.test", "sk-test", proxy=f"http://user:wr0ng@127.0.0.1:{tunnel.port}"
    ) as client:
        with pytest.raises(
            TransportError, match=rf"no way through the proxy http://127.0.0.1:{tunnel.port} \(status 407\)"
        ) as caught:
            await client.transcribe(MP3)
    assert "wr0ng" not in str(caught.value)
    assert caught.value.billed == "no"


async def test_a_proxy_that_is_down(tunnel: Tunnel, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy is named, not the relay."""
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{unused_tcp_port}")
    async with AsyncClient("https://relay.test", "sk-test") as client:
        with pytest.raises(TransportError, match=f"no way through the proxy http://127.0.0.1:{unused_tcp_port}"):
            await client.transcribe(MP3)


async def test_the_environment_can_be_left_out(tunnel: Tunnel, monkeypatch: pytest.MonkeyPatch) -> None:
    """trust_env=False goes direct, and does not find the name."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{tunnel.port}")
    async with AsyncClient("https://relay.test", "sk-test", trust_env=False) as client:
        with pytest.raises(TransportError, match="relay.test cannot be looked up"):
            await client.transcribe(MP3)
    assert tunnel.heads == []
