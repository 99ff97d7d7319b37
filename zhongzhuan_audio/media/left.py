"""Whether what could be decoded of a recording is worth the name. Pure."""

from __future__ import annotations

from zhongzhuan_audio.errors import AudioSourceError

__all__ = ["check_left"]

_LEAST_LOST_S = 1.0
_LEAST_LEFT = 0.05


def check_left(label: str, decoded_s: float, lost_s: float) -> None:
    """Find out whether there is anything left of a recording.

    Args:
        label: What to call it.
        decoded_s: Seconds that could be decoded; 0 is an error, too.
        lost_s: Seconds that it promised, or had in its packets, beside these.

    Raises:
        AudioSourceError: Next to nothing is.
    """
    if decoded_s and (lost_s <= _LEAST_LOST_S or decoded_s >= _LEAST_LEFT * (decoded_s + lost_s)):
        return
    left = f"of {decoded_s + lost_s:.1f} s only {decoded_s:.1f} s" if decoded_s else "no sound in it"
    raise AudioSourceError(
        f"{label} is damaged: {left} can be decoded",
        hint="check that it plays, and get a whole copy of it",
        source=label,
    )
