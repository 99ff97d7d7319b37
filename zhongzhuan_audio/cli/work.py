"""The work itself: recordings out, what comes of each kept the moment it is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import attrs

from zhongzhuan_audio.batch import Job, Outcome, Outcomes
from zhongzhuan_audio.cli.named import STDIN, Recording
from zhongzhuan_audio.cli.outputs import UnwrittenError, keep, render
from zhongzhuan_audio.cli.partials import Partials, describe_gaps, paid_whole, partial_of, render_partial
from zhongzhuan_audio.cli.render import Reporter, print_bytes
from zhongzhuan_audio.cli.report import Report
from zhongzhuan_audio.cli.rows import json_line, row_of, row_of_none, whole_of
from zhongzhuan_audio.cli.tally import Tally, is_unsent
from zhongzhuan_audio.cli.wording import findings_of, in_options
from zhongzhuan_audio.errors import (
    AuthenticationError,
    BudgetExceededError,
    NoTimingError,
    QuotaExceededError,
    StoppedError,
    ZhongzhuanError,
)
from zhongzhuan_audio.models import Transcription
from zhongzhuan_audio.models.transcription import FitOptions
from zhongzhuan_audio.threads import finish, in_thread

__all__ = ["Target", "Work"]

_HOPELESS = (AuthenticationError, QuotaExceededError)
"""What ends the work: all others would be refused, too."""
_MOST_AT_ONCE = 32
"""Transcripts that are written at once, or wait for the disk."""


@attrs.frozen(kw_only=True)
class Target:
    """A recording, and where its transcript goes."""

    recording: Recording
    place: Path | None = None
    """Path without a suffix; None means stdout, or nowhere but a line of JSON."""


class Work:
    """Gives the recordings out, and keeps what comes of them."""

    def __init__(
        self,
        targets: Sequence[Target],
        *,
        formats: Sequence[str],
        fit: FitOptions | None = None,
        tally: Tally,
        reporter: Reporter,
        report: Report | None = None,
        as_json: bool = False,
        has_journal: bool = False,
        stdin: IO[bytes] | AsyncIterator[bytes] | None = None,
    ) -> None:
        """Make ready.

        Args:
            targets: The recordings, in order.
            formats: What each transcript is written as.
            fit: How subtitles are laid out.
            tally: Counts.
            reporter: Is told what comes of each recording.
            report: Gets a row for each.
            as_json: Whether a line of JSON for each goes to stdout.
            has_journal: Whether the answers are kept in a journal, too.
            stdin: What the recording of that name holds.
        """
        self._targets = targets
        self._formats = formats
        self._fit = fit
        self._tally = tally
        self._reporter = reporter
        self._report = report
        self._as_json = as_json
        self._has_journal = has_journal
        self._stdin = stdin
        self._partials = Partials(target.place for target in targets if target.place is not None)
        self._stop_outcomes: Callable[[], None] = lambda: None
        self._is_blocked = False
        self._sent: set[int] = set()
        self._done: set[int] = set()
        self._told: set[int] = set()
        self.output: str | None = None
        """What belongs on stdout."""
        self.is_stopped: bool = False
        """Whether no more recordings are given out."""

    @property
    def under_way(self) -> int:
        """How many are at the relay, or on the way to it."""
        return len(self._sent)

    async def jobs(self) -> AsyncIterator[Job]:
        """Give the recordings out, in order, until the work is stopped."""
        for index, target in enumerate(self._targets):
            if self.is_stopped:
                return
            name, sent = target.recording.name, self._follow(index, target.recording.label)
            if name == STDIN and self._stdin is not None:
                yield Job(self._stdin, filename="stdin", on_progress=sent)
            else:
                yield Job(name, on_progress=sent)

    def _follow(self, index: int, label: str) -> Callable[[int, int], None]:
        show = self._reporter.sent(label)

        def sent(sent_bytes: int, total_bytes: int) -> None:
            self._sent.add(index)
            if show is not None:
                show(sent_bytes, total_bytes)

        return sent

    def stop(self) -> None:
        """Begin nothing more; what is being asked comes to its end."""
        self.is_stopped = True
        self._stop_outcomes()

    def close(self, *, may_bill: bool) -> None:
        """Tell of the recordings of which nothing came, and print the sum where lines of JSON are printed.

        Args:
            may_bill: Whether what was under way may be billed.
        """
        for index, target in enumerate(self._targets):
            is_broken_off = index in self._sent
            if index in self._told or not (is_broken_off or self._as_json):
                continue
            row = row_of_none(index, target.recording, is_broken_off=is_broken_off, may_bill=may_bill)
            self._tally.broken_off += is_broken_off
            self._tally.lost += row["maybe_billed"]
            if self._report is not None and is_broken_off:
                self._report.add(row)
            if self._as_json:
                self._print(row)
        if self._as_json:
            self._print({"summary": self._tally.as_dict(len(self._targets))})

    def undone(self) -> list[str]:
        """Return the names of the recordings that are not done, in order."""
        return [target.recording.name for index, target in enumerate(self._targets) if index not in self._done]

    async def take(self, outcomes: Outcomes) -> None:
        """Keep what comes, until there is no more.

        Raises:
            JournalError: The journal broke; all that had come before is kept.
        """
        self._stop_outcomes = outcomes.stop
        if self.is_stopped:
            outcomes.stop()
        settling: set[asyncio.Task[None]] = set()
        try:
            async for outcome in outcomes:
                settling.add(asyncio.ensure_future(self._settle(outcome)))
                if len(settling) >= _MOST_AT_ONCE:
                    done, settling = await asyncio.wait(settling, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
        finally:
            # What is answered is kept, even if the work is cancelled meanwhile.
            await finish(asyncio.gather(*settling))

    async def _settle(self, outcome: Outcome) -> None:
        target = self._targets[outcome.index]
        label = target.recording.label
        self._sent.discard(outcome.index)
        error = await in_thread(self._keep, outcome, target)
        self._told.add(outcome.index)
        self._tally.count(outcome, label, error)
        if error is None and outcome.transcription is not None and not outcome.transcription.incomplete:
            self._done.add(outcome.index)
        if self._is_blocked or isinstance(error, _HOPELESS):
            self.stop()
        self._reporter.ended(label, self._tally)

    def _keep(self, outcome: Outcome, target: Target) -> Exception | None:
        """Write what came of a recording, wherever it belongs; return why it failed in the end."""
        error: Exception | None = outcome.error
        transcription = outcome.transcription or paid_whole(error)
        outputs: list[Path] = []
        if transcription is not None:
            unkept = self._write(transcription, target, outputs, known=outcome.from_journal)
            error = error or unkept
            if error is None and target.place is not None and not transcription.incomplete:
                self._partials.remove(target.place)
        self._tell(outcome, target, outputs, error)
        row = row_of(outcome, target.recording.label, outputs, error)
        if (partial := partial_of(outcome.error)) is not None:
            row["partial"] = [str(path) for path in self._write_partial(partial, target)]
        if gaps := (partial or transcription or Transcription(text="")).gaps:
            row["missing"] = [describe_gaps([gap]) for gap in gaps]
        if self._report is not None and not is_unsent(error):
            self._report.add(row)
        if self._as_json:
            there = partial or transcription
            self._print(row if target.place or there is None else {**row, **whole_of(there)})
        return error

    def _write_partial(self, partial: Transcription, target: Target) -> list[Path]:
        """Write what there is of a recording that failed, and return where; without a place, show it."""
        label, without = target.recording.label, f"without {describe_gaps(partial.gaps)}"
        texts = render_partial(partial, self._formats, self._fit or {})
        if target.place is None:
            if not self._as_json:
                self._reporter.say(f"{label}: what there is of it, {without}:")
                self._reporter.rescue("".join(texts.values()))
            return []
        paths: list[Path] = []
        for suffix, text in texts.items():
            try:
                paths.append(self._partials.keep(target.place, suffix, text))
            except OSError as error:
                self._reporter.fail(label, self._unwritten(Path(f"{target.place}.partial{suffix}"), error, text))
                return paths
        self._reporter.say(f"{label}: what there is of it, {without}, is in {', '.join(map(str, paths))}")
        return paths

    def _write(
        self, transcription: Transcription, target: Target, outputs: list[Path], *, known: bool
    ) -> ZhongzhuanError | None:
        """Write a transcript's files; return what went wrong."""
        rendered = render(transcription, self._formats, self._fit)
        if target.place is None:
            if self._as_json:
                return None
            self.output = "".join(rendered.texts.values())
            return _untimed(transcription, outputs) if rendered.is_untimed else None
        for suffix, text in rendered.texts.items():
            path = Path(f"{target.place}{suffix}")
            try:
                kept = keep(path, text, known=known)
            except OSError as error:
                return self._unwritten(path, error, text)
            outputs.append(kept.path)
            if kept.note is not None:
                self._reporter.say(kept.note)
        return _untimed(transcription, outputs) if rendered.is_untimed else None

    def _unwritten(self, path: Path, error: OSError, text: str) -> UnwrittenError:
        """Return the error for a transcript that found no place; where nothing else has it, show it."""
        self._is_blocked = True
        hint = "its transcript is above, and nothing more is sent"
        if self._has_journal:
            hint = "its answer is in the journal: make space and run it again"
        else:
            self._reporter.rescue(text)
        reason = error.strerror or str(error)
        return UnwrittenError(f"cannot write {path}: {reason}", reason=reason, folder=str(path.parent), hint=hint)

    def _tell(self, outcome: Outcome, target: Target, outputs: Sequence[Path], error: Exception | None) -> None:
        label = target.recording.label
        if isinstance(error, StoppedError):
            return
        if isinstance(error, BudgetExceededError):
            # What to do about it is told in the end, once for all.
            self._reporter.say(f"{label}: not sent: {in_options(error).message}")
        elif error is not None:
            self._reporter.fail(label, error)
        elif target.place is not None:
            again = " (from the journal)" if outcome.from_journal else ""
            self._reporter.done(f"{label} -> {', '.join(map(str, outputs))}{again}")
        if outcome.transcription is not None and (findings := findings_of(outcome.transcription)) is not None:
            self._reporter.done(f"{label}: {findings}")
        if outcome.transcription is not None and outcome.transcription.damage is not None:
            self._reporter.say(f"{label}: {outcome.transcription.damage.detail}")
        if error is None and outcome.transcription is not None and outcome.transcription.gaps:
            self._reporter.say(f"{label}: there is nothing of {describe_gaps(outcome.transcription.gaps)}")
        if error is None and outcome.maybe_billed:
            count = len(outcome.attempts)
            self._reporter.say(f"{label}: it took {count} attempts, and a failed one may have been billed")

    def _print(self, row: Mapping[str, Any]) -> None:
        try:
            is_read = print_bytes(json_line(row))
        except OSError as error:
            self._reporter.say(f"cannot write to stdout: {error.strerror or error}")
            is_read = False
        if not is_read:
            self._is_blocked = self._tally.is_broken = True


def _untimed(transcription: Transcription, paths: Sequence[Path]) -> ZhongzhuanError:
    where = f"kept in {paths[-1]}" if paths else "printed"
    return NoTimingError(
        f"the answer has no times, so there are no subtitles; its text is {where}",
        hint="for subtitles ask a model that gives times, such as --model whisper-1",
        request_id=transcription.request_id,
    )
