"""``--dry-run``: what would be sent, and what that would cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from zhongzhuan_audio.batch.survey import Finding, survey
from zhongzhuan_audio.cli.exit_codes import FAILED, OK, WRONG_USAGE
from zhongzhuan_audio.cli.rows import json_line
from zhongzhuan_audio.cli.wording import in_options
from zhongzhuan_audio.config import AudioLimits
from zhongzhuan_audio.errors import MissingExtraError, ZhongzhuanError
from zhongzhuan_audio.longform.forecast import Forecast, forecast
from zhongzhuan_audio.media.encoding import USUAL_BIT_RATES
from zhongzhuan_audio.media.extra import check_media
from zhongzhuan_audio.options import Preparing

if TYPE_CHECKING:
    from zhongzhuan_audio.batch import Job
    from zhongzhuan_audio.protocol.form import Field

__all__ = ["Estimate", "Foresee", "estimate", "foreseen"]

_VERBS = {"converted": "convert", "compressed": "compress", "cut": "cut", "taken apart": "take_apart"}
_SENT = frozenset({"new", "failed before", "maybe billed"})

Foresee: TypeAlias = Callable[[Finding], Forecast | None]
"""Tells what would be done to a recording; None where it would go out as it is."""


@attrs.define
class Estimate:
    """The sum of what was found."""

    price_per_minute: float | None = None
    counts: Counter[str] = attrs.field(factory=Counter)
    """Recordings by their prospects."""
    audio_s: float = 0.0
    """Seconds of audio in those that would be sent."""
    unknown: int = 0
    """How many of these do not tell their length."""
    requests: int = 0
    """About how many these would take."""
    made: Counter[str] = attrs.field(factory=Counter)
    """How many of these would be "converted", "compressed", "cut" or, by channel, "taken apart"."""
    missing: MissingExtraError | None = None
    """Why that would fail."""
    listens: bool = False
    """Whether all that would be sent are listened to here, too."""
    needing: int = 0
    """How many of these would be, or be made something else of: they need the extra."""
    unusable: list[str] = attrs.field(factory=list)
    """A line for each that cannot be sent."""

    @property
    def sent(self) -> int:
        """How many would be sent."""
        return sum(self.counts[prospect] for prospect in _SENT)

    @property
    def cost(self) -> float | None:
        """What these would cost; None without a price."""
        return None if self.price_per_minute is None else self.audio_s / 60 * self.price_per_minute

    @property
    def lacking(self) -> int:
        """How many would fail for want of the extra."""
        return 0 if self.missing is None else self.needing

    @property
    def exit_code(self) -> int:
        """What the run itself would end with, as far as it is known."""
        if not self.unusable and not self.lacking:
            return OK
        # As in the run, a setting is wrong where nothing but that fails, and nothing is done.
        return WRONG_USAGE if self.lacking == self.counts.total() else FAILED

    def count(self, label: str, finding: Finding, foreseen: Forecast | None) -> None:
        """Count a recording, and what would be done to it."""
        self.counts[finding.prospect] += 1
        if finding.error is not None:
            self.unusable.append(_complaint(label, finding.error))
        elif finding.prospect in _SENT:
            self.audio_s += (finding.audio_s or 0.0) * (foreseen.channels if foreseen else 1)
            self.unknown += finding.audio_s is None
            self.requests += foreseen.pieces if foreseen else 1
            self.needing += self.listens or foreseen is not None
            if foreseen is not None:
                self.made[_done_to(foreseen)] += 1

    def lines(self) -> Iterator[str]:
        """Yield the sum in lines."""
        unknown = f", and {self.unknown} of unknown length" if self.unknown else ""
        requests = f", in about {self.requests} requests" if self.requests != self.sent else ""
        yield f"{self.sent} would be sent{requests}: {self.audio_s / 60:.1f} minutes of audio{unknown}"
        if self.made:
            yield f"of these, {', '.join(f'{count} would be {done}' for done, count in sorted(self.made.items()))}"
        if self.missing is not None and self.lacking:
            yield f"but {in_options(self.missing)}"
        if self.cost is not None:
            yield f"they would cost {self.cost:.4g}"
        told = {
            "done": "done: the journal has the answer",
            "copy": "the same as another, and would not be sent",
            "failed before": "of those to be sent failed in an earlier run",
            "maybe billed": "of those to be sent may have been billed in an earlier run",
            "unusable": "cannot be sent:",
        }
        for prospect, words in told.items():
            if self.counts[prospect]:
                yield f"{self.counts[prospect]} {words}"
        for line in self.unusable:
            yield f"  {line}"

    def as_dict(self) -> dict[str, Any]:
        """Return the sum for programs; `audio_s` in seconds."""
        return {
            "total": self.counts.total(),
            "to_send": self.sent,
            "audio_s": round(self.audio_s, 3),
            "unknown_length": self.unknown,
            "requests": self.requests,
            **{f"to_{_VERBS[done]}": count for done, count in sorted(self.made.items())},
            "needs_extra": self.missing.extra if self.missing and self.lacking else None,
            "cost": self.cost,
            **{prospect.replace(" ", "_"): count for prospect, count in sorted(self.counts.items())},
        }


async def estimate(
    jobs: Sequence[tuple[str, Job]],
    question: tuple[Field, ...],
    journal: Path | None,
    price_per_minute: float | None,
    tell: Callable[[bytes], object] | None,
    foresee: Foresee,
    *,
    checked: bool,
    listens: bool,
) -> Estimate:
    """Look at recordings, and sum up what they would come to.

    Args:
        jobs: What to call each, and the recording.
        question: What goes out with each, and what a journal's key holds beside.
        journal: Path of the journal; None where there is none.
        price_per_minute: Of audio; None where it is not known.
        tell: Gets a line of JSON for each.
        foresee: Tells what would be done to each.
        checked: Whether what is damaged would be refused.
        listens: Whether each would be listened to on this machine.

    Raises:
        JournalError: The journal cannot be read.
    """
    total, labels = Estimate(price_per_minute, missing=_missing(), listens=listens), iter(label for label, _ in jobs)
    async for finding in survey([job for _, job in jobs], question, journal, checked=checked):
        label = next(labels)
        ahead = foresee(finding) if finding.prospect in _SENT else None
        total.count(label, finding, ahead)
        if tell is not None:
            told: dict[str, Any] = {"source": label, "status": finding.prospect, "audio_s": finding.audio_s}
            if ahead is not None:
                told |= {"reason": ahead.need, "pieces": ahead.pieces}
            tell(json_line(told if finding.error is None else {**told, "message": _reason(finding.error)}))
    return total


def foreseen(model: str, limits: AudioLimits, preparing: Preparing) -> Foresee:
    """Return what tells what a relay would be sent in a recording's place.

    Args:
        model: The one that is asked.
        limits: What the relay takes.
        preparing: What is wanted.
    """
    look = partial(
        forecast, model=model, limits=limits, preparing=preparing, bytes_per_s=USUAL_BIT_RATES[limits.encoding] / 8
    )
    return lambda finding: look(finding.format, finding.size_bytes, finding.audio_s, finding.channels)


def _done_to(foreseen: Forecast) -> str:
    if foreseen.need == "channels":
        return "taken apart"
    if foreseen.pieces > 1 or foreseen.need == "length":
        return "cut"
    return "compressed" if foreseen.need == "size" else "converted"


def _missing() -> MissingExtraError | None:
    try:
        check_media()
    except MissingExtraError as error:
        return error
    return None


def _reason(error: ZhongzhuanError | OSError) -> str:
    return str(in_options(error)) if isinstance(error, ZhongzhuanError) else str(error)


def _complaint(label: str, error: ZhongzhuanError | OSError) -> str:
    reason = _reason(error)
    return reason if label in reason else f"{label}: {reason}"
