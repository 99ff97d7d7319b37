"""The command in a process of its own, a relay that it can reach, and recordings."""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from anyio.from_thread import start_blocking_portal

from zhongzhuan_audio.relay import LocalRelay, ScriptedEngine

KEY = "sk-very-secret-0123456789"
SOUND = (b"\xff\xfb\x90\x00" + bytes(413)) * 3

Serve = Callable[..., str]
Start = Callable[..., "subprocess.Popen[bytes]"]
Transcripts = Callable[[Path], dict[str, str]]
Spooled = tuple[Path, Callable[[int, int], None]]
Command = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def spooled(tmp_path_factory: pytest.TempPathFactory) -> Spooled:
    """Return a temporary folder for a process, and a function that waits until uploads of so many bytes are in it."""
    folder = tmp_path_factory.mktemp("temporary")

    def wait(count: int, size_bytes: int) -> None:
        for _ in range(6000):
            sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
            if len(sizes) == count and min(sizes) >= size_bytes:
                return
            time.sleep(0.01)
        pytest.fail(f"{sizes} and not {count} of {size_bytes}")

    return folder, wait


@pytest.fixture
def scripted_engine() -> ScriptedEngine:
    """Ears that answer 你好, to every model."""
    return ScriptedEngine("你好", models=("whisper-1", "gpt-4o-transcribe", "relay/GPT-4o-mini-transcribe"))


@pytest.fixture
def relay(scripted_engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalRelay]:
    """Give a relay with a key of its own, in a thread of its own; the variables point at it."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(LocalRelay(scripted_engine, api_key=KEY)) as relay,
    ):
        monkeypatch.setenv("ZHONGZHUAN_BASE_URL", relay.base_url)
        monkeypatch.setenv("ZHONGZHUAN_API_KEY", KEY)
        yield relay


@asynccontextmanager
async def _listening(app: web.Application, tls: ssl.SSLContext | None) -> AsyncIterator[str]:
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
def serve_app(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Return a function that serves an aiohttp application from a thread of its own, and gives its address.

    The variables point at the last one that was served.
    """
    with start_blocking_portal() as portal, ExitStack() as stack:

        def serve_app(app: web.Application, tls: ssl.SSLContext | None = None) -> str:
            url = stack.enter_context(portal.wrap_async_context_manager(_listening(app, tls)))
            monkeypatch.setenv("ZHONGZHUAN_BASE_URL", url)
            monkeypatch.setenv("ZHONGZHUAN_API_KEY", KEY)
            return url

        yield serve_app


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with ``a.mp3`` and ``b.mp3``, which differ."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp3", "b.mp3"):
        (tmp_path / name).write_bytes(SOUND + name.encode())
    return tmp_path


@pytest.fixture
def transcripts() -> Transcripts:
    """Return a function that gives the transcripts below a folder, by their paths in it."""

    def transcripts(folder: Path) -> dict[str, str]:
        found = (path for path in folder.rglob("*") if path.is_file())
        named = {path.relative_to(folder).as_posix(): path for path in found}
        ours = re.compile(r"journal\.sqlite(-.*)?|report\.(csv|json)")
        return {name: path.read_text() for name, path in sorted(named.items()) if not ours.fullmatch(name)}

    return transcripts


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts the command in a process; what still runs at the end is killed.

    Ctrl-C reaches the process even where whoever runs the tests has it ignored.
    """
    started: list[subprocess.Popen[bytes]] = []
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)

    def start(*args: object, env: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[bytes]:
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        process = subprocess.Popen(
            [sys.executable, "-m", "zhongzhuan_audio", *map(str, args)],
            env={**os.environ, **(env or {})},
            **{**pipes, **options},
        )
        started.append(process)
        return process

    yield start
    signal.signal(signal.SIGINT, previous)
    for process in started:
        if process.poll() is None:
            process.kill()
        with process:  # closes its pipes
            pass


@pytest.fixture
def command(start: Start) -> Command:
    """Return a function that runs the command in a process to its end."""

    def command(*args: object, input: bytes = b"", **options: Any) -> subprocess.CompletedProcess[bytes]:  # noqa: A002
        process = start(*args, **options)
        out, err = process.communicate(input, timeout=60)
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    return command
