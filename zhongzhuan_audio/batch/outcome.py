"""What came of a recording, and how far they all are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TypeAlias

import attrs

from zhongzhuan_audio.batch.job import Job, described, name_of_source
from zhongzhuan_audio.errors import Attempt, Billed, ZhongzhuanError
from zhongzhuan_audio.models import Span, Transcription
from zhongzhuan_audio.upload.source import AudioFile

__all__ = ["OnOutcome", "Outcome", "Progress", "count_maybe_billed", "is_answered", "length_s"]


@attrs.frozen(kw_only=True)
class Outcome:
    """What came of one recording: a transcription or an error."""

    index: int
    """Its place in the input, from 0."""
    job: Job
    """What was asked; made of the file where that was given alone."""
    transcription: Transcription | None = None
    """None where it failed."""
    error: ZhongzhuanError | OSError | None = None
    """Why it failed; None where it did not."""
    seconds: float = 0.0
    """From taking it up to its end, the wait for its turn included."""
    audio_s: float | None = None
    """The recording's length in seconds, by the answer, or else by its header, which is read where there is a budget or
    an `on_progress`; None where neither tells."""
    from_journal: bool = False
    """Whether the journal had the answer, so that nothing was sent; `attempts` are then those of that time."""
    lost_before: int = 0
    """How many requests of earlier runs, by the journal, may have been charged and gave nothing."""
    charged_s: float | None = None
    """Seconds of audio in all requests of this run that were charged, or may have been; None where the recording's
    length is not known."""

    @property
    def source(self) -> AudioFile:
        """The recording, as it was given."""
        return self.job.file

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every request that it took, in order; of pieces that the journal had, none."""
        told = self.transcription if self.error is None else self.error
        return told.attempts if isinstance(told, (Transcription, ZhongzhuanError)) else ()

    @property
    def billed(self) -> Billed:
        """Whether the relay may have charged for a request without a usable answer, even where the next one had it."""
        return "maybe" if self.maybe_billed or self.lost_before else "no"

    @property
    def maybe_billed(self) -> int:
        """How many requests of this run gave no usable answer and may have been charged."""
        return 0 if self.from_journal else count_maybe_billed(self.error or self.transcription)

    def result(self) -> Transcription:
        """Return the transcription.

        Raises:
            ZhongzhuanError: It failed.
            OSError: It failed.
        """
        if self.error is not None:
            raise self.error
        assert self.transcription is not None
        return self.transcription

    def record(self) -> dict[str, str | int | float | bool | None]:
        """Return it as one flat row of plain values, for JSON, CSV or a table; always with all of these fields.

        | field | meaning |
        | --- | --- |
        | `index` | its place in the input, from 0 |
        | `source` | the recording's path as it was given, or its name, or what it is, such as ``<400 bytes>`` |
        | `status` | "done"; "incomplete" where `allow_gaps` gave it without what failed; or "failed" |
        | `text`, `language`, `duration` | the transcription's; None where it failed; `duration` in seconds |
        | `audio_s` | the recording's length in seconds, where that is known |
        | `charged_s` | seconds of audio that this run was charged for or may have been; None where not known |
        | `suspicious`, `dropped` | how many of its segments look invented, and how many of these were dropped |
        | `coverage` | 0 to 1: how much of the speech has text, where that was found out |
        | `gaps` | how many stretches of it failed, or have speech and no text |
        | `skipped_s` | seconds of silence that were not sent |
        | `damage` | what is wrong with the recording, in words; None where nothing is |
        | `seconds` | from taking it up to its end, the wait for its turn included |
        | `attempts` | how many requests it took; of what a journal had, those of that time |
        | `billed` | "maybe" where a request, of this run or an earlier one, gave nothing and may have been charged |
        | `maybe_billed` | how many such requests this run made |
        | `lost_before` | how many such requests earlier runs made, by the journal |
        | `from_journal` | whether the journal had the answer, so that nothing was sent |
        | `request_id` | the relay's id of the request, or None |
        | `error` | name of the error's class; None where it did not fail, as in all fields that follow |
        | `message` | what happened |
        | `hint` | what to do about it, or None |
        | `retryable` | whether the same may succeed later without a change |
        | `status_code` | HTTP status of the answer that it failed with; None where there was none |
        """
        told, error = self.transcription if self.error is None else None, self.error
        ours = error if isinstance(error, ZhongzhuanError) else None
        return {
            "index": self.index,
            "source": name_of_source(self.source),
            "status": "failed" if error is not None else "incomplete" if told and told.incomplete else "done",
            "text": told.text if told else None,
            "language": told.language if told else None,
            "duration": _finite(told.duration) if told else None,
            "audio_s": _finite(self.audio_s),
            "charged_s": _finite(self.charged_s),
            **_findings(told),
            "damage": told.damage.detail if told and told.damage else None,
            "seconds": self.seconds,
            "attempts": len(self.attempts),
            "billed": self.billed,
            "maybe_billed": self.maybe_billed,
            "lost_before": self.lost_before,
            "from_journal": self.from_journal,
            "request_id": told.request_id if told else getattr(ours, "request_id", None),
            "error": type(error).__name__ if error is not None else None,
            "message": ours.message if ours else str(error) if error is not None else None,
            "hint": ours.hint if ours else None,
            # What the disk or the system did may pass.
            "retryable": ours.retryable if ours else True if error is not None else None,
            "status_code": getattr(ours, "status", None) or None,
        }

    def __repr__(self) -> str:
        """Return what it was and what came of it, but no bytes of a recording."""
        came = repr(self.transcription) if self.error is None else f"{type(self.error).__name__}: {self.error}"
        return f"<Outcome {self.index} {described(self.source)} {came}>"


def _findings(told: Transcription | None) -> dict[str, int | float | None]:
    """Return what was found out about a transcription."""
    if told is None:
        return dict.fromkeys(("suspicious", "dropped", "coverage", "gaps", "skipped_s"))
    uncovered = told.coverage.uncovered if told.coverage else ()
    return {
        "suspicious": len({warning.segment_id for warning in told.warnings if warning.kind != "refill"}),
        "dropped": len({warning.segment_id for warning in told.warnings if warning.dropped}),
        "coverage": told.coverage.completeness if told.coverage else None,
        "gaps": len(told.gaps) + sum(not _is_within(span, told.gaps) for span in uncovered),
        "skipped_s": told.preparation.skipped_s if told.preparation else 0.0,
    }


def _is_within(span: Span, gaps: Iterable[Span]) -> bool:
    return any(begin <= span[0] and span[1] <= end for begin, end in gaps)


def _finite(seconds: float | None) -> float | None:
    """Return a number that JSON can hold, or None."""
    return seconds if seconds is not None and math.isfinite(seconds) else None


def count_maybe_billed(result: object) -> int:
    """Return how many requests of a transcription or an error gave no usable answer and may have been charged."""
    if not isinstance(result, (Transcription, ZhongzhuanError)):
        return 0
    counted = sum(attempt.billed == "maybe" for attempt in result.attempts)
    return counted or int(isinstance(result, ZhongzhuanError) and result.billed == "maybe")


def is_answered(outcome: Outcome) -> bool:
    """Tell whether there is an answer, and be it one that the journal could not keep."""
    return outcome.error is None or isinstance(getattr(outcome.error, "partial", None), Transcription)


def length_s(transcription: Transcription | None, header_s: float | None) -> float | None:
    """Return a recording's length as it is known best; what was counted for the bill is often rounded."""
    if transcription is None:
        return header_s
    usage = transcription.usage
    return transcription.duration or header_s or (usage.seconds if usage else None)


@attrs.frozen(kw_only=True)
class Progress:
    """How far many recordings are."""

    done: int = 0
    """Those with a transcription."""
    failed: int = 0
    under_way: int = 0
    """Those taken up and not yet at their end: being read, looked up in the journal, waiting for their turn, asked for,
    or written down; up to half as many again as `concurrency`."""
    from_journal: int = 0
    """Those of the done whose answer the journal had."""
    audio_s: float = 0.0
    """Seconds of audio in those that are done, as far as their lengths are known."""
    total: int | None = None
    """All of them; None where the input does not tell."""


OnOutcome: TypeAlias = Callable[[Progress], object]
"""A plain function, called on the event loop when a recording is taken up and when it is at its end; what it raises
ends the work."""
