"""This package's client, litellm's real proxy and the embedded relay in a row; `nox -s litellm` runs it.

The proxy is the newest that pip finds, a process of its own. All goes over HTTP on 127.0.0.1, and nothing else is
asked for.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from zhongzhuan_audio import (
    APIError,
    AsyncClient,
    AuthenticationError,
    BadRequestError,
    Endpoint,
    ModelUnavailableError,
    PayloadTooLargeError,
    RateLimitError,
    RetryPolicy,
    UpstreamError,
    ZhongzhuanError,
)
from zhongzhuan_audio.models import Segment, Word
from zhongzhuan_audio.relay import Fault, LocalRelay, Match, ReceivedRequest, Recognition, ScriptedEngine

COMMAND = os.environ.get("LITELLM_COMMAND") or shutil.which("litellm")
if COMMAND is None:
    pytest.skip("litellm's proxy is not installed; `nox -s litellm` brings it", allow_module_level=True)

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROWS = json.loads((Path(__file__).parent.parent / "data" / "responses.json").read_text(encoding="utf-8"))
TEXT = "你好。Hello there."
CUES = [(0.0, 2.5, "你好。"), (2.5, 5.04, "Hello there.")]
WORDS = [("你好。", 0.0, 2.5), ("Hello", 2.5, 3.0), ("there.", 3.0, 5.04)]
HEARD = Recognition(
    language="zh",
    duration=5.04,
    segments=tuple(
        Segment(id=number, start=start, end=end, text=text) for number, (start, end, text) in enumerate(CUES)
    ),
    words=tuple(Word(word=word, start=start, end=end) for word, start, end in WORDS),
)
OPERATOR = "the relay's own account with its upstream was refused"
CALL = Match(path="*/audio/transcriptions")
ADTS = bytes.fromhex("fff15080017ffc") + bytes(4) + bytes.fromhex("fff15080017ffc") + bytes(4)


def calls(relay: LocalRelay) -> list[ReceivedRequest]:
    """Return the requests to transcribe; litellm asks for lists of models when it likes."""
    return [request for request in relay.requests if CALL(request)]


@pytest.fixture
def relay(upstream: LocalRelay) -> LocalRelay:
    """Give the relay as new: it hears `HEARD`, nothing goes wrong, and nothing was asked."""
    assert isinstance(upstream.engine, ScriptedEngine)
    upstream.engine.script(HEARD)
    upstream.faults.script()
    upstream.requests.clear()
    return upstream


@pytest_asyncio.fixture(loop_scope="module")
async def client(litellm: Endpoint, relay: LocalRelay) -> AsyncIterator[AsyncClient]:
    """Give a client of litellm's that tries once."""
    async with AsyncClient(endpoints=[litellm], retry=RetryPolicy(max_attempts=1)) as client:
        yield client


async def refused(client: AsyncClient, file: Any, kind: type[ZhongzhuanError], **options: Any) -> Any:
    """Return the error of a call, which must be of this very kind."""
    with pytest.raises(ZhongzhuanError) as caught:
        await client.transcribe(file, **options)
    assert type(caught.value) is kind, repr(caught.value)
    return caught.value


@pytest.mark.parametrize("asked", ["json", "text", "srt", "verbose_json", "vtt"])
async def test_every_format(client, relay, jfk, asked):
    """The text is the relay's in all five; so are the times where the format has any."""
    heard = await client.transcribe(jfk, response_format=asked)
    assert heard.text == TEXT
    times = CUES if asked in {"srt", "verbose_json", "vtt"} else []
    assert [(cue.start, cue.end, cue.text) for cue in heard.segments] == times
    assert heard.request_id
    assert [attempt.billed for attempt in heard.attempts] == ["no"]
    (request,) = calls(relay)
    assert request.fields["response_format"] == (asked,)


@pytest.mark.parametrize("asked", ["srt", "verbose_json", "vtt"])
async def test_subtitles(client, litellm, relay, jfk, asked):
    """Those that are made of litellm's answer are those of the relay's own."""
    through = await client.transcribe(jfk, response_format=asked)
    async with AsyncClient(relay.base_url, relay.api_key) as direct:
        without = await direct.transcribe(jfk, response_format=asked)
    assert through.to_srt() == without.to_srt()
    assert through.to_vtt() == without.to_vtt()


@pytest.mark.parametrize("asked", ["json", "text", "srt", "verbose_json", "vtt"])
async def test_silence(client, relay, jfk, asked):
    """A recording without speech is an empty text, not an error."""
    relay.engine.script(Recognition(duration=5.04))
    heard = await client.transcribe(jfk, response_format=asked)
    assert (heard.text, heard.segments) == ("", ())


async def test_verbose_fields(client, relay, jfk):
    """Words, language, duration and usage come through."""
    heard = await client.transcribe(
        jfk, response_format="verbose_json", timestamp_granularities=["word", "segment"], language="zh"
    )
    assert [(word.word, word.start, word.end) for word in heard.words] == WORDS
    assert (heard.language, heard.duration) == ("chinese", 5.04)
    assert heard.usage is not None
    assert heard.usage.seconds == 6
    words = await client.transcribe(jfk, response_format="verbose_json", timestamp_granularities=["word"])
    assert (len(words.words), words.segments) == (3, ())


async def test_the_request(client, relay, jfk):
    """The recording's bytes and name, and every field, reach the relay."""
    await client.transcribe(
        jfk, filename="会议.mp3", language="zh", prompt="开会", temperature=0.5, response_format="srt"
    )
    (request,) = calls(relay)
    assert request.filename == "会议.mp3"
    assert request.sha256 == hashlib.sha256(jfk.read_bytes()).hexdigest()
    sent = {name: values[0] for name, values in request.fields.items()}
    assert sent == {
        "model": "whisper-1", "language": "zh", "prompt": "开会", "temperature": "0.5", "response_format": "srt"
    }  # fmt: skip


async def test_a_wrong_key(client, litellm, relay, jfk):
    """Litellm without a database calls it "No connected db." and a 400; it is a wrong key nevertheless."""
    async with AsyncClient(litellm.base_url, "sk-other-0123456789") as other:
        error = await refused(other, jfk, AuthenticationError)
    assert (error.retryable, error.failover, error.billed) == (False, True, "no")
    assert "check the key" in str(error)
    assert len(error.attempts) == 1
    assert not calls(relay)


async def test_an_unknown_model(client, relay, jfk):
    """Litellm has no such model: another endpoint may."""
    error = await refused(client, jfk, ModelUnavailableError, model="gpt-nope")
    assert error.message.startswith("/audio/transcriptions: Invalid model name passed in model=gpt-nope")
    assert (error.status, error.retryable, error.failover, error.billed) == (400, False, True, "no")
    assert "the model gpt-nope" in str(error)
    assert not calls(relay)


@pytest.mark.parametrize("model", ["wrong-key", "wrong-path"])
async def test_litellms_own_account(client, relay, jfk, model):
    """Its key or its address is wrong: nothing that our caller could mend, and the hint says whose it is."""
    error = await refused(client, jfk, UpstreamError, model=model)
    assert error.status in {401, 404}
    assert (error.retryable, error.failover, error.billed) == (True, True, "no")
    assert error.hint.startswith(OPERATOR)
    assert "LiteLLM: model group" not in error.message


async def test_no_channel(client, relay, jfk):
    """The relay's 503 for a model without a channel is no fault that a retry mends."""
    error = await refused(client, jfk, ModelUnavailableError, model="no-channel")
    assert (error.status, error.retryable, error.failover, error.billed) == (503, False, True, "no")
    assert "the model gpt-9" in error.hint


async def test_a_dead_upstream(client, jfk):
    """Nobody listens where litellm sends: a fault that may pass."""
    error = await refused(client, jfk, UpstreamError, model="dead")
    assert (error.status, error.retryable, error.failover, error.billed) == (500, True, True, "no")
    assert "Connection error" in error.message


async def test_a_slow_upstream(client, relay, jfk):
    """Litellm gives up waiting."""
    relay.faults.script(Fault("stall-before-headers"))
    error = await refused(client, jfk, UpstreamError, model="impatient")
    assert (error.status, error.retryable, error.failover, error.billed) == (408, True, True, "no")


@pytest.mark.parametrize("kind", ["reset-after-upload", "fin-after-upload", "truncated", "garbage-status"])
async def test_a_broken_upstream(client, relay, jfk, kind):
    """A connection that breaks behind litellm is its upstream's fault; litellm charges for answers only."""
    relay.faults.script(Fault(kind))
    error = await refused(client, jfk, UpstreamError)
    assert (error.status, error.retryable, error.failover, error.billed) == (500, True, True, "no")


async def test_a_cooldown(client, relay, jfk):
    """After a 429 litellm does not ask the relay for a while; how long is told and waited for."""
    relay.faults.script(Fault.refusal(429))
    for _ in range(2):
        await refused(client, jfk, RateLimitError, model="tired")
    error = await refused(client, jfk, RateLimitError, model="tired")
    assert error.type == "all_deployments_in_cooldown"
    assert (error.retryable, error.retry_after) == (True, 30.0)
    assert len(calls(relay)) == 2


async def test_not_audio(client, relay, jfk):
    """What the relay does not take is the request's fault."""
    error = await refused(client, ("a.aac", ADTS * 20), BadRequestError, prepare="never")
    assert (error.status, error.param) == (400, "file")
    assert (error.retryable, error.failover, error.billed) == (False, False, "no")
    assert "convert the recording" in str(error)


async def test_too_large(client, relay, jfk):
    """A file past the relay's limit."""
    error = await refused(client, ("a.mp3", jfk.read_bytes() * 8), PayloadTooLargeError)
    assert (error.status, error.retryable, error.failover, error.billed) == (413, False, False, "no")
    assert "Maximum content size limit (500000) exceeded" in error.message
    assert error.attempts[0].error == "PayloadTooLargeError"


async def test_a_retry_mends_what_passes(litellm, relay, jfk):
    """A saturated channel and a broken one, then the transcript."""
    relay.faults.script(Fault.refusal(429, times=1, where=CALL), Fault.refusal(500, times=1, where=CALL))
    async with AsyncClient(endpoints=[litellm], retry=RetryPolicy(backoff_base_s=0.01)) as client:
        heard = await client.transcribe(jfk)
    assert heard.text == TEXT
    assert [attempt.error for attempt in heard.attempts] == ["RateLimitError", "UpstreamError", None]
    assert {attempt.billed for attempt in heard.attempts} == {"no"}


async def test_another_endpoint_serves_what_litellm_cannot(litellm, relay, jfk):
    """A model that it does not know goes to the relay itself, at once."""
    models = ("whisper-1", "gpt-nope")
    async with LocalRelay(ScriptedEngine("direct", models=models)) as spare:
        both = [litellm, Endpoint(spare.base_url, spare.api_key)]
        async with AsyncClient(endpoints=both) as client:
            heard = await client.transcribe(jfk, model="gpt-nope")
    assert heard.text == "direct"
    assert [attempt.error for attempt in heard.attempts] == ["ModelUnavailableError", None]


OWN = {"AuthenticationError", "PermissionDeniedError", "QuotaExceededError", "NotFoundError"}
"""What blames the caller of the relay, which here is litellm."""

LOST = {
    "quota-as-429-saturated-text": "RateLimitError",
    "ok-error-object": "UpstreamError",
    "ok-success-false": "InvalidResponseError",
    "ok-empty": "UpstreamError",
    "ok-truncated-json": "UpstreamError",
}
"""Where litellm drops what told the kind: a code, an error at status 200."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
async def test_what_relays_answer(client, relay, jfk, row):
    """Each known answer of a relay means the same through litellm; what blamed the relay's caller blames litellm."""
    relay.faults.script(Fault.from_row(row))
    expect, asked = row["expect"], row["request"]["response_format"]
    name = expect["error"]
    if name is None:
        heard = await client.transcribe(jfk, response_format=asked)
        assert heard.text == expect["text"]
        assert len(heard.segments) == (expect.get("segments") or 0)
        if "end_s" in expect:
            assert heard.segments[-1].end == pytest.approx(expect["end_s"])
        return
    with pytest.raises(ZhongzhuanError) as caught:
        await client.transcribe(jfk, response_format=asked)
    error: Any = caught.value
    told = LOST.get(row["id"]) or ("UpstreamError" if name in OWN else name)
    assert type(error).__name__ == told
    if told == name and row["id"] not in LOST:
        assert (error.retryable, error.failover) == (expect["retry"], expect["failover"])
        assert error.billed == expect.get("billed", "no")
    if isinstance(error, APIError):
        assert error.request_id
        assert "LiteLLM: model group" not in str(error)
        assert "<" not in error.message.replace("<nil>", "")


async def test_nothing_but_loopback_was_asked_for(client, errands):
    """Litellm has its price lists with it, and asked nobody outside for one."""
    assert errands == []
