"""litellm's proxy, a process of its own, between this package's client and the embedded relay."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from zhongzhuan_audio import Endpoint
from zhongzhuan_audio.relay import LocalRelay, ScriptedEngine

_MASTER_KEY = "sk-master-0123456789"
_RELAY_KEY = "sk-relay-0123456789"

_LISTENING = re.compile(r"Uvicorn running on (http://127\.0\.0\.1:\d+)")
_START_S = 120.0
_STOP_S = 30.0
_LOCAL = (
    "LITELLM_LOCAL_MODEL_COST_MAP",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS",
    "LITELLM_LOCAL_AUTOROUTER_PRESETS",
    "LITELLM_LOCAL_BLOG_POSTS",
    "LITELLM_LOCAL_POLICY_TEMPLATES",
)
"""What litellm would fetch, and has with it too."""


@contextmanager
def dead_port() -> Iterator[int]:
    """Give a port that refuses connections and that nobody else can get."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@asynccontextmanager
async def way_out(errands: list[str]) -> AsyncIterator[str]:
    """Give the address of an HTTP proxy that notes what is asked of it and leads nowhere."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        errands.append((await reader.readline()).decode("latin-1").strip())
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def config(relay: LocalRelay, dead: int) -> str:
    """Return litellm's configuration: JSON is YAML."""

    def group(name: str, **other: object) -> dict[str, object]:
        usual = {
            "model": "openai/whisper-1",
            "api_base": relay.base_url,
            "api_key": _RELAY_KEY,
            "max_retries": 0,
            "cooldown_time": 0,
        }
        return {"model_name": name, "litellm_params": usual | other}

    groups = [
        group("whisper-1"),
        group("wrong-key", api_key="sk-another-0123456789"),
        group("no-channel", model="openai/gpt-9"),
        group("wrong-path", api_base=f"{relay.base_url}/v1"),
        group("dead", api_base=f"http://127.0.0.1:{dead}/v1"),
        group("impatient", timeout=0.5),
        # Since 1.108 what a group has only one of gets no rest.
        *(group("tired", cooldown_time=30, timeout=timeout_s) for timeout_s in (50, 60)),
    ]
    return json.dumps(
        {
            "model_list": groups,
            "router_settings": {"num_retries": 0, "allowed_fails": 0},
            "general_settings": {"master_key": _MASTER_KEY},
        }
    )


@asynccontextmanager
async def running(command: str, folder: Path, proxy: str) -> AsyncIterator[str]:
    """Run litellm; give its base URL. What it prints is printed, so that pytest shows it with a test that fails."""
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "PYTHONUNBUFFERED": "1",
        "HTTP_PROXY": proxy,
        "HTTPS_PROXY": proxy,
        "NO_PROXY": "127.0.0.1",
        **dict.fromkeys(_LOCAL, "True"),
    }
    process = await asyncio.create_subprocess_exec(
        command, "--config", str(folder / "config.yaml"), "--host", "127.0.0.1", "--port", "0",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        cwd=folder, env=variables, limit=1 << 20,
    )  # fmt: skip
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def read_log() -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            text = line.decode("utf-8", "replace").rstrip()
            print(text)
            if (found := _LISTENING.search(text)) and not address.done():
                address.set_result(found[1])
        if not address.done():
            address.set_exception(RuntimeError("litellm ended before it listened; what it said is above"))

    log = asyncio.create_task(read_log())
    try:
        async with asyncio.timeout(_START_S):
            url = await address
        yield f"{url}/v1"
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        await log


@pytest.fixture(scope="module")
def errands() -> list[str]:
    """Give the list of what litellm asked for that is not on this machine."""
    return []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream() -> AsyncIterator[LocalRelay]:
    """Give the relay behind litellm, which takes half a megabyte."""
    async with LocalRelay(ScriptedEngine(), api_key=_RELAY_KEY, max_upload_bytes=500_000) as relay:
        yield relay


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def litellm(
    request: pytest.FixtureRequest, upstream: LocalRelay, errands: list[str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Endpoint]:
    """Give a litellm proxy that has the relay as its upstream; the module's `COMMAND` starts it."""
    folder = tmp_path_factory.mktemp("litellm")
    with dead_port() as dead:
        (folder / "config.yaml").write_text(config(upstream, dead), encoding="utf-8")
        async with way_out(errands) as proxy, running(request.module.COMMAND, folder, proxy) as url:
            yield Endpoint(url, _MASTER_KEY)
