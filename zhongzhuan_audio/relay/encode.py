"""Speech in the formats that are asked for, encoded as it is made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, final

from zhongzhuan_audio.relay.silence import SAMPLE_RATE, silence, wav_header
from zhongzhuan_audio.relay.voices import SpeechFormat

__all__ = ["Encoder"]

_CONTAINERS: dict[str, tuple[str, str, dict[str, str]]] = {
    "mp3": ("mp3", "libmp3lame", {"write_xing": "0", "id3v2_version": "0"}),
    "opus": ("ogg", "libopus", {"page_duration": "200000"}),
    "aac": ("adts", "aac", {}),
    "flac": ("flac", "flac", {}),
}
"""FFmpeg's muxer and encoder. MP3 goes without what stands at its beginning and could be written only at its end; Ogg
pages hold 0.2 s, so that little waits for a page to fill."""


@final
class Encoder:
    """Takes samples and gives bytes, 24 kHz mono in any format; for one thread."""

    def __init__(self, response_format: SpeechFormat, sample_rate: int) -> None:
        """Make an encoder.

        Args:
            response_format: What it gives.
            sample_rate: Of the samples that it will be given, in Hz.
        """
        import av

        self._format = response_format
        self._sample_rate = sample_rate
        self._out = _Collected()
        self._container: Any = None
        self._empty = True
        if response_format in _CONTAINERS:
            muxer, codec, options = _CONTAINERS[response_format]
            self._container = av.open(self._out, "w", format=muxer, options=options)
            self._stream = self._container.add_stream(codec, rate=SAMPLE_RATE, layout="mono")
        else:
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)

    def add(self, samples: Any) -> bytes:
        """Take an array of 16-bit samples and give the bytes that are ready."""
        import av

        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self._sample_rate
        return self._encode(frame)

    def finish(self) -> bytes:
        """Give the bytes that are left; where there were no samples at all, a tenth of a second of silence."""
        if self._empty:
            return silence(self._format)
        last = self._encode(None)
        if self._container is not None:
            self._container.close()
        return last + self._out.take()

    def _encode(self, frame: Any) -> bytes:
        if self._container is not None:
            self._container.mux(self._stream.encode(frame))
        else:
            if self._empty and self._format == "wav":
                self._out.write(wav_header())
            self._write(self._resampler.resample(frame))
        self._empty = False
        return self._out.take()

    def _write(self, frames: Iterable[Any]) -> None:
        for frame in frames:
            self._out.write(frame.to_ndarray().tobytes())


@final
class _Collected:
    """A file that can be written but not gone back in, as a connection."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def take(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data
