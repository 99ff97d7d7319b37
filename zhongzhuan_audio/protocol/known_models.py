"""What goes with what: the models whose formats and fields are known. Pure.

Any other model is let through, and so is any field that this table does not name.

Source: OpenAI's API reference, ``POST /v1/audio/transcriptions`` and ``/speech``, as of November 2026.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

import attrs

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.errors import ConfigurationError

__all__ = ["check_model_takes", "check_speech_model_takes", "timed_format"]


@attrs.frozen
class _Model:
    formats: tuple[str, ...]
    fields: frozenset[str] = frozenset()
    """Those of the fields below that it takes."""
    refused: frozenset[str] = frozenset()
    """Fields that every other model takes."""


_GPT_4O = _Model(("json",), frozenset({"include", "chunking_strategy"}))
_MODELS: Mapping[str, _Model] = MappingProxyType(
    {
        "whisper-1": _Model(("json", "text", "srt", "verbose_json", "vtt"), frozenset({"timestamp_granularities"})),
        "gpt-transcribe": _Model(("json",), frozenset({"keywords", "languages"})),
        "gpt-4o-transcribe": _GPT_4O,
        "gpt-4o-mini-transcribe": _GPT_4O,
        "gpt-4o-transcribe-diarize": _Model(
            ("json", "text", "diarized_json"),
            frozenset({"chunking_strategy", "known_speaker_names", "known_speaker_references"}),
            frozenset({"prompt"}),
        ),
    }
)
_SPECIAL_FIELDS = frozenset[str]().union(*(model.fields for model in _MODELS.values()))


def check_model_takes(model: str, response_format: str, fields: Collection[str]) -> None:
    """Find out whether a model is known not to take a format or a field.

    Args:
        model: Its name; one that is not known takes everything.
        response_format: What is asked for.
        fields: Names of the options that are given.

    Raises:
        ConfigurationError: It does not; the hint names the models that do.
    """
    known = _MODELS.get(model)
    if known is None:
        return
    if response_format not in known.formats:
        others = [name for name, other in _MODELS.items() if response_format in other.formats]
        raise ConfigurationError(
            f"{model} does not answer with response_format {response_format!r}, only with {', '.join(known.formats)}",
            hint=_hint(others),
        )
    for field in fields:
        if field in known.refused:
            others = [name for name, other in _MODELS.items() if field not in other.refused]
        elif field in _SPECIAL_FIELDS - known.fields:
            others = [name for name, other in _MODELS.items() if field in other.fields]
        else:
            continue
        raise ConfigurationError(f"{model} does not take {field}", hint=_hint(others))


def timed_format(model: str, response_format: str, *, words: bool = False) -> str:
    """Return the format that has times for one that has none, where a model may give it; else the same.

    Args:
        model: Its name; one that is not known takes everything.
        response_format: What is asked for.
        words: Whether words are to have times, too, which subtitles do not tell.
    """
    if response_format not in ({"json", "text", "srt", "vtt"} if words else {"json", "text"}):
        return response_format
    formats = _MODELS[model].formats if model in _MODELS else ("verbose_json",)
    return next((timed for timed in ("verbose_json", "diarized_json") if timed in formats), response_format)


_SPEAKERS_REFUSE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "tts-1": frozenset({"instructions"}),
        "tts-1-hd": frozenset({"instructions"}),
        "gpt-4o-mini-tts": frozenset(),
    }
)


def check_speech_model_takes(model: str, fields: Collection[str]) -> None:
    """Find out whether a model that speaks is known not to take a field.

    Args:
        model: Its name; one that is not known takes everything.
        fields: Names of the options that are given.

    Raises:
        ConfigurationError: It does not; the hint names the models that do.
    """
    for field in fields:
        if field in _SPEAKERS_REFUSE.get(model, ()):
            others = [name for name, refused in _SPEAKERS_REFUSE.items() if field not in refused]
            raise ConfigurationError(f"{model} does not take {field}", hint=_hint(others))


def _hint(others: list[str]) -> str:
    would = f"{', '.join(others)} would"
    return Advice(f"{would}; strict=False sends it all the same", command=would)
