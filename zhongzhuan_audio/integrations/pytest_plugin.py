"""Fixtures for whoever tests code that talks to a relay; pytest finds them by itself.

::

    def test_minutes(local_relay, scripted_engine):
        scripted_engine.script("你好")
        assert write_minutes("a.mp3", base_url=local_relay.base_url, api_key=local_relay.api_key) == "你好"
        assert local_relay.requests[0].fields["model"] == ("whisper-1",)

Every pytest run of every environment that has this package imports this module: it imports pytest and no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from zhongzhuan_audio.relay import LocalRelay, ScriptedEngine, ScriptedVoice

__all__ = ["local_relay", "scripted_engine", "scripted_voice"]


@pytest.fixture
def scripted_engine() -> ScriptedEngine:
    """Return the ears of `local_relay`; a fixture of the same name in a ``conftest.py`` takes its place."""
    from zhongzhuan_audio.relay import ScriptedEngine

    return ScriptedEngine()


@pytest.fixture
def scripted_voice() -> ScriptedVoice:
    """Return the voice of `local_relay`; a fixture of the same name in a ``conftest.py`` takes its place."""
    from zhongzhuan_audio.relay import ScriptedVoice

    return ScriptedVoice()


@pytest.fixture
def local_relay(scripted_engine: ScriptedEngine, scripted_voice: ScriptedVoice) -> Iterator[LocalRelay]:
    """Give a running relay that answers by script; with a loop and a thread of its own, for plain and async tests."""
    from anyio.from_thread import start_blocking_portal

    from zhongzhuan_audio.relay import LocalRelay

    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(LocalRelay(scripted_engine, voice=scripted_voice)) as relay,
    ):
        yield relay
