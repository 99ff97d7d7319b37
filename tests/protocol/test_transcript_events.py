"""What the events of a streamed transcript mean."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from zhongzhuan_audio.errors import APIError, InvalidResponseError, RateLimitError
from zhongzhuan_audio.models import Logprob, SegmentDone, ServerSentEvent, TextDelta, TranscriptDone, Usage
from zhongzhuan_audio.protocol.transcript_events import TranscriptAssembler


def assembler() -> TranscriptAssembler:
    """Return one for an answer with a request id."""
    return TranscriptAssembler({"x-oneapi-request-id": "r1"}, now=lambda: datetime.now(UTC))


def event(value: Any, name: str = "message") -> ServerSentEvent:
    """Return an event with JSON, or with text as it is."""
    return ServerSentEvent(data=value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), event=name)


def delta(text: Any, **more: Any) -> ServerSentEvent:
    """Return some more text."""
    return event({"type": "transcript.text.delta", "delta": text, **more})


def test_deltas_and_the_whole() -> None:
    """The text so far grows; the last event has usage, probabilities and the relay's request id."""
    taken = assembler()
    assert taken.take(delta("你好，")) == TextDelta(delta="你好，")
    sure = {"token": "世", "logprob": -0.5, "bytes": [228]}
    assert taken.take(delta(" 世界", logprobs=[sure])) == TextDelta(
        delta=" 世界", logprobs=(Logprob(token="世", logprob=-0.5, bytes=(228,)),)
    )
    assert (taken.text, taken.done) == ("你好， 世界", False)
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": "45", "total_tokens": 59}
    done = taken.take(event({"type": "transcript.text.done", "text": "你好，世界", "usage": usage, "logprobs": [sure]}))
    assert isinstance(done, TranscriptDone)
    assert (done.text, taken.done) == ("你好，世界", True)
    assert done.usage == Usage(type="tokens", input_tokens=14, output_tokens=45, total_tokens=59)
    assert done.logprobs == (Logprob(token="世", logprob=-0.5, bytes=(228,)),)
    assert done.transcription.request_id == "r1"
    assert json.loads(done.transcription.body)["usage"] == usage
    assert taken.take(event("[DONE]")) is None


def test_segments_become_those_of_the_transcript() -> None:
    """Who speaks and when is told twice: as it comes and at the end."""
    taken = assembler()
    spoken = {"type": "transcript.text.segment", "id": "seg_1", "start": 0, "end": "1.5", "text": " hi", "speaker": "A"}
    assert taken.take(event(spoken)) == SegmentDone(id="seg_1", start=0.0, end=1.5, text="hi", speaker="A")
    assert taken.take(event({**spoken, "start": None})) is None
    assert taken.text == "hi"
    done = taken.take(event({"type": "transcript.text.done", "text": "hi"}))
    assert isinstance(done, TranscriptDone)
    assert done.transcription.to_srt() == "1\n00:00:00,000 --> 00:00:01,500\nA: hi\n\n"
    assert done.transcription.segments[0].speaker == "A"


def test_the_end_may_be_told_in_other_ways() -> None:
    """By the sentinel alone, by the event's name, by JSON without a type, without a text."""
    taken = assembler()
    taken.take(delta("hello "))
    done = taken.take(event("[DONE]"))
    assert isinstance(done, TranscriptDone)
    assert done.text == "hello"

    done = assembler().take(event({"text": "hi"}, "transcript.text.done"))
    assert isinstance(done, TranscriptDone)

    done = assembler().take(event({"text": "hi", "usage": None}))
    assert isinstance(done, TranscriptDone)

    taken = assembler()
    taken.take(delta("hello"))
    done = taken.take(event({"type": "transcript.text.done"}))
    assert isinstance(done, TranscriptDone)
    assert done.text == "hello"


@pytest.mark.parametrize("value", [{"type": "transcript.created"}, {"type": "transcript.text.delta"}, {"usage": {}}])
def test_what_is_not_known_is_passed_over(value: Any) -> None:
    """New kinds of events, and those without what they are to bring, mean nothing."""
    assert assembler().take(event(value)) is None
    assert assembler().take(event("[DONE]")) is None


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}}, "message"),
        ({"message": "Rate limit reached", "code": "rate_limit_exceeded"}, "error"),
        ({"type": "error", "message": "Rate limit reached", "code": "rate_limit_exceeded"}, "message"),
        ({"type": "error", "error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}}, "message"),
    ],
)
def test_an_error_in_an_event(value: Any, name: str) -> None:
    """It comes out as the same answer would, and may have been billed once there is text."""
    with pytest.raises(RateLimitError, match="Rate limit reached") as caught:
        assembler().take(event(value, name))
    assert (caught.value.billed, caught.value.retryable) == ("no", True)
    taken = assembler()
    taken.take(delta("hello"))
    with pytest.raises(APIError) as later:
        taken.take(event(value, name))
    assert later.value.billed == "maybe"


@pytest.mark.parametrize("data", ['{"type": "transcript.text.del', "hello", "[1]"])
def test_an_event_that_is_broken(data: str) -> None:
    """It is no text, and never becomes one."""
    with pytest.raises(InvalidResponseError, match="cut off or damaged"):
        assembler().take(event(data))
