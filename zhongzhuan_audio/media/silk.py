"""Decoding SILK, which WeChat and QQ record voice messages in, and FFmpeg does not know.

Source: Skype's SILK SDK: a header, then packets of 20 ms, each behind its size in two bytes; -1 for a size ends them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, final

from zhongzhuan_audio.audio.duration import Probe
from zhongzhuan_audio.media.keeping import keeping, temporary_file
from zhongzhuan_audio.media.left import check_left
from zhongzhuan_audio.media.recording import Recording
from zhongzhuan_audio.media.samples import SAMPLE_BYTES, SAMPLE_RATE, Samples

__all__ = ["SilkTrack", "open_silk"]

_MAGIC = b"#!SILK_V3"
_PACKET_S = 0.02
_SILENCE = bytes(int(_PACKET_S * SAMPLE_RATE) * SAMPLE_BYTES)
_MOST_PACKET_BYTES = 640
"""The decoder takes no more: 256 kbit/s, ten times what anybody uses."""
_READ_BYTES = 64 * 1024


@contextmanager
def open_silk(recording: Recording, told: Probe | None, *, mono: bool) -> Iterator[SilkTrack]:
    """Open a SILK recording, which has one channel; it is decoded into a temporary file at once.

    Raises:
        AudioSourceError: It cannot be read, or nothing of it decoded.
    """
    with temporary_file(recording.label) as file:
        yield SilkTrack(recording, file, told.duration_s if told and told.exact else None, mono=mono)


@final
class SilkTrack:
    """The sound of a SILK recording."""

    def __init__(self, recording: Recording, file: IO[bytes], duration_s: float | None, *, mono: bool) -> None:
        self._recording = recording
        self._file = file
        self._mono = mono
        self.channels: int = 1
        self.duration_s: float | None = duration_s
        self.lost_s: float = 0.0

    def blocks(self) -> Iterator[Samples]:
        """Yield the samples, with silence for what cannot be decoded."""
        import numpy as np

        self._decode()
        self._file.seek(0)
        while data := self._file.read(SAMPLE_RATE * SAMPLE_BYTES):
            block = np.frombuffer(data, np.int16)
            yield block if self._mono else block.reshape(1, -1)

    def _decode(self) -> None:
        """Decode all of it into the file; a broken packet makes the decoder begin anew behind it."""
        import pysilk

        label, broken = self._recording.label, 0
        passage: Any = _Passage(_packets(self._recording), self._file, label)
        while not passage.ended:
            try:
                pysilk.decode(passage.anew(), passage, SAMPLE_RATE)
            except pysilk.SilkError:
                broken += 1
                passage.write(_SILENCE)
        missing_s = (self.duration_s or 0.0) - passage.written * _PACKET_S
        self.lost_s = broken * _PACKET_S + max(0.0, missing_s)
        check_left(label, max(0, passage.written - broken) * _PACKET_S, self.lost_s)


@final
class _Passage:
    """What the decoder reads packets from, behind a header each time that it begins, and writes samples to."""

    def __init__(self, packets: Iterator[tuple[bytes, bytes]], file: IO[bytes], label: str) -> None:
        self._packets = packets
        self._parts: deque[bytes] = deque()
        self._file = file
        self._label = label
        self.ended = False
        self.written = 0

    def anew(self) -> _Passage:
        """Give the header first."""
        self._parts = deque([_MAGIC])
        return self

    def read(self, _: int) -> bytes:
        """Return what the decoder asks for: the header, a packet's size, the packet."""
        if not self._parts:
            self._parts.extend(next(self._packets, ()))
            self.ended = not self._parts
        return self._parts.popleft() if self._parts else b""

    def write(self, data: bytes) -> int:
        """Keep the samples of a packet."""
        self.written += 1
        with keeping(self._label):
            return self._file.write(data)


def _packets(recording: Recording) -> Iterator[tuple[bytes, bytes]]:
    """Give each packet's size, as two bytes, and the packet, up to the end or to what cannot be one."""
    offset, at = recording.head().find(_MAGIC) + len(_MAGIC), 0
    data = b""
    while True:
        if len(data) - at < 2 + _MOST_PACKET_BYTES:
            more = recording.read(offset, _READ_BYTES)
            data, at, offset = data[at:] + more, 0, offset + len(more)
        size = int.from_bytes(data[at : at + 2], "little")
        end = at + 2 + size
        if at + 2 > len(data) or size > _MOST_PACKET_BYTES or end > len(data):
            return
        yield data[at : at + 2], data[at + 2 : end]
        at = end
