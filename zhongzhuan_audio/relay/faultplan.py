"""Which requests go wrong, and how: count, chance and a look at the request. Pure but for its dice."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import final

import attrs

from zhongzhuan_audio.relay.faults import Fault
from zhongzhuan_audio.relay.received import ReceivedRequest

__all__ = ["FaultPlan", "Roll"]


@attrs.define
class _Armed:
    """A fault of a plan, and how often it may still strike."""

    fault: Fault
    left: float

    def holds(self, received: ReceivedRequest) -> bool:
        return self.left > 0 and (self.fault.where is None or self.fault.where(received))

    def take(self) -> Fault:
        self.left -= 1
        return self.fault


@final
class Roll:
    """The faults that count and chance allow for one request; asked twice, as the request becomes known."""

    def __init__(self, allowed: list[_Armed]) -> None:
        self._allowed = allowed
        self._reserved: _Armed | None = None

    def before_upload(self, received: ReceivedRequest) -> Fault | None:
        """Return the early fault that strikes, if one does.

        A late one that comes before it in the plan and asks nothing more wins; one that must see the upload first has
        come too late.
        """
        allowed, self._allowed = self._allowed, []
        waiting: list[_Armed] = []
        for armed in allowed:
            if armed.fault.is_early:
                if armed.holds(received):
                    return armed.take()
            elif armed.left > 0:
                waiting.append(armed)
                if armed.fault.where is None:
                    # Taken now, lest uploads that are read at the same time take more than there are.
                    armed.take()
                    self._reserved = armed
                    break
        self._allowed = waiting
        return None

    def after_upload(self, received: ReceivedRequest) -> Fault | None:
        """Return the late fault that strikes, if one does; asked again, none does."""
        allowed, self._allowed = self._allowed, []
        for armed in allowed:
            if armed is self._reserved:
                return armed.fault
            if armed.holds(received):
                if self._reserved is not None:
                    self._reserved.left += 1
                return armed.take()
        return None


@final
class FaultPlan:
    """Which requests go wrong, and how: the first fault of the list that strikes a request wins.

    Each fault with a probability draws for each request by itself, all from one generator with one seed: the same
    requests in the same order meet the same faults.
    """

    def __init__(self, faults: Iterable[Fault] = (), *, seed: int = 0) -> None:
        """Make a plan.

        Args:
            faults: In the order of precedence.
            seed: Of the generator.
        """
        self.faults: tuple[Fault, ...] = ()
        self.seed: int = seed
        self.script(*faults, seed=seed)

    def __repr__(self) -> str:
        """Return what it was made of."""
        return f"FaultPlan({list(self.faults)!r}, seed={self.seed})"

    def script(self, *faults: Fault, seed: int | None = None) -> None:
        """Put these faults in place of the old ones; counting begins anew. None of them means that all goes well.

        Args:
            *faults: In the order of precedence.
            seed: None means the old one; the generator begins anew.
        """
        self.faults = faults
        self.seed = self.seed if seed is None else seed
        self.restart()

    def restart(self) -> None:
        """Begin to count anew, with all faults as at first."""
        self._armed = [_Armed(fault, math.inf if fault.times is None else fault.times) for fault in self.faults]
        self._random = random.Random(self.seed)  # noqa: S311 - dice, not secrets
        self._number = 0

    def roll(self) -> Roll:
        """Number the next request and draw for it."""
        self._number += 1
        return Roll([armed for armed in self._armed if self._allows(armed.fault)])

    def _allows(self, fault: Fault) -> bool:
        # Drawn whether or not the number fits: the draws of one fault do not depend on the others.
        drawn = fault.probability == 1 or self._random.random() < fault.probability
        return drawn and self._number % fault.every == 0 and (not fault.requests or self._number in fault.requests)
