"""Codes, types and phrases of relays, gateways and upstreams, in both languages."""

from __future__ import annotations

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
from zhongzhuan_audio.protocol.wording import kind_of_name, kind_of_status, kind_of_words

NAMES = {
    AuthenticationError: "invalid_api_key InvalidApiKey token_expired authentication_error AUTH_UNAUTHORIZED "
    "unauthorized missing_api_key AUTH_TOKEN_EXPIRED api_key_disabled unauthenticated invalid_token",
    BadRequestError: "invalid_request convert_request_failed count_token_failed unsupported_value InvalidParameter "
    "invalid_language_format missing_required_parameter content_policy_violation audio_too_short bad_request_body",
    ModelUnavailableError: "model_not_found ModelNotFound DeploymentNotFound get_channel_failed no_available_channel "
    "model_price_error invalid_model model_deprecated unsupported_model",
    NotFoundError: "api_not_implemented not_implemented invalid_url unknown_url method_not_allowed endpoint_not_found",
    PayloadTooLargeError: "payload_too_large request_too_large file_too_large file_size_exceeded",
    PermissionDeniedError: "access_denied permission_error forbidden user_banned account_deactivated model_not_allowed "
    "AUTH_USER_DISABLED AUTH_INSUFFICIENT_PRIVILEGE unsupported_country_region_territory",
    QuotaExceededError: "insufficient_quota insufficient_user_quota pre_consume_token_quota_failed quota_exceeded "
    "QuotaExceeded insufficient_balance billing_hard_limit_reached billing_not_active Arrearage token_quota_exhausted "
    "payment_required entitlement_daily_limit_exceeded",
    RateLimitError: "rate_limit_exceeded rate_limit_error requests tokens too_many_requests Throttling.RateQuota "
    "RESOURCE_EXHAUSTED token_concurrency_limit_reached RateLimitError",
    UpstreamError: "do_request_failed get_text_from_body_err bad_response_body read_response_body_failed "
    "one_api_panic new_api_panic channel:invalid_key channel:no_available_key get_user_quota_failed "
    "query_data_error aws_invoke_error",
}

PHRASES = {
    AuthenticationError: """
        无效的令牌 | 未提供令牌 | 该令牌已过期 | 该令牌未启用 | 令牌不正确 | 令牌验证失败 | 该令牌状态不可用
        | API Key 无效 | 密钥错误
        | Invalid token | Token not provided | This token has expired | This token status is unavailable
        | Incorrect API key provided: sk-*** | You didn't provide an API key | Not authenticated | 401 Unauthorized
        | Authentication Error, Invalid proxy server token passed | 身份验证失败 | 鉴权失败 | 未登录
        | 无权进行此操作，access token 无效 | Access denied due to invalid subscription key or wrong API endpoint.""",
    BadRequestError: """
        Unsupported file format | Invalid file format. Supported formats: ['flac', 'm4a'] | Unrecognized file format.
        | unsupported audio format: .webm | The audio file could not be decoded or its format is not supported.
        | Audio file is too short. Minimum audio length is 0.1 seconds. | model is required | file is required
        | audio duration 1800 seconds is longer than 1500 seconds which is the maximum for this model
        | 不支持的音频格式 | 文件格式错误 | 缺少必要参数 | response_format 参数无效 | failed to decode audio""",
    ModelUnavailableError: """
        当前分组 default 下对于模型 whisper-1 无可用渠道 | 分组 vip 下模型 gpt-4o-transcribe 的可用渠道不存在（retry）
        | 获取分组 default 下模型 whisper-1 的可用渠道失败（distributor）：x | 没有可用渠道 | 模型 foo 倍率或价格未配置
        | No available channel for model whisper-1 under group default (distributor) | model whisper-2 not found
        | Failed to get available channel for model whisper-1 under group default (distributor): x
        | The model `whisper-9` does not exist or you do not have access to it. | 模型 whisper-2 不存在
        | 不支持的模型: foo
        | Invalid model name passed in model=whisper-2. Call `/v1/models` to view available models for your key.
        | not supported model for audio: x | Model not supported: foo | The model `x` has been deprecated""",
    NotFoundError: """
        Invalid URL (POST /v1/v1/audio/transcriptions) | API not implemented | not implemented | 该接口不存在
        | Method Not Allowed | 暂不支持该接口 | 404 page not found | Cannot POST /audio/transcriptions | 功能未实现""",
    PayloadTooLargeError: """
        request body exceeds 128 MB: http: request body too large | File size exceeds the 25MB limit | 文件过大
        | Maximum content size limit (26214400) exceeded (26350301 bytes read) | 文件大小超过 25MB 限制
        | 413 Request Entity Too Large | upload is larger than 64 MiB | 音频超出 20M""",
    PermissionDeniedError: """
        用户已被封禁 | 无权访问 vip 分组 | 该令牌无权访问模型 whisper-1 | 您的 IP 不在令牌允许访问的列表中
        | 该用户已被禁用 | 无权限
        | This token has no access to model whisper-1 | No permission to access this group | User has been banned
        | This user has been disabled | Your IP is not in the whitelist | 您的 IP 1.2.3.4 不在白名单中
        | You are not allowed to sample from this model | Country, region, or territory not supported
        | 403 Forbidden""",
    QuotaExceededError: """
        该令牌额度已用尽 | 用户额度不足, 剩余额度: ＄0.001230 | user quota is not enough | 令牌已耗尽
        | 账户余额不足，请充值
        | token quota is not enough, token remain quota: ＄0.000120, need quota: ＄0.012000 | 您的账号已欠费 | 额度不足
        | This token quota is exhausted | Insufficient quota | Your credit balance is too low
        | Insufficient account balance
        | You exceeded your current quota, please check your plan and billing details. | 402 Payment Required
        | 预扣费额度失败, 用户剩余额度: ＄0.1, 需要预扣费额度: ＄0.2 | 配额已用完""",
    RateLimitError: """
        当前分组上游负载已饱和，请稍后再试 | 您已达到请求数限制：1分钟内最多请求60次 | 请求过于频繁，请稍后再试
        | 请求频率过高
        | Rate limit reached for whisper-1 in organization org-x on requests per min | Too Many Requests | 触发速率限制
        | You have reached the request limit: maximum 60 requests in 1 minutes
        | 您已达到总请求数限制：1分钟内最多请求10次
        | Current group upstream load is saturated, please try again later | 并发数超过限制
        | Rate limit exceeded: free-models-per-day. Add 10 credits to unlock""",
    UpstreamError: """
        do request failed: Post "https://***": context deadline exceeded | 上游超时 | 上游错误
        | upstream request timeout
        | 无效的令牌，数据库查询出错，请联系管理员 | no healthy upstream
        | upstream connect error or disconnect/reset before headers""",
}


def pairs(table, mark):
    return [(told.strip(), kind) for kind, text in table.items() for told in text.split(mark) if told.strip()]


@pytest.mark.parametrize(("name", "kind"), pairs(NAMES, " "))
def test_codes_and_types_say_what_is_wrong(name, kind):
    """In snake case, camel case or capitals."""
    assert kind_of_name(name) is kind


@pytest.mark.parametrize(
    "name",
    [None, "new_api_error", "one_api_error", "request_error", "upstream_error", "server_error", "429", "x", "参数"],
)
def test_names_that_say_nothing_leave_it_to_the_words(name):
    """Also those of OpenAI that nearly every error has."""
    assert kind_of_name(name) is None
    assert kind_of_name("invalid_request_error") is None


@pytest.mark.parametrize(("message", "kind"), pairs(PHRASES, "|"))
def test_phrases_say_what_is_wrong(message, kind):
    """In Chinese and in English, in any case."""
    assert kind_of_words(message) is kind
    assert kind_of_words(message.upper()) is kind


@pytest.mark.parametrize(
    "message",
    [
        "",
        "boom",
        "Panic detected, error: runtime error",
        "unexpected token < in JSON",
        "请稍后重试",
        "429",
        "hello world",
    ],
)
def test_other_words_leave_it_to_the_status(message):
    """No guess where no known phrase is in it."""
    assert kind_of_words(message) is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, BadRequestError) for status in (400, 406, 411, 415, 418, 422, 431)),
        (401, AuthenticationError),
        (402, QuotaExceededError),
        (413, PayloadTooLargeError),
        (429, RateLimitError),
        *((status, PermissionDeniedError) for status in (403, 407, 451)),
        *((status, NotFoundError) for status in (301, 302, 308, 404, 405, 410, 501)),
        *((status, UpstreamError) for status in (408, 409, 425, 499, 500, 502, 503, 504, *range(520, 531))),
        *((status, UpstreamError) for status in (0, 100, 200, 204, 600, 999)),
    ],
)
def test_the_status_is_the_last_to_be_asked(status, kind):
    """Each status has a meaning of its own, or that of its hundred."""
    assert kind_of_status(status) is kind
