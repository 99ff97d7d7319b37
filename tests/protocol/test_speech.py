"""What is asked of a relay that speaks, and what its answer is."""

from __future__ import annotations

import json
import re
import struct
from datetime import UTC, datetime
from typing import Any

import pytest

from zhongzhuan_audio.errors import (
    BadRequestError,
    ConfigurationError,
    InvalidResponseError,
    ModelUnavailableError,
    NotFoundError,
)
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.speech import looks_like_sound, speech_body, speech_error, speech_refusal

WAV = b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt " + bytes(20) + b"data" + bytes(4)
HEADS = {
    "mp3": b"\xff\xfb\x90\xc4" + bytes(12),
    "opus": b"OggS\0\x02" + bytes(10),
    "aac": b"\xff\xf1\x50\x80\x2e\x7f\xfc" + bytes(9),
    "flac": b"fLaC" + bytes(12),
    "wav": WAV,
    "pcm": struct.pack("<8h", 0, 3, -5, 20, -1, 7, 0, 2),
}


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def body(**options: Any) -> dict[str, Any]:
    """Return the JSON that is sent."""
    given = {
        "input": "你好",
        "model": "tts-1",
        "voice": "alloy",
        "response_format": "mp3",
        "speed": None,
        "instructions": None,
        "extra": None,
    }
    return dict(json.loads(speech_body(**(given | options))))


def test_what_is_sent() -> None:
    """Nothing but what was given; text as UTF-8."""
    assert body() == {"input": "你好", "model": "tts-1", "voice": "alloy", "response_format": "mp3"}
    whole = body(
        model="gpt-4o-mini-tts", speed=0.25, instructions="慢", extra={"seed": 7, "voice_settings": {"a": [1]}}
    )
    assert whole["speed"] == 0.25
    assert whole["instructions"] == "慢"
    assert whole["seed"] == 7
    assert whole["voice_settings"] == {"a": [1]}
    assert body(speed=4)["speed"] == 4
    assert len(body(input="字" * 4096)["input"]) == 4096


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"input": "字" * 4097}, "input has 4097 characters, and 4096 can be spoken at once.*cut it at the end"),
        ({"input": ""}, "input is empty"),
        ({"input": " \n"}, "input is empty"),
        ({"input": b"hi"}, "input must be a string, not bytes"),
        ({"input": "half \ud83d"}, "half a character"),
        ({"model": ""}, "model is empty"),
        ({"voice": ""}, "voice is empty"),
        ({"voice": None}, "voice must be a string"),
        ({"response_format": "ogg"}, "response_format 'ogg' does not exist.*mp3, opus"),
        ({"speed": 0.24}, "speed 0.24 is not between"),
        ({"speed": 4.01}, "speed 4.01 is not between"),
        ({"speed": float("nan")}, "speed nan is not between"),
        ({"speed": True}, "speed must be a number"),
        ({"speed": "1"}, "speed must be a number"),
        ({"instructions": 5}, "instructions must be a string"),
        ({"instructions": "slowly"}, "tts-1 does not take instructions.*gpt-4o-mini-tts would"),
        ({"extra": []}, "extra must be a mapping"),
        ({"extra": {"voice": "x"}}, "extra holds 'voice'.*as an argument"),
        ({"extra": {5: "x"}}, "extra holds 5"),
        ({"extra": {"stream_format": "sse"}}, "this call reads sound"),
        ({"extra": {"a": {1, 2}}}, "extra cannot be sent as JSON"),
        ({"extra": {"a": float("inf")}}, "extra cannot be sent as JSON"),
    ],
)
def test_what_is_refused(options: Any, complaint: str) -> None:
    """Before anything is sent, with what to do."""
    with pytest.raises(ConfigurationError) as caught:
        body(**options)
    assert re.search(complaint, str(caught.value))


def test_unknown_models_and_strict_off_let_through() -> None:
    """What is not known to be wrong goes out."""
    assert body(model="my-tts", instructions="slowly")["instructions"] == "slowly"
    assert body(instructions="slowly", strict=False)["instructions"] == "slowly"


@pytest.mark.parametrize("asked", HEADS)
@pytest.mark.parametrize("given", HEADS)
def test_sound_is_known_by_its_first_bytes(asked: str, given: str) -> None:
    """Only the format that was asked for is taken; bare samples look like nothing else."""
    taken = looks_like_sound(HEADS[given], asked)
    if asked == "pcm":
        # A frame of mp3 or AAC may begin as samples do.
        assert taken is (given in {"pcm", "mp3", "aac"})
    else:
        assert taken is (asked == given)


@pytest.mark.parametrize(
    "head", [b"", b'{"error": {"mess', b"<!DOCTYPE html><h", b"Internal Server ", b'{"code": 500}']
)
@pytest.mark.parametrize("asked", HEADS)
def test_words_are_no_sound(asked: str, head: bytes) -> None:
    """An error body, a page or nothing at all is never taken for sound, not even for bare samples."""
    assert not looks_like_sound(head, asked)


def error_of(content: bytes, content_type: str = "audio/mpeg", asked: str = "mp3") -> Any:
    """Return the error that an answer at 200 becomes."""
    answer = Answer(status=200, headers={"content-type": content_type, "x-request-id": "r2"}, body=content)
    return speech_error(answer, asked, now=now)


def test_what_came_in_place_of_sound() -> None:
    """An error object, a page, nothing, something else: each is told as what it is."""
    error = error_of('{"error": {"message": "分组 default 下模型 tts-1 无可用渠道"}}'.encode())
    assert type(error) is ModelUnavailableError
    page = error_of(b"<html><title>Sign in</title></html>", "text/html")
    assert isinstance(page, InvalidResponseError)
    assert "web page (Sign in)" in str(page)
    assert (page.billed, page.retryable) == ("no", False)
    empty = error_of(b"")
    assert "empty answer" in str(empty)
    assert (empty.billed, empty.retryable, empty.request_id) == ("maybe", True, "r2")
    text = error_of(b"Internal Server Error", "text/plain")
    assert "text/plain that is no mp3" in str(text)
    other = error_of(WAV, asked="opus")
    assert str(other) == (
        "asked for opus, the relay gave wav (request id r2, may have been billed) — ask for response_format='wav', "
        "which this relay gives; strict=False takes it as it is"
    )
    assert (other.retryable, other.failover) == (False, False)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (404, "Invalid URL (POST /v1/audio/speech)", NotFoundError),
        (501, "not implemented", NotFoundError),
        (400, "该渠道不支持语音合成", NotFoundError),
        (400, "voice must be one of alloy, echo", BadRequestError),
        (503, "当前分组 default 下对于模型 tts-1 无可用渠道", ModelUnavailableError),
    ],
)
def test_a_relay_that_does_not_speak(status: int, message: str, kind: type[Exception]) -> None:
    """It is told as such, and other refusals as what they are."""
    answer = Answer(status=status, headers={}, body=json.dumps({"error": {"message": message}}).encode())
    error = speech_refusal(answer, now=now)
    assert type(error) is kind
    assert ("does not speak" in str(error)) is (kind is NotFoundError)
