"""A recording's samples on disk, from which stretches are cut."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import final

from zhongzhuan_audio.media.keeping import keeping, temporary_file
from zhongzhuan_audio.media.samples import SAMPLE_BYTES, SAMPLE_RATE, Samples
from zhongzhuan_audio.upload.readers import pread
from zhongzhuan_audio.upload.spool import MAX_SPOOLED_BYTES, too_long

__all__ = ["Pcm"]


@final
class Pcm:
    """16 kHz mono samples in a temporary file, which vanishes when this is closed; 32 kB for each second."""

    def __init__(self, label: str, *, max_bytes: int = MAX_SPOOLED_BYTES) -> None:
        """Begin an empty one.

        Args:
            label: What to call the recording in a message.
            max_bytes: The most that is kept.

        Raises:
            AudioSourceError: The temporary folder is not writable.
        """
        self.label: str = label
        self.samples: int = 0
        self._max_bytes = max_bytes
        self._file = temporary_file(label)
        self._lock = threading.Lock()

    @property
    def duration_s(self) -> float:
        """Return the length in seconds."""
        return self.samples / SAMPLE_RATE

    def append(self, block: Samples) -> None:
        """Write more samples, (count,), behind the others. Blocks.

        Raises:
            AudioSourceError: There are too many, or the temporary folder is full.
        """
        self.samples += len(block)
        if self.samples * SAMPLE_BYTES > self._max_bytes:
            raise too_long(self.label, self._max_bytes)
        with keeping(self.label):
            self._file.write(block.tobytes())

    def finish(self) -> None:
        """Have everything written. Blocks.

        Raises:
            AudioSourceError: The temporary folder is full.
        """
        with keeping(self.label):
            self._file.flush()

    def blocks(self, start_s: float = 0.0, end_s: float | None = None) -> Iterator[Samples]:
        """Yield a stretch, a second at a time, from any thread. Blocks.

        Args:
            start_s: Where it begins, in seconds.
            end_s: Where it ends; None or more than there is means at the end.
        """
        import numpy as np

        at = max(0, round(start_s * SAMPLE_RATE))
        end = self.samples if end_s is None else min(self.samples, round(end_s * SAMPLE_RATE))
        while at < end:
            data = bytearray(min(SAMPLE_RATE, end - at) * SAMPLE_BYTES)
            # Where the system cannot read at an offset, readers share one position.
            with self._lock:
                count = pread(self._file.fileno(), memoryview(data), at * SAMPLE_BYTES)
            yield np.frombuffer(data, np.int16, count // SAMPLE_BYTES)
            at += count // SAMPLE_BYTES

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
