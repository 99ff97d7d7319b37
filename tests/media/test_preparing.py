"""Recordings made ready off the loop."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
from importlib import util
from typing import Any

import pytest

from zhongzhuan_audio.errors import AudioSourceError, MissingExtraError, UnsupportedAudioError
from zhongzhuan_audio.media.preparing import convert, encode_stretches, listen
from zhongzhuan_audio.upload.opening import open_source

from .conftest import RATE, decoded, lag, made

np = pytest.importorskip("numpy")


def descriptors() -> int:
    """Return how many files are open."""
    return len(os.listdir("/proc/self/fd"))


async def content(source: Any) -> bytes:
    """Return all bytes of a source."""
    reader = await source.open()
    data = reader.read_at(0, source.size_bytes)
    reader.close()
    return data


@pytest.mark.parametrize(("encoding", "name"), [("opus", "memo.ogg"), ("mp3", "memo.mp3"), ("flac", "memo.flac")])
async def test_a_video_becomes_a_small_recording(jfk_samples, encoding, name):
    """With its own name, the right length, and nothing left when it is closed."""
    before = descriptors()
    source = await open_source(("memo.mov", made(jfk_samples, "mov", "aac", video=True)))
    told: list[tuple[float, float | None]] = []
    converted = await convert(source, encoding, on_progress=lambda *progress: told.append(progress))
    assert converted.source.filename == name
    assert converted.duration_s == pytest.approx(11.0, abs=0.05)
    assert converted.lost_s == 0
    probe = await converted.source.probe()
    assert probe is not None
    assert probe.duration_s == pytest.approx(converted.duration_s, abs=0.001)
    assert abs(lag(decoded(await content(converted.source))[0], jfk_samples)) < 0.03 * RATE
    assert told[-1] == (converted.duration_s, converted.duration_s)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    converted.close()
    assert descriptors() == before


async def test_what_was_made_can_be_sent_as_often_as_it_takes(jfk):
    """It is a source as any other."""
    source = await open_source(jfk)
    converted = await convert(source)
    async with asyncio.timeout(10):
        assert await content(converted.source) == await content(await open_source(converted.source))
    converted.close()


async def test_a_recording_is_heard_and_cut(jfk):
    """Stretches come out as they stand in it, several at once."""
    before = descriptors()
    heard = await listen(await open_source(jfk))
    (channel,) = heard.channels
    assert (heard.channel_count, heard.same, heard.lost_s) == (1, False, 0)
    assert heard.duration_s == channel.pcm.duration_s == pytest.approx(11.0, abs=0.1)
    assert channel.speech[0] == pytest.approx((0.29, 2.24), abs=0.1)
    whole = np.concatenate(list(channel.pcm.blocks()))
    stretches = [(0.0, 2.5), (2.5, 7.9), (7.9, 100.0)]
    pieces = await asyncio.gather(*(encode_stretches(channel.pcm, [each], "flac") for each in stretches))
    assert [piece.filename for piece in pieces] == ["jfk.flac"] * 3
    parts = [decoded(await content(piece))[0] for piece in pieces]
    assert np.array_equal(np.concatenate(parts), whole)
    for piece in pieces:
        piece.close()
    heard.close()
    assert descriptors() == before


async def test_channels_are_heard_each_by_itself(jfk_samples):
    """One says something while the other is silent."""
    quiet = np.zeros_like(jfk_samples)
    rows = np.stack([np.concatenate([jfk_samples, quiet]), np.concatenate([quiet, jfk_samples])])
    heard = await listen(await open_source(("call.wav", made(rows, "wav", "pcm_s16le", rate=RATE))), split=True)
    assert (heard.channel_count, heard.same) == (2, False)
    left, right = heard.channels
    assert left.speech[-1][1] < 11 < right.speech[0][0]
    assert np.array_equal(np.concatenate(list(right.pcm.blocks())), rows[1])
    heard.close()


async def test_channels_that_are_the_same_are_kept_once(jfk_samples):
    """And it is told."""
    data = made(np.stack([jfk_samples] * 2), "mp3", "libmp3lame")
    before = descriptors()
    heard = await listen(await open_source(("call.mp3", data)), split=True)
    assert (len(heard.channels), heard.channel_count, heard.same) == (1, 2, True)
    heard.close()
    assert descriptors() == before


@pytest.mark.parametrize("work", [convert, listen])
async def test_the_work_ends_soon_when_it_is_cancelled(jfk_samples, work):
    """Its thread is done, and the temporary file is gone, before the cancellation is."""
    before = descriptors()
    source = await open_source(("long.wav", made(np.tile(jfk_samples, 200), "wav", "pcm_s16le", rate=RATE)))
    begun = asyncio.Event()
    task = asyncio.create_task(work(source, on_progress=lambda *_: begun.set()))
    async with asyncio.timeout(20):
        await begun.wait()
    task.cancel()
    async with asyncio.timeout(1):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert descriptors() == before


async def test_more_than_there_are_threads_can_be_cancelled(jfk):
    """Those that wait for their turn too."""
    source = await open_source(jfk)
    tasks = [asyncio.create_task(convert(source)) for _ in range(3 * (os.cpu_count() or 1))]
    await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    async with asyncio.timeout(5):
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(result, asyncio.CancelledError)


@pytest.mark.parametrize("work", [convert, listen])
async def test_a_recording_that_grows_meanwhile_is_told(jfk_samples, tmp_path, work):
    """What was made of its beginning is let go."""
    path = tmp_path / "memo.wav"
    path.write_bytes(made(np.tile(jfk_samples, 5), "wav", "pcm_s16le", rate=RATE))
    source = await open_source(path)
    before, grown = descriptors(), threading.Event()

    def grow(*_: object) -> None:
        if not grown.is_set():
            grown.set()
            os.truncate(path, source.size_bytes + 1000)

    with pytest.raises(AudioSourceError, match=r"memo\.wav grew"):
        await work(source, on_progress=grow)
    assert grown.is_set()
    assert descriptors() == before


async def test_a_watcher_that_fails_costs_nothing(jfk, caplog):
    """Its error is logged."""

    def fail(*_: object) -> None:
        raise ValueError("theirs")

    with caplog.at_level(logging.ERROR, "zhongzhuan_audio"):
        (await convert(await open_source(jfk), on_progress=fail)).close()
    assert "on_progress raised" in caplog.text


async def test_a_video_without_sound_is_told(jfk_samples):
    """By its name."""
    data = made(jfk_samples, "mov", "", video=True, sound=False)
    with pytest.raises(UnsupportedAudioError, match=r"clip\.mov has no sound"):
        await convert(await open_source(("clip.mov", data)))


@pytest.mark.parametrize("package", ["av", "numpy", "pysilk", "faster_whisper", "onnxruntime"])
async def test_without_the_extra_nothing_begins(jfk, monkeypatch, package):
    """The error says what to install."""
    found = util.find_spec
    monkeypatch.setattr("zhongzhuan_audio.media.extra.find_spec", lambda name: None if name == package else found(name))
    source = await open_source(jfk)
    for work in (convert(source), listen(source)):
        with pytest.raises(MissingExtraError, match=rf"\({package}\) — pip install 'zhongzhuan-audio\[media\]'"):
            await work


def test_importing_loads_none_of_the_extra():
    """Neither numpy nor FFmpeg, until there is something to do."""
    code = (
        "import sys, zhongzhuan_audio.media.preparing\n"
        "print(sorted({'av', 'numpy', 'pysilk', 'faster_whisper', 'onnxruntime'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
