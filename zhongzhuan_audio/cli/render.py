"""What the command prints: transcripts as bytes on stdout; progress, results and complaints on stderr."""

from __future__ import annotations

import errno
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from zhongzhuan_audio.cli.wording import reason_of
from zhongzhuan_audio.errors import AudioSourceError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from zhongzhuan_audio.cli.tally import Tally
    from zhongzhuan_audio.events import Event

__all__ = ["Reporter", "complain", "logging_to_stderr", "one_line", "print_bytes"]

_NAME_WIDTH = 100
_ROWS = 8
"""How many uploads are shown."""


def one_line(text: str) -> str:
    """Return the text on one line, with control characters shown and not obeyed: relays' own words come this way."""
    return "".join(
        ch if ch.isprintable() else " " if ch.isspace() else ch.encode("unicode_escape").decode("ascii") for ch in text
    )


def complain(text: str) -> None:
    """Write a line to stderr; one that nobody can read is not worth failing for."""
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(f"{one_line(text)}\n")
            sys.stderr.flush()


def print_bytes(data: bytes) -> bool:
    """Write to stdout, whatever its encoding.

    Returns:
        Whether all of it was taken; False where the reader has gone away, as ``head`` does.

    Raises:
        OSError: It cannot be written: the disk is full, say.
    """
    if sys.stdout is None:
        raise OSError(errno.EBADF, "it is closed")
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        # What is left in the buffer would be written again, and fail again, when the interpreter ends.
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)
        # Windows says EINVAL of a pipe without a reader.
        if isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL):
            return False
        raise
    return True


@contextmanager
def logging_to_stderr(*, wanted: bool) -> Iterator[None]:
    """Show this package's log, down to its details, as long as the block runs."""
    if not wanted:
        yield
        return
    logger = logging.getLogger("zhongzhuan_audio")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class Reporter(AbstractContextManager["Reporter"]):
    """Tells on stderr how the work goes: a bar where stderr is a terminal, else only lines.

    Its methods may be called from any thread.
    """

    def __init__(self, total: int, *, bar: bool = True, lines: bool = True) -> None:
        """Make a reporter.

        Args:
            total: How many recordings there are.
            bar: Whether a terminal may get a bar; it does not go with a log.
            lines: Whether what is done gets a line each, too, where there is no bar.
        """
        self._total = total
        self._lines = lines
        self._progress = _progress() if bar and sys.stderr is not None and sys.stderr.isatty() else None
        self._whole: TaskID | None = None
        self._rows: dict[str, TaskID] = {}
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        """Show the bar."""
        if self._progress is not None:
            self._progress.start()
            if self._total > 1:
                self._whole = self._progress.add_task(f"0 of {self._total}", total=self._total)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()

    def say(self, text: str) -> None:
        """Write a line, above the bar if there is one."""
        if self._progress is None:
            complain(text)
        else:
            with suppress(OSError):
                self._progress.console.print(one_line(text), soft_wrap=True)

    def done(self, text: str) -> None:
        """Write a line about a recording that is done; of many on a terminal, the bar tells enough."""
        if self._lines and self._whole is None:
            self.say(text)

    def fail(self, label: str, error: Exception) -> None:
        """Name a recording and why it failed."""
        reason = reason_of(error)
        named = isinstance(error, AudioSourceError) and label in reason
        self.say(reason if named else f"{label}: {reason}")

    def rescue(self, text: str) -> None:
        """Write a transcript that found no other place: it is paid for."""
        for line in text.splitlines():
            self.say(line)

    def sent(self, label: str) -> Callable[[int, int], None] | None:
        """Return what to call with the bytes of a recording that are sent and their total; None without a bar."""
        if self._progress is None:
            return None
        progress = self._progress

        def sent(sent_bytes: int, total_bytes: int) -> None:
            self._move(progress, label, sent_bytes, total_bytes, label)

        return sent

    def decoding(self, labels: Mapping[str, str]) -> Callable[[Event], None] | None:
        """Return what is told the client's events, and shows how far recordings are decoded; None without a bar.

        Args:
            labels: What to call each recording, by the client's name for it.
        """
        if self._progress is None:
            return None
        from zhongzhuan_audio.events import Decoding

        progress = self._progress

        def tell(event: Event) -> None:
            if isinstance(event, Decoding):
                label = labels.get(event.label, event.label)
                self._move(progress, label, event.done_s, event.total_s, f"{label} (decoding)")

        return tell

    def _move(self, progress: Progress, label: str, done: float, total: float | None, told: str) -> None:
        """Show how far a recording is; what is at its end waits for what comes next."""
        if label not in self._rows:
            self._rows[label] = progress.add_task(one_line(told), total=None, visible=len(self._rows) < _ROWS)
        row, waiting = self._rows[label], total is None or done >= total
        if waiting:
            # `update` takes None for no change, and a bar that is full would stand still.
            next(task for task in progress.tasks if task.id == row).total = None
        progress.update(row, completed=done, total=None if waiting else total, description=one_line(told))

    def ended(self, label: str, tally: Tally) -> None:
        """Show that a recording has come to its end, and how far they all are."""
        if self._progress is None:
            return
        if (row := self._rows.pop(label, None)) is not None:
            self._progress.remove_task(row)
        if self._whole is not None:
            told = tally.progress(self._total, time.monotonic() - self._began)
            self._progress.update(self._whole, completed=tally.ended, description=told)


def _progress() -> Progress:
    # Only a terminal needs it, and it is a tenth of a second to import.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    name = Column(max_width=_NAME_WIDTH, no_wrap=True, overflow="ellipsis")
    return Progress(
        TextColumn("{task.description}", markup=False, table_column=name),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True, markup=False, highlight=False, emoji=False),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
