"""Options -> form fields. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, TypeAlias, get_args

from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.protocol.form import Field, as_text, check_text, extra_fields, is_field_name, list_fields
from zhongzhuan_audio.protocol.known_models import check_model_takes
from zhongzhuan_audio.protocol.languages import check_language

__all__ = [
    "ChunkingStrategy",
    "Granularity",
    "Include",
    "ResponseFormat",
    "TranscriptionFormat",
    "reference_fields",
    "transcription_fields",
    "translation_fields",
]

ResponseFormat: TypeAlias = Literal["json", "text", "srt", "verbose_json", "vtt"]
TranscriptionFormat: TypeAlias = Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"]
Granularity: TypeAlias = Literal["word", "segment"]
Include: TypeAlias = Literal["logprobs"]
ChunkingStrategy: TypeAlias = Literal["auto"] | Mapping[str, Any]
"""Who cuts the recording: the server as it likes, or by the settings of its voice detection, such as
``{"type": "server_vad", "silence_duration_ms": 500}``."""

_RESPONSE_FORMATS: tuple[str, ...] = get_args(ResponseFormat)
_TRANSCRIPTION_FORMATS: tuple[str, ...] = get_args(TranscriptionFormat)
_MOST_SPEAKERS = 4
_GRANULARITIES: tuple[str, ...] = get_args(Granularity)
_TRANSLATION_FIELDS = frozenset({"file", "model", "prompt", "response_format", "temperature"})
_OWN_FIELDS = frozenset(
    {
        "file",
        "model",
        "language",
        "prompt",
        "response_format",
        "temperature",
        "timestamp_granularities",
        "include",
        "chunking_strategy",
        "known_speaker_names",
        "known_speaker_references",
        "keywords",
        "languages",
    }
)


def transcription_fields(
    *,
    model: str,
    language: str | None = None,
    prompt: str | None = None,
    response_format: TranscriptionFormat = "json",
    temperature: float | None = None,
    timestamp_granularities: Iterable[Granularity] | None = None,
    include: Iterable[Include] | None = None,
    chunking_strategy: ChunkingStrategy | None = None,
    known_speaker_names: Sequence[str] | None = None,
    speaker_references: int = 0,
    keywords: Iterable[str] | None = None,
    languages: Iterable[str] | None = None,
    extra: Mapping[str, Any] | None = None,
    strict: bool = True,
) -> tuple[Field, ...]:
    """Check a transcription's options and return them as form fields; what is None is not sent.

    Relays rebuild the form, and a repeated field breaks that, so that no name but a list's ``name[]`` occurs twice.

    Args:
        model: Sent as it is.
        language: ISO 639-1 code of two letters, or ``yue`` or ``haw``.
        prompt: Words that the recording is likely to hold, or the text before it.
        response_format: What the relay is asked to answer with.
        temperature: 0 to 1.
        timestamp_granularities: "word", "segment" or both; only with ``verbose_json``.
        include: "logprobs".
        chunking_strategy: "auto", or settings; these go out as ``chunking_strategy[name]``.
        known_speaker_names: At most four.
        speaker_references: How many `reference_fields` will follow: one for each name, or none.
        keywords: Words that the recording is likely to hold.
        languages: Codes of what may be spoken.
        extra: Fields that this version does not know. Lists go out as ``name[]``, mappings as JSON.
        strict: Refuse what the model is known not to take.

    Raises:
        ConfigurationError: An option is out of its range; nothing was sent.

    Source: OpenAI's API reference, ``POST /v1/audio/transcriptions``.
    """
    fields = _common_fields(
        model, prompt, response_format, temperature, language=language, formats=_TRANSCRIPTION_FORMATS
    )
    special = {
        "prompt": prompt,
        "timestamp_granularities": timestamp_granularities,
        "include": include,
        "chunking_strategy": chunking_strategy,
        "known_speaker_names": known_speaker_names,
        "known_speaker_references": speaker_references or None,
        "keywords": keywords,
        "languages": languages,
    }
    given = [name for name, value in special.items() if value is not None]
    if strict:
        check_model_takes(model, response_format, [name for name in given if not _is_nothing(special[name])])
    if not given and extra is None:
        return tuple(fields)
    if timestamp_granularities is not None:
        fields += _granularity_fields(timestamp_granularities, response_format, strict=strict)
    fields += list_fields("include", include)
    if chunking_strategy is not None:
        fields += _chunking_fields(chunking_strategy)
    speakers = list_fields("known_speaker_names", known_speaker_names)
    if len(speakers) > _MOST_SPEAKERS or (speaker_references and len(speakers) != speaker_references):
        raise ConfigurationError(
            f"{len(speakers)} known_speaker_names and {speaker_references} known_speaker_references do not go together",
            hint=f"give a reference for each name, or none, and at most {_MOST_SPEAKERS}",
        )
    fields += speakers
    fields += list_fields("keywords", keywords)
    fields += [(name, check_language(code)) for name, code in list_fields("languages", languages)]
    if extra is not None:
        fields += extra_fields(extra, own=_OWN_FIELDS)
    return tuple(fields)


def reference_fields(data_urls: Iterable[str]) -> tuple[Field, ...]:
    """Return the fields of the samples of known voices."""
    return tuple(("known_speaker_references[]", url) for url in data_urls)


def _chunking_fields(value: ChunkingStrategy) -> list[Field]:
    name = "chunking_strategy"
    if isinstance(value, str):
        if value != "auto":
            raise ConfigurationError(f'{name} must be "auto" or a mapping, not {value!r}')
        return [(name, value)]
    if not isinstance(value, Mapping) or "type" not in value:
        raise ConfigurationError(f'{name} must be "auto" or a mapping with a type', hint='{"type": "server_vad"}')
    fields = []
    for key, setting in value.items():
        if not is_field_name(key) or set("[]") & set(key):
            raise ConfigurationError(f"{name} holds {key!r}, which cannot be a field's name")
        fields.append((f"{name}[{key}]", as_text(name, setting)))
    return fields


def translation_fields(
    *,
    model: str,
    prompt: str | None = None,
    response_format: ResponseFormat = "json",
    temperature: float | None = None,
    extra: Mapping[str, Any] | None = None,
) -> tuple[Field, ...]:
    """Check a translation's options and return them as form fields; what is None is not sent.

    Args:
        model: Sent as it is.
        prompt: English text before it, or words that it is likely to hold.
        response_format: What the relay is asked to answer with.
        temperature: 0 to 1.
        extra: As in `transcription_fields`.

    Raises:
        ConfigurationError: An option is out of its range; nothing was sent.

    Source: OpenAI's API reference, ``POST /v1/audio/translations``.
    """
    fields = _common_fields(model, prompt, response_format, temperature)
    if extra is not None:
        fields += extra_fields(extra, own=_TRANSLATION_FIELDS)
    return tuple(fields)


def _common_fields(
    model: str,
    prompt: str | None,
    response_format: str,
    temperature: float | None,
    *,
    language: str | None = None,
    formats: tuple[str, ...] = _RESPONSE_FORMATS,
) -> list[Field]:
    fields = [("model", check_text("model", model, required=True))]
    if language is not None:
        fields.append(("language", check_language(language)))
    if prompt is not None:
        fields.append(("prompt", check_text("prompt", prompt)))
    if response_format not in formats:
        raise ConfigurationError(
            f"response_format {response_format!r} does not exist", hint=f"use one of {', '.join(formats)}"
        )
    fields.append(("response_format", check_text("response_format", response_format)))
    if temperature is not None:
        fields.append(("temperature", _check_temperature(temperature)))
    return fields


def _check_temperature(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigurationError(f"temperature must be a number from 0 to 1, not {type(value).__name__}")
    if not 0 <= value <= 1:
        raise ConfigurationError(f"temperature {value!r} is not between 0 and 1")
    # All digits and no exponent: some relays check a number by a pattern.
    text = f"{abs(Decimal(repr(float(value)))):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _is_nothing(value: object) -> bool:
    """Tell whether an option sends nothing though it is given: an empty list."""
    return isinstance(value, (list, tuple)) and not value


def _granularity_fields(values: Iterable[Granularity], response_format: str, *, strict: bool) -> list[Field]:
    if not isinstance(values, Iterable):
        raise ConfigurationError(f"timestamp_granularities must be a list, not {type(values).__name__}")
    given = [values] if isinstance(values, str) else list(values)
    for value in given:
        if value not in _GRANULARITIES:
            raise ConfigurationError(
                f"timestamp_granularities holds {value!r}", hint=f"use {' or '.join(_GRANULARITIES)}"
            )
    if strict and given and response_format != "verbose_json":
        raise ConfigurationError(
            f"timestamp_granularities does not go with response_format {response_format!r}",
            hint="use response_format='verbose_json'",
        )
    return [("timestamp_granularities[]", value) for value in _GRANULARITIES if value in given]
