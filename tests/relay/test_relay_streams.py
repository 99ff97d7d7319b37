"""Streamed transcripts over real sockets: the events, and all the ways in which they end."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from zhongzhuan_audio.errors import ConfigurationError, RateLimitError, UpstreamError
from zhongzhuan_audio.models import Segment
from zhongzhuan_audio.relay import (
    Fault,
    LocalRelay,
    Recognition,
    ScriptedAnswer,
    ScriptedDeltas,
    ScriptedStream,
    TranscribeOptions,
)

PATH = "/v1/audio/transcriptions"
DONE = "data: [DONE]\n\n"
TURNS = (
    Segment(id=0, start=0.0, end=1.5, text="And so,", speaker="A"),
    Segment(id=1, start=1.5, end=2.25, text="ask not.", speaker="B"),
    Segment(id=2, start=2.25, end=3.0, text="你好。", speaker="A"),
)


async def listen(session: aiohttp.ClientSession, form: aiohttp.FormData) -> tuple[int, str, str]:
    """Upload; return the status, the content type and the body."""
    async with session.post(PATH, data=form) as answer:
        return answer.status, answer.headers.get("Content-Type", ""), await answer.text()


def events(body: str) -> list[dict[str, Any]]:
    """Return the events of a stream that ended as it should."""
    assert body.endswith(DONE)
    blocks = body.removesuffix(DONE).split("\n\n")[:-1]
    assert all(block.startswith("data: {") and "\n" not in block for block in blocks)
    return [json.loads(block.removeprefix("data: ")) for block in blocks]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that the other side brings about."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_text_comes_word_by_word(talker, keyed, upload):
    """A scripted text goes out a word at a time, then whole, with its length; it is charged for."""
    status, kind, body = await listen(keyed, upload(stream="true"))
    assert (status, kind) == (200, "text/event-stream; charset=utf-8")
    *deltas, done = events(body)
    assert [event["delta"] for event in deltas] == ["And", " so,", " my", " fellow", " Americans"]
    assert {event["type"] for event in deltas} == {"transcript.text.delta"}
    assert done == {
        "type": "transcript.text.done",
        "text": "And so, my fellow Americans",
        "usage": {"type": "duration", "seconds": 1},
    }
    (received,) = talker.requests
    assert (received.status, received.billable, received.cost_usd) == (200, True, 0.0001)
    assert received.fields["stream"] == ("true",)


@pytest.mark.parametrize("fields", [{}, {"stream": "false"}, {"stream": ""}, {"stream": "true", "model": "whisper-1"}])
async def test_when_there_is_no_stream(keyed, upload, fields):
    """Nothing is streamed that was not asked for, and never with whisper-1, as upstream."""
    _, kind, body = await listen(keyed, upload(**fields))
    assert kind == "application/json; charset=utf-8"
    assert json.loads(body)["text"] == "And so, my fellow Americans"


async def test_translations_do_not_stream(talker, keyed, upload):
    """The field says nothing to a translation, which is made at temperature 0 where nothing else was asked for."""
    seen: list[TranscribeOptions] = []
    talker.engine.script(lambda options: seen.append(options) or "ok")
    async with keyed.post("/v1/audio/translations", data=upload(stream="true")) as answer:
        assert answer.content_type == "application/json"
    assert [(options.task, options.temperature, options.stream) for options in seen] == [("translate", 0.0, False)]


async def test_a_recognition_comes_a_segment_at_a_time(talker, keyed, upload):
    """Deltas join to the text with the blanks that it has, and to nothing else."""
    talker.engine.script(Recognition(duration=3.4, segments=TURNS))
    *deltas, done = events((await listen(keyed, upload(stream="true")))[2])
    assert [event["delta"] for event in deltas] == ["And so,", " ask not.", " 你好。"]
    assert done["text"] == "And so, ask not. 你好。"
    assert done["usage"]["seconds"] == 4
    talker.engine.script(Recognition(duration=3.4, segments=TURNS, text="Another."))
    assert [event.get("delta") for event in events((await listen(keyed, upload(stream="true")))[2])] == [
        "Another.",
        None,
    ]
    talker.engine.script(Recognition(duration=3.4, segments=TURNS, text=""), Recognition(duration=3.4))
    (done,) = events((await listen(keyed, upload(stream="true")))[2])
    (done,) = events((await listen(keyed, upload(stream="true")))[2])
    assert done["text"] == ""


async def test_speakers(talker, keyed, upload):
    """A model that tells speakers names the segment in each delta; with diarized_json the segments are told too."""
    talker.engine.script(Recognition(duration=3.0, segments=TURNS))
    diarize = {"model": "gpt-4o-transcribe-diarize", "stream": "true"}
    *deltas, _ = events((await listen(keyed, upload(**diarize)))[2])
    assert [event["segment_id"] for event in deltas] == ["seg_001", "seg_002", "seg_003"]
    *pairs, _ = events((await listen(keyed, upload(**diarize, response_format="diarized_json")))[2])
    assert [event["type"] for event in pairs[::2]] == ["transcript.text.delta"] * 3
    assert pairs[3] == {
        "type": "transcript.text.segment",
        "id": "seg_002",
        "start": 1.5,
        "end": 2.25,
        "text": " ask not.",
        "speaker": "B",
    }


async def test_deltas_as_they_are_scripted(talker, keyed, upload):
    """Scripted deltas go out as they are, each when its time has come; asked for whole, they are one text."""
    talker.engine.script(ScriptedDeltas("He", 0.05, "llo ", "", 0.05, TURNS[2]))
    async with keyed.post(PATH, data=upload(stream="true")) as answer:
        first = await answer.content.readany()
        rest = await answer.text()
    assert first == b'data: {"type": "transcript.text.delta", "delta": "He"}\n\n'
    *deltas, done = events(first.decode() + rest)
    assert "".join(event["delta"] for event in deltas) == done["text"] == "Hello 你好。"
    _, _, body = await listen(keyed, upload(response_format="text"))
    assert body == "Hello 你好。\n"


async def test_an_error_before_the_first_delta(talker, keyed, upload):
    """Until then the answer is an error as any other, and free."""
    talker.engine.script(
        RateLimitError("slow", status=429, retry_after=3),
        ScriptedDeltas(0.001, RateLimitError("slow", status=429)),
        ScriptedDeltas(ZeroDivisionError()),
    )
    answers = [await listen(keyed, upload(stream="true")) for _ in range(3)]
    assert [(status, kind) for status, kind, _ in answers] == [
        (429, "application/json; charset=utf-8"),
        (429, "application/json; charset=utf-8"),
        (500, "application/json; charset=utf-8"),
    ]
    assert talker.billable == 0


@pytest.mark.parametrize(
    ("error", "type_", "words"),
    [
        (UpstreamError("overloaded", status=500, type="server_error"), "server_error", "overloaded"),
        (ZeroDivisionError("by zero"), "new_api_panic", "ZeroDivisionError: by zero"),
    ],
)
async def test_an_error_after_the_first_delta(talker, keyed, upload, caplog, error, type_, words):
    """After it the error is an event, and the last; what was heard is charged for."""
    talker.engine.script(ScriptedDeltas("And so", error))
    status, _, body = await listen(keyed, upload(stream="true"))
    first, last = body.split("\n\n", 1)
    assert (status, json.loads(first.removeprefix("data: "))["delta"]) == (200, "And so")
    assert last.startswith("event: error\ndata: {")
    told = json.loads(last.removeprefix("event: error\ndata: "))["error"]
    assert (told["type"], words in told["message"]) == (type_, True)
    assert talker.requests[0].request_id in told["message"]
    assert talker.billable == 1
    assert bool(caplog.records) is isinstance(error, ZeroDivisionError)
    # The connection is in order.
    assert (await listen(keyed, upload(stream="true")))[0] == 200


async def test_a_stream_that_breaks_off(talker, keyed, upload):
    """A hang-up in the midst leaves what came before it."""
    talker.engine.script(ScriptedDeltas("And so", 0.01, ConnectionResetError()))
    async with keyed.post(PATH, data=upload(stream="true")) as answer:
        assert b"And so" in await answer.content.readany()
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    await until(lambda: talker.billable == 1)
    (received,) = talker.requests
    assert (received.status, received.gone) == (200, False)


async def test_events_byte_by_byte(talker, keyed, upload):
    """Events that a test wrote itself go out as they are, wherever they are cut."""
    body = 'data: {"type":"transcript.text.delta","delta":"你好"}\r\n\r\n: comment\n\n' + DONE
    talker.engine.script(ScriptedStream([bytes([each]) for each in body.encode()]))
    status, kind, got = await listen(keyed, upload(stream="true"))
    assert (status, kind, got) == (200, "text/event-stream; charset=utf-8", body)
    assert talker.billable == 1


async def test_a_relay_that_does_not_stream(talker, keyed, upload):
    """A scripted answer is sent whole, whatever was asked for."""
    talker.engine.script(ScriptedAnswer(200, '{"text": "ok"}'), ScriptedStream([b"busy"], status=503))
    assert (await listen(keyed, upload(stream="true")))[1:] == ("application/json; charset=utf-8", '{"text": "ok"}')
    assert (await listen(keyed, upload()))[0] == 503
    assert [received.billable for received in talker.requests] == [True, False]


class WholeEngine:
    """Ears that cannot stream."""

    models = ("gpt-transcribe",)

    async def transcribe(self, path: Path, _: TranscribeOptions) -> Recognition | ScriptedAnswer:
        """Tell the recording's size."""
        size = len(await asyncio.to_thread(path.read_bytes))
        return Recognition(duration=2.0, text=f"{size} bytes") if size > 1 else ScriptedAnswer(418)


async def test_ears_that_cannot_stream(keyed, upload):
    """What they heard comes as one delta."""
    async with LocalRelay(WholeEngine(), api_key=None) as relay:
        url = f"{relay.base_url}/audio/transcriptions"
        async with keyed.post(url, data=upload(model="gpt-transcribe", stream="true")) as answer:
            delta, done = events(await answer.text())
        assert delta["delta"] == done["text"] == "9 bytes"
        form = aiohttp.FormData({"model": "gpt-transcribe", "stream": "true"})
        form.add_field("file", b"1", filename="a.mp3")
        async with keyed.post(url, data=form) as answer:
            assert answer.status == 418


class EndlessEngine(WholeEngine):
    """Ears that hear for ever."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self.ended = asyncio.Event()

    async def stream(self, path: Path, _: TranscribeOptions) -> AsyncIterator[Segment | Recognition]:
        """Begin."""
        self.path = path
        return self._segments()

    async def _segments(self) -> AsyncIterator[Segment]:
        try:
            yield Segment(id=0, start=0.0, end=30.0, text="And so")
            await asyncio.sleep(math.inf)
        finally:
            await asyncio.sleep(0)
            assert await asyncio.to_thread(self.path.exists)
            self.ended.set()


@pytest.mark.parametrize("who", ["client", "relay"])
async def test_a_stream_that_nobody_hears_is_stopped(keyed, upload, who):
    """The ears are stopped before their file goes, and what they had heard is charged for."""
    engine = EndlessEngine()
    relay = LocalRelay(engine, api_key=None)
    async with relay:
        url = f"{relay.base_url}/audio/transcriptions"
        answer = await keyed.post(url, data=upload(model="gpt-transcribe", stream="true"))
        assert b"And so" in await answer.content.readany()
        if who == "client":
            answer.close()
            await until(lambda: relay.requests[0].gone)
    await asyncio.wait_for(engine.ended.wait(), 20)
    answer.close()
    (received,) = relay.requests
    assert (received.gone, received.billable, received.cost_usd) == (who == "client", True, 0.003)
    assert not await asyncio.to_thread(engine.path.exists)


@pytest.mark.parametrize("kind", ["truncated", "truncated-chunked", "reset-after-upload", "garbage-status"])
async def test_faults_spoil_streams(talker, keyed, upload, kind):
    """A streamed answer is damaged as a whole one is, and charged for: the work was done."""
    talker.faults.script(Fault(kind, times=1))
    with pytest.raises(aiohttp.ClientError):
        await listen(keyed, upload(stream="true"))
    assert (talker.requests[0].fault, talker.billable) == (kind, 1)
    assert (await listen(keyed, upload(stream="true")))[0] == 200


async def test_a_drip_of_events(talker, keyed, upload):
    """Events come a few bytes at a time, and whole in the end."""
    talker.faults.script(Fault("drip", size_bytes=200, seconds=0.001))
    assert len(events((await listen(keyed, upload(stream="true")))[2])) == 6


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ScriptedDeltas(b"bytes"), "a delta must be a text, a Segment, a number of seconds or an error, not"),
        (lambda: ScriptedStream(b"bytes"), "pieces must be a list or an iterator of bytes and pauses, not bytes"),
        (lambda: ScriptedStream(5), "pieces must be a list or an iterator of bytes and pauses, not int"),
        (lambda: ScriptedStream([], status=100), "status must be a whole number from 200 to 999, not 100"),
        (lambda: ScriptedStream([], headers="a"), "headers must be a mapping of strings, not str"),
    ],
)
def test_wrong_scripts(make, words):
    """What cannot be streamed is refused when it is made."""
    with pytest.raises(ConfigurationError) as caught:
        make()
    assert words in str(caught.value)


def test_deltas_show_what_they_are():
    """The repr is what one would write."""
    assert repr(ScriptedDeltas("a", 0.5)) == "ScriptedDeltas('a', 0.5)"
