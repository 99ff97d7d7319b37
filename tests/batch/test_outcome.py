"""What came of a recording, as a row."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from zhongzhuan_audio import Attempt, Job, Outcome, RateLimitError, Transcription, TransportError
from zhongzhuan_audio.models import Coverage, Suspicion

OK = Attempt(endpoint="https://relay.example/v1", status=200)
LOST = Attempt(endpoint="https://relay.example/v1", error="TransportError", billed="maybe")


def test_a_done_one_as_a_row() -> None:
    """Its fields, in their order."""
    suspect = Suspicion(kind="silence", segment_id=1, start=0, end=1, text="x", detail="", dropped=True)
    transcription = Transcription(
        text="你好",
        language="zh",
        duration=3.5,
        request_id="r1",
        attempts=(LOST, OK),
        gaps=((9.0, 10.0),),
        warnings=(suspect, attrs.evolve(suspect, kind="phantom"), attrs.evolve(suspect, segment_id=4, dropped=False)),
        coverage=Coverage(completeness=0.9, speech_s=20, uncovered=((1.0, 2.0), (3.0, 4.0))),
    )
    outcome = Outcome(
        index=3,
        job=Job(Path("会议") / "a.mp3"),
        transcription=transcription,
        seconds=0.5,
        audio_s=3.4,
        charged_s=6.8,
        lost_before=2,
    )
    record = outcome.record()
    assert list(record.items()) == [
        ("index", 3),
        ("source", "会议/a.mp3"),
        ("status", "incomplete"),
        ("text", "你好"),
        ("language", "zh"),
        ("duration", 3.5),
        ("audio_s", 3.4),
        ("charged_s", 6.8),
        ("suspicious", 2),
        ("dropped", 1),
        ("coverage", 0.9),
        ("gaps", 3),
        ("skipped_s", 0.0),
        ("damage", None),
        ("seconds", 0.5),
        ("attempts", 2),
        ("billed", "maybe"),
        ("maybe_billed", 1),
        ("lost_before", 2),
        ("from_journal", False),
        ("request_id", "r1"),
        ("error", None),
        ("message", None),
        ("hint", None),
        ("retryable", None),
        ("status_code", None),
    ]
    assert json.loads(json.dumps(record)) == record


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            RateLimitError("slow down", status=429, hint="wait", retryable=True, request_id="r2", attempts=(OK,)),
            ("RateLimitError", "slow down", "wait", True, 429, "r2", 1, "no"),
        ),
        (
            TransportError("gone", billed="maybe", attempts=(LOST,)),
            ("TransportError", "gone", None, False, None, None, 1, "maybe"),
        ),
        (RateLimitError("in a stream"), ("RateLimitError", "in a stream", None, False, None, None, 0, "no")),
        (PermissionError(13, "denied"), ("PermissionError", "[Errno 13] denied", None, True, None, None, 0, "no")),
    ],
)
def test_a_failed_one_as_a_row(error: Any, told: tuple[Any, ...]) -> None:
    """The same fields, with the error's facts."""
    record = Outcome(index=0, job=Job("a.mp3"), error=error).record()
    names = ("error", "message", "hint", "retryable", "status_code", "request_id", "attempts", "billed")
    assert tuple(record[name] for name in names) == told
    assert (record["status"], record["text"], record["language"], record["duration"]) == ("failed", None, None, None)
    assert list(record) == list(Outcome(index=0, job=Job("a"), transcription=Transcription(text="")).record())
    assert json.loads(json.dumps(record)) == record


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("calls/a.mp3", "calls/a.mp3"),
        (Path("calls/a.mp3"), "calls/a.mp3"),
        (bytes(400), "<400 bytes>"),
        (("a.mp3", b"xyz"), "a.mp3"),
        (io.BytesIO(b"xyz"), "<_io.BytesIO"),
    ],
)
def test_a_row_names_its_recording(file: Any, source: str) -> None:
    """By the path, by the name, by what it is."""
    record = Outcome(index=0, job=Job(file), transcription=Transcription(text="")).record()
    assert str(record["source"]).startswith(source)


def test_an_open_file_goes_by_its_name(jfk: Path) -> None:
    """Without its folders, as it is sent."""
    with jfk.open("rb") as file:
        outcome = Outcome(index=0, job=Job(file), transcription=Transcription(text=""))
        assert outcome.record()["source"] == "jfk.mp3"


def test_a_row_holds_no_number_that_json_cannot() -> None:
    """A relay's NaN is a length that nobody knows."""
    transcription = Transcription(text="", duration=float("nan"))
    record = Outcome(index=0, job=Job("a"), transcription=transcription, audio_s=float("inf")).record()
    assert (record["duration"], record["audio_s"]) == (None, None)
    json.dumps(record, allow_nan=False)
