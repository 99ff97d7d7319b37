"""Reading ``multipart/form-data`` as it arrives: bytes in, parts out. Pure.

aiohttp's own reader splits file names at ``;``, undoes backslashes, and tells of either by a warning, which is an error
in many a test run. A test kit has to tell its user what came over the wire, as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, TypeAlias
from urllib.parse import unquote

import attrs

__all__ = ["Event", "MalformedFormError", "MultipartParser", "PartBegin", "PartData", "PartEnd", "boundary_of"]

_MAX_PART_HEADER_BYTES = 16_384
_MAX_BOUNDARY_CHARS = 70
_MAX_PADDING_BYTES = 128
_PARAMETER = re.compile(r';[ \t]*([\w*-]+)[ \t]*=[ \t]*(?:"((?:\\"|[^"])*)"|([^;"\s]*))')


class MalformedFormError(ValueError):
    """The body is not the form that its Content-Type says."""


@attrs.frozen
class PartBegin:
    """A part's headers are in."""

    name: str
    """The field; empty where the part does not say."""
    filename: str | None
    """As it was sent, nothing undone; None for a plain field."""


@attrs.frozen
class PartData:
    """Some of the part's bytes, in order."""

    data: bytes


@attrs.frozen
class PartEnd:
    """The part is whole."""


Event: TypeAlias = PartBegin | PartData | PartEnd


def boundary_of(content_type: str) -> bytes:
    """Return the boundary that a Content-Type header names.

    Raises:
        MalformedFormError: It is another type, or names no boundary that RFC 2046 allows.
    """
    kind, _, _ = content_type.partition(";")
    if kind.strip().lower() != "multipart/form-data":
        raise MalformedFormError("request Content-Type isn't multipart/form-data")
    boundary = _parameters(content_type).get("boundary", "")
    if not 0 < len(boundary) <= _MAX_BOUNDARY_CHARS or not boundary.isascii():
        raise MalformedFormError("no multipart boundary param in Content-Type")
    return boundary.encode()


class MultipartParser:
    """Takes the body in pieces of any size and gives parts; holds back no more than a boundary's length."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        # The first boundary has no line end before it; with one put there it is found like the others.
        self._buffer = bytearray(b"\r\n")
        self._state: Literal["preamble", "data", "delimiter", "headers", "end"] = "preamble"

    @property
    def finished(self) -> bool:
        """Whether the closing boundary has come."""
        return self._state == "end"

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take the next bytes and give what they complete.

        Raises:
            MalformedFormError: The form is broken.
        """
        self._buffer += data
        while self._state != "end":
            if self._state in {"preamble", "data"}:
                found = self._buffer.find(self._delimiter)
                yield from self._pass_on(found)
                more = found >= 0
            elif self._state == "delimiter":
                more = self._read_delimiter_end()
            else:
                begin = self._read_headers()
                if begin is not None:
                    yield begin
                more = begin is not None
            if not more:
                return
        self._buffer.clear()

    def _pass_on(self, found: int) -> Iterator[Event]:
        inside = self._state == "data"
        size = found if found >= 0 else max(len(self._buffer) - len(self._delimiter) + 1, 0)
        if inside and size:
            yield PartData(bytes(memoryview(self._buffer)[:size]))
        if found < 0:
            del self._buffer[:size]
            return
        del self._buffer[: size + len(self._delimiter)]
        self._state = "delimiter"
        if inside:
            yield PartEnd()

    def _read_delimiter_end(self) -> bool:
        head = bytes(self._buffer[:_MAX_PADDING_BYTES])
        rest = head.lstrip(b" \t")
        if head.startswith(b"--"):
            self._state = "end"
        elif rest.startswith(b"\r\n"):
            # The line end stays: a part without headers then still has the blank line that ends them.
            del self._buffer[: len(head) - len(rest)]
            self._state = "headers"
        elif len(rest) > 1 or len(head) == _MAX_PADDING_BYTES:
            raise MalformedFormError("multipart: a boundary is followed by something else")
        else:
            return False
        return True

    def _read_headers(self) -> PartBegin | None:
        end = self._buffer.find(b"\r\n\r\n")
        if (len(self._buffer) if end < 0 else end) > _MAX_PART_HEADER_BYTES:
            raise MalformedFormError("multipart: the headers of a part are too long")
        if end < 0:
            return None
        lines = self._buffer[:end].decode("utf-8", "replace").split("\r\n")
        del self._buffer[: end + 4]
        self._state = "data"
        return self._begin(lines)

    def _begin(self, lines: list[str]) -> PartBegin:
        for line in lines:
            title, _, value = line.partition(":")
            if title.strip().lower() == "content-disposition":
                found = _parameters(value)
                return PartBegin(found.get("name", ""), _file_name(found))
        return PartBegin("", None)


def _parameters(value: str) -> dict[str, str]:
    return {match[1].lower(): match[3] if match[2] is None else match[2] for match in _PARAMETER.finditer(value)}


def _file_name(parameters: dict[str, str]) -> str | None:
    if "filename" in parameters:
        return parameters["filename"]
    charset, _, rest = parameters.get("filename*", "").partition("'")
    _, quoted, text = rest.partition("'")
    return unquote(text, "utf-8") if quoted and charset.lower() == "utf-8" else None
