"""Recordings made ready for an answer that streams, which is one request: converted, never cut."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.client.asking import decoding, unread
from zhongzhuan_audio.config import AudioLimits
from zhongzhuan_audio.errors import AudioSourceError
from zhongzhuan_audio.events import OnEvent
from zhongzhuan_audio.longform.needs import Need, need_of
from zhongzhuan_audio.media.encoding import USUAL_BIT_RATES
from zhongzhuan_audio.media.preparing import Converted, convert
from zhongzhuan_audio.models import Preparation
from zhongzhuan_audio.upload.source import Source

__all__ = ["made_whole"]


@asynccontextmanager
async def made_whole(
    source: Source, need: Need, model: str, limits: AudioLimits, on_event: OnEvent | None
) -> AsyncIterator[tuple[Converted, Preparation]]:
    """Convert a recording that goes out in one request.

    Args:
        source: It stays the caller's to close.
        need: Why it cannot go out as it is.
        model: The one that is asked.
        limits: What the relay takes.
        on_event: Told how far it is decoded.

    Yields:
        What goes out in its place, until the block ends, and what was done.

    Raises:
        MissingExtraError: The extra ``media`` is not installed.
        AudioSourceError: It would have to be cut, or cannot be decoded.
    """
    told = await source.probe()
    duration_s = None if told is None else told.duration_s
    if duration_s is not None:
        _check(source, duration_s, duration_s * USUAL_BIT_RATES[limits.encoding] / 8, model, limits)
    converted = await convert(unread(source), limits.encoding, on_progress=decoding(source, on_event))
    try:
        made = converted.source
        _check(source, converted.duration_s, made.size_bytes, model, limits)
        yield (
            converted,
            Preparation(
                reason=need,
                encoding=limits.encoding,
                original_bytes=source.size_bytes,
                sent_bytes=made.size_bytes,
                pieces=1,
                lost_s=converted.lost_s,
            ),
        )
    finally:
        converted.close()


def _check(source: Source, duration_s: float, size_bytes: float, model: str, limits: AudioLimits) -> None:
    """Refuse what would have to be cut: so long, and with about so many bytes when it is converted."""
    need = need_of(None, round(size_bytes), duration_s, model, limits)
    if need is None:
        return
    longest_s = limits.longest_s(model)
    if need == "length" and longest_s is not None:
        reason = f"{duration_s:,.0f} s long, and {model} takes {longest_s:,.0f} s"
    else:
        reason = f"about {size_bytes:,.0f} bytes even when it is compressed, and the relay takes {limits.max_bytes:,}"
    raise AudioSourceError(
        f"{source.label} does not fit in one request, which a stream is: it is {reason}",
        hint=Advice("use transcribe, which sends it in pieces"),
        source=source.label,
    )
