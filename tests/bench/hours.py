"""Three hours through the client: ``hours.py [MINUTES] [KIND]``.

A recording like that of prepare.py (KIND is m4a, wav or mp3) is transcribed by a client that has one core to itself, in
pieces, by a relay in a process of its own that says the same of each at once. So what it takes is decoding, hearing,
cutting, encoding, sending and putting together. Memory is resident, the most that there was, against what there was
after a recording of a minute. It fails where that grew by more than 150 MiB, or took more than a fiftieth of the
recording's time by the processor's clock: the clock on the wall is told as well, which other programs change.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from prepare import KINDS, MINUTES, resident_mib, write

from zhongzhuan_audio import AsyncClient, AudioLimits
from zhongzhuan_audio.models import Segment
from zhongzhuan_audio.relay import LocalRelay, Recognition, ScriptedEngine

MOST_GROWTH_MIB = 150.0
LEAST_TIMES = 50.0
SMALL = AudioLimits(max_bytes=200_000)
"""So that a minute goes in pieces as well."""
SAID = Recognition(duration=600.0, text="heard", segments=(Segment(id=0, start=0.0, end=600.0, text="heard"),))


def serve(pipe: Connection, cores: set[int]) -> None:
    """Run the relay until something comes through the pipe; then tell how many requests came, and their bytes."""
    if cores:
        os.sched_setaffinity(0, cores)

    async def main() -> None:
        async with LocalRelay(ScriptedEngine(SAID)) as relay:
            pipe.send(relay.base_url)
            await asyncio.to_thread(pipe.recv)
            pipe.send([request.size_bytes for request in relay.requests])

    asyncio.run(main())


async def measure(url: str, short: Path, long: Path, seconds: float) -> bool:
    """Transcribe both, tell of the long one, and return whether all is as it should be."""
    async with AsyncClient(url, "sk-local", audio_limits=SMALL) as client:
        await client.transcribe(short, response_format="verbose_json")
    before, began, used = resident_mib(), time.perf_counter(), time.process_time()
    async with AsyncClient(url, "sk-local") as client:
        found = await client.transcribe(long, response_format="verbose_json", prepare="always")
    clock, processor = time.perf_counter() - began, time.process_time() - used
    growth_mib = resident_mib() - before
    done = found.preparation
    assert done is not None
    print(
        f"{found.duration:.1f} s in {done.pieces} pieces, {done.original_bytes / 2**20:.1f} MiB to "
        f"{done.sent_bytes / 2**20:.1f}; {clock:.1f} s, {seconds / clock:.1f} times real time, "
        f"{seconds / processor:.1f} by processor time; memory grew by {growth_mib:.1f} MiB from {before:.1f}"
    )
    return growth_mib <= MOST_GROWTH_MIB and seconds / processor >= LEAST_TIMES and done.pieces > 1


def main() -> None:
    """Run it."""
    minutes = float(next((argument for argument in sys.argv[1:] if argument[0].isdecimal()), MINUTES))
    kind = next((argument for argument in sys.argv[1:] if argument in KINDS), "m4a")
    context = multiprocessing.get_context("spawn")
    first, *others = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        short, long = Path(folder, f"short.{kind}"), Path(folder, f"long.{kind}")
        for path, length in ((short, 1.0), (long, minutes)):
            writer = context.Process(target=write, args=(path, kind, length))
            writer.start()
            writer.join()
        pipe, theirs = context.Pipe()
        relay = context.Process(target=serve, args=(theirs, set(others)))
        relay.start()
        os.sched_setaffinity(0, {first})
        good = asyncio.run(measure(pipe.recv(), short, long, minutes * 60))
        pipe.send(None)
        sizes = pipe.recv()
        relay.join()
    print(f"the relay had {len(sizes)} requests, the largest of {max(sizes) / 2**20:.1f} MiB")
    if not good:
        sys.exit("not as it should be")


if __name__ == "__main__":
    main()
