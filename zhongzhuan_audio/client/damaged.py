"""A transcript told what is wrong with its recording. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from zhongzhuan_audio.models import Damage, Transcription

if TYPE_CHECKING:
    from zhongzhuan_audio.audio import damage

__all__ = ["with_damage"]

_WORTH_TELLING_S = 1.0
"""A broken packet or two are no damage to speak of."""


def with_damage(transcription: Transcription, found: damage.Damage | None) -> Transcription:
    """Return a transcript with the damage of its recording: what the headers show, else what could not be decoded.

    Args:
        transcription: Of the recording.
        found: What its headers show.
    """
    made = transcription.preparation
    lost_s = 0.0 if made is None else made.lost_s
    if found is not None:
        told = Damage(detail=found.detail, lost_s=found.lost_s)
        if made is not None and found.lost_s is not None and found.lost_s > lost_s:
            made = attrs.evolve(made, lost_s=found.lost_s)
    elif lost_s >= _WORTH_TELLING_S:
        told = Damage(detail=f"{lost_s:.1f} s of it cannot be decoded", lost_s=lost_s)
    else:
        return transcription
    return attrs.evolve(transcription, preparation=made, damage=told)
