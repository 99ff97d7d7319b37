"""An HTTP answer as the protocol level sees it: no connection, just what came."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

__all__ = ["Answer"]


@attrs.frozen(kw_only=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    """With lower-case names; of a repeated header the last value."""
    body: bytes = attrs.field(repr=False)
    """Content encoding undone."""
