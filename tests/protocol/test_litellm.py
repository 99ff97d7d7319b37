"""Bodies that litellm's proxy really sends: seen of 1.106.2, or in its source where it takes a database."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from zhongzhuan_audio.errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    InvalidResponseError,
    ModelUnavailableError,
    PayloadTooLargeError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    UpstreamError,
)
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.classify import classify
from zhongzhuan_audio.protocol.response import decode_transcription

JSON = {"content-type": "application/json", "x-litellm-call-id": "8f2b-1"}
TRAILER = "\n\nLiteLLM: model group 'whisper-1' failed with the error above. No fallback was attempted."
OLD_TRAILER = ". Received Model Group=whisper-1\nAvailable Model Group Fallbacks=None"
FALLBACK_TRAILER = (
    "\n\nLiteLLM: model group 'a' failed with the error above. Fallback to b also failed: litellm.RateLimitError: slow"
)
NO_FALLBACKS_TRAILER = (
    "\n\nLiteLLM: model group 'a' failed with the error above and no fallback model group was found for it, so the "
    "request was not retried on another model. No fallbacks are configured."
)
COOLDOWN = (
    "No deployments available for selected model, Try again in 30 seconds. All deployments for selected model are in "
    "cooldown. Passed model=whisper-1. pre-call-checks=False, cooldown_list=['68d0ba']"
)
PAGE = "<html><head><title>502 Bad Gateway</title></head><body>invalid api key</body></html>"


def now():
    return datetime(2026, 11, 22, tzinfo=UTC)


def refused(status: int, message: str, kind: str | None = None) -> APIError:
    body = {"error": {"message": message, "type": kind, "param": None, "code": str(status)}}
    raw = json.dumps(body, ensure_ascii=False).encode()
    return classify(Answer(status=status, headers=JSON, body=raw), now=now)


def passed_on(status: int, message: str, kind: str | None = None, *, name: str = "APIError") -> APIError:
    return refused(status, f"litellm.{name}: {name}: OpenAIException - {message}{TRAILER}", kind)


@pytest.mark.parametrize("asked", ["text", "srt", "vtt"])
@pytest.mark.parametrize(
    "text",
    [
        "1\n00:00:00,000 --> 00:00:02,500\n你好。\n\n",
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.500\n你好。\n\n",
    ],
)
def test_plain_formats_come_in_json(asked, text):
    """The label is JSON's and the usage null; the cues become segments."""
    raw = json.dumps({"text": text, "usage": None}, ensure_ascii=False).encode()
    transcription = decode_transcription(Answer(status=200, headers=JSON, body=raw), response_format=asked, now=now)
    assert transcription.text == "你好。"
    assert [(segment.start, segment.end) for segment in transcription.segments] == [(0.0, 2.5)]
    assert transcription.request_id == "8f2b-1"


@pytest.mark.parametrize(
    ("body", "billed"), [({"text": None, "usage": None}, "maybe"), ({"text": PAGE, "usage": None}, "no")]
)
def test_what_was_no_transcript_upstream_is_none_here(body, billed):
    """A refusal at status 200 becomes a null text, a web page the text itself."""
    answer = Answer(status=200, headers=JSON, body=json.dumps(body).encode())
    with pytest.raises(InvalidResponseError) as caught:
        decode_transcription(answer, response_format="json", now=now)
    assert caught.value.billed == billed


@pytest.mark.parametrize(
    ("inner", "kind"),
    [
        ({"error": {"message": "无可用渠道", "code": "model_not_found"}}, ModelUnavailableError),
        ({"success": False, "message": "无效的令牌"}, AuthenticationError),
        ({}, InvalidResponseError),
        ('{"text": "Hel', InvalidResponseError),
    ],
)
def test_a_refusal_in_json_does_not_pass_for_a_text(inner, kind):
    """Asked for text, litellm takes any body for it, the upstream's errors at status 200 too."""
    text = inner if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False)
    for body in ({"text": text, "usage": None}, text if isinstance(inner, str) else inner):
        answer = Answer(status=200, headers=JSON, body=json.dumps(body).encode())
        with pytest.raises(kind):
            decode_transcription(answer, response_format="text", now=now)


def test_a_transcript_in_json_is_taken_out_of_the_text():
    """A relay that answers JSON where text was asked has it wrapped a second time."""
    text = json.dumps({"text": "你好。", "usage": {"type": "duration", "seconds": 3}})
    for body in ({"text": text, "usage": None}, text, {"text": json.dumps({"text": text})}):
        answer = Answer(status=200, headers=JSON, body=json.dumps(body).encode())
        transcription = decode_transcription(answer, response_format="text", now=now)
        assert transcription.text == "你好。"
        assert transcription.usage is not None
        assert transcription.usage.seconds == 3
        assert json.loads(transcription.body) == body


@pytest.mark.parametrize(("asked", "text"), [("text", "\n"), ("srt", "\n"), ("vtt", "WEBVTT\n\n"), ("json", "")])
def test_silence_is_an_empty_text(asked, text):
    """The bare header of WebVTT is nobody's word."""
    answer = Answer(status=200, headers=JSON, body=json.dumps({"text": text, "usage": None}).encode())
    assert decode_transcription(answer, response_format=asked, now=now).text == ""


@pytest.mark.parametrize("text", ["{laughs} no", "{", "[Music]", "{ 你好 }", "{1}"])
def test_braces_that_were_said_are_words(text):
    """Only what begins as a JSON object does is taken for one."""
    answer = Answer(status=200, headers=JSON, body=json.dumps({"text": text}).encode())
    assert decode_transcription(answer, response_format="text", now=now).text == text


@pytest.mark.parametrize("trailer", [TRAILER, OLD_TRAILER, FALLBACK_TRAILER, NO_FALLBACKS_TRAILER])
def test_what_litellm_adds_at_the_end_is_cut(trailer):
    """It hides the upstream's request id, and its words are about the configuration."""
    error = refused(500, f"litellm.APIError: APIError: OpenAIException - 出错 (request id: 2026abc){trailer}")
    assert type(error) is UpstreamError
    assert error.message == "litellm.APIError: APIError: OpenAIException - 出错 (request id: 2026abc)"
    assert error.request_id == "8f2b-1"
    assert trailer.strip(". \n")[:20] in error.body


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "No connected db.", "no_db_connection"),
        (401, "Authentication Error, No api key passed in.", "auth_error"),
        (401, "LiteLLM Virtual Key expected. Received=hell****o123, expected to start with 'sk-'.", "auth_error"),
        (
            401,
            "Authentication Error, Invalid proxy server token passed. Received API Key = sk-...7890, Key Hash =8f.",
            "token_not_found_in_db",
        ),
        (
            400,
            "Authentication Error - Expired Key. Key Expiry time 2026-01-01 and current time 2026-02-01",
            "expired_key",
        ),
    ],
)
def test_a_wrong_key(status, message, kind):
    """A proxy without a database says that it has none, where a key is not its master key."""
    error = refused(status, message, kind)
    assert type(error) is AuthenticationError
    assert (error.retryable, error.failover, error.billed) == (False, True, "no")


def test_a_database_that_is_down_is_no_wrong_key():
    """It has the same type as the answer to a wrong key, and passes."""
    message = "Service Unavailable, the authentication database is temporarily unreachable. Please retry shortly."
    error = refused(503, message, "no_db_connection")
    assert type(error) is UpstreamError
    assert error.retryable


@pytest.mark.parametrize("status", [400, 422, 429])
@pytest.mark.parametrize(
    "message",
    [
        "Budget has been exceeded! Current cost: 0.0011, Max budget: 0.001",
        "ExceededBudget: User=u over budget. Spend=1.0, Budget=0.5",
    ],
)
@pytest.mark.parametrize("kind", ["budget_exceeded", None])
def test_a_budget_that_is_spent_is_a_quota(status, message, kind):
    """Whatever the status, which has changed between versions; waiting does not help."""
    error = refused(status, message, kind)
    assert type(error) is QuotaExceededError
    assert (error.retryable, error.failover) == (False, True)


@pytest.mark.parametrize("kind", ["all_deployments_in_cooldown", "None"])
def test_a_cooldown_is_waited_for(kind):
    """The time is only in the words."""
    error = refused(429, COOLDOWN, kind)
    assert type(error) is RateLimitError
    assert (error.retryable, error.retry_after) == (True, 30.0)
    assert error.hint == "wait 30 s and try again; fewer requests at once help"


def test_the_names_that_only_restate_a_429_do_not_hide_a_quota():
    """It calls each 429 a rate limit; its account's quota does not come back by waiting."""
    told = "You exceeded your current quota, please check your plan and billing details."
    quota = passed_on(429, told, "throttling_error", name="RateLimitError")
    assert type(quota) is UpstreamError
    assert quota.hint is not None
    assert quota.hint.startswith("the relay's own account")
    full = passed_on(429, "当前分组上游负载已饱和，请稍后再试", "throttling_error", name="RateLimitError")
    assert type(full) is RateLimitError


def test_a_page_that_is_quoted_is_known_by_its_title():
    """Its words don't count, and nobody wants to read its tags."""
    error = passed_on(502, PAGE, name="BadGatewayError")
    assert type(error) is UpstreamError
    assert error.message == "litellm.BadGatewayError: BadGatewayError: OpenAIException - 502 Bad Gateway"
    untitled = passed_on(502, "<!DOCTYPE html><div>too many requests</div>", name="BadGatewayError")
    assert type(untitled) is UpstreamError
    assert untitled.message.endswith("OpenAIException - a web page without a title")
    quoted = refused(502, f"bad response, body: {PAGE} (request id: 2026abc){TRAILER}")
    assert quoted.message == "bad response, body: 502 Bad Gateway (request id: 2026abc)"
    nested = refused(502, json.dumps({"error": {"message": PAGE, "code": "model_not_found"}}))
    assert type(nested) is ModelUnavailableError


def test_a_model_that_is_not_configured():
    """The reason is a Python dictionary as text."""
    reason = "/audio/transcriptions: Invalid model name passed in model=gpt-nope. Call `/v1/models` to view yours."
    for written in (str({"error": reason}), str({"error": f"{reason} It's gone."})):
        error = refused(400, written, "None")
        assert type(error) is ModelUnavailableError
        assert error.message.startswith("/audio/transcriptions: Invalid model name")
        assert not error.message.endswith("}")
        assert error.hint is not None
        assert "the model gpt-nope" in error.hint


@pytest.mark.parametrize(
    ("status", "name", "message", "kind"),
    [
        (401, "AuthenticationError", "无效的令牌 (request id: A1)", UpstreamError),
        (403, "APIError", "该令牌无权使用模型 whisper-1", UpstreamError),
        (403, "APIError", "用户额度不足, 剩余额度: ＄0.000000", UpstreamError),
        (404, "NotFoundError", "Not Found", UpstreamError),
        (500, "APIConnectionError", "Connection error.", UpstreamError),
        (408, "Timeout", "Request timed out. Error_str: Request timed out.", UpstreamError),
        (503, "ServiceUnavailableError", "分组 default 下模型 gpt-9 无可用渠道（distributor）", ModelUnavailableError),
        (500, "BadRequestError", "type new_api_error, code model_not_found, message 出错", ModelUnavailableError),
        (400, "BadRequestError", "Invalid file format. Supported formats: ['flac', 'm4a']", BadRequestError),
        (413, "APIError", "Maximum content size limit (500000) exceeded (600003 bytes read)", PayloadTooLargeError),
    ],
)
def test_an_upstreams_error_keeps_its_meaning(status, name, message, kind):
    """What blames the caller blames litellm's account; the rest is as if the upstream had said it to us."""
    error = passed_on(status, message, name=name)
    assert type(error) is kind
    assert error.billed == "no"
    assert error.retryable is (kind is UpstreamError)


def test_a_model_that_the_key_may_not_use():
    """The key's own list of models says so."""
    message = "key not allowed to access model. This key can only access models=['whisper-1']. Tried to access gpt-9"
    assert type(refused(403, message, "key_model_access_denied")) is PermissionDeniedError


CLOUDFLARE = "<!DOCTYPE html><html><head><title>api.example | 524: A timeout occurred</title></head></html>"
NGINX = "<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n</html>\r\n"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (408, f"litellm.Timeout: OpenAIException - {CLOUDFLARE}"),
        (408, f"litellm.Timeout: Timeout Error: OpenAIException - {NGINX}"),
        (408, "litellm.Timeout: Timeout Error: OpenAIException - Error code: 504"),
        (504, "litellm.Timeout: Timeout Error: OpenAIException - 上游超时"),
        (524, "litellm.APIError: APIError: OpenAIException - Error code: 524"),
    ],
)
@pytest.mark.parametrize("trailer", [TRAILER, OLD_TRAILER, ""])
def test_a_gateway_behind_litellm_that_timed_out(status, words, trailer):
    """By the status, or by the gateway's page that a version quotes at 408: the upstream may have done the work."""
    error = refused(status, words + trailer)
    assert type(error) is UpstreamError
    assert (error.retryable, error.failover, error.billed) == (False, False, "maybe")
    assert error.hint is not None
    assert error.hint.startswith("a gateway stopped waiting")


@pytest.mark.parametrize(
    "words",
    [
        "APITimeoutError - Request timed out. Error_str: Request timed out.",
        "OpenAIException - A timeout occurred",
        f"OpenAIException - bad response: {CLOUDFLARE}",
        "Timeout Error: OpenAIException - 上游超时",
        "Timeout Error: OpenAIException - Error code: 408",
    ],
)
def test_other_timeouts_behind_litellm_are_faults_of_its_upstream(words):
    """Its own patience, and what an upstream says of a time-out: litellm charges for answers only."""
    error = refused(408, f"litellm.Timeout: {words}{TRAILER}")
    assert type(error) is UpstreamError
    assert (error.retryable, error.failover, error.billed) == (True, True, "no")
