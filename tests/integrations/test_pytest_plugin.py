"""The fixtures that the package gives to pytest."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request

import aiohttp
import pytest

from zhongzhuan_audio.relay.engines import TRANSCRIPTION_MODELS


def listed(relay) -> list[str]:
    """Return the relay's models, read by a blocking client."""
    request = urllib.request.Request(f"{relay.base_url}/models", headers={"Authorization": f"Bearer {relay.api_key}"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        return [row["id"] for row in json.load(answer)["data"]]


def test_a_plain_test_can_use_it(local_relay):
    """The relay answers while the test itself blocks."""
    assert listed(local_relay) == [*TRANSCRIPTION_MODELS, "tts-1", "tts-1-hd", "gpt-4o-mini-tts"]
    assert [(request.method, request.status) for request in local_relay.requests] == [("GET", 200)]


async def test_an_async_test_can_use_it(local_relay, scripted_engine, scripted_voice):
    """The relay has a loop of its own, and its answers and what it says are scripted from the test."""
    scripted_engine.script("你好")
    scripted_voice.script(b"sound")
    form = aiohttp.FormData({"model": "whisper-1"})
    form.add_field("file", b"sound", filename="a.mp3")
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {local_relay.api_key}"}) as session,
        session.post(f"{local_relay.base_url}/audio/transcriptions", data=form) as answer,
    ):
        assert (await answer.json())["text"] == "你好"
        asked = {"model": "tts-1", "input": "Hello.", "voice": "alloy"}
        async with session.post(f"{local_relay.base_url}/audio/speech", json=asked) as spoken:
            assert await spoken.read() == b"sound"


def test_closed_after_the_test(pytester_run):
    """Once the test is over nothing listens any more."""
    result = pytester_run(
        "import urllib.request\n"
        "seen = []\n"
        "def test_one(local_relay):\n"
        "    seen.append(local_relay.base_url)\n"
        "def test_two():\n"
        "    import pytest, urllib.error\n"
        "    with pytest.raises(urllib.error.URLError):\n"
        "        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(seen[0])\n"
    )
    assert "2 passed" in result.stdout, result.stdout + result.stderr


@pytest.fixture
def pytester_run(tmp_path):
    """Run a test file in a pytest of its own, as a user's project would."""

    def run(text: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "test_theirs.py").write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
        command += ["-o", "asyncio_default_fixture_loop_scope=function", "."]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


def test_importing_the_plugin_is_light():
    """A run of pytest pays for no more than pytest: neither aiohttp nor anyio nor the relay is imported."""
    code = (
        "import sys, pytest; before = set(sys.modules); import zhongzhuan_audio.integrations.pytest_plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name.partition(".")[0] for name in found} == {"zhongzhuan_audio"}
    assert "zhongzhuan_audio.integrations.pytest_plugin" in found
    assert not [name for name in found if name.startswith("zhongzhuan_audio.relay")]
