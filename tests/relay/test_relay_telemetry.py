"""What the models stand on reports to nobody what is done here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import asyncio, os
from zhongzhuan_audio import AsyncClient, Client
from zhongzhuan_audio.relay import LocalRelay, PiperVoice, ScriptedEngine, WhisperEngine

async def main():
    async with LocalRelay({engine}, voice={voice}) as relay, AsyncClient(relay.base_url, relay.api_key) as client:
        await {call}
        names = [os.path.realpath(each) for each in os.scandir("/proc/self/fd")]
        print([name for name in names if "onnxruntime" in name])

async def spoken(client):
    async with client.speak("Hello.") as speech:
        return await speech.read()

asyncio.run(main())
"""


@pytest.mark.real_model
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="looks at open files as Linux lists them")  # noqa: PTH112
@pytest.mark.parametrize(
    ("engine", "voice", "call"),
    [
        ("ScriptedEngine()", "PiperVoice()", "spoken(client)"),
        ("WhisperEngine()", "None", "client.transcribe({jfk!r})"),
    ],
)
def test_nothing_is_reported_to_anybody(tmp_path: Path, jfk: Path, engine: str, voice: str, call: str) -> None:
    """The runtime would keep a database of events to send in the user's folder, with an id of the machine."""
    code = CODE.format(engine=engine, voice=voice, call=call.format(jfk=str(jfk)))
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert (ran.returncode, ran.stdout) == (0, "[]\n"), ran.stderr[-2000:]
    assert list(tmp_path.iterdir()) == []
