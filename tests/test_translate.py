"""`translate`, against a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zhongzhuan_audio import AsyncClient, Client, Endpoint
from zhongzhuan_audio.errors import ConfigurationError, NotFoundError
from zhongzhuan_audio.relay import Fault, LocalRelay, Match, ScriptedEngine, TranscribeOptions

ONLY_TRANSCRIBES = Fault.refusal(501, where=Match(path="/v1/audio/translations"))


def told(options: TranscribeOptions) -> str:
    """Answer with what was asked."""
    return f"{options.task} {options.model} {options.prompt} {options.temperature:g}"


@pytest.mark.parametrize("form", ["json", "text", "srt", "verbose_json", "vtt"])
async def test_every_form_gives_a_transcript(jfk: Path, form: Any) -> None:
    """The fields go out, to the path of their own, and the answer is read as any other."""
    async with LocalRelay(ScriptedEngine(told)) as relay, AsyncClient(relay.base_url, relay.api_key) as client:
        result = await client.translate(jfk, prompt="Dear all", response_format=form, temperature=0.5)
    assert result.text == "translate whisper-1 Dear all 0.5"
    assert relay.requests[0].path == "/v1/audio/translations"
    assert list(relay.requests[0].fields) == ["model", "prompt", "response_format", "temperature"]
    if form == "verbose_json":
        assert result.language == "english"


async def test_what_is_wrong_is_told_before_anything_is_sent(local_relay: LocalRelay, jfk: Path) -> None:
    """As for a transcription."""
    async with AsyncClient(local_relay.base_url, local_relay.api_key) as client:
        for options in ({"temperature": 2}, {"response_format": "xml"}, {"model": ""}, {"extra": {"prompt": "x"}}):
            with pytest.raises(ConfigurationError):
                await client.translate(jfk, **options)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="language"):
            await client.translate(jfk, language="zh")  # type: ignore[call-arg]
    assert not local_relay.requests


async def test_a_relay_that_only_transcribes_says_so(jfk: Path) -> None:
    """And still transcribes; a second relay translates in its place."""
    async with (
        LocalRelay(ScriptedEngine("heard"), faults=[ONLY_TRANSCRIBES]) as first,
        LocalRelay(ScriptedEngine("translated"), api_key="sk-2") as second,
    ):
        async with AsyncClient(first.base_url, first.api_key) as client:
            with pytest.raises(NotFoundError, match="does not translate"):
                await client.translate(jfk)
            assert (await client.transcribe(jfk)).text == "heard"
        endpoints = [Endpoint(first.base_url, first.api_key or ""), Endpoint(second.base_url, "sk-2")]
        async with AsyncClient(endpoints=endpoints) as client:
            assert (await client.translate(jfk)).text == "translated"
            assert (await client.transcribe(jfk)).text == "heard"


def test_the_blocking_twin_translates(local_relay: LocalRelay, jfk: Path) -> None:
    """With the same face."""
    with Client(local_relay.base_url, local_relay.api_key) as client:
        assert client.translate(jfk).text == "This is a scripted answer."
    assert local_relay.requests[0].path == "/v1/audio/translations"
