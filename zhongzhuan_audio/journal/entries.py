"""What a journal holds, read and written inside of a transaction that somebody else begins and ends."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import attrs
import cattrs

from zhongzhuan_audio.models import Transcription

__all__ = [
    "Claim",
    "Stamp",
    "State",
    "answer_to",
    "begin_run",
    "bury",
    "claim",
    "digest_of",
    "end_run",
    "fail",
    "finish",
    "keep_digest",
    "lose",
    "release",
    "runs",
    "state_of",
]

Found: TypeAlias = Literal["ours", "done", "busy", "lost"]
"""Whether it is ours to ask for, was answered, is being asked for by another run (or twice by ours), or may have been
billed in vain and is left to the user."""

State: TypeAlias = Literal["started", "done", "failed", "maybe-billed"]
"""How far a question is."""

_converter = cattrs.Converter()


@attrs.frozen(kw_only=True)
class Claim:
    """What a journal knows of something that is to be asked."""

    found: Found
    answer: str | None = None
    """Where it was answered: the transcription, to be read by `transcription`."""
    lost: int = 0
    """How many earlier requests for it may have been billed and gave nothing."""

    def transcription(self) -> Transcription:
        """Return the answer."""
        return _converter.structure(json.loads(self.answer or "{}"), Transcription)


@attrs.frozen(kw_only=True)
class Stamp:
    """By which a file that has not changed is known again."""

    path: bytes
    size_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Stamp:
        """Return a file's own. Blocks.

        Raises:
            OSError: There is no such file.
        """
        found = os.stat(path)  # noqa: PTH116 - paths come as strings, a million of them
        return cls(path=os.fsencode(os.path.abspath(path)), size_bytes=found.st_size, mtime_ns=found.st_mtime_ns)  # noqa: PTH100 - links stay


def begin_run(connection: sqlite3.Connection, run: str) -> None:
    """Take note of a run that begins."""
    connection.execute("INSERT INTO runs VALUES (?)", (run,))


def end_run(connection: sqlite3.Connection, run: str) -> None:
    """Take note of the end of a run in order: what it had claimed and not sent is free."""
    for (key,) in connection.execute("SELECT key FROM entries WHERE run=?", (run,)).fetchall():
        release(connection, key)
    connection.execute("DELETE FROM runs WHERE name=?", (run,))


def runs(connection: sqlite3.Connection) -> list[str]:
    """Return the runs that have not ended in order."""
    return [name for (name,) in connection.execute("SELECT name FROM runs")]


def bury(connection: sqlite3.Connection, run: str) -> None:
    """Free what a run had under way that was killed: each of these may have been billed."""
    connection.execute(
        "UPDATE entries SET state='maybe-billed', run=NULL, lost=lost+1, changed_at=? WHERE run=?", (time.time(), run)
    )
    connection.execute("DELETE FROM runs WHERE name=?", (run,))


def claim(
    connection: sqlite3.Connection,
    key: bytes,
    source: str,
    run: str,
    *,
    again: bool,
    is_alive: Callable[[str], bool],
    instead: Sequence[bytes] = (),
) -> Claim:
    """Make something ours to ask for, unless it was answered or is another's.

    Args:
        connection: In a transaction.
        key: What.
        source: The recording's name, for whoever looks into the journal.
        run: Ours.
        again: Whether to ask again for what may have been billed.
        is_alive: Tells whether another run goes on.
        instead: Questions whose answers hold all that ours would.
    """
    state, owner, answer, lost = _row(connection, key)
    if state == "started" and owner != run and not is_alive(owner):
        bury(connection, owner)
        state, owner, answer, lost = _row(connection, key)
    if state == "done":
        return Claim(found="done", answer=answer, lost=lost)
    for other in instead:
        state_of_other, _, answer, lost_of_other = _row(connection, other)
        if state_of_other == "done":
            return Claim(found="done", answer=answer, lost=lost + lost_of_other)
    if state == "started":
        return Claim(found="busy", lost=lost)
    if state == "maybe-billed" and not again:
        return Claim(found="lost", lost=lost)
    connection.execute(
        "INSERT INTO entries (key, state, run, source, changed_at) VALUES (?, 'started', ?, ?, ?) ON CONFLICT (key) DO"
        " UPDATE SET state='started', run=excluded.run, source=excluded.source, changed_at=excluded.changed_at",
        (key, run, source.encode("utf-8", "replace").decode(), time.time()),
    )
    return Claim(found="ours", lost=lost)


def finish(connection: sqlite3.Connection, key: bytes, transcription: Transcription) -> None:
    """Keep an answer."""
    connection.execute(
        "UPDATE entries SET state='done', run=NULL, answer=?, error=NULL, retryable=NULL, changed_at=? WHERE key=?",
        # ASCII: a lone surrogate could not be kept.
        (json.dumps(_converter.unstructure(transcription)), time.time(), key),
    )


def fail(connection: sqlite3.Connection, key: bytes, error: str, *, retryable: bool, lost: int) -> None:
    """Keep a failure; `lost` of its requests may have been billed, those aside that are counted already."""
    connection.execute(
        "UPDATE entries SET state=?, run=NULL, error=?, retryable=?, lost=lost+?, changed_at=? WHERE key=?",
        ("maybe-billed" if lost else "failed", error, retryable, lost, time.time(), key),
    )


def release(connection: sqlite3.Connection, key: bytes) -> None:
    """Free what was claimed and not sent: it is as far as it was before."""
    connection.execute("DELETE FROM entries WHERE key=? AND lost=0 AND error IS NULL", (key,))
    connection.execute(
        "UPDATE entries SET state=CASE WHEN lost>0 THEN 'maybe-billed' ELSE 'failed' END, run=NULL WHERE key=?", (key,)
    )


def lose(connection: sqlite3.Connection, key: bytes) -> None:
    """Count a request that may have been billed in vain; the question is still being asked."""
    connection.execute("UPDATE entries SET lost=lost+1 WHERE key=?", (key,))


def state_of(connection: sqlite3.Connection, key: bytes, instead: Sequence[bytes] = ()) -> State | None:
    """Return how far a question is; None where it was never asked.

    Args:
        connection: In a transaction.
        key: What.
        instead: As in `claim`.
    """
    state: State | None = _row(connection, key)[0]
    return "done" if any(_row(connection, other)[0] == "done" for other in instead) else state


def answer_to(connection: sqlite3.Connection, key: bytes) -> Transcription | None:
    """Return the answer to a question; None where there is none."""
    state, _, answer, _ = _row(connection, key)
    return Claim(found="done", answer=answer).transcription() if state == "done" else None


def digest_of(connection: sqlite3.Connection, stamp: Stamp) -> bytes | None:
    """Return the digest of a file that has not changed since it was kept."""
    row = connection.execute(
        "SELECT digest FROM digests WHERE path=? AND size=? AND mtime_ns=?",
        (stamp.path, stamp.size_bytes, stamp.mtime_ns),
    ).fetchone()
    return None if row is None else row[0]


def keep_digest(connection: sqlite3.Connection, stamp: Stamp, digest: bytes) -> None:
    """Keep a file's digest."""
    connection.execute(
        "INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)", (stamp.path, stamp.size_bytes, stamp.mtime_ns, digest)
    )


def _row(connection: sqlite3.Connection, key: bytes) -> Any:
    row = connection.execute("SELECT state, run, answer, lost FROM entries WHERE key=?", (key,)).fetchone()
    return row or (None, None, None, 0)
