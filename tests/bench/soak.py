"""Thousands of calls through a relay that fails in every way it can: ``python tests/bench/soak.py [CALLS]``.

The relay runs in a process of its own and hears a digest of what was uploaded, so that a transcript which belongs to
another call or to half a recording is seen. What a process holds is counted in objects, which must not grow; resident
memory is reported, and settles some megabytes higher as the allocator meets its worst moments.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import attrs

from zhongzhuan_audio import AsyncClient, Limits, RetryPolicy, Timeouts
from zhongzhuan_audio.errors import ZhongzhuanError
from zhongzhuan_audio.events import Event, MaybeBilled
from zhongzhuan_audio.models import Segment
from zhongzhuan_audio.relay import Fault, FaultPlan, LocalRelay, Recognition, ScriptedAnswer, TranscribeOptions

CALLS = 20_000
CONCURRENCY = 64
SHARE = 0.3
"""Of all requests, those that fail."""
SEED = 7
EARLY = "This is an early answer."
FORMATS = ("json", "verbose_json", "text", "srt", "vtt")
RECORDING = (Path(__file__).parent.parent / "data" / "jfk.mp3").read_bytes()
WARM_CALLS = 2_000

REFUSALS = {
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    500: "UpstreamError",
    502: "UpstreamError",
    503: "ModelUnavailableError",
    504: "UpstreamError",
    524: "UpstreamError",
}
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("ok", {"kind": "informational"}),
    ("ok TransportError", {"kind": "early-answer", "reply": ScriptedAnswer(200, json.dumps({"text": EARLY}))}),
    ("PayloadTooLargeError TransportError", {"kind": "early-refusal"}),
    ("TransportError", {"kind": "reset-before-upload"}),
    ("TransportError", {"kind": "reset-during-upload"}),
    ("TransportError", {"kind": "reset-during-upload", "size_bytes": 65_536}),
    *((ends, {"kind": "answer", "reply": Fault.refusal(status).reply}) for status, ends in REFUSALS.items()),
    ("RateLimitError", {"kind": "answer", "reply": Fault.refusal(429, retry_after=0.05).reply}),
    ("RateLimitError", {"kind": "answer", "reply": ScriptedAnswer(200, '{"error": {"message": "上游负载已饱和"}}')}),
    ("InvalidResponseError", {"kind": "answer", "reply": ScriptedAnswer(200, "")}),
    ("InvalidResponseError", {"kind": "html"}),
    ("", {"kind": "redirect"}),
    ("TransportError", {"kind": "redirect", "location": "loop"}),
    ("TransportError", {"kind": "redirect", "location": "http://other.invalid/v1"}),
    ("TransportError", {"kind": "reset-after-upload"}),
    ("TransportError", {"kind": "fin-after-upload"}),
    ("TimedOutError", {"kind": "stall-before-headers"}),
    ("TimedOutError", {"kind": "stall-in-headers"}),
    ("TimedOutError", {"kind": "stall-after-headers"}),
    ("TimedOutError", {"kind": "stall-in-body"}),
    ("ok", {"kind": "stall-in-body", "seconds": 0.1}),
    ("ok", {"kind": "drip", "seconds": 0.01}),
    ("TransportError", {"kind": "truncated"}),
    ("TransportError", {"kind": "truncated-chunked"}),
    ("TransportError", {"kind": "bad-gzip"}),
    ("ok InvalidResponseError", {"kind": "short-length"}),
    ("TransportError", {"kind": "garbage-status"}),
    ("TransportError", {"kind": "long-header"}),
    ("ok", {"kind": "close-after-answer"}),
    # Strikes when the connection is used again.
    ("ok TransportError", {"kind": "close-on-reuse"}),
)
"""What goes wrong, and how the attempt may end that meets it; a redirect to the same place is followed."""


class Digests:
    """Hears the digest of what was uploaded."""

    models = ("whisper-1",)

    async def transcribe(self, path: Path, options: TranscribeOptions) -> Recognition:
        """Return the call's number, which is its prompt, and the digest."""
        digest = await asyncio.to_thread(lambda: hashlib.sha256(path.read_bytes()).hexdigest())
        text = f"{options.prompt} {digest}"
        return Recognition(duration=1.0, segments=(Segment(id=0, start=0.0, end=1.0, text=text),))


def serve(pipe: Connection) -> None:
    """Run the relay until something comes through the pipe; then tell what it counted."""

    async def main() -> None:
        struck: Counter[int] = Counter()

        def counting(number: int) -> Fault:
            def where(_: object) -> bool:
                struck[number] += 1
                return True

            # The first that strikes wins, so that each is asked only when those before it were not.
            return Fault(probability=1 - (1 - SHARE) ** (1 / len(FAULTS)), where=where, **FAULTS[number][1])

        plan = FaultPlan(map(counting, range(len(FAULTS))), seed=SEED)
        async with LocalRelay(Digests(), faults=plan) as relay:
            pipe.send(relay.base_url)
            await asyncio.to_thread(pipe.recv)
            pipe.send((relay.request_count, relay.billable, struck))

    asyncio.run(main())


@attrs.frozen
class Size:
    """What the client's process holds after so many calls."""

    calls: int
    objects: int
    """Those that the garbage collector tracks."""
    resident_kib: int

    def __str__(self) -> str:
        """Return it as a line."""
        return f"{self.objects} objects and {self.resident_kib / 1024:.1f} MiB resident after {self.calls} calls"


def measure(calls: int) -> Size:
    """Return what is held now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Size(calls, len(gc.get_objects()), pages * resource.getpagesize() // 1024)


@attrs.define
class Tally:
    """What the client saw."""

    outcomes: Counter[str] = attrs.field(factory=Counter)
    attempts: Counter[str] = attrs.field(factory=Counter)
    maybe_billed: int = 0
    wrong: list[str] = attrs.field(factory=list)
    complaints: list[str] = attrs.field(factory=list)
    """Warnings, and errors that nobody caught."""
    sizes: list[Size] = attrs.field(factory=list)

    def listen(self, event: Event) -> None:
        """Count what may have been billed."""
        self.maybe_billed += isinstance(event, MaybeBilled)


async def call(client: AsyncClient, number: int, recordings: list[tuple[Path, str]], tally: Tally) -> None:
    """Make one call, and look closely at its end."""
    # Each twentieth is large enough to go out in pieces.
    path, digest = recordings[1 if number % 20 == 0 else 0]
    try:
        result = await client.transcribe(path, prompt=f"call {number}", response_format=FORMATS[number % 5])  # type: ignore[arg-type]
    except ZhongzhuanError as error:
        made, ending = error.attempts, type(error).__name__
        if not made or made[-1].error != ending or "sk-" in str(error):
            tally.wrong.append(f"{number}: {error!r}")
        if (error.billed == "maybe") != any(attempt.billed == "maybe" for attempt in made):
            tally.wrong.append(f"{number}: billed {error.billed}, but {made}")
    else:
        made, ending = result.attempts, "transcript"
        if result.text.strip() not in {f"call {number} {digest}", EARLY}:
            tally.wrong.append(f"{number}: {result.text}")
    if sum(attempt.billed == "maybe" for attempt in made) > 2:
        tally.wrong.append(f"{number}: risked too often: {made}")
    tally.outcomes[ending] += 1
    tally.attempts.update(attempt.error or "ok" for attempt in made)


async def run_calls(url: str, calls: int, recordings: list[tuple[Path, str]], tally: Tally) -> None:
    """Make all calls through one client, and find out what is left of them."""
    asyncio.get_running_loop().set_exception_handler(lambda _, context: tally.complaints.append(str(context)))
    # A thread pool that has once grown keeps its descriptors.
    await asyncio.to_thread(int)
    descriptors = len(os.listdir("/proc/self/fd"))
    numbers = iter(range(calls))
    client = AsyncClient(
        url,
        "sk-local",
        limits=Limits(max_concurrency=CONCURRENCY),
        retry=RetryPolicy(backoff_base_s=0.01, backoff_cap_s=0.1),
        timeouts=Timeouts(answer_stall_s=0.5, upload_stall_s=5, connect_s=5),
        on_event=tally.listen,
    )

    async def worker() -> None:
        for number in numbers:
            await call(client, number, recordings, tally)
            done = sum(tally.outcomes.values())
            if done in {WARM_CALLS, calls}:
                tally.sizes.append(measure(done))

    async with client:
        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
        opened = client._pipeline._sessions._opened  # type: ignore[union-attr]
        assert opened is not None
        if opened.session.connector._acquired:  # type: ignore[union-attr]
            tally.wrong.append("connections were not given back")
        if opened.pacer.waiting or opened.pacer._running:
            tally.wrong.append("turns were not given back")
    gc.collect()
    # What aiohttp closes is closed in the next turns of the loop.
    for _ in range(100):
        left = len(os.listdir("/proc/self/fd")) - descriptors
        if left <= 0:
            break
        await asyncio.sleep(0.01)
    else:
        tally.wrong.append(f"{left} descriptors were not closed")
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if tasks:
        tally.wrong.append(f"tasks are left: {tasks}")


def soak(calls: int) -> str:
    """Run a soak and return what it came to.

    Raises:
        AssertionError: A call ended wrongly, was billed without being told, or left something behind.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    relay = context.Process(target=serve, args=(theirs,))
    tally = Tally()
    hook, sys.unraisablehook = sys.unraisablehook, lambda args: tally.complaints.append(repr(args.exc_value))
    relay.start()
    started = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            recordings = []
            for name, content in (("small", RECORDING), ("large", RECORDING + bytes(600_000))):
                path = Path(folder, f"{name}.mp3")
                path.write_bytes(content)
                recordings.append((path, hashlib.sha256(content).hexdigest()))
            asyncio.run(run_calls(ours.recv(), calls, recordings, tally))
            gc.collect()
        tally.complaints += [str(warning.message) for warning in caught]
        seconds = time.perf_counter() - started
        ours.send(None)
        requests, billable, struck = ours.recv()
    finally:
        sys.unraisablehook = hook
        relay.join(10)
        if relay.is_alive():
            relay.kill()
    good = tally.outcomes["transcript"]
    assert not tally.wrong, tally.wrong[:10]
    assert not tally.complaints, tally.complaints[:10]
    assert sum(tally.outcomes.values()) == calls
    assert good <= billable <= good + tally.maybe_billed, (good, billable, tally.maybe_billed)
    assert calls < len(FAULTS) * 20 or len(struck) == len(FAULTS), struck
    for error in tally.attempts.keys() - {"ok"}:
        surely = sum(times for number, times in struck.items() if FAULTS[number][0] == error)
        perhaps = sum(times for number, times in struck.items() if error in FAULTS[number][0].split())
        assert surely <= tally.attempts[error] <= perhaps, (error, surely, tally.attempts[error], perhaps)
    first, last = tally.sizes[0], tally.sizes[-1]
    assert last.objects < first.objects * 1.05, (first, last)
    lines = [
        f"{calls} calls, {requests} requests ({struck.total()} of them failed on purpose) in {seconds:.0f} s",
        f"calls ended as {dict(tally.outcomes.most_common())}",
        f"attempts ended as {dict(tally.attempts.most_common())}",
        f"{good} transcripts <= {billable} billable <= {good + tally.maybe_billed} with what may have been billed",
        *map(str, tally.sizes),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(soak(int(sys.argv[1]) if len(sys.argv) > 1 else CALLS))
