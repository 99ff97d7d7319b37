"""What a streamed answer is made of."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import attrs

from zhongzhuan_audio.models.parts import Logprob, Usage
from zhongzhuan_audio.models.transcription import Transcription

__all__ = ["SegmentDone", "ServerSentEvent", "TextDelta", "TranscriptDone", "TranscriptEvent"]


@attrs.frozen(kw_only=True)
class ServerSentEvent:
    """One event of a stream, as it came.

    Source: the HTML standard, section 9.2, "Server-sent events".
    """

    data: str
    """Several lines of data are joined by a line end."""
    event: str = "message"
    """The kind, where the relay names one."""
    id: str = ""

    def json(self) -> Any:
        """Return what the data say as JSON.

        Raises:
            ValueError: They are no JSON.
        """
        return json.loads(self.data)


@attrs.frozen(kw_only=True)
class TextDelta:
    """Some more of the text; all deltas joined as they are give the whole.

    Source: OpenAI's API reference, event ``transcript.text.delta``.
    """

    delta: str
    logprobs: tuple[Logprob, ...] = ()
    """Empty unless asked for and given."""


@attrs.frozen(kw_only=True)
class SegmentDone:
    """A stretch of speech by one speaker.

    Source: OpenAI's API reference, event ``transcript.text.segment`` (gpt-4o-transcribe-diarize).
    """

    id: str
    start: float
    """Seconds from the beginning of the recording."""
    end: float
    """Seconds from the beginning of the recording."""
    text: str
    speaker: str | None = None
    """A letter, or a name of `known_speaker_names`."""


@attrs.frozen(kw_only=True)
class TranscriptDone:
    """The whole transcript; the last event of a stream.

    Source: OpenAI's API reference, event ``transcript.text.done``.
    """

    transcription: Transcription
    """As `transcribe` gives it; its segments are those of the stream."""

    @property
    def text(self) -> str:
        """The whole text."""
        return self.transcription.text

    @property
    def usage(self) -> Usage | None:
        """What the relay says it counted."""
        return self.transcription.usage

    @property
    def logprobs(self) -> tuple[Logprob, ...]:
        """Token by token; empty unless asked for and given."""
        return self.transcription.logprobs


TranscriptEvent: TypeAlias = TextDelta | SegmentDone | TranscriptDone
"""What `stream_transcription` gives."""
