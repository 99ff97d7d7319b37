"""Any format to 16 kHz samples: real recordings, written by real encoders."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest

from zhongzhuan_audio.errors import AudioSourceError, UnsupportedAudioError
from zhongzhuan_audio.media import containers
from zhongzhuan_audio.media.decoding import open_track
from zhongzhuan_audio.media.recording import Recording, StoppedError, open_path

from .conftest import RATE, decoded, lag, made, recording_of

av = pytest.importorskip("av")
np = pytest.importorskip("numpy")

KINDS: dict[str, dict[str, Any]] = {
    "wav": {"container": "wav", "codec": "pcm_s16le"},
    "wav-alaw": {"container": "wav", "codec": "pcm_alaw", "rate": 8000},
    "wav-mulaw": {"container": "wav", "codec": "pcm_mulaw", "rate": 8000},
    "wav-float": {"container": "wav", "codec": "pcm_f32le"},
    "flac": {"container": "flac", "codec": "flac"},
    "mp3": {"container": "mp3", "codec": "libmp3lame"},
    "m4a": {"container": "ipod", "codec": "aac"},
    "mp4": {"container": "mp4", "codec": "aac", "video": True},
    "mov": {"container": "mov", "codec": "aac", "video": True},
    "mov-alac": {"container": "mov", "codec": "alac"},
    "3gp": {"container": "3gp", "codec": "aac"},
    "opus": {"container": "ogg", "codec": "libopus", "rate": 48_000},
    "webm": {"container": "webm", "codec": "libopus", "rate": 48_000},
    "mkv": {"container": "matroska", "codec": "aac", "video": True},
    "avi": {"container": "avi", "codec": "pcm_s16le", "video": True},
    "avi-mp3": {"container": "avi", "codec": "libmp3lame", "video": True},
    "wma": {"container": "asf", "codec": "wmav2", "bit_rate": 96_000},
    "aiff": {"container": "aiff", "codec": "pcm_s16be"},
    "aifc": {"container": "aiff", "codec": "pcm_alaw", "rate": 8000},
    "caf": {"container": "caf", "codec": "pcm_s16be"},
    "caf-alac": {"container": "caf", "codec": "alac"},
    "au": {"container": "au", "codec": "pcm_mulaw", "rate": 8000},
    "aac": {"container": "adts", "codec": "aac"},
    "ts": {"container": "mpegts", "codec": "aac", "video": True},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_is_decoded_whole_and_in_time(jfk_samples, kind):
    """All 11 s come out, nothing is lost, and no sound is more than the codec's own delay late."""
    samples, track = decoded(made(jfk_samples, **KINDS[kind]))
    assert samples.dtype == np.int16
    assert samples.ndim == track.channels == 1
    assert len(samples) / RATE == pytest.approx(11.0, abs=0.06)
    assert abs(lag(samples, jfk_samples)) < 0.05 * RATE
    assert track.lost_s == 0
    if kind != "ts":  # its clock begins anew at the first packet
        assert track.duration_s == pytest.approx(11.0, abs=0.06)


@pytest.mark.parametrize("container", ["amr", "3gp"])
def test_amr_is_decoded(jfk_samples, container):
    """The old telephones' codec, alone and in their videos."""
    try:
        av.Codec("libopencore_amrnb", "w")
    except av.codec.codec.UnknownCodecError:
        pytest.skip("this PyAV has no encoder for AMR")
    samples, track = decoded(made(jfk_samples, container, "libopencore_amrnb", rate=8000, bit_rate=12_200))
    assert len(samples) / RATE == pytest.approx(11.0, abs=0.06)
    assert abs(lag(samples, jfk_samples)) < 0.03 * RATE
    assert track.lost_s == 0


def test_wide_band_amr_is_decoded():
    """No encoder is at hand: frames without speech, which its decoder fills."""
    samples, track = decoded(b"#!AMR-WB\n" + b"\x7c" * 100)
    assert len(samples) / RATE == pytest.approx(2.0)
    assert track.duration_s == pytest.approx(2.0)


def test_blocks_are_a_second_each(jfk_samples):
    """But the last: what is held at a time does not grow with the recording."""
    with open_track(recording_of(made(jfk_samples[: int(3.5 * RATE)], "wav", "pcm_s16le", rate=RATE))) as track:
        assert [len(block) for block in track.blocks()] == [RATE, RATE, RATE, RATE // 2]


def test_a_path_is_read(jfk):
    """From the disk, blocking."""
    with open_path(jfk) as recording, open_track(recording) as track:
        assert sum(map(len, track.blocks())) / RATE == pytest.approx(11.0, abs=0.1)
    with pytest.raises(AudioSourceError, match="no such file"), open_path(jfk.with_name("none.mp3")):
        pass


def test_channels_are_kept_apart_if_wanted(jfk_samples):
    """Each row is a channel; mixed down, both are heard."""
    other = jfk_samples[::-1]
    data = made(np.stack([jfk_samples, other]), "wav", "pcm_s16le", rate=RATE)
    samples, track = decoded(data, mono=False)
    assert track.channels == 2
    assert np.array_equal(samples, np.stack([jfk_samples, other]))
    mixed, track = decoded(data)
    assert track.channels == 1
    assert np.max(np.abs(mixed - (jfk_samples / 2 + other / 2))) <= 2
    samples, track = decoded(made(jfk_samples, "wav", "pcm_s16le", rate=RATE), mono=False)
    assert samples.shape == (1, len(jfk_samples))


def test_only_the_first_sound_track_is_heard(jfk_samples):
    """A film's second language is left alone."""
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as file:
        streams = [file.add_stream("pcm_s16le", rate=RATE, layout="mono") for _ in range(2)]
        for stream, samples in zip(streams, (jfk_samples, np.zeros(20 * RATE, np.int16)), strict=True):
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate = RATE
            file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
    samples, _ = decoded(out.getvalue())
    assert np.array_equal(samples, jfk_samples)


def test_recordings_that_were_joined_change_their_rate_midway(jfk_samples):
    """One behind the other they are heard as one."""
    parts = [made(jfk_samples, "adts", "aac", rate=rate) for rate in (16_000, 44_100)]
    for mono in (True, False):
        samples, _ = decoded(b"".join(parts), mono=mono)
        assert samples.shape[-1] / RATE == pytest.approx(22.1, abs=0.3)


def test_sound_that_begins_after_the_picture_has_the_pictures_times(jfk_samples):
    """Silence stands before it, which is not lost."""
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as file:
        picture = file.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p")
        stream = file.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for number in range(130):
            image = av.VideoFrame(64, 64, "yuv420p")
            image.pts = number
            file.mux(picture.encode(image))
        frame = av.AudioFrame.from_ndarray(jfk_samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, 2 * RATE
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        file.mux(picture.encode(None))
    samples, track = decoded(out.getvalue())
    assert lag(samples, jfk_samples) == pytest.approx(2 * RATE, abs=RATE / 100)
    assert track.lost_s == 0


BROKEN: dict[str, dict[str, Any]] = {
    **{name: KINDS[name] for name in ("mp3", "m4a", "opus", "flac", "wma")},
    "webm": {**KINDS["webm"], "options": {"cluster_time_limit": "500"}},
    "mkv": {**KINDS["mkv"], "options": {"cluster_time_limit": "500"}},
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_broken_in_the_middle_is_passed_over(jfk_samples, kind):
    """The rest is heard at its own time, and how much was lost is told."""
    data = bytearray(made(jfk_samples, **BROKEN[kind]))
    start, size = len(data) * 4 // 10, len(data) // 10
    data[start : start + size] = np.random.default_rng(1).bytes(size)
    samples, track = decoded(bytes(data))
    assert 0.3 < track.lost_s < 3
    assert len(samples) / RATE == pytest.approx(11.0, abs=1.5)


def test_a_stream_that_tells_no_times_is_read_on_behind_what_is_broken(jfk_samples):
    """Its frames are counted, so that how much is missing is not known."""
    data = bytearray(made(jfk_samples, **KINDS["aac"]))
    data[len(data) * 4 // 10 : len(data) // 2] = bytes(len(data) // 2 - len(data) * 4 // 10)
    samples, track = decoded(bytes(data))
    assert len(samples) / RATE == pytest.approx(9.9, abs=0.6)
    assert lag(samples[-3 * RATE :], jfk_samples) == pytest.approx(-8 * RATE, abs=0.1 * RATE)
    assert track.lost_s < 0.5


@pytest.mark.parametrize("kind", ["opus", "webm", "flac", "m4a"])
def test_what_follows_a_broken_stretch_keeps_its_time(jfk_samples, kind):
    """Silence stands for what is missing."""
    data = bytearray(made(jfk_samples, **BROKEN[kind]))
    start, size = len(data) * 4 // 10, len(data) // 10
    data[start : start + size] = np.random.default_rng(1).bytes(size)
    samples, _ = decoded(bytes(data))
    end = jfk_samples[8 * RATE :]
    assert lag(samples, np.concatenate([np.zeros(8 * RATE, np.int16), end])) == pytest.approx(0, abs=0.2 * RATE)


def test_what_was_cut_off_is_lost_at_the_end(jfk_samples, tmp_path):
    """As far as the header tells how long it should have been."""
    data = made(jfk_samples, "mp4", "aac", options={"movflags": "+faststart"}, path=tmp_path / "talk.mp4")
    samples, track = decoded(data[: len(data) * 6 // 10])
    assert 3 < len(samples) / RATE < 8
    assert track.lost_s == pytest.approx(11.0 - len(samples) / RATE, abs=0.1)


def test_a_video_without_sound_is_told(jfk_samples):
    """Before anything is decoded."""
    data = made(jfk_samples, "mp4", "", video=True, sound=False)
    with pytest.raises(UnsupportedAudioError, match="^clip has no sound — give a recording"):
        open_track(recording_of(data, "clip")).__enter__()


def test_a_zip_by_another_name_is_told():
    """By what it is."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("talk.mp3", b"x" * 5000)
    with pytest.raises(UnsupportedAudioError, match="talk.mp3 is a ZIP archive"):
        open_track(recording_of(out.getvalue(), "talk.mp3")).__enter__()


def test_what_is_unknown_is_told():
    """Noise is no recording."""
    data = np.random.default_rng(2).bytes(100_000)
    with pytest.raises(UnsupportedAudioError, match="is no recording that is known here"):
        open_track(recording_of(data)).__enter__()


@pytest.mark.parametrize("kind", ["mp4", "wav", "flac", "webm", "caf", "mkv"])
def test_a_file_of_which_only_the_head_is_good_is_damaged(jfk_samples, kind):
    """It is told as such, whatever FFmpeg calls it."""
    data = made(jfk_samples, **KINDS[kind])[:40]
    with pytest.raises(AudioSourceError, match="is damaged"):
        decoded(data + bytes(5000) if kind == "mp4" else data)


@pytest.mark.parametrize("name", ["concat", "hls", "sdp"])
def test_a_playlist_is_not_followed(jfk, name):
    """Files and addresses that it names are not opened."""
    data = {
        "concat": f"ffconcat version 1.0\nfile {jfk}\n",
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:11\n#EXTINF:11,\n{jfk}\n#EXT-X-ENDLIST\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    }[name]
    with pytest.raises(UnsupportedAudioError):
        open_track(recording_of(data.encode())).__enter__()


def test_the_whitelist_is_of_what_ffmpeg_has():
    """A name that FFmpeg does not know would let nothing in."""
    known = {name for each in av.formats_available for name in each.split(",")}
    assert set(containers._CONTAINERS.split(",")) <= known
    assert not set(containers._CONTAINERS.split(",")) & {"hls", "concat", "dash", "sdp", "applehttp", "imf"}


def test_a_source_that_fails_is_told_as_its_own(jfk):
    """What the disk says is not taken for damage."""
    data = jfk.read_bytes()

    def read_at(at: int, size: int) -> bytes:
        if at > 30_000:
            raise OSError(5, "Input/output error")
        return data[at : at + size]

    recording = Recording(read_at=read_at, size_bytes=len(data), label="tape")
    with pytest.raises(AudioSourceError, match="cannot read tape: Input/output error"):
        with open_track(recording) as track:
            list(track.blocks())


def test_it_ends_soon_when_called_off(jfk_samples):
    """The next read is the last."""
    recording = recording_of(made(np.tile(jfk_samples, 20), "wav", "pcm_s16le"))
    with open_track(recording) as track:
        blocks = track.blocks()
        next(blocks)
        recording.stop.set()
        with pytest.raises(StoppedError):
            list(blocks)
