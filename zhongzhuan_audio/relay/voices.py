"""What speaks: the interface, what it is asked, and the voice that follows a script."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol, TypeAlias, get_args

import attrs

from zhongzhuan_audio.relay.checks import check_names, check_number
from zhongzhuan_audio.relay.scripted import Script, ScriptedAnswer, ScriptedStream
from zhongzhuan_audio.relay.silence import silence

__all__ = ["SPEECH_FORMATS", "SPEECH_MODELS", "ScriptedVoice", "SpeakOptions", "SpeechFormat", "Utterance", "Voice"]

SPEECH_MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
"""What the upstream calls its voices' models."""

SpeechFormat: TypeAlias = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
SPEECH_FORMATS: tuple[SpeechFormat, ...] = get_args(SpeechFormat)
"""``pcm`` is 24 kHz, 16 bits, signed, little-endian, mono. Source: OpenAI's text-to-speech guide."""


@attrs.frozen(kw_only=True)
class SpeakOptions:
    """What a request asked for, checked."""

    model: str
    input: str
    """The text."""
    voice: str
    """Any name; of a voice that was given as an object, its id."""
    response_format: SpeechFormat = "mp3"
    speed: float = 1.0
    """0.25 to 4; 2 is twice as fast."""
    instructions: str | None = None
    fields: Mapping[str, Any] = attrs.field(factory=dict)
    """Every field of the body as it was sent, those that this relay does not know included."""


class Voice(Protocol):
    """What the relay asks of its mouth."""

    @property
    def models(self) -> tuple[str, ...]:
        """The names that requests may ask for."""
        ...

    async def speak(self, options: SpeakOptions) -> AsyncIterator[bytes] | ScriptedAnswer | ScriptedStream:
        """Begin to speak.

        Args:
            options: What was asked.

        Returns:
            The sound in the format that was asked for, as it is made; the iterator is closed when the client goes.

        Raises:
            APIError: The request is refused, here or before the iterator's first bytes; its status, code, type and
                message are what the client gets.
        """
        ...


Utterance: TypeAlias = (
    bytes
    | ScriptedAnswer
    | ScriptedStream
    | Exception
    | Callable[
        [SpeakOptions], "bytes | ScriptedAnswer | ScriptedStream | Awaitable[bytes | ScriptedAnswer | ScriptedStream]"
    ]
)
"""Sound, whole or in pieces, an HTTP answer, an error to raise, or a function (plain or async) that gives one."""


def _silent(options: SpeakOptions) -> bytes:
    return silence(options.response_format)


class ScriptedVoice:
    """Says what a test tells it to, whatever the text is; needs no extra.

    ::

        ScriptedVoice(b"sound")
        ScriptedVoice(ScriptedStream([b"sou", 0.2, b"nd"]))
        ScriptedVoice(ScriptedStream([b"sou", ConnectionResetError()]))
        ScriptedVoice(lambda options: options.input.encode())

    It takes what a `ScriptedEngine` takes, with bytes in place of a text.
    """

    def __init__(
        self,
        answer: Utterance | list[Utterance] | tuple[Utterance, ...] = _silent,
        *,
        delay_s: float = 0.0,
        models: tuple[str, ...] = SPEECH_MODELS,
    ) -> None:
        """Make a voice.

        Args:
            answer: Given to every request, by default a tenth of a second of silence in the format that was asked for.
                Of a list, each in turn, and the last one for ever.
            delay_s: Seconds before each answer; a client that goes away ends the wait.
            models: What ``GET /v1/models`` lists and requests may ask for.

        Raises:
            ConfigurationError: A value cannot be used.
        """
        check_number("delay_s", delay_s, lowest=0)
        self.models: tuple[str, ...] = check_names("models", models)
        self.delay_s = delay_s
        self.script(*(answer if isinstance(answer, list | tuple) else (answer,)))

    def script(self, *answers: Utterance) -> None:
        """Put these answers in place of what is left of the old ones; each is given once, and the last one for ever.

        Raises:
            ConfigurationError: There is none, or one of them can be no answer.
        """
        kinds = (bytes, ScriptedAnswer, ScriptedStream)
        self._script: Script[Utterance] = Script(kinds, "bytes, ScriptedAnswer, ScriptedStream", answers)

    async def speak(self, options: SpeakOptions) -> ScriptedAnswer | ScriptedStream:
        """Give the next answer."""
        answer: bytes | ScriptedAnswer | ScriptedStream = await self._script.take(options, self.delay_s)
        return ScriptedStream([answer]) if isinstance(answer, bytes) else answer
