"""What headers show to be wrong with a recording; and that they show nothing where nothing is."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from zhongzhuan_audio.audio import sniff
from zhongzhuan_audio.audio.damage import Damage, find_damage
from zhongzhuan_audio.audio.duration import MOST_READS, READ_BYTES

av = pytest.importorskip("av")

SAMPLES = sorted(path for path in (Path(__file__).parents[1] / "data").iterdir() if path.suffix in {".mp3", ".wav"})
NOISE = random.Random(1).randbytes(60_000)  # noqa: S311 - it keeps no secret
KINDS = [
    ("wav", "pcm_s16le"),
    ("wav", "pcm_alaw"),
    ("wav", "adpcm_ms"),
    ("mp3", "libmp3lame"),
    ("mp2", "mp2"),
    ("flac", "flac"),
    ("ogg", "libopus"),
    ("ogg", "flac"),
    ("ipod", "aac"),
    ("mp4", "aac"),
    ("mov", "pcm_s16le"),
    ("webm", "libopus"),
    ("matroska", "aac"),
    ("avi", "libmp3lame"),
    ("adts", "aac"),
    ("aiff", "pcm_s16be"),
]


def found(data: bytes, name: str = "") -> Damage | None:
    """Look at bytes, and see that the reads stay few and small."""
    reads = 0

    def read_at(at: int, count: int) -> bytes:
        nonlocal reads
        reads += 1
        assert 0 < count <= READ_BYTES
        return data[at : at + count]

    damage = find_damage(read_at, len(data), sniff(data[:4096]), name)
    assert reads <= MOST_READS
    return damage


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.suffix)
def test_samples_are_whole(path):
    """And so are parts of one that begin in the middle of a frame, or have something before them."""
    data = path.read_bytes()
    assert found(data, path.name) is None
    if path.suffix == ".mp3":
        assert found(data[30_001:], path.name) is None
        assert found(bytes(20_000) + data, path.name) is None
        assert found(NOISE[:20_000] + data, path.name) is None
        assert found(b"ID3\x03\0\0\0\0\x10\0" + NOISE + data, path.name) is None, "a tag longer than it says"


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("seconds", [0.05, 1.0, 90.0])
@pytest.mark.parametrize(("container", "codec"), KINDS)
def test_what_is_whole_is_never_found_damaged(record, container, codec, seconds, live):
    """Whatever wrote it: to a file or, with lengths that nobody could fill in, to a pipe."""
    film = container in {"ipod", "mp4", "mov"}
    flags = {"movflags": "frag_keyframe+empty_moov"} if live and film else {}
    assert found(record(container, codec, seconds, live=live, flags=flags)) is None


@pytest.mark.parametrize(
    ("container", "flags"), [("ipod", {}), ("mp4", {}), ("mov", {}), ("mp4", {"movflags": "faststart"})]
)
def test_a_film_that_is_cut_off(record, container, flags):
    """Without its index nobody can play it; with it, some of it."""
    data = record(container, "aac", 20.0, flags=flags)
    damage = found(data[: len(data) // 2])
    assert damage is not None
    if flags:
        assert (damage.kind, "bytes are missing" in damage.detail) == ("cut off", True)
        start = data.index(b"mdat") + 4
        assert found(data[:start]).kind == "broken"
    else:
        assert (damage.kind, "no index (moov)" in damage.detail) == ("broken", True)


@pytest.mark.parametrize(("codec", "rate"), [("pcm_s16le", 48_000), ("pcm_alaw", 8000)])
def test_a_wav_that_is_cut_off(record, codec, rate):
    """It is told how much is missing; where nothing is left, that it is broken."""
    data = record("wav", codec, 4.0, rate=rate)
    damage = found(data[: len(data) // 4])
    assert damage is not None
    assert damage.kind == "cut off"
    assert damage.lost_s == pytest.approx(3.0, abs=0.1)
    assert damage.detail == "it is cut off: its header promises 4.0 s, and 1.0 s are there"
    at = data.index(b"data")
    assert found(data[: at + 8]).kind == "broken"
    assert "no chunk of samples" in found(data[:at]).detail
    assert found(data[:-20]) is None


def test_an_mp3_that_is_cut_off(record):
    """By its index, where it has one."""
    data = record("mp3", "libmp3lame", 10.0, rate=44_100)
    damage = found(data[: len(data) // 2])
    assert damage is not None
    assert (damage.kind, damage.lost_s) == ("cut off", pytest.approx(5.0, abs=0.2))
    assert found(record("mp3", "libmp3lame", 10.0, rate=44_100, flags={"write_xing": "0"})[:40_000]) is None


def test_an_ogg_that_is_cut_off(record):
    """By its last page."""
    data = record("ogg", "libopus", 10.0)
    assert found(data[: len(data) // 2]).kind == "cut off"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\xff\xfb\x90\x64" + NOISE, "a.mp3"),
        (b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + NOISE, "a.mp3"),
        (b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + NOISE, "a.mp3"),
        (b"\0" + NOISE, "a.mp3"),
        (b"\0" + NOISE, "a.wav"),
        (b"\0" + NOISE, "a.M4A"),
        (b"\0\0\0\x14ftypM4A \0\0\0\0M4A " + NOISE, "a.m4a"),
    ],
)
def test_noise_is_no_recording(data, name):
    """Whatever it is called, and with a header that looks well."""
    damage = found(data, name)
    assert damage is not None
    assert damage.kind == "broken"


def test_what_has_another_name_is_left_alone():
    """Nobody knows what it may be; and of a few bytes, what they might be."""
    assert found(b"\0" + NOISE, "a.bin") is None
    assert found(b"\0" + NOISE) is None
    assert found(b"\0" + NOISE[:3000], "a.mp3") is None
    assert found(b"\xff\xfb\x90\x64" + NOISE[:3000], "a.mp3") is None


@pytest.mark.parametrize("container", ["mp4", "mov", "ipod", "matroska", "webm", "avi"])
def test_a_film_without_sound(tmp_path, container):
    """By its tracks; with sound it is none."""
    for sound in (False, True):
        path = tmp_path / "film"
        with av.open(str(path), "w", format=container) as file:
            codec = {"webm": "libvpx"}.get(container, "mpeg4")
            picture = file.add_stream(codec, rate=10, width=64, height=64, pix_fmt="yuv420p")
            heard = (
                file.add_stream("libopus" if container == "webm" else "aac", rate=48_000, layout="mono")
                if sound
                else None
            )
            for _ in range(10):
                file.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
            file.mux(picture.encode(None))
            if heard:
                resampler = av.AudioResampler(format=heard.format, layout="mono", rate=48_000)
                frame = av.AudioFrame(format="s16", layout="mono", samples=9600)
                frame.sample_rate, frame.pts = 48_000, 0
                for part in resampler.resample(frame):
                    file.mux(heard.encode(part))
                file.mux(heard.encode(None))
        damage = found(path.read_bytes())
        assert (damage.kind if damage else None) == (None if sound else "mute")
