"""Paths that a test adds to the relay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from zhongzhuan_audio.errors import ConfigurationError, RateLimitError
from zhongzhuan_audio.relay import Fault, JSONRequest, LocalRelay, Match, ScriptedAnswer, ScriptedEngine, ScriptedStream

CHAT = ("POST", "/v1/chat/completions")
HEADERS = {"Authorization": "Bearer sk-local"}


async def ask(relay: LocalRelay, method: str, path: str, **options: Any) -> tuple[int, str, bytes]:
    """Send a request; return the status, the content type and the body."""
    address = relay.base_url.removesuffix("/v1")
    async with aiohttp.ClientSession(address, headers=HEADERS) as session:
        async with session.request(method, path, **options) as answer:
            return answer.status, answer.headers.get("Content-Type", ""), await answer.read()


async def test_a_route_sees_the_request_and_gives_json():
    """A function is given all of a request but the key, and a value that it gives goes out as JSON."""
    seen: list[JSONRequest] = []

    def answer(request: JSONRequest) -> dict[str, Any]:
        seen.append(request)
        return {"said": request.json["messages"]}

    async with LocalRelay(ScriptedEngine(), routes={("POST", "/v1/{kind}/completions"): answer}) as relay:
        status, kind, body = await ask(relay, *CHAT, params={"a": "1"}, json={"messages": ["好" * 5000]})
        assert (status, kind) == (200, "application/json; charset=utf-8")
        assert body.decode() == '{"said": ["' + "好" * 5000 + '"]}'
        (received,) = relay.requests
    (request,) = seen
    assert (request.method, request.path) == CHAT
    assert (request.query, request.parts) == ({"a": "1"}, {"kind": "chat"})
    assert request.headers["content-type"] == "application/json"
    assert "authorization" not in request.headers
    assert received.json == {"messages": ["好" * 4096]}
    assert (received.status, received.billable, received.characters) == (200, False, None)


async def test_what_a_route_may_give():
    """An HTTP answer, a stream, an iterator of bytes, a list; plain or async."""

    async def pieces(_: JSONRequest) -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    async def later(request: JSONRequest) -> ScriptedStream:
        return ScriptedStream([request.body, 0.001, "末"], status=201, headers={"Content-Type": "text/event-stream"})

    routes = {
        ("GET", "/v1/pieces"): pieces,
        ("POST", "/v1/later"): later,
        ("PUT", "/v1/answer"): lambda _: ScriptedAnswer(202, "ok", {"x-a": "1"}),
        ("GET", "/v1/list"): lambda request: [request.json],
    }
    async with LocalRelay(ScriptedEngine(), routes=routes) as relay:
        assert (await ask(relay, "GET", "/v1/pieces"))[::2] == (200, b"ab")
        assert await ask(relay, "POST", "/v1/later", data=b"x") == (201, "text/event-stream", "x末".encode())
        assert (await ask(relay, "PUT", "/v1/answer"))[::2] == (202, b"ok")
        assert (await ask(relay, "GET", "/v1/list"))[::2] == (200, b"[null]")
        assert (await ask(relay, "HEAD", "/v1/list"))[::2] == (200, b"")
        assert (await ask(relay, "DELETE", "/v1/list"))[0] == 404


class Countdown:
    """An iterator without anything to close."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return itself."""
        return self

    async def __anext__(self) -> bytes:
        """Give the next number."""
        self.count -= 1
        if self.count < 0:
            raise StopAsyncIteration
        return b"%d" % self.count


async def test_any_async_iterator_is_a_stream():
    """An object of a test's own serves as well as a generator."""
    async with LocalRelay(ScriptedEngine(), routes={("GET", "/v1/count"): lambda _: Countdown(4)}) as relay:
        assert (await ask(relay, "GET", "/v1/count"))[::2] == (200, b"3210")


async def test_what_a_route_may_raise(caplog):
    """Errors are told as a relay tells them; what cannot be sent is a breakdown."""

    def refuse(_: JSONRequest) -> ScriptedAnswer:
        raise RateLimitError("slow", status=429, retry_after=1)

    def hang_up(_: JSONRequest) -> ScriptedAnswer:
        raise ConnectionResetError

    routes = {("GET", "/a"): refuse, ("GET", "/b"): hang_up, ("GET", "/c"): lambda _: 5}
    async with LocalRelay(ScriptedEngine(), routes=routes) as relay:
        assert (await ask(relay, "GET", "/a"))[0] == 429
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await ask(relay, "GET", "/b")
        assert (await ask(relay, "GET", "/c"))[0] == 500
    assert "a route must give a ScriptedAnswer, a stream or JSON, not int" in caplog.text


async def test_a_route_stands_in_place_of_a_path():
    """A test's own answer wins over the relay's; the key is asked for, a large body refused, and faults strike."""
    routes = {("GET", "/v1/models"): lambda _: {"success": False}, CHAT: lambda _: {}}
    async with LocalRelay(ScriptedEngine(), routes=routes, max_upload_bytes=1000) as relay:
        assert (await ask(relay, "GET", "/v1/models"))[::2] == (200, b'{"success": false}')
        assert (await ask(relay, "GET", "/v1/models/whisper-1"))[0] == 200
        assert (await ask(relay, "GET", "/v1/models", headers={"Authorization": "Bearer sk-other"}))[0] == 401
        assert (await ask(relay, *CHAT, data=b"a" * 1001))[0] == 413
        relay.faults.script(Fault.refusal(503, where=Match(fields={"model": "gpt-*", "n": "2", "stream": "true"})))
        assert (await ask(relay, *CHAT, json={"model": "gpt-9", "n": 1, "stream": True}))[0] == 200
        assert (await ask(relay, *CHAT, json={"model": "gpt-9", "n": 2, "stream": True}))[0] == 503


@pytest.mark.parametrize(
    ("routes", "words"),
    [
        ([CHAT], "routes must be a dictionary, not list"),
        ({CHAT: {}}, "the route POST /v1/chat/completions must be a function"),
        ({"/v1/chat": print}, "'/v1/chat' is no method and path"),
        ({("post", "/v1/chat"): print}, "is no method and path"),
        ({("POST", "v1/chat"): print}, "is no method and path"),
    ],
)
def test_wrong_routes(routes, words):
    """What can be no route is refused when the relay is made."""
    with pytest.raises(ConfigurationError) as caught:
        LocalRelay(ScriptedEngine(), routes=routes)
    assert words in str(caught.value)
