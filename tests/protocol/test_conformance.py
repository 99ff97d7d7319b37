"""Every row of the conformance set comes out as it says, and so do its neighbours of the same shape."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhongzhuan_audio import errors
from zhongzhuan_audio.errors import APIError, InvalidResponseError, ZhongzhuanError
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.response import decode_transcription

ROWS = json.loads((Path(__file__).parents[1] / "data" / "responses.json").read_text(encoding="utf-8"))
REFUSED = [row for row in ROWS if row["expect"]["error"] is not None]
GOOD = [row for row in ROWS if row["expect"]["error"] is None]
ROW_REQUEST_ID = "20261122101530123456789Ab12Cd34"


FEW = settings(max_examples=20)
"""For each of dozens of rows."""


def named(rows):
    return pytest.mark.parametrize("row", rows, ids=[row["id"] for row in rows])


def now():
    return datetime(2026, 11, 22, tzinfo=UTC)


def outcome(row, *, status=None, body=None, headers=None):
    told = row["response"]
    answer = Answer(
        status=told["status"] if status is None else status,
        headers={name.lower(): value for name, value in (headers or told["headers"]).items()},
        body=(told["body"] if body is None else body).encode(),
    )
    return decode_transcription(answer, response_format=row["request"]["response_format"], now=now)


def refusal(row, **changes):
    with pytest.raises(ZhongzhuanError) as caught:
        outcome(row, **changes)
    return caught.value


def check(row, error):
    expect = row["expect"]
    assert type(error) is getattr(errors, expect["error"])
    assert isinstance(error, (APIError, InvalidResponseError))
    assert (error.retryable, error.failover) == (expect["retry"], expect["failover"])
    assert error.billed == expect.get("billed", "no")
    assert error.hint
    assert str(error).endswith(error.hint)


@named(REFUSED)
def test_a_refusal_is_the_error_that_the_row_says(row):
    """Class, retry, failover, billing, request id, code and wait are the row's, and a key in the message is masked."""
    error = refusal(row)
    check(row, error)
    assert error.request_id == row["expect"]["request_id"]
    assert error.status == row["response"]["status"]
    assert "request id:" not in error.message
    if isinstance(error, APIError):
        assert error.retry_after == row["expect"].get("retry_after_s")
        assert error.code not in {"", "null"}
    if hidden := row["expect"].get("message_must_not_contain"):
        assert hidden not in error.message
        assert hidden not in error.body
        assert hidden not in str(error) + repr(error)


@named(GOOD)
def test_a_good_answer_is_the_transcript_that_the_row_says(row):
    """Text, segments, their end, duration and language are the row's; the body is kept verbatim."""
    expect, transcription = row["expect"], outcome(row)
    assert transcription.text == expect["text"]
    assert transcription.body == row["response"]["body"]
    if "segments" in expect:
        assert len(transcription.segments) == expect["segments"]
    if "end_s" in expect:
        assert transcription.segments[-1].end == expect["end_s"]
    assert transcription.duration == expect.get("duration_s")
    assert transcription.language == expect.get("language")


@named(REFUSED)
def test_a_refusal_survives_pickling(row):
    """A worker in another process can hand the error back with all that it knows."""
    error = refusal(row)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


@named([row for row in REFUSED if ROW_REQUEST_ID in row["response"]["body"]])
@FEW
@given(told=st.from_regex(r"[0-9]{14,20}[A-Za-z0-9]{8}", fullmatch=True))
def test_the_request_id_is_read_from_the_message_and_cut(row, told):
    """Whatever the id, it ends up in `request_id`, and the message ends before it."""
    error = refusal(row, body=row["response"]["body"].replace(ROW_REQUEST_ID, told))
    check(row, error)
    assert error.request_id == told
    assert told not in error.message


@named([row for row in REFUSED if "whisper-1" in row["response"]["body"]])
@FEW
@given(model=st.from_regex(r"[a-z][a-z0-9]{0,9}[-/.][a-z0-9.-]{0,14}[a-z0-9]", fullmatch=True))
def test_the_model_does_not_matter(row, model):
    """A refusal means the same for any model, and the model is named where it is not served."""
    error = refusal(row, body=row["response"]["body"].replace("whisper-1", model))
    check(row, error)
    if isinstance(error, errors.ModelUnavailableError):
        assert f"the model {model} now" in error.hint


@named([row for row in REFUSED if "default" in row["response"]["body"] or "vip" in row["response"]["body"]])
@FEW
@given(group=st.text(st.characters(categories=("L", "N")), min_size=1, max_size=12))
def test_the_group_does_not_matter(row, group):
    """A refusal means the same for any group's name, in any script."""
    body = row["response"]["body"].replace(" default ", f" {group} ").replace(" vip ", f" {group} ")
    check(row, refusal(row, body=body))


def has_own_words(row):
    body = row["response"]["body"]
    told = json.loads(body)["error"] if body.startswith('{"error"') else {}
    kept = {"bad_response_status_code", "rate_limit_exceeded"}
    return bool(told) and row["response"]["status"] >= 400 and told.get("code") not in kept


@named([row for row in REFUSED if has_own_words(row)])
@FEW
@given(status=st.sampled_from([400, 401, 402, 403, 404, 422, 429, 500, 502, 503]))
def test_a_remapped_status_changes_nothing_where_code_or_words_are_known(row, status):
    """Operators remap statuses; what the body says counts first."""
    check(row, refusal(row, status=status))


@named([row for row in REFUSED if row["response"]["body"].startswith('{"error"')])
@FEW
@given(data=st.data())
def test_the_dress_of_the_body_does_not_matter(row, data):
    """Blanks, a byte order mark, escapes, the order of fields and extra ones don't change what is said."""
    told = json.loads(row["response"]["body"])["error"]
    fields = data.draw(st.permutations([*told.items(), ("extra", {"a": [1, None]})]))
    text = json.dumps(
        {"error": dict(fields)},
        ensure_ascii=data.draw(st.booleans()),
        indent=data.draw(st.sampled_from([None, 2])),
    )
    mark = data.draw(st.sampled_from(["", "\ufeff", "\r\n"]))
    label = data.draw(st.sampled_from(["application/json", "text/plain", "text/html; charset=utf-8"]))
    headers = {**row["response"]["headers"], "Content-Type": label}
    error = refusal(row, body=mark + text + "\n", headers=headers)
    check(row, error)
    assert error.request_id == row["expect"]["request_id"]
