"""Recordings that book what they take of a budget in the order of the input."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias, final

import attrs

__all__ = ["InLine", "Line", "Step"]

Step: TypeAlias = Literal["admitted", "booked"]
"""A recording is admitted when it has its turn, and booked when there is room for all that it takes: later, where it is
decoded first."""


@final
class Line:
    """All recordings of a call."""

    def __init__(self, *, change: Callable[[], Awaitable[None]], moved: Callable[[], None]) -> None:
        """Make one.

        Args:
            change: Waits until something may have changed.
            moved: Told when something has.
        """
        self._change = change
        self._moved = moved
        self._first: dict[Step, int] = {"admitted": 0, "booked": 0}
        self._past: dict[Step, set[int]] = {"admitted": set(), "booked": set()}

    async def wait(self, index: int, step: Step) -> None:
        """Wait until all before one are past a step."""
        while self._first[step] < index:
            await self._change()

    def leave(self, index: int, step: Step) -> None:
        """Let those behind one go on; may be called more than once."""
        past = self._past[step]
        if index >= self._first[step]:
            past.add(index)
        while self._first[step] in past:
            past.remove(self._first[step])
            self._first[step] += 1
        self._moved()


@attrs.frozen
class InLine:
    """One recording's place in the line; without a line nobody waits."""

    line: Line | None
    index: int

    async def wait(self, step: Step) -> None:
        """Wait until all before it are past a step."""
        if self.line is not None:
            await self.line.wait(self.index, step)

    def leave(self, *steps: Step) -> None:
        """Let those behind it go on."""
        if self.line is not None:
            for step in steps:
                self.line.leave(self.index, step)
