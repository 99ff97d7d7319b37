"""An answer's bytes as text, as JSON, or as the web page that they should not be."""

from __future__ import annotations

import codecs
import html
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from zhongzhuan_audio.protocol.masking import mask_keys

__all__ = [
    "MAX_BODY_BYTES",
    "NOT_JSON",
    "decode_body",
    "is_page",
    "kept_body",
    "looks_like_page",
    "media_type",
    "page_title",
    "parse_json",
    "tidy",
]

MAX_BODY_BYTES = 64 * 1024
"""How much of an answer an error keeps."""

NOT_JSON: Final = object()
"""What `parse_json` gives for text that is no JSON; None is JSON's null."""

_CHARSET = re.compile(r"charset\s*=\s*[\"']?((?:gb|big5|shift_jis|euc-|iso-8859-|windows-)[a-z0-9-]*)", re.IGNORECASE)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]+")
_BLANKS = re.compile(r"\s+")

_PAGE_BEGINS = re.compile(
    r"\s*<(?:!--|(?:!doctype|\?xml|html|head|body|script|meta|title|link|style|center|h1|div|iframe|form|pre|p|a)\b)",
    re.IGNORECASE,
)
_PAGE_HOLDS = re.compile(r"</(?:html|head|body|script|title)>", re.IGNORECASE)
_PAGE_TAIL_CHARS = 1024
_PAGE_HEAD_CHARS = 16 * 1024
_TITLES = (
    re.compile(r"<title[^<>]{0,200}>([^<]{1,500})<", re.IGNORECASE),
    re.compile(r"<h1[^<>]{0,200}>([^<]{1,500})<", re.IGNORECASE),
    re.compile(r"<message>([^<]{1,500})<", re.IGNORECASE),
)


def decode_body(body: bytes, headers: Mapping[str, str]) -> tuple[str, bool]:
    """Return a body as text, without a byte order mark, and whether it is text at all.

    UTF-8 is tried first (or UTF-16, where its mark is), then the charset that the headers name, then GB18030, which
    older gateways in China send unlabelled.

    Args:
        body: The answer, its content encoding undone.
        headers: Response headers with lower-case names.
    """
    text = _decoded(body, "utf-16" if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8")
    if text is None:
        declared = _CHARSET.search(headers.get("content-type", ""))
        text = _decoded(body, declared[1]) if declared else None
    if text is None:
        text = _decoded(body, "gb18030")
    if text is None:
        return body.decode("utf-8", "replace"), False
    return text.lstrip("\ufeff"), "\0" not in text


def _decoded(body: bytes, encoding: str) -> str | None:
    try:
        return body.decode(encoding)
    except (UnicodeError, LookupError):
        return None


def parse_json(text: str) -> Any:
    """Return what the JSON says, or `NOT_JSON`; never raises.

    Escapes of half a character (lone surrogates), which no file or terminal takes, become question marks.
    """
    try:
        value = json.loads(text)
        if "\\u" in text and _SURROGATE_ESCAPE.search(text):
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return NOT_JSON
    return value


def is_page(text: str, headers: Mapping[str, str]) -> bool:
    """Tell whether text that is no JSON is a web page, by its label or its looks."""
    return media_type(headers) in {"text/html", "application/xhtml+xml"} or looks_like_page(text)


def looks_like_page(text: str) -> bool:
    """Tell whether text is a web page (or XML), by its beginning and end; tags inside a text are just what was said."""
    if _PAGE_BEGINS.match(text):
        return True
    tail = text[-_PAGE_TAIL_CHARS:].rstrip()
    return tail.endswith(">") and (
        tail.lower().endswith("</html>") or (text.lstrip()[:1] == "<" and bool(_PAGE_HOLDS.search(text)))
    )


def page_title(page: str) -> str:
    """Return what a page calls itself, on one line; empty where it has no title."""
    for pattern in _TITLES:
        if found := pattern.search(page, 0, _PAGE_HEAD_CHARS):
            return _BLANKS.sub(" ", html.unescape(found[1])).strip()
    return ""


def kept_body(text: str) -> str:
    """Return the text as an error keeps it: keys masked, at most 64 KiB of UTF-8."""
    # Masked with a margin, so that the cut does not leave half a key.
    masked = mask_keys(text[: MAX_BODY_BYTES + 1024])
    return masked.encode("utf-8", "replace")[:MAX_BODY_BYTES].decode("utf-8", "ignore")


def tidy(text: str) -> str:
    """Return text that is safe to show: keys masked, without control characters (but line ends and tabs)."""
    return _CONTROLS.sub("", mask_keys(text)).strip()


def media_type(headers: Mapping[str, str]) -> str:
    """Return the content type in lower case, without its parameters; empty where there is none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()
