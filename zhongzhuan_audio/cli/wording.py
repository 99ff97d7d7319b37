"""The library's complaints in the command's words: options where it names arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sized

from zhongzhuan_audio.advice import NOT_AGAIN, for_the_command
from zhongzhuan_audio.errors import ConfigurationError, ZhongzhuanError
from zhongzhuan_audio.models import Preparation, Transcription

__all__ = ["findings_of", "hint_of_many", "in_options", "reason_of"]

_TEXT = re.compile(r"\Ainput (?=has|is)")
_ARGUMENT = re.compile(
    r"\A(?:base_url|api_key|model_dir|host|port|refill|drop_suspicious|skip_silence|channels|script)\b"
)

_WORTH_TELLING_S = 3.0
"""What would not be 0.0 minutes."""


def in_options(error: ZhongzhuanError) -> ZhongzhuanError:
    """Return the error with a hint, and the beginning of a message, that somebody at a command line can follow."""
    error.hint = for_the_command(error.hint)
    if isinstance(error, ConfigurationError):
        error.message = _ARGUMENT.sub(lambda found: f"--{found[0].replace('_', '-')}", error.message)
        error.message = _TEXT.sub("the text ", error.message)
    return error


def hint_of_many(error: ZhongzhuanError) -> str | None:
    """Return the hint without what it says of one request alone: why that was not tried again."""
    return (for_the_command(error.hint) or "").partition(NOT_AGAIN)[0].rstrip("; ") or None


def reason_of(error: Exception) -> str:
    """Return why something failed, and what to do about it."""
    return str(in_options(error)) if isinstance(error, ZhongzhuanError) else f"{type(error).__name__}: {error}"


def findings_of(transcription: Transcription) -> str | None:
    """Return what there is to say of a transcript, such as ``2 segments look invented``; None where all seems well."""
    suspects = {warning.segment_id for warning in transcription.warnings if warning.kind != "refill"}
    failed = [warning for warning in transcription.warnings if warning.kind == "refill"]
    dropped = {warning.segment_id for warning in transcription.warnings if warning.dropped}
    parts = []
    if suspects:
        told = f"{_count(suspects, 'segment')} {'looks' if len(suspects) == 1 else 'look'} invented"
        parts.append(f"{told}, {len(dropped)} dropped" if dropped else told)
    if failed:
        parts.append(f"{_count(failed, 'stretch', 'stretches')} could not be refilled")
    if transcription.gaps:
        parts.append(f"{_count(transcription.gaps, 'gap')} of pieces that failed")
    if transcription.preparation is not None:
        parts += _preparation(transcription.preparation)
    coverage = transcription.coverage
    if coverage is not None and coverage.refilled:
        parts.append(f"{_count(coverage.refilled, 'stretch', 'stretches')} refilled")
    if coverage is not None and coverage.uncovered:
        parts.append(f"{coverage.completeness:.1%} of the speech has text, {_count(coverage.uncovered, 'gap')}")
    if coverage is not None and coverage.sparse:
        parts.append(f"{_count(coverage.sparse, 'segment')} with far less text than speech")
    return "; ".join(parts) or None


def _preparation(made: Preparation) -> Iterator[str]:
    """Give what there is to say of what was done to a recording."""
    if made.reason == "channels" and made.channel_count == 1:
        yield "it has one channel, and was sent as one" if made.pieces else "it has one channel"
    if made.same_channels:
        same = "its channels are all the same"
        yield f"{same}, and were sent as one" if made.pieces else same
    if not made.pieces:
        yield "nobody speaks in it, and nothing was sent"
        return
    if made.silent_channels:
        yield f"nobody speaks in channel {' and '.join(made.silent_channels)}, which was not sent"
    if made.skipped_s >= _WORTH_TELLING_S:
        yield f"{made.skipped_s / 60:.1f} minutes of silence were not sent"


def _count(things: Sized, one: str, many: str | None = None) -> str:
    return f"{len(things)} {one if len(things) == 1 else many or f'{one}s'}"
