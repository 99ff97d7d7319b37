"""A run that is killed again and again: ``python tests/bench/kills.py [--files N] [--kills N] [--seed N] [--command]``.

A program transcribes a folder with a journal, and gets SIGKILL at random moments, some of them while it begins; then it
is started again, and in the end left alone. The relay runs in a process of its own, answers with the digest of what was
uploaded, and counts how often it heard each recording. After each kill the journal is looked into by way of a copy, so
that the next start finds it as the kill left it.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

import attrs

from zhongzhuan_audio.models import Segment
from zhongzhuan_audio.relay import LocalRelay, Recognition, TranscribeOptions

FILES = 2_000
KILLS = 20
SEED = 7
ANSWER_S = (0.02, 0.08)
"""How long the relay takes: something between the two, by the digest."""
CONCURRENCY = 32
EARLY = 0.25
"""Of all kills, those that may come before the run has done anything new."""
EARLY_S = 1.0
LATE_S = 0.02
"""How long after the outcome that it waits for a kill comes, at most."""
PATIENCE_S = 120.0
"""How long one start of the program may take."""
MP3 = (b"\xff\xfb\x90\x00" + bytes(413)) * 3

Way: TypeAlias = Callable[[Path, Path], tuple[list[str], Path]]
"""Of the folder with the recordings and one for whatever the program keeps: the program's command line, and where its
journal will lie. It finds the relay by its environment, and prints `Outcome.record()` as a line of JSON for each."""

PROGRAM = """
    import asyncio, json, sys
    from pathlib import Path
    from zhongzhuan_audio import AsyncClient

    async def main(folder, journal, concurrency):
        async with AsyncClient() as client:
            files = sorted(Path(folder).iterdir())
            async with client.transcribe_many(files, journal=journal, concurrency=int(concurrency)) as outcomes:
                async for outcome in outcomes:
                    print(json.dumps(outcome.record()), flush=True)

    asyncio.run(main(*sys.argv[1:]))
"""


def library(folder: Path, place: Path) -> tuple[list[str], Path]:
    """Use `transcribe_many`."""
    journal = place / "run.sqlite"
    return [sys.executable, "-c", textwrap.dedent(PROGRAM), str(folder), str(journal), str(CONCURRENCY)], journal


def command_line(folder: Path, place: Path) -> tuple[list[str], Path]:
    """Use the command, with a file for each transcript."""
    line = [sys.executable, "-m", "zhongzhuan_audio", "transcribe", str(folder), "--output-dir", str(place), "--json"]
    return [*line, "--concurrency", str(CONCURRENCY)], place / "journal.sqlite"


class Digests:
    """Hears the digest of what was uploaded, and counts how often it heard it."""

    models = ("whisper-1",)

    def __init__(self) -> None:
        self.heard: Counter[str] = Counter()

    async def transcribe(self, path: Path, options: TranscribeOptions) -> Recognition:  # noqa: ARG002 - what engines are given
        """Return the digest, after a while."""
        digest = await asyncio.to_thread(lambda: hashlib.sha256(path.read_bytes()).hexdigest())
        self.heard[digest] += 1
        quickest, slowest = ANSWER_S
        await asyncio.sleep(quickest + int(digest[:4], 16) / 0x1_0000 * (slowest - quickest))
        return Recognition(duration=1.0, segments=(Segment(id=0, start=0.0, end=1.0, text=digest),))


def serve(pipe: Connection) -> None:
    """Run the relay; tell what it counted whenever it is asked, until None comes through the pipe."""

    async def main() -> None:
        engine = Digests()
        async with LocalRelay(engine) as relay:
            pipe.send((relay.base_url, relay.api_key))
            while await asyncio.to_thread(pipe.recv) is not None:
                pipe.send((relay.request_count, relay.billable, dict(engine.heard)))

    asyncio.run(main())


@attrs.frozen
class Kept:
    """What a journal holds."""

    done: frozenset[str]
    """The answers, which are the digests of the recordings."""
    entries: int
    lost: int
    runs: int
    """Those that have not ended in order."""

    @classmethod
    def of(cls, journal: Path) -> Kept:
        """Look into a journal that nobody has open, and change nothing of it.

        Raises:
            AssertionError: It is damaged.
        """
        with tempfile.TemporaryDirectory() as folder:
            for path in journal.parent.glob(f"{journal.name}*"):
                # What is in shared memory is made of the other two again.
                if not path.name.endswith("-shm"):
                    shutil.copy(path, folder)
            connection = sqlite3.connect(Path(folder, journal.name))
            try:
                (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
                assert sound == "ok", sound
                if not connection.execute("SELECT 1 FROM sqlite_master WHERE name='entries'").fetchone():
                    return cls(frozenset(), 0, 0, 0)
                answers = connection.execute("SELECT answer FROM entries WHERE state='done'").fetchall()
                entries, lost = connection.execute("SELECT count(*), total(lost) FROM entries").fetchone()
                (runs,) = connection.execute("SELECT count(*) FROM runs").fetchone()
            finally:
                connection.close()
        return cls(frozenset(json.loads(answer)["text"] for (answer,) in answers), entries, int(lost), runs)


@attrs.frozen
class Moment:
    """When to kill: after so many recordings that are newly done and a little more, or after so many seconds."""

    count: int
    more_s: float
    at_most_s: float | None


@attrs.frozen
class Start:
    """One start of the program."""

    told: list[dict[str, Any]]
    """What it printed, up to its end or the kill."""
    fresh: int
    """Those of them that were not in the journal."""
    seconds: float

    @classmethod
    def of(cls, command: list[str], environ: dict[str, str], moment: Moment | None) -> Start:
        """Run the program until it ends, or until it is killed.

        Raises:
            AssertionError: It took too long, ended before it was to be killed, or did not end well.
        """
        began = time.monotonic()
        process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE)
        limit_s = PATIENCE_S if moment is None or moment.at_most_s is None else moment.at_most_s
        timer = threading.Timer(limit_s, process.kill)
        timer.start()
        told, fresh, killed = [], 0, False
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if not line.endswith(b"\n"):
                    break  # the kill came in the midst of it
                record = json.loads(line)
                if "summary" in record:
                    continue
                told.append(record)
                fresh += not told[-1]["from_journal"]
                if moment is not None and fresh == moment.count and not killed:
                    time.sleep(moment.more_s)
                    process.kill()
                    killed = True
            code = process.wait()
        finally:
            timer.cancel()
            process.kill()
            process.wait()
            process.stdout.close()
        seconds = time.monotonic() - began
        assert seconds < PATIENCE_S, f"not at its end after {PATIENCE_S:g} s"
        assert code == (0 if moment is None else -signal.SIGKILL), f"ended with {code} after {len(told)} outcomes"
        return cls(told, fresh, seconds)


@attrs.define
class Run:
    """All starts of the program together, and what is wrong with them."""

    names: dict[str, str]
    """Of each recording, by its digest."""
    ask: Callable[[], tuple[int, int, dict[str, int]]]
    """Returns the relay's requests, those that are billable, and how often it heard each digest."""
    journal: Path
    settled: dict[str, int] = attrs.field(factory=dict)
    """How often what is done was heard, when that was first seen."""
    risked: int = 0
    """Requests that were told to be maybe billed, and of which the journal does not know."""
    wrong: list[str] = attrs.field(factory=list)

    def look(self, told: list[dict[str, Any]]) -> Kept:
        """Compare what the program told with what the journal holds and the relay heard."""
        kept = Kept.of(self.journal) if self.journal.exists() else Kept(frozenset(), 0, 0, 0)
        _, _, heard = self.ask()
        for record in told:
            source, text = Path(record["source"]).name, record["text"]
            if record["status"] != "done" or self.names.get(text) != source:
                self.wrong.append(f"{source}: {record}")
            if text not in kept.done:
                self.wrong.append(f"{source} was told to be done, and the journal does not have it")
            for path in record.get("outputs", ()):
                if Path(path).read_text(encoding="utf-8") != f"{text}\n":
                    self.wrong.append(f"{path} is not what was heard of {source}")
            if not record["from_journal"]:
                self.risked += record["maybe_billed"]
                if text in self.settled:
                    self.wrong.append(f"{source} was done before and is told to be new")
        twice = [source for source, times in Counter(record["source"] for record in told).items() if times > 1]
        self.wrong += [f"{source} was told twice" for source in twice]
        self.wrong += [f"an answer that was lost: {self.names[text]}" for text in self.settled.keys() - kept.done]
        for digest in kept.done:
            before = self.settled.setdefault(digest, heard.get(digest, 0))
            if digest not in self.names or not before or heard[digest] != before:
                name = self.names.get(digest, "no recording of ours")
                self.wrong.append(f"{name}: done when it was heard {before} times, and now {heard.get(digest, 0)}")
        return kept

    def end(self, told: list[dict[str, Any]]) -> str:
        """Look at the last start, which nobody killed, and return what it all came to."""
        kept = self.look(told)
        requests, billable, heard = self.ask()
        files, maybe = len(self.names), sum(record["lost_before"] for record in told) + self.risked
        if sorted(record["text"] for record in told) != sorted(self.names):
            self.wrong.append(f"{len(told)} outcomes, {len({record['text'] for record in told})} of them different")
        if (len(kept.done), kept.entries, kept.runs) != (files, files, 0):
            self.wrong.append(f"{kept.entries} entries, {len(kept.done)} of them done, {kept.runs} runs not ended")
        for record in told:
            most = 1 + record["lost_before"] + record["maybe_billed"]
            if heard[record["text"]] > most:
                self.wrong.append(
                    f"{record['source']} was heard {heard[record['text']]} times, {most} at most are told"
                )
        if not files <= billable <= files + maybe:
            self.wrong.append(f"{billable} billable requests, of {files} files and {maybe} that were maybe billed")
        beside = sorted(path.name for path in self.journal.parent.glob(f"{self.journal.name}*"))
        if beside != [self.journal.name]:
            self.wrong.append(f"left behind: {beside}")
        bounds = f"{files} answers <= {billable} billable <= {files + maybe} with those told to be maybe billed"
        return f"{bounds}; {requests} requests"


def write_files(folder: Path, count: int, luck: random.Random) -> dict[str, str]:
    """Write small recordings, all different; return their names by their digests."""
    names = {}
    for number in range(count):
        content = MP3 + number.to_bytes(4, "big") + luck.randbytes(luck.randint(0, 4000))
        path = folder / f"{number:05}.mp3"
        path.write_bytes(content)
        names[hashlib.sha256(content).hexdigest()] = path.name
    return names


def moments(files: int, kills: int, luck: random.Random) -> list[tuple[int, float, float | None]]:
    """Return for each kill how many are to be done by then, how much later it comes, and how late it is at most.

    Each has a slice of the files to itself, so that all come before the end. Times are in seconds.
    """
    found = []
    for number in range(kills):
        first, last = files * number // (kills + 1) + 1, files * (number + 1) // (kills + 1)
        early = luck.random() < EARLY
        found.append((luck.randint(first, last), luck.uniform(0, LATE_S), luck.uniform(0, EARLY_S) if early else None))
    return found


def kill_again_and_again(way: Way, *, files: int = FILES, kills: int = KILLS, seed: int = SEED) -> str:
    """Run, kill and start again; return what it came to.

    Raises:
        AssertionError: Something was sent again that was done, is wrong, lost, damaged, or was billed and not told.
    """
    luck = random.Random(seed)  # noqa: S311 - no secret
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    relay = context.Process(target=serve, args=(theirs,))
    began, lines, before, idle = time.monotonic(), [], 0, 0
    relay.start()

    def ask() -> Any:
        ours.send("counts")
        return ours.recv()

    try:
        with tempfile.TemporaryDirectory() as root:
            folder, place = Path(root, "recordings"), Path(root, "place")
            folder.mkdir()
            place.mkdir()
            command, journal = way(folder, place)
            run = Run(write_files(folder, files, luck), ask, journal)
            url, key = ours.recv()
            environ = {**os.environ, "ZHONGZHUAN_BASE_URL": url, "ZHONGZHUAN_API_KEY": key}
            for until, more_s, at_most_s in moments(files, kills, luck):
                moment = Moment(max(1, until - before), more_s, at_most_s)
                begun = Start.of(command, environ, moment)
                idle += not begun.fresh
                kept = run.look(begun.told)
                before = len(kept.done)
                lines.append(
                    f"killed after {begun.seconds:.2f} s and {len(begun.told)} outcomes, {begun.fresh} of them new:"
                    f" {before} done, {kept.lost} requests that were lost"
                )
                assert not run.wrong, run.wrong[:10]
            lines.append(run.end(Start.of(command, environ, None).told))
            assert not run.wrong, run.wrong[:10]
    finally:
        ours.send(None)
        relay.join(10)
        if relay.is_alive():
            relay.kill()
    took = time.monotonic() - began
    return "\n".join([f"{files} files, {kills} kills ({idle} before anything new was done) in {took:.0f} s", *lines])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--command", action="store_true", help="use the command, not the library")
    asked = parser.parse_args()
    way = command_line if asked.command else library
    print(kill_again_and_again(way, files=asked.files, kills=asked.kills, seed=asked.seed))
