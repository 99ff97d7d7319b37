"""Options -> form fields -> the bytes around the recording. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, TypeAlias, get_args

from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.protocol.languages import check_language

__all__ = [
    "Field",
    "Granularity",
    "ResponseFormat",
    "encode_form",
    "transcription_fields",
    "translation_fields",
]

ResponseFormat: TypeAlias = Literal["json", "text", "srt", "verbose_json", "vtt"]
Granularity: TypeAlias = Literal["word", "segment"]
Field: TypeAlias = tuple[str, str]

_RESPONSE_FORMATS: tuple[str, ...] = get_args(ResponseFormat)
_GRANULARITIES: tuple[str, ...] = get_args(Granularity)
_OWN_FIELDS = frozenset(
    {"file", "model", "language", "prompt", "response_format", "temperature", "timestamp_granularities"}
)

# A quote or a backslash would end the name or change it, and parsers differ on blanks.
_FIELD_NAME = re.compile(r'(?!\[\]\Z)[^\s"\\]+')

# What relays that look at the part's type expect of a name; the type is lost on most of them.
_CONTENT_TYPES = {
    ".aac": "audio/aac",
    ".aif": "audio/aiff",
    ".aifc": "audio/aiff",
    ".aiff": "audio/aiff",
    ".amr": "audio/amr",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".webm": "audio/webm",
}


def transcription_fields(
    *,
    model: str,
    language: str | None = None,
    prompt: str | None = None,
    response_format: ResponseFormat = "json",
    temperature: float | None = None,
    timestamp_granularities: Iterable[Granularity] | None = None,
    extra: Mapping[str, Any] | None = None,
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
        extra: Fields that this version does not know. Lists go out as ``name[]``, mappings as JSON.

    Raises:
        ConfigurationError: An option is out of its range; nothing was sent.

    Source: OpenAI's API reference, ``POST /v1/audio/transcriptions``.
    """
    fields = _common_fields(model, prompt, response_format, temperature, language=language)
    if timestamp_granularities is not None:
        fields += _granularity_fields(timestamp_granularities, response_format)
    if extra is not None:
        fields += _extra_fields(extra)
    return tuple(fields)


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
        fields += _extra_fields(extra)
    return tuple(fields)


def _common_fields(
    model: str, prompt: str | None, response_format: str, temperature: float | None, *, language: str | None = None
) -> list[Field]:
    fields = [("model", _check_text("model", model, required=True))]
    if language is not None:
        fields.append(("language", check_language(language)))
    if prompt is not None:
        fields.append(("prompt", _check_text("prompt", prompt)))
    if response_format not in _RESPONSE_FORMATS:
        raise ConfigurationError(
            f"response_format {response_format!r} does not exist", hint=f"use one of {', '.join(_RESPONSE_FORMATS)}"
        )
    fields.append(("response_format", _check_text("response_format", response_format)))
    if temperature is not None:
        fields.append(("temperature", _check_temperature(temperature)))
    return fields


def _check_text(name: str, value: object, *, required: bool = False) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a string, not {type(value).__name__}")
    if required and not value.strip():
        raise ConfigurationError(f"{name} is empty", hint="whisper-1 is a good first choice")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(f"{name} holds half a character (a lone surrogate)") from None
    # A member of a str enum would format as its own name.
    return str.__str__(value)


def _check_temperature(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigurationError(f"temperature must be a number from 0 to 1, not {type(value).__name__}")
    if not 0 <= value <= 1:
        raise ConfigurationError(f"temperature {value!r} is not between 0 and 1")
    # All digits and no exponent: some relays check a number by a pattern.
    text = f"{abs(Decimal(repr(float(value)))):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _granularity_fields(values: Iterable[Granularity], response_format: str) -> list[Field]:
    if not isinstance(values, Iterable):
        raise ConfigurationError(f"timestamp_granularities must be a list, not {type(values).__name__}")
    given = [values] if isinstance(values, str) else list(values)
    for value in given:
        if value not in _GRANULARITIES:
            raise ConfigurationError(
                f"timestamp_granularities holds {value!r}", hint=f"use {' or '.join(_GRANULARITIES)}"
            )
    if given and response_format != "verbose_json":
        raise ConfigurationError(
            f"timestamp_granularities does not go with response_format {response_format!r}",
            hint="use response_format='verbose_json'",
        )
    return [("timestamp_granularities[]", value) for value in _GRANULARITIES if value in given]


def _extra_fields(extra: Mapping[str, Any]) -> list[Field]:
    if not isinstance(extra, Mapping):
        raise ConfigurationError(f"extra must be a mapping of names to values, not {type(extra).__name__}")
    fields: list[Field] = []
    for name, value in extra.items():
        if not isinstance(name, str) or not _FIELD_NAME.fullmatch(name) or not name.isprintable():
            raise ConfigurationError(f"extra holds {name!r}, which cannot be a field's name")
        name = str.__str__(name)  # noqa: PLW2901 - a member of a str enum formats as its own name
        if name == "stream":
            raise ConfigurationError("extra holds 'stream'", hint="this call reads one whole answer")
        if name.removesuffix("[]") in _OWN_FIELDS:
            raise ConfigurationError(f"extra holds {name!r}", hint="give it as an argument; no field is sent twice")
        if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray, memoryview)):
            key = f"{name.removesuffix('[]')}[]"
            fields += [(key, _as_text(name, item)) for item in value]
        elif value is not None:
            fields.append((name, _as_text(name, value)))
    return fields


def _as_text(name: str, value: object) -> str:
    if isinstance(value, str):
        return _check_text(name, value)
    if isinstance(value, (bool, int, float, Mapping)):
        try:
            plain = dict(value) if isinstance(value, Mapping) else value
            text = json.dumps(plain, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ConfigurationError(f"extra[{name!r}] cannot be sent: {error}") from None
        return _check_text(f"extra[{name!r}]", text)
    raise ConfigurationError(f"extra[{name!r}] cannot be sent as a {type(value).__name__}")


def encode_form(fields: Sequence[Field], filename: str, *, boundary: str) -> tuple[bytes, bytes]:
    """Return the bytes of a multipart form before and after the recording's own.

    Args:
        fields: Names and values; neither holds what would end a header.
        filename: As `wire_filename` makes it: raw UTF-8 without quotes, backslashes or control characters. Percent
            encoding (RFC 5987) is read literally by Go, Node and Starlette servers.
        boundary: Unguessable, so that no recording can hold it.

    Source: RFC 7578.
    """
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
    ]
    extension = filename[filename.rfind(".") :] if "." in filename else ""
    content_type = _CONTENT_TYPES.get(extension, "application/octet-stream")
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        f"Content-Type: {content_type}\r\n\r\n"
    )
    return "".join(parts).encode(), f"\r\n--{boundary}--\r\n".encode()
