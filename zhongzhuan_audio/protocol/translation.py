"""From an answer of ``/audio/translations`` to a transcript, or to the error that it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from zhongzhuan_audio.errors import APIError, BadRequestError, NotFoundError, UpstreamError
from zhongzhuan_audio.models import Transcription
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.response import decode_transcription

__all__ = ["decode_translation"]

_HINT = (
    "this relay, or its channel for this model, does not translate: use another endpoint, or transcribe and have a "
    "chat model translate the text"
)
_PLACE = r"翻译|接口|端点|路径|地址|请求类型|translat|endpoint|\bpath\b|\burl\b|\bapi\b|operation"
_LACKS = (
    r"不支持|未支持|尚未实现|未实现|暂未开放|unsupported|does(?:n't| not) support|"
    r"not (?:yet )?(?:supported|implemented|available)"
)
_UNSUPPORTED = re.compile(rf"(?:{_LACKS}).{{0,40}}(?:{_PLACE})|(?:{_PLACE}).{{0,40}}(?:{_LACKS})", re.IGNORECASE)


def decode_translation(answer: Answer, *, response_format: str, now: Callable[[], datetime]) -> Transcription:
    """Return the English text that an answer holds; as `decode_transcription`, but for relays that do not translate.

    Many relays serve transcriptions only. They say so with 404, 405 or 501, or in words at any status; each comes out
    as a `NotFoundError` that says what is lacking.

    Args:
        answer: The whole answer.
        response_format: What was asked for.
        now: Clock giving an aware datetime, for a Retry-After that is a date.

    Raises:
        APIError: The relay said no.
        InvalidResponseError: The answer is no transcript.
    """
    try:
        return decode_transcription(answer, response_format=response_format, now=now)
    except NotFoundError as error:
        raise _lacking(error) from None
    except (BadRequestError, UpstreamError) as error:
        if _UNSUPPORTED.search(error.message):
            raise _lacking(error) from None
        raise


def _lacking(error: APIError) -> NotFoundError:
    return NotFoundError(
        error.message,
        hint=_HINT,
        status=error.status,
        code=error.code,
        type=error.type,
        param=error.param,
        headers=error.headers,
        body=error.body,
        failover=True,
        request_id=error.request_id,
    )
