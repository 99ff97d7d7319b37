"""The work itself: so many recordings at once, each transcript kept the moment it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from zhongzhuan_audio.cli.exit_codes import FAILED, OK, WRONG_USAGE
from zhongzhuan_audio.cli.plan import STDIN
from zhongzhuan_audio.cli.render import Reporter
from zhongzhuan_audio.errors import ConfigurationError, NoTimingError, ZhongzhuanError
from zhongzhuan_audio.files import write_text
from zhongzhuan_audio.models import Transcription

__all__ = ["UNTIMED_SUFFIX", "Ask", "Form", "Job", "Work"]

Form: TypeAlias = Literal["text", "json", "srt", "vtt"]
"""What a transcript is written as."""

Ask: TypeAlias = Callable[[str, Callable[[int, int], None] | None], Awaitable[Transcription]]
"""Transcribes the recording of a name, and tells the bytes sent and their total on the way."""

UNTIMED_SUFFIX = ".txt"
"""What an answer without times gets in place of a subtitle's suffix."""


@attrs.frozen(kw_only=True)
class Job:
    """A recording, and where its transcript goes."""

    name: str
    """As it was given."""
    place: Path | None = None
    """Path without a suffix; None means stdout."""

    @property
    def label(self) -> str:
        """What to call it in a message."""
        return "stdin" if self.name == STDIN else self.name


class Work:
    """Goes through the recordings and counts what came of them."""

    def __init__(self, ask: Ask, *, form: Form, suffix: str, reporter: Reporter) -> None:
        """Make ready.

        Args:
            ask: Transcribes one recording.
            form: What a transcript is written as.
            suffix: Of its file.
            reporter: Is told what comes of each recording.
        """
        self._ask = ask
        self._form: Form = form
        self._suffix = suffix
        self._reporter = reporter
        self._blocked = False
        self.output: str | None = None
        """What belongs on stdout."""
        self.begun: int = 0
        self.kept: list[str] = []
        """Names of the recordings whose transcripts are what was asked for, and where they belong."""
        self.failed: list[Exception] = []

    async def run(self, jobs: Sequence[Job], *, concurrency: int) -> None:
        """Transcribe them all, `concurrency` at a time; no failure of one stops another."""
        queue = iter(jobs)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(jobs))):
                group.create_task(self._drain(queue))

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        if not self.failed:
            return OK
        hopeless = not self.kept and all(isinstance(error, ConfigurationError) for error in self.failed)
        return WRONG_USAGE if hopeless else FAILED

    async def _drain(self, queue: Iterator[Job]) -> None:
        for job in queue:
            self.begun += 1
            if self._blocked:
                self._fail(job, ZhongzhuanError("not sent", hint="see above: transcripts cannot be written"))
                continue
            try:
                with self._reporter.following(job.label) as sent:
                    transcription = await self._ask(job.name, sent)
                # In a thread: it waits for the disk, and ends well even if the command is interrupted meanwhile.
                await asyncio.to_thread(self._keep, job, transcription)
            except Exception as error:  # noqa: BLE001 - whatever it is, the others are paid for and go on
                self._fail(job, error)

    def _fail(self, job: Job, error: Exception) -> None:
        self.failed.append(error)
        self._reporter.fail(job.label, error)

    def _keep(self, job: Job, transcription: Transcription) -> None:
        suffix, untimed = self._suffix, False
        try:
            text = transcription.render(self._form)
        except NoTimingError:
            suffix, untimed, text = UNTIMED_SUFFIX, True, transcription.to_text()
        path = None if job.place is None else Path(f"{job.place}{suffix}")
        if path is None:
            self.output = text
        elif not self._written(job, path, text):
            return
        if untimed:
            self._fail(job, _untimed(transcription, path))
            return
        self.kept.append(job.name)
        if path is not None:
            self._reporter.say(f"{job.label} -> {path}")
        if any(attempt.billed == "maybe" for attempt in transcription.attempts[:-1]):
            count = len(transcription.attempts)
            self._reporter.say(f"{job.label}: it took {count} attempts, and a failed one may have been billed")

    def _written(self, job: Job, path: Path, text: str) -> bool:
        try:
            write_text(path, text)
        except OSError as error:
            self._blocked = True
            reason = f"cannot write {path}: {error.strerror or error}"
            self._fail(job, ZhongzhuanError(reason, hint="its transcript follows, and nothing more is sent"))
            self._reporter.rescue(text)
            return False
        return True


def _untimed(transcription: Transcription, path: Path | None) -> ZhongzhuanError:
    where = "printed" if path is None else f"kept in {path}"
    return NoTimingError(
        f"the answer has no times, so there are no subtitles; its text is {where}",
        hint="for subtitles ask a model that gives times, such as --model whisper-1",
        request_id=transcription.request_id,
    )
