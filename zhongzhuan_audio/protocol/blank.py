"""What relays write where there is nothing to say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["NOTHING", "is_blank"]

NOTHING = frozenset({"", "null", "none", "nil", "<nil>", "undefined"})
"""How Go, Python and JavaScript write "nothing" into a string."""


def is_blank(value: Any) -> bool:
    """Tell whether an ``error`` field says that there is none: null, empty, or an object of nothing but such fields."""
    if not value:
        return True
    if isinstance(value, str):
        return value.strip().lower() in NOTHING
    return isinstance(value, Mapping) and all(is_blank(item) for item in value.values())
