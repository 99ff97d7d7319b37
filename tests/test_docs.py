"""The examples in README.md and the pages work as they stand, against a scripted relay."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tomllib
import wave
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import av
import pytest
import uvicorn
from aiohttp import test_utils, web
from anyio.from_thread import start_blocking_portal
from sybil import Document, Example, Sybil
from sybil.parsers.markdown import CodeBlockParser

from zhongzhuan_audio.relay import LocalRelay, ScriptedAnswer, ScriptedEngine, ScriptedVoice

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SENTENCE = "And so, my fellow Americans, ask not."
MODELS = ("whisper-1", "gpt-4o-transcribe-diarize", "gpt-4o-mini-transcribe")
EVENTS = b'data: {"choices": [{"delta": {"content": "hi"}}]}\n\ndata: [DONE]\n\n'
ROUTES = {
    ("POST", "/v1/embeddings"): lambda _: {"data": [{"embedding": [0.1, 0.2]}]},
    ("POST", "/v1/chat/completions"): lambda _: ScriptedAnswer(200, EVENTS, {"Content-Type": "text/event-stream"}),
}
FIXTURE_PAGE = ROOT / "docs" / "local.md"


def evaluate(example: Example) -> None:
    """Run a block, which may await at its top level as a notebook's cell may."""
    source = "\n" * (example.line + example.parsed.line_offset) + example.parsed
    code = compile(source, example.path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    outcome = eval(code, example.namespace)  # noqa: S307 - our own pages
    if inspect.iscoroutine(outcome):
        asyncio.run(outcome)


def as_video(recording: Path, path: Path) -> None:
    """Write a recording as a phone does."""
    with av.open(str(recording)) as heard, av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=16_000, layout="mono")
        for frame in heard.decode(audio=0):
            frame.pts = None
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def parse(page: Path) -> Document:
    """Return a page with its Python examples; they share their names from top to bottom."""
    return Sybil(parsers=[CodeBlockParser("python", evaluate)], path=str(ROOT)).parse(page)


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page that are in one language."""
    return [str(example.parsed) for example in Sybil(parsers=[CodeBlockParser(language, print)]).parse(page).examples()]


EXAMPLES = [
    pytest.param(example, id=f"{page.relative_to(ROOT).as_posix()}:{example.line}")
    for page in PAGES
    for example in parse(page).examples()
]
COMMANDS = [
    pytest.param(line, id=f"{page.name}: {line.partition('#')[0].strip()}")
    for page in PAGES
    for block in blocks(page, "sh")
    for line in block.splitlines()
    if line.startswith("zhongzhuan-audio transcribe")
]


@pytest.fixture(scope="module")
def relay() -> Iterator[LocalRelay]:
    """Run a relay that says one sentence to everyone, in a thread of its own."""
    relay = LocalRelay(engine=ScriptedEngine(SENTENCE, models=MODELS), voice=ScriptedVoice(), routes=ROUTES)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(relay):
        yield relay


@pytest.fixture(autouse=True)
def reader(relay: LocalRelay, jfk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the example where its reader is: some recordings in the folder, a relay and a key in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZHONGZHUAN_BASE_URL", relay.base_url)
    monkeypatch.setenv("ZHONGZHUAN_API_KEY", relay.api_key)
    for name in ("jfk.mp3", "会议.m4a"):
        shutil.copy(jfk, name)
    as_video(jfk, Path("board-meeting.mov"))
    Path("calls").mkdir()
    shutil.copy(jfk, Path("calls", "monday.mp3"))
    with wave.open("voice.wav", "wb") as voice:
        voice.setparams((1, 2, 8000, 0, "NONE", ""))
        voice.writeframes(bytes(3 * 16_000))
    Path("notes.txt").write_text("Not a recording, but the notes of one.\n", encoding="utf-8")


@asynccontextmanager
async def served(app: object):
    """Run an aiohttp or an ASGI application on loopback and give its address."""
    if isinstance(app, web.Application):
        async with test_utils.TestServer(app) as server:
            yield str(server.make_url("/")).rstrip("/")
        return
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    listener = socket.create_server(("127.0.0.1", 0))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    host, port = listener.getsockname()
    yield f"http://{host}:{port}"
    server.should_exit = True
    await running


async def post_to(app: object, path: str, name: str) -> tuple[int, object]:
    """Upload a file to an application as a browser does, and return the status and what came back."""
    form = aiohttp.FormData()
    form.add_field("file", Path(name).read_bytes(), filename=name)
    async with served(app) as url, aiohttp.ClientSession() as session, session.post(url + path, data=form) as answer:
        return answer.status, await (answer.json() if answer.content_type == "application/json" else answer.text())


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_example_works(example: Example):
    """A Python block runs without an error, after those above it on its page."""
    example.namespace.update(__name__="__main__", post_to=post_to)
    example.evaluate()


@pytest.mark.parametrize("line", COMMANDS)
def test_the_command_line_works(line: str):
    """A command on a page ends well and says what was said in the recording, or writes it, or says what it would do."""
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    done = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if "--dry-run" in line:
        assert "1 would be sent" in done.stdout
        return
    written = [
        path.read_text(encoding="utf-8") for path in Path().rglob("*") if path.suffix in {".txt", ".srt", ".vtt"}
    ]
    assert any("my fellow americans" in text.lower() for text in [done.stdout, *written])


def test_the_fixture_example_works_under_pytest(pytester: pytest.Pytester, jfk: Path):
    """The test that shows the pytest fixture passes when pytest runs it."""
    (source,) = (block for block in blocks(FIXTURE_PAGE, "python") if "local_relay" in block)
    shutil.copy(jfk, pytester.path / "jfk.mp3")
    pytester.makepyfile(f"from zhongzhuan_audio import AsyncClient\n\n{source}")
    settings = ("-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function", "-W", "error")
    pytester.runpytest_subprocess(*settings).assert_outcomes(passed=1)


def test_every_page_is_in_the_navigation():
    """The built site shows all pages, and only those that are there."""
    site = tomllib.loads((ROOT / ".zensical.toml").read_text(encoding="utf-8"))
    listed = [page for entry in site["project"]["nav"] for page in entry.values()]
    assert sorted(listed) == [page.name for page in PAGES[1:]]


def test_readme_links_lead_somewhere():
    """README points only at files that are there."""
    text = PAGES[0].read_text(encoding="utf-8")
    links = [part.partition(")")[0] for part in text.split("](")[1:]]
    assert links
    assert [link for link in links if not (ROOT / link).is_file()] == []


def test_readme_commands_are_what_the_checks_run():
    """README's two commands install from this folder, and its second is what `.ci/run` does."""
    first, second = blocks(PAGES[0], "sh")[:2]
    assert shlex.split(first)[-4:] == [".venv/bin/zhongzhuan-audio", "transcribe", "--local", "tests/data/jfk.mp3"]
    assert "pip install '.[local]'" in first
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert second.strip().split(" && ") == [
        "python3 -m venv .venv",
        ".venv/bin/pip install nox",
        ".venv/bin/nox",
    ]
    assert "-m venv .venv-ci\n.venv-ci/bin/python -m pip install --quiet nox\n" in run
    assert "\n.venv-ci/bin/nox " in run
