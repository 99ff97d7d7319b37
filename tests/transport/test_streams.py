"""Streamed answers over a real wire: begun, broken off, left, timed out, tried again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from zhongzhuan_audio import AsyncClient, Client, Endpoint, Limits, RetryPolicy, Timeouts
from zhongzhuan_audio.errors import (
    APIError,
    AuthenticationError,
    ConfigurationError,
    InvalidResponseError,
    StreamInterruptedError,
    TimedOutError,
    TransportError,
    UpstreamError,
)
from zhongzhuan_audio.events import AttemptEnded, ConnectionReused, MaybeBilled
from zhongzhuan_audio.models import TextDelta, TranscriptDone

MP3 = (Path(__file__).parent.parent / "data" / "jfk.mp3").read_bytes()
QUICK = RetryPolicy(backoff_base_s=0.001)
ONCE = RetryPolicy(max_attempts=1)
CHUNKED = "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nX-Oneapi-Request-Id: r{}\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """Return a chunk as HTTP has it."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def delta(text: str) -> bytes:
    """Return the event of some more text, as a chunk."""
    return chunk(f'data: {{"type": "transcript.text.delta", "delta": "{text}"}}\n\n'.encode())


DONE = chunk(b'data: {"type": "transcript.text.done", "text": "hello world"}\n\n')
END = chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


def streaming(*pieces: bytes | float, kind: str = "text/event-stream", end: str = "keep") -> Any:
    """Return a behaviour that answers each request of a connection with these pieces, waiting at each number."""

    async def serve(peer: Any) -> None:
        while True:
            await peer.request()
            await peer.send(CHUNKED.format(kind, 1).encode())
            for piece in pieces:
                if isinstance(piece, bytes):
                    await peer.send(piece)
                else:
                    await asyncio.sleep(piece)
            if end == "reset":
                peer.reset()
            if end != "keep":
                return

    return serve


async def texts(client: AsyncClient, **options: Any) -> list[str]:
    """Stream a transcription and return what its events say."""
    async with client.stream_transcription(MP3, **options) as events:
        return [event.delta if isinstance(event, TextDelta) else getattr(event, "text", "") async for event in events]


async def test_events_come_as_they_are_sent(raw_server: Any) -> None:
    """The first is there before the relay has the second; the connection serves the next call."""
    go_on = asyncio.Event()
    told: list[Any] = []

    async def serve(peer: Any) -> None:
        while True:
            _, body = await peer.request()
            assert b'name="stream"\r\n\r\ntrue\r\n' in body
            await peer.send(CHUNKED.format("text/event-stream", 7).encode() + delta("hello "))
            await go_on.wait()
            await peer.send(delta("world") + DONE + END)

    raw_server.script(serve)
    async with AsyncClient(raw_server.url, "sk-test", on_event=told.append) as client:
        async with client.stream_transcription(MP3) as events:
            assert await anext(events) == TextDelta(delta="hello ")
            assert not any(isinstance(event, AttemptEnded) for event in told)
            go_on.set()
            rest = [event async for event in events]
            assert [event async for event in events] == []
        assert rest[0] == TextDelta(delta="world")
        assert isinstance(rest[1], TranscriptDone)
        assert rest[1].transcription.request_id == "r7"
        ends = [event.attempt for event in told if isinstance(event, AttemptEnded)]
        assert [(end.status, end.error, end.billed, end.request_id) for end in ends] == [(200, None, "no", "r7")]
        assert await texts(client) == ["hello ", "world", "hello world"]
    assert raw_server.connections == 1
    assert any(isinstance(event, ConnectionReused) for event in told)


@pytest.mark.parametrize("end", ["reset", "close"])
async def test_a_stream_that_breaks_off(raw_server: Any, end: str) -> None:
    """It is an error with the text so far, may have been billed, and is not tried again."""
    told: list[Any] = []
    raw_server.script(streaming(delta("hello "), 0.05, end=end))
    async with AsyncClient(raw_server.url, "sk-test", retry=QUICK, on_event=told.append) as client:
        with pytest.raises(StreamInterruptedError, match=r"after \d+ bytes") as caught:
            await texts(client)
        error = caught.value
        assert (error.partial, error.billed, error.retryable) == ("hello ", "maybe", True)
        assert [(made.status, made.error, made.billed) for made in error.attempts] == [
            (200, "StreamInterruptedError", "maybe")
        ]
        assert sum(isinstance(event, MaybeBilled) for event in told) == 1
        assert not client._sessions.open().session.connector._acquired  # type: ignore[union-attr]
    assert raw_server.connections == 1


async def test_a_stream_that_ends_too_early(raw_server: Any) -> None:
    """An orderly end without the last event is no whole transcript, and neither is half an event."""
    for pieces in ((delta("hello "), b"0\r\n\r\n"), (delta("hello "), chunk(b'data: {"type": "trans'), b"0\r\n\r\n")):
        raw_server.script(streaming(*pieces))
        async with AsyncClient(raw_server.url, "sk-test", retry=QUICK) as client:
            with pytest.raises((StreamInterruptedError, InvalidResponseError)) as caught:
                await texts(client)
            assert (caught.value.partial, caught.value.billed) == ("hello ", "maybe")
            assert len(caught.value.attempts) == 1


async def test_what_comes_behind_the_whole_transcript_does_not_matter(raw_server: Any) -> None:
    """A link that breaks after the last event has lost nothing."""
    raw_server.script(streaming(delta("hello "), DONE, end="reset"))
    async with AsyncClient(raw_server.url, "sk-test", retry=ONCE) as client:
        assert await texts(client) == ["hello ", "hello world"]


async def test_a_relay_that_keeps_the_line_open_behind_the_end(raw_server: Any) -> None:
    """It is not waited for; the next call goes over another connection."""
    raw_server.script(streaming(DONE, 3600.0))
    async with AsyncClient(raw_server.url, "sk-test", retry=ONCE) as client:
        async with asyncio.timeout(5):
            assert await texts(client) == ["hello world"]
            assert await texts(client) == ["hello world"]
    assert raw_server.connections == 2


@pytest.mark.parametrize(
    "first",
    [
        streaming(end="close"),
        streaming(b"0\r\n\r\n", end="close"),
        streaming(chunk(b": ping\n\n"), end="reset"),
        streaming(chunk(b'data: {"error": {"message": "boom", "code": "do_request_failed"}}\n\n'), END),
    ],
    ids=["close", "empty", "ping", "error"],
)
async def test_before_the_first_event_it_is_tried_again(raw_server: Any, first: Any) -> None:
    """Nobody has seen anything of it yet."""
    raw_server.script(first, streaming(delta("hello "), DONE, END))
    async with AsyncClient(raw_server.url, "sk-test", retry=QUICK) as client:
        assert await texts(client) == ["hello ", "hello world"]
    assert raw_server.connections == 2


async def test_a_refusal_is_what_it_is(raw_server: Any) -> None:
    """A status of error is classified from its whole body, as for every call."""

    async def refuse(peer: Any) -> None:
        while True:
            await peer.request()
            await peer.answer('{"error": {"message": "无效的令牌"}}'.encode(), status="401 Unauthorized")

    raw_server.script(refuse)
    async with AsyncClient(raw_server.url, "sk-test", retry=QUICK) as client:
        with pytest.raises(AuthenticationError, match="无效的令牌"):
            await texts(client)
        with pytest.raises(AuthenticationError, match="无效的令牌"):
            async with client.speak("hi"):
                pass
    assert raw_server.connections == 1


async def test_an_error_in_the_middle(raw_server: Any) -> None:
    """It comes out as the error that it tells of, with the text so far; a good spare does not begin anew."""
    broken = chunk(b'event: error\ndata: {"message": "boom", "code": "do_request_failed"}\n\n')
    raw_server.script(streaming(delta("hello "), 0.05, broken, END))
    spare = Endpoint(raw_server.url.replace("127.0.0.1", "localhost"), "sk-spare")
    async with AsyncClient(endpoints=[Endpoint(raw_server.url, "sk-test"), spare], retry=QUICK) as client:
        with pytest.raises(UpstreamError, match="boom") as caught:
            await texts(client)
    assert (caught.value.partial, caught.value.billed, len(caught.value.attempts)) == ("hello ", "maybe", 1)


async def test_a_relay_that_does_not_stream(raw_server: Any) -> None:
    """Its whole answer is one event, whatever the label says."""

    async def whole(peer: Any) -> None:
        while True:
            await peer.request()
            await peer.answer(b'{"text": "all at once"}')

    raw_server.script(whole)
    async with AsyncClient(raw_server.url, "sk-test", retry=ONCE) as client:
        assert await texts(client) == ["all at once"]
        assert await texts(client, model="whisper-1", response_format="verbose_json") == ["all at once"]
    raw_server.script(streaming(chunk(b'{"text": '), 0.02, chunk(b'"in pieces"}'), b"0\r\n\r\n"))
    async with AsyncClient(raw_server.url, "sk-test", retry=ONCE) as client:
        assert await texts(client) == ["in pieces"]
    raw_server.script(streaming(delta("hello "), DONE, END, kind="text/plain"))
    async with AsyncClient(raw_server.url, "sk-test", retry=ONCE) as client:
        assert await texts(client) == ["hello ", "hello world"]


async def test_leaving_early_ends_the_request(raw_server: Any) -> None:
    """The relay sees the connection go; the turn is given back; nothing is called a failure."""
    told: list[Any] = []

    async def endless(peer: Any) -> None:
        await peer.request()
        await peer.send(CHUNKED.format("text/event-stream", 1).encode() + delta("hello "))
        await peer.reader.read()
        raw_server.gone.set()

    raw_server.script(endless, streaming(DONE, END))
    limits = Limits(max_concurrency=1)
    async with AsyncClient(raw_server.url, "sk-test", limits=limits, on_event=told.append) as client:
        async with client.stream_transcription(MP3) as events:
            async for _ in events:
                break
        await asyncio.wait_for(raw_server.gone.wait(), 10)
        assert await asyncio.wait_for(texts(client), 10) == ["hello world"]
    ends = [event.attempt for event in told if isinstance(event, AttemptEnded)]
    assert [(end.error, end.billed) for end in ends] == [(None, "no")] * 2


async def test_cancelling_in_the_middle(raw_server: Any) -> None:
    """The connection goes, what may have been paid is told, and the next call has its turn."""
    told: list[Any] = []
    reached = asyncio.Event()

    async def endless(peer: Any) -> None:
        await peer.request()
        await peer.send(CHUNKED.format("text/event-stream", 1).encode() + delta("hello "))
        await peer.reader.read()
        raw_server.gone.set()

    async def consume(client: AsyncClient) -> None:
        async with client.stream_transcription(MP3) as events:
            async for _ in events:
                reached.set()

    raw_server.script(endless, streaming(DONE, END))
    async with AsyncClient(raw_server.url, "sk-test", limits=Limits(max_concurrency=1), on_event=told.append) as client:
        task = asyncio.create_task(consume(client))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(raw_server.gone.wait(), 10)
        assert await asyncio.wait_for(texts(client), 10) == ["hello world"]
    assert sum(isinstance(event, MaybeBilled) for event in told) == 1


async def test_a_turn_is_held_as_long_as_the_stream(raw_server: Any) -> None:
    """What streams is a request that runs: the limit counts it."""
    raw_server.script(streaming(delta("hello "), DONE, END))
    async with AsyncClient(raw_server.url, "sk-test", limits=Limits(max_concurrency=1)) as client:
        async with client.stream_transcription(MP3) as events:
            await anext(events)
            waiting = asyncio.create_task(texts(client))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            assert raw_server.connections == 1
        assert await waiting == ["hello ", "hello world"]


async def test_a_stream_that_stands_still(raw_server: Any) -> None:
    """``answer_stall_s`` holds between two events, and ``attempt_s`` no more once it has begun."""
    raw_server.script(streaming(delta("a"), 0.15, delta("b"), 0.15, delta("c"), 3600.0))
    timeouts = Timeouts(answer_stall_s=0.3, attempt_s=0.2)
    async with AsyncClient(raw_server.url, "sk-test", retry=ONCE, timeouts=timeouts) as client:
        with pytest.raises(TimedOutError, match=r"sent nothing for 0.3 s, after \d+ bytes") as caught:
            await texts(client)
    assert (caught.value.partial, caught.value.phase, caught.value.billed) == ("abc", "answer", "maybe")


async def test_an_attempt_that_does_not_begin(raw_server: Any) -> None:
    """``attempt_s`` holds up to the first event; comments are none."""
    raw_server.script(streaming(chunk(b": ping\n\n"), 3600.0))
    async with AsyncClient(raw_server.url, "sk-test", retry=ONCE, timeouts=Timeouts(attempt_s=0.2)) as client:
        with pytest.raises(TimedOutError, match="the attempt took longer than 0.2 s") as caught:
            await texts(client)
    assert (caught.value.phase, caught.value.billed) == ("answer", "maybe")


async def test_the_deadline_holds_for_the_whole_stream(raw_server: Any) -> None:
    """Also for one that moves, and also where the reader is slow."""
    raw_server.script(streaming(*[delta("a"), 0.02] * 500))
    retry = RetryPolicy(deadline_s=0.3)
    async with AsyncClient(raw_server.url, "sk-test", retry=retry) as client:
        with pytest.raises(TimedOutError, match="the deadline of 0.3 s has passed, after") as caught:
            await texts(client)
    assert caught.value.phase == "deadline"
    assert set(caught.value.partial) == {"a"}
    assert caught.value.attempts[0].billed == "maybe"


async def test_the_key_is_in_no_error_of_a_stream(raw_server: Any) -> None:
    """Not in that of an event that repeats it."""
    leak = chunk(b'data: {"error": {"message": "no such key sk-very-secret-key-of-mine"}}\n\n')
    raw_server.script(streaming(delta("hello "), 0.05, leak, END))
    async with AsyncClient(raw_server.url, "sk-very-secret-key-of-mine", retry=ONCE) as client:
        with pytest.raises(APIError) as caught:
            await texts(client)
    assert "secret" not in f"{caught.value!r} {caught.value} {caught.value.body} {caught.value.args}"


async def test_closing_the_client_ends_its_streams(raw_server: Any) -> None:
    """Whoever reads gets an error, and nothing is sent again."""
    raw_server.script(streaming(delta("hello "), 3600.0))
    client = AsyncClient(raw_server.url, "sk-test", retry=QUICK)
    async with client.stream_transcription(MP3) as events:
        await anext(events)
        await client.close()
        with pytest.raises(TransportError) as caught:
            await anext(events)
    assert caught.value.billed == "maybe"
    assert raw_server.connections == 1


async def test_the_blocking_twin_streams(raw_server: Any) -> None:
    """A plain context manager and a plain iterator; leaving early and errors end the request."""
    gone = asyncio.Event()

    async def endless(peer: Any) -> None:
        await peer.request()
        await peer.send(CHUNKED.format("text/event-stream", 1).encode() + delta("hello "))
        await peer.reader.read()
        gone.set()
        gone.clear()
        raw_server.gone.set()

    def use() -> None:
        with Client(raw_server.url, "sk-test", retry=ONCE, limits=Limits(max_concurrency=1)) as client:
            with client.stream_transcription(MP3) as events:
                assert [getattr(event, "text", None) or event.delta for event in events] == ["hello ", "hello world"]
            with client.stream_transcription(MP3) as events:
                assert next(events) == TextDelta(delta="hello ")
            with pytest.raises(ZeroDivisionError), client.stream_transcription(MP3) as events:
                1 / len(list(zip(events, (), strict=False)))
            with client.stream_transcription(MP3) as events:
                assert len(list(events)) == 2

    raw_server.script(
        streaming(delta("hello "), DONE, END, end="close"), endless, endless, streaming(delta("x"), DONE, END)
    )
    await asyncio.to_thread(use)
    assert raw_server.connections == 4


async def test_a_stream_that_is_told_as_what_it_was(raw_server: Any) -> None:
    """One that ended too early is an attempt that failed and may have been billed, in every account of it."""
    told: list[Any] = []
    raw_server.script(streaming(delta("hello "), b"0\r\n\r\n"))
    async with AsyncClient(raw_server.url, "sk-test", on_event=told.append) as client:
        with pytest.raises(StreamInterruptedError) as caught:
            await texts(client)
    (made,) = caught.value.attempts
    assert (made.status, made.error, made.billed) == (200, "StreamInterruptedError", "maybe")
    assert sum(isinstance(event, MaybeBilled) for event in told) == 1


async def test_an_early_stream_is_not_believed(raw_server: Any) -> None:
    """Events before the upload's end are the answer to something else, as a whole answer is."""

    async def hasty(peer: Any) -> None:
        await peer.head()
        await peer.send(CHUNKED.format("text/event-stream", 1).encode() + delta("hello ") + DONE + END)
        await asyncio.sleep(3600)

    raw_server.script(hasty)
    async with AsyncClient(raw_server.url, "sk-test", retry=ONCE) as client:
        with pytest.raises(TransportError, match="before it had the whole upload") as caught:
            async with client.stream_transcription(MP3 * 200, prepare="never") as events:
                await anext(events)
    assert caught.value.billed == "no"


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "text/event-stream"])
async def test_the_first_piece_may_be_a_byte(raw_server: Any, kind: str) -> None:
    """Events are known as such whatever their label is and however they are cut."""
    sent = b'data: {"type": "transcript.text.done", "text": "hello"}\n\ndata: [DONE]\n\n'
    pieces = [chunk(sent[place : place + 1]) for place in range(len(sent))]
    raw_server.script(
        streaming(*[part for piece in pieces[:20] for part in (piece, 0.002)], *pieces[20:], b"0\r\n\r\n", kind=kind)
    )
    async with AsyncClient(raw_server.url, "sk-test", retry=ONCE) as client:
        assert await texts(client) == ["hello"]


async def test_reading_on_behind_the_block_blames_nobody(raw_server: Any) -> None:
    """The request has ended with the block: that is told, and the endpoint keeps its good name."""
    told: list[Any] = []
    raw_server.script(streaming(delta("hello "), 0.01, delta("world"), 3600.0))
    async with AsyncClient(raw_server.url, "sk-test", on_event=told.append) as client:
        async with client.stream_transcription(MP3) as events:
            await anext(events)
        with pytest.raises(ConfigurationError, match="the block that held this answer is over"):
            [event async for event in events]
    assert [type(event).__name__ for event in told][-1] == "AttemptEnded"


async def test_a_stream_that_was_read_gives_its_turn_back(raw_server: Any) -> None:
    """Another may run before the block ends."""
    raw_server.script(streaming(delta("hello "), DONE, END))
    async with AsyncClient(raw_server.url, "sk-test", limits=Limits(max_concurrency=1, max_wait_s=5)) as client:
        async with client.stream_transcription(MP3) as events:
            assert len([event async for event in events]) == 2
            assert await texts(client) == ["hello ", "hello world"]
