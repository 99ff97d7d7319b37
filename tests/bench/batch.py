"""How long many small recordings take and what they do to memory: ``batch.py [FILES] [no-journal] [anyhow]``.

Sends FILES distinct recordings of a few KiB, 64 at a time, to a relay in a process of its own whose answers take 200 ms
each, with a fresh journal. The ideal is what the answers alone take. How long a request took tells what is the relay's
and the machine's share of the rest, and how many ran at once what is the batch's. Memory is resident, measured all the
way and against what the process held after a warm-up with other recordings. It fails where the time is more than 1.1 of
the ideal, or memory grew by more than 40 MiB; with "anyhow" it only tells. The files and the journal lie in the current
folder's file system, for on a tmpfs a commit costs nothing.
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
from multiprocessing.connection import Connection
from pathlib import Path

import attrs

from zhongzhuan_audio import AsyncClient, Limits
from zhongzhuan_audio.relay import LocalRelay, Recognition, ScriptedEngine

FILES = 10_000
CONCURRENCY = 64
ANSWER_S = 0.2
MOST_RATIO = 1.1
MOST_GROWTH_MIB = 40.0
WARM_FILES = 512
SAMPLES = 4_000
"""Of 8 bits, in each recording."""


def serve(pipe: Connection) -> None:
    """Run the relay until something comes through the pipe; then tell how many requests came and how long they took."""

    async def main() -> None:
        engine = ScriptedEngine(Recognition(duration=SAMPLES / 8000, text="heard"), delay_s=ANSWER_S)
        async with LocalRelay(engine) as relay:
            pipe.send(relay.base_url)
            await asyncio.to_thread(pipe.recv)
            pipe.send((relay.request_count, time.process_time()))

    asyncio.run(main())


def make_files(folder: Path, count: int) -> list[Path]:
    """Write recordings that are all different."""
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + SAMPLES, b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8, b"data", SAMPLES
    )
    folder.mkdir()
    paths = [folder / f"{number:05}.wav" for number in range(count)]
    for path in paths:
        path.write_bytes(head + os.urandom(SAMPLES))
    return paths


def resident_mib() -> float:
    """Return what this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / (1 << 20)


@attrs.frozen
class Run:
    """How it went."""

    seconds: float
    asked_s: float
    """What the requests took, all together."""
    processor_s: float
    most_mib: float
    """Resident memory, the most that was seen."""


async def transcribe(url: str, files: list[Path], journal: Path | None) -> Run:
    """Transcribe all, and look at the clock and at the memory."""
    most = resident_mib()
    async with AsyncClient(url, "sk-local", limits=Limits(max_concurrency=CONCURRENCY)) as client:
        started, worked, done, asked = time.perf_counter(), time.process_time(), 0, 0.0
        async with client.transcribe_many(files, journal=journal) as outcomes:
            async for outcome in outcomes:
                assert outcome.result().text == "heard"
                assert not outcome.from_journal
                done, asked = done + 1, asked + outcome.attempts[-1].elapsed_s
                if done % 100 == 0:
                    most = max(most, resident_mib())
        seconds, worked = time.perf_counter() - started, time.process_time() - worked
    assert done == len(files)
    return Run(seconds, asked, worked, max(most, resident_mib()))


def measure(count: int, *, journal: bool) -> bool:
    """Measure and print; return whether it was as good as it has to be."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    relay = context.Process(target=serve, args=(theirs,), daemon=True)
    relay.start()
    try:
        url = ours.recv()
        with tempfile.TemporaryDirectory(dir=".") as name:
            folder = Path(name)
            warm, files = make_files(folder / "warm", WARM_FILES), make_files(folder / "files", count)
            asyncio.run(transcribe(url, warm, folder / "warm.sqlite" if journal else None))
            before = resident_mib()
            run = asyncio.run(transcribe(url, files, folder / "run.sqlite" if journal else None))
        ours.send(None)
        requests, relay_s = ours.recv()
    finally:
        relay.join(10)
        if relay.is_alive():
            relay.kill()
    assert requests == WARM_FILES + count, requests
    ideal = count * ANSWER_S / CONCURRENCY
    ratio, growth = run.seconds / ideal, run.most_mib - before
    print(
        f"{count} files in {run.seconds:.2f} s {'with' if journal else 'without'} a journal; ideal {ideal:.2f} s, "
        f"ratio {ratio:.3f}\n"
        f"a request took {run.asked_s / count * 1000:.0f} ms, and {run.asked_s / run.seconds:.1f} ran at once\n"
        f"memory {before:.1f} MiB, grew by {growth:.1f} MiB at most\n"
        f"processor time {run.processor_s:.1f} s, and {relay_s:.1f} s of the relay with its start"
    )
    return ratio <= MOST_RATIO and growth <= MOST_GROWTH_MIB


if __name__ == "__main__":
    counts = [int(argument) for argument in sys.argv[1:] if argument.isdecimal()]
    good = measure(counts[0] if counts else FILES, journal="no-journal" not in sys.argv)
    sys.exit(0 if good or "anyhow" in sys.argv else 1)
