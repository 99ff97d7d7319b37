"""Whether a recording holds sound that can be decoded, as far as its headers show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zhongzhuan_audio.errors import AudioSourceError, UnsupportedAudioError
from zhongzhuan_audio.upload.source import Source

if TYPE_CHECKING:
    from zhongzhuan_audio.audio.damage import Damage

__all__ = ["check_sound"]


async def check_sound(source: Source) -> Damage | None:
    """Find out whether a recording is worth sending.

    Returns:
        What is missing at its end, where it is cut off; else None.

    Raises:
        AudioSourceError: Nothing of it can be decoded.
        UnsupportedAudioError: It is a video without sound.
    """
    damage = await source.damage()
    if damage is None or damage.kind == "cut off":
        return damage
    if damage.kind == "mute":
        raise UnsupportedAudioError(
            f"{source.label} has no sound",
            hint="give a recording, or a video with a sound track",
            source=source.label,
        )
    raise AudioSourceError(
        f"{source.label} is damaged: {damage.detail}",
        hint="check that it plays, and get a whole copy of it",
        source=source.label,
    )
