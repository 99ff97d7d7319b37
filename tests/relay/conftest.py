"""A relay with a scripted voice, and a session that has its key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from zhongzhuan_audio.relay import LocalRelay, ScriptedEngine, ScriptedVoice

MODELS = ("whisper-1", "gpt-4o-transcribe", "gpt-4o-transcribe-diarize")


@pytest.fixture
def voice() -> ScriptedVoice:
    """Give the relay's voice."""
    return ScriptedVoice()


@pytest.fixture
def ears() -> ScriptedEngine:
    """Give the relay's ears."""
    return ScriptedEngine("And so, my fellow Americans", models=MODELS)


@pytest.fixture
async def talker(ears: ScriptedEngine, voice: ScriptedVoice) -> AsyncIterator[LocalRelay]:
    """Give a relay that hears and speaks by script."""
    async with LocalRelay(ears, voice=voice, faults=[]) as relay:
        yield relay


@pytest.fixture
async def keyed(talker: LocalRelay) -> AsyncIterator[aiohttp.ClientSession]:
    """Give a session with the relay's key, told the address."""
    headers = {"Authorization": f"Bearer {talker.api_key}"}
    address = talker.base_url.removesuffix("/v1")
    async with aiohttp.ClientSession(address, headers=headers) as session:
        yield session


@pytest.fixture
def upload() -> Callable[..., aiohttp.FormData]:
    """Give a function that makes an upload of these fields."""

    def make(**fields: str) -> aiohttp.FormData:
        form = aiohttp.FormData({"model": "gpt-4o-transcribe", **fields})
        form.add_field("file", b"ID3 sound", filename="a.mp3")
        return form

    return make
