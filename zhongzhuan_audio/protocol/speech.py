"""Text to be spoken -> a JSON body; the beginning of an answer -> sound, or the error that it is. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias, get_args

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.audio import HEAD_BYTES, sniff
from zhongzhuan_audio.audio.others import describe_other
from zhongzhuan_audio.errors import (
    APIError,
    BadRequestError,
    ConfigurationError,
    InvalidResponseError,
    NotFoundError,
    UpstreamError,
)
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.anything import encode_json, raise_for_error
from zhongzhuan_audio.protocol.body import decode_body, media_type, tidy
from zhongzhuan_audio.protocol.form import check_text
from zhongzhuan_audio.protocol.known_models import check_speech_model_takes
from zhongzhuan_audio.protocol.lacking import lacking_error, says_lacking
from zhongzhuan_audio.protocol.unusable import broken_error, invalid_error

__all__ = ["MAX_INPUT_CHARS", "SpeechFormat", "looks_like_sound", "speech_body", "speech_error", "speech_refusal"]

SpeechFormat: TypeAlias = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]

MAX_INPUT_CHARS = 4096
"""Source: OpenAI's API reference, ``input`` of ``POST /v1/audio/speech``."""

_FORMATS: tuple[str, ...] = get_args(SpeechFormat)
_SPEEDS = (0.25, 4.0)
_OWN_FIELDS = frozenset({"input", "model", "voice", "response_format", "speed", "instructions"})
_SNIFFED = {"mp3": {"mp3"}, "opus": {"ogg"}, "aac": {"aac"}, "flac": {"flac"}, "wav": {"wav"}}
_CONTAINERS = {"ogg", "wav", "flac", "m4a", "mp4", "webm"}
"""Formats that begin with a name. Samples without a header may well begin like a frame of mp3 or AAC."""
_TAKE_IT = "strict=False takes it as it is"
_LACKS_HINT = "this relay, or its channel for this model, does not speak: use another model or another endpoint"


def speech_body(
    *,
    input: str,  # noqa: A002 - the wire's own name
    model: str,
    voice: str,
    response_format: str,
    speed: float | None,
    instructions: str | None,
    extra: Mapping[str, Any] | None,
    strict: bool = True,
) -> bytes:
    """Check the options of a text to be spoken and return them as JSON; what is None is not sent.

    Args:
        input: The text, up to 4,096 characters.
        model: Sent as it is.
        voice: Sent as it is.
        response_format: "mp3", "opus", "aac", "flac", "wav" or "pcm".
        speed: 0.25 to 4.
        instructions: How to speak.
        extra: Fields that this version does not know.
        strict: Refuse what the model is known not to take.

    Raises:
        ConfigurationError: An option is out of its range; nothing was sent.

    Source: OpenAI's API reference, ``POST /v1/audio/speech``.
    """
    text = check_text("input", input)
    if not text.strip():
        raise ConfigurationError("input is empty", hint="give the text to be spoken")
    if len(text) > MAX_INPUT_CHARS:
        raise ConfigurationError(
            f"input has {len(text)} characters, and {MAX_INPUT_CHARS} can be spoken at once",
            hint="cut it at the end of a sentence or a paragraph, and have the pieces spoken one by one",
        )
    fields: dict[str, Any] = {"model": check_text("model", model, required=True), "input": text}
    fields["voice"] = check_text("voice", voice)
    if not fields["voice"].strip():
        raise ConfigurationError("voice is empty", hint="alloy is one that all of OpenAI's models have")
    if response_format not in _FORMATS:
        raise ConfigurationError(
            f"response_format {response_format!r} does not exist", hint=f"use one of {', '.join(_FORMATS)}"
        )
    fields["response_format"] = check_text("response_format", response_format)
    if speed is not None:
        fields["speed"] = _check_speed(speed)
    if instructions is not None:
        fields["instructions"] = check_text("instructions", instructions)
    if strict:
        check_speech_model_takes(model, [name for name in ("instructions",) if name in fields])
    return encode_json({**fields, **_extra(extra)}, label="extra")


def _check_speed(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigurationError(f"speed must be a number from 0.25 to 4, not {type(value).__name__}")
    if not _SPEEDS[0] <= value <= _SPEEDS[1]:
        raise ConfigurationError(f"speed {value!r} is not between 0.25 and 4")
    return value


def _extra(extra: Mapping[str, Any] | None) -> dict[str, Any]:
    if extra is None:
        return {}
    if not isinstance(extra, Mapping):
        raise ConfigurationError(f"extra must be a mapping of names to values, not {type(extra).__name__}")
    for name in extra:
        if not isinstance(name, str):
            raise ConfigurationError(f"extra holds {name!r}, which cannot be a field's name")
        if name in _OWN_FIELDS:
            raise ConfigurationError(f"extra holds {name!r}", hint="give it as an argument")
        if name == "stream_format" and extra[name] != "audio":
            raise ConfigurationError("extra holds 'stream_format'", hint="this call reads sound; see stream_request")
    return dict(extra)


def speech_refusal(answer: Answer, *, now: Callable[[], datetime]) -> APIError:
    """Return the error that an answer means whose status is not one of success.

    Many relays have no model that speaks: they say so with 404, 405 or 501, or in words at any status.

    Args:
        answer: The whole answer.
        now: Clock giving an aware datetime, for a Retry-After that is a date.
    """
    from zhongzhuan_audio.protocol.classify import classify

    error = classify(answer, now=now)
    lacks = isinstance(error, NotFoundError) or (
        isinstance(error, (BadRequestError, UpstreamError)) and says_lacking(error.message)
    )
    return lacking_error(error, hint=_LACKS_HINT) if lacks else error


def looks_like_sound(head: bytes, response_format: str) -> bool:
    """Tell whether a body begins as sound of a format does.

    Args:
        head: The first bytes, 16 or more where there are so many.
        response_format: What was asked for. "pcm" is samples without a header, of which only what they are not can be
            told.
    """
    kind = sniff(head[:HEAD_BYTES])
    if response_format == "pcm":
        return bool(head) and describe_other(head) is None and (kind is None or kind.name not in _CONTAINERS)
    return kind is not None and kind.name in _SNIFFED[response_format]


def speech_error(
    answer: Answer, response_format: str, *, now: Callable[[], datetime]
) -> APIError | InvalidResponseError:
    """Return the error for an answer at a status of success that is not the sound that was asked for.

    Args:
        answer: It, as far as it was read.
        response_format: What was asked for.
        now: Clock giving an aware datetime, for a Retry-After that is a date.
    """
    try:
        raise_for_error(answer, now=now)
    except (APIError, InvalidResponseError) as error:
        return error
    body, readable = decode_body(answer.body, answer.headers)
    if not answer.body:
        return broken_error(answer, body, f"status {answer.status} and an empty answer")
    kind = sniff(answer.body[:HEAD_BYTES])
    if kind is None:
        label = media_type(answer.headers) or "an unlabelled answer"
        said = f": {tidy(body)[:80]}" if readable and body.strip() else ""
        return broken_error(answer, body, f"status {answer.status} and {label} that is no {response_format}{said}")
    hint = Advice(_TAKE_IT)
    if name := next((name for name, kinds in _SNIFFED.items() if kind.name in kinds), None):
        hint = Advice(
            f"ask for response_format={name!r}, which this relay gives; {_TAKE_IT}",
            command=f"ask for --format {name}, which this relay gives",
        )
    message = f"asked for {response_format}, the relay gave {kind.name}"
    return invalid_error(answer, "", message, hint=hint, billed="maybe", failover=False)
