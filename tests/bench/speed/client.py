"""One client at work, in a process of its own: ``client.py NAME SPEC``, SPEC as JSON; see `Spec`.

Prints what it took as JSON. Every client is told to do the same: a form with ``model`` and the file, from the path, and
the transcript as that client gives it. Each imports only what it needs.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

KEY = "sk-bench"
BEAT_S = 0.001

Send: TypeAlias = Callable[[str], Awaitable[str]]
SendNow: TypeAlias = Callable[[str], str]


class Spec:
    """What is to be done.

    Attributes:
        url: The relay, with /v1.
        files: Paths, sent in turn.
        concurrency: How many at once.
        warm: Paths, sent by each of those at once before anything is measured.
        count: How many; None where time ends it.
        seconds: When to begin no more; None where the count ends it.
        beats: Whether the loop is watched: it costs about one percent.
        ca: Certificates to trust, a path; None where it is plain HTTP.
    """

    def __init__(self, told: dict[str, Any]) -> None:
        self.url: str = told["url"]
        self.files: list[str] = told["files"]
        self.concurrency: int = told["concurrency"]
        self.warm: list[str] = told["warm"]
        self.count: int | None = told["count"]
        self.seconds: float | None = told["seconds"]
        self.beats: bool = told["beats"]
        self.ca: str | None = told["ca"]

    def work(self) -> Iterator[str]:
        """Give the files, until it is enough."""
        end = None if self.seconds is None else time.perf_counter() + self.seconds
        done = 0
        while (self.count is None or done < self.count) and (end is None or time.perf_counter() < end):
            yield self.files[done % len(self.files)]
            done += 1

    def tls(self) -> ssl.SSLContext | None:
        """Return what trusts the sink."""
        return None if self.ca is None else ssl.create_default_context(cafile=self.ca)


@asynccontextmanager
async def ours(spec: Spec) -> Any:
    """Open this package's client."""
    from zhongzhuan_audio import AsyncClient, Limits

    limits = Limits(max_concurrency=max(spec.concurrency, Limits().max_concurrency))
    async with AsyncClient(spec.url, KEY, limits=limits, ssl=spec.tls() or True) as client:

        async def send(path: str) -> str:
            return (await client.transcribe(path, prepare="never")).text

        yield send


@contextmanager
def ours_blocking(spec: Spec) -> Any:
    """Open its blocking twin."""
    from zhongzhuan_audio import Client

    with Client(spec.url, KEY) as client:
        yield lambda path: client.transcribe(path, prepare="never").text


@asynccontextmanager
async def openai_async(spec: Spec) -> Any:
    """Open openai's."""
    import httpx
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    http = DefaultAsyncHttpxClient(verify=spec.tls() or True, limits=limits, trust_env=False)
    async with AsyncOpenAI(base_url=spec.url, api_key=KEY, http_client=http) as client:
        yield _asked(client)


@asynccontextmanager
async def openai_aiohttp(spec: Spec) -> Any:
    """Open openai's, with its aiohttp extra."""
    from openai import AsyncOpenAI, DefaultAioHttpClient

    async with AsyncOpenAI(base_url=spec.url, api_key=KEY, http_client=DefaultAioHttpClient()) as client:
        yield _asked(client)


def _asked(client: Any) -> Send:
    async def send(path: str) -> str:
        text: str = (await client.audio.transcriptions.create(model="whisper-1", file=Path(path))).text
        return text

    return send


@contextmanager
def openai_blocking(spec: Spec) -> Any:
    """Open openai's blocking one."""
    from openai import OpenAI

    with OpenAI(base_url=spec.url, api_key=KEY) as client:
        yield lambda path: client.audio.transcriptions.create(model="whisper-1", file=Path(path)).text


@asynccontextmanager
async def by_hand(spec: Spec) -> Any:
    """Do as aiohttp's pages say: a `FormData` with an open file."""
    import aiohttp

    connector = aiohttp.TCPConnector(limit=max(spec.concurrency, 100), ssl=spec.tls() or True)
    headers, url = {"Authorization": f"Bearer {KEY}"}, f"{spec.url}/audio/transcriptions"
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def send(path: str) -> str:
            with open(path, "rb") as file:  # noqa: PTH123 - as it is written by hand
                form = aiohttp.FormData()
                form.add_field("model", "whisper-1")
                form.add_field("file", file, filename=os.path.basename(path), content_type="audio/mpeg")  # noqa: PTH119
                async with session.post(url, data=form) as answer:
                    answer.raise_for_status()
                    text: str = (await answer.json())["text"]
                    return text

        yield send


@asynccontextmanager
async def ready_bytes(spec: Spec) -> Any:
    """Do the least that aiohttp lets one do: the whole form lies ready, and the answer is only parsed."""
    import aiohttp
    from yarl import URL

    connector = aiohttp.TCPConnector(limit=max(spec.concurrency, 100), ssl=spec.tls() or True)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "multipart/form-data; boundary=bound"}
    url, forms = URL(f"{spec.url}/audio/transcriptions"), {path: _form(path) for path in {*spec.warm, *spec.files}}
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def send(path: str) -> str:
            async with session.post(url, data=forms[path], headers=headers) as answer:
                text: str = json.loads(await answer.read())["text"]
                return text

        yield send


def _form(path: str) -> bytes:
    disposition = "--bound\r\nContent-Disposition: form-data; name="
    before = f'{disposition}"model"\r\n\r\nwhisper-1\r\n{disposition}"file"; filename="a.mp3"\r\n\r\n'
    return before.encode() + Path(path).read_bytes() + b"\r\n--bound--\r\n"


@asynccontextmanager
async def httpx_async(spec: Spec) -> Any:
    """Use httpx."""
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    headers, url = {"Authorization": f"Bearer {KEY}"}, f"{spec.url}/audio/transcriptions"
    async with httpx.AsyncClient(headers=headers, verify=spec.tls() or True, limits=limits, timeout=600) as client:

        async def send(path: str) -> str:
            with open(path, "rb") as file:  # noqa: PTH123 - as it is written by hand
                answer = await client.post(url, data={"model": "whisper-1"}, files={"file": file})
            text: str = answer.raise_for_status().json()["text"]
            return text

        yield send


ASYNC: dict[str, Callable[[Spec], AbstractAsyncContextManager[Send]]] = {
    "ours": ours,
    "openai": openai_async,
    "openai+aiohttp": openai_aiohttp,
    "by hand": by_hand,
    "ready bytes": ready_bytes,
    "httpx": httpx_async,
}
BLOCKING: dict[str, Callable[[Spec], AbstractContextManager[SendNow]]] = {
    "ours, blocking": ours_blocking,
    "openai, blocking": openai_blocking,
}


class Meter:
    """What a stretch of work takes of this process."""

    def __init__(self) -> None:
        self._before = _resident_bytes()
        # Linux: the high-water mark begins anew.
        Path("/proc/self/clear_refs").write_text("5")
        used = resource.getrusage(resource.RUSAGE_SELF)
        self._cpu_s = used.ru_utime + used.ru_stime
        self._began = time.perf_counter()

    def read(self, requests: int, gap: tuple[float, float] | None) -> dict[str, float | None]:
        """Return the figures; `gap` is what `Heart.stop` returned."""
        seconds = time.perf_counter() - self._began
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "requests": requests,
            "seconds": seconds,
            "cpu_s": used.ru_utime + used.ru_stime - self._cpu_s,
            "grown_bytes": _peak_bytes() - self._before,
            "stall_s": None if gap is None else gap[0],
            "own_s": None if gap is None else gap[1],
        }


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _peak_bytes() -> int:
    told = Path("/proc/self/status").read_text()
    return int(told.partition("VmHWM:")[2].split()[0]) * 1024


class Heart:
    """Beats on the loop; the longest time between two beats is how long the loop stood still, beside the beat's own.

    A part of that may be another's: a program or a virtual machine that had the processor. The most processor time
    between two beats is the loop's own.
    """

    def __init__(self) -> None:
        self._longest_s = self._own_s = 0.0
        self._loop = asyncio.get_running_loop()
        self._last, self._used = self._loop.time(), time.thread_time()
        self._handle = self._loop.call_later(BEAT_S, self._beat)

    def _beat(self) -> None:
        now, used = self._loop.time(), time.thread_time()
        self._longest_s = max(self._longest_s, now - self._last - BEAT_S)
        self._own_s = max(self._own_s, used - self._used)
        self._last, self._used = now, used
        self._handle = self._loop.call_later(BEAT_S, self._beat)

    def stop(self) -> tuple[float, float]:
        """Return both, in seconds."""
        self._handle.cancel()
        return self._longest_s, self._own_s


async def work_async(name: str, spec: Spec) -> dict[str, float | None]:
    """Send as `spec` says, so many at once."""
    async with ASYNC[name](spec) as send:
        await asyncio.gather(*(_worker(send, iter(spec.warm)) for _ in range(spec.concurrency)))
        heart = Heart() if spec.beats else None
        meter, work = Meter(), spec.work()
        counts = await asyncio.gather(*(_worker(send, work) for _ in range(spec.concurrency)))
        return meter.read(sum(counts), None if heart is None else heart.stop())


async def _worker(send: Send, work: Iterator[str]) -> int:
    count = 0
    for path in work:
        assert await send(path) == "heard"
        count += 1
    return count


def work_blocking(name: str, spec: Spec) -> dict[str, float | None]:
    """Send as `spec` says, one after the other."""
    with BLOCKING[name](spec) as send:
        for path in spec.warm:
            send(path)
        meter, count = Meter(), 0
        for path in spec.work():
            assert send(path) == "heard"
            count += 1
        return meter.read(count, None)


def main() -> None:
    """Do the work, and print what it took."""
    name, spec = sys.argv[1], Spec(json.loads(sys.argv[2]))
    told = work_blocking(name, spec) if name in BLOCKING else asyncio.run(work_async(name, spec))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
