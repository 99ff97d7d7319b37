"""What came of all recordings: counted, and summed up in lines."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from zhongzhuan_audio.batch import Budget, Outcome
from zhongzhuan_audio.cli.exit_codes import FAILED, OK, WRONG_USAGE
from zhongzhuan_audio.cli.outputs import UnwrittenError
from zhongzhuan_audio.cli.wording import hint_of_many, in_options, reason_of
from zhongzhuan_audio.errors import (
    APIError,
    AudioSourceError,
    BudgetExceededError,
    ConfigurationError,
    StoppedError,
    ZhongzhuanError,
)

__all__ = ["DONE", "Tally", "Verb", "command_line", "describe_left", "is_unsent"]

Verb: TypeAlias = Literal["transcribe", "translate"]
"""Name of the client's method."""

DONE: dict[Verb, str] = {"transcribe": "transcribed", "translate": "translated"}
"""What a recording is when it is done."""

_SHOWN = 3
"""How many recordings of a group of failures are named."""
_SHOWN_AS_THEY_ARE = frozenset(range(0x20, 0x7F)) - {ord("'"), ord("\\")}
"""ASCII, without what means something between quotes."""
_NUMBER = re.compile(r"[0-9]+")
_LENGTHLESS = "unknown_minutes"
_WORTH_TELLING_S = 3.0
"""What would not be 0.0 minutes."""


def is_unsent(error: Exception | None) -> bool:
    """Tell whether a recording was not sent because no more was to be spent, or no more to be begun."""
    return isinstance(error, (BudgetExceededError, StoppedError))


@attrs.define
class _Group:
    """Failures of one kind."""

    error: Exception
    labels: list[str] = attrs.field(factory=list)
    count: int = 0
    folder: str = ""
    """In which all of them found no place."""


@attrs.define
class Tally:
    """Counts what comes of recordings."""

    price_per_minute: float | None = None
    done: int = 0
    incomplete: int = 0
    """Of the done, those a part of which failed."""
    failed: int = 0
    unsent: int = 0
    """Of those that were taken up."""
    broken_off: int = 0
    """Those that were under way when the work was broken off."""
    from_journal: int = 0
    """Of the done."""
    lost: int = 0
    """Requests that gave nothing and may have been billed, of this run and of earlier ones."""
    audio_s: float = 0.0
    """Seconds of audio in those that are done."""
    skipped_s: float = 0.0
    """Seconds of silence in those that are done, which were not sent."""
    billed_s: float = 0.0
    """Seconds of audio that this run has paid for, or may have."""
    is_broken: bool = False
    """Whether the work ended before its end."""
    refused: dict[str, list[str]] = attrs.field(factory=dict)
    """Recordings that no run within the same limits would send, by the limits that are too low for them."""
    _groups: dict[tuple[object, ...], _Group] = attrs.field(factory=dict)
    _are_settings: bool = True
    """Whether nothing but settings has failed."""

    @property
    def ended(self) -> int:
        """How many recordings have come to their end."""
        return self.done + self.failed + self.unsent

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        if not self.failed and not self.unsent and not self.incomplete and not self.is_broken:
            return OK
        return WRONG_USAGE if self.failed and self._are_settings and not self.done else FAILED

    @property
    def cost(self) -> float | None:
        """What this run has cost, or may have; None without a price."""
        return None if self.price_per_minute is None else self.billed_s / 60 * self.price_per_minute

    def count(self, outcome: Outcome, label: str, error: Exception | None) -> None:
        """Count what came of a recording.

        Args:
            outcome: What the relay's answer came to.
            label: What to call it.
            error: Why it failed in the end; None where all is as it should be.
        """
        self.billed_s += outcome.charged_s or 0.0
        self.lost += outcome.maybe_billed + (0 if outcome.from_journal else outcome.lost_before)
        if error is None:
            self.done += 1
            self.incomplete += outcome.transcription is not None and outcome.transcription.incomplete
            self.from_journal += outcome.from_journal
            self.audio_s += outcome.audio_s or 0.0
            made = outcome.transcription.preparation if outcome.transcription else None
            self.skipped_s += made.skipped_s if made else 0.0
        elif is_unsent(error):
            self.unsent += 1
            for limit in error.limits if isinstance(error, BudgetExceededError) else ():
                self.refused.setdefault(limit, []).append(label)
        else:
            self.failed += 1
            self._are_settings &= isinstance(error, ConfigurationError)
            self._group(error, label)

    def summary(self, verb: Verb, total: int) -> str:
        """Return the sum in a line."""
        parts = [f"{self.done} {DONE[verb]}"]
        notes = [f"{self.from_journal} of them from the journal"] if self.from_journal else []
        notes += [f"{self.incomplete} of them incomplete"] if self.incomplete else []
        if notes:
            parts[0] += f" ({', '.join(notes)})"
        parts.append(f"{self.failed} failed")
        if (unsent := total - self.done - self.failed) > 0:
            parts.append(f"{unsent} not sent")
        if self.audio_s >= _WORTH_TELLING_S:
            parts.append(f"{self.audio_s / 60:.1f} minutes of audio")
        if self.skipped_s >= _WORTH_TELLING_S:
            parts.append(f"{self.skipped_s / 60:.1f} minutes of silence not sent")
        if self.cost is not None:
            parts.append(f"cost {self.cost:.4g}")
        return ", ".join(parts)

    def as_dict(self, total: int) -> dict[str, object]:
        """Return the sum for programs: counts; seconds, whose names end in `_s`; `cost` where there is a price."""
        return {
            "total": total,
            "done": self.done,
            "incomplete": self.incomplete,
            "failed": self.failed,
            "broken_off": self.broken_off,
            "not_sent": total - self.done - self.failed - self.broken_off,
            "from_journal": self.from_journal,
            "maybe_billed": self.lost,
            "audio_s": round(self.audio_s, 3),
            "skipped_s": round(self.skipped_s, 3),
            "billed_s": round(self.billed_s, 3),
            "cost": self.cost,
        }

    def progress(self, total: int, seconds: float) -> str:
        """Return how far they are, on a line.

        Args:
            total: How many there are.
            seconds: Since the work began.
        """
        parts = [f"{self.ended} of {total}"]
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.audio_s >= _WORTH_TELLING_S:
            parts.append(f"{self.audio_s / 60:.1f} min")
        asked = self.ended - self.from_journal
        if asked and seconds >= 1:
            parts.append(f"{asked / seconds:.1f}/s")
            left_s = (total - self.ended) * seconds / asked
            parts.append(f"{_clock(left_s)} left")
        if self.cost is not None:
            parts.append(f"cost {self.cost:.4g}")
        return ", ".join(parts)

    def causes(self) -> Iterator[str]:
        """Yield a line for each kind of failure, the most frequent first, and one for what may be lost."""
        # Each failure was told when it came; what many have in common was not.
        if self.failed > len(self._groups):
            for group in sorted(self._groups.values(), key=lambda group: -group.count):
                more = group.count - len(group.labels)
                names = ", ".join(group.labels) + (f" and {more} more" if more > 0 else "")
                yield f"  {group.count} x {_cause_of(group)} ({names})"
        if self.lost:
            requests = "1 request gave" if self.lost == 1 else f"{self.lost} requests gave"
            yield f"{requests} nothing and may have been billed"

    def is_stuck(self, undone: Sequence[str]) -> bool:
        """Tell whether the same work within the same limits would come no further.

        Args:
            undone: What the recordings that are not done are called, in order.
        """
        never = {label for limit, labels in self.refused.items() if limit != _LENGTHLESS for label in labels}
        lengthless = {*self.refused.get(_LENGTHLESS, ())}
        # What there is no room for ends the work; what has no length does not.
        first = next((label for label in undone if label not in lengthless), None)
        return first is None or first in never

    def limits(self) -> Iterator[str]:
        """Yield a line about each limit that has to be raised."""
        for limit, labels in self.refused.items():
            if limit == _LENGTHLESS:
                told = f"{len(labels)} recordings do not tell their length: convert them"
                if len(labels) == 1:
                    told = f"{labels[0]} does not tell its length: convert it"
                yield f"{told}, or say with --unknown-minutes what to count"
            else:
                yield f"--max-{limit.replace('_', '-')} has no room for {labels[0]} in any run: raise it"

    def _group(self, error: Exception, label: str) -> None:
        hint = hint_of_many(error) if isinstance(error, ZhongzhuanError) else None
        # What a message says of one recording would make a group of each.
        facts = (getattr(error, name, None) for name in ("status", "code", "reason"))
        said = _NUMBER.sub("", _of_any(error)) if isinstance(error, AudioSourceError) else None
        group = self._groups.setdefault((type(error), hint, said, *facts), _Group(error))
        if isinstance(error, UnwrittenError):
            group.folder = os.path.commonpath([group.folder or error.folder, error.folder]) or os.curdir
        group.count += 1
        if group.count <= _SHOWN:
            group.labels.append(label)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _of_any(error: AudioSourceError) -> str:
    """Return what is wrong with a recording, without its name."""
    return error.message.replace(error.source, "it") if error.source else error.message


def _cause_of(group: _Group) -> str:
    if isinstance(group.error, AudioSourceError) and group.count > 1:
        hint = f" — {told}" if (told := hint_of_many(group.error)) else ""
        return f"{type(group.error).__name__}: {_of_any(group.error)}{hint}"
    if not isinstance(group.error, ZhongzhuanError):
        return reason_of(group.error)
    # A request id is of one of them only.
    error = in_options(group.error)
    status = f" (status {error.status})" if isinstance(error, APIError) else ""
    hint = f" — {told}" if (told := hint_of_many(error)) else ""
    if isinstance(error, UnwrittenError):
        return f"{error.reason[:1].lower()}{error.reason[1:]} in {group.folder}{hint}"
    return f"{type(error).__name__}: {error.message}{status}{hint}"


def command_line(verb: Verb, files: Sequence[str], *options: attrs.AttrsInstance) -> str:
    """Return the command that does the same to these recordings.

    Args:
        verb: The subcommand.
        files: Recordings, as they are named.
        *options: Groups of options; what is as it is without being said is not said.
    """
    words = ["zhongzhuan-audio", verb]
    for group in options:
        for field in attrs.fields(type(group)):
            value, name = getattr(group, field.name), f"--{field.name.replace('_', '-')}"
            if value == field.default:
                continue
            if isinstance(value, bool):
                words.append(name if value else name.replace("--", "--no-", 1))
            else:
                words.extend((name, str(value) if isinstance(value, Path) else f"{value}"))
    if any(name.startswith("-") for name in files):
        words.append("--")
    words.extend(files)
    return subprocess.list2cmdline(words) if os.name == "nt" else " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    """Return a word for a shell, on one line and of characters that can be shown, whatever its bytes are."""
    if word.isprintable():
        return shlex.quote(word)
    shown = (chr(byte) if byte in _SHOWN_AS_THEY_ARE else f"\\x{byte:02x}" for byte in os.fsencode(word))
    return f"$'{''.join(shown)}'"


def describe_left(budget: Budget) -> str:
    """Return what is left of a budget."""
    return f"left of the budget for this run: {budget.left}"
