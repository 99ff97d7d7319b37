"""What a relay's "no" means: which error, whether a retry or another endpoint may help, whether it may have cost.

Judged by code and type first, then by the message, then by the status, which operators remap.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

import attrs

from zhongzhuan_audio.errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    UpstreamError,
)
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.body import NOT_JSON, decode_body, is_page, kept_body, page_title, parse_json, tidy
from zhongzhuan_audio.protocol.complaint import Complaint, read_complaint
from zhongzhuan_audio.protocol.headers import request_id, retry_after
from zhongzhuan_audio.protocol.hints import GATEWAY_HINT, GATEWAY_TIMEOUT_HINT, OPERATOR_HINT, hint_for
from zhongzhuan_audio.protocol.masking import mask_keys
from zhongzhuan_audio.protocol.wording import kind_of_name, kind_of_status, kind_of_words

__all__ = ["classify", "error_in_success"]

_GATEWAY_TIMEOUTS = frozenset({504, 524})
"""Only these of HTTP: what a relay says of a time-out, a code of 504 too, is an ordinary fault of its upstream."""

_RETRYABLE = frozenset({RateLimitError, UpstreamError})
_SAME_EVERYWHERE = frozenset({BadRequestError, PayloadTooLargeError})
"""What another endpoint would refuse too."""

_CALLERS_OWN = frozenset({AuthenticationError, PermissionDeniedError, QuotaExceededError, NotFoundError})
"""What blames the caller; where an upstream says it, the caller that it means is the relay."""

_GATEWAY_REFUSALS = frozenset({AuthenticationError, BadRequestError, PermissionDeniedError})
_OVERRULE_BAD_REQUEST = frozenset({PayloadTooLargeError, NotFoundError})
_OVERRULE_ANY_429 = frozenset({QuotaExceededError})
_ANY_429 = "rate_limit_error"
"""What litellm calls every 429 of its upstream."""
_LOOSE_BAD_REQUEST = frozenset({"invalid_request_error", "bad_request_error"})
"""OpenAI's type for nearly every 4xx, so it counts only where message and status say nothing better."""

_ERROR_STATUSES = range(400, 600)
_UPSTREAM_STATUS = re.compile(r"bad response status code (\d{3})\b", re.IGNORECASE)
_LITELLM_QUOTES = re.compile(
    r"litellm\.Timeout: (?:Timeout Error: )?\w{1,60}Exception - (?:\S{1,200} \| )?"
    r"(?:504:? Gateway Time-?out|524: A timeout occurred|Error code: (?:504|524))",
    re.IGNORECASE,
)
"""The whole of a message in which litellm passes on a gateway's page; a version that quotes it gives it status 408.

When litellm itself has stopped waiting it says "APITimeoutError" there. Source: litellm 1.106.2 and 1.108.7.
"""
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
_THREE_DIGITS = re.compile(r"[0-9]{3}")
_MESSAGE_CHARS = 2000


@attrs.frozen(kw_only=True)
class _Verdict:
    kind: type[APIError]
    timed_out: bool = False
    """A gateway gave up waiting; the work may go on."""
    relay_to_blame: bool = False
    """The upstream refused the relay, not the caller."""
    is_page: bool = False
    """A web page, so a gateway's words and not the relay's."""


def classify(answer: Answer, *, now: Callable[[], datetime]) -> APIError:
    """Return the error that an answer means whose status is not one of success. Never raises.

    Args:
        answer: The whole answer.
        now: Clock giving an aware datetime, for a Retry-After that is a date.
    """
    text, _ = decode_body(answer.body, answer.headers)
    value = parse_json(text)
    if value is NOT_JSON and is_page(text, answer.headers):
        complaint = Complaint(message=page_title(text) or "a web page without a title")
        verdict = attrs.evolve(_verdict(kind_of_status(answer.status), answer.status), is_page=True)
    else:
        complaint = read_complaint(text if value is NOT_JSON else value)
        verdict = _judge(complaint, answer.status)
    return _build(answer, text, complaint, verdict, now=now)


def error_in_success(answer: Answer, value: Mapping[str, Any], *, now: Callable[[], datetime]) -> APIError:
    """Return the error that a JSON object at a status of success tells of. Never raises.

    Args:
        answer: The whole answer.
        value: Its body, parsed.
        now: Clock giving an aware datetime, for a Retry-After that is a date.
    """
    text, _ = decode_body(answer.body, answer.headers)
    complaint = read_complaint(value)
    return _build(answer, text, complaint, _judge(complaint, answer.status), now=now)


def _judge(complaint: Complaint, status: int) -> _Verdict:
    levels = tuple(_levels(complaint))
    stated = _stated_status(levels, status)
    kind = _kind_of_names(levels) or _kind_of_words(levels)
    if kind is None:
        kind = BadRequestError if _is_loosely_bad(levels, stated) else kind_of_status(stated)
    relay_to_blame = kind in _CALLERS_OWN and any(level.from_upstream for level in levels)
    verdict = _verdict(UpstreamError if relay_to_blame else kind, status, relay_to_blame=relay_to_blame)
    if kind is UpstreamError and any(_LITELLM_QUOTES.fullmatch(level.message) for level in levels):
        return attrs.evolve(verdict, timed_out=True)
    return verdict


def _verdict(kind: type[APIError], status: int, *, relay_to_blame: bool = False) -> _Verdict:
    timed_out = kind is UpstreamError and status in _GATEWAY_TIMEOUTS
    return _Verdict(kind=kind, timed_out=timed_out, relay_to_blame=relay_to_blame)


def _levels(complaint: Complaint) -> Iterator[Complaint]:
    """Yield the complaint and those that it holds, outermost first."""
    level: Complaint | None = complaint
    while level is not None:
        yield level
        level = level.inner


def _kind_of_names(levels: Sequence[Complaint]) -> type[APIError] | None:
    """Judge by code and type, where they say more than the words.

    Those may say of a bad request that it is too large or asks for what is not there, and of litellm's 429 that the
    quota is used up.
    """
    names = (name for level in levels for name in (level.code, level.type, _bare_name(level.message)))
    kind = next((kind for name in names if (kind := kind_of_name(name))), None)
    overruled_by: frozenset[type[APIError]] = frozenset()
    if kind is BadRequestError:
        overruled_by = _OVERRULE_BAD_REQUEST
    elif kind is RateLimitError and any(_ANY_429 in (level.code, level.type) for level in levels):
        overruled_by = _OVERRULE_ANY_429
    worded = _kind_of_words(levels) if overruled_by else None
    return worded if worded in overruled_by else kind


def _bare_name(message: str) -> str | None:
    """Return a message that is no more than a code; None where it is words."""
    return message if _NAME.fullmatch(message) else None


def _kind_of_words(levels: Sequence[Complaint]) -> type[APIError] | None:
    """Judge by the message, the innermost first: it is the nearest to the cause."""
    messages = (level.message[:_MESSAGE_CHARS] for level in reversed(levels))
    return next((kind for message in messages if (kind := kind_of_words(message))), None)


def _stated_status(levels: Sequence[Complaint], status: int) -> int:
    """Return the status that the body names, which operators don't remap, or else the answer's own."""
    if status in _GATEWAY_TIMEOUTS:
        return status
    for level in levels:
        stated = _status_in(level.code)
        if stated is not None and stated != HTTPStatus.INTERNAL_SERVER_ERROR:
            return stated
        worded = _UPSTREAM_STATUS.match(level.message)
        passed_on = _status_in(level.param) if level.code == "bad_response_status_code" else None
        passed_on = passed_on or (_status_in(worded[1]) if worded else None)
        if passed_on is not None:
            return passed_on
    return status


def _status_in(name: str | None) -> int | None:
    """Return the error status that a code is ("429"), or None."""
    if name is None or not _THREE_DIGITS.fullmatch(name):
        return None
    return int(name) if int(name) in _ERROR_STATUSES else None


def _is_loosely_bad(levels: Sequence[Complaint], status: int) -> bool:
    says_so = any(name in _LOOSE_BAD_REQUEST for level in levels for name in (level.code, level.type))
    return says_so and kind_of_status(status) in {BadRequestError, UpstreamError} and status not in _GATEWAY_TIMEOUTS


def _build(
    answer: Answer, text: str, complaint: Complaint, verdict: _Verdict, *, now: Callable[[], datetime]
) -> APIError:
    kind = verdict.kind
    told_wait_s = retry_after(answer.headers, now=now)
    wait_s = complaint.wait_s if told_wait_s is None else told_wait_s
    message = _shown(complaint.message) or "the relay gave no reason"
    header_id, told_id = request_id(answer.headers), _shown(complaint.request_id or "") or None
    if header_id and told_id and told_id != header_id:
        message = f"{message} (request id: {told_id})"
    if verdict.timed_out:
        hint = GATEWAY_TIMEOUT_HINT
    elif verdict.relay_to_blame:
        hint = OPERATOR_HINT
    elif verdict.is_page and kind in _GATEWAY_REFUSALS:
        hint = GATEWAY_HINT
    else:
        hint = hint_for(kind, message, retry_after_s=wait_s)
    return kind(
        message,
        hint=hint,
        status=answer.status,
        code=_shown(complaint.code or "") or None,
        type=_shown(complaint.type or "") or None,
        param=_shown(complaint.param or "") or None,
        headers={name: mask_keys(value) for name, value in answer.headers.items()},
        body=kept_body(text),
        retry_after=wait_s,
        retryable=kind in _RETRYABLE and not verdict.timed_out,
        failover=kind not in _SAME_EVERYWHERE and not verdict.timed_out,
        billed="maybe" if verdict.timed_out else "no",
        request_id=header_id or told_id,
    )


def _shown(text: str) -> str:
    """Return words of the relay as an error shows them: tidy, and cut where they are very long."""
    shown = tidy(text[: _MESSAGE_CHARS + 500])
    return shown if len(shown) <= _MESSAGE_CHARS else f"{shown[:_MESSAGE_CHARS]}…"
