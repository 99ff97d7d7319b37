"""The public API as its users type it; mypy (strict) and pyright check this file, nothing runs it."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import IO, assert_type

import aiohttp
import aiohttp.web

from zhongzhuan_audio import (
    APIError,
    AsyncClient,
    AsyncSpeech,
    Attempt,
    Balance,
    BlockingOutcomes,
    Budget,
    Client,
    ConfigurationError,
    Endpoint,
    Job,
    Limits,
    Model,
    Outcome,
    Outcomes,
    Progress,
    RateLimitError,
    RecordingInfo,
    Response,
    Segment,
    SegmentDone,
    ServerSentEvent,
    Speech,
    TextDelta,
    TimedOutError,
    Timeouts,
    TranscriptDone,
    Transcription,
    Usage,
    Word,
    ZhongzhuanError,
    async_probe,
    probe,
    to_dataframe,
)
from zhongzhuan_audio.relay import LocalRelay, Recognition, ScriptedEngine


class Upload:
    """As a web framework has it."""

    filename: str | None = None

    async def read(self, size: int = -1) -> bytes:
        """Return bytes."""
        return b"" * size


class Whole:
    """As one has it that reads at once."""

    async def read(self) -> bytes:
        """Return all bytes."""
        return b""


async def recordings(
    client: AsyncClient,
    stream: AsyncIterator[bytes],
    file: IO[bytes],
    part: aiohttp.BodyPartReader,
    field: aiohttp.web.FileField,
) -> None:
    """Give everything that is a recording."""
    path: os.PathLike[str] = Path("a.mp3")
    assert_type(await client.transcribe("a.mp3"), Transcription)
    await client.transcribe(path, drop_suspicious=True, refill=True, script="traditional")
    await client.transcribe(path)
    assert_type(await client.translate(path, prompt="Dear all", response_format="vtt"), Transcription)
    await client.transcribe(path, known_speaker_names=["a"], known_speaker_references=[path, "b.wav", b"bytes"])
    await client.transcribe(path, include=["logprobs"], chunking_strategy={"type": "server_vad"}, strict=False)
    await client.transcribe(b"bytes", filename="a.mp3")
    await client.transcribe(bytearray())
    await client.transcribe(("a.mp3", b"bytes"))
    await client.transcribe(file)
    await client.transcribe(stream, filename="a.mp3")
    await client.transcribe(Upload())
    await client.transcribe(Whole())
    await client.transcribe(part)
    await client.transcribe(field)
    await client.transcribe(3)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await client.transcribe("a.mp3", response_format="xml")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await client.transcribe("a.mp3", "whisper-1")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


async def options(client: AsyncClient) -> None:
    """Give every option."""
    result = await client.transcribe(
        "a.mp3",
        model="whisper-1",
        language="zh",
        prompt="会议",
        response_format="verbose_json",
        temperature=0.2,
        timestamp_granularities=["word", "segment"],
        extra={"hotwords": ["甲"]},
        filename="b.mp3",
        timeouts=Timeouts(answer_stall_s=None),
        on_progress=lambda sent, total: print(sent / total),
    )
    assert_type(result.text, str)
    assert_type(result.duration, float | None)
    assert_type(result.segments, tuple[Segment, ...])
    assert_type(result.words, tuple[Word, ...])
    assert_type(result.usage, Usage | None)
    assert_type(result.attempts, tuple[Attempt, ...])
    assert_type(result.to_srt(max_chars=42, max_lines=2), str)
    result.save("b.vtt", max_chars=42, min_gap_s=0.1, max_cps=20)


async def clients(session: aiohttp.ClientSession, context: ssl.SSLContext) -> None:
    """Make clients in every way."""

    async def key() -> str:
        return "sk"

    later: Awaitable[str] = key()
    await later
    async with AsyncClient("https://relay.example", key, session=session, ssl=context) as client:
        assert_type(client, AsyncClient)
    async with AsyncClient.local(ScriptedEngine("hello"), limits=Limits(max_concurrency=2)) as local:
        assert_type(local, AsyncClient)
    Client("https://relay.example", lambda: "sk", proxy="http://127.0.0.1:7890", headers={"X-A": "b"}, allow_http=True)
    Client(session=session)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


def blocking() -> None:
    """Call the blocking twin: the same parameters, and no coroutine."""
    with Client() as client:
        assert_type(client, Client)
        result = client.transcribe("a.mp3", language="zh", response_format="srt", on_progress=lambda _, __: None)
        assert_type(result, Transcription)
        result.save(Path("a.srt"))
        client.transcribe("a.mp3", temperature="hot")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        client.transcribe()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    assert_type(Client.local(), Client)


async def streams(client: AsyncClient) -> None:
    """Use what holds something open, and the rest of the relay."""
    async with client.speak("你好", voice="nova", response_format="opus", speed=1.5) as speech:
        assert_type(speech, AsyncSpeech)
        assert_type(await speech.save(Path("a.opus")), int)
        assert_type(await speech.read(), bytes)
        async for chunk in speech:
            assert_type(chunk, bytes)
    client.speak("hi", response_format="ogg")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    async with client.stream_transcription("a.mp3", include=["logprobs"]) as events:
        async for event in events:
            assert_type(event, TextDelta | SegmentDone | TranscriptDone)
            if isinstance(event, TranscriptDone):
                assert_type(event.transcription, Transcription)
                assert_type(event.usage, Usage | None)
    async with client.stream_request("POST", "/v1/chat/completions", json={"stream": True}) as told:
        async for each in told:
            assert_type(each, ServerSentEvent)
    answer = await client.request("GET", "models", params={"a": "b"})
    assert_type(answer, Response)
    assert_type(answer.content, bytes)
    assert_type(await client.models(), tuple[Model, ...])
    assert_type((await client.balance()).remaining, float | None)


def blocking_streams() -> None:
    """Use the same without await."""
    client = Client()
    with client.speak("你好", voice="nova", response_format="opus", speed=1.5) as speech:
        assert_type(speech, Speech)
        assert_type(speech.save(Path("a.opus")), int)
        assert_type(speech.read(), bytes)
        for chunk in speech:
            assert_type(chunk, bytes)
    client.speak("hi", speed="fast")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    with client.stream_transcription("a.mp3", model="gpt-4o-transcribe") as events:
        for event in events:
            assert_type(event, TextDelta | SegmentDone | TranscriptDone)
    with client.stream_request("POST", "/v1/chat/completions", json={"stream": True}) as told:
        for each in told:
            assert_type(each, ServerSentEvent)
    assert_type(client.request("GET", "models"), Response)
    assert_type(client.models(), tuple[Model, ...])
    assert_type(client.balance(), Balance)


async def many(client: AsyncClient, later: AsyncIterator[Job]) -> None:
    """Transcribe many recordings."""

    def show(progress: Progress) -> None:
        assert_type(progress.total, int | None)

    budget = Budget(audio_minutes=60, cost=5, price_per_minute=0.006)
    async with client.transcribe_many(
        [Path("a.mp3"), Path("b.mp3")], concurrency=8, ordered=True, on_progress=show, budget=budget, language="zh"
    ) as outcomes:
        async for outcome in outcomes:
            assert_type(outcome, Outcome)
            assert_type(outcome.transcription, Transcription | None)
            assert_type(outcome.error, ZhongzhuanError | OSError | None)
            assert_type(outcome.result(), Transcription)
            assert_type(outcome.record(), dict[str, str | int | float | bool | None])
        assert_type(outcomes, Outcomes)
        outcomes.stop()
    assert_type(budget.left.audio_minutes, float | None)
    client.transcribe_many(later, journal=Path("run.sqlite"))
    client.transcribe_many(Path().rglob("*.mp3"))
    client.transcribe_many(["a.mp3", Job("b.mp3", language="zh", filename="c.mp3"), b"bytes"])
    Job("a.mp3", lnguage="zh")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    client.transcribe_many(["a.mp3"], temperature="hot")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    client.transcribe_many(["a.mp3"], filename="a")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    client.translate_many(["a.mp3", Job("b.mp3", prompt="Dear all")], response_format="srt", budget=budget)
    client.translate_many(["a.mp3"], language="zh")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    client.transcribe_many(Path("a.mp3"))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def blocking_many(client: Client) -> None:
    """Do the same without await."""
    with client.transcribe_many(["a.mp3"], budget=Budget(requests=5), response_format="srt") as outcomes:
        for outcome in outcomes:
            assert_type(outcome, Outcome)
        assert_type(outcomes, BlockingOutcomes)
        outcomes.stop()
    with client.transcribe_many(["a.mp3"], progress=True) as outcomes:
        to_dataframe(outcomes)
    to_dataframe(["a.mp3"])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
    with client.translate_many(["a.mp3"], journal="run.sqlite") as outcomes:
        assert_type(next(outcomes), Outcome)
    client.transcribe_many(["a.mp3"], temperature="hot")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


async def probes(file: IO[bytes], stream: AsyncIterator[bytes]) -> None:
    """Look at recordings."""
    info = probe("a.mov")
    assert_type(info, RecordingInfo)
    assert_type(info.duration_s, float | None)
    assert_type(await async_probe(file), RecordingInfo)
    await async_probe(stream, filename="a.mp3")
    probe(3)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def errors(error: ZhongzhuanError) -> None:
    """Read what an error tells."""
    assert_type(error.retryable, bool)
    assert_type(error.request_id, str | None)
    if isinstance(error, RateLimitError):
        api: APIError = error
        assert_type(api.retry_after, float | None)
    if isinstance(error, TimedOutError):
        timeout: TimeoutError = error
        assert timeout is error
        assert error.phase in {"connect", "upload", "answer", "deadline", "queue"}
    if isinstance(error, ConfigurationError):
        value: ValueError = error
        assert value is error


async def test_kit() -> None:
    """Use the embedded relay as a test kit."""
    engine = ScriptedEngine(Recognition(duration=1.0, text="hello"))
    async with LocalRelay(engine) as relay:
        assert_type(relay.base_url, str)
        Endpoint(relay.base_url, relay.api_key or "none")
