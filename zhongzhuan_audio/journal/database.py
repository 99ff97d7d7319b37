"""The SQLite file of a journal: opened, checked, brought up to date; its errors put into words."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from zhongzhuan_audio.errors import JournalError

__all__ = ["APPLICATION_ID", "STEPS", "VERSION", "explained", "open_database"]

APPLICATION_ID = 0x5A5A4A31
"""By which SQLite files of this package are known: "ZZJ1"."""

STEPS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE entries (
            key BLOB PRIMARY KEY, state TEXT NOT NULL, run TEXT, source TEXT NOT NULL, answer TEXT, error TEXT,
            retryable INTEGER, lost INTEGER NOT NULL DEFAULT 0, changed_at REAL NOT NULL
        )""",
        "CREATE INDEX entries_of_runs ON entries (run) WHERE run IS NOT NULL",
        "CREATE TABLE runs (name TEXT PRIMARY KEY)",
    ),
    ("CREATE TABLE digests (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, digest BLOB NOT NULL)",),
)
"""What makes the next version of the one before; the first makes it of nothing."""
VERSION: int = len(STEPS)

_PATIENCE_S = 60.0
"""How long another process may take to write."""
_NETWORK_PATIENCE_S = 1.0
_LOOK_S = 0.05


def open_database(path: Path, *, network: bool) -> sqlite3.Connection:
    """Open a journal's file, or make it. Blocks.

    Args:
        path: Of the file.
        network: Whether it lies on a network mount; then one process has it to itself.

    Raises:
        JournalError: It cannot be opened, is something else, or is of a newer version.
    """
    try:
        patience_s = _NETWORK_PATIENCE_S if network else _PATIENCE_S
        connection = sqlite3.connect(path, timeout=patience_s, isolation_level=None)
    except sqlite3.Error as error:
        raise explained(path, error) from error
    try:
        # In one transaction: another process may be making it just now.
        connection.execute("BEGIN")
        _check(connection, path)
        connection.execute("COMMIT")
        if network:
            # WAL keeps its index in shared memory, which machines do not share.
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        _set_mode(connection, "TRUNCATE" if network else "WAL")
        connection.execute("PRAGMA synchronous=FULL")
        _bring_up_to_date(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise explained(path, error, network=network) from error
    except BaseException:
        connection.close()
        raise
    return connection


def explained(path: Path, error: Exception, *, network: bool = False) -> JournalError:
    """Return what SQLite's error means to whoever keeps a journal."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name == "SQLITE_NOTADB":
        return _foreign(path)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        hint = "wait until it has ended, or give each process a journal of its own"
        where = " on a network mount, where only one can" if network else ""
        return JournalError(f"another process writes to the journal {path}{where}", hint=hint, retryable=True)
    # The second is what a full disk makes of the file that WAL shares its memory by.
    if name in {"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"}:
        hint = "make space and run it again: what is done stays done"
        return JournalError(f"the disk is full: {path} cannot be written", hint=hint, retryable=True)
    if name.startswith("SQLITE_CORRUPT"):
        return JournalError(f"the journal {path} is damaged: {error}", hint="move it away, or restore it from a copy")
    return JournalError(f"cannot use {path} as a journal: {error}", hint="check the path, its permissions and its disk")


def _foreign(path: Path) -> JournalError:
    return JournalError(f"{path} is something else than a journal", hint="name another file; this one is left alone")


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Find out whether the file is a journal, or empty, before anything is written into it."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application_id != APPLICATION_ID and (application_id or version or tables):
        raise _foreign(path)
    if version > VERSION:
        raise JournalError(
            f"the journal {path} was written by a newer version of this package",
            hint="pip install --upgrade zhongzhuan-audio",
        )


def _set_mode(connection: sqlite3.Connection, mode: str) -> None:
    """Set the journal mode; SQLite itself does not wait for another process that does the same just now."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode={mode}")
        except sqlite3.OperationalError as error:
            locked = error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
            if not locked or mode != "WAL" or time.monotonic() > end:
                raise
            time.sleep(_LOOK_S)
        else:
            return


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    # Another process may have done it while this one waited.
    _check(connection, path)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for step in STEPS[version:]:
        for statement in step:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={VERSION}")
    connection.execute("COMMIT")
