"""How relays, gateways and upstreams word an error: codes and types first, then phrases in Chinese and English.

The order in each table is part of it: what is told apart by little comes before what would match more. Sources are the
relays' own code and message catalogues (one-api 8df4a26, new-api ef8ae4d and later), OpenAI's error codes guide,
litellm's exceptions, and DashScope's and Azure's error codes, which relays pass through.
"""

from __future__ import annotations

import functools
import re
from typing import TypeAlias

from zhongzhuan_audio.errors import (
    APIError,
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
from zhongzhuan_audio.protocol.subjects import AMOUNT_OF_TIME_ZH, TOO_LONG

__all__ = ["kind_of_name", "kind_of_status", "kind_of_words"]

_Kind = type[APIError]

_NAMES: tuple[tuple[_Kind, tuple[str, ...]], ...] = (
    (
        PayloadTooLargeError,
        (r".*(payload|request|entity|file|body|content|audio|upload)_too_(large|big)", r".*_size_(limit_)?exceeded"),
    ),
    (
        RateLimitError,
        (
            r".*rate_?limit.*|.*concurrency_limit.*|requests_limit.*|too_many_requests.*|.*_in_cooldown",
            r"throttl.*|resource_exhausted|slow_down|requests|tokens",
        ),
    ),
    (
        QuotaExceededError,
        (
            r".*(insufficient|exceeded|exhausted|not_enough|out_of|pre_consume)_.*(quota|balance|credits?|funds?).*",
            r".*(quota|balance|credits?|billing|budget)_.*(insufficient|exceeded|exhausted|not_enough|reached|used_up|not_active)",
            r".*billing_hard_limit.*|payment_required|arrear.*|entitlement_.*",
        ),
    ),
    (PermissionDeniedError, (r"(model|group)_(access_)?(not_allowed|forbidden|denied)",)),
    (
        ModelUnavailableError,
        (
            r"(invalid|unknown|unsupported|no_such|missing)_(model|deployment)(_name)?",
            r".*(model|deployment)_?(not_?(found|exists?|supported|available)|does_not_exist|unavailable|unsupported).*",
            r".*(model|deployment)_(decommissioned|deprecated|retired|price_error)",
            r"no_available_channels?|channel_(not_found|unavailable)|get_channel_failed",
        ),
    ),
    (
        NotFoundError,
        (
            r".*not_implemented|method_not_allowed|(invalid|unknown)_(request_)?(url|path|endpoint|route)",
            r"(endpoint|route|path|url|api|operation)_not_(found|exists?|supported)",
        ),
    ),
    (
        AuthenticationError,
        (
            r"(.*_)?(invalid|incorrect|missing|expired|no|bad|wrong)_(api_?key|(access_|auth_|bearer_)?token)(_.*)?",
            r"(.*_)?(invalid|incorrect|missing|expired|no|bad|wrong)_(authentication|authorization|credentials?)(_.*)?",
            r"(.*_)?(api_?key|token)_(is_)?(invalid|incorrect|expired|disabled|revoked|missing|required|not_\w+)",
            r"authentication(_.*)?|auth_(error|failed|unauthorized|token|session)(_.*)?",
            r"unauthori[sz]ed.*|unauthenticated",
        ),
    ),
    (
        PermissionDeniedError,
        (
            r"access_denied.*|permission.*|forbidden.*|.*insufficient_(privilege|permission)s?|unsupported_country.*",
            r"(.*_)?(user|account|ip|organi[sz]ation)_(is_)?(not_allowed|banned|blocked|suspended|disabled|deactivated)",
        ),
    ),
    (
        BadRequestError,
        (
            r"(invalid|bad)_request(_body)?|convert_request_failed|count_token_failed|unexpected_response_format",
            r"(invalid|unsupported|unknown|missing|wrong)_(required_)?(value|param|parameter|argument|type|input|field)(_.*)?",
            r"(invalid|unsupported|unknown|missing|wrong)_(file|audio|media|format|language|response_format)(_.*)?",
            r"invalid_(json|multipart|form)(_.*)?|validation_error|text_too_long|audio_too_(short|long)",
            r"sensitive_words_detected|prompt_blocked|content_(policy_violation|filter)",
            r"context_length_exceeded|string_above_max_length",
        ),
    ),
    (
        UpstreamError,
        (
            r"do_request_failed|(bad|empty)_response(_body)?|(read|copy|close|write|unmarshal)_response(_body)?_failed",
            r"get_text_from_body_err|.*_panic|channel_.*|(get|decrease|update)_(user|token)_quota_failed",
            r"(query|update)_data_error|json_marshal_failed|aws_.*|gen_relay_info_failed|invalid_api_type",
            r"(new|close|create)_request(_body)?_failed|upstream_(timeout|unavailable|failed)",
        ),
    ),
)
"""Codes and types in snake case, whole; those that say nothing (``new_api_error``, ``server_error``) are in none."""

_SENT = r"file|body|entity|payload|content|audio|upload|request"
_SIZE = r"\d[\d.,]*\s*(?:[KMG]i?B?|bytes)\b"
_MODEL_EN = r"\bmodels?\b(?![^\n]{0,60}?\bformat\b)"
_KEY = r"\b(?:(?:api|subscription)[\s_-]?key|(?:access |auth |bearer |proxy server )?token|credentials?)\b"
_KEY_ZH = r"(?:令牌(?!的?分组)|密钥|秘钥|api[\s_-]?key|\bkey\b|token)"

_PHRASES: tuple[tuple[_Kind, tuple[str, ...]], ...] = (
    (
        PayloadTooLargeError,
        (
            rf"\b(?:{_SENT})\b(?:(?!header|cookie).){{0,40}}\btoo (?:large|big)",
            rf"exceed\w*[^\n]{{0,60}}?\b{_SIZE}|{_SIZE}[^\n]{{0,30}}\bexceeded|content size limit",
            rf"(?:larger|bigger|more) than[^\n]{{0,30}}?\b{_SIZE}",
            r"(?:文件|请求体|音频|上传|内容|大小)[^，。\n]{0,10}(?:过大|太大)",
            rf"(?:文件|请求体|音频|上传|内容|大小)(?:(?!时长|长度)[^，。\n]){{0,10}}超[出过限](?!{AMOUNT_OF_TIME_ZH})",
            r"超[出过][^，。\n]{0,20}\d\s*[KMG]i?B?",
        ),
    ),
    (
        RateLimitError,
        (
            r"\brate[\s_-]?limit|too many (?:\w+ ){0,2}requests|request limit",
            r"\brequests? (?:per|/) ?(?:min|sec|hour|day)",
            r"\b(?:rpm|tpm|qps)\b[^\n]{0,20}(?:limit|exceed|reach)|concurren\w+[^\n]{0,20}(?:limit|exceed|reach)",
            r"throttl|slow down|(?:upstream|load)[^\n]{0,20}saturated|饱和|限流|操作频繁|过于频繁",
            r"请求(?:总)?(?:数|次数|频率|量)?[^，。\n]{0,6}(?:限制|上限|频繁|过多|过快|过高)",
            r"(?:频率|速率)[^，。\n]{0,6}(?:限制|过高|过快|超)|并发[^，。\n]{0,8}(?:限制|上限|超|过)",
        ),
    ),
    (
        QuotaExceededError,
        (
            r"\b(?:quota|balance|credits?)\b[^\n]{0,40}?(?:not enough|insufficient|exceed|exhaust|used up|deplet)",
            r"\b(?:quota|balance|credits?)\b[^\n]{0,40}?(?:too low|reached|negative|r[ua]n out)",
            r"(?:insufficient|not enough|no remaining)[^\n]{0,30}?\b(?:\w+_)?(?:quota|balance|credits?|funds)\b",
            r"(?:exceeded?|exhausted|out of|used up)[^\n]{0,30}?\b(?:\w+_)?(?:quota|balance|credits?|funds)\b",
            r"pre-?consume[^\n]{0,20}quota|billing (?:hard )?limit|payment required|in arrears|\btop[\s-]?up\b",
            r"\bbudget has been exceeded|\bexceeded ?budget\b|\bover (?:\w+ )?budget\b",
            r"(?:额度|余额|配额|积分|点数|费用|流量包)[^，。\n]{0,12}(?:不足|不够|用尽|耗尽|用完|用光|已尽|超限|超出|为\s*0)",
            r"预扣费?额度失败|(?:额度|余额)[^，。\n]{0,6}负",
            r"(?:令牌|账[户号])[^，。\n]{0,6}(?:用尽|耗尽|用完)|(?:没有|无|超出|超过)[^，。\n]{0,6}(?:额度|余额|配额)",
            r"欠费|请[^，。\n]{0,4}充值",
        ),
    ),
    (
        ModelUnavailableError,
        (
            r"[无没]有?\s*可用的?(?:渠道|通道)|渠道[^，。\n]{0,4}不存在|无有效上游渠道",
            r"可用(?:渠道|通道)[^，。\n]{0,4}(?:失败|不存在)",
            r"no (?:available|valid|healthy|active)[^\n]{0,20}(?:channel|provider|deployment)|no channels? available",
            r"failed to get available channel",
            rf"{_MODEL_EN}[^\n]{{0,80}}?(?:not found|does ?n[o']t exist|not exist|not supported)",
            rf"{_MODEL_EN}[^\n]{{0,80}}?(?:unsupported|unavailable|not available|not configured)",
            r"\bmodels?\b[^\n]{0,80}?(?:no longer|deprecated|decommissioned)",
            r"(?:invalid|unknown|unsupported|not supported|no such|not a valid) model\b",
            r"模型[^，。\n]{0,60}(?:不存在|未找到|找不到|不可用|已下线|下架|未配置|暂不支持|不受支持)",
            r"(?:不存在|不支持|未知|找不到|未找到|没有)[该此这的]?模型|(?:倍率|价格)[^，。\n]{0,6}未配置",
        ),
    ),
    (
        NotFoundError,
        (
            r"\binvalid url\b|unknown (?:request )?url|\bnot implemented\b|method not allowed|\bcannot (?:post|get) /",
            r"\bno (?:matching )?route\b",
            r"\b(?:page|endpoint|route|path|resource)\b[^\n]{0,40}not (?:found|supported|exist)",
            r"(?:接口|路径|路由|页面|端点|地址)[^，。\n]{0,10}(?:不存在|未找到|未实现|不支持|错误)",
            r"不支持[该此这的]?(?:接口|功能|操作|请求)|未实现",
        ),
    ),
    (
        UpstreamError,
        (
            r"database (?:query )?error|数据库[^，。\n]{0,6}(?:错误|出错|异常)|context deadline exceeded",
            r"no healthy upstream",
            r"upstream (?:request )?(?:timed? ?out|timeout|error|failed|connect)",
            r"上游[^，。\n]{0,10}(?:超时|错误|失败|异常)",
        ),
    ),
    (
        AuthenticationError,
        (
            rf"\b(?:invalid|incorrect|expired|missing|disabled|revoked|bad|malformed|wrong|no)\b[^\n]{{0,25}}?{_KEY}",
            rf"{_KEY}[^\n]{{0,25}}?(?:\binvalid|incorrect|expired|disabled|revoked|missing|required|unavailable)",
            rf"{_KEY}[^\n]{{0,25}}?not (?:valid|provided|found|enabled)|(?:n't|not|must) provide[^\n]{{0,10}}{_KEY}",
            r"\bunauthori[sz]ed\b|unauthenticated|not authenticated|authentication (?:failed|required|error)",
            r"authorization header|^no connected db\b",
            rf"(?:无效|不正确|错误|失效|过期|未提供|缺少|缺失|禁用|不可用)的?[^，。\n]{{0,4}}{_KEY_ZH}",
            rf"{_KEY_ZH}[^，。\n]{{0,12}}(?:无效|不正确|错误|失效|过期|未启用|禁用|不存在|不可用|为空|[验校]证?失败)",
            r"(?:身份|鉴权|认证|签名)[^，。\n]{0,6}(?:失败|错误|无效|过期)|未授权|未登录|请先登录|登录已?(?:过期|失效)",
        ),
    ),
    (
        PermissionDeniedError,
        (
            r"无权|没有权限|权限不足|无访问权限|禁止访问|拒绝访问|封禁|封号|被禁用|冻结|黑名单",
            r"不在[^，。\n]{0,20}(?:允许|白名单|列表)",
            r"\bforbidden\b|\bpermission|access denied|not authori[sz]ed|\bno access\b|not have access|not allowed to",
            r"\bbanned\b|\bsuspended\b|(?:user|account)[^\n]{0,20}\b(?:blocked|disabled|deactivated)",
            r"\b(?:token|key|user|account|group|ip|address)\b[^\n]{0,40}not (?:allowed|permitted|in (?:the )?allow)",
            r"not (?:in (?:the )?)?whitelist",
            r"(?:country|region|territory)[^\n]{0,20}not supported",
        ),
    ),
    (
        BadRequestError,
        (
            r"(?:unsupported|invalid|unrecogni[sz]ed|unknown)[^\n]{0,40}?\b(?:format|codec|extension)\b",
            *TOO_LONG,
            r"could not be decoded|\b(?:is|field) required\b",
            r"(?:file|audio)[^\n]{0,30}(?:corrupt|too short|too long|not supported|is empty)",
            r"(?:cannot|can't|could not|unable to|failed to) (?:decode|parse|process)[^\n]{0,20}\b(?:audio|file|media)",
            r"(?:missing|unknown|invalid) (?:required )?(?:parameter|field|value)",
            r"不支持[^，。\n]{0,8}(?:格式|音频|文件)|格式[^，。\n]{0,6}(?:不支持|错误|不正确|无效)",
            r"(?:参数|字段)[^，。\n]{0,12}(?:错误|无效|缺|不能为空)",
            r"(?:缺少|无效的?|错误的?)[^，。\n]{0,10}(?:参数|字段|请求)",
        ),
    ),
)
"""What occurs in messages, in any case."""

_STATUSES: dict[int, _Kind] = {
    401: AuthenticationError,
    402: QuotaExceededError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: NotFoundError,
    407: PermissionDeniedError,
    408: UpstreamError,
    409: UpstreamError,
    410: NotFoundError,
    413: PayloadTooLargeError,
    424: UpstreamError,
    425: UpstreamError,
    429: RateLimitError,
    451: PermissionDeniedError,
    499: UpstreamError,
    501: NotFoundError,
}
"""Statuses that say more than their hundred does."""

_Table: TypeAlias = tuple[tuple[re.Pattern[str], _Kind], ...]


@functools.cache
def _names() -> _Table:
    # Compiled when the first error comes: it takes longer than all else of this package's import.
    return tuple((re.compile("|".join(patterns)), kind) for kind, patterns in _NAMES)


@functools.cache
def _phrases() -> _Table:
    return tuple((re.compile("|".join(patterns), re.IGNORECASE), kind) for kind, patterns in _PHRASES)


def kind_of_name(name: str | None) -> _Kind | None:
    """Return what a code or a type stands for, or None where it says too little (``new_api_error``, ``429``)."""
    if name is None:
        return None
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return _first(_names(), re.sub(r"\W+", "_", snake).lower().strip("_"), whole=True)


def kind_of_words(message: str) -> _Kind | None:
    """Return what a message says, or None where no known phrase is in it."""
    return _first(_phrases(), message, whole=False)


def kind_of_status(status: int) -> _Kind:
    """Return what is left to say where neither code nor words are known."""
    by_hundred = {3: NotFoundError, 4: BadRequestError}  # a redirect that is not followed leads elsewhere
    return _STATUSES.get(status) or by_hundred.get(status // 100, UpstreamError)


def _first(table: _Table, text: str, *, whole: bool) -> _Kind | None:
    for pattern, kind in table:
        if pattern.fullmatch(text) if whole else pattern.search(text):
            return kind
    return None
