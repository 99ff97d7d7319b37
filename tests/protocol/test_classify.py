"""Bodies of every shape at a status of failure."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from zhongzhuan_audio.errors import (
    AuthenticationError,
    BadRequestError,
    ModelUnavailableError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    UpstreamError,
)
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.classify import classify

JSON = {"content-type": "application/json"}
HTML = {"content-type": "text/html"}


def now():
    return datetime(2026, 11, 22, tzinfo=UTC)


def refused(status, body="", headers=JSON):
    if isinstance(body, (dict, list)):
        body = json.dumps(body, ensure_ascii=False)
    raw = body if isinstance(body, bytes) else body.encode()
    return classify(Answer(status=status, headers=headers, body=raw), now=now)


def told(message, code=None, kind="new_api_error", **more):
    return {"error": {"message": message, "type": kind, "code": code, **more}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (told("boom"), "boom"),
        ({"error": "boom"}, "boom"),
        ({"error": {"error": {"message": "boom"}}}, "boom"),
        ({"error": {"msg": "boom"}}, "boom"),
        ({"error": True, "message": "boom"}, "boom"),
        ({"error": ["boom", {"msg": "bang"}, 3, {}]}, "boom; bang"),
        ({"errors": [{"message": "boom"}]}, "boom"),
        ({"detail": "boom"}, "boom"),
        ({"detail": {"error": "boom"}}, "boom"),
        ({"detail": [{"loc": ["body", "file"], "msg": "boom"}]}, "boom"),
        ({"success": False, "message": "boom"}, "boom"),
        ({"code": 1, "msg": "boom"}, "boom"),
        ({"error_msg": "boom"}, "boom"),
        ({"header": {"message": "boom"}}, "boom"),
        ({"response": {"error": {"message": "boom"}}}, "boom"),
        ({"error": {"message": {"error": "boom"}}}, "boom"),
        ([{"error": {"code": 500, "message": "boom"}}], "boom"),
        ("boom\r\n", "boom"),
        ('"boom"', "boom"),
        ("\ufeffboom", "boom"),
        ("出错".encode("gbk"), "出错"),
        ("出错".encode("utf-16"), "出错"),
        (b"boom \xff\xff", "boom ��"),
        (b"\x1b[31mboom\x00", "[31mboom"),
        (r'{"error": "half \ud83d and whole \ud83d\ude00"}', "half ? and whole 😀"),
        ({"error": {}}, "the relay gave no reason"),
        ({"error": {"message": "null"}}, "the relay gave no reason"),
        ({"error": None}, "the relay gave no reason"),
        ([], "the relay gave no reason"),
        ("[[[[]]]]", "the relay gave no reason"),
        ("7", "the relay gave no reason"),
        ("null", "the relay gave no reason"),
        ("", "the relay gave no reason"),
        ("{}", "the relay gave no reason"),
    ],
)
def test_the_message_is_found_in_any_shape(body, message):
    """The relay's own words, or that there are none."""
    error = refused(500, body)
    assert type(error) is UpstreamError
    assert error.message == message
    assert str(error).endswith("try again, or use another endpoint")


@pytest.mark.parametrize(
    "body",
    ["[" * 100_000, '{"a":' * 100_000, '{"error": ' + "9" * 5000 + "}", "NaN", '{"error": NaN}', "1e999"],
    ids=lambda body: body[:20],
)
def test_odd_json_is_only_a_refusal_without_words(body):
    """Deep nesting, endless numbers and what is no number don't crash."""
    error = refused(503, body)
    assert type(error) is UpstreamError
    assert len(error.message) <= 2001


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("<html><head><title>502 Bad Gateway</title></head><hr><center>openresty</center></html>", "502 Bad Gateway"),
        ("<html><body><h1>Tengine\n &amp; co</h1></body></html>", "Tengine & co"),
        ("<!doctype html><div>without a name</div>", "a web page without a title"),
        ("<?xml version='1.0'?><Error><Code>X</Code><Message>Too slow</Message></Error>", "Too slow"),
        ("<html><title>宝塔 出错</title></html>".encode("gbk"), "宝塔 出错"),
        ("nothing but a label", "a web page without a title"),
        ("<title" * 20_000, "a web page without a title"),
    ],
    ids=lambda told: repr(told)[:40],
)
def test_a_page_is_known_by_its_title(page, title):
    """The title is the message, and the status alone decides: words on a page are a gateway's."""
    error = refused(502, page, HTML)
    assert type(error) is UpstreamError
    assert error.message == title


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_gateway_that_refuses_with_a_page_is_not_mistaken_for_the_relay(status):
    """The hint points at the way there, not at the token."""
    error = refused(status, "<html><title>Attention Required! | Cloudflare</title></html>", HTML)
    assert error.hint is not None
    assert error.hint.startswith("a gateway on the way refused")


@pytest.mark.parametrize("message", ["invalid token", "额度不足", "model x-1 not found"])
def test_words_on_a_page_do_not_count(message):
    """Only its status does."""
    assert type(refused(502, f"<html><title>{message}</title></html>", HTML)) is UpstreamError


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (told("无效的令牌", "insufficient_user_quota"), QuotaExceededError),
        (told("额度不足", "rate_limit_exceeded"), RateLimitError),
        (told("无效的令牌", None, "insufficient_quota"), QuotaExceededError),
        (told("请求过于频繁", "invalid_api_key"), AuthenticationError),
        (told("无效的令牌", "convert_request_failed"), BadRequestError),
        (told("not implemented", "convert_request_failed"), NotFoundError),
        (told("http: request body too large", "invalid_request"), PayloadTooLargeError),
        (told("上游超时", "model_not_found"), ModelUnavailableError),
    ],
)
@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_code_and_type_count_before_the_message(body, kind, status):
    """And the message only says more of a bad request: that it is too large, or asks for what is not there."""
    assert type(refused(status, body)) is kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, told("x", "429", "None"), RateLimitError),
        (400, told("x", 429), RateLimitError),
        (403, told("x", "500"), PermissionDeniedError),
        (500, told("x", 9999), UpstreamError),
        (500, told("x", "999"), UpstreamError),
        (500, told("x", True), UpstreamError),
        (500, told("x", None, "invalid_request_error"), BadRequestError),
        (400, told("x", None, "invalid_request_error"), BadRequestError),
        (404, told("x", None, "invalid_request_error"), NotFoundError),
        (500, told("bad response status code 400", "bad_response_status_code"), BadRequestError),
        (500, told("bad response status code 429"), RateLimitError),
        (500, told("x", "bad_response_status_code", param="413"), PayloadTooLargeError),
        (500, told("x", "bad_response_status_code", param="401"), UpstreamError),
        (401, told("x", None, "upstream_error"), UpstreamError),
    ],
)
def test_a_status_in_the_body_counts_before_the_answers_own(status, body, kind):
    """Operators remap the one and not the other; 500 says nothing, and an upstream's 401 is not about our key."""
    assert type(refused(status, body)) is kind


@pytest.mark.parametrize(
    ("inner", "kind"),
    [
        (
            "type invalid_request_error, code invalid_api_key, message Incorrect API key provided: sk-abcdefgh",
            UpstreamError,
        ),
        ("type one_api_error, code <nil>, message 无效的令牌", UpstreamError),
        ("type insufficient_quota, code insufficient_quota, message You exceeded your current quota", UpstreamError),
        ("type new_api_error, code null, message 无权访问 vip 分组", UpstreamError),
        ("type requests, code rate_limit_exceeded, message Rate limit reached", RateLimitError),
        (
            "type invalid_request_error, code model_not_found, message The model `x` does not exist",
            ModelUnavailableError,
        ),
        (
            "type server_error, code <nil>, message Maximum content size limit (1) exceeded (2 bytes read)",
            PayloadTooLargeError,
        ),
        ("type invalid_request_error, code <nil>, message something new", BadRequestError),
        ("type server_error, code <nil>, message something new", UpstreamError),
        ("type , code , message type requests, code 429, message x", RateLimitError),
        (
            "litellm.AuthenticationError: AuthenticationError: OpenAIException - Incorrect API key provided",
            UpstreamError,
        ),
        ("litellm.RateLimitError: RateLimitError: OpenAIException - slow", RateLimitError),
        ("litellm.BadRequestError: OpenAIException - something new", BadRequestError),
    ],
)
def test_a_wrapped_error_is_judged_by_what_it_wraps(inner, kind):
    """A key, a quota or a permission that an upstream misses is the relay's; retrying may take another channel."""
    error = refused(500, told(f"{inner} (request id: A1)", "request_error"))
    assert type(error) is kind
    assert error.code == "request_error"
    assert error.request_id == "A1"
    assert error.message.startswith(inner.split(" message")[0][:20])
    if kind is UpstreamError and "something" not in inner:
        assert error.retryable
        assert error.hint is not None
        assert error.hint.startswith("the relay's own account")


def test_an_error_in_a_message_is_read():
    """Some relays put the upstream's whole JSON into their message."""
    inner = json.dumps(told("\u65e0\u6548\u7684\u4ee4\u724c"))
    assert type(refused(500, {"error": {"message": inner}})) is AuthenticationError
    deep = "boom"
    for _ in range(9):
        deep = json.dumps({"error": {"message": deep}})
    assert type(refused(500, deep)) is UpstreamError
    assert refused(500, {"error": {"message": "{no json"}}).message == "{no json"


@pytest.mark.parametrize("status", [504, 524])
@pytest.mark.parametrize(
    "body", ["", told("x"), told("上游超时", "do_request_failed"), "<html><title>t</title></html>"]
)
def test_a_gateway_timeout_may_have_been_billed_and_is_left_alone(status, body):
    """The work may go on behind the gateway: not here, not elsewhere, and it is told."""
    error = refused(status, body)
    assert type(error) is UpstreamError
    assert (error.retryable, error.failover, error.billed) == (False, False, "maybe")
    assert error.hint is not None
    assert "shorter pieces" in error.hint


@pytest.mark.parametrize("status", [408, 500, 502, 503, 520, 522, 523, 525, 530])
def test_other_faults_of_a_gateway_are_free_to_retry(status):
    """Nothing was done."""
    error = refused(status, told("upstream request timeout"))
    assert type(error) is UpstreamError
    assert (error.retryable, error.failover, error.billed) == (True, True, "no")


def test_a_timeout_that_only_the_body_numbers():
    """A code of "504" and an upstream's own 504 are what the relay reports, not what its gateway did."""
    for status in (200, 400, 500, 503):
        for body in (told("x", "504"), told("x", 524), told("x", "bad_response_status_code", param="504")):
            error = refused(status, body)
            assert (type(error), error.retryable, error.failover, error.billed) == (UpstreamError, True, True, "no")
    assert refused(504, told("x", "429")).billed == "maybe"


@pytest.mark.parametrize("blank", ["", "null", "None", "<nil>", None, " "])
def test_names_that_are_empty_in_any_language_are_none(blank):
    """Go, Python and JavaScript each write "nothing" in their own way."""
    error = refused(500, told("x", blank, blank, param=blank))
    assert (error.code, error.type, error.param) == (None, None, None)


@pytest.mark.parametrize(
    "suffix",
    [
        "(request id: abc123)",
        "（request id：abc123）",
        "(Request-ID abc123)",
        "[request_id=abc123]",
        "(请求 id: abc123) ",
        "(trace_id: abc123)",
    ],
)
def test_the_request_id_is_cut_from_the_message(suffix):
    """In the dresses that relays and their forks give it."""
    error = refused(500, told(f"boom {suffix}"))
    assert (error.message, error.request_id) == ("boom", "abc123")


def test_of_several_request_ids_the_outermost_is_the_relays():
    """An inner one stays in the message: it is the upstream's, and its support may ask for it."""
    error = refused(500, told("boom (request id: inner) (request id: outer)"))
    assert (error.message, error.request_id) == ("boom (request id: inner)", "outer")


def test_a_header_counts_before_the_message_and_neither_is_lost():
    """A gateway's id does not push the relay's own out of sight."""
    same = refused(500, told("boom (request id: a)"), {"x-oneapi-request-id": "a"})
    assert (same.message, same.request_id) == ("boom", "a")
    other = refused(500, told("boom (request id: a)"), {"x-request-id": "b"})
    assert (other.message, other.request_id) == ("boom (request id: a)", "b")


def test_a_request_id_beside_the_message_is_taken():
    """DashScope and its like have a field for it."""
    assert refused(400, {"code": "InvalidParameter", "message": "x", "request_id": "abc"}).request_id == "abc"


def test_a_wait_is_in_the_hint():
    """What the relay asked for is told."""
    error = refused(429, told("slow"), {"retry-after": "Sun, 22 Nov 2026 00:00:09 GMT"})
    assert error.retry_after == 9.0
    assert error.hint == "wait 9 s and try again; fewer requests at once help"


@pytest.mark.parametrize(
    "message",
    [
        "audio duration 1834.2 seconds is longer than 1500 seconds which is the maximum for this model",
        "Audio duration exceeds the maximum of 1500 seconds",
        "音频时长 1834.2 秒超过该模型的上限 1500 秒",
        "音频时长过长",
        "录音超过 25 分钟",
    ],
)
def test_a_recording_that_lasts_too_long_is_the_requests_fault(message):
    """Whatever status and names it comes with; the hint is another than that of one with too many bytes."""
    wrapped = f"type invalid_request_error, code invalid_value, message {message}"
    for body in (
        told(message, "invalid_value", "invalid_request_error"),
        told(message),
        told(wrapped, "request_error"),
    ):
        for status in (400, 500):
            error = refused(status, body)
            assert type(error) is BadRequestError
            assert (error.retryable, error.failover, error.billed) == (False, False, "no")
            assert error.hint is not None
            assert error.hint.startswith("cut the recording into shorter pieces, or use a model without that limit")


def test_too_many_tokens_of_audio_are_no_matter_of_bytes():
    """To compress the recording would not help."""
    error = refused(400, told("Total number of tokens in instructions + audio is too large for this model"))
    assert type(error) is PayloadTooLargeError
    assert error.hint is not None
    assert error.hint.startswith("cut the recording into shorter pieces")


def test_hints_fit_the_case():
    """Each error ends with what to do."""
    assert "mp3" in str(refused(400, told("Invalid file format.")))
    assert "change the request" in str(refused(400, told("field required")))
    assert "https://api.zhongzhuan.chat/v1" in str(refused(404))
    assert "ask for another one" in str(refused(503, told("无可用渠道")))
    assert "top up or use another token" in str(refused(402))


def test_endless_words_are_cut():
    """A message stays readable, the body within 64 KiB."""
    error = refused(500, told("好" * 100_000))
    assert error.message == "好" * 2000 + "…"
    assert len(error.body.encode()) <= 64 * 1024
    assert error.body.endswith("好")


def test_a_redirect_that_leads_nowhere_points_at_the_base_url():
    """It is not followed, and it will not help to try again."""
    error = refused(302)
    assert type(error) is NotFoundError
    assert not error.retryable


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, {"error": "model_not_found"}, ModelUnavailableError),
        (403, told("令牌分组 vip 已被禁用"), PermissionDeniedError),
        (401, told("令牌已被禁用"), AuthenticationError),
        (500, {"code": -1, "msg": "请先登录"}, AuthenticationError),
        (429, told("余额不足，请前往控制台充值", kind="rate_limit_error"), QuotaExceededError),
        (429, told("Too many requests", kind="rate_limit_error"), RateLimitError),
    ],
)
def test_codes_without_words_and_words_against_types(status, body, kind):
    """A message may be nothing but a code; a group is not a token; a quota is no rate."""
    assert type(refused(status, body)) is kind


def test_a_google_key_is_masked():
    """Relays quote their upstream's keys as well."""
    error = refused(500, told("API key not valid: AIzaSyA1234567890abcdefghijklmnopqrstuv"))
    assert "SyA123" not in f"{error} {error.body}"
