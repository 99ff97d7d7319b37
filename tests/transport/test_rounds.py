"""Calls that meet several endpoints, queues and functions of the user's that fail: nothing is lost or hidden."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from zhongzhuan_audio import AsyncClient, Endpoint, Limits, RetryPolicy
from zhongzhuan_audio.errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    RateLimitError,
    TransportError,
    UpstreamError,
)
from zhongzhuan_audio.events import AttemptEnded, AttemptStarted, CircuitClosed, ConnectionOpened, MaybeBilled
from zhongzhuan_audio.relay import LocalRelay, ScriptedAnswer, ScriptedEngine

MP3 = (Path(__file__).parent.parent / "data" / "jfk.mp3").read_bytes()
QUICK = RetryPolicy(backoff_base_s=0.001)
BROKEN = ScriptedAnswer(502, b"<html><title>502 Bad Gateway</title></html>", {"Content-Type": "text/html"})
USED_UP = ScriptedAnswer(403, b'{"error": {"message": "used up", "code": "insufficient_user_quota"}}')
BAD = ScriptedAnswer(400, b'{"error": {"message": "bad file", "type": "invalid_request_error"}}')


@pytest.fixture
async def spare(scripted_engine: ScriptedEngine) -> AsyncIterator[LocalRelay]:
    """A second relay; its own engine is scripted by the test."""
    async with LocalRelay(ScriptedEngine("from the spare"), api_key="sk-spare") as relay:
        yield relay


def script(relay: LocalRelay, *answers: Any) -> None:
    """Set what a relay answers."""
    assert isinstance(relay.engine, ScriptedEngine)
    relay.engine.script(*answers)


def both(first: LocalRelay, spare: LocalRelay, key: Any = "sk-spare") -> list[Endpoint]:
    """Return the two as endpoints."""
    return [Endpoint(first.base_url, first.api_key or ""), Endpoint(spare.base_url, key)]


def names(attempts: tuple[Any, ...]) -> list[str | None]:
    """Return what each attempt ended in."""
    return [made.error for made in attempts]


@pytest.mark.parametrize("refusal", ["token", "quota"])
async def test_a_bad_spare_does_not_end_what_the_first_still_serves(
    local_relay: LocalRelay, spare: LocalRelay, refusal: str
) -> None:
    """Its refusal is final for itself alone; the call goes back to the first after a wait."""
    script(local_relay, BROKEN, BROKEN, "at last")
    script(spare, USED_UP)
    endpoints = both(local_relay, spare, "sk-wrong" if refusal == "token" else "sk-spare")
    async with AsyncClient(endpoints=endpoints, retry=QUICK) as client:
        result = await client.transcribe(MP3)
    refused = {"token": "AuthenticationError", "quota": "QuotaExceededError"}[refusal]
    assert result.text == "at last"
    assert names(result.attempts) == ["UpstreamError", refused, "UpstreamError", None]


async def test_the_error_is_that_of_the_endpoint_that_may_come_back(local_relay: LocalRelay, spare: LocalRelay) -> None:
    """It is retryable, as the call is; both are in its attempts."""
    script(local_relay, BROKEN)
    async with AsyncClient(endpoints=both(local_relay, spare, "sk-wrong"), retry=QUICK) as client:
        with pytest.raises(UpstreamError, match="4 attempts were made") as caught:
            await client.transcribe(MP3)
    assert caught.value.retryable
    assert names(caught.value.attempts) == ["UpstreamError", "AuthenticationError", "UpstreamError", "UpstreamError"]


async def test_a_refusal_of_the_recording_itself_is_final(local_relay: LocalRelay, spare: LocalRelay) -> None:
    """What is wrong with the request is so everywhere: it is not sent to the first again."""
    script(local_relay, BROKEN, "never asked for")
    script(spare, BAD)
    async with AsyncClient(endpoints=both(local_relay, spare), retry=QUICK) as client:
        with pytest.raises(BadRequestError) as caught:
            await client.transcribe(MP3)
    assert names(caught.value.attempts) == ["UpstreamError", "BadRequestError"]


async def test_after_a_wait_the_first_is_preferred_again(local_relay: LocalRelay, spare: LocalRelay) -> None:
    """A round begins where every call begins, not where the last one ended."""
    script(local_relay, BROKEN, "at last")
    script(spare, BROKEN)
    async with AsyncClient(endpoints=both(local_relay, spare), retry=QUICK) as client:
        result = await client.transcribe(MP3)
    assert result.text == "at last"
    assert [made.endpoint for made in result.attempts] == [local_relay.base_url, spare.base_url, local_relay.base_url]


@pytest.mark.parametrize("broken", [ConfigurationError("no key file"), RuntimeError("vault is sealed")])
async def test_a_spare_whose_key_cannot_be_had_is_left_out(
    local_relay: LocalRelay, spare: LocalRelay, broken: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so, and the first serves the call on a retry."""

    def no_key() -> str:
        raise broken

    script(local_relay, BROKEN, "at last")
    async with AsyncClient(endpoints=both(local_relay, spare, no_key), retry=QUICK) as client:
        result = await client.transcribe(MP3)
    assert result.text == "at last"
    assert names(result.attempts) == ["UpstreamError", None]
    assert f"{spare.base_url} is left out: {type(broken).__name__}" in caplog.text
    assert spare.request_count == 0


async def test_an_endpoint_is_chosen_when_the_turn_comes(spare: LocalRelay, unused_tcp_port: int) -> None:
    """Calls that stood in the queue while the first went down do not try it one after the other."""
    script(spare, "from the spare")
    endpoints = [Endpoint(f"http://127.0.0.1:{unused_tcp_port}", "sk-1"), Endpoint(spare.base_url, "sk-spare")]
    async with AsyncClient(endpoints=endpoints, limits=Limits(max_concurrency=1)) as client:
        results = await asyncio.gather(*(client.transcribe(MP3) for _ in range(5)))
    assert {result.text for result in results} == {"from the spare"}
    assert sum("TransportError" in names(result.attempts) for result in results) == 1


async def test_a_listener_that_raises_costs_nothing(
    local_relay: LocalRelay, scripted_engine: ScriptedEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a transcript that was paid for nor a probe; the log has its traceback."""

    def listen(event: object) -> None:
        raise ZeroDivisionError(type(event).__name__)

    scripted_engine.script(BROKEN, "hello")
    async with AsyncClient(local_relay.base_url, local_relay.api_key, retry=QUICK, on_event=listen) as client:
        assert (await client.transcribe(MP3)).text == "hello"
    assert "ZeroDivisionError: AttemptEnded" in caplog.text


async def test_a_cancelled_probe_leaves_the_door_open(
    local_relay: LocalRelay, spare: LocalRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next call probes instead; the endpoint does not stay passed over for ever."""
    monkeypatch.setattr("zhongzhuan_audio.transport.failover._REST_S", 0.0)
    script(local_relay, BROKEN, BROKEN, BROKEN, "back")
    events: list[Any] = []
    async with AsyncClient(endpoints=both(local_relay, spare), on_event=events.append) as client:
        for _ in range(3):
            assert (await client.transcribe(MP3)).text == "from the spare"
        assert isinstance(local_relay.engine, ScriptedEngine)
        local_relay.engine.delay_s = 30
        asked = local_relay.request_count
        probe = asyncio.create_task(client.transcribe(MP3))
        while local_relay.request_count == asked:
            await asyncio.sleep(0.01)
        assert (await client.transcribe(MP3)).text == "from the spare"
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
        local_relay.engine.delay_s = 0
        script(local_relay, "back")
        assert (await client.transcribe(MP3)).text == "back"
    assert isinstance(events[-1], CircuitClosed)


async def test_a_key_function_that_fails_does_not_hide_the_refusal(
    local_relay: LocalRelay, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it raises when it is asked again."""
    keys = ["sk-wrong"]
    async with AsyncClient(local_relay.base_url, keys.pop) as client:
        with pytest.raises(AuthenticationError):
            await client.transcribe(MP3)
    assert "could not be read again: IndexError" in caplog.text


async def test_the_deadline_counts_while_a_refused_key_is_asked_for_again(local_relay: LocalRelay) -> None:
    """A function that hangs then does not keep the refusal from the caller."""
    asked = 0

    async def hangs_later() -> str:
        nonlocal asked
        asked += 1
        if asked > 1:
            await asyncio.Event().wait()
        return "sk-wrong"

    async with AsyncClient(local_relay.base_url, hangs_later, retry=RetryPolicy(deadline_s=0.3)) as client:
        async with asyncio.timeout(5):
            with pytest.raises(AuthenticationError):
                await client.transcribe(MP3)
    assert asked == 2


@pytest.mark.parametrize("closed", ["client", "session"])
async def test_what_is_closed_while_the_key_is_asked_for_is_told(local_relay: LocalRelay, closed: str) -> None:
    """In our words; nothing is sent."""

    async def closes() -> str:
        await (client if closed == "client" else session).close()
        return local_relay.api_key or ""

    async with aiohttp.ClientSession() as session:
        client = AsyncClient(local_relay.base_url, closes, session=session)
        with pytest.raises(ConfigurationError, match="is closed"):
            await client.transcribe(MP3)
    assert local_relay.request_count == 0


async def test_a_session_that_its_owner_closes_does_not_hide_what_that_broke(
    local_relay: LocalRelay, scripted_engine: ScriptedEngine
) -> None:
    """The request over a kept-alive connection may be on the bill, and is in the error."""
    async with aiohttp.ClientSession() as session:
        client = AsyncClient(local_relay.base_url, local_relay.api_key, session=session)
        await client.transcribe(MP3)
        scripted_engine.delay_s = 30
        call = asyncio.create_task(client.transcribe(MP3))
        while local_relay.request_count < 2:
            await asyncio.sleep(0.01)
        await session.close()
        with pytest.raises(TransportError, match="session given to this client is closed") as caught:
            await call
    assert caught.value.billed == "maybe"
    assert names(caught.value.attempts) == ["TransportError"]


async def test_a_cancelled_attempt_is_told_to_its_end(local_relay: LocalRelay, scripted_engine: ScriptedEngine) -> None:
    """The relay had the whole recording: that may be on the bill, and whoever listens hears of it."""
    scripted_engine.delay_s = 30
    events: list[Any] = []
    async with AsyncClient(local_relay.base_url, local_relay.api_key, on_event=events.append) as client:
        call = asyncio.create_task(client.transcribe(MP3))
        while not local_relay.request_count:
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert [type(event) for event in events] == [AttemptStarted, ConnectionOpened, AttemptEnded, MaybeBilled]
    assert (events[2].attempt.error, events[2].attempt.billed) == ("CancelledError", "maybe")


async def test_a_progress_function_that_raises_ends_the_call_and_is_told(local_relay: LocalRelay) -> None:
    """Its own error comes out, and the attempt has an end."""
    events: list[Any] = []

    def progress(sent: int, total: int) -> None:
        raise ZeroDivisionError(f"{sent} of {total}")

    async with AsyncClient(local_relay.base_url, local_relay.api_key, on_event=events.append) as client:
        with pytest.raises(ZeroDivisionError):
            await client.transcribe(MP3 + bytes(1 << 20), on_progress=progress)
    assert isinstance(events[-1], AttemptEnded)
    assert (events[-1].attempt.error, events[-1].attempt.billed) == ("ZeroDivisionError", "no")


async def test_waiting_for_a_turn_is_no_part_of_an_attempt(
    local_relay: LocalRelay, scripted_engine: ScriptedEngine
) -> None:
    """`elapsed_s` is how long the relay took."""
    scripted_engine.delay_s = 0.2
    limits = Limits(max_concurrency=1)
    async with AsyncClient(local_relay.base_url, local_relay.api_key, limits=limits) as client:
        results = await asyncio.gather(*(client.transcribe(MP3) for _ in range(4)))
    lengths = [result.attempts[0].elapsed_s for result in results]
    assert all(length >= 0.2 for length in lengths)
    # Were the queue counted, the last would have taken four times as long as the first.
    assert max(lengths) < 3 * min(lengths)


async def test_a_connection_is_told_when_it_is_made(raw_server: Any) -> None:
    """Not after the request has ended."""
    events: list[Any] = []
    seen: list[list[type]] = []

    async def serve(peer: Any) -> None:
        for _ in range(2):
            await peer.request()
            seen.append([type(event) for event in events])
            await peer.answer(b'{"text": "hello"}')

    raw_server.script(serve)
    async with AsyncClient(raw_server.url, "sk-test", on_event=events.append) as client:
        for _ in range(2):
            await client.transcribe(MP3)
    assert [[kind.__name__ for kind in kinds] for kinds in seen] == [
        ["AttemptStarted", "ConnectionOpened"],
        ["AttemptStarted", "ConnectionOpened", "AttemptEnded", "AttemptStarted", "ConnectionReused"],
    ]


@pytest.mark.parametrize("limit", ["deadline", "queue"])
async def test_no_time_for_another_attempt_does_not_hide_the_first(
    local_relay: LocalRelay, scripted_engine: ScriptedEngine, limit: str
) -> None:
    """The relay's own error comes out, and says why it was the last."""
    scripted_engine.script(RateLimitError("busy", status=429, retry_after=0.1), "hello")
    waits = Limits(max_concurrency=1, max_wait_s=0.3 if limit == "queue" else None)
    policy = RetryPolicy(deadline_s=0.3 if limit == "deadline" else None)
    ended = asyncio.Event()

    def listen(event: object) -> None:
        if isinstance(event, AttemptEnded):
            scripted_engine.delay_s = 10
            ended.set()

    async with AsyncClient(local_relay.base_url, local_relay.api_key, limits=waits, on_event=listen) as client:
        call = asyncio.create_task(client.transcribe(MP3, retry=policy))
        await ended.wait()
        hog = asyncio.create_task(client.transcribe(MP3))
        with pytest.raises(RateLimitError, match="not tried again: ") as caught:
            await call
        hog.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hog
    assert {"deadline": "the deadline of 0.3 s", "queue": "no turn came within 0.3 s"}[limit] in str(caught.value)
    assert names(caught.value.attempts) == ["RateLimitError"]


async def test_closing_while_calls_stand_in_the_queue_sends_none_of_them(
    local_relay: LocalRelay, scripted_engine: ScriptedEngine
) -> None:
    """They end with an error; no session is opened anew."""
    scripted_engine.delay_s = 30
    client = AsyncClient(local_relay.base_url, local_relay.api_key, limits=Limits(max_concurrency=1))
    calls = [asyncio.create_task(client.transcribe(MP3)) for _ in range(3)]
    while not local_relay.request_count:
        await asyncio.sleep(0.01)
    await client.close()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(outcomes[0], TransportError)
    assert all(isinstance(outcome, (ConfigurationError, TransportError)) for outcome in outcomes)
    assert local_relay.request_count == 1


@pytest.mark.parametrize(("kind", "status"), [(RateLimitError, 429), (UpstreamError, 503)])
@pytest.mark.parametrize("asked", [0.4, 120])
async def test_a_wait_belongs_to_the_endpoint_that_asked_for_it(
    local_relay: LocalRelay, spare: LocalRelay, asked: float, kind: type[APIError], status: int
) -> None:
    """It is left alone for so long, and the other is tried again as if it had not asked."""
    busy = kind("busy", status=status, retry_after=asked)
    script(local_relay, busy, "too soon")
    script(spare, BROKEN, "at last")
    async with AsyncClient(endpoints=both(local_relay, spare), retry=QUICK) as client:
        result = await client.transcribe(MP3)
        assert result.text == "at last"
        assert [made.wait_s < 0.3 for made in result.attempts] == [True] * 3
        assert (await client.transcribe(MP3)).text == "at last"
    assert local_relay.request_count == 1


async def test_a_spare_that_asks_for_a_long_wait_does_not_end_the_call(
    local_relay: LocalRelay, spare: LocalRelay
) -> None:
    """The first, which asked for none, is tried again."""
    script(local_relay, BROKEN, "at last")
    script(spare, RateLimitError("busy", status=429, retry_after=120))
    async with AsyncClient(endpoints=both(local_relay, spare), retry=QUICK) as client:
        result = await client.transcribe(MP3)
    assert result.text == "at last"
    assert names(result.attempts) == ["UpstreamError", "RateLimitError", None]


@pytest.mark.parametrize("order", ["busy first", "broken first"])
@pytest.mark.parametrize("broken", ["dead", "fails"])
async def test_a_busy_relay_is_waited_for_whatever_a_spare_does(
    raw_server: Any, unused_tcp_port: int, order: str, broken: str
) -> None:
    """It said when it is back: it is not asked before, and its attempt is not used up by a spare that fails."""
    asked: list[float] = []

    async def busy(peer: Any) -> None:
        while True:
            await peer.request()
            asked.append(time.monotonic())
            if asked[-1] - asked[0] < 1:
                await peer.answer(b'{"error": {"message": "busy"}}', status="429 Busy", headers="Retry-After: 1\r\n")
            else:
                await peer.answer(b'{"text": "at last"}')

    raw_server.script(busy)
    async with LocalRelay(ScriptedEngine(UpstreamError("boom", status=500)), api_key=None) as spare:
        url = spare.base_url if broken == "fails" else f"http://127.0.0.1:{unused_tcp_port}/v1"
        endpoints = [Endpoint(raw_server.url, "sk-1"), Endpoint(url, "sk-2")]
        if order == "broken first":
            endpoints.reverse()
        async with AsyncClient(endpoints=endpoints, retry=RetryPolicy(backoff_base_s=0.001)) as client:
            assert (await client.transcribe(MP3)).text == "at last"
    assert len(asked) == 2
    assert asked[1] - asked[0] >= 1


@pytest.mark.parametrize("place", [0, 1])
async def test_a_key_that_cannot_be_had_leaves_its_endpoint_out(local_relay: LocalRelay, place: int) -> None:
    """Wherever it stands; where it stands alone its own error comes out."""

    def vault() -> str:
        raise RuntimeError("the vault is down")

    locked = Endpoint("http://127.0.0.1:9", vault)
    endpoints = [Endpoint(local_relay.base_url, local_relay.api_key or "")]
    endpoints.insert(place, locked)
    async with AsyncClient(endpoints=endpoints) as client:
        assert (await client.transcribe(MP3)).text
    async with AsyncClient(endpoints=[locked]) as client:
        with pytest.raises(RuntimeError, match="the vault is down"):
            await client.transcribe(MP3)
