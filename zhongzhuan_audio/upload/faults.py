"""What the system says of a file, in words that help."""

from __future__ import annotations

import errno

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.errors import AudioSourceError
from zhongzhuan_audio.upload.accepted import ACCEPTED

__all__ = ["explained"]


class explained:  # noqa: N801 - reads as a verb at the `with`
    """Turns an OSError into an `AudioSourceError`; a class, since a generator costs more than the reads it guards."""

    def __init__(self, label: str) -> None:
        self._label = label

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OSError):
            raise _source_error(self._label, error) from error


_NUMBERS: dict[type[OSError], int] = {
    FileNotFoundError: errno.ENOENT,
    NotADirectoryError: errno.ENOTDIR,
    PermissionError: errno.EACCES,
    IsADirectoryError: errno.EISDIR,
}


def _source_error(label: str, error: OSError) -> AudioSourceError:
    reasons = {
        errno.ENOENT: (f"no such file: {label}", "check the path"),
        errno.ENOTDIR: (f"no such file: {label}", "check the path"),
        errno.EACCES: (f"{label} may not be read by this user", "check its permissions"),
        errno.EPERM: (f"{label} may not be read by this user", "check its permissions"),
        errno.EISDIR: (f"{label} is a folder", "give a file"),
        errno.ENAMETOOLONG: ("the path is too long to be a file's name", ACCEPTED),
        errno.EMFILE: (f"cannot open {label}: too many open files", "raise `ulimit -n`, or lower the concurrency"),
    }
    hint: str | None
    # A path that is none of this system's has no number for what went wrong, only the exception's class.
    number = error.errno or next((number for kind, number in _NUMBERS.items() if isinstance(error, kind)), 0)
    message, hint = reasons.get(number, (f"cannot read {label}: {error.strerror or error}", None))
    if label.startswith(("http://", "https://")):
        message = f"{label} is an address, not a file"
        hint = Advice("download it first, or give its bytes", command="download it first")
    return AudioSourceError(message, hint=hint, source=label)
