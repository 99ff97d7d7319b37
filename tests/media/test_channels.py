"""Whether two channels are one."""

from __future__ import annotations

import pytest

from zhongzhuan_audio.media.channels import SameChannels
from zhongzhuan_audio.media.decoding import open_track

from .conftest import RATE, made, recording_of

np = pytest.importorskip("numpy")

CODECS = {"pcm": ("wav", "pcm_s16le", RATE), "mp3": ("mp3", "libmp3lame", 44_100), "aac": ("ipod", "aac", 44_100)}


def same(rows, codec) -> bool:
    """Tell whether the channels are the same once they went through a codec."""
    container, name, rate = CODECS[codec]
    comparison = SameChannels()
    with open_track(recording_of(made(np.stack(rows), container, name, rate=rate)), mono=False) as track:
        for block in track.blocks():
            comparison.add(block)
    return comparison.same


@pytest.mark.parametrize("codec", CODECS)
def test_one_voice_on_both_channels_is_the_same(jfk_samples, codec):
    """Also where each has its own rounding."""
    noise = np.random.default_rng(4).integers(-2, 3, len(jfk_samples)).astype(np.int16)
    assert same([jfk_samples, jfk_samples], codec)
    assert same([jfk_samples, np.clip(jfk_samples, -32000, 32000) + noise], codec)


@pytest.mark.parametrize("codec", CODECS)
def test_two_voices_are_not(jfk_samples, codec):
    """Nor one that is on one channel only, nor a word that is on one of them, however long the rest."""
    assert not same([jfk_samples, jfk_samples[::-1]], codec)
    assert not same([jfk_samples, np.zeros_like(jfk_samples)], codec)
    word = np.tile(jfk_samples, 5)
    word[-4 * RATE : -3 * RATE] = 0
    assert not same([np.tile(jfk_samples, 5), word], codec)


def test_silence_is_the_same():
    """And so is a single channel."""
    comparison = SameChannels()
    comparison.add(np.zeros((2, RATE), np.int16))
    comparison.add(np.ones((1, RATE), np.int16))
    comparison.add(np.zeros((2, 0), np.int16))
    assert comparison.same
