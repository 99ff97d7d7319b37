"""What the commands that take recordings have in common: recordings in, transcripts out."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, cast

import attrs
from cyclopts import CycloptsError, Parameter
from cyclopts.validators import Number

from zhongzhuan_audio.cli.asking import Local, RelayOptions, check_local, open_client
from zhongzhuan_audio.cli.exit_codes import FAILED
from zhongzhuan_audio.cli.plan import STDIN, describe_repeats, plan_targets, prepare_folder, resolve_names
from zhongzhuan_audio.cli.render import Reporter, complain, logging_to_stderr, print_bytes
from zhongzhuan_audio.cli.signals import sigterm_interrupts
from zhongzhuan_audio.cli.work import UNTIMED_SUFFIX, Form, Job, Work
from zhongzhuan_audio.config import Limits
from zhongzhuan_audio.errors import AudioSourceError, ConfigurationError

if TYPE_CHECKING:
    from io import BufferedReader

    from zhongzhuan_audio.models import Transcription
    from zhongzhuan_audio.protocol.request import ResponseFormat

__all__ = ["Files", "RecordingOptions", "TranscribeOptions", "Verb", "asked_format", "run_on_recordings"]

Verb: TypeAlias = Literal["transcribe", "translate"]
"""Name of the client's method."""
Format: TypeAlias = Literal["text", "json", "verbose_json", "srt", "vtt"]

_FORMS: dict[Format, tuple[Form, str]] = {
    "text": ("text", ".txt"),
    "json": ("json", ".json"),
    "verbose_json": ("json", ".json"),
    "srt": ("srt", ".srt"),
    "vtt": ("vtt", ".vtt"),
}
"""Of each format, what is written and the suffix of its file."""

_DONE: dict[Verb, str] = {"transcribe": "transcribed", "translate": "translated"}
_CHUNK_BYTES = 64 * 1024
_UNTIMED_MODELS = ("gpt-4o-", "gpt-transcribe")
"""Beginnings of the names of models that answer without times and refuse ``verbose_json``.

Source: OpenAI's API reference, ``response_format`` of ``POST /v1/audio/transcriptions``.
"""


def _check_file(_: object, name: str) -> None:
    # cyclopts hands on whatever begins with a hyphen, since a lone one is wanted.
    if name.startswith("-") and name != STDIN and not os.path.lexists(name):
        raise CycloptsError(msg=f"Unknown option: {name}.")


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class RecordingOptions:
    """What may stand on the command line beside the recordings."""

    format: Annotated[Format, Parameter(help="text, json, verbose_json, srt or vtt.", show_choices=False)] = "text"
    output_dir: Annotated[Path | None, Parameter(metavar="DIR", help="Write there, a file for each recording.")] = None
    prompt: Annotated[str | None, Parameter(metavar="TEXT", help="Words that it is likely to hold.")] = None
    model: Annotated[str, Parameter(metavar="NAME", help="The model to ask.")] = "whisper-1"
    temperature: Annotated[float | None, Parameter(metavar="NUMBER", help="Sampling temperature, 0 to 1.")] = None
    concurrency: Annotated[
        int, Parameter(metavar="N", help="How many recordings at once.", validator=Number(gte=1))
    ] = 4
    local: Local = False


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class TranscribeOptions(RecordingOptions):
    """The same, and what only a transcription has. It stands here, since cyclopts resolves both in one module."""

    language: Annotated[str | None, Parameter(metavar="CODE", help="What is spoken: zh, en, yue ...")] = None


Files: TypeAlias = Annotated[
    str,
    Parameter(
        name="FILE", help="Recordings; - reads stdin.", required=True, allow_leading_hyphen=True, validator=_check_file
    ),
]


def run_on_recordings(
    verb: Verb,
    files: Sequence[str],
    options: RecordingOptions,
    relay: RelayOptions,
    arguments: Mapping[str, Any],
    check: Callable[..., object],
) -> int:
    """Do one thing to each recording, and return the exit code.

    Args:
        verb: What.
        files: Names, as they were given.
        options: Those of the command line.
        relay: Which relay is asked.
        arguments: What the client's method is given, the recording aside.
        check: Takes the same, and finds what is wrong with it before any request.

    Raises:
        ConfigurationError: An option is wrong; nothing was sent.
    """
    counts = resolve_names(files)
    names = tuple(counts)
    check(**arguments)
    check_local(relay, local=options.local)
    _check(options, names)
    if (repeats := describe_repeats(counts)) is not None:
        complain(repeats)
    with sigterm_interrupts() as interruption:
        try:
            return _work_through(verb, names, options, relay, arguments)
        except KeyboardInterrupt as interrupt:
            complain(str(interrupt) or "zhongzhuan-audio: interrupted")
            return interruption.exit_code


def _work_through(
    verb: Verb, names: Sequence[str], options: RecordingOptions, relay: RelayOptions, arguments: Mapping[str, Any]
) -> int:
    """Do it.

    Raises:
        KeyboardInterrupt: Interrupted, with a sum of what is done where the work had begun.
    """
    with ExitStack() as stack:
        stack.enter_context(logging_to_stderr(wanted=relay.verbose))
        client = open_client(relay, local=options.local, limits=Limits(max_concurrency=options.concurrency))
        jobs = _jobs(options, names)
        read_already = {STDIN: stack.enter_context(_kept_stdin())} if STDIN in names else {}
        reporter = Reporter(len(jobs), bar=not relay.verbose)
        form, suffix = _FORMS[options.format]

        async def ask(name: str, sent: Callable[[int, int], None] | None) -> Transcription:
            file = read_already.get(name, name)
            if isinstance(file, AudioSourceError):
                raise file
            filename = "stdin" if name == STDIN else None
            call = getattr(client, verb)
            transcription: Transcription = await call(file, filename=filename, on_progress=sent, **arguments)
            return transcription

        work = Work(ask, form=form, suffix=suffix, reporter=reporter)

        async def go_through() -> None:
            async with client:
                await work.run(jobs, concurrency=options.concurrency)

        try:
            with reporter:
                asyncio.run(go_through())
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_interrupted(verb, work, len(jobs), local=options.local)) from None
    return _finished(verb, work, reporter, len(jobs))


def _check(options: RecordingOptions, names: Sequence[str]) -> None:
    """Find what is wrong with the options before any request, and before stdin is read.

    Raises:
        ConfigurationError: Something is.
    """
    if options.output_dir is None and len(names) > 1:
        raise ConfigurationError("several recordings do not go to stdout", hint="name a folder with --output-dir")
    if options.output_dir is None and sys.stdout is None:
        raise ConfigurationError("stdout is closed", hint="name a folder with --output-dir")
    if STDIN in names and sys.stdin is None:
        raise ConfigurationError("stdin is closed", hint="name a file")


def asked_format(format: Format, model: str) -> ResponseFormat:  # noqa: A002 - the option's name
    """Return the format to ask the relay for: JSON is what relays get right, and subtitles are rendered here."""
    if format in {"text", "json"}:
        return "json"
    timed = not model.lower().rpartition("/")[2].startswith(_UNTIMED_MODELS)
    return "verbose_json" if timed or format == "verbose_json" else "json"


def _jobs(options: RecordingOptions, names: Sequence[str]) -> list[Job]:
    """Settle where each transcript goes, and that it can be written.

    Raises:
        ConfigurationError: It cannot.
    """
    if options.output_dir is None:
        return [Job(name=name) for name in names]
    prepare_folder(options.output_dir)
    places = plan_targets(names, options.output_dir, {_FORMS[options.format][1], UNTIMED_SUFFIX})
    return [Job(name=name, place=place) for name, place in zip(names, places, strict=True)]


@contextmanager
def _kept_stdin() -> Iterator[IO[bytes] | AudioSourceError]:
    """Read stdin to its end, and give it as a file that can be sent more than once, or the error that it ended with.

    It is read here and not by the client: a thread that waits for a terminal cannot be interrupted.
    """
    from zhongzhuan_audio.upload.spool import MAX_SPOOLED_BYTES, too_long

    with tempfile.TemporaryFile() as kept:
        left, stdin = MAX_SPOOLED_BYTES, cast("BufferedReader", sys.stdin.buffer)
        try:
            # Piece by piece: a signal between two reads within one call would wait for the next bytes.
            while (chunk := stdin.read1(_CHUNK_BYTES)) and (left := left - len(chunk)) >= 0:
                kept.write(chunk)
            kept.seek(0)
            if left < 0:
                kept.truncate()
        except OSError as error:
            yield AudioSourceError(f"cannot read stdin: {error.strerror or error}", source="stdin")
        else:
            yield kept if left >= 0 else too_long("stdin", MAX_SPOOLED_BYTES)


def _finished(verb: Verb, work: Work, reporter: Reporter, total: int) -> int:
    """Print what belongs on stdout, and sum up."""
    if total > 1:
        complain(f"{len(work.kept)} {_DONE[verb]}, {len(work.failed)} failed")
    if work.output is None:
        return work.exit_code
    try:
        taken = print_bytes(work.output.encode("utf-8", "replace"))
    except OSError as error:
        complain(f"cannot write to stdout: {error.strerror or error} — the transcript follows")
        reporter.rescue(work.output)
        taken = False
    return work.exit_code if taken else FAILED


def _interrupted(verb: Verb, work: Work, total: int, *, local: bool) -> str:
    under_way = work.begun - len(work.kept) - len(work.failed)
    bill = "" if local or not under_way else " (the relay may bill them)"
    return (
        f"interrupted: {len(work.kept)} {_DONE[verb]}, {len(work.failed)} failed, "
        f"{under_way} under way{bill}, {total - work.begun} not sent"
    )
