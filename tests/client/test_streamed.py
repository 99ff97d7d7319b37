"""Recordings that a relay would not take as they are, for a transcript that streams: converted, or refused."""

from __future__ import annotations

import io
import sys
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from zhongzhuan_audio import (
    AsyncClient,
    AudioLimits,
    AudioSourceError,
    BadRequestError,
    Client,
    ConfigurationError,
    MissingExtraError,
    TextDelta,
    TranscriptDone,
    Transcription,
    UnsupportedAudioError,
)
from zhongzhuan_audio.advice import for_the_command
from zhongzhuan_audio.audio.sniff import sniff
from zhongzhuan_audio.events import Decoding
from zhongzhuan_audio.relay import LocalRelay, ScriptedEngine

av = pytest.importorskip("av")


def made(jfk: Path, container: str, codec: str, *, sound: bool = True) -> bytes:
    """Return the sample as a film; without its sound where that is wanted."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file, av.open(str(jfk)) as heard:
        stream = file.add_stream(codec, rate=16_000, layout="mono") if sound else None
        picture = file.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p")
        for _ in range(10):
            file.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
        file.mux(picture.encode(None))
        if stream:
            for frame in heard.decode(audio=0):
                frame.pts = None
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
    return out.getvalue()


def wav(seconds: int) -> bytes:
    """Return silence."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16_000 * seconds))
    return out.getvalue()


@pytest.fixture
async def relay() -> AsyncIterator[LocalRelay]:
    """A relay that takes what others take, and hears one thing in everything."""
    async with LocalRelay(ScriptedEngine("hello world"), max_upload_bytes=64 << 20) as relay:
        yield relay


async def whole_of(client: AsyncClient, file: Any, **options: Any) -> Transcription:
    """Stream a recording, and return the transcript at the end; at least a piece of text comes before it."""
    async with client.stream_transcription(file, **options) as events:
        told = [event async for event in events]
    assert isinstance(told[0], TextDelta)
    assert isinstance(told[-1], TranscriptDone)
    return told[-1].transcription


@pytest.mark.parametrize(
    ("container", "codec", "reason"),
    [("mov", "aac", "format"), ("matroska", "aac", "format"), ("avi", "pcm_s16le", "format")],
)
async def test_what_no_relay_takes_is_converted(
    relay: LocalRelay, client: AsyncClient, jfk: Path, container: str, codec: str, reason: str
) -> None:
    """As `transcribe` does it; the transcript at the end says so, and `on_progress` counts what is sent."""
    content = made(jfk, container, codec)
    told: list[tuple[int, int]] = []
    found = await whole_of(client, ("a.film", content), on_progress=lambda sent, total: told.append((sent, total)))
    assert found.text == "hello world"
    done = found.preparation
    assert done is not None
    assert (done.reason, done.encoding, done.pieces, done.original_bytes) == (reason, "mp3", 1, len(content))
    (request,) = relay.requests
    assert (request.filename, request.size_bytes) == ("a.film.mp3", done.sent_bytes)
    assert told[-1] == (done.sent_bytes, done.sent_bytes)
    assert found.damage is None


async def test_the_relay_refuses_it_as_it_is(relay: LocalRelay, client: AsyncClient, jfk: Path) -> None:
    """Which is what "never" sends; "always" converts what would be taken, and what is taken goes out by default."""
    with pytest.raises(BadRequestError):
        await whole_of(client, ("a.mov", made(jfk, "mov", "aac")), prepare="never")
    for prepare in ("auto", "never"):
        assert (await whole_of(client, jfk, prepare=prepare)).preparation is None
    assert relay.requests[-1].size_bytes == jfk.stat().st_size
    done = (await whole_of(client, jfk, prepare="always")).preparation
    assert done is not None
    assert done.reason == "wish"
    with pytest.raises(ConfigurationError, match="prepare"):
        await whole_of(client, jfk, prepare="often")


def test_the_blocking_twin_converts_too(local_relay: LocalRelay, jfk: Path) -> None:
    """With the same events."""
    with (
        Client(local_relay.base_url, local_relay.api_key) as client,
        client.stream_transcription(("a.mov", made(jfk, "mov", "aac"))) as events,
    ):
        last = list(events)[-1]
    assert isinstance(last, TranscriptDone)
    assert last.transcription.preparation is not None
    assert local_relay.requests[0].filename == "a.mp3"


async def test_how_far_it_is_decoded_is_told(relay: LocalRelay, jfk: Path) -> None:
    """By an event, as for `transcribe`."""
    told: list[Any] = []
    async with AsyncClient(relay.base_url, relay.api_key, on_event=told.append) as client:
        await whole_of(client, ("a.mov", made(jfk, "mov", "aac")))
    assert [event.label for event in told if isinstance(event, Decoding)][-1] == "a.mov"


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        ("mute", UnsupportedAudioError, "has no sound"),
        ("no index", AudioSourceError, "is damaged: it has no index"),
        ("noise", AudioSourceError, "is damaged"),
    ],
)
async def test_what_cannot_be_decoded_is_refused_before_a_byte_is_sent(
    relay: LocalRelay, client: AsyncClient, jfk: Path, content: str, error: type[Exception], words: str
) -> None:
    """With what is wrong."""
    data = made(jfk, "mov", "aac", sound=content != "mute")
    data = {"mute": data, "no index": data[: len(data) // 2], "noise": data[:40] + bytes(9000)}[content]
    with pytest.raises(error, match=words):
        await whole_of(client, ("a.mov", data))
    assert relay.request_count == 0


async def test_what_is_cut_off_is_sent_and_told(client: AsyncClient) -> None:
    """On the transcript at the end."""
    data = wav(10)
    for prepare in ("auto", "always"):
        found = await whole_of(client, ("a.wav", data[: len(data) // 2]), prepare=prepare)
        assert found.damage is not None
        assert found.damage.lost_s == pytest.approx(5.0, abs=0.1)
        assert (found.preparation is None) == (prepare == "auto")


async def test_what_is_too_large_is_compressed(relay: LocalRelay, jfk: Path) -> None:
    """Where it fits then."""
    data = wav(20)
    async with AsyncClient(relay.base_url, relay.api_key, audio_limits=AudioLimits(max_bytes=200_000)) as client:
        done = (await whole_of(client, ("a.wav", data))).preparation
    assert done is not None
    assert done.reason == "size"
    assert done.sent_bytes < 200_000 < len(data)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (AudioLimits(max_bytes=100_000), "about 120,000 bytes even when it is compressed, and the relay takes 100,000"),
        (AudioLimits(max_duration_s={"": 15.0}), "20 s long, and gpt-4o-mini-transcribe takes 15 s"),
    ],
)
@pytest.mark.parametrize("name", ["a.wav", "live.flac"])
async def test_what_would_have_to_be_cut_is_refused_before_a_byte_is_sent(
    relay: LocalRelay, limits: AudioLimits, words: str, name: str
) -> None:
    """With what takes it; `transcribe` does, in pieces."""
    data = wav(20)
    told: list[Any] = []
    if name == "live.flac":
        words = words.replace("120,000", "1..,...")
        data = _live(data)
    async with AsyncClient(relay.base_url, relay.api_key, audio_limits=limits, on_event=told.append) as client:
        with pytest.raises(AudioSourceError, match=f"{name} does not fit in one request.*{words}") as caught:
            await whole_of(client, (name, data), prepare="always")
        assert relay.request_count == 0
        # Where the header tells it, nothing is decoded for it.
        assert any(isinstance(event, Decoding) for event in told) == (name == "live.flac")
        assert caught.value.hint == "use transcribe, which sends it in pieces"
        assert for_the_command(caught.value.hint) is None
        await client.transcribe((name, data), prepare="always")
    assert relay.request_count > 1


def _live(data: bytes) -> bytes:
    """Return a flac that was written to a pipe, so that its header tells no length."""
    out = io.BytesIO()
    out.seekable = lambda: False  # type: ignore[method-assign]
    with av.open(io.BytesIO(data)) as heard, av.open(out, "w", format="flac") as file:
        stream = file.add_stream("flac", rate=8000, layout="mono")
        for frame in heard.decode(audio=0):
            frame.pts = None
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    assert sniff(out.getvalue()) is not None
    return out.getvalue()


async def test_without_the_extra_it_says_what_to_install(
    relay: LocalRelay, client: AsyncClient, jfk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is sent; what is taken goes out."""
    content = made(jfk, "mov", "aac")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match="media"):
        await whole_of(client, ("a.mov", content))
    assert relay.request_count == 0
    assert (await whole_of(client, jfk)).text == "hello world"
