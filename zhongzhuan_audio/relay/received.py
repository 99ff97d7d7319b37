"""What the relay remembers of a request, for a test to look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import attrs

__all__ = ["Charge", "ReceivedRequest", "shorten", "shorten_json"]

_FIELD_CHARS = 4096


@attrs.define(kw_only=True)
class ReceivedRequest:
    """A request as it came over the wire; holds no audio and no key."""

    request_id: str
    method: str
    path: str
    """With the query, where there was one."""
    headers: Mapping[str, str]
    """With lower-case names; ``authorization`` is left out."""
    authorized: bool
    """Whether there was an ``Authorization`` header, right or wrong."""
    content_length: int | None
    """As announced; None where the body came chunked."""
    fields: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    """Plain form fields in the order sent; values longer than 4,096 characters are cut."""
    json: Mapping[str, Any] | None = None
    """The fields of a JSON body, texts longer than 4,096 characters cut; None where there was no JSON object."""
    characters: int | None = None
    """Characters of the text to speak; None where there was none."""
    filename: str | None = None
    """The recording's name, nothing undone in it."""
    size_bytes: int | None = None
    """Bytes of the recording; None where no file came whole."""
    sha256: str | None = None
    """Of the recording's bytes."""
    status: int | None = None
    """What was answered; None while it is not yet, or where the client went away before that began."""
    gone: bool = False
    """Whether the client went away before it had the whole answer."""
    billable: bool = False
    """Whether a real relay would charge for it: the request came whole and a transcript or the first of the speech was
    made or answered, even if it was then lost."""
    cost_usd: float = 0.0
    """What was charged; see `Ledger`."""
    fault: str | None = None
    """The kind of the fault that struck it."""


class Charge(Protocol):
    """Notes that a request is billable, and charges for it."""

    def __call__(self, received: ReceivedRequest, *, seconds: float = 0.0) -> None:
        """Charge for so many seconds of recording, or else for the request's characters."""
        ...


def shorten(fields: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return the fields with long values cut, so that a record of many requests stays small."""
    return {name: tuple(value[:_FIELD_CHARS] for value in values) for name, values in fields.items()}


def shorten_json(value: Any) -> Any:
    """Return a JSON value with the long texts in it cut."""
    if isinstance(value, str):
        return value[:_FIELD_CHARS]
    if isinstance(value, dict):
        return {name: shorten_json(each) for name, each in value.items()}
    return [shorten_json(each) for each in value] if isinstance(value, list) else value
