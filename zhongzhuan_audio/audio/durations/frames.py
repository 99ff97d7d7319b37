"""Counting the frames of a stream that has no index: all of them in a small one, samples of them in a large one."""

from __future__ import annotations

from collections.abc import Callable

from zhongzhuan_audio.audio.durations.reading import READ_BYTES, Reader

__all__ = ["Step", "follows", "measure"]

Step = Callable[[bytes, int], "tuple[int, float] | None"]
"""Takes data and an offset, and returns the bytes (at least 1) and the seconds of the frame that begins there; None
where none does."""

_WINDOW_BYTES = READ_BYTES
_WINDOWS = 14
_CONVINCING = 8
"""So many frames in a row are no accident."""
_CONVINCING_TO_THE_END = 3


def measure(reader: Reader, start: int, end: int, step: Step, *, reach: int) -> tuple[float | None, bool]:
    """Return how many seconds the frames between two offsets last, and whether all were counted.

    What is small is read whole. Of the rest, windows at even distances are: the mean of the seconds a byte, over bytes
    taken evenly, is that of the whole, however the bit rate varies; that errs by a few percent at most.

    Args:
        reader: The recording.
        start: Where the first frame begins.
        end: Where the last one ends.
        step: Reads a frame's header.
        reach: How many bytes a frame has at most.
    """
    windows = min(_WINDOWS, reader.reads_left)
    if end - start <= windows * _WINDOW_BYTES:
        data = b"".join(reader.some(at, min(READ_BYTES, end - at)) for at in range(start, end, READ_BYTES))
        seconds, covered = _count(data, 0, step)
        return (seconds, covered + reach > len(data)) if covered else (None, False)
    seconds, covered = 0.0, 0
    for number in range(windows):
        at = start + (end - start - _WINDOW_BYTES) * number // max(1, windows - 1)
        data = reader.some(at, _WINDOW_BYTES)
        # Without a frame's beginning among the first bytes, the window holds something else.
        first = next((i for i in range(min(reach, len(data))) if follows(data, i, step)), None)
        if first is not None:
            more_s, more_bytes = _count(data, first, step)
            seconds, covered = seconds + more_s, covered + more_bytes
    enough = covered and covered >= windows * _WINDOW_BYTES // 2
    return ((end - start) * seconds / covered if enough else None), False


def follows(data: bytes, at: int, step: Step) -> bool:
    """Say whether so many frames follow each other from `at` that this is where one begins."""
    for number in range(_CONVINCING):
        frame = step(data, at)
        if frame is None:
            return at >= len(data) - 8 and number >= _CONVINCING_TO_THE_END
        at += frame[0]
        if at >= len(data):
            return number + 1 >= _CONVINCING_TO_THE_END
    return True


def _count(data: bytes, at: int, step: Step) -> tuple[float, int]:
    """Return the seconds and the bytes of all whole frames from `at` on, past what is none."""
    seconds, covered = 0.0, 0
    while at < len(data):
        frame = step(data, at)
        if frame is None:
            at = next((i for i in range(at + 1, len(data)) if follows(data, i, step)), len(data))
            continue
        if at + frame[0] > len(data):
            break
        seconds, covered, at = seconds + frame[1], covered + frame[0], at + frame[0]
    return seconds, covered
