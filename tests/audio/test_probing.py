"""What a recording is, told without a client: in every format, from whatever can be a recording."""

from __future__ import annotations

import asyncio
import io
import json
import mmap
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import av
import pytest
import trio

from zhongzhuan_audio import AsyncClient, Damage, RecordingInfo, async_probe, probe
from zhongzhuan_audio.audio import sniff
from zhongzhuan_audio.errors import AudioSourceError, ConfigurationError, UnsupportedAudioError
from zhongzhuan_audio.media import inside
from zhongzhuan_audio.relay import LocalRelay

from .test_duration import REAL

RATE = 44_100
JFK = Path(__file__).parents[1] / "data" / "jfk.mp3"
NAMES = {
    "aiff": {"aiff", "aifc"},
    "asf": {"wma"},
    "adts": {"aac"},
    "wav": {"wav", "telephone wav"},
    "matroska": {"mkv"},
    "ipod": {"m4a"},
    "3gp": {"mp4"},
    "opus": {"ogg"},
    "mp2": {"mp3"},
}
"""Where the format is called otherwise than FFmpeg's writer."""
FILMS = {
    "mov": ("mpeg4", "aac"),
    "mp4": ("mpeg4", "aac"),
    "matroska": ("mpeg4", "aac"),
    "avi": ("mpeg4", "libmp3lame"),
    "webm": ("libvpx", "libopus"),
    "mpeg": ("mpeg1video", "mp2"),
    "mpegts": ("mpeg4", "aac"),
    "flv": ("flv", "libmp3lame"),
}
"""By writer: the codecs of picture and sound."""
LIVE: list[tuple[str, str, dict[str, str]]] = [
    ("flac", "flac", {}),
    ("webm", "libopus", {"live": "1"}),
    ("matroska", "libopus", {"live": "1"}),
    ("mp4", "aac", {"movflags": "frag_keyframe+empty_moov", "frag_duration": "300000"}),
    ("mp4", "aac", {"movflags": "dash", "frag_duration": "300000"}),
]
"""Written to a pipe, so that no header tells the length."""


@pytest.fixture
def without_media(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have PyAV not be there."""
    monkeypatch.setitem(sys.modules, "av", None)


def film(container: str, seconds: int, *, sound: bool = True) -> bytes:
    """Return a picture, with silence for its sound."""
    video, audio = FILMS[container]
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        picture: Any = file.add_stream(video, rate=25, width=64, height=64, pix_fmt="yuv420p")
        track: Any = (
            file.add_stream(audio, rate=48_000 if audio == "libopus" else RATE, layout="stereo") if sound else None
        )
        for number in range(25 * seconds):
            image = av.VideoFrame(64, 64, "yuv420p")
            image.pts = number
            file.mux(picture.encode(image))
        file.mux(picture.encode(None))
        if track is not None:
            resampler = av.AudioResampler(format=track.format, layout="stereo", rate=track.rate)
            for _ in range(seconds):
                frame = av.AudioFrame("s16", "stereo", RATE)
                frame.sample_rate = RATE
                frame.planes[0].update(bytes(4 * RATE))
                for piece in resampler.resample(frame):
                    piece.pts = None
                    file.mux(track.encode(piece))
            file.mux(track.encode(None))
    return out.getvalue()


@pytest.mark.parametrize(("container", "codec", "options", "tolerance_s"), REAL)
def test_every_format_is_told(record, decoded_s, tmp_path, container, codec, options, tolerance_s):
    """By a path: its format, its size, its length as decoded, its channels and its rate; nothing is wrong with it."""
    data = record(container, codec, 2.5, **options)
    path = tmp_path / "meeting"
    path.write_bytes(data)
    info = probe(path)
    kind = sniff(data)
    assert kind is not None
    assert info == RecordingInfo(
        format=kind.name,
        size_bytes=len(data),
        duration_s=pytest.approx(decoded_s(data), abs=tolerance_s),
        channels=2 if options.get("layout") == "stereo" else 1,
        sample_rate=options.get("rate", 48_000),
        exact=True,
    )
    assert info.format in NAMES.get(container, {container})


@pytest.mark.usefixtures("without_media")
@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("wav", "pcm_s16le"),
        ("flac", "flac"),
        ("mp3", "libmp3lame"),
        ("mp4", "aac"),
        ("ipod", "aac"),
        ("ogg", "libopus"),
        ("webm", "libopus"),
    ],
)
async def test_what_relays_take_is_told_without_the_extra(record, container, codec, monkeypatch):
    """The headers are enough."""
    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "av")
        patch.setitem(sys.modules, "av", av)
        data = record(container, codec, 2.5, layout="stereo")
    info = await async_probe(data)
    assert (info.channels, info.sample_rate, info.exact, info.damage) == (2, 48_000, True, None)
    assert info.duration_s == pytest.approx(2.5, abs=0.06)


@pytest.mark.parametrize("container", FILMS)
async def test_the_sound_of_a_film_is_told(decoded_s, container):
    """As long as it is decoded; the picture is as long here, and no more."""
    data = film(container, 3)
    info = await async_probe(data)
    assert info.format == {"matroska": "mkv", "mpegts": "ts"}.get(container, container)
    assert info.duration_s == pytest.approx(decoded_s(data), abs=0.06)
    assert (info.channels, info.sample_rate) == (2, 48_000 if container == "webm" else RATE)
    assert info.has_sound
    assert info.damage is None


@pytest.mark.parametrize("tencent", [True, False])
async def test_a_voice_message_is_told(tencent):
    """SILK has one channel, and no rate in its header."""
    pysilk = pytest.importorskip("pysilk")
    out = io.BytesIO()
    pysilk.encode(io.BytesIO(bytes(2 * 16_000 * 2)), out, 16_000, 25_000, tencent=tencent)
    info = await async_probe(out.getvalue())
    assert (info.format, info.channels, info.sample_rate, info.has_sound) == ("silk", 1, None, True)
    assert info.duration_s == pytest.approx(2.0, abs=0.03)


@pytest.mark.parametrize(("container", "codec", "flags"), LIVE)
async def test_what_no_header_tells_is_counted_without_decoding(record, decoded_s, container, codec, flags):
    """The packets are gone through, and are as long as what they are decoded to."""
    data = record(container, codec, 3, flags=flags, live=True, layout="stereo")
    info = await async_probe(data)
    assert info.duration_s == pytest.approx(decoded_s(data), abs=0.03)
    assert (info.channels, info.sample_rate, info.exact) == (2, 48_000, True)


async def test_recordings_in_a_row_are_counted_together(record):
    """The times of the second begin anew."""
    data = record("ogg", "libopus", 3) + record("ogg", "libopus", 2)
    info = await async_probe(data)
    assert info.duration_s == pytest.approx(5.0, abs=0.03)


async def test_what_is_known_to_ffmpeg_alone_gets_its_name(record):
    """What does not begin as anything that is known here."""
    data = bytes(100) + record("ac3", "ac3", 2)
    info = await async_probe(data)
    assert info == RecordingInfo(
        format="ac3",
        size_bytes=len(data),
        duration_s=pytest.approx(2.0, abs=0.05),
        channels=1,
        sample_rate=48_000,
        exact=True,
    )


async def test_without_the_extra_what_is_not_told_is_none(record, monkeypatch):
    """Of a live stream the channels and the rate; of what is not recognised the size."""
    live, other = record("webm", "libopus", 3, flags={"live": "1"}, live=True), bytes(100) + record("ac3", "ac3", 2)
    monkeypatch.setitem(sys.modules, "av", None)
    assert await async_probe(live) == RecordingInfo(format="webm", size_bytes=len(live), channels=1, sample_rate=48_000)
    assert await async_probe(other) == RecordingInfo(format=None, size_bytes=len(other))


@pytest.mark.parametrize("container", ["mpeg", "mpegts"])
async def test_a_large_film_is_not_read_whole(monkeypatch, container):
    """Its length is then within a second or so, and not said to be exact."""
    monkeypatch.setattr(inside, "_FILM_BYTES", 0)
    info = await async_probe(film(container, 5))
    assert info.duration_s == pytest.approx(5.0, abs=1.0)
    assert not info.exact


def test_what_is_wrong_is_told(record):
    """What `transcribe` would refuse has no sound; what is cut off has."""
    wav, m4a = record("wav", "pcm_s16le", 3), record("ipod", "aac", 3)
    cut = probe(wav[: len(wav) // 2])
    assert cut.has_sound
    assert cut.damage is not None
    assert cut.damage.lost_s == pytest.approx(1.5, abs=0.01)
    assert cut.duration_s == pytest.approx(1.5, abs=0.01)
    broken = probe(m4a[: len(m4a) // 2])
    assert not broken.has_sound
    assert broken.damage == Damage(detail="it has no index (moov): it was cut off or never finished")
    named = probe(("talk.mp3", bytes(9000)))
    assert not named.has_sound
    assert named.format is None
    assert probe(bytes(9000), filename="talk.mp3") == named
    assert probe(bytes(9000)) == RecordingInfo(format=None, size_bytes=9000)


@pytest.mark.parametrize("container", ["mov", "mpegts"])
async def test_a_film_without_sound_is_told(container):
    """By its header, or where that does not tell, by what FFmpeg finds."""
    data = film(container, 2, sound=False)
    assert await async_probe(data) == RecordingInfo(
        format={"mpegts": "ts"}.get(container, container),
        size_bytes=len(data),
        damage=Damage(detail="it has no sound"),
        has_sound=False,
    )


async def test_what_is_said_to_have_no_sound_is_refused(local_relay: LocalRelay, record):
    """By `transcribe`, before anything is sent; what is cut off is not."""
    wav, m4a = record("wav", "pcm_s16le", 3), record("ipod", "aac", 3)
    async with AsyncClient(local_relay.base_url, local_relay.api_key) as client:
        for data in (m4a[: len(m4a) // 2], film("mov", 2, sound=False), wav[: len(wav) // 2]):
            if (await async_probe(data)).has_sound:
                await client.transcribe(data)
            else:
                with pytest.raises(AudioSourceError):
                    await client.transcribe(data)
    assert len(local_relay.requests) == 1


def test_what_is_no_recording_is_an_error(tmp_path):
    """As it is where it is transcribed."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("talk.txt", "no sound")
    with pytest.raises(UnsupportedAudioError, match="not audio"):
        probe(("talk.mp3", archive.getvalue()))
    with pytest.raises(AudioSourceError, match="no such file"):
        probe(tmp_path / "missing.mp3")
    with pytest.raises(AudioSourceError, match="folder"):
        probe(tmp_path)
    with pytest.raises(AudioSourceError, match="empty"):
        probe(b"")
    with pytest.raises(ConfigurationError, match="not a recording"):
        probe(7)  # type: ignore[arg-type]


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 4096):
        yield data[at : at + 4096]


class Upload:
    """As a web framework has it."""

    filename = "jfk.mp3"

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    async def read(self, size: int = -1) -> bytes:
        """Return bytes."""
        return self._file.read(size)


@pytest.mark.parametrize(
    "give",
    [
        str,
        lambda path: path,
        lambda path: path.read_bytes(),
        lambda path: bytearray(path.read_bytes()),
        lambda path: memoryview(path.read_bytes()),
        lambda path: ("it.mp3", path.read_bytes()),
        lambda path: io.BytesIO(path.read_bytes()),
        lambda path: _chunks(path.read_bytes()),
        lambda path: Upload(path.read_bytes()),
    ],
    ids=["str", "path", "bytes", "bytearray", "memoryview", "tuple", "BytesIO", "iterable", "upload"],
)
def test_anything_that_can_be_transcribed_is_taken(give: Callable[[Path], Any]):
    """And told alike, by both forms."""
    told = RecordingInfo(
        format="mp3", size_bytes=JFK.stat().st_size, duration_s=11.0, channels=1, sample_rate=16_000, exact=True
    )
    assert probe(give(JFK)) == told
    assert asyncio.run(async_probe(give(JFK))) == told


async def test_an_open_file_stays_as_it_was():
    """Open, and at the place at which it stood, from which on it is the recording."""
    with JFK.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert await async_probe(mapped) == await async_probe(file)
        assert file.tell() == mapped.tell() == 0
        assert (await async_probe(file)).duration_s == 11.0
    with io.BytesIO(b"before" + JFK.read_bytes()) as buffer:
        buffer.seek(6)
        assert (await async_probe(buffer)).size_bytes == JFK.stat().st_size
        assert buffer.tell() == 6


class Counted(io.BytesIO):
    """Counts what is read of it, and fails behind a place."""

    read_bytes = 0
    fails_at = sys.maxsize

    def readinto(self, buffer: Any) -> int:
        """Read on."""
        if self.tell() >= self.fails_at:
            raise OSError(5, "Input/output error")
        count = super().readinto(buffer)
        self.read_bytes += count
        return count

    def read(self, size: int | None = -1) -> bytes:
        """Read on."""
        if self.tell() >= self.fails_at:
            raise OSError(5, "Input/output error")
        data = super().read(size)
        self.read_bytes += len(data)
        return data


async def test_little_is_read_where_the_headers_tell(record):
    """A few kilobytes of megabytes."""
    file = Counted(record("wav", "pcm_s16le", 60, layout="stereo"))
    assert (await async_probe(file)).duration_s == 60
    assert 0 < file.read_bytes < 64 * 1024 < len(file.getbuffer()) / 100


@pytest.mark.parametrize(("container", "codec"), [("flac", "flac"), ("matroska", "pcm_s16le")])
async def test_what_cannot_be_read_to_its_end_is_not_counted(record, container, codec):
    """Whenever that shows: the headers have been read, and what they tell stays."""
    flags = {"live": "1"} if container == "matroska" else {}
    file = Counted(record(container, codec, 80, layout="stereo", flags=flags, live=True))
    file.fails_at = len(file.getbuffer()) * 2 // 3
    assert await async_probe(file) == RecordingInfo(
        format={"matroska": "mkv"}.get(container, container),
        size_bytes=len(file.getbuffer()),
        channels=2,
        sample_rate=48_000,
    )


async def test_the_blocking_form_works_while_a_loop_runs():
    """As in a notebook's cell."""
    assert probe(JFK) == await async_probe(JFK)


def test_another_loop_is_told_what_to_do():
    """Under trio the blocking form is there."""
    with pytest.raises(ConfigurationError, match=r"async_probe runs on asyncio only.*zhongzhuan_audio\.probe"):
        trio.run(async_probe, JFK)


def test_nothing_is_loaded_that_is_not_needed():
    """Neither PyAV nor the client, where the headers tell."""
    code = f"""
import json, sys
import zhongzhuan_audio
zhongzhuan_audio.probe({str(JFK)!r})
print(json.dumps(sorted(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert "zhongzhuan_audio.probing" in loaded
    assert not loaded & {
        "av",
        "numpy",
        "zhongzhuan_audio.client",
        "zhongzhuan_audio.core",
        "zhongzhuan_audio.media.inside",
    }
