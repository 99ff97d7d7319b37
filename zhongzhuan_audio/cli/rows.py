"""What the report and the lines of JSON have of a recording."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zhongzhuan_audio.batch import Job, Outcome
from zhongzhuan_audio.cli.named import Recording
from zhongzhuan_audio.cli.tally import is_unsent
from zhongzhuan_audio.errors import ZhongzhuanError
from zhongzhuan_audio.models import Transcription

__all__ = ["json_line", "row_of", "row_of_none", "whole_of"]

_NO_FILES: Mapping[str, Any] = {"outputs": [], "partial": [], "missing": []}
"""Of a row: nothing was written, and nothing of what was is missing a stretch."""


def row_of(outcome: Outcome, label: str, outputs: Sequence[Path], error: Exception | None) -> dict[str, Any]:
    """Return the row of a recording of which something came, be it an error."""
    row = {**outcome.record(), "source": label, **_NO_FILES, "outputs": [str(path) for path in outputs]}
    if is_unsent(error):
        row["status"] = "not sent"
    elif error is not outcome.error and isinstance(error, ZhongzhuanError):
        told = {"error": type(error).__name__, "message": error.message, "hint": error.hint}
        row.update(status="failed", retryable=error.retryable, **told)
    return row


def row_of_none(index: int, recording: Recording, *, is_broken_off: bool, may_bill: bool) -> dict[str, Any]:
    """Return the row of a recording of which nothing came."""
    unknown = dict.fromkeys(Outcome(index=index, job=Job(recording.name)).record())
    told: dict[str, Any] = {"index": index, "source": recording.label, "maybe_billed": 0, **_NO_FILES}
    if not is_broken_off:
        return {**unknown, **told, "status": "not sent", "attempts": 0, "billed": "no"}
    billed = {"billed": "maybe", "maybe_billed": 1} if may_bill else {"billed": "no"}
    return {**unknown, **told, "status": "broken off", **billed}


def whole_of(transcription: Transcription) -> dict[str, Any]:
    """Return what belongs into a line that is the only place of a transcript."""
    whole = transcription.to_dict()
    return {name: whole[name] for name in ("text", "segments", "words") if name in whole}


def json_line(value: object) -> bytes:
    """Return a value as a line of JSON; half characters of a name are escapes."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
