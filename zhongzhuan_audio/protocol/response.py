"""From an answer to a transcript, or to the error that it is.

Lenient about the dress, strict about the thing: a transcript is taken in any of the forms that relays give it, whatever
was asked and however it is labelled, and nothing else ever becomes one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import attrs

from zhongzhuan_audio.models import Segment, Transcription
from zhongzhuan_audio.models.text import join_texts
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.blank import is_blank
from zhongzhuan_audio.protocol.body import (
    NOT_JSON,
    decode_body,
    is_page,
    looks_like_page,
    media_type,
    parse_json,
    tidy,
)
from zhongzhuan_audio.protocol.gateways import is_never_said, is_written_by_gateways
from zhongzhuan_audio.protocol.headers import request_id
from zhongzhuan_audio.protocol.transcript import structure_transcription
from zhongzhuan_audio.protocol.unusable import broken_error, page_error

__all__ = ["decode_transcription"]

_PLAIN_FORMATS = frozenset({"text", "srt", "vtt"})
_NO_TEXT = ("text/event-stream", "audio/", "image/", "video/", "multipart/")
_TIMING = re.compile(r"[0-9]{1,2}:[0-9]{2}(?:([.,])[0-9]{1,3})?[ \t]*-->[ \t]*[0-9]")
_JSON_OBJECT = re.compile(r"\{\s*[\"}]")
_CUT_JSON = re.compile(r"\{\s*(?:\"|$)|\[\s*[\[{\"]")
_ENVELOPES = ("data", "result", "output")
_WORKED = frozenset({"0", "200", "ok", "success"})
_COMPLAINTS = ("message", "msg", "detail", "error_msg", "errors")


def decode_transcription(answer: Answer, *, response_format: str, now: Callable[[], datetime]) -> Transcription:
    """Return the transcript that an answer holds; `body` is the answer verbatim.

    Taken as a transcript, whatever `response_format` was:

    - a JSON object with ``text``, or with ``segments`` (the text is then theirs joined), also inside ``data``,
      ``result`` or ``output``; an empty ``text`` is a recording without speech;
    - a JSON string;
    - SubRip or WebVTT, bare or as the text in either of the above: its cues become the segments;
    - such a JSON object as the text in either: litellm's proxy, asked for text, takes any body of its upstream for it;
    - plain words, if a plain format was asked for, or if the label is ``text/plain``: relays that don't know a format
      fall back to text. What begins like JSON and is none has been cut off, and is not taken; nor is what gateways
      write, see `zhongzhuan_audio.protocol.gateways`.

    An answer of no bytes is no transcript in any format, since a lost answer looks just so. A recording without speech
    gives at least a line end as text or SubRip, and the bare header as WebVTT; these are taken.

    Args:
        answer: The whole answer.
        response_format: What was asked for.
        now: Clock giving an aware datetime, for a Retry-After that is a date.

    Raises:
        APIError: The relay said no, with an error's status or with an error object at a status of success.
        InvalidResponseError: The answer is a web page, empty, cut off, or something else.
    """
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - the bounds of 2xx
        from zhongzhuan_audio.protocol.classify import classify

        raise classify(answer, now=now)
    body, readable = decode_body(answer.body, answer.headers)
    text = body.strip()
    if not text:
        if answer.body and readable and response_format in {"text", "srt"}:
            return Transcription(text="", body=body, request_id=request_id(answer.headers))
        raise broken_error(answer, body, f"status {answer.status} and an empty answer")
    value = parse_json(text) if text[0] in '{["' else NOT_JSON
    if isinstance(value, dict):
        transcription = _from_object(answer, body, value, response_format, now)
    elif isinstance(value, str):
        transcription = _from_text(answer, body, value.strip(), response_format, now)
    elif value is NOT_JSON and readable:
        transcription = _from_plain(answer, body, text, response_format)
    else:
        raise broken_error(answer, body, f"status {answer.status} and an answer that is no transcript")
    return transcription


def _from_object(
    answer: Answer, body: str, value: Mapping[str, Any], response_format: str, now: Callable[[], datetime]
) -> Transcription:
    fields = _transcript_fields(value)
    transcription = (
        None if fields is None else structure_transcription(fields, body=body, request_id=request_id(answer.headers))
    )
    has_words = transcription is not None and bool(transcription.text or transcription.segments)
    if _says_error(value, has_words=has_words, has_transcript=transcription is not None):
        from zhongzhuan_audio.protocol.classify import error_in_success

        error = error_in_success(answer, value, now=now)
        # Whatever went wrong, somebody has listened.
        error.billed = "maybe" if has_words else error.billed
        raise error
    if fields is None or transcription is None:
        raise broken_error(answer, body, f"status {answer.status} and JSON without a text")
    if not transcription.text:
        text = join_texts(segment.text for segment in transcription.segments)
        if not text and not isinstance(fields.get("text"), str):
            raise broken_error(answer, body, f"status {answer.status} and JSON without a text")
        transcription = attrs.evolve(transcription, text=text)
    if transcription.segments:
        return transcription
    if _JSON_OBJECT.match(transcription.text):
        return _from_text(answer, body, transcription.text, response_format, now)
    text, segments = _words_of(answer, body, transcription.text, response_format)
    if not segments and text == transcription.text:
        return transcription
    return attrs.evolve(transcription, text=text, segments=segments)


def _from_text(
    answer: Answer, body: str, text: str, response_format: str, now: Callable[[], datetime]
) -> Transcription:
    """Return a transcript of what JSON holds as text: words, subtitles, or the whole of an upstream's JSON."""
    if _JSON_OBJECT.match(text):
        value = parse_json(text)
        if isinstance(value, dict):
            return _from_object(answer, body, value, response_format, now)
        raise broken_error(answer, body, f"status {answer.status} and JSON that is cut off or damaged")
    return _from_words(answer, body, text, response_format)


def _transcript_fields(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the object that holds the transcript: the whole, or one in an envelope; None where there is none."""
    if _has_transcript(value):
        return value
    return next((fields for name in _ENVELOPES if _has_transcript(fields := value.get(name))), None)


def _has_transcript(value: Any) -> bool:
    return isinstance(value, dict) and (isinstance(value.get("text"), str) or isinstance(value.get("segments"), list))


def _says_error(value: Mapping[str, Any], *, has_words: bool, has_transcript: bool) -> bool:
    if not is_blank(value.get("error")) or value.get("success") in (False, "false"):
        return True
    if has_words:
        return False
    if not has_transcript and value.get("error") is not None:
        return True
    # A recording without speech gives an empty text too, but nothing is said beside it.
    said = [words for name in _COMPLAINTS if (words := value.get(name)) and str(words).strip().lower() not in _WORKED]
    return str(value.get("code", "")).lower() not in _WORKED and bool(said)


def _from_plain(answer: Answer, body: str, text: str, response_format: str) -> Transcription:
    subtitles = text.startswith("WEBVTT") or _TIMING.search(text) is not None
    if looks_like_page(text) or (is_page(text, answer.headers) and not subtitles):
        raise page_error(answer, body, text)
    if _CUT_JSON.match(text):
        raise broken_error(answer, body, f"status {answer.status} and JSON that is cut off or damaged")
    if is_written_by_gateways(text, answer.headers):
        raise broken_error(answer, body, f"status {answer.status} and a gateway's words: {tidy(text)[:80]}")
    kind = media_type(answer.headers)
    fits = kind == "text/plain" or (response_format in _PLAIN_FORMATS and not kind.startswith(_NO_TEXT))
    if fits or subtitles:
        return _from_words(answer, body, text, response_format)
    raise broken_error(
        answer, body, f"status {answer.status} and {kind or 'an unlabelled answer'} that is no transcript"
    )


def _from_words(answer: Answer, body: str, words: str, response_format: str) -> Transcription:
    """Return a transcript of bare text, which may be subtitles."""
    text, segments = _words_of(answer, body, words, response_format)
    return Transcription(text=text, segments=segments, body=body, request_id=request_id(answer.headers))


def _words_of(answer: Answer, body: str, words: str, response_format: str) -> tuple[str, tuple[Segment, ...]]:
    """Return the text that words hold, and the segments where they are subtitles.

    Raises:
        InvalidResponseError: They are a web page, or a gateway's.
    """
    if looks_like_page(words):
        raise page_error(answer, body, words)
    if is_never_said(words):
        raise broken_error(answer, body, f"status {answer.status} and a gateway's words: {tidy(words)[:80]}")
    timing = _TIMING.search(words)
    if timing is None:
        return ("" if words.startswith("WEBVTT") else words), ()
    from zhongzhuan_audio.subtitles import parse_srt, parse_vtt

    # Asked for WebVTT, a relay may lose the header; SubRip is told from it by the comma before the milliseconds.
    vtt = words.startswith("WEBVTT") or (response_format == "vtt" and timing[1] != ",")
    cues = [cue for cue in (parse_vtt if vtt else parse_srt)(words) if cue.text.strip()]
    if not cues:
        raise broken_error(answer, body, f"status {answer.status} and subtitles without a text")
    segments = tuple(
        Segment(id=number, start=cue.start, end=cue.end, text=cue.text.strip(), speaker=cue.speaker)
        for number, cue in enumerate(cues)
    )
    return join_texts(line for cue in cues for line in cue.text.splitlines()), segments
