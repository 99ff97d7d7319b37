"""A notebook with blocking calls, executed in a real kernel."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from zhongzhuan_audio.models import Segment
from zhongzhuan_audio.relay import LocalRelay, Recognition, ScriptedEngine, ScriptedVoice

pytestmark = pytest.mark.filterwarnings("default")  # what the notebook's own tools warn of is theirs


def execute(*cells: str, env: dict[str, str], folder: Path) -> list[list[Any]]:
    """Run cells and return the outputs of each."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(notebook, kernel_name="python3", timeout=120, resources={"metadata": {"path": str(folder)}})
    client.execute(env=env)
    return [cell.outputs for cell in notebook.cells]


def test_blocking_calls_in_a_notebook(
    local_relay: LocalRelay, scripted_engine: ScriptedEngine, jfk: Path, tmp_path: Path
) -> None:
    """No `await`, no `with`, no nested-loop trick; a last line shows a table, and the kernel's loop runs throughout."""
    segments = (Segment(id=0, start=0.0, end=1.5, text="你好 <b>"),)
    scripted_engine.script(Recognition(language="zh", duration=1.5, segments=segments))
    env = {
        **os.environ,
        "ZHONGZHUAN_BASE_URL": local_relay.base_url,
        "ZHONGZHUAN_API_KEY": str(local_relay.api_key),
        "JFK": str(jfk),
    }
    first, second, third, fourth = execute(
        "import os, asyncio\nfrom zhongzhuan_audio import Client\nclient = Client()\n"
        "running = asyncio.get_running_loop().is_running()",
        "print(running, client.transcribe(os.environ['JFK']).text)",
        "client.transcribe(os.environ['JFK'], response_format='verbose_json')",
        "from zhongzhuan_audio import AsyncClient\nasync with AsyncClient() as other:\n"
        "    print((await other.transcribe(os.environ['JFK'])).text)",
        env=env,
        folder=tmp_path,
    )
    assert first == []
    assert second[0]["text"] == "True 你好 <b>\n"
    shown = third[0]["data"]["text/html"]
    assert "<td>00:00:00.000</td><td>00:00:01.500</td>" in shown
    assert "你好 &lt;b&gt;" in shown
    assert fourth[0]["text"] == "你好 <b>\n"


def test_speech_and_streams_in_a_notebook(
    local_relay: LocalRelay, scripted_voice: ScriptedVoice, scripted_engine: ScriptedEngine, jfk: Path, tmp_path: Path
) -> None:
    """Speech that was read shows itself as a player; a stream is a plain `with` and `for`."""
    scripted_voice.script(jfk.read_bytes())
    scripted_engine.script("two words")
    env = {
        **os.environ,
        "ZHONGZHUAN_BASE_URL": local_relay.base_url,
        "ZHONGZHUAN_API_KEY": str(local_relay.api_key),
        "JFK": str(jfk),
    }
    _, player, file, stream, display = execute(
        "import os\nfrom zhongzhuan_audio import Client\nclient = Client()",
        "with client.speak('hello') as speech:\n    speech.read()\nspeech",
        "with client.speak('hello') as speech:\n    print(speech.save('hello.mp3'))",
        "with client.stream_transcription(os.environ['JFK']) as events:\n"
        "    print([type(event).__name__ for event in events])",
        "with client.speak('hello') as speech:\n    display(speech)",
        env=env,
        folder=tmp_path,
    )
    sound = base64.b64encode(jfk.read_bytes()).decode()
    for shown in (player, display):
        assert shown[0]["data"]["text/html"] == f'<audio controls src="data:audio/mpeg;base64,{sound}"></audio>'
    assert file[0]["text"] == f"{jfk.stat().st_size}\n"
    assert (tmp_path / "hello.mp3").read_bytes() == jfk.read_bytes()
    assert stream[0]["text"] == "['TextDelta', 'TextDelta', 'TranscriptDone']\n"


def test_a_bar_in_a_notebook(
    local_relay: LocalRelay, scripted_engine: ScriptedEngine, jfk: Path, tmp_path: Path
) -> None:
    """It stands under the cell that asked for it, though the client is older; and is no widget without ipywidgets."""
    scripted_engine.script(Recognition(duration=90.0, text="heard"))
    env = {
        **os.environ,
        "ZHONGZHUAN_BASE_URL": local_relay.base_url,
        "ZHONGZHUAN_API_KEY": str(local_relay.api_key),
        "JFK": str(jfk),
    }
    many = "transcribe_many([os.environ['JFK']] * 3, response_format='verbose_json', progress=True) as outcomes:\n"
    first, blocking, later, awaited = execute(
        "import os\nfrom zhongzhuan_audio import AsyncClient, Client\nclient = Client()\n"
        "text = client.transcribe(os.environ['JFK']).text",
        f"with client.{many}    found = list(outcomes)",
        "len(found)",
        f"async with AsyncClient() as other:\n    async with other.{many}"
        "        found = [outcome async for outcome in outcomes]",
        env=env,
        folder=tmp_path,
    )
    assert first == []
    assert later[0]["data"]["text/plain"] == "3"
    for outputs in (blocking, awaited):
        text = "".join(output["text"] for output in outputs if output.get("name") == "stderr")
        assert " 0/3 [" in text
        assert re.search(r"100%\S* 3/3 \[.*0 failed, 4.5 min of audio\]", text.rpartition("\r")[2])
