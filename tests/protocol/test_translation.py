"""Relays that translate, and those that do not."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from zhongzhuan_audio.errors import APIError, BadRequestError, ModelUnavailableError, NotFoundError, UpstreamError
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.translation import decode_translation


def decode(status: int, body: object) -> str:
    """Decode an answer and return its text."""
    answer = Answer(status=status, headers={"x-oneapi-request-id": "r1"}, body=json.dumps(body).encode())
    return decode_translation(answer, response_format="json", now=lambda: datetime.now(UTC)).text


def refusal(status: int, message: str) -> APIError:
    """Return the error that a refusal becomes."""
    with pytest.raises(APIError) as caught:
        decode(status, {"error": {"message": message, "type": "new_api_error", "code": "c"}})
    return caught.value


def test_a_translation_is_a_transcript() -> None:
    """In any dress that a transcription may have."""
    assert decode(200, {"text": "Hello."}) == "Hello."
    assert decode(200, {"data": {"text": "Hello."}}) == "Hello."


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "Invalid URL (POST /v1/audio/translations)"),
        (405, "Method Not Allowed"),
        (501, "API not implemented"),
        (400, "该渠道不支持翻译接口"),
        (400, "当前渠道不支持此请求类型"),
        (500, "不支持 /v1/audio/translations 路径"),
        (400, "invalid api type: audio translation not supported"),
        (400, "This endpoint is not yet supported"),
        (500, "channel does not support the operation"),
    ],
)
def test_a_relay_that_does_not_translate_is_told_as_such(status: int, message: str) -> None:
    """Whatever its status, with its own words and what to do."""
    error = refusal(status, message)
    assert type(error) is NotFoundError
    assert "does not translate" in str(error.hint)
    assert (error.message, error.status, error.request_id) == (message, status, "r1")
    assert (error.failover, error.retryable, error.billed) == (True, False, "no")


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "不支持的文件格式", BadRequestError),
        (400, "unsupported file format", BadRequestError),
        (400, "invalid temperature", BadRequestError),
        (500, "do request failed", UpstreamError),
        (404, "The model `x` does not exist", ModelUnavailableError),
    ],
)
def test_other_refusals_stay_what_they_are(status: int, message: str, kind: type[APIError]) -> None:
    """A file that is not supported says nothing of the path."""
    error = refusal(status, message)
    assert type(error) is kind
    assert "does not translate" not in str(error)
