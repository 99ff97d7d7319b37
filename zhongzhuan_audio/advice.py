"""What to do about an error, told to whoever writes Python and to whoever typed a command."""

from __future__ import annotations

from typing import Self

__all__ = ["NOT_AGAIN", "Advice", "for_the_command", "with_more"]

NOT_AGAIN = "not tried again: "
"""Begins the part of a hint that tells why what might have helped was not done; nothing stands behind it."""


class Advice(str):  # noqa: SLOT000 - pickle in its oldest forms takes no slots
    """A hint that names what only Python has: arguments, classes, kinds of objects.

    To anyone who does not ask for more it is that hint, a string. The command asks for its own telling, which stands
    beside the other one so that neither is changed without the other.
    """

    command: str | None
    """The same to somebody at a command line; None where the command has nothing to set there."""

    def __new__(cls, hint: str, *, command: str | None = None) -> Self:
        """Return the hint.

        Args:
            hint: As Python's users read it.
            command: As the command's users do.
        """
        made = super().__new__(cls, hint)
        made.command = command
        return made


def for_the_command(hint: str | None) -> str | None:
    """Return what somebody at a command line can do; None where that is nothing."""
    return hint.command if isinstance(hint, Advice) else hint


def with_more(hint: str | None, more: str) -> str:
    """Return a hint with something behind it that everybody can read."""
    if not hint:
        return more
    told = f"{hint}; {more}"
    return Advice(told, command=with_more(hint.command, more)) if isinstance(hint, Advice) else told
