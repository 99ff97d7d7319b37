"""The path that takes a text, and speaks it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, final

from aiohttp import web

from zhongzhuan_audio.relay.answers import is_charged
from zhongzhuan_audio.relay.custom import read_json
from zhongzhuan_audio.relay.handling import Exchange
from zhongzhuan_audio.relay.ledger import Ledger
from zhongzhuan_audio.relay.received import Charge, shorten_json
from zhongzhuan_audio.relay.refusals import bad_json, bad_request, no_channel, no_voice
from zhongzhuan_audio.relay.scripted import ScriptedAnswer, ScriptedStream
from zhongzhuan_audio.relay.voices import SPEECH_FORMATS, SpeakOptions, Voice

__all__ = ["Speech", "check_speech"]

_BODY_BYTES = 1 << 20
_INPUT_CHARS = 4096
_SLOWEST, _FASTEST = 0.25, 4.0
_CONTENT_TYPES = {"mp3": "audio/mpeg"} | {name: f"audio/{name}" for name in SPEECH_FORMATS if name != "mp3"}


@final
class Speech:
    """Takes texts for a voice."""

    def __init__(self, voice: Voice | None, *, ledger: Ledger, charge: Charge) -> None:
        self._voice = voice
        self._ledger = ledger
        self._charge = charge

    async def handle(self, exchange: Exchange) -> web.StreamResponse:
        """Answer a request with speech, of which the first sentence is there before the answer begins."""
        received = exchange.received
        fields = read_json(await exchange.body(_BODY_BYTES))
        if isinstance(fields, dict):
            received.json = shorten_json(fields)
            if isinstance(text := fields.get("input"), str):
                received.characters = len(text)
        if exchange.is_replaced:
            return web.Response()
        if not isinstance(fields, dict):
            raise bad_json()
        options = check_speech(fields, None if self._voice is None else self._voice.models)
        assert self._voice is not None
        self._ledger.check(characters=len(options.input))
        sound = await self._voice.speak(options)
        content_type = _CONTENT_TYPES[options.response_format]
        if not isinstance(sound, ScriptedAnswer | ScriptedStream):
            response: web.StreamResponse = await exchange.stream(sound, content_type)
        else:
            response = await exchange.scripted(sound, content_type)
        if is_charged(sound) if isinstance(sound, ScriptedAnswer) else response.status == 200:  # noqa: PLR2004 - HTTP
            self._charge(received)
        return response


def check_speech(fields: Mapping[str, Any], models: tuple[str, ...] | None) -> SpeakOptions:
    """Return what was asked, checked as the upstream checks it.

    Args:
        fields: The body's.
        models: The names that may be asked for; None where nothing speaks.

    Raises:
        APIError: The first thing that is wrong.
    """
    model = fields.get("model")
    if not model or not isinstance(model, str):
        raise bad_request("you must provide a model parameter", param="model")
    if models is None:
        raise no_voice(model)
    if model not in models:
        raise no_channel(model)
    response_format = fields.get("response_format") or "mp3"
    if response_format not in SPEECH_FORMATS:
        listed = ", ".join(map(repr, SPEECH_FORMATS))
        message = f"Invalid value: {response_format!r}. Supported values are: {listed}."
        raise bad_request(message, param="response_format", code="invalid_value")
    if fields.get("stream_format") not in (None, "", "audio"):
        raise bad_request("This model gives the stream_format 'audio' only.", param="stream_format")
    instructions = fields.get("instructions")
    return SpeakOptions(
        model=model,
        input=_input(fields.get("input")),
        voice=_voice(fields.get("voice")),
        response_format=response_format,
        speed=_speed(fields.get("speed")),
        instructions=instructions if isinstance(instructions, str) else None,
        fields=fields,
    )


def _input(text: object) -> str:
    if text is None:
        raise _missing("input")
    if not isinstance(text, str):
        raise bad_request("Invalid type for 'input': expected a string.", param="input", code="invalid_type")
    if "\0" in text:
        raise bad_request("Invalid 'input': it holds a NUL.", param="input", code="invalid_value")
    if not text.strip():
        message = "Invalid 'input': string too short. Expected a string with minimum length 1, but got an empty string."
        raise bad_request(message, param="input", code="string_below_min_length")
    if len(text) > _INPUT_CHARS:
        message = (
            f"Invalid 'input': string too long. Expected a string with maximum length {_INPUT_CHARS}, "
            f"but got a string with length {len(text)} instead."
        )
        raise bad_request(message, param="input", code="string_above_max_length")
    return text


def _voice(voice: object) -> str:
    """Return a voice's name. There is but one voice here: it goes by every name."""
    name = voice.get("id") if isinstance(voice, dict) else voice
    if not name:
        raise _missing("voice")
    if not isinstance(name, str):
        raise bad_request("Invalid type for 'voice': expected a string.", param="voice", code="invalid_type")
    return name


def _speed(speed: object) -> float:
    if speed is None:
        return 1.0
    if isinstance(speed, bool) or not isinstance(speed, int | float) or math.isnan(speed):
        raise bad_request("Invalid type for 'speed': expected a decimal.", param="speed", code="invalid_type")
    if not _SLOWEST <= speed <= _FASTEST:
        message = f"Invalid 'speed': expected a value from {_SLOWEST} to {_FASTEST}, but got {speed} instead."
        raise bad_request(message, param="speed", code="decimal_out_of_range")
    return float(speed)


def _missing(name: str) -> Exception:
    return bad_request(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
