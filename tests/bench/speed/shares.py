"""Where the time of a small upload goes: ``shares.py``; prints a table.

A profiler makes small functions look dearer than they are: the shares tell what to look at, not what it costs.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from bench import compile_programs, make_files, prepare, running_sink
from client import Spec, ours
from works import WORKS

WORK = WORKS["small-16"]
REQUESTS, WARM = 4000, 100
PACKAGES = ("aiohttp", "asyncio", "zhongzhuan_audio")
FOLDERS = {
    "transport": "sending and receiving: attempts, retries, pacing, failover, connections",
    "upload": "the recording: opening, recognising, reading, the body",
    "audio": "the recording: opening, recognising, reading, the body",
    "protocol": "the form, and the answer's decoding and checks",
    "models": "the form, and the answer's decoding and checks",
}
"""Of this package, and what is done there."""


def group_of(path: str) -> str:
    """Return what a source file's time counts as."""
    parts = Path(path).parts
    package = next((part for part in reversed(parts) if part in PACKAGES), "the rest")
    if package != "zhongzhuan_audio":
        return package
    return FOLDERS.get(Path(path).parent.name, "the client's calls and their options")


async def profile(spec: Spec) -> cProfile.Profile:
    """Send small recordings under a profiler."""
    found = cProfile.Profile()
    async with ours(spec) as send:
        await asyncio.gather(*(send(spec.files[0]) for _ in range(WARM)))
        work = spec.work()

        async def worker() -> None:
            for path in work:
                await send(path)

        found.enable()
        await asyncio.gather(*(worker() for _ in range(spec.concurrency)))
        found.disable()
    return found


def shares(found: cProfile.Profile) -> tuple[Counter[str], Counter[str]]:
    """Return the seconds of each group and of each function; what is built in counts as its caller's."""
    groups: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    stats: dict[Any, Any] = pstats.Stats(found).stats  # type: ignore[attr-defined]
    for (path, _, name), (_, _, own, _, callers) in stats.items():
        if path == "~":
            functions[name] += own
            for (calling, _, _), (_, _, of_caller, _) in callers.items():
                groups[group_of(calling)] += of_caller
        else:
            functions[f"{Path(path).name}: {name}"] += own
            groups[group_of(path)] += own
    return groups, functions


def main() -> None:
    """Profile, and print."""
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as place:
        folder = Path(place).resolve()
        programs = compile_programs(folder)
        if programs is None:
            print("there is no C compiler, and so nothing to send to")
            return
        with running_sink(prepare(folder, programs)) as sink:
            told = {"url": sink.url, "files": [str(path) for path in make_files(folder, WORK)], "count": REQUESTS}
            rest = {"concurrency": WORK.concurrency, "warm": [], "seconds": None, "beats": False, "ca": None}
            groups, functions = shares(asyncio.run(profile(Spec({**told, **rest}))))
    print("| | share |\n| --- | ---: |")
    for name, seconds in groups.most_common():
        print(f"| {name} | {seconds / groups.total():.0%} |")
    print("\nThe first functions:")
    for name, seconds in functions.most_common(5):
        print(f"{seconds / functions.total():.1%} {name}")


if __name__ == "__main__":
    main()
