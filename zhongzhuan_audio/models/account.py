"""What a relay offers, and what is left to pay for it with."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

__all__ = ["Balance", "Model"]


@attrs.frozen(kw_only=True)
class Model:
    """A model that the key may use.

    Source: OpenAI's API reference, ``GET /v1/models``; new-api adds ``supported_endpoint_types``.
    """

    id: str
    """The name to ask for."""
    created: datetime | None = None
    """Aware, UTC."""
    owned_by: str | None = None
    supported_endpoint_types: tuple[str, ...] = ()
    """Such as "openai" and "anthropic"; empty where the relay does not tell."""


@attrs.frozen(kw_only=True)
class Balance:
    """What is left on a key, in US dollars as the relay counts them.

    A relay sells its dollars at a price of its own, so that these are seldom the dollars that were paid.
    """

    total: float | None = None
    """All that was ever granted, what is used up included; None where it is unlimited or not told."""
    used: float | None = None
    """None where it is not told."""
    remaining: float | None = None
    """None where it is unlimited or not told."""
    unlimited: bool = False
    """Whether the key itself has no limit; the account behind it may have one all the same."""
    expires_at: datetime | None = None
    """Aware, UTC; None where the key does not expire, or the relay does not tell."""
    name: str | None = None
    """Of the token, as its owner called it."""
    models: tuple[str, ...] = ()
    """The only models that the key may use; empty where all are, or the relay does not tell."""
    details: dict[str, Any] = attrs.field(factory=dict, repr=False)
    """The relay's answers as they came, by path."""
