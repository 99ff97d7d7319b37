"""What the command prints: transcripts as bytes on stdout; progress, results and complaints on stderr."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from zhongzhuan_audio.cli.wording import in_options
from zhongzhuan_audio.errors import AudioSourceError, ZhongzhuanError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Reporter", "complain", "logging_to_stderr", "one_line", "print_bytes"]

_NAME_WIDTH = 48


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

    def __init__(self, total: int, *, bar: bool = True) -> None:
        """Make a reporter.

        Args:
            total: How many recordings there are.
            bar: Whether a terminal may get a bar; it does not go with a log.
        """
        self._total = total
        self._progress = _progress() if bar and sys.stderr is not None and sys.stderr.isatty() else None
        self._whole: TaskID | None = None

    def __enter__(self) -> Self:
        """Show the bar."""
        if self._progress is not None:
            self._progress.start()
            if self._total > 1:
                self._whole = self._progress.add_task("all", total=self._total)
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

    def fail(self, label: str, error: Exception) -> None:
        """Name a recording and why it failed."""
        reason = str(in_options(error)) if isinstance(error, ZhongzhuanError) else f"{type(error).__name__}: {error}"
        named = isinstance(error, AudioSourceError) and label in reason
        self.say(reason if named else f"{label}: {reason}")

    def rescue(self, text: str) -> None:
        """Write a transcript that found no other place: it is paid for."""
        for line in text.splitlines():
            self.say(line)

    @contextmanager
    def following(self, label: str) -> Iterator[Callable[[int, int], None] | None]:
        """Show one recording's upload in the bar; give what to call with the bytes sent and their total."""
        if self._progress is None:
            yield None
            return
        progress, task = self._progress, self._progress.add_task(one_line(label), total=None)

        def sent(sent_bytes: int, total_bytes: int) -> None:
            waiting = sent_bytes >= total_bytes
            progress.update(task, completed=sent_bytes, total=None if waiting else total_bytes)

        try:
            yield sent
        finally:
            progress.remove_task(task)
            if self._whole is not None:
                progress.advance(self._whole)


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
