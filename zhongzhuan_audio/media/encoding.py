"""Blocks of 16 kHz mono samples -> a small file that every relay takes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import IO, Any, Literal, TypeAlias, final

from zhongzhuan_audio.audio import AudioFormat, formats
from zhongzhuan_audio.media.extra import check_media
from zhongzhuan_audio.media.keeping import keeping, temporary_file
from zhongzhuan_audio.media.samples import SAMPLE_RATE, Samples

__all__ = ["BIT_RATES", "FORMATS", "USUAL_BIT_RATES", "Encoding", "encode", "flac_bytes"]

Encoding: TypeAlias = Literal["opus", "mp3", "flac"]
"""Opus in Ogg, MP3, or FLAC, which loses nothing."""

FORMATS: dict[Encoding, AudioFormat] = {"opus": formats.OGG, "mp3": formats.MP3, "flac": formats.FLAC}
BIT_RATES: dict[Encoding, int] = {"opus": 24_000, "mp3": 48_000, "flac": 264_000}
"""Bits for a second of sound: what is aimed at, and for FLAC the most, which noise takes."""

USUAL_BIT_RATES: dict[Encoding, int] = {**BIT_RATES, "flac": 140_000}
"""The same, but for FLAC what it makes of speech, about."""

# At full effort Opus takes twice the time, and at its usual one MP3 half as long again, for as many word errors.
_CODECS: dict[Encoding, tuple[str, str, dict[str, str]]] = {
    "opus": ("ogg", "libopus", {"application": "voip", "compression_level": "3"}),
    "mp3": ("mp3", "libmp3lame", {"compression_level": "7"}),
    "flac": ("flac", "flac", {}),
}


def encode(blocks: Iterable[Samples], encoding: Encoding, *, label: str) -> IO[bytes]:
    """Return a temporary file with the sound encoded; it vanishes when it is closed. Blocks; for a thread.

    Args:
        blocks: Samples of one channel, (count,) each; what they raise comes out as it is.
        encoding: What to make.
        label: What to call the recording in a message.

    Raises:
        MissingExtraError: The extra ``media`` is not installed.
        AudioSourceError: The temporary folder is full or not writable.
    """
    check_media()
    file = temporary_file(label)
    try:
        _encode(blocks, encoding, _Sink(file, label))
    except BaseException:
        file.close()
        raise
    return file


def _encode(blocks: Iterable[Samples], encoding: Encoding, sink: _Sink) -> None:
    import av
    from av.error import FFmpegError

    muxer, codec, options = _CODECS[encoding]
    try:
        with av.open(sink, "w", format=muxer) as container:
            stream: Any = container.add_stream(codec, rate=SAMPLE_RATE, layout="mono", options=options)
            if encoding != "flac":
                stream.bit_rate = BIT_RATES[encoding]
            count = 0
            for block in blocks:
                frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="mono")
                frame.sample_rate = SAMPLE_RATE
                frame.pts = count
                count += len(block)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        sink.flush()
    except FFmpegError:
        if sink.error is not None:
            raise sink.error from None
        raise


def flac_bytes(blocks: Iterable[Samples]) -> Iterator[int]:
    """Yield how many bytes FLAC makes of each block, about: a third of a second of it may count with the next one.

    What stands before the sound in a file does not count. Blocks; for a thread.
    """
    import av

    encoder: Any = av.CodecContext.create("flac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = SAMPLE_RATE, "mono", "s16"
    for block in blocks:
        frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        yield sum(packet.size for packet in encoder.encode(frame))
    yield sum(packet.size for packet in encoder.encode(None))


@final
class _Sink:
    """The temporary file as FFmpeg writes it; what goes wrong is kept, for a library in C may lose it."""

    def __init__(self, file: IO[bytes], label: str) -> None:
        self._file = file
        self._label = label
        self.error: BaseException | None = None

    def write(self, data: bytes) -> int:
        try:
            with keeping(self._label):
                return self._file.write(data)
        except BaseException as error:
            self.error = error
            raise

    def flush(self) -> None:
        with keeping(self._label):
            self._file.flush()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
