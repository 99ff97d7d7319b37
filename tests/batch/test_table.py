"""Outcomes in a DataFrame."""

from __future__ import annotations

import sys

import pandas as pd
import pytest

from zhongzhuan_audio import (
    Client,
    Job,
    MissingExtraError,
    Outcome,
    RateLimitError,
    Transcription,
    to_dataframe,
)
from zhongzhuan_audio.relay import LocalRelay

MP3 = b"\xff\xfb\x90\x00" * 100
DONE = Outcome(
    index=0,
    job=Job("a.mp3"),
    transcription=Transcription(text="你好", language="zh", duration=3.5, request_id="r1"),
    seconds=0.5,
    audio_s=3.4,
)
FAILED = Outcome(index=1, job=Job("b.mp3"), error=RateLimitError("slow down", status=429, hint="wait", retryable=True))
BROKEN = Outcome(index=2, job=Job("c.mp3"), error=OSError("gone"))


def test_a_row_for_each() -> None:
    """With the fields of its record, and what is None there is missing."""
    outcomes = [DONE, FAILED, BROKEN]
    table = to_dataframe(iter(outcomes))
    assert list(table.columns) == list(DONE.record())
    for outcome, row in zip(outcomes, table.to_dict("records"), strict=True):
        assert {name: None if pd.isna(value) else value for name, value in row.items()} == outcome.record()
    assert table.groupby("status").size().to_dict() == {"done": 1, "failed": 2}
    assert table.duration.sum() == 3.5


@pytest.mark.parametrize("outcomes", [[], [DONE], [FAILED], [DONE, FAILED, BROKEN]])
def test_its_types_are_the_same_whatever_there_is(outcomes: list[Outcome]) -> None:
    """So that tables of several runs can be joined; a status is no 429.0."""
    table = to_dataframe(outcomes)
    assert table.dtypes.equals(to_dataframe([DONE, FAILED]).dtypes)
    assert len(table) == len(outcomes)
    assert str(table.dtypes["status_code"]) == "Int64"


def test_without_pandas_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """And takes nothing."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    outcomes = iter([DONE])
    with pytest.raises(MissingExtraError, match="pip install pandas"):
        to_dataframe(outcomes)
    assert next(outcomes) is DONE


def test_it_takes_what_the_blocking_client_gives(local_relay: LocalRelay) -> None:
    """As it comes."""
    with Client(local_relay.base_url, local_relay.api_key) as client:
        with client.transcribe_many([MP3, b"x"], ordered=True) as outcomes:
            table = to_dataframe(outcomes)
    assert list(table.status) == ["done", "failed"]
    assert list(table.source) == ["<400 bytes>", "<1 bytes>"]
