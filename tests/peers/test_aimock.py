"""This package's client against a mock of OpenAI's API that others wrote; `nox -s aimock` runs it.

The mock is CopilotKit's aimock, the newest that npm finds, a process of its own. It knows nothing of relays: what it
takes and gives is what its authors read in OpenAI's documentation.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from zhongzhuan_audio import AsyncClient, Client, RetryPolicy
from zhongzhuan_audio.errors import RateLimitError, UpstreamError
from zhongzhuan_audio.models import TextDelta, TranscriptDone

COMMAND = os.environ.get("AIMOCK_COMMAND")
if COMMAND is None:
    pytest.skip("aimock is not installed; `nox -s aimock` brings it", allow_module_level=True)

pytestmark = pytest.mark.asyncio(loop_scope="module")

JFK = Path(__file__).parent.parent / "data" / "jfk.mp3"
SOUND = b"ID3\x04\0\0\0\0\0\0" + b"\xff\xfb\x90\xc4" + bytes(413)
ONCE = RetryPolicy(max_attempts=1)
_LISTENING = re.compile(r"listening on (http://127\.0\.0\.1:\d+)")
_START_S = 60.0
_STOP_S = 30.0


def fixtures() -> list[dict[str, Any]]:
    """Return what the mock is to answer."""
    heard = {
        "text": "Hello world",
        "language": "english",
        "duration": 2.5,
        "segments": [{"id": 0, "start": 0, "end": 2.5, "text": " Hello world"}],
        "words": [{"word": "Hello", "start": 0, "end": 1}, {"word": "world", "start": 1, "end": 2.5}],
    }

    busy = {"message": "Rate limit reached for requests", "type": "requests", "code": "rate_limit_exceeded"}
    broken = {"message": "The server had an error", "type": "server_error"}

    def refusal(endpoint: str, model: str, status: int, error: dict[str, str]) -> dict[str, Any]:
        return {"match": {"endpoint": endpoint, "model": model}, "response": {"error": error, "status": status}}

    return [
        refusal("transcription", "busy", 429, busy),
        refusal("speech", "busy", 429, busy),
        refusal("transcription", "broken", 500, broken),
        {"match": {"endpoint": "transcription"}, "response": {"transcription": heard}},
        {"match": {"endpoint": "translation"}, "response": {"transcription": {"text": "In English"}}},
        {
            "match": {"endpoint": "speech", "model": "tts-opus"},
            "response": {"audio": base64.b64encode(b"OggS\0\x02" + bytes(60)).decode(), "format": "opus"},
        },
        {"match": {"endpoint": "speech"}, "response": {"audio": base64.b64encode(SOUND).decode(), "format": "mp3"}},
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mock(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Give the address of a mock that runs."""
    folder = tmp_path_factory.mktemp("aimock")
    (folder / "fixtures.json").write_text(json.dumps({"fixtures": fixtures()}), encoding="utf-8")
    assert COMMAND is not None
    process = await asyncio.create_subprocess_exec(
        COMMAND, "--port", "0", "--fixtures", str(folder / "fixtures.json"), "--validate-on-load", "--strict",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=folder,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    reading = asyncio.create_task(asyncio.sleep(0, b""))
    try:
        async with asyncio.timeout(_START_S):
            said = ""
            while (found := _LISTENING.search(said)) is None:
                line = await process.stdout.readline()
                assert line, f"aimock ended: {said}"
                said += line.decode()
        # What it says later must not fill the pipe.
        reading = asyncio.create_task(process.stdout.read())
        yield found[1]
    finally:
        # What was started may be a wrapper around the real node: both are in one group of their own.
        os.killpg(process.pid, signal.SIGTERM)
        async with asyncio.timeout(_STOP_S):
            await process.wait()
            await reading


@pytest_asyncio.fixture(loop_scope="module")
async def client(mock: str) -> AsyncIterator[AsyncClient]:
    """Give a client of the mock."""
    async with AsyncClient(mock, "sk-mock", retry=ONCE) as client:
        yield client


def journal(mock: str) -> list[dict[str, Any]]:
    """Return what the mock was asked for."""
    with urllib.request.urlopen(f"{mock}/__aimock/journal") as answer:
        rows: Any = json.load(answer)
    return list(rows if isinstance(rows, list) else rows["entries"])


@pytest.mark.parametrize("form", ["json", "text", "verbose_json", "srt", "vtt"])
async def test_transcriptions(client: AsyncClient, form: Any) -> None:
    """Whatever is asked, it answers with JSON and times, and these are what comes out."""
    heard = await client.transcribe(JFK, language="en", prompt="words", temperature=0.2, response_format=form)
    assert heard.text == "Hello world"
    assert (heard.language, heard.duration) == ("english", 2.5)
    assert [(segment.start, segment.end, segment.text) for segment in heard.segments] == [(0.0, 2.5, "Hello world")]
    assert [word.word for word in heard.words] == ["Hello", "world"]
    assert heard.request_id is not None


async def test_a_streamed_transcription(client: AsyncClient) -> None:
    """Its events are those that we read."""
    async with client.stream_transcription(JFK) as events:
        found = [event async for event in events]
    assert found[0] == TextDelta(delta="Hello world")
    assert isinstance(found[-1], TranscriptDone)
    assert found[-1].text == "Hello world"


async def test_translations(client: AsyncClient) -> None:
    """The second endpoint."""
    assert (await client.translate(JFK, prompt="words")).text == "In English"


async def test_speech(client: AsyncClient, tmp_path: Path) -> None:
    """The third endpoint, streamed to a file."""
    async with client.speak("Hello", voice="nova", speed=1.2) as speech:
        assert await speech.save(tmp_path / "hello.mp3") == len(SOUND)
    assert (tmp_path / "hello.mp3").read_bytes() == SOUND
    assert speech.content_type == "audio/mpeg"
    async with client.speak("Hello", model="tts-opus", response_format="opus") as speech:
        assert (await speech.read()).startswith(b"OggS")


async def test_models(client: AsyncClient) -> None:
    """It lists those that its fixtures name."""
    assert {"busy", "broken", "tts-opus"} == {model.id for model in await client.models()}


async def test_its_errors(client: AsyncClient) -> None:
    """They come out as the classes that they are."""
    with pytest.raises(RateLimitError, match="Rate limit reached"):
        await client.transcribe(JFK, model="busy")
    with pytest.raises(UpstreamError, match="had an error"):
        await client.transcribe(JFK, model="broken")
    with pytest.raises(RateLimitError):
        async with client.speak("Hello", model="busy"):
            pass


async def test_the_blocking_client(mock: str) -> None:
    """The same three, without await."""

    def use() -> tuple[str, str, bytes]:
        with Client(mock, "sk-mock", retry=ONCE) as client, client.speak("Hello") as speech:
            return client.transcribe(JFK).text, client.translate(JFK).text, speech.read()

    assert await asyncio.to_thread(use) == ("Hello world", "In English", SOUND)


async def test_it_was_really_asked(mock: str) -> None:
    """The mock's own journal has the three endpoints."""
    paths = {row["path"] for row in await asyncio.to_thread(journal, mock)}
    assert {"/v1/audio/transcriptions", "/v1/audio/translations", "/v1/audio/speech"} <= paths
