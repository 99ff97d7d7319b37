"""Stdin as one of the recordings."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, TypeAlias, cast

from zhongzhuan_audio.cli.named import STDIN, Recording
from zhongzhuan_audio.errors import AudioSourceError

if TYPE_CHECKING:
    from io import BufferedReader

__all__ = ["Stdin", "open_stdin"]

Stdin: TypeAlias = "IO[bytes] | AsyncIterator[bytes]"

_CHUNK_BYTES = 64 * 1024


def open_stdin(recordings: Sequence[Recording], stack: ExitStack) -> Stdin | None:
    """Return what stdin holds, read to its end, where that is one of the recordings."""
    if all(recording.name != STDIN for recording in recordings):
        return None
    kept = stack.enter_context(_kept())
    return _failing(kept) if isinstance(kept, AudioSourceError) else kept


async def _failing(error: AudioSourceError) -> AsyncIterator[bytes]:
    """Be a recording that cannot be read."""
    for _ in range(1):
        raise error
    yield b""


@contextmanager
def _kept() -> Iterator[IO[bytes] | AudioSourceError]:
    """Read stdin to its end, and give it as a file that can be sent more than once, or the error that it ended with.

    It is read here and not by the client: a thread that waits for a terminal cannot be interrupted.
    """
    from zhongzhuan_audio.upload.spool import MAX_SPOOLED_BYTES, too_long

    with tempfile.TemporaryFile() as kept:
        left, stdin = MAX_SPOOLED_BYTES, cast("BufferedReader", sys.stdin.buffer)
        try:
            # Piece by piece: a signal between two reads within one call would wait for the next bytes.
            while (chunk := stdin.read1(_CHUNK_BYTES)) and (left := left - len(chunk)) >= 0:
                kept.write(chunk)
            kept.seek(0)
            if left < 0:
                kept.truncate()
        except OSError as error:
            yield AudioSourceError(f"cannot read stdin: {error.strerror or error}", source="stdin")
        else:
            yield kept if left >= 0 else too_long("stdin", MAX_SPOOLED_BYTES)
