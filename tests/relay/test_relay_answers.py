"""What is heard, asked and refused, as bodies."""

from __future__ import annotations

import json

import pytest

from zhongzhuan_audio.errors import BadRequestError
from zhongzhuan_audio.models import Segment, Word
from zhongzhuan_audio.relay import Recognition, ScriptedAnswer, TranscribeOptions
from zhongzhuan_audio.relay.answers import error_body, model_list, recognition_body, scripted_type
from zhongzhuan_audio.relay.languages import ENGLISH_NAMES, language_name, whisper_code
from zhongzhuan_audio.relay.refusals import bad_key, no_channel, not_audio, too_large, unknown_url

HEARD = Recognition(
    language="zh",
    duration=5.04,
    segments=(
        Segment(
            id=0, start=0.0, end=2.5, text=" Hello there.", tokens=(1, 2), avg_logprob=-0.21, compression_ratio=1.5
        ),
        Segment(id=1, start=2.5, end=5.04, text="你好。", speaker="A"),
    ),
    words=(Word(word=" Hello", start=0.0, end=0.5),),
)


def options(response_format: str = "json", *granularities: str) -> TranscribeOptions:
    """Return options of one format."""
    return TranscribeOptions(
        model="whisper-1",
        filename="a.mp3",
        response_format=response_format,  # type: ignore[arg-type]
        granularities=frozenset(granularities),
    )


def test_text_is_made_from_segments():
    """Without a text of its own a recognition reads as its segments do, in their languages' way."""
    assert HEARD.text == "Hello there. 你好。"


def test_json_and_text():
    """The two plain forms hold the text; JSON keeps Chinese readable and rounds the seconds up."""
    body = recognition_body(HEARD, options())
    assert json.loads(body.text) == {"text": "Hello there. 你好。", "usage": {"type": "duration", "seconds": 6}}
    assert "你好" in body.text
    assert body.content_type == "application/json; charset=utf-8"
    plain = recognition_body(HEARD, options("text"))
    assert (plain.text, plain.content_type) == ("Hello there. 你好。\n", "text/plain; charset=utf-8")


def test_subtitles():
    """SRT and VTT hold the segments' times and trimmed texts."""
    srt = recognition_body(HEARD, options("srt"))
    assert srt.text.startswith("1\n00:00:00,000 --> 00:00:02,500\nHello there.\n\n2\n")
    assert srt.content_type == "text/plain; charset=utf-8"
    vtt = recognition_body(HEARD, options("vtt"))
    assert vtt.text.startswith("WEBVTT\n\n")
    assert "Hello there." in vtt.text
    assert vtt.content_type == "text/vtt; charset=utf-8"


def test_verbose_has_every_field():
    """``verbose_json`` has all that the upstream gives, the language by its English name."""
    verbose = json.loads(recognition_body(HEARD, options("verbose_json")).text)
    assert list(verbose) == ["task", "language", "duration", "text", "segments", "usage"]
    assert (verbose["task"], verbose["language"], verbose["duration"]) == ("transcribe", "chinese", 5.04)
    assert verbose["segments"] == [
        {
            "id": 0,
            "seek": 0,
            "start": 0.0,
            "end": 2.5,
            "text": " Hello there.",
            "tokens": [1, 2],
            "temperature": 0.0,
            "avg_logprob": -0.21,
            "compression_ratio": 1.5,
            "no_speech_prob": 0.0,
        },
        {
            "id": 1,
            "seek": 0,
            "start": 2.5,
            "end": 5.04,
            "text": "你好。",
            "tokens": [],
            "temperature": 0.0,
            "avg_logprob": 0.0,
            "compression_ratio": 1.0,
            "no_speech_prob": 0.0,
            "speaker": "A",
        },
    ]


@pytest.mark.parametrize(
    ("granularities", "segments", "words"),
    [((), True, False), (("segment",), True, False), (("word",), False, True), (("word", "segment"), True, True)],
)
def test_granularities(granularities, segments, words):
    """Words come only when asked for, and segments unless only words were."""
    verbose = json.loads(recognition_body(HEARD, options("verbose_json", *granularities)).text)
    assert ("segments" in verbose, "words" in verbose) == (segments, words)
    if words:
        assert verbose["words"] == [{"word": "Hello", "start": 0.0, "end": 0.5}]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (bad_key(), {"message": "无效的令牌 (request id: 7)", "type": "new_api_error", "code": ""}),
        (
            no_channel("x"),
            {
                "message": "分组 default 下模型 x 无可用渠道（distributor） (request id: 7)",
                "type": "new_api_error",
                "code": "model_not_found",
            },
        ),
        (
            unknown_url("POST", "/v1/v1"),
            {"message": "Invalid URL (POST /v1/v1)", "type": "invalid_request_error", "code": ""},
        ),
        (
            not_audio(),
            {
                "message": "Invalid file format. Supported formats: ['flac', 'm4a', 'mp3', 'mp4', 'mpeg', 'mpga', "
                "'oga', 'ogg', 'wav', 'webm'] (request id: 7)",
                "type": "invalid_request_error",
                "param": "file",
                "code": None,
            },
        ),
        (
            too_large(10, 12),
            {
                "message": "Maximum content size limit (10) exceeded (12 bytes read) (request id: 7)",
                "type": "server_error",
                "param": None,
                "code": None,
            },
        ),
        (
            BadRequestError("no", status=400),
            {"message": "no (request id: 7)", "type": "new_api_error", "code": None},
        ),
    ],
)
def test_errors_in_the_relays_shape(error, expected):
    """Each error has the fields and words that relays give it."""
    assert json.loads(error_body(error, "7").text) == {"error": expected}


def test_model_list():
    """The list has the upstream's shape."""
    listed = json.loads(model_list(("a", "b")).text)
    assert listed["object"] == "list"
    assert [row["id"] for row in listed["data"]] == ["a", "b"]
    assert all(row.keys() == {"id", "object", "created", "owned_by"} for row in listed["data"])


@pytest.mark.parametrize(
    ("body", "kind"),
    [('{"a": 1}', "application/json"), (b" [1]", "application/json"), ("<html>", "text/html"), (b"\xff", "text/plain")],
)
def test_scripted_type(body, kind):
    """A scripted body without a type gets the one that it looks like."""
    assert scripted_type(ScriptedAnswer(500, body)).startswith(kind)


def test_languages():
    """Whisper's hundred languages are there, and ISO codes that it spells otherwise find theirs."""
    assert len(ENGLISH_NAMES) == 100
    assert [whisper_code(code) for code in ("yue", "HAW", "jv", "nb", "chinese", "xx")] == [
        "yue",
        "haw",
        "jw",
        "no",
        None,
        None,
    ]
    assert (language_name("en"), language_name("klingon")) == ("english", "klingon")
