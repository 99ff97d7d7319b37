"""Finding out: nothing holds the doctor for long."""

from __future__ import annotations

import asyncio
import io
import socket
import sys
import wave
from contextlib import ExitStack

import pytest

from zhongzhuan_audio.cli.doctor.collecting import examine, second_of_tone
from zhongzhuan_audio.cli.doctor.facts import Reach
from zhongzhuan_audio.cli.doctor.judging import judge
from zhongzhuan_audio.cli.doctor.probing import probe
from zhongzhuan_audio.config import Endpoint
from zhongzhuan_audio.errors import TimedOutError, TransportError
from zhongzhuan_audio.transport.proxies import Proxy
from zhongzhuan_audio.transport.route import Route


@pytest.fixture
def saying(listening):
    """Return what listens on a port, and answers whatever comes first with some words, or with nothing at all."""

    def saying(words):
        async def serve(reader, writer):
            if words is not None:
                await reader.read(1)
                writer.write(words)
            else:
                await reader.read()
            writer.close()

        return listening(serve)

    return saying


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_silent_relay_is_told_in_time(saying, scheme):
    """It takes the connection and says nothing more: TLS and the listing are given up on, side by side."""
    loop = asyncio.get_running_loop()
    async with saying(None) as port:
        began = loop.time()
        endpoint = Endpoint(f"{scheme}://127.0.0.1:{port}", "sk-1")
        facts = await examine(endpoint, key=None, paid=True, connect_s=0.2, answer_s=0.4)
        assert loop.time() - began < 5
    states = {row.check: row.state for row in judge(facts)}
    assert states["address"] == "ok"
    assert states["TLS" if scheme == "https" else "/v1"] == "fail"
    assert states["test"] == "skip"
    assert isinstance(facts.listing.outcome, TransportError)


async def test_the_balance_has_an_end_too(listening):
    """It is up to three requests, and may take no longer than the rest."""
    page = b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\nConnection: close\r\n\r\nnot found"

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.3 if b"GET /v1/models" not in head else 0)
        writer.write(page)
        writer.close()

    async with listening(serve) as port:
        endpoint = Endpoint(f"http://127.0.0.1:{port}", "sk-1")
        facts = await examine(endpoint, key=None, paid=False, connect_s=0.1, answer_s=0.4)
    assert isinstance(facts.balance, TimedOutError)
    assert facts.balance.message == "no answer within 0.5 s"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not answer as a proxy does"),
        (b"", "does not answer as a proxy does"),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "does not lead to relay.test (status 503)"),
        (None, "no answer from the proxy"),
    ],
)
async def test_what_is_no_proxy(saying, words, message):
    """What answers in its place is named."""
    async with saying(words) as port:
        route = Route(endpoint="https://relay.test/v1", proxy=Proxy(url=f"http://127.0.0.1:{port}"))
        with pytest.raises(TransportError) as caught:
            await probe(route, patience_s=0.3)
    assert message in caught.value.message
    assert f"the proxy http://127.0.0.1:{port}" in caught.value.message


async def test_a_proxy_for_plain_http_is_only_reached(saying):
    """There is no tunnel to ask it for."""
    async with saying(None) as port:
        proxy = Proxy(url=f"http://127.0.0.1:{port}")
        reach = await probe(Route(endpoint="http://relay.test/v1", proxy=proxy), patience_s=5)
    assert isinstance(reach, Reach)
    assert (reach.peer, reach.tls) == (f"127.0.0.1:{port}", None)


@pytest.mark.skipif(sys.platform != "linux", reason="a full backlog drops what comes only there")
async def test_an_address_that_does_not_answer():
    """It is given up on in time."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as stack:
        port = full.getsockname()[1]
        for _ in range(3):
            queued = stack.enter_context(socket.socket())
            queued.setblocking(False)
            queued.connect_ex(("127.0.0.1", port))
        with pytest.raises(TransportError, match="no connection to 127.0.0.1 within 0.2 s"):
            await probe(Route(endpoint=f"http://127.0.0.1:{port}/v1"), patience_s=0.2)


@pytest.mark.parametrize("proxy", [None, Proxy(url="http://proxy.invalid:1")])
async def test_a_name_that_is_none(proxy):
    """The proxy's or the relay's, whichever is looked up here."""
    with pytest.raises(TransportError, match=f"the name of .*{'proxy' if proxy else 'relay'}.invalid.* cannot be"):
        await probe(Route(endpoint="https://relay.invalid/v1", proxy=proxy), patience_s=10)


async def test_a_second_is_a_second():
    """And a tone, with nobody speaking."""
    with wave.open(io.BytesIO(second_of_tone())) as recording:
        assert recording.getnframes() == recording.getframerate() == 16_000
        assert (recording.getnchannels(), recording.getsampwidth()) == (1, 2)
        assert any(recording.readframes(100))
