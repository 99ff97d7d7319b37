"""What the commands that take recordings have in common: recordings in, transcripts out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import attrs

from zhongzhuan_audio.batch import Job
from zhongzhuan_audio.batch.recorded import LOCAL, TRANSLATION, marks_of
from zhongzhuan_audio.cli.asking import RelayOptions, check_local, open_client, print_text
from zhongzhuan_audio.cli.estimate import estimate, foreseen
from zhongzhuan_audio.cli.exit_codes import FAILED, INTERRUPTED, OK
from zhongzhuan_audio.cli.named import STDIN, Found, Recording, find_recordings
from zhongzhuan_audio.cli.options import RecordingOptions
from zhongzhuan_audio.cli.outputs import FORMATS, UNTIMED_SUFFIX
from zhongzhuan_audio.cli.plan import plan_targets, prepare_folder
from zhongzhuan_audio.cli.render import Reporter, complain, logging_to_stderr, one_line, print_bytes
from zhongzhuan_audio.cli.report import REPORTS, Report
from zhongzhuan_audio.cli.rows import json_line
from zhongzhuan_audio.cli.signals import first_ctrl_c, run_until_interrupted, sigterm_interrupts
from zhongzhuan_audio.cli.stdin import open_stdin
from zhongzhuan_audio.cli.tally import DONE, Tally, Verb, command_line, describe_left
from zhongzhuan_audio.cli.wording import in_options
from zhongzhuan_audio.cli.work import Target, Work
from zhongzhuan_audio.config import Limits
from zhongzhuan_audio.errors import JournalError
from zhongzhuan_audio.models.script import converter_to
from zhongzhuan_audio.options import Preparing
from zhongzhuan_audio.protocol.form import Field

if TYPE_CHECKING:
    from zhongzhuan_audio.client import AsyncClient

__all__ = ["run_on_recordings"]

_NAMED = 20
"""How many recordings a command that is to be typed may name."""


def run_on_recordings(
    verb: Verb,
    files: Sequence[str],
    options: RecordingOptions,
    relay: RelayOptions,
    arguments: Mapping[str, Any],
    check: Callable[..., tuple[Field, ...]],
) -> int:
    """Do one thing to each recording, and return the exit code.

    Args:
        verb: What.
        files: Names, as they were given.
        options: Those of the command line.
        relay: Which relay is asked.
        arguments: What the client's method is given, the recordings aside.
        check: Takes the same, finds what is wrong with it before any request, and returns what goes out.

    Raises:
        ConfigurationError: An option is wrong; nothing was sent.
    """
    fields = check(**arguments)
    options.check_sent(fields)
    check_local(relay, local=options.local)
    options.check(files)
    found = find_recordings(files, listed=options.files_from, null=options.null)
    options.check_found(found)
    for line in found.complaints:
        complain(line)
    with sigterm_interrupts() as interruption:
        try:
            if options.dry_run:
                code = _estimate(verb, found, options, fields)
            else:
                code = _Run(verb, files, options, relay, arguments, found).work_through()
        except KeyboardInterrupt as interrupt:
            for line in interrupt.args or ("zhongzhuan-audio: interrupted",):
                complain(line)
            return interruption.exit_code
    return FAILED if found.unread and code == OK else code


def _estimate(verb: Verb, found: Found, options: RecordingOptions, fields: tuple[Field, ...]) -> int:
    """Say what would be sent, and return the exit code.

    Raises:
        MissingExtraError: What the script takes is not installed.
    """
    if (script := options.preparing.get("script")) is not None:
        converter_to(script)
    question = fields + ((TRANSLATION,) if verb == "translate" else ()) + ((LOCAL,) if options.local else ())
    question += marks_of(options.preparing)
    with ExitStack() as stack:
        stdin = open_stdin(found.recordings, stack)
        jobs = [
            (each.label, Job(stdin, filename="stdin") if each.name == STDIN and stdin is not None else Job(each.name))
            for each in found.recordings
        ]
        tell = print_bytes if options.json else None
        # A model on this machine takes all as it is.
        unprepared = {"prepare": "never", "channels": None, "skip_silence": False} if options.local else {}
        wanted = Preparing.of(options.preparing)
        preparing = Preparing.of({**options.preparing, **unprepared})
        foresee = foreseen(options.model, options.audio_limits, preparing)
        work = estimate(
            jobs,
            question,
            options.journal_path,
            options.price_per_minute,
            tell,
            foresee,
            checked=preparing.prepare != "never",
            listens=wanted.needs_times or wanted.skip_silence,
        )
        total = run_until_interrupted(work)
    if options.json:
        print_bytes(json_line({"summary": total.as_dict()}))
    else:
        print_text("".join(f"{one_line(line)}\n" for line in total.lines()))
    return total.exit_code


class _Run:
    """The work on what was found."""

    def __init__(
        self,
        verb: Verb,
        files: Sequence[str],
        options: RecordingOptions,
        relay: RelayOptions,
        arguments: Mapping[str, Any],
        found: Found,
    ) -> None:
        self._verb: Verb = verb
        self._files = files
        self._options = options
        self._relay = relay
        self._arguments = arguments
        self._recordings = found.recordings
        self._are_many = found.are_many
        self._budget = options.budget()
        self._tally = Tally(options.price_per_minute)
        self._was_interrupted = False
        self._is_hopeless = False
        """Whether the same command would fail in the same way."""

    def work_through(self) -> int:
        """Do it, and return the exit code.

        Raises:
            KeyboardInterrupt: Interrupted, with a sum of what is done where the work had begun.
        """
        options, total = self._options, len(self._recordings)
        with ExitStack() as stack:
            stack.enter_context(logging_to_stderr(wanted=self._relay.verbose))
            limits = Limits(max_concurrency=options.concurrency)
            reporter = Reporter(total, bar=not self._relay.verbose, lines=not options.json)
            client = open_client(
                self._relay,
                local=options.local,
                limits=limits,
                audio_limits=options.audio_limits,
                on_event=reporter.decoding({each.name: each.label for each in self._recordings}),
            )
            targets = self._targets()
            report = None
            if options.output_dir is not None and self._are_many:
                report = stack.enter_context(Report(options.output_dir))
            work = Work(
                targets,
                formats=options.formats,
                fit=options.fit,
                tally=self._tally,
                reporter=reporter,
                report=report,
                as_json=options.json,
                has_journal=options.journal_path is not None,
                stdin=open_stdin(self._recordings, stack),
            )
            try:
                with reporter:
                    run_until_interrupted(self._go_through(client, work))
            except KeyboardInterrupt:
                raise KeyboardInterrupt(*self._interrupted(work)) from None
            except JournalError as error:
                complain(f"zhongzhuan-audio: {in_options(error)}")
                self._tally.is_broken, self._is_hopeless = True, not error.retryable
            finally:
                if report is not None:
                    report.leave_out(recording.label for recording in self._recordings)
        if report is not None and report.error is not None:
            complain(f"cannot write the report: {report.error.strerror or report.error}")
        return self._finished(work, reporter)

    def _targets(self) -> list[Target]:
        """Settle where each transcript goes, and that it can be written.

        Raises:
            ConfigurationError: It cannot.
        """
        folder = self._options.output_dir
        if folder is None:
            return [Target(recording=recording) for recording in self._recordings]
        prepare_folder(folder)
        suffixes = {UNTIMED_SUFFIX, *(FORMATS[name][1] for name in self._options.formats)}
        places = plan_targets(self._recordings, folder, suffixes, reserved=REPORTS)
        return [Target(recording=each, place=place) for each, place in zip(self._recordings, places, strict=True)]

    async def _go_through(self, client: AsyncClient, work: Work) -> None:
        options = self._options
        call = getattr(client, f"{self._verb}_many")
        async with client:
            many = call(
                work.jobs(),
                concurrency=options.concurrency,
                # Whoever follows it has each recording's length read from its header.
                on_progress=(lambda _: None) if self._are_many else None,
                budget=self._budget,
                journal=options.journal_path,
                **self._arguments,
                **options.preparing,
            )
            async with many as outcomes:
                if not self._are_many:
                    await work.take(outcomes)
                    return
                with first_ctrl_c(lambda: self._stop(work)):
                    await work.take(outcomes)

    def _stop(self, work: Work) -> None:
        self._was_interrupted = True
        work.stop()
        complain(f"waiting for {work.under_way} under way; Ctrl-C again breaks off")

    def _finished(self, work: Work, reporter: Reporter) -> int:
        """Print what belongs on stdout, and sum up."""
        work.close(may_bill=not self._options.local)
        code = INTERRUPTED if self._was_interrupted else self._tally.exit_code
        if self._are_many:
            self._sum_up()
        for line in self._tally.limits():
            complain(line)
        if self._are_many and (again := self._again(work)) is not None:
            complain(again)
        if work.output is None:
            return code
        try:
            taken = print_bytes(work.output.encode("utf-8", "replace"))
        except OSError as error:
            complain(f"cannot write to stdout: {error.strerror or error} — the transcript follows")
            reporter.rescue(work.output)
            taken = False
        return code if taken else FAILED

    def _sum_up(self) -> None:
        begin = "interrupted: " if self._was_interrupted else ""
        complain(begin + self._tally.summary(self._verb, len(self._recordings)))
        for line in self._tally.causes():
            complain(line)
        if self._budget is not None:
            complain(describe_left(self._budget))

    def _again(self, work: Work) -> str | None:
        """Return a line with the command that asks for what is not done; None where all is."""
        names = work.undone()
        if not names or self._is_hopeless or self._tally.is_stuck([Recording(name=name).label for name in names]):
            return None
        within = "" if self._budget is None else ", within the same limits once more"
        if self._options.journal_path is not None:
            piped = STDIN in (*self._files, str(self._options.files_from))
            to_go_on = "to go on, with the same on stdin" if piped else "to go on"
            return f"{to_go_on}{within}: {command_line(self._verb, self._files, self._options, self._relay)}"
        if len(names) > _NAMED:
            return f"to go on, name the {len(names)} that are not done, or keep a journal next time: --journal FILE"
        # The list is of no use any more: some of its names are done.
        options = attrs.evolve(self._options, files_from=None, null=False)
        return f"to go on{within}: {command_line(self._verb, names, options, self._relay)}"

    def _interrupted(self, work: Work) -> list[str]:
        """Print what programs are told where the work was broken off, and return what people are."""
        work.close(may_bill=not self._options.local)
        bill = "" if self._options.local or not work.under_way else " (the relay may bill them)"
        done, failed = self._tally.done, self._tally.failed
        counts = f"{done} {DONE[self._verb]}, {failed} failed, {work.under_way} under way{bill}"
        lines = [f"interrupted: {counts}, {len(self._recordings) - done - failed - work.under_way} not sent"]
        if self._are_many and (again := self._again(work)) is not None:
            lines.append(again)
        return lines
