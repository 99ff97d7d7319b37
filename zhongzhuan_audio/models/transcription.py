"""The one thing that a transcription call returns, whatever format was asked for."""

from __future__ import annotations

import json
import math
import os
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

import attrs

from zhongzhuan_audio.errors import Attempt, ConfigurationError, NoTimingError
from zhongzhuan_audio.files import write_text
from zhongzhuan_audio.models.damage import Damage
from zhongzhuan_audio.models.parts import Logprob, Segment, Usage, Word
from zhongzhuan_audio.models.preparation import Preparation
from zhongzhuan_audio.models.review import Coverage, Span, Suspicion
from zhongzhuan_audio.models.script import Script, convert_pieces, converter_to

if TYPE_CHECKING:
    from zhongzhuan_audio.subtitles import Cue, Fit

__all__ = ["FitOptions", "Transcription"]

_REPR_CHARS = 60


class FitOptions(TypedDict, total=False):
    """What `Transcription.to_srt` takes."""

    max_chars: int | None
    max_lines: int | None
    min_gap_s: float | None
    max_cps: float | None


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

    @property
    def incomplete(self) -> bool:
        """Whether something that was asked for failed: a piece, which is one of the `gaps`, or a refill."""
        return bool(self.gaps) or any(warning.kind == "refill" for warning in self.warnings)

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
        from zhongzhuan_audio.models.table import html_table

        return html_table(self.text, self.segments, self.words)

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
        """Return the text with a line end; where it is known who speaks, a line for each turn, with the name.

        Each gap has a line of its own, such as ``[missing · 缺失 0:10:00-0:20:00]``, which is above the text where the
        answer had no times.
        """
        from zhongzhuan_audio.models.plain import plain_text

        return plain_text(self.text, self.segments, self.words, self.gaps)

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

        Where it is known who speaks, each cue begins with the name, as in ``agent: Good morning.``, which counts as a
        part of its first line. A gap is a cue of its own, ``[missing · 缺失]``.

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
        from zhongzhuan_audio.subtitles import Fit, render_srt

        return render_srt(
            self._cues(Fit(max_chars=max_chars, max_lines=max_lines, min_gap_s=min_gap_s, max_cps=max_cps), named=True)
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

        Where it is known who speaks, each cue has a voice tag, as in ``<v agent>Good morning.``, which players do not
        show. A gap is a cue of its own, ``[missing · 缺失]``.

        Raises:
            ConfigurationError: An option is out of range.
            NoTimingError: The answer had no times; nothing is invented.
        """
        from zhongzhuan_audio.subtitles import Fit, render_vtt

        return render_vtt(
            self._cues(Fit(max_chars=max_chars, max_lines=max_lines, min_gap_s=min_gap_s, max_cps=max_cps))
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

    def _cues(self, fit: Fit, *, named: bool = False) -> list[Cue]:
        if not self.segments and not self.words and self.text.strip():
            raise NoTimingError(
                "the answer has no times, so there are no subtitles to write",
                hint="ask for response_format='verbose_json', 'srt' or 'vtt', of a model that gives them (whisper-1)",
                request_id=self.request_id,
                partial=self,
            )
        from zhongzhuan_audio.models.cues import cues_of

        return cues_of(self.segments, self.words, self.gaps, fit, until_s=self.duration, named=named)


def _plain(_: object, __: object, value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
