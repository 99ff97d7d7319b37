"""From an answer of ``/audio/translations`` to a transcript, or to the error that it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from zhongzhuan_audio.errors import BadRequestError, NotFoundError, UpstreamError
from zhongzhuan_audio.models import Transcription
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.lacking import lacking_error, says_lacking
from zhongzhuan_audio.protocol.response import decode_transcription

__all__ = ["decode_translation"]

_HINT = (
    "this relay, or its channel for this model, does not translate: use another endpoint, or transcribe and have a "
    "chat model translate the text"
)


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
        raise lacking_error(error, hint=_HINT) from None
    except (BadRequestError, UpstreamError) as error:
        if says_lacking(error.message):
            raise lacking_error(error, hint=_HINT) from None
        raise
