"""What a client tells while it works, for metrics and traces; passed to ``on_event``, and logged at INFO.

No event holds a key or a word of a transcript. `Decoding` is not logged: there are too many of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import attrs

from zhongzhuan_audio.errors import Attempt

__all__ = [
    "AttemptEnded",
    "AttemptStarted",
    "CircuitClosed",
    "CircuitOpened",
    "ConnectionOpened",
    "ConnectionReused",
    "Decoding",
    "Event",
    "MaybeBilled",
    "OnEvent",
    "Waiting",
]


@attrs.frozen(kw_only=True)
class AttemptStarted:
    """A request is about to go out."""

    endpoint: str
    """Base URL."""
    path: str
    number: int
    """From 1, in its call."""


@attrs.frozen(kw_only=True)
class AttemptEnded:
    """A request has its answer, or will never have one."""

    path: str
    attempt: Attempt
    """With the status, or the error's name, and how long it took."""


@attrs.frozen(kw_only=True)
class Waiting:
    """A call waits before its next attempt."""

    endpoint: str
    wait_s: float
    error: str
    """Name of the error that the last attempt ended in."""


@attrs.frozen(kw_only=True)
class MaybeBilled:
    """The relay may have charged for a request that gave no usable answer."""

    endpoint: str
    request_id: str | None


@attrs.frozen(kw_only=True)
class CircuitOpened:
    """An endpoint is passed over for a while."""

    endpoint: str
    for_s: float
    error: str
    """Name of the error that did it."""


@attrs.frozen(kw_only=True)
class CircuitClosed:
    """An endpoint that was passed over works again."""

    endpoint: str


@attrs.frozen(kw_only=True)
class ConnectionOpened:
    """A request goes over a new connection."""

    endpoint: str


@attrs.frozen(kw_only=True)
class ConnectionReused:
    """A request goes over a kept-alive connection."""

    endpoint: str


@attrs.frozen(kw_only=True)
class Decoding:
    """A recording is being made ready, before any of it is sent: told ten times a second at most, and at the end."""

    label: str
    """The recording's path or name."""
    done_s: float
    """Seconds of it that are decoded."""
    total_s: float | None
    """All of them; None where its header does not tell."""


Event: TypeAlias = (
    AttemptStarted
    | AttemptEnded
    | Waiting
    | MaybeBilled
    | CircuitOpened
    | CircuitClosed
    | ConnectionOpened
    | ConnectionReused
    | Decoding
)
OnEvent: TypeAlias = Callable[[Event], None]
"""A plain function, called on the event loop; it must not block.

What it raises is logged, and costs no call its answer.
"""
