"""Kinds of recording: those that relays refuse by name, and that the embedded relay can hear all the same."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from zhongzhuan_audio.client import AsyncClient
from zhongzhuan_audio.errors import BadRequestError
from zhongzhuan_audio.relay import LocalRelay, ScriptedEngine
from zhongzhuan_audio.relay.decode import decode

av = pytest.importorskip("av")

KINDS = {
    "aac": ("adts", "aac"),
    "aiff": ("aiff", "pcm_s16be"),
    "au": ("au", "pcm_s16be"),
    "avi": ("avi", "pcm_s16le"),
    "caf": ("caf", "pcm_s16le"),
    "flv": ("flv", "aac"),
    "mkv": ("matroska", "aac"),
    "mov": ("mov", "aac"),
    "ts": ("mpegts", "aac"),
    "w64": ("w64", "pcm_s16le"),
    "wma": ("asf", "wmav2"),
    "wv": ("wv", "wavpack"),
}
"""By extension, the container and the codec; all that a relay refuses by name."""

WORDS = "ask not what your country can do for you"


def convert(source: Path, target: Path, container: str, codec: str, *, rate: int = 16_000) -> Path:
    """Write a recording in another form."""
    with av.open(str(source)) as heard, av.open(str(target), "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, bit_rate=48_000, layout="mono")
        for frame in heard.decode(audio=0):
            frame.pts = None
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return target


@pytest.fixture(scope="module")
def recordings(tmp_path_factory, jfk) -> dict[str, Path]:
    """Return the sample in each form, by its extension."""
    folder = tmp_path_factory.mktemp("recordings")
    return {name: convert(jfk, folder / f"jfk.{name}", *kind) for name, kind in KINDS.items()}


@pytest.mark.parametrize("kind", KINDS)
async def test_relays_refuse_it_and_the_local_client_takes_it(recordings, kind):
    """A plain relay refuses by name, as the upstream does; that of a local client leaves it to its ears."""
    async with LocalRelay(ScriptedEngine("ok")) as relay, AsyncClient(relay.base_url, relay.api_key) as client:
        with pytest.raises(BadRequestError, match="Invalid file format"):
            await client.transcribe(recordings[kind], prepare="never")
        assert relay.requests[0].filename == f"jfk.{kind}"
    async with AsyncClient.local(ScriptedEngine("ok")) as client:
        assert (await client.transcribe(recordings[kind])).text == "ok"


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_decoded(recordings, kind, tmp_path):
    """The whole of it comes out, by its bytes alone: the upload's file has no extension."""
    path = tmp_path / "upload"
    path.write_bytes(recordings[kind].read_bytes())
    assert len(decode(path, threading.Event())) / 16_000 == pytest.approx(11.0, abs=0.2)


def test_recordings_that_were_joined(jfk, tmp_path):
    """Two recordings one behind the other are heard as one, even where the rate changes in between."""
    parts = [convert(jfk, tmp_path / f"{rate}.aac", "adts", "aac", rate=rate) for rate in (16_000, 44_100)]
    path = tmp_path / "both.aac"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert len(decode(path, threading.Event())) / 16_000 == pytest.approx(22.1, abs=0.3)


@pytest.mark.real_model
async def test_the_local_client_hears_it(recordings):
    """Whisper hears the same words in any form; what is no sound is still refused, whatever its name."""
    async with AsyncClient.local() as client:
        for kind in ("aac", "caf", "mkv"):
            assert WORDS in (await client.transcribe(recordings[kind], language="en")).text
        for name in ("a.aac", "a.xyz", "a"):
            with pytest.raises(BadRequestError, match="Invalid file format"):
                await client.transcribe((name, bytes(range(256)) * 40))
