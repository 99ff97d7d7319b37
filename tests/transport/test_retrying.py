"""The whole client against relays that fail."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from zhongzhuan_audio import AsyncClient, Endpoint, Limits, RetryPolicy, Timeouts
from zhongzhuan_audio.errors import QuotaExceededError, RateLimitError, TimedOutError, TransportError, UpstreamError
from zhongzhuan_audio.events import AttemptStarted, Waiting
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.classify import classify
from zhongzhuan_audio.protocol.request import transcription_fields
from zhongzhuan_audio.relay import LocalRelay, ScriptedAnswer, ScriptedEngine
from zhongzhuan_audio.transport.outgoing import Upload
from zhongzhuan_audio.transport.pipeline import Pipeline
from zhongzhuan_audio.transport.session import Network, SessionKeeper
from zhongzhuan_audio.upload.opening import open_source

MP3 = (Path(__file__).parent.parent / "data" / "jfk.mp3").read_bytes()
QUICK = RetryPolicy(backoff_base_s=0.001)
BUSY = RateLimitError("busy", status=429)
USED_UP = ScriptedAnswer(403, b'{"error": {"message": "used up", "code": "insufficient_user_quota"}}')
NO_CHANNEL = ScriptedAnswer(503, b'{"error": {"message": "no channel", "code": "model_not_found"}}')
BROKEN = ScriptedAnswer(502, b"<html><title>502 Bad Gateway</title></html>", {"Content-Type": "text/html"})
EMPTY = ScriptedAnswer(200, b"")


async def test_a_busy_relay_is_tried_again(local_relay: LocalRelay, scripted_engine: ScriptedEngine) -> None:
    """The result says what it took, and the wait that was asked for is kept."""
    patient = RateLimitError("busy", status=429, retry_after=0.05)
    scripted_engine.script(BROKEN, patient, "at last")
    events: list[Any] = []
    async with AsyncClient(local_relay.base_url, local_relay.api_key, retry=QUICK, on_event=events.append) as client:
        result = await client.transcribe(MP3)
    assert result.text == "at last"
    assert [(made.status, made.error) for made in result.attempts] == [
        (502, "UpstreamError"),
        (429, "RateLimitError"),
        (200, None),
    ]
    assert result.attempts[1].wait_s >= 0.05
    assert [event.wait_s for event in events if isinstance(event, Waiting)][-1] == result.attempts[1].wait_s
    assert local_relay.request_count == 3


async def test_the_last_error_comes_out_with_all_attempts(
    local_relay: LocalRelay, scripted_engine: ScriptedEngine
) -> None:
    """Four requests by default, as many as a call says, and the reason for the end."""
    scripted_engine.script(BROKEN)
    async with AsyncClient(local_relay.base_url, local_relay.api_key, retry=QUICK) as client:
        with pytest.raises(UpstreamError, match="4 attempts were made") as caught:
            await client.transcribe(MP3)
        assert len(caught.value.attempts) == local_relay.request_count == 4
        with pytest.raises(UpstreamError):
            await client.transcribe(MP3, retry=RetryPolicy(max_attempts=1))
    assert local_relay.request_count == 5


async def test_what_may_have_been_billed_is_sent_twice_at_most(
    local_relay: LocalRelay, scripted_engine: ScriptedEngine
) -> None:
    """And it is told, also where the retry was good, or failed for free."""
    async with AsyncClient(local_relay.base_url, local_relay.api_key, retry=QUICK) as client:
        scripted_engine.script(EMPTY, "good")
        result = await client.transcribe(MP3)
        assert [made.billed for made in result.attempts] == ["maybe", "no"]
        scripted_engine.script(EMPTY)
        with pytest.raises(Exception, match="maybe_billed_retries") as caught:
            await client.transcribe(MP3)
        assert len(caught.value.attempts) == 2  # type: ignore[attr-defined]
        scripted_engine.script(EMPTY, USED_UP)
        with pytest.raises(QuotaExceededError) as refused:
            await client.transcribe(MP3)
        assert refused.value.billed == "maybe"


async def test_a_long_retry_after_fails_at_once(local_relay: LocalRelay, scripted_engine: ScriptedEngine) -> None:
    """`Retry-After: 120` with a deadline of 30 s: the error says why it did not wait."""
    scripted_engine.script(RateLimitError("busy", status=429, retry_after=120))
    async with AsyncClient(local_relay.base_url, local_relay.api_key) as client:
        with pytest.raises(RateLimitError, match="not tried again: the relay asks to wait 120 s") as caught:
            await client.transcribe(MP3, retry=RetryPolicy(deadline_s=30))
    assert caught.value.retry_after == 120
    assert local_relay.request_count == 1


@pytest.mark.parametrize("answer", [USED_UP, NO_CHANNEL, BUSY, BROKEN, "dead"])
async def test_another_relay_takes_over(answer: Any, unused_tcp_port: int) -> None:
    """At once, without a wait, each with its own key."""
    async with (
        LocalRelay(ScriptedEngine(answer), api_key="sk-first") as first,
        LocalRelay(ScriptedEngine("from the second"), api_key="sk-second") as second,
    ):
        url = f"http://127.0.0.1:{unused_tcp_port}" if answer == "dead" else first.base_url
        endpoints = [Endpoint(url, "sk-first"), Endpoint(second.base_url, "sk-second")]
        async with AsyncClient(endpoints=endpoints) as client:
            result = await client.transcribe(MP3)
    assert result.text == "from the second"
    assert [made.endpoint for made in result.attempts] == [endpoint.base_url for endpoint in endpoints]
    assert result.attempts[0].wait_s == 0
    assert (first.request_count, second.request_count) == (int(answer != "dead"), 1)


async def test_one_bad_token_does_not_take_the_others_down(local_relay: LocalRelay) -> None:
    """Its endpoint is passed over after the first refusal, and the others serve all calls."""
    async with LocalRelay(ScriptedEngine("hello"), api_key="sk-good") as good:
        endpoints = [Endpoint(local_relay.base_url, "sk-bad"), Endpoint(good.base_url, "sk-good")]
        async with AsyncClient(endpoints=endpoints) as client:
            for _ in range(5):
                assert (await client.transcribe(MP3)).text == "hello"
    assert local_relay.request_count == 1
    assert good.request_count == 5


async def test_a_killed_relay_loses_nothing_and_gets_its_traffic_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls go through the other one while it is down, and return when it is up again."""
    monkeypatch.setattr("zhongzhuan_audio.transport.failover._REST_S", 0.05)
    first = LocalRelay(ScriptedEngine("first", delay_s=0.01), api_key="sk-1")
    await first.start()
    port = int(first.base_url.split(":")[2].removesuffix("/v1"))
    async with LocalRelay(ScriptedEngine("second"), api_key="sk-2") as second:
        endpoints = [Endpoint(first.base_url, "sk-1"), Endpoint(second.base_url, "sk-2")]
        async with AsyncClient(endpoints=endpoints, retry=QUICK, limits=Limits(max_concurrency=4)) as client:
            calls = [asyncio.create_task(client.transcribe(MP3)) for _ in range(40)]
            await asyncio.gather(*calls[:4])
            await first.close()
            texts = [(await call).text for call in calls]
            assert len(texts) == 40
            assert texts[0] == "first"
            assert "second" in texts
            again = LocalRelay(ScriptedEngine("back"), api_key="sk-1", port=port)
            await again.start()
            for _ in range(200):
                if (await client.transcribe(MP3)).text == "back":
                    break
                await asyncio.sleep(0.01)
            assert (await client.transcribe(MP3)).text == "back"
            await again.close()


async def test_an_outage_does_not_multiply_the_load(local_relay: LocalRelay, scripted_engine: ScriptedEngine) -> None:
    """A hundred retries for a client that meets nothing but failure; after that each call is one request."""
    scripted_engine.script(BROKEN)
    async with AsyncClient(local_relay.base_url, local_relay.api_key, retry=QUICK) as client:
        for _ in range(60):
            with pytest.raises(UpstreamError) as caught:
                await client.transcribe(MP3)
    assert local_relay.request_count == 60 + 100
    assert "stopped trying again for a while" in str(caught.value)


@pytest.mark.parametrize(
    ("policy", "timeouts", "phase"),
    [
        (RetryPolicy(deadline_s=0.2), Timeouts(), "deadline"),
        (RetryPolicy(max_attempts=1), Timeouts(attempt_s=0.2), "answer"),
    ],
)
async def test_time_runs_out(
    local_relay: LocalRelay, scripted_engine: ScriptedEngine, policy: RetryPolicy, timeouts: Timeouts, phase: str
) -> None:
    """The deadline and the attempt's own limit say which they were, and that the work may have been done."""
    scripted_engine.delay_s = 30
    async with AsyncClient(local_relay.base_url, local_relay.api_key, timeouts=timeouts) as client:
        with pytest.raises(TimedOutError) as caught:
            await client.transcribe(MP3, retry=policy)
    assert (caught.value.phase, caught.value.billed) == (phase, "maybe")
    assert len(caught.value.attempts) == 1


async def test_a_call_that_never_had_its_turn_cost_nothing(
    local_relay: LocalRelay, scripted_engine: ScriptedEngine
) -> None:
    """The wait counts in the deadline; nothing was sent, so there is no attempt."""
    scripted_engine.delay_s = 30
    limits = Limits(max_concurrency=1, max_waiting=1)
    async with AsyncClient(local_relay.base_url, local_relay.api_key, limits=limits) as client:
        running = asyncio.create_task(client.transcribe(MP3))
        while not local_relay.request_count:
            await asyncio.sleep(0.01)
        waiting = asyncio.create_task(client.transcribe(MP3, retry=RetryPolicy(deadline_s=0.1)))
        await asyncio.sleep(0.01)
        for call, phase in ((client.transcribe(MP3), "queue"), (waiting, "deadline")):
            with pytest.raises(TimedOutError) as caught:
                await call
            assert (caught.value.phase, caught.value.billed, caught.value.attempts) == (phase, "no", ())
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert local_relay.request_count == 1


async def test_a_stale_connection_is_replaced(raw_server: Any) -> None:
    """A kept-alive connection that dies before the answer is tried once more, on a fresh one, without a wait."""

    async def dies_at_the_second(peer: Any) -> None:
        await peer.request()
        await peer.answer(b'{"text": "hello"}')
        await peer.head()
        peer.reset()

    raw_server.script(dies_at_the_second)
    async with AsyncClient(raw_server.url, "sk-test") as client:
        await client.transcribe(MP3)
        result = await client.transcribe(MP3)
    assert result.text == "hello"
    assert [(made.error, made.wait_s) for made in result.attempts] == [("TransportError", 0.0), (None, 0.0)]
    assert raw_server.connections == 2


async def test_a_call_can_be_cancelled_while_it_waits(local_relay: LocalRelay, scripted_engine: ScriptedEngine) -> None:
    """Between attempts nothing runs, and nothing is sent after."""
    scripted_engine.script(RateLimitError("busy", status=429, retry_after=30))
    async with AsyncClient(local_relay.base_url, local_relay.api_key) as client:
        call = asyncio.create_task(client.transcribe(MP3))
        while not local_relay.request_count:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert local_relay.request_count == 1


async def test_nobody_at_home_is_tried_a_few_times(unused_tcp_port: int) -> None:
    """A refused connection costs nothing and may be a restart."""
    async with AsyncClient(f"http://127.0.0.1:{unused_tcp_port}", "sk-test", retry=QUICK) as client:
        with pytest.raises(TransportError) as caught:
            await client.transcribe(MP3)
    assert len(caught.value.attempts) == 4
    assert caught.value.unreachable


@pytest.mark.parametrize(
    ("policy", "timeouts", "phase"),
    [
        (RetryPolicy(deadline_s=0.15), None, "deadline"),
        (RetryPolicy(max_attempts=1), Timeouts(attempt_s=0.15), "upload"),
    ],
)
async def test_time_runs_out_before_the_body_is_whole(
    raw_server: Any, policy: RetryPolicy, timeouts: Timeouts | None, phase: str
) -> None:
    """A relay that takes no more cannot have done the work: nothing was billed. Limits may be a call's own."""

    async def takes_nothing(peer: Any) -> None:
        await peer.head()
        await asyncio.sleep(30)

    raw_server.script(takes_nothing)
    async with AsyncClient(raw_server.url, "sk-test") as client:
        with pytest.raises(TimedOutError) as caught:
            await client.transcribe(MP3 + bytes(24 << 20), retry=policy, timeouts=timeouts)
    assert (caught.value.phase, caught.value.billed) == (phase, "no")
    assert [made.billed for made in caught.value.attempts] == ["no"]


async def test_a_key_goes_only_to_its_own_relay() -> None:
    """Over refusals, retries and failovers each relay sees one key and no other, at no place of the request."""
    relays = [LocalRelay(ScriptedEngine(BROKEN), api_key=f"sk-key-{number}") for number in range(3)]
    async with relays[0], relays[1], relays[2]:
        endpoints = [Endpoint(relay.base_url, relay.api_key or "") for relay in relays]
        async with AsyncClient(endpoints=endpoints, retry=RetryPolicy(backoff_base_s=0.001, max_attempts=7)) as client:
            for _ in range(3):
                with pytest.raises(UpstreamError) as caught:
                    await client.transcribe(MP3)
                assert "sk-key" not in str(caught.value) + repr(caught.value.attempts)
    for own, relay in enumerate(relays):
        seen = [repr(request) + repr(dict(request.headers)) for request in relay.requests]
        assert seen
        for number in range(3):
            assert all((f"sk-key-{number}" in text) <= (number == own) for text in seen)


async def test_a_missing_model_leaves_the_relay_to_the_others() -> None:
    """The refusal is remembered for that model; calls for another go to the first relay as before."""
    models = ("whisper-1", "gpt-4o-transcribe")
    async with (
        LocalRelay(ScriptedEngine("first", models=("whisper-1",)), api_key="sk-1") as first,
        LocalRelay(ScriptedEngine("second", models=models), api_key="sk-2") as second,
    ):
        endpoints = [Endpoint(first.base_url, "sk-1"), Endpoint(second.base_url, "sk-2")]
        async with AsyncClient(endpoints=endpoints) as client:
            for _ in range(3):
                assert (await client.transcribe(MP3, model="gpt-4o-transcribe")).text == "second"
            assert (await client.transcribe(MP3, model="whisper-1")).text == "first"
    assert (first.request_count, second.request_count) == (2, 3)


@pytest.mark.parametrize("status", [504, 524])
async def test_a_gateway_that_gave_up_is_not_asked_again_anywhere(status: int) -> None:
    """The same work would time out again, and would be paid twice."""
    page = ScriptedAnswer(status, b"<html><title>Gateway time-out</title></html>", {"Content-Type": "text/html"})
    async with (
        LocalRelay(ScriptedEngine(page), api_key="sk-1") as first,
        LocalRelay(ScriptedEngine("second"), api_key="sk-2") as second,
    ):
        endpoints = [Endpoint(first.base_url, "sk-1"), Endpoint(second.base_url, "sk-2")]
        async with AsyncClient(endpoints=endpoints, retry=QUICK) as client:
            with pytest.raises(UpstreamError) as caught:
                await client.transcribe(MP3)
    assert caught.value.billed == "maybe"
    assert (first.request_count, second.request_count) == (1, 0)


async def test_a_relay_with_another_certificate_or_address_is_passed_over(raw_server: Any) -> None:
    """A redirect to elsewhere is not followed, and the next relay serves the call."""

    async def has_moved(peer: Any) -> None:
        await peer.request()
        await peer.answer(b"", status="308 Moved", headers="Location: https://other.example/v1\r\n")

    raw_server.script(has_moved)
    async with LocalRelay(ScriptedEngine("second"), api_key="sk-2") as second:
        endpoints = [Endpoint(raw_server.url, "sk-1"), Endpoint(second.base_url, "sk-2")]
        async with AsyncClient(endpoints=endpoints) as client:
            assert (await client.transcribe(MP3)).text == "second"
    assert raw_server.connections == 1


async def test_a_connection_that_dies_stale_again_and_again_is_not_endless(raw_server: Any) -> None:
    """Only the first death is put down to the keep-alive; after the second the call waits or ends as any other."""

    async def serves_once(peer: Any) -> None:
        await peer.request()
        await peer.answer(b'{"text": "hello"}')
        await peer.request()
        peer.reset()

    async def dies(peer: Any) -> None:
        await peer.request()
        peer.reset()

    raw_server.script(serves_once, dies)
    async with AsyncClient(raw_server.url, "sk-test", retry=QUICK) as client:
        await client.transcribe(MP3)
        with pytest.raises(TransportError, match="maybe_billed_retries") as caught:
            await client.transcribe(MP3)
    assert [made.billed for made in caught.value.attempts] == ["maybe", "maybe"]
    assert raw_server.connections == 2


async def test_waits_are_slept_as_decided(local_relay: LocalRelay, scripted_engine: ScriptedEngine) -> None:
    """A pipeline sleeps what the relay asked for, or what jitter and policy give, and nothing else."""
    scripted_engine.script(RateLimitError("busy", status=429, retry_after=7), BROKEN, BROKEN, "hello")
    slept: list[float] = []

    async def sleep(wait_s: float) -> None:
        slept.append(wait_s)

    sessions = SessionKeeper(Network(), Limits())
    endpoint = Endpoint(local_relay.base_url, local_relay.api_key or "")
    pipeline = Pipeline(sessions, (endpoint,), headers={}, sleep=sleep, jitter=lambda: 0.5)
    source = await open_source(MP3)
    upload = Upload(path="/audio/transcriptions", source=source, fields=transcription_fields(model="whisper-1"))
    answer, attempts = await pipeline.send(
        upload, scope="s", decode=decoded, timeouts=Timeouts(), policy=RetryPolicy(backoff_base_s=1)
    )
    source.close()
    await sessions.close()
    assert b'"hello"' in answer
    assert slept == [7, 1.0, 2.0]
    assert [made.wait_s for made in attempts] == [7, 1.0, 2.0, 0]


def decoded(answer: Answer) -> bytes:
    """Return the body of a good answer."""
    if answer.status != 200:
        raise classify(answer, now=lambda: datetime.now(UTC))
    return answer.body


async def test_all_that_happens_is_told_in_order(local_relay: LocalRelay) -> None:
    """A refusal by the first relay and the second's answer, event by event."""
    events: list[Any] = []
    async with LocalRelay(ScriptedEngine("hello"), api_key="sk-2") as second:
        endpoints = [Endpoint(local_relay.base_url, "sk-wrong"), Endpoint(second.base_url, "sk-2")]
        async with AsyncClient(endpoints=endpoints, on_event=events.append) as client:
            await client.transcribe(MP3)
    first_url, second_url = (endpoint.base_url for endpoint in endpoints)
    told = [(type(event).__name__, getattr(event, "endpoint", None)) for event in events]
    assert told == [
        ("AttemptStarted", first_url),
        ("ConnectionOpened", first_url),
        ("AttemptEnded", None),
        ("CircuitOpened", first_url),
        ("AttemptStarted", second_url),
        ("ConnectionOpened", second_url),
        ("AttemptEnded", None),
    ]
    assert [event.number for event in events if isinstance(event, AttemptStarted)] == [1, 2]
    assert "sk-" not in repr(events)
