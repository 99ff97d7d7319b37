"""What hears a recording: the interface, what it is asked and what it answers, and the engine that follows a script."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import attrs

from zhongzhuan_audio.config import check_kind
from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.models import Segment, Word
from zhongzhuan_audio.models.text import join_texts
from zhongzhuan_audio.relay.checks import check_names, check_number, check_whole

__all__ = ["Answer", "Engine", "Recognition", "ScriptedAnswer", "ScriptedEngine", "Task", "TranscribeOptions"]

Task: TypeAlias = Literal["transcribe", "translate"]

_SCRIPTED_DURATION_S = 1.0


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


@attrs.frozen
class ScriptedAnswer:
    """An HTTP answer, sent as it is: an error of the relay's, a gateway's web page, half a JSON body."""

    status: int
    body: str | bytes = ""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    """A Content-Type of JSON, HTML or plain text is added by the look of the body where none is given."""

    def __attrs_post_init__(self) -> None:
        """Check that it can be sent."""
        check_whole("status", self.status, lowest=100, highest=999)
        check_kind("body", self.body, (str, bytes), "str or bytes")
        check_kind("headers", self.headers, Mapping, "a mapping of strings")


class Engine(Protocol):
    """What the relay asks of its ears."""

    @property
    def models(self) -> tuple[str, ...]:
        """The names that requests may ask for."""
        ...

    async def transcribe(self, path: Path, options: TranscribeOptions) -> Recognition | ScriptedAnswer:
        """Hear the recording.

        Args:
            path: The upload, on disk until this returns.
            options: What was asked.

        Raises:
            APIError: The request is refused; its status, code, type and message are what the client gets.
            asyncio.CancelledError: The client went away; nothing may still read `path` when it is raised.
        """
        ...


Answer: TypeAlias = (
    str
    | Recognition
    | ScriptedAnswer
    | Exception
    | Callable[
        [TranscribeOptions], "str | Recognition | ScriptedAnswer | Awaitable[str | Recognition | ScriptedAnswer]"
    ]
)
"""A text, a whole recognition, an HTTP answer, an error to raise, or a function (plain or async) that gives one."""


class ScriptedEngine:
    """Answers what a test tells it to and never listens; needs no extra.

    >>> engine = ScriptedEngine("你好", models=("whisper-1", "gpt-transcribe"))

    An `APIError` (such as ``RateLimitError("slow down", status=429, retry_after=1)``) is answered as a relay would
    answer it, a `ConnectionError` by hanging up, and any other exception as a relay that broke down.
    """

    def __init__(
        self,
        answer: Answer | list[Answer] | tuple[Answer, ...] = "This is a scripted answer.",
        *,
        delay_s: float = 0.0,
        models: tuple[str, ...] = ("whisper-1",),
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
        if not answers:
            raise ConfigurationError("a script needs an answer")
        for answer in answers:
            fits = isinstance(answer, str | Recognition | ScriptedAnswer | Exception) or callable(answer)
            if not fits or isinstance(answer, type):
                given = f"the class {answer.__name__}" if isinstance(answer, type) else type(answer).__name__
                raise ConfigurationError(
                    f"an answer must be a text, Recognition, ScriptedAnswer, exception or function, not {given}"
                )
        self._answers = list(answers)

    async def transcribe(
        self,
        path: Path,  # noqa: ARG002 - the interface's
        options: TranscribeOptions,
    ) -> Recognition | ScriptedAnswer:
        """Give the next answer; the recording is not looked at."""
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        await asyncio.sleep(self.delay_s)
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            given = answer(options)
            answer = await given if inspect.isawaitable(given) else given
        return _spoken(answer, options.language or "en") if isinstance(answer, str) else answer


def _spoken(text: str, language: str) -> Recognition:
    """Return a recognition one second long, its words of equal length."""
    pieces = text.split()
    step = _SCRIPTED_DURATION_S / max(len(pieces), 1)
    words = tuple(
        Word(word=piece, start=round(index * step, 3), end=round((index + 1) * step, 3))
        for index, piece in enumerate(pieces)
    )
    segments = (Segment(id=0, start=0.0, end=_SCRIPTED_DURATION_S, text=text),) if pieces else ()
    return Recognition(language=language, duration=_SCRIPTED_DURATION_S, segments=segments, words=words, text=text)
