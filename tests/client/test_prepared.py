"""Recordings that a relay would not take as they are, sent by a client all the same."""

from __future__ import annotations

import asyncio
import io
import random
import wave
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from zhongzhuan_audio import (
    AsyncClient,
    AudioLimits,
    AudioSourceError,
    BadRequestError,
    ConfigurationError,
    MissingExtraError,
    UnsupportedAudioError,
)
from zhongzhuan_audio.audio.duration import probe
from zhongzhuan_audio.audio.sniff import sniff
from zhongzhuan_audio.events import Decoding, Event
from zhongzhuan_audio.relay import LocalRelay, ScriptedAnswer, ScriptedEngine, WhisperEngine

av = pytest.importorskip("av")

SMALL = AudioLimits(max_bytes=65_536)
"""Some ten seconds of MP3."""


def made(
    source: Path,
    container: str,
    codec: str,
    *,
    rate: int = 16_000,
    bit_rate: int | None = None,
    times: int = 1,
    sound: bool = True,
    video: bool = False,
) -> bytes:
    """Return a recording in another form, so often one after another."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono") if sound else None
        if stream and bit_rate:
            stream.bit_rate = bit_rate
        if video:
            picture = file.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p")
            for _ in range(10):
                file.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
            file.mux(picture.encode(None))
        for _ in range(times if stream else 0):
            with av.open(str(source)) as heard:
                for frame in heard.decode(audio=0):
                    frame.pts = None
                    file.mux(stream.encode(frame))
        if stream:
            file.mux(stream.encode(None))
    return out.getvalue()


@pytest.fixture
async def relay() -> AsyncIterator[LocalRelay]:
    """A relay that hears one thing in everything, and keeps what is uploaded to look at."""
    async with LocalRelay(ScriptedEngine("你好"), max_upload_bytes=64 << 20) as relay:
        yield relay


@pytest.mark.parametrize(
    ("name", "container", "codec", "video", "reason"),
    [
        ("a.mov", "mov", "aac", True, "format"),
        ("a.mkv", "matroska", "aac", True, "format"),
        ("a.aiff", "aiff", "pcm_s16be", False, "format"),
        ("a.webm", "webm", "libopus", False, "billing"),
    ],
)
async def test_what_no_relay_takes_is_converted(
    relay: LocalRelay, client: AsyncClient, jfk: Path, name: str, container: str, codec: str, video: bool, reason: str
) -> None:
    """It goes out as MP3 under its own name, and the result says so."""
    content = made(jfk, container, codec, video=video)
    told: list[tuple[int, int]] = []
    found = await client.transcribe((name, content), on_progress=lambda sent, total: told.append((sent, total)))
    assert found.text == "你好"
    assert found.preparation is not None
    assert (found.preparation.reason, found.preparation.encoding, found.preparation.pieces) == (reason, "mp3", 1)
    assert found.preparation.original_bytes == len(content)
    (request,) = relay.requests
    assert request.filename == "a.mp3"
    assert request.size_bytes == found.preparation.sent_bytes
    assert told[-1][0] == told[-1][1]


async def test_never_sends_it_as_it_is(relay: LocalRelay, client: AsyncClient, jfk: Path) -> None:
    """And says nothing; always converts what would have gone."""
    content = made(jfk, "webm", "libopus")
    assert (await client.transcribe(("a.webm", content), prepare="never")).preparation is None
    assert relay.requests[0].size_bytes == len(content)
    always = await client.transcribe(jfk, prepare="always")
    assert always.preparation is not None
    assert always.preparation.reason == "wish"
    assert (await client.transcribe(jfk)).preparation is None
    assert relay.requests[2].size_bytes == jfk.stat().st_size


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        ("silent mov", UnsupportedAudioError, "no sound"),
        ("silent mp4", UnsupportedAudioError, "no sound"),
        ("zip", UnsupportedAudioError, "ZIP archive"),
        ("corrupt", AudioSourceError, "a.mov"),
    ],
)
async def test_what_cannot_be_decoded_is_told_before_a_byte_is_sent(
    relay: LocalRelay, client: AsyncClient, jfk: Path, content: str, error: type[Exception], words: str
) -> None:
    """With what it is."""
    if content.startswith("silent"):
        data = made(jfk, content[-3:], "aac", sound=False, video=True)
    elif content == "zip":
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("x.txt", "x")
        data = archive.getvalue()
    else:
        data = made(jfk, "mov", "aac")[:64] + bytes(4000)
    name = "a.mp3" if content == "zip" else "a.mov"
    with pytest.raises(error, match=words):
        await client.transcribe((name, data))
    assert relay.request_count == 0


@pytest.mark.parametrize(
    ("container", "codec", "name", "words"),
    [
        ("ipod", "aac", "a.m4a", "no index"),
        ("mov", "aac", "a.mov", "no index"),
        ("matroska", "aac", "a.mkv", "of 11.. s only 0.. s can be decoded"),
        ("mp3", "libmp3lame", "a.mp3", "no frames of MPEG audio"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"channels": "split"}, {"drop_suspicious": True}])
async def test_what_is_damaged_is_told_before_a_byte_is_sent(
    relay: LocalRelay, client: AsyncClient, jfk: Path, container: str, codec: str, name: str, words: str, options: Any
) -> None:
    """With what is wrong with this very file; as it is, it goes out where that is wanted."""
    whole = made(jfk, container, codec, video=container == "matroska")
    noise = random.Random(1).randbytes(len(whole))  # noqa: S311 - it keeps no secret
    damaged = whole[: len(whole) // 2] if container in {"ipod", "mov"} else whole[: len(whole) // 12]
    content = damaged + noise[len(damaged) :] if container in {"matroska", "mp3"} else damaged
    content = whole[:200] + noise[200:] if container == "mp3" else content
    with pytest.raises(AudioSourceError, match=f"{name} is damaged: .*{words}"):
        await client.transcribe((name, content), **options)
    assert relay.request_count == 0
    if not options and container in {"ipod", "mp3"}:
        await client.transcribe((name, content), prepare="never")
        assert relay.request_count == 1


@pytest.mark.parametrize("prepare", ["auto", "always"])
async def test_what_is_cut_off_is_sent_and_told(
    relay: LocalRelay, client: AsyncClient, jfk: Path, tmp_path: Path, prepare: Any
) -> None:
    """In words and in seconds, also out of a journal; nothing is told of a whole one."""
    whole = made(jfk, "wav", "pcm_s16le")
    talk = tmp_path / "talk.wav"
    talk.write_bytes(whole[: len(whole) // 4])
    for _ in range(2):
        async with client.transcribe_many([talk], journal=tmp_path / "run.sqlite", prepare=prepare) as outcomes:
            (outcome,) = [outcome async for outcome in outcomes]
        found = outcome.transcription
        assert found is not None
        assert found.damage is not None
        assert found.damage.lost_s == pytest.approx(8.25, abs=0.1)
        assert found.damage.detail == outcome.record()["damage"]
        assert "promises 11.0 s, and 2.7 s are there" in found.damage.detail
        assert (found.preparation is None) == (prepare == "auto")
        assert found.preparation is None or found.preparation.lost_s == found.damage.lost_s
    assert relay.request_count == 1
    assert (await client.transcribe(("b.wav", whole))).damage is None


async def test_a_film_of_which_a_part_cannot_be_decoded_is_told(client: AsyncClient, jfk: Path) -> None:
    """About half of it is left, and the seconds of the rest are those that are lost; a longer picture loses nothing.

    How much of the packets around the break the demuxer still gives depends on the file's random ids.
    """
    whole = made(jfk, "matroska", "aac", video=True)
    noise = random.Random(1).randbytes(len(whole))  # noqa: S311 - it keeps no secret
    found = await client.transcribe(("a.mkv", whole[: len(whole) // 2] + noise[len(whole) // 2 :]))
    assert found.preparation is not None
    assert found.damage is not None
    assert found.preparation.lost_s == found.damage.lost_s == pytest.approx(5.5, abs=1.5)
    assert "s of it cannot be decoded" in found.damage.detail
    assert (await client.transcribe(("a.mkv", whole))).damage is None


@pytest.mark.parametrize(
    ("container", "codec"), [("flv", "libmp3lame"), ("w64", "pcm_s16le"), ("voc", "pcm_s16le"), ("tta", "tta")]
)
async def test_what_only_the_decoder_opens_is_converted(
    relay: LocalRelay, client: AsyncClient, jfk: Path, container: str, codec: str
) -> None:
    """And not sent for the relay to refuse it; its length is told though the format has none."""
    whole = made(jfk, container, codec, rate=44_100)
    found = await client.transcribe((f"a.{container}", whole))
    assert found.preparation is not None
    assert found.preparation.reason == "format"
    assert found.duration == pytest.approx(11.0, abs=0.2)
    assert [Path(request.filename or "").suffix for request in relay.requests] == [".mp3"]


async def test_a_wma_that_is_cut_off_is_told(client: AsyncClient, jfk: Path) -> None:
    """Its track tells the time of the last packet that is there; the header tells what should be."""
    whole = made(jfk, "asf", "wmav2", rate=44_100, bit_rate=64_000)
    assert (await client.transcribe(("a.wma", whole))).damage is None
    found = await client.transcribe(("a.wma", whole[: len(whole) // 2]))
    assert found.damage is not None
    assert found.damage.lost_s == pytest.approx(5.5, abs=1.0)


async def test_a_long_recording_goes_in_pieces(relay: LocalRelay, jfk: Path) -> None:
    """None is larger than may be; together they have the recording's length, and times are those of the whole."""
    uploads: list[tuple[int, float | None]] = []

    class Engine(ScriptedEngine):
        async def transcribe(self, path: Path, options: Any) -> Any:
            data = await asyncio.to_thread(path.read_bytes)
            found = probe(lambda at, size: data[at : at + size], len(data), sniff(data[:4096]))
            uploads.append((len(data), found.duration_s))
            return await super().transcribe(path, options)

    async with (
        LocalRelay(Engine("hello there"), max_upload_bytes=65_536) as tight,
        AsyncClient(tight.base_url, tight.api_key, audio_limits=SMALL) as client,
    ):
        found = await client.transcribe(("talk.wav", made(jfk, "wav", "pcm_s16le", times=4)), response_format="srt")
    assert found.preparation is not None
    assert found.preparation.pieces == len(uploads) >= 5
    assert max(size for size, _ in uploads) <= 65_536
    assert found.preparation.sent_bytes == sum(size for size, _ in uploads)
    assert sum(seconds or 0 for _, seconds in uploads) == pytest.approx(44.4, abs=2)
    assert found.duration == pytest.approx(44.0, abs=1)
    assert [segment.id for segment in found.segments] == list(range(len(found.segments)))
    starts = [segment.start for segment in found.segments]
    assert starts == sorted(starts)
    assert starts[-1] > 30
    assert len(found.attempts) == len(uploads)
    assert found.coverage is not None


async def test_pieces_of_flac_are_as_long_as_fits(jfk: Path) -> None:
    """By what the sound comes to: by its samples they would be six; noise has its due."""
    rate, limit = 16_000, 400_000
    noise = random.Random(1).randbytes(rate * 2 * 20)  # noqa: S311 - it keeps no secret
    speech = made(jfk, "wav", "pcm_s16le", times=5)
    both = io.BytesIO()
    with wave.open(both, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(speech[-55 * rate * 2 :] + noise)
    for content, pieces in ((speech, 4), (both.getvalue(), 8)):
        limits = AudioLimits(max_bytes=limit, encoding="flac")
        async with (
            LocalRelay(ScriptedEngine("hello"), max_upload_bytes=limit) as tight,
            AsyncClient(tight.base_url, tight.api_key, audio_limits=limits) as client,
        ):
            found = await client.transcribe(("talk.wav", content))
        assert found.preparation is not None
        assert found.preparation.pieces <= pieces
        assert max(request.size_bytes for request in tight.requests) <= limit


@pytest.mark.parametrize(
    ("container", "codec"), [("mp3", "libmp3lame"), ("ipod", "aac"), ("ogg", "libopus"), ("flac", "flac")]
)
async def test_a_small_recording_may_be_too_long(relay: LocalRelay, jfk: Path, container: str, codec: str) -> None:
    """Whatever its format, and however few bytes the limit's seconds have."""
    content = made(jfk, container, codec, times=2)
    assert len(content) < 1 << 20
    for seconds, pieces in ((12.0, 3), (30.0, None)):
        limits = AudioLimits(max_duration_s={"": seconds})
        async with AsyncClient(relay.base_url, relay.api_key, audio_limits=limits) as client:
            found = (await client.transcribe(("a", content))).preparation
        assert (found and (found.reason, found.pieces)) == (pieces and ("length", pieces))


@pytest.mark.parametrize("limits", [SMALL, AudioLimits()])
async def test_how_far_it_is_decoded_is_told(
    relay: LocalRelay, jfk: Path, limits: AudioLimits, caplog: pytest.LogCaptureFixture
) -> None:
    """From the recording's name and seconds, to its end, before anything is sent; it is not logged."""
    told: list[Event] = []
    caplog.set_level("INFO", "zhongzhuan_audio")
    async with AsyncClient(relay.base_url, relay.api_key, audio_limits=limits, on_event=told.append) as client:
        await client.transcribe(("talk.mov", made(jfk, "mov", "aac", times=2)))
    decoding = [event for event in told if isinstance(event, Decoding)]
    assert told[: len(decoding)] == decoding
    assert {event.label for event in decoding} == {"talk.mov"}
    done = [event.done_s for event in decoding]
    assert done == sorted(done)
    assert done[-1] == decoding[-1].total_s == pytest.approx(22, abs=0.5)
    assert "Decoding" not in caplog.text


async def test_only_the_piece_that_failed_is_asked_again(relay: LocalRelay, jfk: Path, tmp_path: Path) -> None:
    """A journal keeps the others; the error has what they said."""
    talk = tmp_path / "talk.wav"
    talk.write_bytes(made(jfk, "wav", "pcm_s16le", times=4))
    wrong = ScriptedAnswer(400, '{"error": {"message": "no", "type": "invalid_request_error"}}')
    relay.engine.script("one", "two", wrong, "four")  # type: ignore[attr-defined]
    counts, found = [], []
    options: Any = {"journal": tmp_path / "run.sqlite", "response_format": "verbose_json"}
    async with AsyncClient(relay.base_url, relay.api_key, audio_limits=SMALL) as client:
        for _ in range(3):
            async with client.transcribe_many([talk], **options) as outcomes:
                found += [outcome async for outcome in outcomes]
            counts.append(relay.request_count)
    first, second, third = found
    assert isinstance(first.error, BadRequestError)
    assert first.error.partial.text
    assert len(first.error.partial.gaps) == 1
    # It was looked into, like a whole one.
    assert first.error.partial.coverage.completeness < 1
    assert second.error is None
    assert second.transcription is not None
    assert second.transcription.preparation is not None
    assert second.transcription.preparation.pieces == counts[0]
    assert counts[1:] == [counts[0] + 1] * 2
    assert third.from_journal
    assert third.transcription == second.transcription


async def test_gaps_are_no_answer_that_a_journal_keeps(relay: LocalRelay, jfk: Path, tmp_path: Path) -> None:
    """The next run asks for the piece that failed, and for nothing else; then it is done, gaps allowed or not."""
    talk = tmp_path / "talk.wav"
    talk.write_bytes(made(jfk, "wav", "pcm_s16le", times=4))
    wrong = ScriptedAnswer(400, '{"error": {"message": "no", "type": "invalid_request_error"}}')
    relay.engine.script("one", "two", wrong, "four")  # type: ignore[attr-defined]
    counts, found = [], []
    async with AsyncClient(relay.base_url, relay.api_key, audio_limits=SMALL) as client:
        for allow_gaps in (True, True, True, False):
            many = client.transcribe_many([talk], journal=tmp_path / "run.sqlite", allow_gaps=allow_gaps)
            async with many as outcomes:
                found += [outcome async for outcome in outcomes]
            counts.append(relay.request_count)
    first, second, third, fourth = found
    assert [outcome.record()["status"] for outcome in found] == ["incomplete", "done", "done", "done"]
    assert len(first.transcription.gaps) == 1
    assert first.transcription.incomplete
    assert counts[0] == second.transcription.preparation.pieces
    assert counts[1:] == [counts[0] + 1] * 3
    assert second.transcription.gaps == ()
    assert (third.from_journal, fourth.from_journal) == (True, True)
    assert fourth.transcription == second.transcription


async def test_gaps_are_given_where_they_are_allowed(relay: LocalRelay, jfk: Path) -> None:
    """What failed is told by its times."""
    wrong = ScriptedAnswer(400, '{"error": {"message": "no", "type": "invalid_request_error"}}')
    relay.engine.script("one", wrong, "three")  # type: ignore[attr-defined]
    async with AsyncClient(relay.base_url, relay.api_key, audio_limits=SMALL) as client:
        talk = ("talk.wav", made(jfk, "wav", "pcm_s16le", times=3))
        found = await client.transcribe(talk, allow_gaps=True, context="sequential")
    assert len(found.gaps) == 1
    assert found.text.startswith("one three")


async def test_pieces_in_a_row_are_told_the_text_before(relay: LocalRelay, jfk: Path) -> None:
    """Behind the caller's own prompt."""
    relay.engine.script("one", "two", "three")  # type: ignore[attr-defined]
    async with AsyncClient(relay.base_url, relay.api_key, audio_limits=SMALL) as client:
        talk = ("talk.wav", made(jfk, "wav", "pcm_s16le", times=2))
        await client.transcribe(talk, prompt="Kennedy", context="sequential")
    prompts = [request.fields["prompt"] for request in relay.requests]
    assert prompts[:2] == [("Kennedy",), ("Kennedy one",)]


async def test_without_the_extra_it_is_named(
    relay: LocalRelay, client: AsyncClient, jfk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is sent."""
    content = made(jfk, "mov", "aac")
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"zhongzhuan-audio\[media\]"):
        await client.transcribe(("a.mov", content))
    assert relay.request_count == 0


@pytest.mark.parametrize(
    "option", [{"prepare": "maybe"}, {"context": "random"}, {"skip_silence": "yes"}, {"allow_gaps": 1}]
)
async def test_wrong_options_are_refused(relay: LocalRelay, client: AsyncClient, jfk: Path, option: Any) -> None:
    """By name, before anything is sent."""
    with pytest.raises(ConfigurationError, match=next(iter(option))):
        await client.transcribe(jfk, **option)
    assert relay.request_count == 0


@pytest.mark.real_model
async def test_a_real_recording_in_pieces_says_the_same(jfk: Path) -> None:
    """Cut in pauses, each piece is heard as well as the whole."""
    async with (
        LocalRelay(WhisperEngine()) as relay,
        AsyncClient(relay.base_url, relay.api_key, audio_limits=AudioLimits(max_bytes=100_000)) as client,
    ):
        found = await client.transcribe(
            ("talk.mov", made(jfk, "mov", "aac", times=2)), language="en", response_format="verbose_json"
        )
    assert found.preparation is not None
    assert found.preparation.pieces == 2
    assert found.text.lower().count("fellow americans") == 2
    assert found.text.lower().count("for your country") == 2
    second = next(segment for segment in found.segments if segment.start > 10)
    assert second.start == pytest.approx(11.1, abs=0.6)
