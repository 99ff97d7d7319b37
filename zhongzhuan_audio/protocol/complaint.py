"""What an error body says, whichever of a dozen shapes it has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from zhongzhuan_audio.protocol.blank import NOTHING
from zhongzhuan_audio.protocol.body import NOT_JSON, page_title, parse_json

__all__ = ["Complaint", "read_complaint"]

_MAX_DEPTH = 4
_ERROR_KEYS = ("error", "errors", "err", "detail", "response", "header")
_MESSAGE_KEYS = (
    "message",
    "msg",
    "error_msg",
    "errmsg",
    "error_message",
    "error_description",
    "detail",
    "reason",
    "title",
)
_REQUEST_ID_KEYS = ("request_id", "requestId", "RequestId")

_REQUEST_ID = re.compile(
    r"[(（\[]\s*(?:request|请求|trace)[\s_-]*id\s*[:：=]?\s*([^\s()（）\[\]]{1,200})\s*[)）\]]\s*$", re.IGNORECASE
)
_REQUEST_ID_TAIL_CHARS = 300
_WRAPPED = re.compile(r"\s*type\s([^\s,]*)\s*,\s*code\s([^\s,]*)\s*,\s*message\s(.*)", re.DOTALL)
_LITELLM = re.compile(r"\s*litellm\.(\w{1,60})\s*:\s*(?:\w{0,60} ?Error: )?(?:\w{1,60}Exception - )?(.*)", re.DOTALL)
"""With its class told twice, and by which of its adapters: neither is the upstream's word."""
_LITELLM_TRAILER = re.compile(r"\n\nLiteLLM: model group '|\. Received Model Group=")
"""From where on litellm's router tells how it is configured, after the upstream's words."""
_PYTHON_REPR = re.compile(r"\{'error': (['\"])(.*)\1\}", re.DOTALL)
_PAGE = re.compile(r"<(?:!doctype\s+html|html)\b(?:.*</html>|.*)", re.IGNORECASE | re.DOTALL)
_WAIT = re.compile(r"\btry again in (\d{1,6}(?:\.\d{1,6})?) ?s(?:ec(?:ond)?s?)?\b", re.IGNORECASE)


@attrs.frozen(kw_only=True)
class Complaint:
    """An error as it was told."""

    message: str = ""
    """The teller's own words, without the request id at their end."""
    code: str | None = None
    type: str | None = None
    param: str | None = None
    request_id: str | None = None
    """From the message's end or from a field beside it."""
    wait_s: float | None = None
    """Seconds that the words ask to wait; litellm's proxy and OpenAI say it so."""
    from_upstream: bool = False
    """Whether the one who speaks to us only passes it on: a key or a quota that it names is then not our caller's."""
    inner: Complaint | None = None
    """The error that the message holds, where it holds one."""


def read_complaint(value: Any, *, depth: int = 0) -> Complaint:
    """Read an error from a parsed JSON body, or from plain text given as a string.

    Understood are OpenAI's ``{"error": {…}}``, ``{"error": "…"}``, ``{"error": {}}``, ``{"detail": …}`` as FastAPI
    writes it, ``{"success": false, "message": …}``, ``{"code": …, "msg": …}``, and lists of them. Anything else gives
    an empty complaint. Never raises.

    Source: one-api's ``GeneralErrorResponse``, FastAPI's and litellm's error bodies.
    """
    whole = _first_object(value)
    if whole is None:
        return _told(_words(value), depth=depth)
    fields = _error_object(whole)
    message = next((text for text in _messages(fields, whole) if text), "")
    return _told(
        message,
        code=_name(fields.get("code", whole.get("code"))),
        type=_name(fields.get("type", whole.get("type"))),
        param=_name(fields.get("param", whole.get("param"))),
        request_id=next((name for key in _REQUEST_ID_KEYS if (name := _name(whole.get(key)))), None),
        depth=depth,
    )


def _told(message: str, *, request_id: str | None = None, depth: int, **names: str | None) -> Complaint:
    message = _plain(message)
    if suffix := _REQUEST_ID.search(message, max(0, len(message) - _REQUEST_ID_TAIL_CHARS)):
        message, request_id = message[: suffix.start()], suffix[1]
    inner, passed_on = _inner(message, depth) if depth < _MAX_DEPTH else (None, False)
    upstream = passed_on or names.get("type") == "upstream_error" or names.get("code") == "bad_response_status_code"
    asked = _WAIT.search(message)
    return Complaint(
        message=message.strip(),
        request_id=request_id,
        wait_s=float(asked[1]) if asked else None,
        inner=inner,
        from_upstream=upstream,
        **names,
    )


def _plain(message: str) -> str:
    """Return the words alone: without litellm's trailer, out of a Python dictionary, a quoted web page by its title."""
    message = _LITELLM_TRAILER.split(message, maxsplit=1)[0].strip()
    if wrapped := _PYTHON_REPR.fullmatch(message):
        message = wrapped[2]
    if message.startswith(("{", "[{")):
        return message
    return _PAGE.sub(lambda page: page_title(page[0]) or "a web page without a title", message)


def _inner(message: str, depth: int) -> tuple[Complaint | None, bool]:
    """Return the error that a message holds, and whether its wrapping says that it came from an upstream."""
    if wrapped := _WRAPPED.match(message):
        return _told(wrapped[3], type=_name(wrapped[1]), code=_name(wrapped[2]), depth=depth + 1), True
    if wrapped := _LITELLM.match(message):
        return _told(wrapped[2], code=_snake(wrapped[1]), depth=depth + 1), True
    if message.lstrip().startswith(("{", "[{")):
        value = parse_json(message)
        if value is not NOT_JSON:
            return read_complaint(value, depth=depth + 1), False
    return None, False


def _first_object(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, dict) else None


def _error_object(whole: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object that holds the error: below one of the usual keys, or the whole."""
    for key in _ERROR_KEYS:
        fields = _first_object(whole.get(key))
        if fields:
            nested = _first_object(fields.get("error"))
            return nested or fields
    return whole


def _messages(fields: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[str]:
    for place in (fields, whole):
        yield from (_words(place.get(key)) for key in _MESSAGE_KEYS)
    yield from (_words(whole.get(key)) for key in _ERROR_KEYS)


def _words(value: Any) -> str:
    """Return a message as text: a string, a list of them, or the messages of a list of objects; else empty."""
    if isinstance(value, str):
        return "" if value.strip().lower() in NOTHING else value
    if isinstance(value, list):
        each = (item.get("msg") or item.get("message") if isinstance(item, dict) else item for item in value[:20])
        return "; ".join(item for item in each if isinstance(item, str) and item)
    if isinstance(value, dict):
        each = (value.get(key) for key in ("message", "msg", "error"))
        return next((item for item in each if isinstance(item, str) and item.strip().lower() not in NOTHING), "")
    return ""


def _name(value: Any) -> str | None:
    """Return a code, type or parameter as a string; None where it says nothing, however it says that."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = value.strip() if isinstance(value, str) else str(value)
    return None if text.lower() in NOTHING else text[:200]


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
