"""An answer that comes without a request never becomes the answer to another one."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from zhongzhuan_audio import AsyncClient, RetryPolicy
from zhongzhuan_audio.errors import TransportError
from zhongzhuan_audio.relay import Fault, LocalRelay, ScriptedEngine
from zhongzhuan_audio.transport.connections import CleanConnections

MP3 = (Path(__file__).parent.parent / "data" / "jfk.mp3").read_bytes()
QUICK = RetryPolicy(backoff_base_s=0.001)


@pytest.fixture(params=["own session", "caller's session"])
async def given(request: pytest.FixtureRequest) -> AsyncIterator[aiohttp.ClientSession | None]:
    """What a client gets as its session."""
    async with AsyncExitStack() as stack:
        yield None if request.param == "own session" else await stack.enter_async_context(aiohttp.ClientSession())


def pooled(session: aiohttp.ClientSession) -> Any:
    """Return aiohttp's end of the one connection that waits to be used again."""
    connector: Any = session.connector
    ((waiting,),) = connector._conns.values()
    return waiting[0]


def session_of(client: AsyncClient) -> aiohttp.ClientSession:
    """Return the session that a client uses."""
    opened = client._sessions._opened
    assert opened is not None
    return opened.session


async def until_unclean(protocol: Any) -> None:
    """Wait until the loop has read what came."""
    async with asyncio.timeout(10):
        while not protocol.should_close:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("408 Request Timeout", b""),
        ("401 Unauthorized", b'{"error": {"message": "no"}}'),
        ("200 OK", b'{"text": "of another"}'),
    ],
)
async def test_what_comes_on_an_idle_connection_is_no_answer(
    raw_server: Any, given: aiohttp.ClientSession | None, status: str, body: bytes
) -> None:
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
    async with AsyncClient(raw_server.url, "sk-test", retry=QUICK, session=given) as client:
        assert (await client.transcribe(MP3)).text == "from connection 1"
        idle = pooled(session_of(client))
        answered.set()
        await until_unclean(idle)
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


async def test_a_stale_connection_is_not_replaced_by_another(
    raw_server: Any, given: aiohttp.ClientSession | None
) -> None:
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
    async with AsyncClient(raw_server.url, "sk-test", session=given) as client:
        await asyncio.gather(*(client.transcribe(MP3) for _ in range(6)))
        result = await client.transcribe(MP3)
    assert result.text == "fresh"
    assert [made.error for made in result.attempts] == ["TransportError", None]
    assert raw_server.connections == 7


async def test_what_the_loop_has_not_read_yet_is_no_answer(raw_server: Any) -> None:
    """Bytes that came between the last turn of the loop and the request."""
    peers: list[Any] = []

    async def serve(peer: Any) -> None:
        peers.append(peer)
        while True:
            await peer.request()
            await peer.answer(b"from connection %d" % raw_server.connections)

    async def strays(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if len(peers) == 1:
            peers[0].writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nof another")
        return await handler(request)

    raw_server.script(serve)
    async with aiohttp.ClientSession(middlewares=[CleanConnections(shared=False), strays]) as session:
        for number in (1, 2):
            async with session.post(raw_server.url, data=b"x") as response:
                assert await response.text() == f"from connection {number}"


async def test_a_connection_that_ends_as_it_is_taken_is_not_used(raw_server: Any) -> None:
    """The traces of a caller's session may take their time then."""
    peers: list[Any] = []

    async def serve(peer: Any) -> None:
        peers.append(peer)
        while True:
            await peer.request()
            await peer.answer(b'{"text": "from connection %d"}' % raw_server.connections)

    async def end(*_: object) -> None:
        peers[0].reset()
        await asyncio.sleep(0.05)

    raw_server.script(serve)
    tracing = aiohttp.TraceConfig()
    tracing.on_connection_reuseconn.append(end)
    async with aiohttp.ClientSession(trace_configs=[tracing]) as session:
        client = AsyncClient(raw_server.url, "sk-test", session=session)
        assert (await client.transcribe(MP3)).text == "from connection 1"
        result = await client.transcribe(MP3)
    assert result.text == "from connection 2"
    assert len(result.attempts) == 1


async def test_a_connection_of_the_callers_own_is_looked_at_too(raw_server: Any) -> None:
    """What was left over by a request that is none of ours."""
    answered = asyncio.Event()

    async def serve(peer: Any) -> None:
        await peer.head()
        await peer.answer(b'{"text": "of the caller"}')
        await answered.wait()
        await peer.answer(b'{"text": "of the caller"}')
        await peer.reader.read()

    async def serves(peer: Any) -> None:
        await peer.request()
        await peer.answer(b'{"text": "ours"}')

    raw_server.script(serve, serves)
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{raw_server.url}/models") as response:
            await response.read()
        answered.set()
        await until_unclean(pooled(session))
        async with AsyncClient(raw_server.url, "sk-test", retry=QUICK, session=session) as client:
            result = await client.transcribe(MP3)
    assert result.text == "ours"
    assert len(result.attempts) == 1


async def test_a_server_that_speaks_first_is_given_up(raw_server: Any) -> None:
    """In a session that others use, such a connection cannot be told from an old one; it is not tried for ever."""

    async def greet(peer: Any) -> None:
        await peer.send(b"220 ready\r\n")
        await peer.reader.read()

    async def linger(*_: object) -> None:
        await asyncio.sleep(0.05)

    raw_server.script(greet)
    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_end.append(linger)
    async with aiohttp.ClientSession(trace_configs=[tracing]) as session:
        client = AsyncClient(raw_server.url, "sk-test", retry=RetryPolicy(max_attempts=1), session=session)
        with pytest.raises(TransportError, match="before it is asked") as caught:
            await client.transcribe(MP3)
    assert (caught.value.retryable, caught.value.billed) == (True, "no")
    assert raw_server.connections == 3


async def test_the_middlewares_of_a_callers_session_are_kept(raw_server: Any) -> None:
    """Ours comes behind them, and a request of the caller's own does not go through it."""
    seen: list[str] = []

    async def note(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        seen.append(request.method)
        return await handler(request)

    async def serve(peer: Any) -> None:
        await peer.request()
        await peer.answer(b'{"text": "hello"}')

    raw_server.script(serve)
    async with aiohttp.ClientSession(middlewares=[note]) as session:
        await AsyncClient(raw_server.url, "sk-test", session=session).transcribe(MP3)
        assert session._middlewares == [note]
    assert seen == ["POST"]


async def test_a_request_is_freed_at_its_end(raw_server: Any) -> None:
    """It holds the recording: no circle keeps it until the next collection of garbage."""
    requests: list[weakref.ref[aiohttp.ClientRequest]] = []

    async def note(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        requests.append(weakref.ref(request))
        return await handler(request)

    async def serve(peer: Any) -> None:
        await peer.request()
        await peer.answer(b"")

    raw_server.script(serve)
    gc.disable()
    try:
        async with aiohttp.ClientSession(middlewares=[note, CleanConnections(shared=True)]) as session:
            async with session.post(raw_server.url, data=b"x") as response:
                await response.read()
            del response
        assert requests[0]() is None
    finally:
        gc.enable()
