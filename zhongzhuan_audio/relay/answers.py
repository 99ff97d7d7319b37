"""A recognition or an error, as the body that goes over the wire. Pure."""

from __future__ import annotations

import json
import math
from typing import Any

import attrs

from zhongzhuan_audio.errors import APIError
from zhongzhuan_audio.models import Segment, Word
from zhongzhuan_audio.relay.engines import Recognition, TranscribeOptions
from zhongzhuan_audio.relay.languages import language_name
from zhongzhuan_audio.relay.scripted import ScriptedAnswer
from zhongzhuan_audio.subtitles import Cue, render_srt, render_vtt

__all__ = [
    "Body",
    "error_body",
    "is_charged",
    "json_body",
    "model_list",
    "model_row",
    "recognition_body",
    "scripted_type",
    "segment_row",
    "told_seconds",
    "usage_of",
]

_CREATED = 1677532384
"""When the upstream listed whisper-1. Source: its model list."""
_JSON_TYPE = "application/json; charset=utf-8"
_PLAIN_TYPE = "text/plain; charset=utf-8"


@attrs.frozen
class Body:
    """What goes out, and as what."""

    text: str
    content_type: str


def json_body(value: Any) -> Body:
    """Return a JSON body with its text readable, not escaped."""
    return Body(json.dumps(value, ensure_ascii=False), _JSON_TYPE)


def recognition_body(heard: Recognition, options: TranscribeOptions) -> Body:
    """Return the body in the form that was asked for.

    Source: OpenAI's API reference of ``/audio/transcriptions``; the content types are those of `responses.json`'s rows.
    """
    if options.response_format == "text":
        return Body(f"{heard.text}\n", _PLAIN_TYPE)
    if options.response_format == "srt":
        return Body(render_srt(_cues(heard)), _PLAIN_TYPE)
    if options.response_format == "vtt":
        return Body(render_vtt(_cues(heard)), "text/vtt; charset=utf-8")
    usage = usage_of(heard.duration)
    if options.response_format == "json":
        return json_body({"text": heard.text, "usage": usage})
    if options.response_format == "diarized_json":
        spoken = [segment_row(segment) for segment in heard.segments]
        whole = {"task": options.task, "duration": heard.duration, "text": heard.text, "segments": spoken}
        return json_body({**whole, "usage": usage})
    verbose: dict[str, Any] = {
        "task": options.task,
        "language": language_name("en" if options.task == "translate" else heard.language),
        "duration": heard.duration,
        "text": heard.text,
    }
    if options.wants_segments:
        verbose["segments"] = [_segment(segment) for segment in heard.segments]
    if options.wants_words:
        verbose["words"] = [_word(word) for word in heard.words]
    return json_body({**verbose, "usage": usage})


def _cues(heard: Recognition) -> list[Cue]:
    return [Cue(segment.start, segment.end, segment.text.strip()) for segment in heard.segments]


def usage_of(duration: float) -> dict[str, Any]:
    """Return what a recording of so many seconds is counted as: those that were begun."""
    return {"type": "duration", "seconds": math.ceil(duration)}


def segment_row(segment: Segment) -> dict[str, Any]:
    """Return a segment as ``diarized_json`` and the events have it; an engine that tells no speakers hears one, A."""
    return {
        "type": "transcript.text.segment",
        "id": f"seg_{segment.id + 1:03d}",
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "speaker": segment.speaker or "A",
    }


def _segment(segment: Segment) -> dict[str, Any]:
    """Return every field that the upstream gives; where an engine knows a value not, the neutral one."""
    row = {
        "id": segment.id,
        "seek": segment.seek or 0,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": list(segment.tokens or ()),
        "temperature": segment.temperature or 0.0,
        "avg_logprob": segment.avg_logprob or 0.0,
        "compression_ratio": 1.0 if segment.compression_ratio is None else segment.compression_ratio,
        "no_speech_prob": segment.no_speech_prob or 0.0,
    }
    return row if segment.speaker is None else {**row, "speaker": segment.speaker}


def _word(word: Word) -> dict[str, Any]:
    return {"word": word.word.strip(), "start": word.start, "end": word.end}


def error_body(error: APIError, request_id: str) -> Body:
    """Return the error as new-api writes it, the request id in the message.

    Errors that it passes on from the upstream keep their `param` and `code`, null included; its own have a `code` only.
    A wrong address is answered before a request has got an id to quote.
    """
    message = error.message if error.status == 404 else f"{error.message} (request id: {request_id})"  # noqa: PLR2004 - HTTP
    told: dict[str, Any] = {"message": message, "type": error.type or "new_api_error"}
    if told["type"] != "new_api_error" and error.code != "":
        told["param"] = error.param
    return json_body({"error": {**told, "code": error.code}})


def model_list(models: tuple[str, ...]) -> Body:
    """Return the answer to ``GET /v1/models``."""
    return json_body({"object": "list", "data": [_model(model) for model in models]})


def model_row(model: str) -> Body:
    """Return the answer to ``GET /v1/models/{model}``."""
    return json_body(_model(model))


def _model(model: str) -> dict[str, Any]:
    return {"id": model, "object": "model", "created": _CREATED, "owned_by": "local"}


def is_charged(answer: ScriptedAnswer) -> bool:
    """Return whether a relay that gives this answer has charged for it.

    What is at a status of success does, also where it is empty or broken; but for a web page, which a gateway made, and
    a refusal in JSON.
    """
    body = _text(answer)
    if not 200 <= answer.status <= 299 or body.lstrip().startswith("<"):  # noqa: PLR2004 - HTTP
        return False
    try:
        told = json.loads(body)
    except ValueError:
        return True
    return not (isinstance(told, dict) and (told.get("error") or told.get("success") is False))


def told_seconds(answer: ScriptedAnswer) -> float:
    """Return how long the recording is that an answer is of; 0 where it does not say."""
    try:
        told = json.loads(answer.body)
        seconds = told["duration"] if "duration" in told else told["usage"]["seconds"]
        return max(float(seconds), 0.0) if math.isfinite(float(seconds)) else 0.0
    except (ValueError, KeyError, TypeError):
        return 0.0


def scripted_type(answer: ScriptedAnswer) -> str:
    """Return the content type that a scripted body most likely has."""
    first = _text(answer).lstrip()[:1]
    if first in {"{", "["}:
        return _JSON_TYPE
    return "text/html; charset=utf-8" if first == "<" else _PLAIN_TYPE


def _text(answer: ScriptedAnswer) -> str:
    return answer.body if isinstance(answer.body, str) else answer.body.decode("utf-8", "replace")
