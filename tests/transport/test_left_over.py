"""An answer that comes without a request never becomes the answer to another one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from zhongzhuan_audio import AsyncClient, RetryPolicy
from zhongzhuan_audio.errors import TransportError
from zhongzhuan_audio.relay import Fault, LocalRelay, ScriptedEngine

MP3 = (Path(__file__).parent.parent / "data" / "jfk.mp3").read_bytes()
QUICK = RetryPolicy(backoff_base_s=0.001)


def pooled(client: AsyncClient) -> Any:
    """Return aiohttp's end of the one connection that waits to be used again."""
    opened = client._sessions._opened
    assert opened is not None
    connector: Any = opened.session.connector
    ((waiting,),) = connector._conns.values()
    return waiting[0]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("408 Request Timeout", b""),
        ("401 Unauthorized", b'{"error": {"message": "no"}}'),
        ("200 OK", b'{"text": "of another"}'),
    ],
)
async def test_what_comes_on_an_idle_connection_is_no_answer(raw_server: Any, status: str, body: bytes) -> None:
    """The next call goes over a new connection, and is not even counted as tried twice."""
    answered = asyncio.Event()

    async def serve(peer: Any) -> None:
        number = raw_server.connections
        await peer.request()
        await peer.answer(b'{"text": "from connection %d"}' % number)
        await answered.wait()
        await peer.answer(body, status=status)
        await peer.reader.read()

    raw_server.script(serve)
    async with AsyncClient(raw_server.url, "sk-test", retry=QUICK) as client:
        assert (await client.transcribe(MP3)).text == "from connection 1"
        idle = pooled(client)
        answered.set()
        async with asyncio.timeout(10):
            while not idle.should_close:
                await asyncio.sleep(0.001)
        result = await client.transcribe(MP3)
        assert result.text == "from connection 2"
        assert [(made.status, made.billed) for made in result.attempts] == [(200, "no")]
        assert not idle.is_connected()


@pytest.mark.parametrize(("data", "billed"), [(MP3[:8000], "maybe"), (MP3 * 40, "no")], ids=["small", "large"])
async def test_an_answer_behind_a_switch_of_protocols_is_lost(data: bytes, billed: str) -> None:
    """A gateway says 101 and passes the real answer on: the next call must not get it."""
    engine = ScriptedEngine(lambda options: f"heard {options.prompt}")
    async with LocalRelay(engine, faults=[Fault("informational", statuses=(101,), times=1)]) as relay:
        async with AsyncClient(relay.base_url, relay.api_key, retry=RetryPolicy(max_attempts=1)) as client:
            with pytest.raises(TransportError, match="switched to a protocol") as caught:
                await client.transcribe(data, prompt="the first")
            assert (caught.value.retryable, caught.value.billed) == (True, billed)
            for prompt in ("the second", "the third"):
                assert (await client.transcribe(MP3, prompt=prompt)).text == f"heard {prompt}"


async def test_an_unreadable_header_is_not_quoted(raw_server: Any) -> None:
    """Whatever quotes aiohttp would put around it."""

    async def serve(peer: Any) -> None:
        await peer.request()
        await peer.answer(b"", headers="X-Secret: " + "it's secret " * 1000 + "\r\n")

    raw_server.script(serve)
    async with AsyncClient(raw_server.url, "sk-test", retry=RetryPolicy(max_attempts=1)) as client:
        with pytest.raises(TransportError, match="cannot be read as HTTP: Got more than 8190 bytes") as caught:
            await client.transcribe(MP3)
    assert "secret" not in caught.value.message


async def test_a_transcript_is_not_quoted_where_it_cannot_be_read() -> None:
    """The error of a wrong Content-Length says what is wrong in a line; it may be logged."""
    engine = ScriptedEngine("it's secret " * 1000)
    async with LocalRelay(engine, faults=[Fault("short-length")]) as relay:
        async with AsyncClient(relay.base_url, relay.api_key, retry=RetryPolicy(max_attempts=1)) as client:
            with pytest.raises(TransportError, match="cannot be read as HTTP: Bad status line") as caught:
                await client.transcribe(MP3, response_format="text")
    assert "secret" not in caught.value.message
    assert len(caught.value.message) < 100


async def test_a_stale_connection_is_not_replaced_by_another(raw_server: Any) -> None:
    """Where one kept-alive connection has died of its idleness, the retry goes over a new one."""
    served = asyncio.Event()

    async def dies_at_the_second(peer: Any) -> None:
        await peer.request()
        if raw_server.connections == 6:
            served.set()
        await served.wait()
        await peer.answer(b'{"text": "hello"}')
        await peer.reader.read(1)
        peer.reset()

    async def serves(peer: Any) -> None:
        await peer.request()
        await peer.answer(b'{"text": "fresh"}')

    raw_server.script(*[dies_at_the_second] * 6, serves)
    async with AsyncClient(raw_server.url, "sk-test") as client:
        await asyncio.gather(*(client.transcribe(MP3) for _ in range(6)))
        result = await client.transcribe(MP3)
    assert result.text == "fresh"
    assert [made.error for made in result.attempts] == ["TransportError", None]
    assert raw_server.connections == 7
