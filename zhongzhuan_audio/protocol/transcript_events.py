"""From server-sent events to the events of a transcript, or to the error that one of them is. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import attrs

from zhongzhuan_audio.errors import APIError, ZhongzhuanError
from zhongzhuan_audio.models import (
    Segment,
    SegmentDone,
    ServerSentEvent,
    TextDelta,
    TranscriptDone,
    TranscriptEvent,
    Transcription,
)
from zhongzhuan_audio.models.text import join_texts
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.anything import told_error
from zhongzhuan_audio.protocol.body import parse_json
from zhongzhuan_audio.protocol.headers import request_id
from zhongzhuan_audio.protocol.sse import DONE
from zhongzhuan_audio.protocol.transcript import structure_transcription
from zhongzhuan_audio.protocol.unusable import broken_error

__all__ = ["TranscriptAssembler", "event_error"]


def event_error(
    event: ServerSentEvent, value: Any, headers: Mapping[str, str], *, now: Callable[[], datetime]
) -> APIError | None:
    """Return the error that an event of any stream tells of; None where it tells of none.

    Args:
        event: The event.
        value: Its data as JSON.
        headers: Of the answer, with lower-case names.
        now: Clock giving an aware datetime.

    Source: OpenAI's own client takes an ``error`` in any event for one; new-api names the event so as well.
    """
    if not isinstance(value, dict):
        return None
    answer = Answer(status=200, headers=headers, body=event.data.encode("utf-8", "replace"))
    if event.event == "error" or value.get("type") == "error":
        value = value if "error" in value else {"error": value}
    return told_error(answer, value, now=now)


class TranscriptAssembler:
    """Takes the events of one stream, gives those of the transcript, and keeps what they come to.

    Args:
        headers: Of the answer, with lower-case names.
        now: Clock giving an aware datetime.

    Attributes:
        done: Whether the transcript is whole.
    """

    def __init__(self, headers: Mapping[str, str], *, now: Callable[[], datetime]) -> None:
        self._headers = headers
        self._now = now
        self._deltas: list[str] = []
        self._segments: list[Segment] = []
        self.done: bool = False

    @property
    def text(self) -> str:
        """What there is of the text so far."""
        return "".join(self._deltas) or join_texts(segment.text for segment in self._segments)

    def take(self, event: ServerSentEvent) -> TranscriptEvent | None:
        """Return what an event means; None where it means nothing.

        Raises:
            APIError: It is an error of the relay's.
            InvalidResponseError: It is broken.
        """
        if event.data.strip() == DONE:
            # Some relays leave out the last event; that they end in order shows that nothing is missing.
            return None if self.done or not self.text else self._whole(Transcription(text=self.text.strip()))
        value = parse_json(event.data)
        if (error := event_error(event, value, self._headers, now=self._now)) is not None:
            error.billed = "maybe" if self.text else error.billed
            raise error
        if not isinstance(value, dict):
            answer = Answer(status=200, headers=self._headers, body=event.data.encode("utf-8", "replace"))
            raise broken_error(answer, event.data, "an event of the stream is cut off or damaged")
        kind = value.get("type", event.event)
        if kind == "transcript.text.delta":
            return self._delta(value)
        if kind == "transcript.text.segment":
            return self._segment(value)
        if kind == "transcript.text.done" or ("type" not in value and isinstance(value.get("text"), str)):
            return self._whole(structure_transcription(value), body=event.data)
        return None

    def _delta(self, value: Mapping[str, Any]) -> TextDelta | None:
        delta = value.get("delta")
        if not isinstance(delta, str):
            return None
        self._deltas.append(delta)
        return TextDelta(delta=delta, logprobs=structure_transcription({"logprobs": value.get("logprobs")}).logprobs)

    def _segment(self, value: Mapping[str, Any]) -> SegmentDone | None:
        found = structure_transcription({"segments": [value]}).segments
        if not found:
            return None
        segment = attrs.evolve(found[0], id=len(self._segments))
        self._segments.append(segment)
        name = value.get("id", segment.id)
        return SegmentDone(
            id=str(name), start=segment.start, end=segment.end, text=segment.text, speaker=segment.speaker
        )

    def _whole(self, transcription: Transcription, *, body: str = "") -> TranscriptDone:
        self.done = True
        segments = transcription.segments or tuple(self._segments)
        return TranscriptDone(
            transcription=attrs.evolve(
                transcription,
                text=transcription.text or self.text.strip(),
                segments=segments,
                body=body,
                request_id=request_id(self._headers),
            )
        )

    def with_partial(self, error: ZhongzhuanError) -> ZhongzhuanError:
        """Return the error with the text so far on it."""
        error.partial = self.text or error.partial
        return error
