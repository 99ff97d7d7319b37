"""What a recording is, before anything is done to it."""

from __future__ import annotations

import attrs

from zhongzhuan_audio.models.damage import Damage

__all__ = ["RecordingInfo"]


@attrs.frozen(kw_only=True)
class RecordingInfo:
    """What a recording's bytes and headers tell of it; what they do not tell is None."""

    format: str | None
    """Its format by its bytes, whatever its name says: "mp3", "m4a", "mov". None where they are not recognised."""
    size_bytes: int
    duration_s: float | None = None
    """How long its sound is, in seconds; of one that is cut off, what its headers promise, or what is there, as far as
    that is known. None, as the next two are, also where it has no sound."""
    channels: int | None = None
    sample_rate: int | None = None
    """Samples of a channel a second, as the headers say."""
    exact: bool = False
    """Whether the file itself tells `duration_s`, or every packet was counted, so that it is right to a frame or two of
    the codec. False where it was estimated, as it is of large files without an index, or is not known."""
    damage: Damage | None = None
    """What is wrong with it, as far as shows without decoding; None where nothing does."""
    has_sound: bool = True
    """False where it shows that nothing of it can be decoded: `transcribe` refuses it, and `damage` says why."""
