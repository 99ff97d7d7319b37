"""How fast a long recording is made ready, and in how much memory: ``prepare.py [MINUTES] [KIND]``.

Joins the samples with pauses to a recording of three hours (KIND is m4a, wav or mp3), decodes it and hears it for
speech, encodes all of it as one stretch in each way, and converts it in one go. One core is what ``taskset -c 0``
leaves. Times real time are told by the clock, and by the processor's time, which other programs do not change much.

The longest time that the loop did not turn is told apart for the first, short recording: Python's lock is held while
the libraries are loaded.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import av
import numpy as np

from zhongzhuan_audio.media.encoding import BIT_RATES
from zhongzhuan_audio.media.preparing import convert, encode_stretches, listen
from zhongzhuan_audio.upload.opening import open_source

MINUTES = 180
DATA = Path(__file__).parent.parent / "data"
KINDS = {"m4a": ("ipod", "aac", 44_100), "wav": ("wav", "pcm_s16le", 16_000), "mp3": ("mp3", "libmp3lame", 44_100)}
PAUSE_S = 1.5
RATE = 16_000
T = TypeVar("T")


def joined() -> Any:
    """Return the samples, one behind the other with pauses, at 16 kHz."""
    parts = []
    for path in sorted([*DATA.glob("*.mp3"), *DATA.glob("*.wav")]):
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        with av.open(str(path)) as file:
            parts += [piece.to_ndarray()[0] for frame in file.decode(audio=0) for piece in resampler.resample(frame)]
        parts.append(np.zeros(round(PAUSE_S * RATE), np.int16))
    return np.concatenate(parts)


def write(path: Path, kind: str, minutes: float) -> Path:
    """Write a recording of so many minutes."""
    container, codec, rate = KINDS[kind]
    samples, left = joined(), round(minutes * 60 * RATE)
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
        while left > 0:
            frame = av.AudioFrame.from_ndarray(samples[:left].reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate = RATE
            for piece in resampler.resample(frame):
                file.mux(stream.encode(piece))
            left -= frame.samples
        for piece in resampler.resample(None):
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    return path


async def longest_stall(stop: asyncio.Event) -> float:
    """Return the longest time between two turns of the loop, in seconds."""
    worst, last = 0.0, time.perf_counter()
    while not stop.is_set():
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        worst, last = max(worst, now - last - 0.001), now
    return worst


def resident_mib() -> float:
    """Return the most memory that was ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def watched(name: str, seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Do it and print how it went."""
    stop = asyncio.Event()
    watch = asyncio.create_task(longest_stall(stop))
    await asyncio.sleep(0)
    before, began, used = resident_mib(), time.perf_counter(), time.process_time()
    result = await work
    clock, processor = time.perf_counter() - began, time.process_time() - used
    stop.set()
    print(
        f"{name:16}{clock:7.1f} s, {seconds / clock:6.1f} times real time "
        f"({seconds / processor:.1f} by processor time); "
        f"peak memory grew by {resident_mib() - before:.1f} MiB; longest stall {await watch * 1000:.1f} ms",
        flush=True,
    )
    return result


async def measure(short: Path, long: Path, seconds: float) -> None:
    """Load the libraries with a short recording, then do all with the long one."""
    first = await open_source(short)
    heard = await watched("first", 60, listen(first))
    (await encode_stretches(heard.channels[0].pcm, [(0, 60)])).close()
    heard.close()
    source = await open_source(long)
    heard = await watched("listen", seconds, listen(source))
    print(f"  {heard.duration_s:.2f} s, {len(heard.channels[0].speech)} spans of speech, {heard.lost_s:.2f} s lost")
    for encoding in BIT_RATES:
        piece = await watched(encoding, seconds, encode_stretches(heard.channels[0].pcm, [(0, seconds)], encoding))
        told = await piece.probe()
        print(f"  {piece.size_bytes / 2**20:.1f} MiB, {told.duration_s if told else None} s")
        piece.close()
    heard.close()
    (await watched("convert", seconds, convert(source))).close()
    print(f"peak memory {resident_mib():.1f} MiB")


def main() -> None:
    """Run it."""
    minutes = float(next((argument for argument in sys.argv[1:] if argument[0].isdecimal()), MINUTES))
    kind = next((argument for argument in sys.argv[1:] if argument in KINDS), "m4a")
    with tempfile.TemporaryDirectory() as folder:
        short, long = Path(folder, f"short.{kind}"), Path(folder, f"long.{kind}")
        # Elsewhere: what the encoder takes would hide what is measured.
        for path, length in ((short, 1.0), (long, minutes)):
            writer = multiprocessing.get_context("spawn").Process(target=write, args=(path, kind, length))
            writer.start()
            writer.join()
        asyncio.run(measure(short, long, minutes * 60))


if __name__ == "__main__":
    main()
