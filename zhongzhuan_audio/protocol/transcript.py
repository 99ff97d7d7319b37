"""From a JSON object to a `Transcription`, lenient about every field but the text.

A relay may drop any field, send null, or send a number as a string. What cannot be read becomes None; a segment or a
word whose times cannot be read is left out, since a time that nobody gave would end up in someone's subtitles.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zhongzhuan_audio.models import Logprob, Segment, Transcription, Usage, Word

__all__ = ["structure_transcription"]

_INFINITY = float("inf")


def structure_transcription(
    fields: Mapping[str, Any], *, body: str = "", request_id: str | None = None
) -> Transcription:
    """Return the transcript that an object of the shape ``verbose_json`` (or any subset of it) holds.

    Numbers may be strings; NaN and infinite numbers count as absent. Of a segment or word, a start before 0 becomes 0
    and an end before its start becomes the start; without an ``id`` a segment is numbered by its place. Names that are
    not known are passed over. `attempts` are the caller's to fill in.

    Args:
        fields: The object; ``text``, where it has one, is a string.
        body: The answer verbatim.
        request_id: The relay's own id of the request.
    """
    get = fields.get
    return Transcription(
        text=_text(get("text")),
        language=_optional_text(get("language")),
        duration=_duration(get("duration")),
        segments=_segments(get("segments")),
        words=_words(get("words")),
        logprobs=_logprobs(get("logprobs")),
        usage=_usage(get("usage")),
        body=body,
        request_id=request_id,
    )


def _usage(value: Any) -> Usage | None:
    if not value or not isinstance(value, dict):
        return None
    get = value.get
    return Usage(
        type=_optional_text(get("type")),
        seconds=_number(get("seconds")),
        input_tokens=_whole(get("input_tokens")),
        output_tokens=_whole(get("output_tokens")),
        total_tokens=_whole(get("total_tokens")),
    )


def _segments(value: Any) -> tuple[Segment, ...]:
    if not isinstance(value, list):
        return ()
    segments: list[Segment] = []
    for row in value:
        if not isinstance(row, dict):
            continue
        get = row.get
        start: Any = get("start")
        end: Any = get("end")
        if not (type(start) is type(end) is float and 0.0 <= start <= end < _INFINITY):
            times = _times(start, end)
            if times is None:
                continue
            start, end = times
        number, text, tokens = get("id"), get("text"), get("tokens")
        segments.append(
            Segment(
                id=number if type(number) is int else len(segments),
                start=start,
                end=end,
                text=text.strip() if isinstance(text, str) else "",
                speaker=_optional_text(get("speaker")),
                seek=_whole(get("seek")),
                tokens=tuple(tokens) if type(tokens) is list and {*map(type, tokens)} <= {int} else None,
                temperature=_number(get("temperature")),
                avg_logprob=_number(get("avg_logprob")),
                compression_ratio=_number(get("compression_ratio")),
                no_speech_prob=_number(get("no_speech_prob")),
            )
        )
    return tuple(segments)


def _words(value: Any) -> tuple[Word, ...]:
    if not isinstance(value, list):
        return ()
    words: list[Word] = []
    for row in value:
        if not isinstance(row, dict):
            continue
        word = row.get("word")
        start: Any = row.get("start")
        end: Any = row.get("end")
        if not isinstance(word, str):
            continue
        if not (type(start) is type(end) is float and 0.0 <= start <= end < _INFINITY):
            times = _times(start, end)
            if times is None:
                continue
            start, end = times
        words.append(Word(word=word.strip(), start=start, end=end))
    return tuple(words)


def _logprobs(value: Any) -> tuple[Logprob, ...]:
    if not isinstance(value, list):
        return ()
    logprobs: list[Logprob] = []
    for row in value:
        if not isinstance(row, dict):
            continue
        token, logprob, spelt = row.get("token"), _number(row.get("logprob")), row.get("bytes")
        if isinstance(token, str) and logprob is not None:
            utf8 = tuple(spelt) if isinstance(spelt, list) and {*map(type, spelt)} <= {int} else None
            logprobs.append(Logprob(token=token, logprob=logprob, bytes=utf8))
    return tuple(logprobs)


def _times(start: Any, end: Any) -> tuple[float, float] | None:
    first, last = _number(start), _number(end)
    if first is None or last is None:
        return None
    first = max(0.0, first)
    return first, max(first, last)


def _duration(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and number >= 0 else None


def _number(value: Any) -> float | None:
    if type(value) is float:
        return value if -_INFINITY < value < _INFINITY else None
    if value is None or isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if -_INFINITY < number < _INFINITY else None


def _whole(value: Any) -> int | None:
    if type(value) is int:
        return value
    number = _number(value)
    return None if number is None else round(number)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _optional_text(value: Any) -> str | None:
    if value is None:
        return None
    return _text(value) or None
