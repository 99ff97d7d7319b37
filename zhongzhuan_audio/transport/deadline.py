"""The time that is left, where there is a limit at all."""

from __future__ import annotations

import asyncio
from typing import TypeAlias

__all__ = ["Within", "within"]


class _Unlimited:
    """No limit: what stands around each request must cost nothing where nobody asked for it."""

    __slots__ = ()

    async def __aenter__(self) -> None:
        """Do nothing."""

    async def __aexit__(self, *_: object) -> None:
        """Do nothing."""

    def expired(self) -> bool:
        """Tell that it is never over."""
        return False


_UNLIMITED = _Unlimited()

Within: TypeAlias = asyncio.Timeout | _Unlimited


def within(seconds: float | None) -> Within:
    """Return `asyncio.timeout`, or what costs less and never ends a block where there is no limit."""
    return _UNLIMITED if seconds is None else asyncio.timeout(seconds)
