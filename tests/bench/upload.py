"""How much memory an upload takes and how long it keeps the loop: ``python tests/bench/upload.py [SIZE_MIB]``.

Uploads a sparse WAV of 1 GiB (or of the size given) to a server in a process of its own that only counts, and prints
the growth of the client's peak memory and the longest time that the loop did not turn. The file lies in the current
folder's file system, for a tmpfs has no cached reads without waiting.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import struct
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from zhongzhuan_audio import AsyncClient


def serve(port: Connection) -> None:
    """Count what comes and answer."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            left = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            while left:
                left -= len(await reader.read(min(left, 1 << 20)))
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"text": "ok"}')

    async def main() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0, limit=1 << 21)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


async def longest_stall(stop: asyncio.Event) -> float:
    """Return the longest time between two turns of the loop, in seconds."""
    worst, last = 0.0, time.perf_counter()
    while not stop.is_set():
        await asyncio.sleep(0)
        now = time.perf_counter()
        worst, last = max(worst, now - last), now
    return worst


async def upload(port: int, small: Path, large: Path) -> None:
    """Upload once to warm up, then measure."""
    async with AsyncClient(f"http://127.0.0.1:{port}", "sk-bench") as client:
        await client.transcribe(small)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        stop = asyncio.Event()
        watch = asyncio.create_task(longest_stall(stop))
        started = time.perf_counter()
        await client.transcribe(large)
        seconds = time.perf_counter() - started
        stop.set()
        stall = await watch
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    size = large.stat().st_size
    print(f"{size / 2**20:.0f} MiB in {seconds:.2f} s ({size / 2**20 / seconds:.0f} MiB/s)")
    print(f"peak memory grew by {grown / 1024:.1f} MiB; longest loop stall {stall * 1000:.1f} ms")


def make_wav(path: Path, size: int) -> Path:
    """Write a WAV of silence that takes no room on disk."""
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", size - 8, b"WAVE", b"fmt ", 16, 1, 1, 16000, 32000, 2, 16, b"data", size - 44
    )
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)
    return path


def main() -> None:
    """Run it."""
    mebibytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    port = ours.recv()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        small = make_wav(Path(folder, "small.wav"), 1 << 20)
        large = make_wav(Path(folder, "large.wav"), mebibytes << 20)
        asyncio.run(upload(port, small, large))
    server.terminate()


if __name__ == "__main__":
    main()
