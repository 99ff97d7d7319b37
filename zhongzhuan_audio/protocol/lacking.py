"""Relays that lack a call: many only transcribe. Pure."""

from __future__ import annotations

import re

from zhongzhuan_audio.errors import APIError, NotFoundError

__all__ = ["lacking_error", "says_lacking"]

_PLACE = r"翻译|语音合成|接口|端点|路径|地址|请求类型|translat|speech|endpoint|\bpath\b|\burl\b|\bapi\b|operation"
_LACKS = (
    r"不支持|未支持|尚未实现|未实现|暂未开放|unsupported|does(?:n't| not) support|"
    r"not (?:yet )?(?:supported|implemented|available)"
)
_ALONE = re.compile(r"\W*(?:此|该|当前|本)?(?:功能|接口|请求|渠道|端点)?(?:暂|尚|目前)?不支持\W*")
"""A relay that says no more than that."""
_OF_A_FIELD = re.compile(r"参数|parameter|\bparam\b|argument|\bfield\b|字段", re.IGNORECASE)
_LACKING = re.compile(rf"(?:{_LACKS}).{{0,40}}(?:{_PLACE})|(?:{_PLACE}).{{0,40}}(?:{_LACKS})", re.IGNORECASE)


def says_lacking(message: str) -> bool:
    """Tell whether a relay's words say that it does not have the call."""
    if _OF_A_FIELD.search(message):
        return False
    return _ALONE.fullmatch(message) is not None or _LACKING.search(message) is not None


def lacking_error(error: APIError, *, hint: str) -> NotFoundError:
    """Return the same refusal as that of a relay that lacks the call.

    Args:
        error: As the relay's answer was understood.
        hint: What to do.
    """
    return NotFoundError(
        error.message,
        hint=hint,
        status=error.status,
        code=error.code,
        type=error.type,
        param=error.param,
        headers=error.headers,
        body=error.body,
        failover=True,
        request_id=error.request_id,
    )
