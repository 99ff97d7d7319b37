"""What is measured, against whom, and what it is meant to come to."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

__all__ = ["TARGETS", "WORKS", "Figure", "Target", "Work"]

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
OPENAI, HAND, LIMIT, READY = "openai", "by hand", "C, write", "ready bytes"

Figure: TypeAlias = Literal["rate", "cpu", "grown", "stall", "own", "seconds"]
"""Requests a second; processor seconds a request; bytes; seconds; processor seconds; seconds a run."""


@attrs.frozen(kw_only=True)
class Work:
    """A load, and who is given it, in turn."""

    title: str
    clients: tuple[str, ...]
    file_bytes: int = 50 * KIB
    files: int = 1
    concurrency: int = 1
    warm: int = 1
    """How many of a small file each of those at once sends before it counts."""
    count: int | None = None
    """How many requests; None for as many as there is time for."""
    delay_ms: int = 0
    """How long the sink waits with an answer."""
    is_cold: bool = False
    """Whether the file is not in memory when it begins."""
    is_tls: bool = False
    is_watched: bool = False
    """Whether somebody looks how long the loop stands still."""
    kind: Literal["uploads", "import", "start", "decode"] = "uploads"


@attrs.frozen(kw_only=True)
class Target:
    """What a figure of ours is to come to, as a multiple of another's or by itself."""

    work: str
    figure: Figure
    against: str | None
    """None where it is measured by itself."""
    wanted: float
    is_most: bool = False
    """Whether it is a limit, and not the least."""


_SMALL = ("ours", "openai", "openai+aiohttp", HAND, "httpx", READY)
_LARGE = ("ours", "openai", HAND, LIMIT, "C, sendfile")

WORKS: dict[str, Work] = {
    "small-1": Work(title="50 KB, one at a time", clients=_SMALL, warm=20),
    "small-16": Work(title="50 KB, 16 at once", clients=_SMALL, concurrency=16, warm=5),
    "small-128": Work(title="50 KB, 128 at once", clients=_SMALL, concurrency=128, warm=2),
    "blocking": Work(title="50 KB, blocking calls", clients=("ours, blocking", "openai, blocking"), warm=20),
    "ten": Work(
        title="10 MB, 4 at once", clients=("ours", "openai", HAND), file_bytes=10 * MIB, files=4, concurrency=4
    ),
    "large": Work(title="1 GB", clients=_LARGE, file_bytes=GIB, count=1, is_watched=True),
    "many": Work(
        title="64 of 20 MB at once",
        clients=("ours", "openai", HAND),
        file_bytes=20 * MIB,
        files=64,
        concurrency=64,
        count=64,
        is_watched=True,
    ),
    "cold": Work(
        title="1 GB that is not in memory",
        clients=("ours", HAND),
        file_bytes=GIB,
        count=1,
        is_cold=True,
        is_watched=True,
    ),
    "tls": Work(title="1 GB over TLS", clients=("ours", "openai", HAND), file_bytes=GIB, count=1, is_tls=True),
    "slow": Work(
        title="50 KB, 100 at once, answers after 200 ms",
        clients=("ours", "openai", HAND, READY),
        concurrency=100,
        warm=1,
        delay_ms=200,
    ),
    "import": Work(title="`import`", clients=("ours", "openai"), kind="import"),
    "start": Work(title="from the start of Python to a transcript", clients=("ours", "openai"), kind="start"),
    "decode": Work(title="5,000 segments and 20,000 words decoded", clients=("ours", "json.loads"), kind="decode"),
}

TARGETS = (
    Target(work="small-16", figure="rate", against=OPENAI, wanted=8),
    Target(work="small-128", figure="rate", against=OPENAI, wanted=8),
    Target(work="small-16", figure="rate", against=HAND, wanted=3),
    Target(work="small-128", figure="rate", against=HAND, wanted=3),
    Target(work="small-1", figure="rate", against=OPENAI, wanted=4),
    Target(work="small-1", figure="rate", against=HAND, wanted=2),
    Target(work="small-16", figure="cpu", against=HAND, wanted=0.3, is_most=True),
    Target(work="ten", figure="rate", against=HAND, wanted=1.8),
    Target(work="large", figure="rate", against=OPENAI, wanted=2.8),
    Target(work="large", figure="rate", against=HAND, wanted=2),
    Target(work="large", figure="rate", against=LIMIT, wanted=0.9),
    Target(work="many", figure="rate", against=OPENAI, wanted=2.3),
    Target(work="many", figure="rate", against=HAND, wanted=1.4),
    Target(work="tls", figure="rate", against=OPENAI, wanted=1.8),
    Target(work="tls", figure="rate", against=HAND, wanted=1.2),
    Target(work="slow", figure="rate", against="the ideal", wanted=0.92),
    Target(work="large", figure="grown", against=None, wanted=4 * MIB, is_most=True),
    Target(work="many", figure="grown", against=None, wanted=20 * MIB, is_most=True),
    Target(work="large", figure="stall", against=None, wanted=0.005, is_most=True),
    Target(work="cold", figure="stall", against=None, wanted=0.020, is_most=True),
    Target(work="many", figure="stall", against=None, wanted=0.015, is_most=True),
    Target(work="blocking", figure="rate", against="openai, blocking", wanted=2),
    Target(work="import", figure="seconds", against=OPENAI, wanted=1 / 12, is_most=True),
    Target(work="start", figure="seconds", against=OPENAI, wanted=1 / 3, is_most=True),
    Target(work="decode", figure="seconds", against="json.loads", wanted=2.5, is_most=True),
)
