"""How much memory an upload takes and how long it keeps the loop: ``python tests/bench/upload.py [SIZE_MIB] [cold]``.

Uploads a sparse WAV of 1 GiB (or of the size given) to a server in a process of its own that only counts, and prints
the growth of the client's peak memory and the longest time that the loop did not turn. For what the machine itself
makes of such a measurement there is a control: as many bytes from memory, through asyncio's own streams, to the same
server. The file lies in the current folder's file system, for a tmpfs has no cached reads without waiting. With "cold"
the file has real blocks, and none of them is in the page cache at first.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import struct
import sys
import tempfile
import time
from collections.abc import Coroutine
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


async def watched(work: Coroutine[None, None, object]) -> tuple[float, float]:
    """Do it and return the seconds that it took, and the longest stall."""
    stop = asyncio.Event()
    watch = asyncio.create_task(longest_stall(stop))
    started = time.perf_counter()
    await work
    seconds = time.perf_counter() - started
    stop.set()
    return seconds, await watch


async def control(port: int, size: int) -> None:
    """Send as many bytes as the upload has, from memory, and read the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.transport.set_write_buffer_limits(high=1)
    writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size)
    chunk = bytes(256 * 1024)
    for _ in range(size // len(chunk)):
        writer.write(chunk)
        await writer.drain()
        await asyncio.sleep(0)
    await reader.readuntil(b"}")
    writer.close()


async def upload(port: int, small: Path, large: Path) -> None:
    """Upload once to warm up, then measure."""
    async with AsyncClient(f"http://127.0.0.1:{port}", "sk-bench") as client:
        await client.transcribe(small)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds, stall = await watched(client.transcribe(large))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    size = large.stat().st_size
    print(f"{size / 2**20:.0f} MiB in {seconds:.2f} s ({size / 2**20 / seconds:.0f} MiB/s)")
    print(f"peak memory grew by {grown / 1024:.1f} MiB; longest loop stall {stall * 1000:.1f} ms")
    seconds, stall = await watched(control(port, size))
    print(f"control: {size / 2**20 / seconds:.0f} MiB/s, longest loop stall {stall * 1000:.1f} ms")


def make_wav(path: Path, size: int, *, cold: bool = False) -> Path:
    """Write a WAV of silence that takes no room on disk, or one that does and is not in the page cache."""
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", size - 8, b"WAVE", b"fmt ", 16, 1, 1, 16000, 32000, 2, 16, b"data", size - 44
    )
    with path.open("wb") as file:
        file.write(head)
        for _ in range((size >> 20) if cold else 0):
            file.write(bytes(1 << 20))
        file.truncate(size)
        if cold:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return path


def main() -> None:
    """Run it."""
    mebibytes = next((int(argument) for argument in sys.argv[1:] if argument.isdecimal()), 1024)
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    port = ours.recv()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        small = make_wav(Path(folder, "small.wav"), 1 << 20)
        large = make_wav(Path(folder, "large.wav"), mebibytes << 20, cold="cold" in sys.argv)
        asyncio.run(upload(port, small, large))
    server.terminate()


if __name__ == "__main__":
    main()
