"""OpenAI's own Python client, unchanged, against the embedded relay with the real models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import av
import openai
import pytest

from zhongzhuan_audio.relay import LocalRelay

pytestmark = pytest.mark.real_model

WORDS = "ask not what your country can do for you"


@pytest.fixture
async def relay() -> AsyncIterator[LocalRelay]:
    """Give a relay with ears and a voice that takes half a megabyte."""
    async with LocalRelay(max_upload_bytes=500_000) as relay:
        yield relay


@pytest.fixture
async def client(relay: LocalRelay) -> AsyncIterator[openai.AsyncOpenAI]:
    """Give OpenAI's client, told nothing but address and key."""
    async with openai.AsyncOpenAI(base_url=relay.base_url, api_key=relay.api_key, max_retries=0) as client:
        yield client


async def test_json(client, jfk):
    """The default form."""
    answer = await client.audio.transcriptions.create(file=("jfk.mp3", jfk.read_bytes()), model="whisper-1")
    assert WORDS in answer.text
    assert (answer.usage.type, answer.usage.seconds) == ("duration", 11)


async def test_text(client, jfk):
    """Plain text."""
    answer = await client.audio.transcriptions.create(file=jfk, model="whisper-1", response_format="text")
    assert WORDS in answer
    assert answer.endswith(".\n")


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
async def test_translations(client, jfk):
    """The other path: English in, English out, whatever the form."""
    answer = await client.audio.translations.create(file=jfk, model="whisper-1", temperature=0)
    assert WORDS in answer.text
    verbose = await client.audio.translations.create(file=jfk, model="whisper-1", response_format="verbose_json")
    assert WORDS in verbose.text
    assert (verbose.language, verbose.segments[0].id) == ("english", 0)
    assert WORDS in await client.audio.translations.create(file=jfk, model="whisper-1", response_format="srt")


@pytest.mark.parametrize(("form", "begin"), [("srt", "1\n00:00:00,000 --> "), ("vtt", "WEBVTT\n\n")])
async def test_subtitles(client, jfk, form, begin):
    """Both kinds of subtitles."""
    answer = await client.audio.transcriptions.create(file=jfk, model="whisper-1", response_format=form)
    assert answer.startswith(begin)
    assert WORDS in answer


async def test_verbose_json(client, jfk):
    """All fields are there, and words where they are asked for."""
    answer = await client.audio.transcriptions.create(
        file=jfk,
        model="whisper-1",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        language="en",
        prompt="A speech.",
        temperature=0.0,
    )
    assert WORDS in answer.text
    assert (answer.language, round(float(answer.duration))) == ("english", 11)
    assert answer.segments[0].avg_logprob < 0
    assert answer.segments[-1].end <= 11.1
    assert [word.word for word in answer.words][:3] == ["And", "so", "my"]


async def test_models(client):
    """The list of models reads as OpenAI's does."""
    assert [model.id async for model in client.models.list()] == [
        "whisper-1",
        "gpt-4o-transcribe",
        "gpt-4o-mini-transcribe",
        "gpt-4o-transcribe-diarize",
        "gpt-transcribe",
        "tts-1",
        "tts-1-hd",
        "gpt-4o-mini-tts",
    ]
    assert (await client.models.retrieve("tts-1")).owned_by == "local"
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        await client.models.retrieve("gpt-9")


async def test_streaming(client, jfk):
    """A transcript comes bit by bit, and its bits are the whole."""
    stream = await client.audio.transcriptions.create(file=jfk, model="gpt-4o-transcribe", stream=True)
    *deltas, done = [event async for event in stream]
    assert {event.type for event in deltas} == {"transcript.text.delta"}
    assert done.type == "transcript.text.done"
    assert "".join(event.delta for event in deltas) == done.text
    whole = await client.audio.transcriptions.create(file=jfk, model="gpt-4o-transcribe")
    assert done.text == whole.text
    assert WORDS in done.text


async def test_streaming_speakers(client, jfk):
    """With diarized_json each segment comes with its speaker; whole, they are the same."""
    options = {"file": jfk, "model": "gpt-4o-transcribe-diarize", "response_format": "diarized_json"}
    stream = await client.audio.transcriptions.create(**options, chunking_strategy="auto", stream=True)
    told = [event async for event in stream if event.type == "transcript.text.segment"]
    whole = await client.audio.transcriptions.create(**options, chunking_strategy="auto")
    assert [event.id for event in told] == [segment.id for segment in whole.segments]
    assert (told[0].speaker, told[0].start, told[-1].end) == ("A", 0.0, whole.segments[-1].end)


async def test_whisper_1_does_not_stream(client, jfk):
    """The upstream passes the wish over, and so does the relay: the client finds no event."""
    stream = await client.audio.transcriptions.create(file=jfk, model="whisper-1", stream=True)
    assert [event async for event in stream] == []
    assert "json" in stream.response.headers["content-type"]


async def test_streaming_what_is_not_audio(client):
    """What is found out before the first word is an error as ever."""
    sound = ("a.mp3", b"not a sound " * 50)
    with pytest.raises(openai.BadRequestError, match="Invalid file format"):
        await client.audio.transcriptions.create(file=sound, model="gpt-transcribe", stream=True)


async def test_speech_to_a_file(client, relay, tmp_path):
    """Speech is streamed into a file and can be played."""
    path = tmp_path / "hello.opus"
    speaking = client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts",
        voice="coral",
        input="Hello. How are you?",
        response_format="opus",
        instructions="Calm.",
    )
    async with speaking as answer:
        assert answer.headers["content-type"] == "audio/opus"
        await answer.stream_to_file(path)
    sound = await asyncio.to_thread(av.open, str(path))
    assert (sound.format.name, sound.streams.audio[0].codec_context.name) == ("ogg", "opus")
    assert relay.requests[0].json["instructions"] == "Calm."
    assert relay.requests[0].billable


async def test_speech_whole(client):
    """Speech is read whole, MP3 where nothing else was asked for; what is too long is a BadRequestError."""
    answer = await client.audio.speech.create(model="tts-1", voice="alloy", input="Hello.")
    assert answer.content[:1] == b"\xff"
    with pytest.raises(openai.BadRequestError, match="string too long") as caught:
        await client.audio.speech.create(model="tts-1", voice="alloy", input="a" * 4097)
    assert caught.value.param == "input"


async def test_a_bad_key(client, jfk):
    """A bad key is OpenAI's AuthenticationError, with the relay's words in it."""
    with pytest.raises(openai.AuthenticationError, match="无效的令牌"):
        await client.with_options(api_key="sk-other").audio.transcriptions.create(file=jfk, model="whisper-1")


async def test_not_audio(client):
    """Text named .mp3 is OpenAI's BadRequestError, and names the field."""
    with pytest.raises(openai.BadRequestError, match="Invalid file format") as caught:
        await client.audio.transcriptions.create(file=("a.mp3", b"not a sound " * 50), model="whisper-1")
    assert (caught.value.param, caught.value.type) == ("file", "invalid_request_error")


async def test_too_large(client):
    """A file past the limit is a 413."""
    with pytest.raises(openai.APIStatusError, match="Maximum content size limit") as caught:
        await client.audio.transcriptions.create(file=("a.mp3", bytes(600_000)), model="whisper-1")
    assert caught.value.status_code == 413


async def test_no_channel_and_wrong_address(client, relay, jfk):
    """Another model is a 503, and a doubled path a 404."""
    with pytest.raises(openai.InternalServerError, match="无可用渠道") as caught:
        await client.audio.transcriptions.create(file=jfk, model="gpt-9")
    assert (caught.value.status_code, caught.value.code) == (503, "model_not_found")
    doubled = client.with_options(base_url=f"{relay.base_url}/v1")
    with pytest.raises(openai.NotFoundError, match="Invalid URL"):
        await doubled.audio.transcriptions.create(file=jfk, model="whisper-1")


def test_the_blocking_client_too(local_relay, jfk):
    """OpenAI's blocking client works with the fixture's relay."""
    with openai.OpenAI(base_url=local_relay.base_url, api_key=local_relay.api_key) as client:
        assert client.audio.transcriptions.create(file=jfk, model="whisper-1").text == "This is a scripted answer."
