"""What the relay remembers of a request, for a test to look at."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

__all__ = ["ReceivedRequest", "shorten"]

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
    filename: str | None = None
    """The recording's name, nothing undone in it."""
    size_bytes: int | None = None
    """Bytes of the recording; None where no file came whole."""
    sha256: str | None = None
    """Of the recording's bytes."""
    status: int | None = None
    """What was answered; None while it is not yet, or where the client went away before."""
    gone: bool = False
    """Whether the client went away before it had its answer."""
    billable: bool = False
    """Whether a real relay would charge for it: the upload came whole and a transcript was made or answered, even if
    the answer was then lost."""
    fault: str | None = None
    """The kind of the fault that struck it."""


def shorten(fields: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return the fields with long values cut, so that a record of many requests stays small."""
    return {name: tuple(value[:_FIELD_CHARS] for value in values) for name, values in fields.items()}
