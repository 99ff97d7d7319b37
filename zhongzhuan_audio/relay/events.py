"""A transcript as the events of a stream, in OpenAI's wire form. Pure but for what it listens to."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

from zhongzhuan_audio.errors import APIError
from zhongzhuan_audio.models import Segment
from zhongzhuan_audio.relay.answers import error_body, segment_row, usage_of
from zhongzhuan_audio.relay.engines import Recognition, TranscribeOptions
from zhongzhuan_audio.relay.refusals import broken

__all__ = ["EVENT_STREAM", "transcript_events"]

EVENT_STREAM = "text/event-stream; charset=utf-8"
_END = b"data: [DONE]\n\n"
_logger = logging.getLogger("zhongzhuan_audio.relay")


async def transcript_events(
    heard: AsyncIterator[Segment | Recognition], options: TranscribeOptions, request_id: str
) -> AsyncIterator[bytes]:
    """Give an event for each segment as it is heard, and one for the whole.

    What goes wrong before the first event is raised, for an answer of its own; after it, it is an event too, and the
    last.

    Args:
        heard: The segments, and last the whole.
        options: With ``diarized_json`` there are events of segments; a model that tells speakers names the segment in
            each delta. No engine here knows the probabilities of its tokens, so that `logprobs` are left out.
        request_id: Quoted in an error.

    Raises:
        ConnectionError: The connection is to end here.

    Source: OpenAI's API reference of ``transcript.text.delta``, ``transcript.text.segment`` and
    ``transcript.text.done``, and the parser of its Python client.
    """
    text, duration, begun = "", 0.0, False
    try:
        async for item in heard:
            if isinstance(item, Recognition):
                duration = item.duration
                continue
            text += item.text
            for event in _events(item, options):
                yield event
                begun = True
    except ConnectionError:
        raise
    except Exception as error:
        if not begun:
            raise
        yield _failure(error, request_id)
        return
    yield _event({"type": "transcript.text.done", "text": text, "usage": usage_of(duration)})
    yield _END


def _events(segment: Segment, options: TranscribeOptions) -> list[bytes]:
    row = segment_row(segment)
    delta = {"type": "transcript.text.delta", "delta": segment.text}
    if "diarize" in options.model:
        delta["segment_id"] = row["id"]
    return [_event(delta), *([_event(row)] if options.response_format == "diarized_json" else [])]


def _failure(error: Exception, request_id: str) -> bytes:
    if not isinstance(error, APIError):
        _logger.error("a stream broke the relay down", exc_info=error)
        error = broken(error)
    return b"event: error\ndata: %b\n\n" % error_body(error, request_id).text.encode()


def _event(fields: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")
