"""Arguments of a wrong kind, found where they are given and not where they are first used."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

from zhongzhuan_audio.errors import ConfigurationError

__all__ = ["check_callable", "check_kind"]


def check_kind(name: str, value: object, kind: type | tuple[type, ...], wanted: str) -> None:
    """Find out whether an argument is of the kind that is wanted, or None.

    Args:
        name: Of the argument.
        value: What was given; it is not shown, since it may be secret.
        kind: What it should be an instance of.
        wanted: The same in words.

    Raises:
        ConfigurationError: It is not.
    """
    if value is not None and not isinstance(value, kind):
        raise ConfigurationError(f"{name} must be {wanted}, not {type(value).__name__}")


def check_callable(name: str, value: object) -> None:
    """Find out whether an argument can be called and does its work in the call, or is None.

    Raises:
        ConfigurationError: It is neither, or async: nobody would await what it returns.
    """
    if value is None:
        return
    if not callable(value):
        raise ConfigurationError(f"{name} must be a function, not {type(value).__name__}")
    if _is_async(value):
        raise ConfigurationError(
            f"{name} must be a plain function, not an async one",
            hint="it is called on the event loop and not awaited; what it has to wait for belongs in a task or a queue",
        )


def _is_async(function: Any) -> bool:
    while isinstance(function, partial):
        function = function.func
    # An object is called through its class.
    return any(
        inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each)
        for each in (function, type(function).__call__)
    )
