"""The errors for an answer at a status of success that is not what was asked for."""

from __future__ import annotations

from typing import Any

from zhongzhuan_audio.errors import InvalidResponseError
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.body import kept_body, page_title, tidy
from zhongzhuan_audio.protocol.headers import request_id
from zhongzhuan_audio.protocol.hints import BASE_URL_HINT, BILLED_HINT
from zhongzhuan_audio.protocol.masking import mask_keys

__all__ = ["broken_error", "invalid_error", "page_error"]


def page_error(answer: Answer, body: str, page: str, *, wanted: str = "a transcript") -> InvalidResponseError:
    """Return the error for a web page, which a gateway or another server made, so that nothing was billed.

    Args:
        answer: The whole answer.
        body: It as text.
        page: The page in it.
        wanted: What was asked for.
    """
    title = tidy(page_title(page))
    named = f" ({title})" if title else ""
    message = f"the relay answered with a web page{named}, not with {wanted}"
    return invalid_error(answer, body, message, hint=BASE_URL_HINT)


def broken_error(answer: Answer, body: str, message: str) -> InvalidResponseError:
    """Return the error for an answer that was lost on its way, or broken by the relay: the work may have been done."""
    return invalid_error(answer, body, message, hint=BILLED_HINT, retryable=True, billed="maybe")


def invalid_error(answer: Answer, body: str, message: str, **facts: Any) -> InvalidResponseError:
    """Return an error that keeps the answer, keys masked.

    Args:
        answer: The whole answer.
        body: It as text.
        message: What is wrong with it.
        facts: Further fields of the error.
    """
    return InvalidResponseError(
        message,
        status=answer.status,
        headers={name: mask_keys(value) for name, value in answer.headers.items()},
        body=kept_body(body),
        request_id=request_id(answer.headers),
        **facts,
    )
