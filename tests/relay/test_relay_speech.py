"""Speech over real sockets: what is asked, what is refused, and what comes back bit by bit."""

from __future__ import annotations

import asyncio
import io
import json
import math
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, get_args

import aiohttp
import av
import pytest

from zhongzhuan_audio.errors import RateLimitError
from zhongzhuan_audio.relay import (
    Fault,
    FaultKind,
    LocalRelay,
    Match,
    ScriptedAnswer,
    ScriptedEngine,
    ScriptedStream,
    SpeakOptions,
)
from zhongzhuan_audio.relay.engines import TRANSCRIPTION_MODELS
from zhongzhuan_audio.relay.speech import check_speech

PATH = "/v1/audio/speech"
ASKED = {"model": "tts-1", "input": "你好，世界。", "voice": "alloy"}


async def ask(session: aiohttp.ClientSession, **fields: Any) -> tuple[int, str, bytes]:
    """Ask for speech; return the status, the content type and the body."""
    async with session.post(PATH, json={**ASKED, **fields}) as answer:
        return answer.status, answer.headers.get("Content-Type", ""), await answer.read()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that the other side brings about."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("response_format", "content_type"),
    [
        ("mp3", "audio/mpeg"),
        ("opus", "audio/opus"),
        ("aac", "audio/aac"),
        ("flac", "audio/flac"),
        ("wav", "audio/wav"),
        ("pcm", "audio/pcm"),
    ],
)
async def test_a_script_that_says_nothing_else_is_silent(keyed, response_format, content_type):
    """The default is a tenth of a second of silence, valid in each format, without anything that encodes."""
    status, kind, body = await ask(keyed, response_format=response_format)
    assert (status, kind) == (200, content_type)
    raw = {"format": "s16le", "options": {"ar": "24000"}} if response_format == "pcm" else {}
    with av.open(io.BytesIO(body), **raw) as container:
        frames = list(container.decode(audio=0))
    assert {frame.layout.nb_channels for frame in frames} == {1}
    assert 0.099 <= sum(frame.samples / frame.sample_rate for frame in frames) <= 0.2
    assert not any(frame.to_ndarray().any() for frame in frames)


async def test_speaks_and_remembers(talker, keyed):
    """The sound arrives as it was scripted, and the request is remembered with its fields and its cost."""
    talker.voice.script(b"ID3 sound")
    text = "字" * 4096
    assert await ask(keyed, input=text, speed=2, x={"y": ["z" * 5000, 1]}) == (200, "audio/mpeg", b"ID3 sound")
    (received,) = talker.requests
    assert received.json == {**ASKED, "input": text, "speed": 2, "x": {"y": ["z" * 4096, 1]}}
    assert (received.characters, received.status, received.billable, received.gone) == (4096, 200, True, False)
    assert received.cost_usd == pytest.approx(4096 * 15 / 1_000_000)
    assert (received.fields, received.filename, received.size_bytes) == ({}, None, None)
    assert talker.ledger.used_usd == received.cost_usd


async def test_a_function_sees_the_options(talker, keyed):
    """A function is given all that was asked, an object's id for its voice."""
    seen: list[SpeakOptions] = []

    async def say(options: SpeakOptions) -> bytes:
        seen.append(options)
        return options.input.encode()

    talker.voice.script(say)
    fields = {"voice": {"id": "voice_1"}, "response_format": "wav", "speed": 0.25, "instructions": "calm", "seed": 7}
    assert await ask(keyed, **fields, stream_format="audio") == (200, "audio/wav", ASKED["input"].encode())
    (options,) = seen
    assert (options.voice, options.response_format, options.speed) == ("voice_1", "wav", 0.25)
    assert (options.instructions, options.fields["seed"]) == ("calm", 7)


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"model": None}, "model", "you must provide a model parameter"),
        ({"model": 5}, "model", "you must provide a model parameter"),
        ({"input": ""}, "input", "string too short"),
        ({"input": " \n"}, "input", "string too short"),
        ({"input": None}, "input", "Missing required parameter: 'input'"),
        ({"input": ["a"]}, "input", "expected a string"),
        ({"input": "a" * 4097}, "input", "string too long. Expected a string with maximum length 4096, but got"),
        ({"voice": None}, "voice", "Missing required parameter: 'voice'"),
        ({"voice": 5}, "voice", "expected a string"),
        ({"response_format": "ogg"}, "response_format", "'ogg'. Supported values are: 'mp3', 'opus', 'aac'"),
        ({"response_format": ["mp3"]}, "response_format", "Supported values are"),
        ({"speed": 0.2}, "speed", "expected a value from 0.25 to 4.0, but got 0.2"),
        ({"speed": 4.5}, "speed", "but got 4.5"),
        ({"speed": "1"}, "speed", "expected a decimal"),
        ({"speed": True}, "speed", "expected a decimal"),
        ({"speed": math.nan}, "speed", "expected a decimal"),
        ({"stream_format": "sse"}, "stream_format", "'audio' only"),
        ({"stream_format": {}}, "stream_format", "'audio' only"),
    ],
)
async def test_fields_are_checked(talker, keyed, fields, param, words):
    """Each wrong field is a 400 in the upstream's words and form; nothing is charged for."""
    status, _, body = await ask(keyed, **fields)
    told = json.loads(body)["error"]
    assert (status, told["type"], told["param"]) == (400, "invalid_request_error", param)
    assert words in told["message"]
    assert f"(request id: {talker.requests[0].request_id})" in told["message"]
    assert talker.billable == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"text"', b"\xff", b"[" * 100_000])
async def test_broken_json(keyed, body):
    """What is no JSON object is a 400."""
    async with keyed.post(PATH, data=body, headers={"Content-Type": "application/json"}) as answer:
        told = (await answer.json())["error"]
    assert (answer.status, told["type"]) == (400, "invalid_request_error")
    assert "could not parse the JSON body" in told["message"]


async def test_a_body_past_all_measure(keyed):
    """A megabyte of JSON is refused before it is read."""
    body = io.BytesIO(json.dumps({**ASKED, "input": "a" * 1_100_000}).encode())
    async with keyed.post(PATH, data=body, headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 413
        assert "Maximum content size limit" in (await answer.json())["error"]["message"]


async def test_another_model_has_no_channel(keyed):
    """A model that is not of the voice is refused as a relay does, those of the ears too."""
    for model in ("tts-9", "whisper-1"):
        status, _, body = await ask(keyed, model=model)
        assert (status, json.loads(body)["error"]["code"]) == (503, "model_not_found")


async def test_the_models_are_listed(talker, keyed):
    """Those of the ears and those of the voice are listed, and each can be asked for by itself."""
    async with keyed.get("/v1/models") as answer:
        listed = [row["id"] for row in (await answer.json())["data"]]
    assert listed == [*talker.engine.models, "tts-1", "tts-1-hd", "gpt-4o-mini-tts"]
    async with keyed.get("/v1/models/tts-1") as answer:
        row = await answer.json()
        assert (row["id"], row["object"], row["owned_by"]) == ("tts-1", "model", "local")
    async with keyed.get("/v1/models/gpt-9") as answer:
        told = (await answer.json())["error"]
    assert (answer.status, told["code"], told["param"]) == (404, "model_not_found", "model")


async def test_without_the_extra(monkeypatch):
    """A relay that cannot speak lists no such model, and its 503 says what to install."""
    monkeypatch.setattr("zhongzhuan_audio.relay.app.installed_voice", lambda: None)
    async with LocalRelay(ScriptedEngine(), api_key=None) as relay, aiohttp.ClientSession() as session:
        assert relay.voice is None
        async with session.get(f"{relay.base_url}/models") as answer:
            assert tuple(row["id"] for row in (await answer.json())["data"]) == TRANSCRIPTION_MODELS
        async with session.post(f"{relay.base_url}/audio/speech", json=ASKED) as answer:
            told = (await answer.json())["error"]
    assert (answer.status, told["type"], told["code"]) == (503, "new_api_error", "model_not_found")
    assert "pip install 'zhongzhuan-audio[voice]'" in told["message"]


async def test_pieces_come_as_they_are_made(talker, keyed):
    """Each piece of a stream is there before the next is made; it is charged for from the first on."""
    made = asyncio.Queue[bytes | Exception]()

    async def pieces() -> AsyncIterator[bytes]:
        while piece := await made.get():
            yield piece

    talker.voice.script(ScriptedStream(pieces(), headers={"x-a": "1"}))
    made.put_nowait(b"one")
    async with keyed.post(PATH, json=ASKED) as answer:
        assert (answer.headers["Transfer-Encoding"], answer.headers["x-a"]) == ("chunked", "1")
        assert answer.headers["X-Oneapi-Request-Id"] == talker.requests[0].request_id
        assert talker.requests[0].billable
        for piece in (b"one", b"two", b"three"):
            assert await answer.content.readany() == piece
            made.put_nowait({b"one": b"two", b"two": b"three"}.get(piece, b""))
        assert await answer.content.read() == b""


async def test_a_stream_that_breaks_off(talker, keyed, caplog):
    """An error in the midst cuts the answer off; one that is no hang-up is logged; both have been charged for."""
    for error in (ConnectionResetError(), ZeroDivisionError()):
        talker.voice.script(ScriptedStream([b"half", 0.001, error]))
        async with keyed.post(PATH, json=ASKED) as answer:
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
    assert [(received.status, received.gone) for received in talker.requests] == [(200, False)] * 2
    assert talker.billable == 2
    assert caplog.text.count("an answer broke off") == 1


async def test_what_fails_before_the_first_piece_is_an_error(talker, keyed, caplog):
    """Until then all can still be answered in order, and nothing is charged for."""
    busy = RateLimitError("slow", status=429, retry_after=7)
    talker.voice.script(
        busy,
        ScriptedStream([busy]),
        ScriptedStream([0.001, ValueError("no sound")]),
        ScriptedStream([object()]),
        ScriptedAnswer(502, "<h1>502</h1>"),
        ScriptedStream([], status=500),
        ConnectionResetError(),
    )
    statuses = [(await ask(keyed))[0] for _ in range(6)]
    assert statuses == [429, 429, 500, 500, 502, 500]
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await ask(keyed)
    assert talker.billable == 0


async def test_a_scripted_answer_is_judged(talker, keyed):
    """Of whole answers those are billable that a relay would have charged for."""
    for body, billable in ((b"sound", True), (b'{"error": {"message": "no"}}', False), (b"<html>", False)):
        talker.voice.script(ScriptedAnswer(200, body))
        assert (await ask(keyed))[2] == body
        assert talker.requests[-1].billable is billable


async def test_a_client_that_goes_away_ends_the_voice(talker, keyed):
    """The voice is stopped where it is, and what was made is charged for."""
    ended = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.sleep(math.inf)
        finally:
            ended.set()

    talker.voice.script(ScriptedStream(pieces()))
    answer = await keyed.post(PATH, json=ASKED)
    assert await answer.content.readany() == b"first"
    answer.close()
    await asyncio.wait_for(ended.wait(), 20)
    await until(lambda: talker.requests[0].gone)
    assert talker.requests[0].billable
    assert (talker.billable, talker.requests[0].status) == (1, 200)


async def test_closing_ends_a_voice(voice):
    """The close of a relay does not wait for a voice that never ends."""
    voice.script(ScriptedStream([b"first", math.inf]))
    relay = LocalRelay(ScriptedEngine(), voice=voice, api_key=None)
    async with aiohttp.ClientSession() as session:
        await relay.start()
        async with session.post(f"{relay.base_url}/audio/speech", json=ASKED) as answer:
            assert await answer.content.readany() == b"first"
            async with asyncio.timeout(20):
                await relay.close()
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()


async def test_much_speech_is_never_whole_in_memory(talker, keyed):
    """Pieces are made as the client takes them: one that does not read stops the voice."""
    count = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal count
        for _ in range(10_000):
            count += 1
            yield bytes(65_536)

    talker.voice.script(ScriptedStream(pieces()))
    async with keyed.post(PATH, json=ASKED) as answer:
        await answer.content.readany()
        seen = -1
        while seen != count:
            seen = count
            await asyncio.sleep(0.1)
        assert count < 500
        answer.close()


LATE = ["truncated", "truncated-chunked", "short-length", "bad-gzip", "reset-after-upload", "garbage-status"]


@pytest.mark.parametrize("kind", LATE)
async def test_faults_spoil_speech(talker, keyed, kind):
    """A streamed answer is damaged as a whole one is, and charged for: the work was done."""
    talker.voice.script(ScriptedStream([b"so", b"und" * 100]))
    talker.faults.script(Fault(kind, times=1, where=Match(fields={"model": "tts-*", "input": "你好*"})))
    with pytest.raises(aiohttp.ClientError):
        await ask(keyed)
    assert (talker.requests[0].fault, talker.billable) == (kind, 1)
    assert (await ask(keyed))[0] == 200


async def test_faults_in_place_of_speech(talker, keyed):
    """What answers in place of the work keeps the voice silent, and only what looks like work is charged for."""
    talker.voice.script(ZeroDivisionError())
    talker.faults.script(
        Fault("html", times=1),
        Fault.refusal(429, times=1),
        Fault.answer(200, {"Content-Type": "audio/mpeg"}, b"ID3", times=1),
    )
    assert [(await ask(keyed))[0] for _ in range(3)] == [200, 429, 200]
    assert [received.billable for received in talker.requests] == [False, False, True]
    assert talker.requests[2].cost_usd == pytest.approx(len(ASKED["input"]) * 15 / 1_000_000, rel=0.1)


@pytest.mark.parametrize("kind", get_args(FaultKind))
async def test_every_fault_can_strike(talker, keyed, caplog, kind):
    """No fault breaks the relay down, whatever becomes of the answer, and the next request is served."""
    options = {"answer": {"reply": ScriptedAnswer(200, "ID3")}}
    options |= {name: {"seconds": 0.01} for name in get_args(FaultKind) if name.startswith("stall")}
    talker.faults.script(Fault(kind, times=1, where=Match(path=PATH), **options.get(kind, {})))
    with suppress(aiohttp.ClientError):
        await ask(keyed)
    assert talker.requests[0].fault == kind
    for _ in range(2):
        with suppress(aiohttp.ClientError):
            await ask(keyed)
    assert talker.requests[-1].status == 200
    assert talker.requests[-1].fault is None
    assert not caplog.records


async def test_a_stall_in_speech(talker, keyed):
    """Half comes, then nothing for a while, then the rest."""
    talker.voice.script(b"12345678")
    talker.faults.script(Fault("stall-in-body", seconds=0.1))
    async with keyed.post(PATH, json=ASKED) as answer:
        assert await answer.content.readany() == b"1234"
        assert await answer.content.read() == b"5678"


def test_any_voice_is_taken():
    """There is but one voice: it goes by every name."""
    assert check_speech({**ASKED, "voice": "某人"}, ("tts-1",)).voice == "某人"
