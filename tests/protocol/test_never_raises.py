"""Whatever a relay sends, it is a transcript or one of our errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.errors import APIError, InvalidResponseError
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.classify import classify
from zhongzhuan_audio.protocol.response import decode_transcription

FORMATS = st.sampled_from(["json", "text", "srt", "vtt", "verbose_json", "diarized_json"])
STATUSES = st.sampled_from([200, 200, 200, 204, 301, 400, 401, 403, 404, 413, 429, 500, 503, 504, 524]) | st.integers(
    0, 1000
)
KINDS = st.sampled_from(
    [
        "",
        "application/json",
        "text/plain",
        "text/html",
        "text/vtt",
        "text/plain; charset=gbk",
        "x/y; charset=windows-1252",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=12)
NAMES = st.sampled_from(
    [
        *("error", "message", "msg", "code", "type", "param", "detail", "success", "data", "result"),
        *("text", "segments", "words", "start", "end", "id", "usage", "duration"),
    ]
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=12
)
BODIES = st.one_of(
    st.binary(max_size=80),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=80).map(str.encode),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(NAMES, VALUES, max_size=5).map(lambda value: json.dumps(value).encode()),
    st.sampled_from([b"WEBVTT\n\n", b"1\n00:00:00,000 --> 00:00:01,000\n", b"<html>", b"\xff\xfe", b"\xef\xbb\xbf"]),
)
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "retry-after-ms", "x-request-id", "x-oneapi-request-id", "x-should-retry"]),
    st.text(max_size=20),
)
TAGS = st.sampled_from(
    ["<!DOCTYPE html>", "<html lang='zh'>", "<html>", "<head>", "\n\n<!doctype html>", "<script>", "<!--"]
)


def now():
    return datetime(2026, 11, 22, tzinfo=UTC)


def check_error(error, answer):
    assert error.status == answer.status
    assert error.hint
    assert len(error.body.encode()) <= 64 * 1024
    str(error).encode()


def check(answer, response_format):
    try:
        transcription = decode_transcription(answer, response_format=response_format, now=now)
    except (APIError, InvalidResponseError) as error:
        check_error(error, answer)
        return None
    assert 200 <= answer.status < 300
    assert isinstance(transcription.text, str)
    (transcription.text + transcription.body).encode()
    transcription.to_json()
    return transcription


@given(STATUSES, KINDS, BODIES, HEADERS, FORMATS)
def test_any_answer_is_a_transcript_or_one_of_our_errors(status, kind, body, headers, response_format):
    """Nothing else is raised, and all that comes out can be written to a file."""
    check(Answer(status=status, headers={**headers, "content-type": kind}, body=body), response_format)


@given(STATUSES, KINDS, TAGS, BODIES, FORMATS)
def test_a_page_with_anything_in_it_is_never_a_transcript(status, kind, tag, body, response_format):
    """At any status, under any label, asked for in any format."""
    answer = Answer(status=status, headers={"content-type": kind}, body=tag.encode() + body)
    assert check(answer, response_format) is None


@given(KINDS, BODIES, FORMATS)
def test_what_is_labelled_as_a_page_is_only_taken_as_json_or_subtitles(kind, body, response_format):
    """Bare words under that label are a login page's."""
    transcription = check(Answer(status=200, headers={"content-type": "text/html"}, body=body), response_format)
    if transcription is not None and not transcription.segments and transcription.text:
        assert transcription.body.lstrip()[:1] in {"{", '"'}


@given(STATUSES, BODIES, HEADERS)
def test_classify_gives_an_error_for_any_answer(status, body, headers):
    """At statuses of success too: it is asked only for a refusal, and never has to guess whether it is one."""
    error = classify(Answer(status=status, headers=headers, body=body), now=now)
    assert isinstance(error, APIError)
    assert error.message
    assert error.billed in {"no", "maybe"}


@pytest.mark.parametrize(
    "body",
    [
        b" " * 200_000 + b"x",
        b"(" * 200_000,
        b'{"error": "' + b"Bearer " * 20_000 + b'"}',
        b'{"error": "' + b"sk-" * 50_000 + b'"}',
        b'{"error": "' + b"sk-." * 50_000 + b'"}',
        b'{"error": "' + b"model " * 20_000 + b'"}',
        b'{"error": "' + b" (request id: " * 20_000 + b'"}',
        b"<title>" * 20_000,
        b"<h1" * 40_000,
        b"00:00" * 40_000,
        b"1:11 " * 40_000 + b"-->",
        b"[" * 200_000,
    ],
    ids=lambda body: repr(body[-60:-30]),
)
@pytest.mark.parametrize("status", [200, 500])
def test_a_body_made_to_stall_a_pattern_does_not(body, status):
    """Long runs of what the patterns begin with are read in a moment."""
    check(Answer(status=status, headers={"content-type": "text/plain"}, body=body), "text")
