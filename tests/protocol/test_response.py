"""Good answers in odd dress become transcripts, and nothing else does."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from zhongzhuan_audio.errors import (
    APIError,
    AuthenticationError,
    InvalidResponseError,
    QuotaExceededError,
    RateLimitError,
    UpstreamError,
)
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.response import decode_transcription

SRT = "1\n00:00:00,000 --> 00:00:02,500\nHello\nthere.\n\n2\n00:00:02,500 --> 00:00:05,040\n你好。\n\n"
VTT = "WEBVTT\n\n00:00.000 --> 00:02.500\nHello\nthere.\n\n00:02.500 --> 00:05.040\n<v Bob>你好。\n"
FORMATS = ("json", "text", "srt", "vtt", "verbose_json", "diarized_json", "something_new")
PAGE = "<!doctype html><html><head><title>New API</title></head><body></body></html>"


def now():
    return datetime(2026, 11, 22, tzinfo=UTC)


def decode(body, asked="json", kind="application/json", status=200, **headers):
    if isinstance(body, (dict, list)):
        body = json.dumps(body, ensure_ascii=False)
    raw = body if isinstance(body, bytes) else body.encode()
    labels = {"content-type": kind} if kind else {}
    answer = Answer(status=status, headers={**labels, **headers}, body=raw)
    return decode_transcription(answer, response_format=asked, now=now)


def refused(*args, **kwargs):
    with pytest.raises(InvalidResponseError) as caught:
        decode(*args, **kwargs)
    return caught.value


def is_page(error):
    return (error.retryable, error.failover, error.billed) == (False, True, "no")


def is_broken(error):
    return (error.retryable, error.failover, error.billed) == (True, True, "maybe")


@pytest.mark.parametrize("asked", FORMATS)
@pytest.mark.parametrize("kind", ["application/json", "text/plain; charset=utf-8", "text/html", ""])
@pytest.mark.parametrize(
    "body",
    [
        {"text": "Hello there."},
        {"text": " Hello there.\n", "error": None},
        {"code": 0, "msg": "ok", "data": {"text": "Hello there."}},
        {"success": True, "message": "", "result": {"text": "Hello there."}},
        {"segments": [{"start": 0, "end": 1, "text": " Hello"}, {"start": 1, "end": 2, "text": "there."}]},
        {"text": None, "segments": [{"start": 0, "end": 1, "text": "Hello there."}]},
        '\ufeff{"text": "Hello there."}',
        '"Hello there."',
    ],
)
def test_json_is_taken_whatever_was_asked_and_however_it_is_labelled(asked, kind, body):
    """Also without a label, in an envelope, after a byte order mark, and as nothing but a string."""
    assert decode(body, asked, kind).text == "Hello there."


@pytest.mark.parametrize("asked", FORMATS)
@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "text/vtt", "application/x-subrip", "text/html", ""]
)
@pytest.mark.parametrize(
    "body",
    [
        SRT,
        VTT,
        SRT.replace("\n", "\r\n"),
        json.dumps(SRT),
        json.dumps({"text": VTT}),
        json.dumps({"text": SRT, "segments": []}),
    ],
)
def test_subtitles_are_taken_whatever_was_asked(asked, kind, body):
    """SubRip where WebVTT was asked, the reverse, either where JSON was, and wrapped in JSON."""
    transcription = decode(body, asked, kind)
    assert transcription.text == "Hello there. 你好。"
    assert [(s.id, s.start, s.end, s.text) for s in transcription.segments] == [
        (0, 0.0, 2.5, "Hello\nthere."),
        (1, 2.5, 5.04, "你好。"),
    ]
    assert transcription.duration is None
    assert transcription.body == body


def test_webvtt_that_lost_its_header_is_read_as_what_was_asked():
    """The voice tag is taken out, as WebVTT's rules say."""
    bare = VTT.removeprefix("WEBVTT\n\n")
    assert decode(bare, "vtt", "text/vtt").text == "Hello there. 你好。"
    assert decode(SRT, "vtt", "text/vtt").text == "Hello there. 你好。"


@pytest.mark.parametrize("asked", ["text", "srt", "vtt"])
@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/octet-stream", ""])
@pytest.mark.parametrize(
    "text", ["Hello there.", "[Music]", "“你好”，她说。", '"Hello," she said.', "42", "3 < 4 > 2", "{laughs} no"]
)
def test_plain_words_are_taken_where_a_plain_format_was_asked(asked, kind, text):
    """Whatever the label; and words where subtitles were asked are kept, with no times invented."""
    transcription = decode(f"{text}\n", asked, kind)
    assert transcription.text == text
    assert transcription.segments == ()
    assert transcription.body == f"{text}\n"


def test_plain_words_where_json_was_asked_need_a_label():
    """A relay that ignores the format labels its text as text; anything else is broken JSON."""
    assert decode("Hello there.", "json", "text/plain; charset=utf-8").text == "Hello there."
    assert is_broken(refused("Hello there.", "json", "application/json"))
    assert is_broken(refused("Hello there.", "json", ""))


def test_a_lecture_on_web_pages_is_no_web_page():
    """Tags in the middle of what was said are what was said."""
    text = "First <html>, then <body>, and at the end </body> and </html> close it."
    assert decode(text, "text", "text/plain").text == text
    assert decode({"text": text}).text == text


@pytest.mark.parametrize("asked", FORMATS)
@pytest.mark.parametrize("kind", ["text/html", "text/plain", "application/json", "text/vtt", ""])
@pytest.mark.parametrize(
    "page",
    [
        PAGE,
        "\r\n\r\n" + PAGE.upper(),
        "\ufeff" + PAGE,
        "<!-- 00:01 --> 00:02 --><html></html>",
        "<script>location.href='/login'</script>",
        '<a href="/login">Found</a>.',
        "<custom-app></custom-app><script></script>\n<x></x>",
        "<?xml version='1.0'?><Error/>",
        "Loading…<br>" * 5 + "</body></html>",
        json.dumps(PAGE),
        json.dumps({"text": PAGE}),
    ],
)
def test_a_web_page_never_becomes_a_transcript(asked, kind, page):
    """In any dress; it says that the base URL is wrong, and another endpoint may do better."""
    error = refused(page, asked, kind)
    assert is_page(error)
    assert "base_url" in str(error)


def test_a_page_is_named_by_its_title():
    """So that a user knows whose it is; and one without a title is a page too."""
    assert "a web page (New API)" in refused(PAGE, "text", "text/html").message
    assert "a web page, not" in refused("<script></script>", "text", "text/html").message
    assert is_page(refused("login first", "text", "text/html"))


@pytest.mark.parametrize("asked", FORMATS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        "{}",
        "[]",
        "[1, 2]",
        '{"text": null}',
        '{"text": 5}',
        '{"segments": []}',
        '{"segments": [{"start": 0, "end": 1, "text": ""}]}',
        '{"task": "transcribe", "language": "en"}',
        '{"code": 200, "message": "success"}',
        '{"text": "Imagine the wildest id',
        '{"text": "Imagine"',
        "{",
        '[{"text": "Imag',
        '{"text": "a"}{"text": "b"}',
        "1\n00:00:00,000 --> 00:00:02,500\n",
        b"Hello\x00 there",
        b"\x00\x01\x02\xff\xfe\x81",
    ],
)
def test_what_is_empty_or_broken_is_no_transcript(asked, body):
    """It may have been billed, and a retry may give what was lost."""
    assert is_broken(refused(body, asked, "application/json"))


@pytest.mark.parametrize("kind", ["text/event-stream", "audio/mpeg", "image/png", "multipart/mixed"])
def test_what_is_labelled_as_no_text_is_not_taken_for_words(kind):
    """An event stream or a recording is not what was said."""
    assert is_broken(refused("data: hello", "text", kind))


NEVER_SAID = [
    "502 Bad Gateway",
    "HTTP 503 Service Temporarily Unavailable",
    "error 504: Gateway Time-out",
    "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
    "no healthy upstream",
    "upstream request timeout",
    "context deadline exceeded",
]
SELDOM_SAID = [
    "Internal Server Error",
    "Bad Gateway",
    "Service Unavailable",
    "service temporarily unavailable.",
    "GATEWAY TIMEOUT",
    "error code: 1015",
]


@pytest.mark.parametrize("asked", FORMATS)
@pytest.mark.parametrize("words", NEVER_SAID + SELDOM_SAID)
def test_a_gateways_words_are_no_transcript(asked, words):
    """As the whole of a body that is bare text, whatever was asked for; a retry may give the transcript."""
    for body in (words, f" {words}\r\n", words.upper()):
        for kind in ("text/plain; charset=utf-8", "application/json", ""):
            error = refused(body, asked, kind)
            assert is_broken(error)
            assert error.body == body


@pytest.mark.parametrize("words", NEVER_SAID)
def test_what_nobody_says_is_no_transcript_inside_json_either(words):
    """Litellm's proxy, asked for text, wraps whatever its upstream's gateway wrote."""
    for body in ({"text": words, "usage": None}, json.dumps(words)):
        assert is_broken(refused(body, "text"))


@pytest.mark.parametrize("words", SELDOM_SAID)
def test_what_somebody_may_say_is_a_transcript_where_anything_says_so(words):
    """In JSON, or with a header that only the model's own server sets."""
    assert decode({"text": words}, "text").text == words
    assert decode(words, "text", "text/plain", **{"openai-processing-ms": "812"}).text == words


@pytest.mark.parametrize("words", ["Service unavailable, he said.", "The page says: 502 Bad Gateway", "Bad gateway?"])
def test_a_gateways_words_inside_others_were_said(words):
    """Only the whole of an answer is taken for a gateway's."""
    assert decode(words, "text", "text/plain").text == words
    assert decode({"text": words}).text == words


def test_silence_is_an_answer():
    """An empty text in JSON, a line end as text or SubRip, the bare header as WebVTT."""
    silent = [
        decode({"text": ""}),
        decode({"text": "", "segments": [], "duration": 3}, "verbose_json"),
        decode('""'),
        decode("\n", "text", "text/plain"),
        decode("\n\n", "srt", "text/plain"),
        decode("WEBVTT\n\n", "vtt", "text/vtt"),
    ]
    assert [(each.text, each.segments) for each in silent] == [("", ())] * 6
    assert silent[3].body == "\n"


@pytest.mark.parametrize("asked", FORMATS)
def test_no_bytes_at_all_are_a_lost_answer(asked):
    """A relay whose upstream timed out looks just so, in any format."""
    assert is_broken(refused(b"", asked, "text/plain"))
    if asked not in {"text", "srt"}:
        assert is_broken(refused(" \n", asked, "text/plain"))


@pytest.mark.parametrize("status", [200, 201, 206])
@pytest.mark.parametrize("asked", FORMATS)
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"message": "无效的令牌"}}, AuthenticationError),
        ({"error": "slow down", "text": ""}, RateLimitError),
        ({"success": False, "message": "无效的令牌"}, AuthenticationError),
        ({"success": "false", "text": ""}, UpstreamError),
        ({"code": 401, "msg": "?"}, AuthenticationError),
        ({"code": "429", "message": "?"}, RateLimitError),
        ({"detail": "Not authenticated"}, AuthenticationError),
        ({"error": {}}, UpstreamError),
        ({"errors": ["boom"]}, UpstreamError),
    ],
)
def test_an_error_at_a_status_of_success_is_an_error(status, asked, body, kind):
    """Its class is that which it would have at an honest status."""
    with pytest.raises(APIError) as caught:
        decode(body, asked, status=status)
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert caught.value.body == json.dumps(body, ensure_ascii=False)


@pytest.mark.parametrize("status", [199, 300, 404, 503, 999])
def test_a_transcript_at_another_status_is_not_taken(status):
    """Only a status of success brings a transcript."""
    with pytest.raises(APIError) as caught:
        decode({"text": "hello"}, status=status)
    assert caught.value.status == status


def test_what_is_told_beside_the_text_is_kept():
    """Language, duration, words, usage and the request's id."""
    transcription = decode(
        {
            "text": "ok",
            "language": "english",
            "duration": 1.5,
            "words": [{"word": "ok", "start": 0, "end": 1.5}],
            "usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 45, "total_tokens": 59},
        },
        "verbose_json",
        **{"x-oneapi-request-id": "abc"},
    )
    assert transcription.request_id == "abc"
    assert (transcription.language, transcription.duration) == ("english", 1.5)
    assert transcription.words[0].end == 1.5
    assert transcription.usage is not None
    assert transcription.usage.total_tokens == 59


def test_an_error_keeps_status_headers_and_request_id():
    """What a bug report needs."""
    error = refused("{}", **{"x-request-id": "abc"})
    assert (error.status, error.request_id, error.body) == (200, "abc", "{}")
    assert error.headers["content-type"] == "application/json"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_text_is_read_in_the_encodings_that_are_sent(encoding):
    """JSON and plain text, labelled or not."""
    assert decode(json.dumps({"text": "你好，世界"}, ensure_ascii=False).encode(encoding)).text == "你好，世界"
    assert decode("你好，世界".encode(encoding), "text", "text/plain").text == "你好，世界"


def test_a_charset_that_is_named_is_tried():
    """Big5, where the label says so; a label that makes no sense does no harm."""
    assert decode("你好，世界".encode("big5"), "text", "text/plain; charset=Big5").text == "你好，世界"
    assert decode("你好".encode("gbk"), "text", "text/plain; charset=gb-nonsense").text == "你好"


def test_halves_of_characters_do_not_reach_a_file():
    """A lone surrogate, which no encoding takes, becomes a question mark; whole pairs stay."""
    transcription = decode(r'{"text": "a \ud83d b \ud83d\ude00"}')
    assert transcription.text == "a ? b 😀"
    transcription.text.encode()


def decode_object(body):
    """Decode a JSON object at status 200."""
    return decode(json.dumps(body))


@pytest.mark.parametrize(
    "blank",
    [{"message": "", "type": "", "param": "", "code": None}, "null", "none", {"message": None}, "", {}, [], None],
)
def test_an_error_that_says_nothing_is_none(blank):
    """As relays in Go write it beside a good transcript."""
    assert decode_object({"text": "hello", "error": blank}).text == "hello"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"code": 500, "msg": "上游失败", "data": {"text": ""}}, UpstreamError),
        ({"code": "insufficient_quota", "message": "余额不足", "data": {"text": ""}}, QuotaExceededError),
        ({"code": 500, "msg": "上游失败", "text": ""}, UpstreamError),
        ({"message": "quota exceeded", "text": " "}, QuotaExceededError),
    ],
)
def test_an_empty_text_beside_a_complaint_is_no_silence(body, kind):
    """A recording without speech gives an empty text too, and nothing is said beside it."""
    with pytest.raises(kind):
        decode_object(body)


@pytest.mark.parametrize(
    "body",
    [{"text": ""}, {"code": 0, "msg": "", "text": ""}, {"code": 200, "message": "success", "data": {"text": ""}},
     {"message": "ok", "text": ""}, {"text": "", "segments": []}],
)  # fmt: skip
def test_silence_stays_silence(body):
    """Also in an envelope that says that all went well."""
    assert decode_object(body).text == ""


def test_an_empty_text_beside_segments_is_theirs():
    """The words were heard."""
    body = {"text": "", "segments": [{"id": 0, "start": 0.0, "end": 1.0, "text": " hello"}]}
    assert decode_object(body).text == "hello"


def test_a_text_beside_an_error_may_have_been_billed():
    """Somebody has listened, whatever went wrong after it."""
    with pytest.raises(UpstreamError) as caught:
        decode_object({"text": "hello", "error": {"message": "do request failed"}})
    assert caught.value.billed == "maybe"
