"""Server-sent events out of bytes that come in any pieces. Pure.

Source: the HTML standard, section 9.2.6, "Interpreting an event stream".
"""

from __future__ import annotations

import re

from zhongzhuan_audio.errors import InvalidResponseError, StreamInterruptedError
from zhongzhuan_audio.models import ServerSentEvent
from zhongzhuan_audio.protocol.body import NOT_JSON, parse_json

__all__ = ["DONE", "EventStreamParser", "looks_like_events"]

DONE = "[DONE]"
"""The data of the event that says that nothing follows. Source: OpenAI's streams, and relays that copy them."""

_LINE_END = re.compile(rb"\r\n|\r|\n")
_FIELDS = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:data|event|id|retry)?:")
_WHOLE = re.compile(rb"data:\s*(?:\[DONE\]|[{\[].*[}\]])\s*", re.DOTALL)
_BILLED_AGAIN = "asking again is billed again"
_MAX_EVENT_BYTES = 32 * 1024 * 1024
"""Ten seconds of sound in Base64 are far less."""


def looks_like_events(head: bytes) -> bool:
    """Tell whether a body begins as a stream of events does, whatever its label says."""
    return _FIELDS.match(head) is not None


class EventStreamParser:
    """Takes bytes and gives the events that they complete.

    A line may end in LF, CR or CRLF, and any of them may be cut anywhere; so may a character.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        """Of a line that has not ended."""
        self._size = 0
        """Of the event that has not ended, in bytes."""
        self._is_first_line = True
        self._after_cr = False
        self._data: list[str] = []
        self._event = ""
        self._id = ""

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Take some bytes.

        Raises:
            InvalidResponseError: An event is larger than any that a relay has reason to send.
        """
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        events: list[ServerSentEvent] = []
        start = 0
        for end in _LINE_END.finditer(chunk):
            self._keep(chunk[start : end.start()])
            start = end.end()
            line, self._pieces = b"".join(self._pieces), []
            if (event := self._take(line)) is not None:
                events.append(event)
        self._after_cr = chunk.endswith(b"\r")
        self._keep(chunk[start:])
        return events

    def finish(self) -> list[ServerSentEvent]:
        """Take the end of the stream: relays forget the blank line behind the last event.

        Raises:
            StreamInterruptedError: It ended within a line: that event was cut off.
        """
        line = b"".join(self._pieces)
        if line and not _is_whole(line):
            raise StreamInterruptedError(
                "the stream ended in the middle of an event", retryable=True, billed="maybe", hint=_BILLED_AGAIN
            )
        return self.feed(b"\n\n")

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > _MAX_EVENT_BYTES:
            raise InvalidResponseError(
                f"an event of the stream is larger than {_MAX_EVENT_BYTES >> 20} MiB", billed="maybe", failover=False
            )
        if piece:
            self._pieces.append(piece)

    def _take(self, line: bytes) -> ServerSentEvent | None:
        text = line.decode("utf-8", "replace")
        if self._is_first_line:
            self._is_first_line = False
            text = text.removeprefix("\ufeff")
        if not text:
            return self._dispatch()
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        data, self._data, event, self._event, self._size = self._data, [], self._event, "", 0
        if not data:
            return None
        return ServerSentEvent(data="\n".join(data), event=event or "message", id=self._id)


def _is_whole(line: bytes) -> bool:
    """Tell whether a last line without its end has all that it is to have: the sentinel, or JSON to its last brace.

    Of a comment nothing is missed.
    """
    if line.startswith(b":"):
        return True
    if not _WHOLE.fullmatch(line):
        return False
    data = line.decode("utf-8", "replace").removeprefix("data:").strip()
    return data == DONE or parse_json(data) is not NOT_JSON
