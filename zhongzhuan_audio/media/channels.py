"""Whether two channels of a recording are one and the same."""

from __future__ import annotations

from typing import final

from zhongzhuan_audio.media.samples import Samples

__all__ = ["SameChannels"]

_MOST_SHARE = 1e-3
"""Of a block's power that two channels may differ by, 30 dB below it: what a codec at a low bit rate makes of either
differs by less, and a second voice by more."""
_NOISE = 4.0
"""Root mean square of a difference that is rounding, and nothing that anybody hears, in steps of 16 bits."""


@final
class SameChannels:
    """Takes the blocks of a recording, and tells whether all channels are the same up to quantisation noise."""

    def __init__(self) -> None:
        self.same: bool = True

    def add(self, block: Samples) -> None:
        """Take the next samples, (channels, count). A difference in any one block is a difference."""
        import numpy as np

        if not self.same or not block.size:
            return
        sound = block.astype(np.float32)
        first = sound[0]
        power = float(np.mean(first * first))
        difference = sound[1:] - first
        worst = float(np.max(np.mean(difference * difference, axis=1), initial=0.0))
        self.same = worst <= max(_NOISE * _NOISE, _MOST_SHARE * power)
