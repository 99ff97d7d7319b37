"""What hears a recording: the interface, what it is asked and what it answers, and the engine that follows a script."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import attrs

from zhongzhuan_audio.models import Segment, Word
from zhongzhuan_audio.models.text import join_texts
from zhongzhuan_audio.relay.checks import check_names, check_number
from zhongzhuan_audio.relay.scripted import Script, ScriptedAnswer, ScriptedDeltas, ScriptedStream

__all__ = [
    "TRANSCRIPTION_MODELS",
    "Answer",
    "Engine",
    "Recognition",
    "ScriptedEngine",
    "StreamingEngine",
    "Task",
    "TranscribeOptions",
    "tell",
]

Task: TypeAlias = Literal["transcribe", "translate"]

TRANSCRIPTION_MODELS = (
    "whisper-1",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-transcribe-diarize",
    "gpt-transcribe",
)
"""What the upstream calls its models; an engine goes by all of these names."""

_SCRIPTED_DURATION_S = 1.0
_WORDS = re.compile(r"\s*\S+(?:\s+$)?")


@attrs.frozen(kw_only=True)
class TranscribeOptions:
    """What a request asked for, checked."""

    model: str
    filename: str
    """As it was sent."""
    task: Task = "transcribe"
    """What is spoken, or the same in English."""
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"] = "json"
    language: str | None = None
    """Whisper's code; None where the engine is to find out."""
    prompt: str | None = None
    temperature: float = 0.0
    granularities: frozenset[str] = frozenset()
    """"word", "segment"; empty where nothing was asked, which means "segment"."""
    stream: bool = False
    """Whether the text is to come bit by bit."""
    fields: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    """Every plain field as it was sent, those that this relay does not know included."""

    @property
    def wants_words(self) -> bool:
        """Whether word times were asked for."""
        return "word" in self.granularities

    @property
    def wants_segments(self) -> bool:
        """Whether segment times were asked for, or nothing else was."""
        return "segment" in self.granularities or not self.granularities


@attrs.frozen(kw_only=True)
class Recognition:
    """What was heard."""

    language: str = "en"
    """Code; ``verbose_json`` gives it by its English name."""
    duration: float
    """Seconds."""
    segments: tuple[Segment, ...] = ()
    words: tuple[Word, ...] = ()
    text: str = attrs.Factory(lambda self: join_texts(segment.text for segment in self.segments), takes_self=True)
    """The whole text; made from the segments where it is not given."""


class Engine(Protocol):
    """What the relay asks of its ears."""

    @property
    def models(self) -> tuple[str, ...]:
        """The names that requests may ask for."""
        ...

    async def transcribe(self, path: Path, options: TranscribeOptions) -> Recognition | ScriptedAnswer | ScriptedStream:
        """Hear the recording.

        Args:
            path: The upload, on disk until this returns.
            options: What was asked.

        Raises:
            APIError: The request is refused; its status, code, type and message are what the client gets.
            asyncio.CancelledError: The client went away; nothing may still read `path` when it is raised.
        """
        ...


@runtime_checkable
class StreamingEngine(Engine, Protocol):
    """Ears that tell what they hear as they hear it; of what others heard, a stream is told at the end."""

    async def stream(
        self, path: Path, options: TranscribeOptions
    ) -> AsyncIterator[Segment | Recognition] | ScriptedAnswer | ScriptedStream:
        """Begin to hear the recording.

        Args:
            path: The upload, on disk until the iterator is at its end or closed.
            options: What was asked.

        Returns:
            The segments as they are heard, and last the whole, for its duration. The segments' texts are sent as they
            are: those of a language with blanks bring their own.

        Raises:
            APIError: As for `transcribe`, here or while the iterator runs.
            asyncio.CancelledError: As for `transcribe`.
        """
        ...


Answer: TypeAlias = (
    str
    | Recognition
    | ScriptedAnswer
    | ScriptedStream
    | ScriptedDeltas
    | Exception
    | Callable[[TranscribeOptions], "_Given | Awaitable[_Given]"]
)
"""A text, a whole recognition, its deltas, an HTTP answer, an error to raise, or a function (plain or async) that gives
one."""
_Given: TypeAlias = str | Recognition | ScriptedAnswer | ScriptedStream | ScriptedDeltas
_KINDS = (str, Recognition, ScriptedAnswer, ScriptedStream, ScriptedDeltas)
_WANTED = "a text, Recognition, ScriptedAnswer, ScriptedStream, ScriptedDeltas"


class ScriptedEngine:
    """Answers what a test tells it to and never listens; needs no extra.

    >>> engine = ScriptedEngine("你好", models=("whisper-1", "gpt-transcribe"))

    An `APIError` (such as ``RateLimitError("slow down", status=429, retry_after=1)``) is answered as a relay would
    answer it, a `ConnectionError` by hanging up, and any other exception as a relay that broke down. Streamed, a text
    goes out a word at a time and a recognition a segment at a time.
    """

    def __init__(
        self,
        answer: Answer | list[Answer] | tuple[Answer, ...] = "This is a scripted answer.",
        *,
        delay_s: float = 0.0,
        models: tuple[str, ...] = TRANSCRIPTION_MODELS,
    ) -> None:
        """Make an engine.

        Args:
            answer: Given to every request. Of a list, each in turn, and the last one for ever.
            delay_s: Seconds before each answer; a client that goes away ends the wait.
            models: What ``GET /v1/models`` lists and requests may ask for.

        Raises:
            ConfigurationError: A value cannot be used.
        """
        check_number("delay_s", delay_s, lowest=0)
        self.models: tuple[str, ...] = check_names("models", models)
        self.delay_s = delay_s
        self.script(*(answer if isinstance(answer, list | tuple) else (answer,)))

    def script(self, *answers: Answer) -> None:
        """Put these answers in place of what is left of the old ones; each is given once, and the last one for ever.

        Raises:
            ConfigurationError: There is none, or one of them can be no answer.
        """
        self._script: Script[Answer] = Script(_KINDS, _WANTED, answers)

    async def transcribe(
        self,
        path: Path,  # noqa: ARG002 - the interface's
        options: TranscribeOptions,
    ) -> Recognition | ScriptedAnswer | ScriptedStream:
        """Give the next answer; the recording is not looked at."""
        answer: _Given = await self._script.take(options, self.delay_s)
        if isinstance(answer, ScriptedDeltas):
            segments = [segment async for segment in answer.segments()]
            return _joined(segments, options)
        return _spoken(answer, options) if isinstance(answer, str) else answer

    async def stream(
        self,
        path: Path,  # noqa: ARG002 - the interface's
        options: TranscribeOptions,
    ) -> AsyncIterator[Segment | Recognition] | ScriptedAnswer | ScriptedStream:
        """Give the next answer, bit by bit where it is a transcript."""
        answer: _Given = await self._script.take(options, self.delay_s)
        if isinstance(answer, ScriptedAnswer | ScriptedStream):
            return answer
        if isinstance(answer, ScriptedDeltas):
            return _streamed(answer, options)
        if isinstance(answer, str):
            return _streamed(ScriptedDeltas(*_WORDS.findall(answer)), options)
        return tell(answer)


async def _streamed(deltas: ScriptedDeltas, options: TranscribeOptions) -> AsyncIterator[Segment | Recognition]:
    given: list[Segment] = []
    async with aclosing(deltas.segments()) as segments:
        async for segment in segments:
            given.append(segment)
            yield segment
    yield _joined(given, options)


async def tell(heard: Recognition) -> AsyncIterator[Segment | Recognition]:
    """Give a recognition a segment at a time, and last itself; as one where its text is not that of its segments."""
    told = ""
    if join_texts(segment.text for segment in heard.segments) == heard.text:
        for count, segment in enumerate(heard.segments, 1):
            so_far = join_texts(each.text for each in heard.segments[:count])
            yield attrs.evolve(segment, text=so_far.removeprefix(told))
            told = so_far
    elif heard.text:
        yield Segment(id=0, start=0.0, end=heard.duration, text=heard.text)
    yield heard


def _joined(segments: Iterable[Segment], options: TranscribeOptions) -> Recognition:
    """Return what deltas come to; those without times last a second together."""
    given = tuple(segments)
    text = "".join(segment.text for segment in given)
    if not any(segment.end for segment in given):
        return _spoken(text, options)
    return Recognition(
        language=options.language or "en", duration=max(segment.end for segment in given), segments=given, text=text
    )


def _spoken(text: str, options: TranscribeOptions) -> Recognition:
    """Return a recognition one second long, its words of equal length."""
    pieces = text.split()
    step = _SCRIPTED_DURATION_S / max(len(pieces), 1)
    words = tuple(
        Word(word=piece, start=round(index * step, 3), end=round((index + 1) * step, 3))
        for index, piece in enumerate(pieces)
    )
    segments = (Segment(id=0, start=0.0, end=_SCRIPTED_DURATION_S, text=text),) if pieces else ()
    language = options.language or "en"
    return Recognition(language=language, duration=_SCRIPTED_DURATION_S, segments=segments, words=words, text=text)
