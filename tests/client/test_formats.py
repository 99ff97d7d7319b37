"""Recordings of every format, through the client to a relay that takes nine of them, heard by Whisper."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from zhongzhuan_audio import AsyncClient
from zhongzhuan_audio.relay import LocalRelay, WhisperEngine

av = pytest.importorskip("av")
np = pytest.importorskip("numpy")
pysilk = pytest.importorskip("pysilk")

pytestmark = pytest.mark.real_model

RATE = 16_000
SAMPLE = Path(__file__).parent.parent / "data" / "sense_and_sensibility_01_austen_64kb-0880.wav"
SAID = {"he", "was", "not", "an", "young", "man"}
"""The sample's words, but for two that Whisper writes as one, in several ways."""
KINDS: dict[str, tuple[str, str, int, bool]] = {
    "a.mov": ("mov", "aac", 44_100, True),
    "a.mkv": ("matroska", "aac", 44_100, True),
    "a.avi": ("avi", "libmp3lame", 44_100, True),
    "a.amr": ("amr", "libopencore_amrnb", 8000, False),
    "a.3gp": ("3gp", "libopencore_amrnb", 8000, True),
    "a.caf": ("caf", "alac", 44_100, False),
    "a.wma": ("asf", "wmav2", 44_100, False),
    "a.aiff": ("aiff", "pcm_s16be", 44_100, False),
    "a.aac": ("adts", "aac", 44_100, False),
    "a.opus": ("ogg", "libopus", 48_000, False),
    "alaw.wav": ("wav", "pcm_alaw", 8000, False),
    "mulaw.wav": ("wav", "pcm_mulaw", 8000, False),
    "a.webm": ("webm", "libopus", 48_000, False),
    "a.mpga": ("mp3", "libmp3lame", 44_100, False),
    "a.mpeg": ("mp3", "libmp3lame", 44_100, False),
    "film.mpeg": ("mpeg", "mp2", 44_100, True),
    "film.ts": ("mpegts", "aac", 44_100, True),
}
"""By name: container, codec, sample rate, and whether there is a picture."""
AS_THEY_ARE = {"a.3gp", "a.opus", "a.mpga", "a.mpeg"}
"""Relays take the bytes under another name."""


def made(container: str, codec: str, rate: int, video: bool) -> bytes:
    """Return the sample in another form."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file, av.open(str(SAMPLE)) as heard:
        picture = None
        if video:
            picture = file.add_stream("mpeg1video" if container == "mpeg" else "mpeg4", rate=25, width=64, height=64)
            picture.pix_fmt = "yuv420p"
        bits = {"libopencore_amrnb": 12_200, "wmav2": 96_000}.get(codec, 64_000)
        stream = file.add_stream(codec, rate=rate, layout="mono", bit_rate=bits)
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate)
        for number in range(50 if picture else 0):
            image = av.VideoFrame(64, 64, "yuv420p")
            image.pts = number
            file.mux(picture.encode(image))
        if picture:
            file.mux(picture.encode(None))
        for frame in [*heard.decode(audio=0), None]:
            for piece in resampler.resample(frame):
                piece.pts = None
                file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    return out.getvalue()


def silk(*, tencent: bool) -> bytes:
    """Return the sample as a voice message, with WeChat's leading byte or without it."""
    with av.open(str(SAMPLE)) as heard:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in heard.decode(audio=0)])
    out = io.BytesIO()
    pysilk.encode(io.BytesIO(samples.tobytes()), out, RATE, 25_000, tencent=tencent)
    return out.getvalue()


@pytest.fixture
async def relay() -> AsyncIterator[LocalRelay]:
    """A relay that refuses what others do."""
    async with LocalRelay(WhisperEngine()) as relay:
        yield relay


async def check_heard(relay: LocalRelay, name: str, content: bytes) -> Any:
    """Fail if not all words of the sample are heard; return the preparation."""
    async with AsyncClient(relay.base_url, relay.api_key) as client:
        found = await client.transcribe((name, content), language="en")
    assert set(re.findall(r"\w+", found.text.lower())) >= SAID
    assert relay.requests[-1].filename.rpartition(".")[2] in {"flac", "mp3", "m4a", "mp4", "ogg", "wav"}
    return found.preparation


@pytest.mark.parametrize("name", KINDS)
async def test_it_is_heard(relay: LocalRelay, name: str) -> None:
    """Whatever the relay would say to it; what goes out has a name that relays can bill."""
    done = await check_heard(relay, name, made(*KINDS[name]))
    assert (done is None) == (name in AS_THEY_ARE)


@pytest.mark.parametrize("tencent", [True, False])
async def test_a_voice_message_of_wechat_is_heard(relay: LocalRelay, tencent: bool) -> None:
    """With its leading byte and without it."""
    content = silk(tencent=tencent)
    assert content.startswith(b"\x02") == tencent
    done = await check_heard(relay, "voice.silk", content)
    assert done.reason == "format"
