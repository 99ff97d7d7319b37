"""Recordings that FFmpeg's libraries write, and a probe that watches what is read."""

from __future__ import annotations

import array
import io
import math
from collections.abc import Callable
from fractions import Fraction

import av
import pytest

from zhongzhuan_audio.audio import AudioFormat, sniff
from zhongzhuan_audio.audio.duration import MOST_READS, READ_BYTES, Probe, probe


@pytest.fixture(scope="session")
def told() -> Callable[..., Probe]:
    """Probe bytes, of the sniffed format where none is given, and see that the reads stay few, small and inside."""

    def look(data: bytes, kind: AudioFormat | None = None) -> Probe:
        reads = 0

        def read_at(at: int, count: int) -> bytes:
            nonlocal reads
            reads += 1
            assert at >= 0
            assert 0 < count <= READ_BYTES
            assert at + count <= len(data)
            return data[at : at + count]

        kind = kind or sniff(data)
        assert kind is not None
        found = probe(read_at, len(data), kind)
        assert reads <= MOST_READS
        return found

    return look


@pytest.fixture(scope="session")
def record(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """Return a tone of some seconds in a container and a codec, written to a file or, with `live`, to a pipe."""
    folder = tmp_path_factory.mktemp("recordings")

    def write(
        container: str,
        codec: str,
        seconds: float = 1.0,
        *,
        rate: int = 48_000,
        layout: str = "mono",
        bit_rate: int = 64_000,
        flags: dict[str, str] | None = None,
        codec_flags: dict[str, str] | None = None,
        live: bool = False,
    ) -> bytes:
        channels = 2 if layout == "stereo" else 1
        # A hundred periods of 441 Hz or so begin and end with the same sample.
        period = [
            int(8000 * math.sin(at // channels * math.tau * 100 / (rate // 4))) for at in range(rate // 4 * channels)
        ]
        samples = int(seconds * rate)
        tone = (array.array("h", period).tobytes() * (int(seconds * 4) + 1))[: samples * channels * 2]
        path = folder / "recording"
        pipe = io.BytesIO()
        pipe.seekable = lambda: False  # type: ignore[method-assign]
        with av.open(pipe if live else path, "w", format=container, options=flags or {}) as output:
            options = {"strict": "experimental", **(codec_flags or {})}
            stream = output.add_stream(codec, rate=rate, layout=layout, options=options)
            stream.bit_rate = bit_rate
            resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
            block = rate // 10
            for start in range(0, samples, block):
                data = tone[start * channels * 2 : (start + block) * channels * 2]
                frame = av.AudioFrame(format="s16", layout=layout, samples=len(data) // channels // 2)
                frame.planes[0].update(data)
                frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
                for part in resampler.resample(frame):
                    output.mux(stream.encode(part))
            for part in resampler.resample(None):
                output.mux(stream.encode(part))
            output.mux(stream.encode(None))
        return pipe.getvalue() if live else path.read_bytes()

    return write


@pytest.fixture(scope="session")
def decoded_s() -> Callable[[bytes], float]:
    """Return how many seconds FFmpeg's libraries decode a recording to."""

    def decode(data: bytes) -> float:
        with av.open(io.BytesIO(data)) as recording:
            return sum(frame.samples / frame.sample_rate for frame in recording.decode(audio=0))

    return decode
