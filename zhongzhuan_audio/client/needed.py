"""Why a recording cannot go out as it is, by as little of it as tells."""

from __future__ import annotations

from zhongzhuan_audio.config import AudioLimits
from zhongzhuan_audio.longform.needs import Need, may_be_too_long, need_of
from zhongzhuan_audio.options import Prepare
from zhongzhuan_audio.upload.source import Source

__all__ = ["find_need"]


async def find_need(
    source: Source, duration_s: float | None, model: str, limits: AudioLimits, prepare: Prepare
) -> Need | None:
    """Return why a recording cannot go out as it is; None where it can.

    Args:
        source: Its headers are read only where its size leaves a doubt.
        duration_s: None where it is not known yet.
        model: The one that is asked.
        limits: What the relay takes.
        prepare: "auto", or "always" where it is to be converted in any case.
    """
    may_be_long = duration_s is None and may_be_too_long(source.format, source.size_bytes, model, limits)
    if may_be_long and (found := await source.probe()) is not None:
        duration_s = found.duration_s
    return need_of(source.format, source.size_bytes, duration_s, model, limits, always=prepare == "always")
