"""The one thing that a transcription call returns, whatever format was asked for."""

from __future__ import annotations

import html
import itertools
import json
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any, Literal, TypedDict, Unpack

import attrs

from zhongzhuan_audio.errors import Attempt, ConfigurationError, NoTimingError
from zhongzhuan_audio.files import write_text
from zhongzhuan_audio.models.damage import Damage
from zhongzhuan_audio.models.preparation import Preparation
from zhongzhuan_audio.models.review import Coverage, Span, Suspicion
from zhongzhuan_audio.models.script import Script, convert_pieces, converter_to
from zhongzhuan_audio.models.text import join_texts
from zhongzhuan_audio.subtitles import Cue, Fit, fit_cues, render_srt, render_vtt

__all__ = ["FitOptions", "Logprob", "Segment", "Transcription", "Usage", "Word"]

_REPR_CHARS = 60
_HTML_ROWS = 200
_CUE_MAX_S = 7.0
_CUE_MAX_CHARS = 84
_CUE_GAP_S = 1.0
_SENTENCE_ENDS = tuple(".?!。？！…")


class FitOptions(TypedDict, total=False):
    """What `Transcription.to_srt` takes."""

    max_chars: int | None
    max_lines: int | None
    min_gap_s: float | None
    max_cps: float | None


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


@attrs.frozen(kw_only=True)
class Transcription:
    """A recording's text, and its times where the answer had them."""

    text: str
    language: str | None = None
    """As the relay wrote it: "english" and "en" both occur."""
    duration: float | None = None
    """Seconds."""
    segments: tuple[Segment, ...] = ()
    """Empty where the answer had no times."""
    words: tuple[Word, ...] = ()
    """Empty unless word times were asked for and given."""
    logprobs: tuple[Logprob, ...] = attrs.field(default=(), repr=False)
    """Token by token; empty unless asked for and given."""
    usage: Usage | None = None
    body: str = attrs.field(default="", repr=False)
    """The answer, verbatim."""
    request_id: str | None = None
    """The relay's own id of the request."""
    attempts: tuple[Attempt, ...] = ()
    """Every request that this answer took, in order; the last is the one that succeeded."""
    preparation: Preparation | None = None
    """What was done to the recording before it was sent; None where it went out as it is."""
    damage: Damage | None = None
    """What is wrong with the recording itself, so that the transcript lacks a part of it; None where nothing is."""
    gaps: tuple[Span, ...] = ()
    """Stretches of the recording that were not transcribed, in order."""
    warnings: tuple[Suspicion, ...] = attrs.field(default=(), repr=False)
    """Segments that look invented, those that were dropped too; empty where the answer had no segments."""
    coverage: Coverage | None = None
    """How much of the speech has a segment; None where nobody listened, or the answer had no times."""

    def __str__(self) -> str:
        """Return the text."""
        return self.text

    def __repr__(self) -> str:
        """Return the beginning of the text and what there is of times."""
        text = self.text if len(self.text) <= _REPR_CHARS else f"{self.text[:_REPR_CHARS]}…"
        facts = [repr(text)]
        if self.language:
            facts.append(f"language={self.language!r}")
        if self.duration is not None:
            facts.append(f"duration={self.duration:g}")
        if self.segments:
            facts.append(f"segments={len(self.segments)}")
        if self.words:
            facts.append(f"words={len(self.words)}")
        return f"Transcription({', '.join(facts)})"

    def _repr_html_(self) -> str:
        """Return a timed table for a notebook, or the text where there are no times; 200 rows at most."""
        lines: Sequence[Segment | Cue] = self.segments or tuple(_cues_from_words(self.words))
        if not lines:
            return _sendable(f"<p>{html.escape(self.text)}</p>")
        spoken = any(segment.speaker for segment in self.segments)
        rows = []
        for line in lines[:_HTML_ROWS]:
            speaker = f"<td>{html.escape(getattr(line, 'speaker', None) or '')}</td>" if spoken else ""
            rows.append(
                f"<tr><td>{_clock(line.start)}</td><td>{_clock(line.end)}</td>{speaker}"
                f'<td style="text-align:left">{html.escape(line.text)}</td></tr>'
            )
        more = len(lines) - _HTML_ROWS
        tail = f"<p>and {more} more</p>" if more > 0 else ""
        titles = "<th>start</th><th>end</th>" + ("<th>speaker</th>" if spoken else "") + "<th>text</th>"
        return _sendable(f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(rows)}</tbody></table>{tail}")

    def in_script(self, script: Script) -> Transcription:
        """Return the transcript with its Chinese in one script: text, segments and words; times and `body` stay.

        Models mix the two. Phrases are converted as a whole, also where they go over several words or segments: 头发
        becomes 頭髮, and 发展 becomes 發展. Japanese characters count as Chinese; other languages stay as they are.

        Args:
            script: "simplified", or "traditional" as it is written in Taiwan; its vocabulary is not changed.

        Raises:
            ConfigurationError: There is no such script.
            MissingExtraError: The extra ``zh`` is not installed.
        """
        convert = converter_to(script)
        segments = convert_pieces([segment.text for segment in self.segments], convert)
        words = convert_pieces([word.word for word in self.words], convert)
        return attrs.evolve(
            self,
            text=convert(self.text),
            segments=tuple(attrs.evolve(old, text=text) for old, text in zip(self.segments, segments, strict=True)),
            words=tuple(attrs.evolve(old, word=word) for old, word in zip(self.words, words, strict=True)),
            warnings=tuple(attrs.evolve(old, text=convert(old.text)) for old in self.warnings),
        )

    def to_text(self) -> str:
        """Return the text with a line end; where it is known who speaks, a line for each turn, with the name."""
        if not any(segment.speaker for segment in self.segments):
            return f"{self.text}\n"
        lines = []
        for who, turn in itertools.groupby(self.segments, key=lambda segment: segment.speaker):
            said = join_texts(segment.text for segment in turn)
            lines.append(f"{who}: {said}\n" if who else f"{said}\n")
        return "".join(lines)

    def to_srt(
        self,
        *,
        max_chars: int | None = None,
        max_lines: int | None = None,
        min_gap_s: float | None = None,
        max_cps: float | None = None,
    ) -> str:
        """Return SubRip subtitles: a segment is a cue, with the segment's times, unless an option is given.

        Lines are broken and cues split at the ends of sentences and clauses where that serves, at words, between
        Chinese or Japanese characters, and within a word only where it alone is longer than a line. The parts of a cue
        get the times of their words, or their share of its time where words have none.

        Args:
            max_chars: Half-width characters on a line, at least 2; a full-width one counts as two. 42 is common.
            max_lines: Lines in a cue; goes with `max_chars`. 2 is common. None breaks lines and splits no cue.
            min_gap_s: Seconds kept free before the next cue, by ending a cue sooner; none is cut to less than 0.5 s.
            max_cps: Characters that can be read in a second, counted as in `max_chars`: a cue that has more of them
                stands longer, as far as there is time before the next one, less `min_gap_s`. 17 to 20 are common.

        Raises:
            ConfigurationError: An option is out of range.
            NoTimingError: The answer had no times; nothing is invented.
        """
        return render_srt(
            self._fitted(Fit(max_chars=max_chars, max_lines=max_lines, min_gap_s=min_gap_s, max_cps=max_cps))
        )

    def to_vtt(
        self,
        *,
        max_chars: int | None = None,
        max_lines: int | None = None,
        min_gap_s: float | None = None,
        max_cps: float | None = None,
    ) -> str:
        """Return WebVTT subtitles; with the options of `to_srt`.

        Raises:
            ConfigurationError: An option is out of range.
            NoTimingError: The answer had no times; nothing is invented.
        """
        return render_vtt(
            self._fitted(Fit(max_chars=max_chars, max_lines=max_lines, min_gap_s=min_gap_s, max_cps=max_cps))
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the transcript as plain values with the wire's names, without what is not known.

        Numbers that JSON cannot hold (NaN, which some models give as a log probability) count as not known.
        """
        whole = attrs.asdict(self, filter=attrs.filters.exclude("body", "attempts"), value_serializer=_plain)
        for name in ("segments", "words", "logprobs", "warnings"):
            whole[name] = [_known(row) for row in whole[name]]
        whole["usage"] = _known(whole["usage"] or {})
        return {name: value for name, value in _known(whole).items() if value not in ([], {})}

    def to_json(self) -> str:
        """Return `to_dict` as indented JSON with a line end."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2) + "\n"

    def render(
        self,
        format: Literal["txt", "text", "srt", "vtt", "json"],  # noqa: A002 - the word users know
        **fit: Unpack[FitOptions],
    ) -> str:
        """Return the transcript in one of the four forms.

        Args:
            format: Which.
            fit: For subtitles, as in `to_srt`.

        Raises:
            ConfigurationError: There is no such form, or an option does not fit it.
            NoTimingError: Subtitles were asked of an answer without times.
        """
        if format in {"srt", "vtt"}:
            return self.to_srt(**fit) if format == "srt" else self.to_vtt(**fit)
        forms = {"txt": self.to_text, "text": self.to_text, "json": self.to_json}
        if format not in forms:
            raise ConfigurationError(f"no transcript form {format!r}", hint="use .txt, .srt, .vtt or .json")
        given = sorted(name for name, value in fit.items() if value is not None)
        if given:
            raise ConfigurationError(f"{', '.join(given)} is for subtitles, not for {format!r}")
        return forms[format]()

    def save(self, path: str | os.PathLike[str], **fit: Unpack[FitOptions]) -> None:
        """Write the transcript in the form that the suffix names: .txt, .srt, .vtt or .json.

        The file is whole or not there: it is written beside its place and renamed.

        Args:
            path: Where to.
            fit: For subtitles, as in `to_srt`.

        Raises:
            ConfigurationError: The suffix is another, or an option does not fit it.
            NoTimingError: Subtitles were asked of an answer without times; no file is made.
            OSError: The file cannot be written.
        """
        suffix: Any = PurePath(path).suffix.lower()
        if not suffix:
            raise ConfigurationError(f"{os.fspath(path)!r} has no suffix", hint="use .txt, .srt, .vtt or .json")
        write_text(path, self.render(suffix.removeprefix("."), **fit))

    def _fitted(self, fit: Fit) -> list[Cue]:
        cues = self._timed()
        if fit == Fit():
            return cues
        if not any(word.speaker for word in self.words):
            words = [Cue(word.start, word.end, word.word) for word in self.words]
            return fit_cues(cues, fit, words, until_s=self.duration)
        # Who speaks at the same time has words of their own.
        fitted: list[Cue] = []
        for who in dict.fromkeys(segment.speaker for segment in self.segments):
            own = [Cue(each.start, each.end, each.text) for each in self.segments if each.speaker == who]
            words = [Cue(word.start, word.end, word.word) for word in self.words if word.speaker == who]
            fitted += fit_cues(own, fit, words, until_s=self.duration)
        return sorted(fitted, key=lambda cue: cue.start)

    def _timed(self) -> list[Cue]:
        cues = list(self._cues())
        if not cues and self.text.strip():
            raise NoTimingError(
                "the answer has no times, so there are no subtitles to write",
                hint="ask for response_format='verbose_json', 'srt' or 'vtt', of a model that gives them (whisper-1)",
                request_id=self.request_id,
                partial=self,
            )
        return cues

    def _cues(self) -> Iterator[Cue]:
        if self.segments:
            for segment in self.segments:
                yield Cue(segment.start, segment.end, segment.text)
        else:
            yield from _cues_from_words(self.words)


def _cues_from_words(words: tuple[Word, ...]) -> Iterator[Cue]:
    """Group words into cues at sentence ends, pauses, and a length that a reader can follow."""
    group: list[Word] = []
    for word in words:
        if group and (
            word.start - group[-1].end > _CUE_GAP_S
            or word.end - group[0].start > _CUE_MAX_S
            or sum(len(each.word) + 1 for each in group) + len(word.word) > _CUE_MAX_CHARS
            or group[-1].word.rstrip().endswith(_SENTENCE_ENDS)
        ):
            yield Cue(group[0].start, group[-1].end, join_texts(each.word for each in group))
            group = []
        group.append(word)
    if group:
        yield Cue(group[0].start, group[-1].end, join_texts(each.word for each in group))


def _plain(_: object, __: object, value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _clock(seconds: float) -> str:
    milliseconds = max(0, round(seconds * 1000)) if math.isfinite(seconds * 1000) else 0
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def _sendable(text: str) -> str:
    """Return text without lone surrogates, which a notebook's kernel cannot send."""
    return text.encode("utf-8", "replace").decode("utf-8")
