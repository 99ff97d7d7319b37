"""What a fault makes of an answer: bytes, pauses, and how the connection ends. Pure."""

from __future__ import annotations

import gzip
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal, TypeAlias

import attrs

from zhongzhuan_audio.relay.faults import LOOP, Fault
from zhongzhuan_audio.relay.scripted import ScriptedAnswer

__all__ = ["LOOP_PATH", "PAGE", "TOO_LARGE", "WELL", "Script", "Step", "interim", "redirect", "script_of", "whole"]

LOOP_PATH = "/v1/redirect-loop"
"""Redirects to itself, where a redirect loop is planned."""
_HTML = {"Content-Type": "text/html; charset=utf-8"}
PAGE = ScriptedAnswer(
    200,
    "<!doctype html>\n<html><head><title>Relay</title></head><body><div id=root></div></body></html>\n",
    _HTML,
)
"""A relay's own site, answered in place of its API."""
TOO_LARGE = ScriptedAnswer(
    413, "<html><head><title>413 Request Entity Too Large</title></head><body></body></html>\n", _HTML
)
"""A gateway's page."""
WELL = ScriptedAnswer(200, '{"text": "This is an early answer."}', {"Content-Type": "application/json; charset=utf-8"})

_DRIP_BYTES = 16
_DRIP_S = 0.05
_LONG_HEADER_BYTES = 65_537
_GARBAGE = b"\x00\xffnothing that speaks HTTP\r\n\r\n"

Step: TypeAlias = bytes | float
"""Bytes to send, or seconds to wait; infinity is until the client goes."""


@attrs.frozen
class Script:
    """What happens on the connection."""

    steps: tuple[Step, ...]
    end: Literal["keep", "close", "reset"] = "keep"
    """Kept for the next request, closed with a FIN, or with a RST."""


def script_of(fault: Fault, answer: ScriptedAnswer, *, bodiless: bool = False) -> Script:
    """Return what a fault of the late kinds makes of an answer.

    Args:
        fault: What goes wrong.
        answer: What would have been, or is, answered.
        bodiless: The request was a HEAD: there is a length, and no body.
    """
    head, body = _good(answer, bodiless=bodiless)
    match fault.kind:
        case "reset-after-upload":
            return Script((), "reset")
        case "fin-after-upload":
            return Script((), "close")
        case "stall-before-headers":
            return _stalled(fault, head + body, 0)
        case "stall-in-headers":
            return _stalled(fault, head + body, len(head) // 2)
        case "stall-after-headers":
            return _stalled(fault, head + body, len(head))
        case "stall-in-body":
            return _stalled(fault, head + body, len(head) + len(body) // 2)
        case "drip":
            return _drip(head + body, fault)
        case _:
            return _damaged(fault, answer, head, body)


def whole(answer: ScriptedAnswer, *, bodiless: bool = False) -> bytes:
    """Return a good answer."""
    return b"".join(_good(answer, bodiless=bodiless))


def _good(answer: ScriptedAnswer, *, bodiless: bool) -> tuple[bytes, bytes]:
    body = answer.body.encode() if isinstance(answer.body, str) else answer.body
    head = _head(answer.status, answer.headers, **{"Content-Length": str(len(body))})
    return head, b"" if bodiless else body


def _stalled(fault: Fault, sent: bytes, after_bytes: int) -> Script:
    pause = math.inf if fault.seconds is None else fault.seconds
    return Script((sent[:after_bytes], pause, sent[after_bytes:]))


def _damaged(fault: Fault, answer: ScriptedAnswer, head: bytes, body: bytes) -> Script:
    half = len(body) // 2
    match fault.kind:
        case "truncated":
            # An empty body is too short too.
            length = {"Content-Length": str(max(len(body), 1))}
            return Script((_head(answer.status, answer.headers, **length) + body[:half],), "close")
        case "truncated-chunked":
            head = _head(answer.status, answer.headers, **{"Transfer-Encoding": "chunked"})
            return Script((head + b"%x\r\n%b\r\n" % (len(body), body) if body else head,), "close")
        case "bad-gzip":
            # A good gzip header, then a block of the type that does not exist.
            packed = gzip.compress(b"", mtime=0)[:10] + b"\xff" * max(len(body), 1)
            changed = {"Content-Encoding": "gzip", "Content-Length": str(len(packed))}
            return Script((_head(answer.status, answer.headers, **changed) + packed,))
        case "short-length":
            return Script((_head(answer.status, answer.headers, **{"Content-Length": str(half)}) + body,))
        case "garbage-status":
            return Script((_GARBAGE,), "close")
        case "long-header":
            padding = "x" * (fault.size_bytes or _LONG_HEADER_BYTES)
            changed = {"Content-Length": str(len(body)), "X-Padding": padding}
            return Script((_head(answer.status, answer.headers, **changed) + body,))
        case _:
            return Script((head + body,), "close" if fault.kind == "close-after-answer" else "keep")


def _drip(sent: bytes, fault: Fault) -> Script:
    size = fault.size_bytes or _DRIP_BYTES
    pause = _DRIP_S if fault.seconds is None else fault.seconds
    steps: list[Step] = []
    for start in range(0, len(sent), size):
        steps += [sent[start : start + size], pause]
    return Script(tuple(steps[:-1]))


def redirect(fault: Fault, path: str) -> ScriptedAnswer:
    """Return the redirect of a request for this path; 307 keeps the method and the body."""
    location = LOOP_PATH if fault.location == LOOP else fault.location or path
    return ScriptedAnswer(307, "", {"Location": location})


def interim(status: int) -> bytes:
    """Return a whole informational answer."""
    return _head(status, {"Link": "</v1/models>; rel=preload"} if status == HTTPStatus.EARLY_HINTS else {})


def _head(status: int, headers: Mapping[str, str], **added: str) -> bytes:
    """Return an answer's head; a header that is given takes the place of the added one."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    given = {name.lower() for name in headers}
    lines = [*headers.items(), *((name, value) for name, value in added.items() if name.lower() not in given)]
    text = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"HTTP/1.1 {status} {phrase}\r\n{text}\r\n".encode("utf-8", "surrogateescape")
