"""Sound as everything here wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["SAMPLE_BYTES", "SAMPLE_RATE", "Samples"]

SAMPLE_RATE: Final = 16_000
"""Of every block, in Hz: what Whisper and the voice detector hear."""
SAMPLE_BYTES: Final = 2

Samples: TypeAlias = "npt.NDArray[np.int16]"
"""A block of sound: signed 16-bit samples, (count,) of one channel or (channels, count)."""
