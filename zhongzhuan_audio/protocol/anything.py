"""Requests of the caller's own, and what their answers are. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlencode

from zhongzhuan_audio.errors import APIError, ConfigurationError
from zhongzhuan_audio.models import Response
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.blank import is_blank
from zhongzhuan_audio.protocol.body import NOT_JSON, decode_body, is_page, parse_json
from zhongzhuan_audio.protocol.headers import request_id
from zhongzhuan_audio.protocol.unusable import page_error

__all__ = [
    "check_method",
    "check_path",
    "decode_response",
    "encode_json",
    "encode_message",
    "raise_for_error",
    "told_error",
]

_METHOD = re.compile(r"[A-Z]{1,20}")
_PATH = re.compile(r"/?(?:[^\s/?#%\\]|%[0-9A-Fa-f]{2})[^\s?#\\]*")


def check_method(method: object) -> str:
    """Return an HTTP method in capitals.

    Raises:
        ConfigurationError: It cannot be one.
    """
    name = method.upper() if isinstance(method, str) else ""
    if not _METHOD.fullmatch(name) or name in {"CONNECT", "TRACE"}:
        raise ConfigurationError(f"the method {method!r} cannot be sent", hint="use GET, POST, PUT, PATCH or DELETE")
    return name


def check_path(path: object) -> str:
    """Return a path that leads nowhere but to the relay.

    Raises:
        ConfigurationError: It is no path: an address with a host, one that climbs, one with a query.
    """
    if not isinstance(path, str):
        raise ConfigurationError(f"the path must be a string, not {type(path).__name__}")
    if "://" in path or path.startswith("//"):
        raise ConfigurationError("the path is a whole address", hint="give the relay as base_url, and here its path")
    if not _PATH.fullmatch(path) or not path.isprintable() or {".", ".."} & set(unquote(path).split("/")):
        raise ConfigurationError(
            f"the path {path!r} cannot be sent", hint="it looks like /v1/chat/completions; a query goes into params"
        )
    return path


def encode_message(json: object, data: bytes | Mapping[str, str] | None) -> tuple[bytes | None, str]:
    """Return a request's body and its content type.

    Args:
        json: Any value that JSON has; None is no body.
        data: Bytes as they are, or a form's fields.

    Raises:
        ConfigurationError: Both are given, or what is given cannot be sent.
    """
    if json is not None and data is not None:
        raise ConfigurationError("json and data do not go together", hint="give one of them")
    if json is not None:
        return encode_json(json, label="json"), "application/json"
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data), "application/octet-stream"
    if isinstance(data, Mapping):
        try:
            return urlencode(dict(data)).encode(), "application/x-www-form-urlencoded"
        except (TypeError, UnicodeError) as error:
            raise ConfigurationError(f"data cannot be sent: {error}") from None
    if data is not None:
        raise ConfigurationError(f"data must be bytes or a form's fields, not {type(data).__name__}")
    return None, "application/json"


def encode_json(value: object, *, label: str) -> bytes:
    """Return a value as JSON.

    Args:
        value: The value.
        label: What to call it in a message.

    Raises:
        ConfigurationError: JSON has no such value.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{label} cannot be sent as JSON: {error}") from None


def decode_response(answer: Answer, *, now: Callable[[], datetime]) -> Response:
    """Return an answer, or raise what it really is.

    Args:
        answer: The whole answer.
        now: Clock giving an aware datetime, for a Retry-After that is a date.

    Raises:
        APIError: The relay said no, with an error's status or with an error object at a status of success.
        InvalidResponseError: It is a web page.
    """
    text, _ = raise_for_error(answer, now=now)
    return Response(
        status=answer.status,
        headers=answer.headers,
        content=answer.body,
        text=text,
        request_id=request_id(answer.headers),
    )


def raise_for_error(answer: Answer, *, now: Callable[[], datetime]) -> tuple[str, Any]:
    """Return an answer's text and what it is as JSON, or `NOT_JSON`.

    Args:
        answer: The whole answer.
        now: Clock giving an aware datetime, for a Retry-After that is a date.

    Raises:
        APIError: The relay said no.
        InvalidResponseError: It is a web page: the address leads to a relay's site, and not to its API.
    """
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - the bounds of 2xx
        from zhongzhuan_audio.protocol.classify import classify

        raise classify(answer, now=now)
    text, readable = decode_body(answer.body, answer.headers)
    value = parse_json(text) if text.lstrip()[:1] in {"{", "["} else NOT_JSON
    if (error := told_error(answer, value, now=now)) is not None:
        raise error
    if value is NOT_JSON and readable and is_page(text, answer.headers):
        raise page_error(answer, text, text, wanted="an answer of its API")
    return text, value


def told_error(answer: Answer, value: Any, *, now: Callable[[], datetime]) -> APIError | None:
    """Return the error that JSON at a status of success tells of; None where it tells of none.

    Args:
        answer: What it came in.
        value: The JSON, parsed.
        now: Clock giving an aware datetime.
    """
    if not isinstance(value, dict):
        return None
    failed = any(value.get(name) is False or value.get(name) == "false" for name in ("success", "code"))
    if is_blank(value.get("error")) and not failed:
        return None
    from zhongzhuan_audio.protocol.classify import error_in_success

    return error_in_success(answer, value, now=now)
