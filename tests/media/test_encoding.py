"""16 kHz samples to small files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zhongzhuan_audio.audio import sniff
from zhongzhuan_audio.audio.duration import probe
from zhongzhuan_audio.errors import AudioSourceError
from zhongzhuan_audio.media.encoding import BIT_RATES, FORMATS, encode

from .conftest import RATE, decoded, lag

np = pytest.importorskip("numpy")


def pieces(samples: Any) -> Iterator[Any]:
    """Yield samples in blocks of about a second."""
    for at in range(0, len(samples), 15_000):
        yield samples[at : at + 15_000]


def encoded(samples: Any, encoding: Any) -> bytes:
    """Return the file's content."""
    with encode(pieces(samples), encoding, label="it") as file:
        file.seek(0)
        return file.read()


@pytest.mark.parametrize("seconds", [11.0, 10.0123125, 0.0625])
@pytest.mark.parametrize("encoding", FORMATS)
def test_what_is_encoded_has_the_right_header_and_is_heard_whole(jfk_samples, encoding, seconds):
    """The length that relays bill is that of the sound, and nothing moves."""
    samples = jfk_samples[: round(seconds * RATE)]
    data = encoded(samples, encoding)
    kind = sniff(data)
    assert kind == FORMATS[encoding]
    told = probe(lambda at, size: data[at : at + size], len(data), kind)
    assert told.exact
    assert told.channels == 1
    assert told.duration_s == pytest.approx(seconds, abs=0.001)
    heard, track = decoded(data)
    assert len(heard) == pytest.approx(len(samples), abs=8)
    assert track.lost_s == 0
    if seconds > 1:
        assert abs(lag(heard, samples)) < 0.002 * RATE


def test_flac_loses_nothing(jfk_samples):
    """Not a bit."""
    assert np.array_equal(decoded(encoded(jfk_samples, "flac"))[0], jfk_samples)


@pytest.mark.parametrize("encoding", ["opus", "mp3"])
def test_it_is_as_small_as_was_aimed_at(jfk_samples, encoding):
    """Within a tenth, headers and all."""
    size = len(encoded(np.tile(jfk_samples, 3), encoding))
    assert size * 8 / 33 == pytest.approx(BIT_RATES[encoding], rel=0.1)


def test_noise_in_flac_takes_no_more_than_is_told():
    """The worst that there is, so that pieces can be planned."""
    noise = np.random.default_rng(3).integers(-(2**15), 2**15, 10 * RATE).astype(np.int16)
    assert len(encoded(noise, "flac")) * 8 / 10 <= BIT_RATES["flac"] * 1.01


def test_a_source_that_fails_leaves_nothing_behind(jfk_samples):
    """Its own error comes out."""
    before = len(os.listdir("/proc/self/fd"))

    def broken() -> Iterator[Any]:
        yield jfk_samples
        raise ConnectionResetError("theirs")

    with pytest.raises(ConnectionResetError, match="theirs"):
        encode(broken(), "opus", label="it")
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("encoding", FORMATS)
def test_a_full_disk_is_told(jfk_samples, monkeypatch, encoding):
    """With what to do about it, and not as damage."""
    full = Path("/dev/full").open("r+b", buffering=0)  # noqa: SIM115 - whoever gets it closes it
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: full)
    with pytest.raises(AudioSourceError, match="cannot keep it in a temporary file: No space left.*TMPDIR"):
        encode(pieces(np.tile(jfk_samples, 10)), encoding, label="it")
