"""The upload: read from the wire as it comes, then checked as the upstream checks it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterable
from pathlib import PurePosixPath
from typing import Any

import attrs

from zhongzhuan_audio.relay.engines import Task, TranscribeOptions
from zhongzhuan_audio.relay.languages import whisper_code
from zhongzhuan_audio.relay.multipart import (
    Event,
    MalformedFormError,
    MultipartParser,
    PartBegin,
    PartData,
    boundary_of,
)
from zhongzhuan_audio.relay.refusals import (
    EXTENSIONS,
    bad_request,
    invalid_language,
    no_channel,
    not_audio,
    too_large,
)
from zhongzhuan_audio.relay.spool import Spool

__all__ = ["FORM_SLACK_BYTES", "Form", "FormReader", "check_options"]

FORM_SLACK_BYTES = 16 << 20
"""What a request may have beside the recording: fields, samples of voices, part headers, boundaries."""
_FIELD_BYTES = 64 * 1024
_SAMPLES = "known_speaker_references[]"
_SAMPLE_BYTES = 12 << 20
_FIELDS = 64
_FORMATS = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
_GRANULARITIES = ("word", "segment")
_TRUE = ("true", "1")
_NEVER_STREAMS = "whisper-1"


@attrs.frozen
class Form:
    """A form, read whole."""

    fields: dict[str, tuple[str, ...]]
    filename: str | None
    """None where there was no part ``file`` with a file name."""


class FormReader:
    """Reads one form: plain fields into memory, each capped, the part ``file`` to disk; other files are passed over."""

    def __init__(self, spool: Spool, *, max_upload_bytes: int) -> None:
        self._spool = spool
        self._limit = max_upload_bytes
        self._fields: dict[str, list[str]] = {}
        self._filename: str | None = None
        self._part = PartBegin("", None)
        self._value = bytearray()
        self._count = 0
        self._beside_bytes = 0

    async def read(self, content_type: str, chunks: AsyncIterator[bytes]) -> Form:
        """Read the body to its end.

        Raises:
            APIError: It is not a form, has too many or too long fields, or the recording is too large; what is left
                of the body is not read.
        """
        try:
            parser = MultipartParser(boundary_of(content_type))
            async for chunk in chunks:
                await self._take(parser.feed(chunk))
        except MalformedFormError as error:
            raise bad_request(str(error)) from None
        if not parser.finished:
            raise bad_request("multipart: NextPart: unexpected EOF")
        await self._spool.finish()
        return Form({name: tuple(values) for name, values in self._fields.items()}, self._filename)

    async def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, PartBegin):
                self._begin(event)
            elif isinstance(event, PartData):
                await self._data(event.data)
            elif self._part.filename is None:
                self._fields.setdefault(self._part.name, []).append(self._value.decode("utf-8", "replace"))

    def _begin(self, part: PartBegin) -> None:
        self._count += 1
        if self._count > _FIELDS:
            raise bad_request("multipart: too many parts")
        if part.name == "file" and part.filename is not None:
            # new-api, which rebuilds the form, keeps only the first file.
            part = part if self._filename is None else attrs.evolve(part, name="")
            self._filename = part.filename if self._filename is None else self._filename
        self._part = part
        self._value.clear()

    async def _data(self, data: bytes) -> None:
        if self._part.name == "file" and self._part.filename is not None:
            if self._spool.size_bytes + len(data) > self._limit:
                raise too_large(self._limit, self._spool.size_bytes + len(data))
            await self._spool.write(data)
            return
        self._beside_bytes += len(data)
        if self._part.filename is None:
            self._value += data
            most = _SAMPLE_BYTES if self._part.name == _SAMPLES else _FIELD_BYTES
            if len(self._value) > most:
                raise bad_request(f"the field is longer than {most} bytes", param=self._part.name)
        if self._beside_bytes > self._limit + FORM_SLACK_BYTES:
            raise too_large(self._limit, self._beside_bytes)


def check_options(
    form: Form, *, task: Task, size_bytes: int, models: tuple[str, ...], any_format: bool = False
) -> TranscribeOptions:
    """Return what was asked, checked as the upstream checks it.

    Args:
        form: As it came.
        task: What the path stands for.
        size_bytes: Of the recording.
        models: The names that may be asked for.
        any_format: Take a recording whatever its name is.

    Raises:
        APIError: The first thing that is wrong.
    """
    for name, values in form.fields.items():
        if len(values) > 1 and not name.endswith("[]"):
            raise bad_request(f"the field {name} was sent {len(values)} times", param=name)
    one = {name: values[0] for name, values in form.fields.items()}
    model = one.get("model", "")
    if not model:
        raise bad_request("you must provide a model parameter", param="model")
    if model not in models:
        raise no_channel(model)
    response_format = one.get("response_format") or "json"
    if response_format not in _FORMATS:
        raise bad_request(
            f"response_format {response_format!r} is not one of {', '.join(_FORMATS)}", param="response_format"
        )
    granularities = _granularities(form, response_format)
    options: dict[str, Any] = {"response_format": response_format, "granularities": granularities}
    options |= {"language": _language(one.get("language", "")), "prompt": one.get("prompt") or None}
    options["temperature"] = _temperature(one.get("temperature") or "0")
    # As the upstream does it: translations and whisper-1 pass it over.
    options["stream"] = one.get("stream", "").lower() in _TRUE and task == "transcribe" and model != _NEVER_STREAMS
    filename = _check_file(form, size_bytes, any_format=any_format)
    return TranscribeOptions(model=model, task=task, filename=filename, fields=form.fields, **options)


def _granularities(form: Form, response_format: str) -> frozenset[str]:
    param = "timestamp_granularities[]"
    asked = frozenset(form.fields.get(param, ()) + form.fields.get("timestamp_granularities", ()))
    if not asked <= frozenset(_GRANULARITIES):
        raise bad_request(f"{param} must be word or segment", param=param)
    if asked and response_format != "verbose_json":
        raise bad_request("timestamp granularities need response_format verbose_json", param=param)
    return asked


def _language(language: str) -> str | None:
    if not language:
        return None
    code = whisper_code(language)
    if code is None:
        raise invalid_language(language)
    return code


def _temperature(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise bad_request(f"temperature {text!r} is not a number from 0 to 1", param="temperature")
    return value


def _check_file(form: Form, size_bytes: int, *, any_format: bool) -> str:
    if form.filename is None:
        raise bad_request("file is required", param="file")
    if not size_bytes:
        raise bad_request("the audio file is empty", param="file")
    if not any_format and PurePosixPath(form.filename).suffix.removeprefix(".").lower() not in EXTENSIONS:
        raise not_audio()
    return form.filename
