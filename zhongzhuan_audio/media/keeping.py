"""Temporary files: without a name where the system can, so that not even a kill leaves anything behind."""

from __future__ import annotations

import tempfile
from typing import IO, final

from zhongzhuan_audio.errors import AudioSourceError

__all__ = ["keeping", "temporary_file"]


@final
class keeping:  # noqa: N801 - reads as a verb at the `with`
    """Turns what the temporary folder complains of into an `AudioSourceError`."""

    def __init__(self, label: str) -> None:
        self._label = label

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OSError):
            raise AudioSourceError(
                f"cannot keep {self._label} in a temporary file: {error.strerror or error}",
                hint="free space, or set TMPDIR to a folder that has some",
                source=self._label,
            ) from error


def temporary_file(label: str) -> IO[bytes]:
    """Return a file that vanishes when it is closed.

    Raises:
        AudioSourceError: The temporary folder is full or not writable.
    """
    with keeping(label):
        return tempfile.TemporaryFile()
