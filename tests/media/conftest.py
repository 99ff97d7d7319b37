"""Recordings of every kind, made from the samples, and what is decoded of them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from zhongzhuan_audio.media.decoding import open_track
from zhongzhuan_audio.media.recording import Recording, open_path

av = pytest.importorskip("av")
np = pytest.importorskip("numpy")

RATE = 16_000


def recording_of(data: bytes, label: str = "it") -> Recording:
    """Return bytes as a recording."""
    return Recording(read_at=lambda at, size: data[at : at + size], size_bytes=len(data), label=label)


def decoded(data: bytes, *, mono: bool = True) -> tuple[Any, Any]:
    """Return all samples in one block, and the track."""
    with open_track(recording_of(data), mono=mono) as track:
        return np.concatenate(list(track.blocks()), axis=-1), track


@pytest.fixture(scope="session")
def jfk_samples(jfk) -> Any:
    """The sample's 11 s at 16 kHz."""
    with open_path(jfk) as recording, open_track(recording) as track:
        return np.concatenate(list(track.blocks()))


def made(
    samples: Any,
    container: str,
    codec: str,
    *,
    rate: int = 44_100,
    bit_rate: int | None = None,
    video: bool = False,
    sound: bool = True,
    options: dict[str, str] | None = None,
    path: Path | None = None,
) -> bytes:
    """Return samples of 16 kHz, (count,) or (channels, count), in another form, with a picture where one is wanted."""
    rows = np.atleast_2d(samples)
    layout = "mono" if len(rows) == 1 else "stereo"
    out = io.BytesIO()
    with av.open(out if path is None else str(path), "w", format=container, options=options or {}) as file:
        if video:
            picture = file.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p")
        if sound:
            stream = file.add_stream(codec, rate=rate, layout=layout, **({"bit_rate": bit_rate} if bit_rate else {}))
            resampler = av.AudioResampler(layout=layout, rate=rate, format="s16", frame_size=rate)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(rows.T.reshape(1, -1)), format="s16", layout=layout)
            frame.sample_rate, frame.pts = RATE, 0
        if video:
            for number in range(rows.shape[1] * 10 // RATE):
                image = av.VideoFrame(64, 64, "yuv420p")
                image.pts = number
                file.mux(picture.encode(image))
            file.mux(picture.encode(None))
        if sound:
            for piece in (*resampler.resample(frame), *resampler.resample(None)):
                file.mux(stream.encode(piece))
            file.mux(stream.encode(None))
    return out.getvalue() if path is None else path.read_bytes()


def lag(samples: Any, reference: Any) -> int:
    """Return by how many samples a recording is late."""
    size = 1 << 18
    spectrum = np.fft.rfft(samples.astype(float), size) * np.conj(np.fft.rfft(reference.astype(float), size))
    best = int(np.argmax(np.fft.irfft(spectrum)))
    return best if best < size // 2 else best - size


def data_file(name: str) -> Path:
    """Return the path of a sample."""
    return Path(__file__).parent.parent / "data" / name
