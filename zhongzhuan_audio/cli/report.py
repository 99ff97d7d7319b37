"""What came of each recording, as a table: report.csv and report.json beside the transcripts."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from zhongzhuan_audio.files import replacing

__all__ = ["REPORTS", "Report"]

REPORTS = ("report.csv", "report.json")
"""Names of its files."""

_COLUMNS: tuple[str, ...] = (
    "source",
    "status",
    "outputs",
    "partial",
    "missing",
    "error",
    "message",
    "hint",
    "status_code",
    "retryable",
    "attempts",
    "billed",
    "maybe_billed",
    "lost_before",
    "from_journal",
    "audio_s",
    "charged_s",
    "duration",
    "language",
    "suspicious",
    "dropped",
    "coverage",
    "gaps",
    "skipped_s",
    "damage",
    "seconds",
    "request_id",
)
_LISTS = ("outputs", "partial", "missing")
"""Columns with several values."""


_UNKNOWN: dict[str, Any] = {**dict.fromkeys(_COLUMNS), **{name: [] for name in _LISTS}}
"""A row of which nothing is known."""


class Report:
    """Rows are kept in a file without a name until the block ends, so that a million of them fill no memory.

    What an earlier report says of recordings that this one has no row for stays in it.
    """

    def __init__(self, folder: Path) -> None:
        """Begin one.

        Args:
            folder: Where its files belong.

        Raises:
            OSError: Nothing can be written there.
        """
        self._csv, self._json = (folder / name for name in REPORTS)
        self._draft: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed at the end of the block
        self._lock = threading.Lock()
        self._sources: set[str] = set()
        self._unsent: list[str] = []
        self.error: OSError | None = None
        """Why it could not be written."""

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Write its files, however the block ends."""
        try:
            if self.error is None and (self._sources or self._unsent):
                with replacing(self._json) as as_json, replacing(self._csv) as as_csv:
                    _write(self._rows(), as_json, as_csv)
        except OSError as failure:
            self.error = failure
        finally:
            with suppress(OSError):
                self._draft.close()

    def add(self, row: Mapping[str, Any]) -> None:
        """Take a row, by the names of its columns; others are left out, and what is missing is None.

        Any thread may call it.
        """
        with self._lock:
            self._sources.add(row["source"])
            try:
                self._draft.write(_line(row))
            except OSError as error:
                self.error = error

    def leave_out(self, sources: Iterable[str]) -> None:
        """Take note of recordings that were not sent; an earlier report's rows of them stay."""
        self._unsent.extend(sources)

    def _rows(self) -> Iterator[dict[str, Any]]:
        self._draft.seek(0)
        yield from map(json.loads, self._draft)
        for row in _earlier(self._json):
            if row["source"] not in self._sources:
                self._sources.add(row["source"])
                yield {**_UNKNOWN, **row}
        for source in self._unsent:
            if source not in self._sources:
                yield {**_UNKNOWN, "source": source, "status": "not sent", "billed": "no"}


def _line(row: Mapping[str, Any]) -> bytes:
    # ASCII: a name may hold bytes that are no characters at all.
    return json.dumps({name: row.get(name, unknown) for name, unknown in _UNKNOWN.items()}).encode() + b"\n"


def _earlier(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of an earlier report, which has one a line; none of what is no report."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            with suppress(ValueError):
                row = json.loads(line.strip().removesuffix(b","))
                if isinstance(row, dict) and isinstance(row.get("source"), str):
                    yield row


def _write(rows: Iterable[dict[str, Any]], as_json: IO[bytes], as_csv: IO[bytes]) -> None:
    # Excel takes a CSV file without the mark for one in the system's own code page.
    table = io.TextIOWrapper(as_csv, encoding="utf-8-sig", errors="backslashreplace", newline="", write_through=True)
    writer = csv.DictWriter(table, _COLUMNS, restval="", extrasaction="ignore")
    writer.writeheader()
    mark = b"[\n"
    for row in rows:
        as_json.write(mark + json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace"))
        writer.writerow({**row, **{name: "\n".join(row.get(name) or ()) for name in _LISTS}})
        mark = b",\n"
    as_json.write(b"\n]\n")
    table.detach()
