"""What a transcript consists of."""

from __future__ import annotations

import attrs

__all__ = ["Logprob", "Segment", "Usage", "Word"]


@attrs.frozen(kw_only=True)
class Word:
    """A word and when it was said."""

    word: str
    start: float
    """Seconds from the beginning of the recording."""
    end: float
    """Seconds from the beginning of the recording."""
    speaker: str | None = None
    """Who says it, where the channels of a recording were transcribed each by itself."""


@attrs.frozen(kw_only=True)
class Segment:
    """A stretch of speech; names are those of the wire's ``verbose_json``.

    Source: OpenAI's API reference, object ``TranscriptionSegment``. What a relay left out is None.
    """

    id: int
    start: float
    """Seconds from the beginning of the recording."""
    end: float
    """Seconds from the beginning of the recording."""
    text: str
    """Without the blanks that Whisper puts before a segment."""
    speaker: str | None = None
    """Who speaks, where the model tells."""
    seek: int | None = None
    """Frame (10 ms each) at which the decoding window began."""
    tokens: tuple[int, ...] | None = None
    temperature: float | None = None
    avg_logprob: float | None = None
    """Mean log probability of the tokens; below -1 the text is doubtful."""
    compression_ratio: float | None = None
    """Above 2.4 the text repeats itself."""
    no_speech_prob: float | None = None
    """0 to 1."""


@attrs.frozen(kw_only=True)
class Logprob:
    """How sure the model was of a token."""

    token: str
    logprob: float
    """Natural logarithm of its probability."""
    bytes: tuple[int, ...] | None = None
    """Its UTF-8, which may be a part of a character."""


@attrs.frozen(kw_only=True)
class Usage:
    """What the relay says it counted; None where it does not say."""

    type: str | None = None
    """"duration" or "tokens"."""
    seconds: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
