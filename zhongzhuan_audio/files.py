"""Writing a file whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

__all__ = ["replacing", "write_text"]


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a new file beside `path` that takes its place when the block ends well, and vanishes when it does not.

    A reader sees the old file or the new one, never a part; the bytes are on disk before the name is. As with a plain
    `open`, a symbolic link stays and the file that it leads to is replaced, and that file's permissions are kept.

    Raises:
        OSError: The folder is missing, full or not writable.
    """
    target = Path(os.path.realpath(path))
    kind = _kind(target)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if kind not in {None, stat.S_IFREG}:
        # Root could replace a device by a file; and writing into a pipe may wait for ever.
        raise OSError(errno.EINVAL, "it is no regular file", os.fspath(path))
    # 40 characters of a name are 160 bytes at most, well below the 255 that file systems take.
    draft = target.with_name(f".{target.name[:40]}.{secrets.token_hex(4)}.part")
    try:
        with draft.open("xb") as file:
            with suppress(FileNotFoundError):
                draft.chmod(stat.S_IMODE(target.stat().st_mode) & 0o777)
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except BaseException as error:
        with suppress(OSError):
            draft.unlink()
        if isinstance(error, OSError) and error.filename == os.fspath(draft):
            # Nobody has heard of the draft.
            raise OSError(error.errno, error.strerror, os.fspath(path)) from None
        raise


def _kind(path: Path) -> int | None:
    """Return what a path leads to, as `stat` has it; None where there is nothing yet."""
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except FileNotFoundError:
        return None


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write text as UTF-8, line ends as they are, whole or not at all.

    Raises:
        OSError: The folder is missing, full or not writable.
    """
    with replacing(path) as file:
        file.write(text.encode("utf-8", "replace"))
