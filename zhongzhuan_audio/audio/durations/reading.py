"""Few and small reads of a recording, and what they may tell."""

from __future__ import annotations

from collections.abc import Callable

import attrs

__all__ = ["MOST_READS", "READ_BYTES", "Probe", "ReadAt", "Reader", "UnreadableError"]

MOST_READS = 20
"""How often a recording is read at most."""
READ_BYTES = 1 << 16
"""How much one read asks for at most."""
_LEAST_BYTES = 1 << 12

ReadAt = Callable[[int, int], bytes]
"""Takes an offset and a number of bytes, and returns these bytes; fewer at the end of the recording."""


@attrs.frozen(kw_only=True)
class Probe:
    """What a recording's header tells."""

    duration_s: float | None = None
    """The length in seconds, finite and at least 0; None where it cannot be told."""
    channels: int | None = None
    """How many channels the header names; None where it names none."""
    sample_rate: int | None = None
    """Samples of a channel a second, as the header says; None where it does not."""
    exact: bool = False
    """True where the file itself tells the length, or every frame was counted: right to a frame or two of the codec,
    unless the file was cut off. False where it was estimated from samples of the stream, or from the file's size where
    the header does not fit it."""


class UnreadableError(Exception):
    """The recording ends too early, is damaged, or would take too many reads. Does not leave the package."""


class Reader:
    """Reads at most `MOST_READS` times, at most `READ_BYTES` each, and keeps what it has read."""

    def __init__(self, read_at: ReadAt, size_bytes: int) -> None:
        """Read by `read_at` from a recording of `size_bytes`."""
        self.size_bytes = size_bytes
        self._read_at = read_at
        self._blocks: list[tuple[int, bytes]] = []

    @property
    def reads_left(self) -> int:
        """How many reads may follow."""
        return MOST_READS - len(self._blocks)

    def some(self, at: int, count: int) -> bytes:
        """Return `count` bytes, at most `READ_BYTES`; fewer where the recording ends."""
        count = min(count, READ_BYTES, self.size_bytes - at)
        if at < 0 or count <= 0:
            return b""
        for start, block in self._blocks:
            if start <= at and at + count <= start + len(block):
                return block[at - start : at - start + count]
        if not self.reads_left:
            raise UnreadableError
        block = self._read_at(at, min(max(count, _LEAST_BYTES), self.size_bytes - at))
        self._blocks.append((at, block))
        return block[:count]

    def all(self, at: int, count: int) -> bytes:
        """Return exactly `count` bytes; `UnreadableError` where there are fewer."""
        data = self.some(at, count)
        if len(data) < count:
            raise UnreadableError
        return data
