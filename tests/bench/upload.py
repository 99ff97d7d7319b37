"""How much memory an upload takes and how long it keeps the loop: ``upload.py [SIZE_MIB] [COUNT] [cold]``.

Uploads a sparse WAV of 1 GiB, or COUNT at once of SIZE_MIB, to a server in a process of its own that only counts: once
while the page cache is filled, and again from it. With "cold" the files have real blocks, and none of them is in the
page cache at first. For what the machine itself makes of such a measurement there is a control: as many bytes from
memory, through asyncio's own streams, to the same server. The files lie in the current folder's file system, for a
tmpfs has no cached reads without waiting.

The longest time that the loop did not turn is told with what its thread did in it, as Linux counts that: it ran, or it
was queued for a processor that other programs had. In a virtual machine the rest is stolen, in steps of a tick: the
host ran something else. (What the host needs to find memory for the guest counts as run.)
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
from collections.abc import Coroutine, Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

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


class Stall(NamedTuple):
    """A time between two turns of the loop, and what its thread did in it; in seconds."""

    total: float = 0.0
    ran: float = 0.0
    queued: float = 0.0


async def longest_stall(stop: asyncio.Event) -> Stall:
    """Return the longest time between two turns of the loop."""
    schedule = os.open("/proc/thread-self/schedstat", os.O_RDONLY)

    def look() -> tuple[float, float, float]:
        # Once more where another program came in between: the three belong to one moment.
        while True:
            now, ran, queued = time.perf_counter(), time.thread_time(), int(os.pread(schedule, 100, 0).split()[1])
            if time.perf_counter() - now < 0.0002:
                return now, ran, queued / 1e9

    worst, last = Stall(), look()
    while not stop.is_set():
        await asyncio.sleep(0)
        now = look()
        worst = max(worst, Stall(*(after - before for before, after in zip(last, now, strict=True))))
        last = now
    os.close(schedule)
    return worst


def stolen_ms() -> float:
    """Return the milliseconds that the host took from all processors since the start."""
    return int(Path("/proc/stat").read_text().split(None, 9)[8]) * 1000 / os.sysconf("SC_CLK_TCK")


async def watched(name: str, mebibytes: int, work: Coroutine[None, None, object]) -> None:
    """Do it and print how it went."""
    stop = asyncio.Event()
    watch = asyncio.create_task(longest_stall(stop))
    peak, stolen, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, stolen_ms(), time.perf_counter()
    await work
    seconds = time.perf_counter() - started
    stolen = stolen_ms() - stolen
    stop.set()
    total, ran, queued = (part * 1000 for part in await watch)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024
    print(
        f"{name:8}{mebibytes} MiB at {mebibytes / seconds:.0f} MiB/s, peak memory grew by {grown:.1f} MiB; "
        f"longest stall {total:.1f} ms (ran {ran:.1f}, queued {queued:.1f}); stolen in all {stolen:.0f} ms"
    )


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


async def measure(port: int, small: Path, large: list[Path]) -> None:
    """Upload once to warm up, then measure."""
    size = large[0].stat().st_size
    mebibytes = len(large) * size >> 20
    async with AsyncClient(f"http://127.0.0.1:{port}", "sk-bench") as client:
        await client.transcribe(small)
        for name in ("first", "again"):
            await watched(name, mebibytes, everything(client.transcribe(path, prepare="never") for path in large))
    await watched("control", mebibytes, everything(control(port, size) for _ in large))


async def everything(calls: Iterable[Coroutine[None, None, object]]) -> None:
    """Do all of it at once."""
    await asyncio.gather(*calls)


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
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdecimal()]
    mebibytes, count = (*numbers, *(1024, 1)[len(numbers) :])[:2]
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    port = ours.recv()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        small = make_wav(Path(folder, "small.wav"), 1 << 20)
        cold = "cold" in sys.argv
        large = [make_wav(Path(folder, f"{number}.wav"), mebibytes << 20, cold=cold) for number in range(count)]
        asyncio.run(measure(port, small, large))
    server.terminate()


if __name__ == "__main__":
    main()
