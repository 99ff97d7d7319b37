"""Requests of the caller's own, models and balance, over a real wire."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from zhongzhuan_audio import AsyncClient, Client, Endpoint, RetryPolicy
from zhongzhuan_audio.errors import (
    APIError,
    AuthenticationError,
    ConfigurationError,
    InvalidResponseError,
    NotFoundError,
    StreamInterruptedError,
    TransportError,
    UpstreamError,
)
from zhongzhuan_audio.models import ServerSentEvent

QUICK = RetryPolicy(backoff_base_s=0.001)


class Site:
    """A server of aiohttp's with a handler for all paths; remembers what came."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: list[Any] = []
        """What each request gets in turn: a status and JSON, a status and bytes, or a function."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append((request.method, request.raw_path, headers, await request.read()))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            response: web.StreamResponse = await answer(request)
            return response
        status, value = answer
        if isinstance(value, bytes):
            return web.Response(status=status, body=value)
        return web.json_response(value, status=status)


@pytest.fixture
async def site(aiohttp_server_url: Any) -> Any:
    """A site whose answers a test gives; `url` ends in /v1."""
    return await aiohttp_server_url()


@pytest.fixture
async def aiohttp_server_url() -> Any:
    """Start sites on 127.0.0.1."""
    runners = []

    async def start() -> Site:
        site = Site()
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{path:.*}", site.handle)
        runner = web.AppRunner(app)
        runners.append(runner)
        await runner.setup()
        listener = web.TCPSite(runner, "127.0.0.1", 0)
        await listener.start()
        site.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"  # type: ignore[attr-defined]
        return site

    yield start
    for runner in runners:
        await runner.cleanup()


async def test_json_out_and_in(site: Any) -> None:
    """With the key, as UTF-8, to a path from the relay's root or below the base URL."""
    site.answers = [(200, {"data": ["你"]})]
    async with AsyncClient(site.url, "sk-test", headers={"X-App": "1"}) as client:
        answer = await client.request("post", "/v1/embeddings", json={"input": "你好"}, headers={"X-More": "2"})
        assert answer.json() == {"data": ["你"]}
        assert (answer.status, len(answer.attempts)) == (200, 1)
        await client.request("GET", "models", params={"a": "1 2", "b": "你"})
        await client.request("POST", "/mj/submit/imagine", data={"prompt": "a cat"})
        await client.request("PUT", "files/1", data=b"\0raw", headers={"content-type": "audio/x-raw"})
        await client.request("DELETE", "files/1")
        await client.request("POST", "empty")
    methods = [(method, path) for method, path, _, _ in site.seen]
    assert methods == [
        ("POST", "/v1/embeddings"),
        ("GET", "/v1/models?a=1+2&b=%E4%BD%A0"),
        ("POST", "/mj/submit/imagine"),
        ("PUT", "/v1/files/1"),
        ("DELETE", "/v1/files/1"),
        ("POST", "/v1/empty"),
    ]
    _, _, headers, body = site.seen[0]
    assert (headers["authorization"], headers["content-type"]) == ("Bearer sk-test", "application/json")
    assert (headers["x-app"], headers["x-more"]) == ("1", "2")
    assert json.loads(body) == {"input": "你好"}
    assert "content-length" not in site.seen[1][2]
    assert site.seen[2][2]["content-type"] == "application/x-www-form-urlencoded"
    assert (site.seen[3][2]["content-type"], site.seen[3][3]) == ("audio/x-raw", b"\0raw")
    assert site.seen[5][2]["content-length"] == "0"


async def test_a_large_body(site: Any) -> None:
    """Sound in a chat goes out in pieces, with its length announced."""
    site.answers = [(200, {})]
    async with AsyncClient(site.url, "sk-test") as client:
        await client.request("POST", "chat/completions", json={"data": "x" * 3_000_000})
    _, _, headers, body = site.seen[0]
    assert int(headers["content-length"]) == len(body) > 3_000_000


@pytest.mark.parametrize(
    "options",
    [
        {"path": "https://evil.example/v1/models"},
        {"path": "//evil.example"},
        {"path": "/v1/../x"},
        {"method": "CONNECT"},
        {"json": {1, 2}},
        {"json": {}, "data": b""},
        {"data": "text"},
        {"params": {"a": 1}},
        {"headers": {"Authorization": "Bearer mine"}},
        {"headers": {"Content-Length": "5"}},
        {"headers": {"X": "a\nb"}},
        {"retry": 5},
        {"timeouts": 5},
    ],
)
async def test_what_cannot_be_sent(site: Any, options: Any) -> None:
    """It is told before anything goes out."""
    async with AsyncClient(site.url, "sk-test") as client:
        with pytest.raises(ConfigurationError):
            await client.request(**({"method": "POST", "path": "/v1/x"} | options))
    assert site.seen == []


async def test_errors_and_retries_are_those_of_every_call(site: Any) -> None:
    """An upstream that fails is asked again; what cannot succeed is not."""
    boom = (500, {"error": {"message": "boom", "type": "upstream_error"}})
    site.answers = [boom, boom, (200, {"ok": True})]
    async with AsyncClient(site.url, "sk-test", retry=QUICK) as client:
        answer = await client.request("POST", "embeddings", json={})
        assert [made.status for made in answer.attempts] == [500, 500, 200]
        site.answers = [(404, {"error": {"message": "Invalid URL (POST /v1/x)"}})]
        with pytest.raises(NotFoundError):
            await client.request("POST", "x", json={})
        site.answers = [(200, {"error": {"message": "无效的令牌"}})]
        with pytest.raises(AuthenticationError):
            await client.request("POST", "embeddings", json={})
        site.answers = [(200, b"<html><title>Home</title></html>")]
        with pytest.raises(InvalidResponseError, match=r"web page \(Home\)"):
            await client.request("GET", "/models")


async def test_what_may_have_been_billed(raw_server: Any) -> None:
    """A POST that was lost is risked once more; a GET costs nothing, and is asked for as often as it takes."""

    async def lose(peer: Any) -> None:
        await peer.head()
        await asyncio.sleep(0.01)
        peer.reset()

    raw_server.script(lose)
    async with AsyncClient(raw_server.url, "sk-test", retry=QUICK) as client:
        with pytest.raises(TransportError) as caught:
            await client.request("POST", "chat/completions", json={"a": 1})
        assert (caught.value.billed, len(caught.value.attempts)) == ("maybe", 2)
        with pytest.raises(TransportError) as caught:
            await client.request("GET", "models")
        assert (caught.value.billed, len(caught.value.attempts)) == ("no", 4)


async def test_another_endpoint_is_asked(aiohttp_server_url: Any) -> None:
    """What one of them lacks, the next may have; each gets its own key."""
    first, second = await aiohttp_server_url(), await aiohttp_server_url()
    first.answers = [(503, {"error": {"message": "无可用渠道", "code": "model_not_found"}})]
    second.answers = [(200, {"ok": 1})]
    endpoints = [Endpoint(first.url, "sk-one"), Endpoint(second.url, "sk-two")]
    async with AsyncClient(endpoints=endpoints) as client:
        for _ in range(2):
            assert (await client.request("POST", "chat/completions", json={"model": "m"})).json() == {"ok": 1}
    assert len(first.seen) == 1
    assert [headers["authorization"] for _, _, headers, _ in second.seen] == ["Bearer sk-two"] * 2


def events_of(*pieces: bytes) -> Any:
    """Return an answer of server-sent events."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        return response

    return answer


async def test_events_of_a_chat(site: Any) -> None:
    """Each as it came; the sentinel ends them; the connection serves the next."""
    site.answers = [
        events_of(b'id: 1\nevent: x\ndata: {"a": 1}\n\n', b": ping\n\ndata: 2\n\ndata: [DONE]\n\ndata: 3\n\n")
    ]
    async with AsyncClient(site.url, "sk-test") as client:
        for _ in range(2):
            async with client.stream_request("POST", "/v1/chat/completions", json={"stream": True}) as events:
                found = [event async for event in events]
            assert found == [ServerSentEvent(data='{"a": 1}', event="x", id="1"), ServerSentEvent(data="2", id="1")]
            assert found[0].json() == {"a": 1}
    assert site.seen[0][2]["accept"] == "text/event-stream"


async def test_events_without_a_sentinel(site: Any) -> None:
    """Other vendors' streams just end."""
    site.answers = [events_of(b"data: 1\n\ndata: 2\n\n")]
    async with AsyncClient(site.url, "sk-test") as client, client.stream_request("POST", "messages", json={}) as events:
        assert [event.data async for event in events] == ["1", "2"]


async def test_an_error_among_the_events(site: Any) -> None:
    """The first is tried again, a later one ends the stream."""
    boom = b'data: {"error": {"message": "boom", "type": "upstream_error"}}\n\n'
    site.answers = [events_of(boom), events_of(b"data: 1\n\n", boom)]
    async with AsyncClient(site.url, "sk-test", retry=QUICK) as client:
        async with client.stream_request("POST", "chat/completions", json={}) as events:
            assert (await anext(events)).data == "1"
            with pytest.raises(UpstreamError, match="boom"):
                await anext(events)
    assert len(site.seen) == 2


async def test_a_stream_request_that_breaks_off(raw_server: Any) -> None:
    """It is told, and not tried again."""

    async def serve(peer: Any) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        await peer.send(b"9\r\ndata: 1\n\n\r\n")
        await asyncio.sleep(0.05)

    raw_server.script(serve)
    async with AsyncClient(raw_server.url, "sk-test", retry=QUICK) as client:
        async with client.stream_request("POST", "chat/completions", json={}) as events:
            assert (await anext(events)).data == "1"
            with pytest.raises(StreamInterruptedError):
                await anext(events)
    assert raw_server.connections == 1


async def test_an_answer_that_is_no_stream(site: Any) -> None:
    """It is one event with all of it, and an error is still an error."""
    site.answers = [(200, {"a": 1})]
    async with AsyncClient(site.url, "sk-test") as client:
        async with client.stream_request("POST", "chat/completions", json={}) as events:
            assert [event.json() async for event in events] == [{"a": 1}]
        site.answers = [(200, {"error": {"message": "invalid model", "type": "invalid_request_error"}})]
        with pytest.raises(APIError, match="invalid model"):
            async with client.stream_request("POST", "chat/completions", json={}):
                pass


async def test_models_and_balance(site: Any) -> None:
    """Newer and older relays, each asked for what it has."""
    async with AsyncClient(site.url, "sk-test") as client:
        site.answers = [(200, {"data": [{"id": "whisper-1"}]})]
        assert [model.id for model in await client.models()] == ["whisper-1"]
        granted = {"total_granted": 500_000, "total_used": 0, "total_available": 500_000, "unlimited_quota": False}
        no = (404, {"error": {"message": "Invalid URL"}})
        site.answers = [(200, {"code": True, "data": granted}), no, no]
        assert (await client.balance()).remaining == 1.0
        site.answers = [(200, b"<html></html>"), (200, {"hard_limit_usd": 5}), (200, {"total_usage": 100})]
        assert (await client.balance()).remaining == 4.0
        site.answers = [no]
        with pytest.raises(NotFoundError):
            await client.balance()
        site.answers = [(200, {"success": False, "message": "无效的令牌"})]
        seen = len(site.seen)
        with pytest.raises(AuthenticationError):
            await client.balance()
        assert len(site.seen) == seen + 1
    paths = [path.partition("?")[0] for _, path, _, _ in site.seen[:4]]
    assert paths == [
        "/v1/models",
        "/api/usage/token/",
        "/v1/dashboard/billing/subscription",
        "/v1/dashboard/billing/usage",
    ]


async def test_a_balance_is_of_one_endpoint(aiohttp_server_url: Any) -> None:
    """Numbers of two relays are never mixed."""
    first, second = await aiohttp_server_url(), await aiohttp_server_url()
    first.answers = [(404, {"error": {"message": "no"}}), (200, {"hard_limit_usd": 5}), (200, {"total_usage": 100})]
    second.answers = [(200, {"data": {"total_available": 500_000}})]
    async with AsyncClient(endpoints=[Endpoint(first.url, "sk-one"), Endpoint(second.url, "sk-two")]) as client:
        assert (await client.balance()).remaining == 4.0
    assert second.seen == []


async def test_the_blocking_twins(site: Any) -> None:
    """The same, without await."""

    def use() -> None:
        with Client(site.url, "sk-test") as client:
            assert client.request("POST", "x", json={}).json() == {"ok": 1}
            with client.stream_request("POST", "x", json={}) as events:
                assert [event.data for event in events] == ["1"]
            assert client.models() == ()
            assert client.balance().unlimited

    endless = (200, {"hard_limit_usd": 100_000_000})
    site.answers = [(200, {"ok": 1}), events_of(b"data: 1\n\n"), (200, {"data": []}), endless]
    await asyncio.to_thread(use)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("kept", [True, False], ids=["reused", "new"])
async def test_an_attempt_is_one_request(raw_server: Any, method: str, kept: bool) -> None:
    """Aiohttp would send some methods again by itself where the connection dies: untold, and perhaps paid."""
    seen: list[bytes] = []

    async def serve(peer: Any) -> None:
        if kept and raw_server.connections == 1:
            await peer.request()
            await peer.answer(b"{}")
        seen.append(await peer.head())
        peer.reset()

    raw_server.script(serve)
    events: list[Any] = []
    once = RetryPolicy(max_attempts=1, maybe_billed_retries=0)
    async with AsyncClient(raw_server.url, "sk-test", retry=once, on_event=events.append) as client:
        if kept:
            await client.request("POST", "warm", json={})
            events.clear()
        with pytest.raises(TransportError) as caught:
            await client.request(method, "x")
    assert len(seen) == len(caught.value.attempts) == 1
    assert caught.value.billed == ("no" if method == "GET" else "maybe")
    told = [type(event).__name__ for event in events]
    assert told[:2] == ["AttemptStarted", "ConnectionReused" if kept else "ConnectionOpened"]


async def test_closing_ends_a_balance_that_waits(raw_server: Any) -> None:
    """No request goes out after it, and no session is made."""

    async def busy(peer: Any) -> None:
        while True:
            await peer.head()
            await peer.answer(b"{}", status="429 Busy", headers="Retry-After: 30\r\n")

    raw_server.script(busy)
    client = AsyncClient(raw_server.url, "sk-test")
    call = asyncio.create_task(client.balance())
    while not raw_server.connections:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    await client.close()
    with pytest.raises(APIError, match="this client is closed"):
        await asyncio.wait_for(call, 10)
    assert raw_server.connections == 1


@pytest.mark.parametrize("answer", [{}, {"msg": "not found"}])
async def test_an_object_without_a_figure_is_no_balance(site: Any, answer: Any) -> None:
    """It is told, and no empty balance is made up."""
    site.answers = [(200, answer)]
    async with AsyncClient(site.url, "sk-test") as client:
        with pytest.raises(InvalidResponseError, match="tells no balance"):
            await client.balance()


async def test_ends_of_streams(site: Any, raw_server: Any) -> None:
    """The sentinel alone, nothing at all, an error late, half an event: each is told as what it is."""

    async def done(peer: Any) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: [DONE]\n\n")
        await peer.reader.read()

    async def half(peer: Any) -> None:
        await peer.request()
        await peer.send(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {"a": 1}\n\ndata: {"a')

    raw_server.script(done, half)
    async with AsyncClient(raw_server.url, "sk-test", retry=QUICK) as client:
        async with asyncio.timeout(5), client.stream_request("POST", "x", json={}) as events:
            assert [event async for event in events] == []
        async with client.stream_request("POST", "x", json={}) as events:
            assert (await anext(events)).json() == {"a": 1}
            with pytest.raises(StreamInterruptedError, match="in the middle of an event"):
                await anext(events)
    site.answers = [(200, b"")]
    async with AsyncClient(site.url, "sk-test", retry=QUICK) as client:
        with pytest.raises(InvalidResponseError, match="empty answer"):
            async with client.stream_request("POST", "x", json={}):
                pass
        site.answers = [events_of(b"data: 1\n\n", b'data: {"error": {"message": "boom"}}\n\n')]
        async with client.stream_request("POST", "x", json={}) as events:
            await anext(events)
            with pytest.raises(UpstreamError, match="boom") as caught:
                await anext(events)
        assert caught.value.billed == "maybe"
