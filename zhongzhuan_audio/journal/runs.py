"""Who is at work with a journal: runs, each known by a locked file that is free the moment its process ends."""

from __future__ import annotations

import os
import re
import secrets
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["Run", "is_alive", "on_network", "sweep"]

_NAME_CHARS = 16
_NAME = re.compile(rf"[0-9a-f]{{{_NAME_CHARS}}}")
_ATTEMPTS = 100

_MOUNTS = Path("/proc/mounts")
_NETWORKS = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"}
)
_NETWORKS_OF_FUSE = ("fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.glusterfs", "fuse.ceph", "fuse.davfs", "fuse.gvfs")


class Run:
    """One opening of a journal; its file stays locked until it is closed or its process ends, by whatever signal."""

    def __init__(self, journal: Path) -> None:
        """Begin one.

        Raises:
            OSError: The file cannot be made, or not be locked.
        """
        for _ in range(_ATTEMPTS):
            self.name: str = secrets.token_hex(_NAME_CHARS // 2)
            self._path = _file_of(journal, self.name)
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
            try:
                # Until it is locked, another opening takes it for a leftover: it may have it locked, or removed.
                if _lock(self._fd) and _is_there(self._path, self._fd):
                    return
            except BaseException:  # pragma: no cover - a file system without locks
                self.close()
                raise
            self.close()
        raise OSError(f"{self._path} cannot be locked")  # pragma: no cover - a file system without locks

    def close(self) -> None:
        """End it."""
        with suppress(OSError):
            self._path.unlink()
        os.close(self._fd)


def is_alive(journal: Path, name: str) -> bool:
    """Tell whether a run goes on; the file of one that does not is removed."""
    path = _file_of(journal, name)
    try:
        fd = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return False
    try:
        if not _lock(fd):
            return True
        with suppress(OSError):
            path.unlink()
        return False
    finally:
        os.close(fd)


def sweep(journal: Path) -> None:
    """Remove the files of runs that were killed before the journal knew of them. Blocks.

    Such a file is empty and nobody has it locked. A run that has just made its own makes another one then.
    """
    beginning = _file_of(journal, "").name
    # Whatever cannot be removed is in nobody's way.
    with suppress(OSError), os.scandir(journal.parent) as files:
        for file in files:
            name = file.name.removeprefix(beginning)
            if name != file.name and _NAME.fullmatch(name):
                with suppress(OSError):
                    if file.stat().st_size == 0:
                        is_alive(journal, name)


def on_network(path: Path, *, mounts: Path = _MOUNTS) -> bool:
    """Tell whether a file lies on a network mount; where the system does not list its mounts, it is taken as local.

    Source: proc(5); the names are those of Linux' file systems.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    place, kind, longest = str(path), "", -1
    for line in lines:
        _, point, found, *_ = [*line.split(" "), "", "", ""]
        point = _unescaped(point)
        inside = point in {"/", place} or place.startswith(f"{point}/")
        # The last of two mounts on one place is the one that is seen.
        if inside and len(point) >= longest:
            kind, longest = found, len(point)
    return kind in _NETWORKS or kind.startswith(_NETWORKS_OF_FUSE)


def _unescaped(point: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, char)
    return point


def _is_there(path: Path, fd: int) -> bool:
    """Tell whether a path still leads to an open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False


def _file_of(journal: Path, name: str) -> Path:
    return journal.with_name(f"{journal.name}-run-{name}")


if sys.platform == "win32":  # pragma: no cover - Windows
    import msvcrt

    def _lock(fd: int) -> bool:
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
