"""What may stand on the command line of the commands that take recordings."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import attrs
from cyclopts import CycloptsError, Parameter
from cyclopts.validators import Number

from zhongzhuan_audio.cli.asking import Local
from zhongzhuan_audio.cli.named import STDIN, Found
from zhongzhuan_audio.cli.outputs import parse_formats
from zhongzhuan_audio.config import AudioLimits
from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.models.script import Script
from zhongzhuan_audio.options import Channels, Context, Prepare, Preparing

if TYPE_CHECKING:
    from zhongzhuan_audio.batch import Budget
    from zhongzhuan_audio.models.transcription import FitOptions
    from zhongzhuan_audio.protocol.form import Field
    from zhongzhuan_audio.protocol.request import ResponseFormat

__all__ = ["Files", "RecordingOptions", "TranscribeOptions"]

_JOURNAL = "journal.sqlite"
_UNTIMED_MODELS = ("gpt-4o-", "gpt-transcribe")
"""Beginnings of the names of models that answer without times and refuse ``verbose_json``.

Source: OpenAI's API reference, ``response_format`` of ``POST /v1/audio/transcriptions``.
"""


def _check_file(_: object, name: str) -> None:
    # cyclopts hands on whatever begins with a hyphen, since a lone one is wanted.
    if name.startswith("-") and name != STDIN and not os.path.lexists(name):
        raise CycloptsError(msg=f"Unknown option: {name}.")


_AMOUNT = Number(gte=0)


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class RecordingOptions:
    """What may stand beside the recordings."""

    format: Annotated[
        str,
        Parameter(metavar="FORMAT", help="text (if not given), srt, vtt, json; two: srt,json", show_default=False),
    ] = "text"
    output_dir: Annotated[Path | None, Parameter(metavar="DIR", help="Write there, files for each recording.")] = None
    files_from: Annotated[
        Path | None,
        Parameter(metavar="LIST", help="File with names, one a line; - is stdin.", allow_leading_hyphen=True),
    ] = None
    null: Annotated[
        bool, Parameter(name=("--null", "-0"), help="A NUL ends each name in LIST.", show_default=False)
    ] = False
    prompt: Annotated[str | None, Parameter(metavar="TEXT", help="Words that it is likely to hold.")] = None
    model: Annotated[str, Parameter(metavar="NAME", help="The model to ask.")] = "whisper-1"
    temperature: Annotated[float | None, Parameter(metavar="NUMBER", help="Sampling temperature, 0 to 1.")] = None
    concurrency: Annotated[
        int, Parameter(metavar="N", help="How many recordings at once.", validator=Number(gte=1))
    ] = 4
    no_resume: Annotated[bool, Parameter(help="Ask all anew, and keep no journal.", show_default=False)] = False
    journal: Annotated[Path | None, Parameter(metavar="FILE", help="Keep the journal there, not in DIR.")] = None
    max_audio_minutes: Annotated[
        float | None, Parameter(metavar="N", help="Send no more minutes of audio in one run.", validator=_AMOUNT)
    ] = None
    max_requests: Annotated[
        int | None, Parameter(metavar="N", help="Pay for no more requests in one run.", validator=_AMOUNT)
    ] = None
    max_cost: Annotated[float | None, Parameter(metavar="N", help="Spend no more in one run.", validator=_AMOUNT)] = (
        None
    )
    price_per_minute: Annotated[
        float | None, Parameter(metavar="N", help="What a minute of audio costs.", validator=Number(gt=0))
    ] = None
    unknown_minutes: Annotated[
        float | None, Parameter(metavar="N", help="Minutes to count where no length is told.", validator=_AMOUNT)
    ] = None
    prepare: Annotated[
        Prepare, Parameter(help="Convert and cut: auto, never or always.", show_choices=False, show_default=False)
    ] = "auto"
    max_upload_bytes: Annotated[
        int | None, Parameter(metavar="N", help="What the relay takes; more is compressed or cut.")
    ] = None
    max_duration: Annotated[float | None, Parameter(metavar="SECONDS", help="What the model takes; more is cut.")] = (
        None
    )
    context: Annotated[
        Context, Parameter(help="Of pieces: parallel, or sequential.", show_choices=False, show_default=False)
    ] = "parallel"
    skip_silence: Annotated[bool, Parameter(help="Do not send long silence.", show_default=False)] = False
    allow_gaps: Annotated[bool, Parameter(help="Keep what there is if pieces fail.", show_default=False)] = False
    drop_suspicious: Annotated[bool, Parameter(help="Take out what looks invented.", show_default=False)] = False
    refill: Annotated[bool, Parameter(help="Ask again for speech without text.", show_default=False)] = False
    channels: Annotated[
        str | None,
        Parameter(metavar="NAMES", help="Each alone: split, or left=me,right=you.", show_default=False),
    ] = None
    max_chars: Annotated[int | None, Parameter(metavar="N", help="Of a subtitle's line.")] = None
    max_lines: Annotated[int | None, Parameter(metavar="N", help="Of a subtitle.")] = None
    dry_run: Annotated[bool, Parameter(help="Send nothing; tell what would be.", show_default=False)] = False
    json: Annotated[bool, Parameter(help="Print a line of JSON for each recording.", show_default=False)] = False
    local: Local = False

    @property
    def formats(self) -> tuple[str, ...]:
        """What each transcript is written as.

        Raises:
            ConfigurationError: It names no format.
        """
        return parse_formats(self.format)

    @property
    def journal_path(self) -> Path | None:
        """Where the journal is; None where there is none."""
        if self.no_resume:
            return None
        return self.journal or (None if self.output_dir is None else self.output_dir / _JOURNAL)

    @property
    def preparing(self) -> dict[str, Any]:
        """How recordings are made ready and transcripts looked into, as the client's methods take it."""
        return {**attrs.asdict(self._wanted), "channels": self._channels}

    @property
    def _wanted(self) -> Preparing:
        return Preparing(
            prepare=self.prepare,
            context=self.context,
            skip_silence=self.skip_silence,
            allow_gaps=self.allow_gaps,
            drop_suspicious=self.drop_suspicious,
            refill=self.refill,
            channels=self._channels,
        )

    @property
    def _channels(self) -> Channels | None:
        """Who speaks in which channel."""
        if self.channels is None or self.channels == "split":
            return "split" if self.channels else None
        names: dict[Any, str] = {}
        for told in self.channels.split(","):
            place, _, name = (part.strip() for part in told.partition("="))
            key: str | int = int(place) if place.isdecimal() else place
            if key in names or not name:
                raise ConfigurationError(
                    f"--channels cannot be {self.channels!r}",
                    hint="--channels left=agent,right=customer, or split",
                )
            names[key] = name
        return names

    @property
    def asked_format(self) -> ResponseFormat:
        """The format to ask the relay for: JSON is what relays get right, and subtitles are rendered here."""
        formats = self.formats
        if set(formats) <= {"text", "json"} and not self._wanted.needs_times:
            return "json"
        timed = not self.model.lower().rpartition("/")[2].startswith(_UNTIMED_MODELS)
        return "verbose_json" if timed or "verbose_json" in formats else "json"

    def check_sent(self, fields: Iterable[Field]) -> None:
        """Find out whether what goes out can give what is wanted.

        Args:
            fields: Those of each request.

        Raises:
            ConfigurationError: It cannot.
        """
        self._wanted.check_times(fields)

    @property
    def audio_limits(self) -> AudioLimits:
        """What the relay takes in one request.

        Raises:
            ConfigurationError: A limit is out of its range.
        """
        given: dict[str, Any] = {}
        if self.max_upload_bytes is not None:
            given["max_bytes"] = self.max_upload_bytes
        if self.max_duration is not None:
            given["max_duration_s"] = {"": self.max_duration}
        return AudioLimits(**given)

    @property
    def fit(self) -> FitOptions:
        """How subtitles are laid out."""
        return {"max_chars": self.max_chars, "max_lines": self.max_lines}

    def budget(self) -> Budget | None:
        """Return what may be spent; None where that has no limit.

        Raises:
            ConfigurationError: There is a cost without a price.
        """
        from zhongzhuan_audio.batch import Budget

        if self.max_audio_minutes is None and self.max_requests is None and self.max_cost is None:
            return None
        if self.max_cost is not None and self.price_per_minute is None:
            raise ConfigurationError("--max-cost needs a price", hint="give it with --price-per-minute")
        return Budget(
            audio_minutes=self.max_audio_minutes,
            requests=self.max_requests,
            cost=self.max_cost,
            price_per_minute=self.price_per_minute,
            unknown_minutes=self.unknown_minutes,
        )

    def check(self, names: Sequence[str]) -> None:
        """Find what does not go together, before any name is looked at.

        Args:
            names: The recordings on the command line.

        Raises:
            ConfigurationError: Something does not.
        """
        _ = self.audio_limits, self._wanted
        if self.max_lines is not None and self.max_chars is None:
            raise ConfigurationError("--max-lines needs --max-chars", hint="42 suits most screens")
        if self.null and self.files_from is None:
            raise ConfigurationError("--null is about a list", hint="name one with --files-from")
        if self.no_resume and self.journal is not None:
            raise ConfigurationError("--no-resume keeps no journal", hint="leave out --journal")
        if sys.stdin is None and (STDIN in names or str(self.files_from) == STDIN):
            raise ConfigurationError("stdin is closed", hint="name a file")
        if STDIN in names and str(self.files_from) == STDIN:
            raise ConfigurationError("stdin cannot be a recording and a list", hint="write the list to a file")
        if self.output_dir is None and not self.json and len(self.formats) > 1:
            raise ConfigurationError("several formats do not go to stdout", hint="name a folder with --output-dir")

    def check_found(self, found: Found) -> None:
        """Find out whether there is a place for what would come.

        Raises:
            ConfigurationError: There is none.
        """
        if self.output_dir is not None or self.dry_run:
            return
        if found.are_many and not self.json:
            raise ConfigurationError("several recordings do not go to stdout", hint="name a folder with --output-dir")
        if sys.stdout is None:
            raise ConfigurationError("stdout is closed", hint="name a folder with --output-dir")


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class TranscribeOptions(RecordingOptions):
    """The same, and what only a transcription has. It stands here, since cyclopts resolves both in one module."""

    language: Annotated[str | None, Parameter(metavar="CODE", help="What is spoken: zh, en, yue ...")] = None
    script: Annotated[Script | None, Parameter(help="Of Chinese: simplified or traditional.", show_choices=False)] = (
        None
    )

    @property
    def preparing(self) -> dict[str, Any]:
        """The same, and the script."""
        return {**super().preparing, "script": self.script}


Files: TypeAlias = Annotated[
    str,
    Parameter(
        name="FILE",
        help="Recordings, or folders of them; - reads stdin.",
        allow_leading_hyphen=True,
        validator=_check_file,
    ),
]
