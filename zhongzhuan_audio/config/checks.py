"""Arguments of a wrong kind, found where they are given and not where they are first used."""

from __future__ import annotations

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
    """Find out whether an argument can be called, or is None.

    Raises:
        ConfigurationError: It is neither.
    """
    if value is not None and not callable(value):
        raise ConfigurationError(f"{name} must be a function, not {type(value).__name__}")
