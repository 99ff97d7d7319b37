"""The key, the address and the attempts."""

from __future__ import annotations

import asyncio
import gzip
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from zhongzhuan_audio import AsyncClient, Limits, RetryPolicy, Timeouts
from zhongzhuan_audio.errors import AuthenticationError, ConfigurationError, RateLimitError, TransportError
from zhongzhuan_audio.events import Waiting

MP3 = (Path(__file__).parent.parent / "data" / "jfk.mp3").read_bytes()
OK = b'{"text": "hello"}'


def key_of(head: bytes) -> str:
    """Return the token that a request carried."""
    return head.split(b"Authorization: Bearer ")[1].split(b"\r\n")[0].decode()


def expecting(key: str, seen: list[str]) -> Callable[[Any], Any]:
    """Return a behaviour that takes one key only, over one connection."""

    async def serve(peer: Any) -> None:
        while True:
            head, _ = await peer.request()
            seen.append(key_of(head))
            if seen[-1] == key:
                await peer.answer(OK)
            else:
                await peer.answer(
                    '{"error": {"message": "无效的令牌", "type": "new_api_error"}}'.encode(), status="401 Unauthorized"
                )

    return serve


async def test_a_key_file_is_read_again_after_a_refusal(
    raw_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that was rotated in place works without a restart, even if the file looks unchanged."""
    path, seen = tmp_path / "key", []
    path.write_text("sk-old\n")
    stamp = path.stat()
    monkeypatch.setenv("ZHONGZHUAN_API_KEY_FILE", str(path))
    raw_server.script(expecting("sk-new", seen))
    async with AsyncClient(raw_server.url) as client:
        with pytest.raises(AuthenticationError):
            await client.transcribe(MP3)
        path.write_text("sk-new\n")
        import os

        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        result = await client.transcribe(MP3)
    assert seen == ["sk-old", "sk-old", "sk-new"]
    assert [(attempt.status, attempt.error) for attempt in result.attempts] == [
        (401, "AuthenticationError"),
        (200, None),
    ]


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_key_function_is_asked_for_each_request(raw_server: Any, is_async: bool) -> None:
    """A function gives the key, plain or async; a refused key is asked for once more."""
    keys, seen = iter(["sk-1", "sk-2", "sk-2", "sk-3", "sk-4"]), []
    raw_server.script(expecting("sk-2", seen))

    async def later() -> str:
        return next(keys)

    async with AsyncClient(raw_server.url, later if is_async else lambda: next(keys)) as client:
        assert (await client.transcribe(MP3)).text == "hello"
        assert (await client.transcribe(MP3)).text == "hello"
        with pytest.raises(AuthenticationError) as caught:
            await client.transcribe(MP3)
    assert seen == ["sk-1", "sk-2", "sk-2", "sk-3", "sk-4"]
    assert len(caught.value.attempts) == 2


async def test_a_fixed_key_is_not_tried_twice(raw_server: Any) -> None:
    """What cannot succeed is not sent again."""
    seen: list[str] = []
    raw_server.script(expecting("sk-other", seen))
    async with AsyncClient(raw_server.url, "sk-test") as client:
        with pytest.raises(AuthenticationError):
            await client.transcribe(MP3)
    assert seen == ["sk-test"]


async def test_a_key_that_the_relay_repeats_is_hidden(raw_server: Any) -> None:
    """Whatever a key looks like, an error does not show it, though the relay's answer did."""

    async def echo(peer: Any) -> None:
        head, _ = await peer.request()
        body = b'{"error": {"message": "no such token: %b"}}' % key_of(head).encode()
        await peer.answer(body, status="401 Unauthorized", headers=f"X-Token: {key_of(head)}\r\n")

    raw_server.script(echo)
    async with AsyncClient(raw_server.url, "unusual.key/of+mine") as client:
        with pytest.raises(AuthenticationError, match=r"no such token: \*\*\*") as caught:
            await client.transcribe(MP3)
    lines = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    frames = "".join(line for line in lines if "test_pipeline.py" not in line)
    assert "transport/pipeline.py" in frames
    assert "unusual.key" not in frames + repr(vars(caught.value)) + repr(caught.value) + str(caught.value)


async def test_a_redirect_that_carries_the_key_shows_none(raw_server: Any) -> None:
    """Neither in the message nor in a traceback with local variables."""

    async def echo(peer: Any) -> None:
        head, _ = await peer.request()
        await peer.answer(b"", status="302 Found", headers=f"Location: https://other.test/?key={key_of(head)}\r\n")

    raw_server.script(echo)
    async with AsyncClient(raw_server.url, "unusual-key-of-mine") as client:
        with pytest.raises(TransportError, match="the key is not sent there") as caught:
            await client.transcribe(MP3)
    lines = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    frames = "".join(line for line in lines if "test_pipeline.py" not in line)
    assert "transport/attempt.py" in frames
    assert "unusual-key" not in frames + str(caught.value)


@pytest.mark.parametrize("bad", ["", "sk-a\nb", 3, "Bearer sk-1"])
async def test_a_bad_key_from_a_function_is_told_before_anything_is_sent(raw_server: Any, bad: Any) -> None:
    """The function's key is checked as a given one is."""
    async with AsyncClient(raw_server.url, lambda: bad) as client:
        with pytest.raises(ConfigurationError, match="the key that the api_key function gave"):
            await client.transcribe(MP3)
    assert raw_server.connections == 0


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_within_the_origin_is_followed(raw_server: Any, status: int) -> None:
    """The whole upload goes there, as a POST, with the key."""
    heads: list[bytes] = []

    async def serve(peer: Any) -> None:
        while True:
            head, body = await peer.request()
            heads.append(head)
            if head.startswith(b"POST /moved/"):
                assert MP3 in body
                await peer.answer(OK)
            else:
                await peer.answer(b"", status=f"{status} Moved", headers="Location: /moved/transcriptions\r\n")

    raw_server.script(serve)
    async with AsyncClient(raw_server.url, "sk-test") as client:
        result = await client.transcribe(MP3)
    assert result.text == "hello"
    assert key_of(heads[1]) == "sk-test"
    assert len(heads) == 2


@pytest.mark.parametrize(
    "target", ["http://localhost:{port}/v1/x", "https://127.0.0.1:{port}/v1/x", "//other.test/", "http://["]
)
async def test_the_key_never_follows_to_another_origin(raw_server: Any, target: str) -> None:
    """Another host, scheme or port gets nothing; the message says where it led."""
    location = target.format(port=raw_server.port)

    async def serve(peer: Any) -> None:
        await peer.request()
        await peer.answer(b"", status="307 Moved", headers=f"Location: {location}\r\n")

    raw_server.script(serve)
    async with AsyncClient(raw_server.url, "sk-test") as client:
        with pytest.raises(TransportError, match="the key is not sent there") as caught:
            await client.transcribe(MP3)
    assert raw_server.connections == 1
    assert "base_url" in str(caught.value)


async def test_a_redirect_loop_ends(raw_server: Any) -> None:
    """Three redirects are followed, not more."""
    count = 0

    async def serve(peer: Any) -> None:
        nonlocal count
        while True:
            await peer.request()
            count += 1
            await peer.answer(b"", status="308 Moved", headers="Location: /v1/audio/transcriptions\r\n")

    raw_server.script(serve)
    async with AsyncClient(raw_server.url, "sk-test") as client:
        with pytest.raises(TransportError, match="redirects without end"):
            await client.transcribe(MP3)
    assert count == 4


async def test_concurrency_is_bounded(raw_server: Any) -> None:
    """No more requests at a time than the limit says, and all of them end."""
    running = peak = 0

    async def serve(peer: Any) -> None:
        nonlocal running, peak
        while True:
            await peer.request()
            running += 1
            peak = max(peak, running)
            await asyncio.sleep(0.02)
            running -= 1
            await peer.answer(OK)

    raw_server.script(serve)
    async with AsyncClient(raw_server.url, "sk-test", limits=Limits(max_concurrency=3)) as client:
        results = await asyncio.gather(*(client.transcribe(MP3) for _ in range(12)))
    assert [result.text for result in results] == ["hello"] * 12
    assert (peak, raw_server.connections) == (3, 3)


async def test_a_session_of_the_callers_own(raw_server: Any) -> None:
    """It is used, with its own settings, and left open; its closing is told."""
    heads: list[bytes] = []

    async def serve(peer: Any) -> None:
        while True:
            heads.append((await peer.request())[0])
            await peer.answer(OK, status="200 OK")

    raw_server.script(serve)
    async with aiohttp.ClientSession(headers={"X-Mine": "yes"}, raise_for_status=True) as session:
        async with AsyncClient(raw_server.url, "sk-test", session=session) as client:
            assert (await client.transcribe(MP3)).text == "hello"
        assert not session.closed
        other = AsyncClient(raw_server.url, "sk-test", session=session)
    assert b"X-Mine: yes" in heads[0]
    with pytest.raises(ConfigurationError, match="session given to this client is closed"):
        await other.transcribe(MP3)


@pytest.mark.parametrize("bound", [{"limit": 1}, {"limit": 0, "limit_per_host": 1}])
async def test_the_connections_of_a_callers_session_bound_the_concurrency(
    local_relay: Any, scripted_engine: Any, bound: dict[str, int]
) -> None:
    """Calls wait for their turn; inside aiohttp that wait would count as one for a connection, and fail."""
    scripted_engine.delay_s = 0.3
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(**bound)) as session:
        client = AsyncClient(
            local_relay.base_url,
            local_relay.api_key,
            session=session,
            timeouts=Timeouts(connect_s=0.2),
            retry=RetryPolicy(max_attempts=1),
        )
        results = await asyncio.gather(*(client.transcribe(MP3) for _ in range(4)))
    assert [len(result.attempts) for result in results] == [1] * 4


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_a_callers_session_with_a_password_is_refused() -> None:
    """Two things cannot stand in one header; aiohttp would raise a bare ValueError at the first call."""
    async with aiohttp.ClientSession(auth=aiohttp.BasicAuth("user", "password")) as session:
        with pytest.raises(ConfigurationError, match="has auth=") as caught:
            AsyncClient("https://relay.example", "sk-test", session=session)
    assert "password" not in str(caught.value)


async def test_a_callers_session_that_leaves_answers_packed(raw_server: Any) -> None:
    """They are unpacked all the same: a transcript that was paid for is not lost."""

    async def serve(peer: Any) -> None:
        await peer.request()
        await peer.answer(gzip.compress(OK), headers="Content-Encoding: gzip\r\n")

    raw_server.script(serve)
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        assert (await AsyncClient(raw_server.url, "sk-test", session=session).transcribe(MP3)).text == "hello"


async def test_extra_headers_go_out(raw_server: Any) -> None:
    """With each request, beside our own."""
    heads: list[bytes] = []

    async def serve(peer: Any) -> None:
        heads.append((await peer.request())[0])
        await peer.answer(OK)

    raw_server.script(serve)
    async with AsyncClient(raw_server.url, "sk-test", headers={"X-Team": "a", "User-Agent": "mine/1"}) as client:
        await client.transcribe(MP3)
    assert b"X-Team: a\r\n" in heads[0]
    assert b"User-Agent: mine/1\r\n" in heads[0]


def test_a_client_outlives_its_loop(jfk: Path, local_relay: Any, scripted_engine: Any) -> None:
    """One made at the top of a script serves two `asyncio.run`; two loops at once are told apart."""
    scripted_engine.script(*["hello"] * 16)
    client = AsyncClient(local_relay.base_url, local_relay.api_key, limits=Limits(max_concurrency=2))

    async def once() -> set[str]:
        try:
            return {result.text for result in await asyncio.gather(*(client.transcribe(jfk) for _ in range(8)))}
        finally:
            await client._sessions.close()

    assert asyncio.run(once()) == {"hello"}
    assert asyncio.run(once()) == {"hello"}
    asyncio.run(client.close())


async def test_a_client_serves_one_loop_at_a_time(raw_server: Any) -> None:
    """A second loop is refused while the first runs, with what to use."""

    async def serve(peer: Any) -> None:
        await peer.request()
        await peer.answer(OK)

    raw_server.script(serve)
    async with AsyncClient(raw_server.url, "sk-test") as client:
        await client.transcribe(MP3)

        def elsewhere() -> None:
            asyncio.run(client.transcribe(MP3))  # type: ignore[arg-type]

        with pytest.raises(ConfigurationError, match="in use in another event loop"):
            await asyncio.to_thread(elsewhere)


async def test_the_log_tells_what_happened_and_no_key(raw_server: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What `on_event` is told is logged at INFO, and nothing at any level holds the key."""

    async def serve(peer: Any) -> None:
        await peer.request()
        await peer.answer(OK)
        await peer.request()
        peer.reset()

    events: list[Any] = []
    raw_server.script(serve, serve)
    caplog.set_level(logging.DEBUG)
    async with AsyncClient(raw_server.url, "sk-secret-key", on_event=events.append) as client:
        await client.transcribe(MP3)
        result = await client.transcribe(MP3)
    assert [type(event).__name__ for event in events] == [
        "AttemptStarted",
        "ConnectionOpened",
        "AttemptEnded",
        "AttemptStarted",
        "ConnectionReused",
        "AttemptEnded",
        "MaybeBilled",
        "AttemptStarted",
        "ConnectionOpened",
        "AttemptEnded",
    ]
    assert [(made.error, made.billed, made.wait_s) for made in result.attempts] == [
        ("TransportError", "maybe", 0.0),
        (None, "no", 0.0),
    ]
    logged = [record for record in caplog.records if record.name == "zhongzhuan_audio"]
    assert [record.getMessage() for record in logged] == [str(event) for event in events]
    assert {record.levelno for record in logged} == {logging.INFO}
    assert "sk-secret" not in caplog.text


async def test_a_key_file_that_is_gone_does_not_hide_the_refusal(
    raw_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay's no comes out, not the look for another key."""
    path, seen = tmp_path / "key", []
    path.write_text("sk-old")
    monkeypatch.setenv("ZHONGZHUAN_API_KEY_FILE", str(path))
    serve = expecting("sk-new", seen)

    async def take_away(peer: Any) -> None:
        path.unlink()
        await serve(peer)

    raw_server.script(take_away)
    async with AsyncClient(raw_server.url) as client:
        with pytest.raises(AuthenticationError, match="无效的令牌") as caught:
            await client.transcribe(MP3)
    assert len(caught.value.attempts) == 1


@pytest.mark.filterwarnings("error")
async def test_closing_during_a_call_does_not_send_it_again(local_relay: Any, scripted_engine: Any) -> None:
    """What our own close broke is not retried and paid twice, and no session is made after it."""
    scripted_engine.delay_s = 30
    client = AsyncClient(local_relay.base_url, local_relay.api_key)
    call = asyncio.create_task(client.transcribe(MP3))
    while not local_relay.request_count:
        await asyncio.sleep(0.01)
    await client.close()
    with pytest.raises(TransportError, match="this client was closed while the call ran") as caught:
        await call
    assert caught.value.billed == "maybe"
    assert local_relay.request_count == 1
    assert client._sessions._opened is None


@pytest.mark.parametrize("answer", ["GARBAGE {key}\r\n\r\n", "HTTP/1.1 200 OK\r\nBad {key}\r\n\r\n"])
async def test_an_unreadable_answer_that_repeats_the_key_shows_none(raw_server: Any, answer: str) -> None:
    """Nor does what it was raised from: aiohttp quotes the wire."""

    async def echo(peer: Any) -> None:
        head, _ = await peer.request()
        await peer.send(answer.format(key=key_of(head)).encode())
        peer.writer.close()

    raw_server.script(echo)
    async with AsyncClient(raw_server.url, "sk-unusual-key", retry=RetryPolicy(max_attempts=1)) as client:
        with pytest.raises(TransportError) as caught:
            await client.transcribe(MP3)
    assert "unusual-key" not in "".join(traceback.format_exception(caught.value))


async def test_a_session_with_a_password_in_netrc(
    raw_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Aiohttp will not send it beside a key: that is told, and what to do."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    raw_server.script(expecting("sk-test", []))
    async with aiohttp.ClientSession(trust_env=True) as session:
        async with AsyncClient(raw_server.url, "sk-test", session=session) as client:
            with pytest.raises(ConfigurationError, match="no .netrc that names the relay") as caught:
                await client.transcribe(MP3)
    assert "secret" not in str(caught.value)
    assert raw_server.connections == 0


async def test_closing_wakes_what_waits(raw_server: Any) -> None:
    """A call that waits before its next attempt ends at once, with what it had failed with."""

    async def busy(peer: Any) -> None:
        await peer.request()
        await peer.answer(b'{"error": {"message": "busy"}}', status="429 Too Many", headers="Retry-After: 50\r\n")

    raw_server.script(busy)
    events: list[Any] = []
    client = AsyncClient(raw_server.url, "sk-test", on_event=events.append)
    call = asyncio.create_task(client.transcribe(MP3))
    while not any(isinstance(event, Waiting) for event in events):
        await asyncio.sleep(0.001)
    await client.close()
    with pytest.raises(RateLimitError, match="this client is closed"):
        await asyncio.wait_for(call, 10)
    assert raw_server.connections == 1


async def test_a_call_is_cancelled_while_it_waits(raw_server: Any) -> None:
    """Nothing of its wait stays behind."""

    async def busy(peer: Any) -> None:
        await peer.request()
        await peer.answer(b"{}", status="503 Down", headers="Retry-After: 50\r\n")

    raw_server.script(busy)
    events: list[Any] = []
    async with AsyncClient(raw_server.url, "sk-test", on_event=events.append) as client:
        call = asyncio.create_task(client.transcribe(MP3))
        while not any(isinstance(event, Waiting) for event in events):
            await asyncio.sleep(0.001)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.sleep(0)
        assert asyncio.all_tasks() - {asyncio.current_task()} == {
            task for task in asyncio.all_tasks() if "RawServer" in repr(task)
        }
