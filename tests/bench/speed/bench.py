"""How fast this package is beside others: ``bench.py [--rounds N] [--seconds S] [--only WORK ...] [--page PAGE]``.

Every client has a process of its own and sends to a sink in C, which is no bottleneck; of each load they take turns,
round after round, and what counts is the median of the rounds' ratios. The recordings lie in the current folder's file
system. With ``--page`` the tables, and a plot beside the page, are written into it. It never fails for a figure: how
fast a machine is depends on what else it does.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs
import trustme
from report import Results, report
from works import WORKS, Work

HERE = Path(__file__).parent
SAMPLE = HERE.parents[1] / "data" / "jfk.mp3"
ROUNDS = 5
SECONDS = 2.0
SEGMENTS, WORDS_EACH = 5_000, 4
PIECE = 1 << 20


@attrs.frozen
class Programs:
    """What was compiled."""

    sink: Path
    push: Path
    has_tls: bool


def compile_programs(folder: Path) -> Programs | None:
    """Compile the sink and the limit; None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    sink, push = folder / "sink", folder / "push"
    base = [compiler, "-O2", "-Wall", "-o"]
    subprocess.run([*base, push, HERE / "push.c"], check=True)
    made = subprocess.run(
        [*base, sink, "-DWITH_TLS", HERE / "sink.c", "-lssl", "-lcrypto"], capture_output=True, check=False
    )
    if made.returncode:
        print("there are no headers of OpenSSL: nothing over TLS is measured")
        subprocess.run([*base, sink, HERE / "sink.c"], check=True)
    return Programs(sink, push, has_tls=not made.returncode)


@attrs.frozen
class Ground:
    """Where it takes place."""

    folder: Path
    programs: Programs
    certificate: Path
    key: Path
    ca: Path


def prepare(folder: Path, programs: Programs) -> Ground:
    """Write the answers and the certificates."""
    (folder / "answer.json").write_text('{"text": "heard"}')
    (folder / "long.json").write_text(long_answer())
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    ground = Ground(folder, programs, folder / "certificate.pem", folder / "key.pem", folder / "ca.pem")
    authority.cert_pem.write_to_path(str(ground.ca))
    issued.private_key_pem.write_to_path(str(ground.key))
    for blob in issued.cert_chain_pems:
        blob.write_to_path(str(ground.certificate), append=True)
    return ground


def long_answer() -> str:
    """Return a transcript of some hours, with the times of its words."""
    segments, words = [], []
    for index in range(SEGMENTS):
        spoken = [f"word{index * WORDS_EACH + each}" for each in range(WORDS_EACH)]
        segments.append(
            {
                "id": index,
                "seek": index * 300,
                "start": index * 3.0,
                "end": index * 3.0 + 3.0,
                "text": " " + " ".join(spoken),
                "tokens": list(range(50364, 50364 + 2 * WORDS_EACH)),
                "temperature": 0.0,
                "avg_logprob": -0.25,
                "compression_ratio": 1.25,
                "no_speech_prob": 0.01,
            }
        )
        words += [
            {"word": word, "start": index * 3.0 + at * 0.75, "end": index * 3.0 + at * 0.75 + 0.75}
            for at, word in enumerate(spoken)
        ]
    text = "".join(segment["text"] for segment in segments).strip()
    whole = {"task": "transcribe", "language": "english", "duration": SEGMENTS * 3.0, "text": text}
    return json.dumps({**whole, "segments": segments, "words": words})


def make_files(folder: Path, work: Work) -> list[Path]:
    """Write the recordings of a load, or find them: one of the tests' own, over and over."""
    sound = SAMPLE.read_bytes()
    paths = [folder / f"{work.file_bytes}-{number}.mp3" for number in range(work.files)]
    for path in paths:
        if path.exists():
            continue
        with path.open("wb") as file:
            while (left := work.file_bytes - file.tell()) > 0:
                file.write(sound[:left])
            file.flush()
            os.fsync(file.fileno())
    return paths


def set_cache(paths: list[Path], *, cold: bool) -> None:
    """Have the files in memory, or not."""
    for path in paths:
        with path.open("rb") as file:
            if cold:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            else:
                while file.read(PIECE):
                    pass


class Sink:
    """A running sink."""

    def __init__(self, process: subprocess.Popen[str], port: int, *, tls: bool) -> None:
        self._process = process
        self.port = port
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/v1"

    def count(self) -> tuple[int, int]:
        """Return how many requests and bytes of bodies came since the last time."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("count\n")
        self._process.stdin.flush()
        requests, size = self._process.stdout.readline().split()
        return int(requests), int(size)


@contextmanager
def running_sink(ground: Ground, *, delay_ms: int = 0, tls: bool = False) -> Iterator[Sink]:
    """Run one."""
    command = [ground.programs.sink, ground.folder / "answer.json", str(delay_ms)]
    command += [ground.certificate, ground.key] if tls else []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Sink(process, int(process.stdout.readline()), tls=tls)
        process.stdin.close()


def run_client(
    name: str, work: Work, files: list[Path], sink: Sink, ground: Ground, seconds: float
) -> dict[str, float]:
    """Have a client do its work once; check that the sink has had it all."""
    sink.count()
    warm = 0
    if name.startswith("C, "):
        way = name.removeprefix("C, ")
        took = float(_output(ground.programs.push, sink.port, files[0], work.count or 1, way))
        told = {"requests": float(work.count or 1), "seconds": took}
    else:
        spec = {
            "url": sink.url,
            "files": [str(path) for path in files],
            "concurrency": work.concurrency,
            "warm": [str(SAMPLE)] * work.warm,
            "count": work.count,
            "seconds": None if work.count else seconds,
            "beats": work.is_watched,
            "ca": str(ground.ca) if work.is_tls else None,
        }
        told = json.loads(_output(sys.executable, HERE / "client.py", name, json.dumps(spec)))
        warm = work.warm * work.concurrency
    requests, size = sink.count()
    assert requests == told["requests"] + warm, (name, requests, told)
    assert size > told["requests"] * work.file_bytes, (name, size)
    return told


def run_other(name: str, work: Work, files: list[Path], sink: Sink, ground: Ground) -> dict[str, float]:
    """Have something else done once."""
    told: dict[str, float]
    if work.kind == "start":
        began = time.perf_counter()
        _output(sys.executable, HERE / "other.py", "start", name, sink.url, files[0])
        return {"seconds": time.perf_counter() - began}
    rest = [ground.folder / "long.json"] if work.kind == "decode" else []
    told = json.loads(_output(sys.executable, HERE / "other.py", work.kind, name, *rest))
    return told


def _output(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def measure(key: str, work: Work, ground: Ground, rounds: int, seconds: float, results: Results) -> None:
    """Give all clients their turns at a load."""
    files = make_files(ground.folder, work)
    with running_sink(ground, delay_ms=work.delay_ms, tls=work.is_tls) as sink:
        for number in range(rounds):
            for name in work.clients:
                set_cache(files, cold=work.is_cold)
                if work.kind == "uploads":
                    told = run_client(name, work, files, sink, ground, seconds)
                else:
                    told = run_other(name, work, files, sink, ground)
                results.add(key, name, told)
                print(f"{key} {number + 1}/{rounds} {name}: {json.dumps(told)}", flush=True)


def main() -> None:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--only", nargs="*", choices=WORKS, default=list(WORKS))
    parser.add_argument("--page", type=Path)
    asked = parser.parse_args()
    results = Results()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=".", prefix=".bench-"))).resolve()
        programs = compile_programs(folder)
        if programs is None:
            print("there is no C compiler: nothing is measured, for every server in Python is slower than the clients")
            return
        ground = prepare(folder, programs)
        for key in asked.only:
            if not WORKS[key].is_tls or programs.has_tls:
                measure(key, WORKS[key], ground, asked.rounds, asked.seconds, results)
    report(results, page=asked.page)


if __name__ == "__main__":
    main()
