"""Requests of the caller's own: what can be sent, and what an answer is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from zhongzhuan_audio.errors import (
    ConfigurationError,
    InvalidResponseError,
    NotFoundError,
    RateLimitError,
    UpstreamError,
    ZhongzhuanError,
)
from zhongzhuan_audio.models import Response
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.anything import check_method, check_path, decode_response, encode_message


def decode(body: bytes, status: int = 200, **headers: str) -> Response:
    """Decode an answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return decode_response(Answer(status=status, headers=named, body=body), now=lambda: datetime.now(UTC))


def test_methods() -> None:
    """In either case; what would tunnel or echo is none."""
    assert [check_method(name) for name in ("get", "POST", "Patch")] == ["GET", "POST", "PATCH"]
    for wrong in ("", "GE T", "CONNECT", "trace", "GET\r\n", None, 5):
        with pytest.raises(ConfigurationError, match="cannot be sent"):
            check_method(wrong)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "models",
        "/mj/task/17123/fetch",
        "/suno/fetch/a-b_c",
        "/v1/文件",
        "a%2Fb",
        "/api/usage/token/",
    ],
)
def test_paths_that_lead_to_the_relay(path: str) -> None:
    """From its root or from the base URL, as they are."""
    assert check_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "//evil.example/v1",
        "https://evil.example/v1",
        "/v1/../admin",
        "..",
        "/v1/./x",
        "/v1/models?a=1",
        "/v1/models#x",
        "/v1/a b",
        "/v1/a\nb",
        "\\\\evil",
        "/v1\\x",
        "%zz",
        None,
        5,
    ],
)
def test_paths_that_might_lead_elsewhere(path: Any) -> None:
    """The key goes to the relay alone."""
    with pytest.raises(ConfigurationError):
        check_path(path)


def test_bodies() -> None:
    """JSON, bytes, a form, or none."""
    assert encode_message(None, None) == (None, "application/json")
    body, kind = encode_message({"input": "你好", "n": [1, None, True]}, None)
    assert (json.loads(body or b""), kind) == ({"input": "你好", "n": [1, None, True]}, "application/json")
    assert encode_message([], None)[0] == b"[]"
    assert encode_message(None, b"raw") == (b"raw", "application/octet-stream")
    assert encode_message(None, {"a": "1 2", "b": "你"}) == (b"a=1+2&b=%E4%BD%A0", "application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ({}, b""),
        ({1, 2}, None),
        (float("nan"), None),
        ("half \ud83d", None),
        (None, "text"),
        (None, 5),
        (None, {"a": "\ud83d"}),
    ],
)
def test_bodies_that_cannot_be_sent(value: Any, data: Any) -> None:
    """Told before anything goes out."""
    with pytest.raises(ConfigurationError):
        encode_message(value, data)


def test_an_answer() -> None:
    """Bytes, text and JSON of it, with the relay's request id."""
    found = decode('{"data": ["你"]}'.encode(), content_type="application/json", x_oneapi_request_id="r1")
    assert found.json() == {"data": ["你"]}
    assert (found.status, found.text, found.request_id) == (200, '{"data": ["你"]}', "r1")
    assert found.headers["content-type"] == "application/json"
    sound = decode(b"\xff\xfb\x90\0" * 100, content_type="audio/mpeg")
    assert sound.content == b"\xff\xfb\x90\0" * 100
    assert decode(b"", 204).content == b""
    assert decode(b"[1]").json() == [1]
    assert len(repr(decode(b"x" * 1000))) < 200


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}', RateLimitError),
        (b'{"success": false, "message": "slow down, rate limit"}', RateLimitError),
        (b'{"code": false, "message": "boom"}', UpstreamError),
        (b'{"error": "boom"}', UpstreamError),
        (b"<!doctype html><title>Welcome</title>", InvalidResponseError),
    ],
)
def test_an_error_at_status_200(body: bytes, kind: type[ZhongzhuanError]) -> None:
    """It is raised, whatever was asked."""
    with pytest.raises(kind):
        decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": null, "output": []}',
        b'{"error": {}, "data": 1}',
        b'{"code": 1, "description": "\xe6\x8f\x90\xe4\xba\xa4\xe6\x88\x90\xe5\x8a\x9f", "result": "17"}',
        b'{"code": "success", "message": "", "data": "x"}',
        b'{"success": true, "data": {}}',
        b'{"message": "hello"}',
    ],
)
def test_what_only_looks_like_an_error(body: bytes) -> None:
    """Midjourney's and Suno's codes, OpenAI's empty error: all is well."""
    assert decode(body).content == body


def test_an_error_status() -> None:
    """As with every other call."""
    with pytest.raises(NotFoundError) as caught:
        decode(b'{"error": {"message": "Invalid URL (GET /v1/x)"}}', 404)
    assert caught.value.status == 404
