"""An answer of the relay to a request of the caller's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from zhongzhuan_audio.errors import Attempt

__all__ = ["Response"]

_REPR_CHARS = 60


@attrs.frozen(kw_only=True)
class Response:
    """A whole answer, of a status that means success."""

    status: int
    """HTTP status."""
    headers: Mapping[str, str] = attrs.field(repr=False)
    """With lower-case names."""
    content: bytes = attrs.field(repr=False)
    """The body, its content encoding undone."""
    text: str = attrs.field(repr=lambda text: repr(text if len(text) <= _REPR_CHARS else f"{text[:_REPR_CHARS]}…"))
    """The body as text."""
    request_id: str | None = None
    """The relay's own id of the request."""
    attempts: tuple[Attempt, ...] = attrs.field(default=(), repr=False)
    """Every request that this answer took, in order; the last is the one that succeeded."""

    def json(self) -> Any:
        """Return what the body says as JSON.

        Raises:
            ValueError: It is no JSON.
        """
        return json.loads(self.text)
