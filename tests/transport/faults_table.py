"""Each fault of the embedded relay and what the client is to make of it: the cases, and one run of a case."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

from zhongzhuan_audio import AsyncClient, RetryPolicy, Timeouts
from zhongzhuan_audio.errors import Attempt, ZhongzhuanError
from zhongzhuan_audio.events import Event, MaybeBilled
from zhongzhuan_audio.relay import Fault, LocalRelay, ScriptedEngine, parse_faults
from zhongzhuan_audio.relay.faultbytes import WELL

DATA = Path(__file__).parent.parent / "data"
ROWS: Mapping[str, Mapping[str, Any]] = {
    row["id"]: row for row in json.loads((DATA / "responses.json").read_text(encoding="utf-8"))
}
SMALL_BYTES = 8_000
"""One write, which a socket takes whole."""
LARGE_BYTES = 16_000_000
"""Many writes, and more than the buffers of both sockets hold: the end of it cannot be on its way unread."""
STALL_S = 0.5
"""Short enough to wait for, and long for an answer on loopback."""
AMPLE_S = 30.0

Size = Literal["small", "large"]


@attrs.frozen
class Met:
    """How a call ended, and what went out for it."""

    end: str
    """ "transcript", or the error's name, with the phase where the time ran out."""
    attempts: tuple[str, ...]
    """Of each the status and the error; a question mark at the end means that it may have been billed."""
    requests: int
    """That the relay saw."""
    billable: int
    """Of these, what a real relay would have charged for."""

    @property
    def maybe_billed(self) -> int:
        """Return how many attempts may have been billed although they gave no transcript."""
        return sum(attempt.endswith("?") for attempt in self.attempts)


@attrs.frozen
class Run:
    """A call against a relay that fails, and what it left behind."""

    met: Met
    billed: str
    """What the error says of itself; "no" where there was none."""
    told: int
    """`MaybeBilled` events."""
    open_files: int
    """Descriptors of the recording that were still open when the call was over."""
    held_connections: int
    """Connections that were not back in the pool then."""
    after: str
    """What the next call heard from the relay, which was well again."""


def good(*failed: str, requests: int | None = None, billable: int = 1) -> Met:
    """Return an end with a transcript, after these failures."""
    return Met("transcript", (*failed, "200"), requests or len(failed) + 1, billable)


def bad(
    attempt: str, times: int = 1, *, requests: int | None = None, billable: int = 0, phase: str | None = None
) -> Met:
    """Return an end with an error, after so many attempts of one kind."""
    error = attempt.removesuffix("?").rpartition(" ")[2]
    return Met(f"{error}, {phase}" if phase else error, (attempt,) * times, requests or times, billable)


@attrs.frozen
class Case:
    """A fault and how it is to be met."""

    what: str
    """In plain words."""
    fault: str
    """As `serve --faults` takes it, with ``{port}`` for the relay's own; or ``row:ID`` of responses.json."""
    once: Met
    """Where it strikes one request."""
    always: Met = attrs.field(default=attrs.Factory(lambda self: self.once, takes_self=True))
    """Where it strikes every request."""
    sizes: tuple[Size, ...] = attrs.field(default=("small",), kw_only=True)
    """Of the recordings that it is met so with."""
    formats: tuple[str, ...] = attrs.field(default=("json",), kw_only=True)
    """Asked for, one after the other."""
    says: str | None = attrs.field(default=None, kw_only=True)
    """What the transcript is where the fault makes it."""
    warm: bool = attrs.field(default=False, kw_only=True)
    """Whether another call comes first, over the same connection."""
    stall_s: float = attrs.field(default=AMPLE_S, kw_only=True)
    attempt_s: float = attrs.field(default=AMPLE_S, kw_only=True)
    deadline_s: float | None = attrs.field(default=None, kw_only=True)

    def faults(self, port: int, *, once: bool) -> tuple[Fault, ...]:
        """Return the relay's faults."""
        times = 1 if once else None
        kind, _, row = self.fault.partition(":")
        if kind == "row":
            return (Fault.from_row(ROWS[row], times=times),)
        return tuple(attrs.evolve(fault, times=times) for fault in parse_faults(self.fault.format(port=port)).faults)


LOST = "TransportError?"
CUT = "TransportError"
STALLED = "TimedOutError?"
LOST_CASE = (good(LOST, billable=2), bad(LOST, 2, billable=2))
STALLED_CASE = (good(STALLED, billable=2), bad(STALLED, 2, billable=2, phase="answer"))
BOTH: tuple[Size, ...] = ("small", "large")

CASES = (
    Case("sends 100 and 103 before its answer", "informational", good(), sizes=BOTH),
    Case(
        "answers 413 before it has read the upload, then resets",
        "early-refusal",
        bad("413 PayloadTooLargeError"),
        sizes=BOTH,
    ),
    Case(
        "answers with a transcript before it has read the upload; a small one is sent by then",
        "early-answer",
        good(),
        says=str(json.loads(WELL.body)["text"]),
    ),
    Case("the same; a large upload is still on its way", "early-answer", good(CUT), bad(CUT, 4), sizes=("large",)),
    Case(
        "resets when it has read the headers; a small upload is sent by then",
        "reset-before-upload",
        good(LOST),
        bad(LOST, 2),
    ),
    Case(
        "the same; a large upload is still on its way", "reset-before-upload", good(CUT), bad(CUT, 4), sizes=("large",)
    ),
    Case("resets when it has read the beginning of a small upload", "reset-during-upload", good(LOST), bad(LOST, 2)),
    Case(
        "resets in the middle of a large upload",
        "reset-during-upload=1000000",
        good(CUT),
        bad(CUT, 4),
        sizes=("large",),
    ),
    Case("resets when it has the whole upload", "reset-after-upload", *LOST_CASE, sizes=BOTH),
    Case("closes when it has the whole upload", "fin-after-upload", *LOST_CASE, sizes=BOTH),
    Case("falls silent before its answer", "stall-before-headers", *STALLED_CASE, sizes=BOTH, stall_s=STALL_S),
    Case("falls silent in the headers", "stall-in-headers", *STALLED_CASE, stall_s=STALL_S),
    Case("falls silent after the headers", "stall-after-headers", *STALLED_CASE, stall_s=STALL_S),
    Case(
        "falls silent in the middle of its answer",
        "stall-in-body",
        *STALLED_CASE,
        stall_s=STALL_S,
        formats=("json", "text"),
    ),
    Case(
        "falls silent, and `deadline_s` passes",
        "stall-before-headers",
        bad(STALLED, billable=1, phase="deadline"),
        deadline_s=STALL_S,
    ),
    Case("drips its answer, 16 bytes at a time", "drip=16:interval=0.005", good()),
    Case("drips its answer, and `attempt_s` passes", "drip=1:interval=0.05", *STALLED_CASE, attempt_s=STALL_S),
    Case("cuts its answer off", "truncated", *LOST_CASE, sizes=BOTH, formats=("json", "text")),
    Case("cuts off an answer in chunks", "truncated-chunked", *LOST_CASE, formats=("json", "text")),
    Case("answers with gzip that cannot be unpacked", "bad-gzip", *LOST_CASE, formats=("json", "text")),
    Case("gives too small a Content-Length", "short-length", *LOST_CASE, formats=("json", "text")),
    Case("answers with what is no HTTP", "garbage-status", *LOST_CASE),
    Case("sends a header of 64 KiB", "long-header", *LOST_CASE),
    Case("closes after a good answer", "close-after-answer", good(), warm=True),
    Case(
        "closes a kept-alive connection when a small upload comes over it",
        "close-on-reuse",
        good(LOST, requests=2),
        warm=True,
    ),
    Case("the same with a large upload", "close-on-reuse", good(CUT, requests=2), warm=True, sizes=("large",)),
    Case("redirects to the same place", "redirect", good(requests=2), bad(CUT, requests=4), sizes=BOTH),
    Case("redirects in a loop", "redirect=loop", bad(CUT, requests=4)),
    Case(
        "redirects to another host, which never gets the key",
        "redirect=http%3A//localhost%3A{port}/v1/audio/transcriptions",
        bad(CUT),
    ),
    Case("401, the token is wrong", "row:token-invalid", bad("401 AuthenticationError"), sizes=BOTH),
    Case("403, the quota is used up", "row:quota-user", bad("403 QuotaExceededError")),
    Case("403, the token may not use the model", "row:model-forbidden", bad("403 PermissionDeniedError")),
    Case("404 with a web page", "row:not-found-html", bad("404 NotFoundError")),
    Case("413", "row:nginx-413", bad("413 PayloadTooLargeError")),
    Case("429, busy", "row:saturated", good("429 RateLimitError"), bad("429 RateLimitError", 4), sizes=BOTH),
    Case(
        "429 with a short `Retry-After`",
        "429:retry-after=0.01",
        good("429 RateLimitError"),
        bad("429 RateLimitError", 4),
    ),
    Case("429 with a `Retry-After` beyond `retry_after_cap_s`", "429:retry-after=120", bad("429 RateLimitError")),
    Case("500, the upstream failed", "row:do-request-failed", good("500 UpstreamError"), bad("500 UpstreamError", 4)),
    Case("500, the upstream takes no such file", "row:wrapped-bad-format", bad("500 BadRequestError")),
    Case("502 with a gateway's page", "row:nginx-502", good("502 UpstreamError"), bad("502 UpstreamError", 4)),
    Case("503, no channel for the model", "row:no-channel-newapi", bad("503 ModelUnavailableError")),
    Case("504 with a gateway's page", "row:nginx-504", bad("504 UpstreamError?")),
    Case("524 with a gateway's page", "row:cloudflare-524", bad("524 UpstreamError?")),
    Case("200 with an error object", "row:ok-error-object", bad("200 ModelUnavailableError")),
    Case("200 with a web page", "html", bad("200 InvalidResponseError"), formats=("json", "text")),
    Case(
        "200 and nothing else",
        "row:ok-empty",
        good("200 InvalidResponseError?", billable=2),
        bad("200 InvalidResponseError?", 2, billable=2),
        formats=("json", "text"),
    ),
    Case(
        "200 with JSON that is cut off",
        "row:ok-truncated-json",
        good("200 InvalidResponseError?", billable=2),
        bad("200 InvalidResponseError?", 2, billable=2),
        formats=("json", "text"),
    ),
)


async def meet(case: Case, path: Path, *, once: bool, response_format: str = "json") -> Run:
    """Send a recording to a relay with this fault.

    Raises:
        TimeoutError: A task or a descriptor is left when client and relay are through with each other.
    """
    engine = ScriptedEngine(lambda options: f"heard {options.prompt}")
    events: list[Event] = []
    async with LocalRelay(engine) as relay:
        tasks, descriptors = asyncio.all_tasks(), set(os.listdir("/proc/self/fd"))
        async with AsyncClient(relay.base_url, relay.api_key, trust_env=False, on_event=events.append) as client:
            port = int(relay.base_url.removesuffix("/v1").rpartition(":")[2])
            relay.faults.script(*case.faults(port, once=once))
            if case.warm:
                await client.transcribe(path, prompt="the call before")
                await _closing_is_seen(client, case)
            events.clear()
            end, billed, attempts = await _call(client, case, path, response_format)
            told = sum(isinstance(event, MaybeBilled) for event in events)
            open_files = _open_files(path)
            held = len(_connector(client)._acquired)
            relay.faults.script()
            after = (await client.transcribe(path, prompt="the call after")).text
        async with asyncio.timeout(10):
            while asyncio.all_tasks() != tasks or set(os.listdir("/proc/self/fd")) != descriptors:
                await asyncio.sleep(0.001)
        others = 1 + case.warm
        met = Met(end, attempts, relay.request_count - others, relay.billable - others)
    return Run(met, billed, told, open_files, held, after)


async def _call(client: AsyncClient, case: Case, path: Path, response_format: Any) -> tuple[str, str, tuple[str, ...]]:
    try:
        transcript = await client.transcribe(
            path,
            prompt="the call",
            response_format=response_format,
            timeouts=Timeouts(answer_stall_s=case.stall_s, attempt_s=case.attempt_s),
            retry=RetryPolicy(backoff_base_s=0.001, retry_after_cap_s=5, deadline_s=case.deadline_s),
        )
    except ZhongzhuanError as error:
        phase = getattr(error, "phase", None)
        name = type(error).__name__
        return f"{name}, {phase}" if phase else name, error.billed, _attempts(error.attempts)
    right = transcript.text == ("heard the call" if case.says is None else case.says)
    return "transcript" if right else transcript.text, "no", _attempts(transcript.attempts)


def _attempts(attempts: tuple[Attempt, ...]) -> tuple[str, ...]:
    return tuple(
        " ".join(str(fact) for fact in (made.status, made.error) if fact) + "?" * (made.billed == "maybe")
        for made in attempts
    )


def _connector(client: AsyncClient) -> Any:
    opened = client._sessions._opened
    assert opened is not None
    return opened.session.connector


async def _closing_is_seen(client: AsyncClient, case: Case) -> None:
    """Wait for the FIN of a relay that closes after its answer: who is faster is not what is looked at."""
    async with asyncio.timeout(10):
        while case.fault == "close-after-answer" and any(
            protocol.is_connected() for pooled in _connector(client)._conns.values() for protocol, _ in pooled
        ):
            await asyncio.sleep(0.001)


def _open_files(path: Path) -> int:
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            count += descriptor.readlink() == path
        except FileNotFoundError:
            continue
    return count
