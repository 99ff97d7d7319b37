"""Outcomes as a table for pandas, which is nobody's extra: whoever wants a DataFrame has it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from zhongzhuan_audio.batch.outcome import Outcome
from zhongzhuan_audio.errors import MissingExtraError

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["to_dataframe"]

_TYPES = {
    "index": "int64",
    "source": "string",
    "status": "string",
    "text": "string",
    "language": "string",
    "duration": "float64",
    "audio_s": "float64",
    "charged_s": "float64",
    "suspicious": "Int64",
    "dropped": "Int64",
    "coverage": "float64",
    "gaps": "Int64",
    "skipped_s": "float64",
    "damage": "string",
    "seconds": "float64",
    "attempts": "int64",
    "billed": "string",
    "maybe_billed": "int64",
    "lost_before": "int64",
    "from_journal": "bool",
    "request_id": "string",
    "error": "string",
    "message": "string",
    "hint": "string",
    "retryable": "boolean",
    "status_code": "Int64",
}
"""pandas' types of the columns: the same whatever the outcomes are, and such that what may be None can be missing."""


def to_dataframe(outcomes: Iterable[Outcome]) -> DataFrame:
    """Return outcomes as a pandas DataFrame, a row for each in the order given.

    ::

        with Client().transcribe_many(files) as outcomes:
            table = to_dataframe(outcomes)
        table[table.status == "failed"].groupby("error").size()

    Args:
        outcomes: Those of `transcribe_many`: a list, or what the blocking client gives.

    Returns:
        The columns are the fields of `Outcome.record`, also where there are no rows; what is None there is missing.

    Raises:
        MissingExtraError: pandas is not installed; nothing was taken.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("a table needs pandas, which is not installed", hint="pip install pandas") from error
    rows = [outcome.record() for outcome in outcomes]
    return pd.DataFrame(rows, columns=list(_TYPES)).astype(_TYPES)
