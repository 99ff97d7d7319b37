"""Transcripts in the script that a caller wants."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from zhongzhuan_audio.errors import ZhongzhuanError
from zhongzhuan_audio.models import Transcription
from zhongzhuan_audio.models.script import Script, converter_to
from zhongzhuan_audio.threads import in_thread

__all__ = ["check_script", "in_script"]


async def check_script(script: Script | None) -> None:
    """Find out whether a script can be had, and make ready for it.

    Raises:
        ConfigurationError: There is no such script.
        MissingExtraError: The extra ``zh`` is not installed.
    """
    if script is not None:
        await in_thread(converter_to, script)


async def in_script(script: Script | None, transcribe: Callable[[], Awaitable[Transcription]]) -> Transcription:
    """Return a transcript in a script, in whatever it is where that is None; an error has its `partial` so.

    Args:
        script: Which.
        transcribe: Asks for it.

    Raises:
        ConfigurationError: There is no such script; nothing was asked.
        MissingExtraError: The extra ``zh`` is not installed; nothing was asked.
        ZhongzhuanError: What `transcribe` raises.
    """
    if script is None:
        return await transcribe()
    await check_script(script)
    try:
        found = await transcribe()
    except ZhongzhuanError as error:
        if isinstance(error.partial, Transcription):
            error.partial = await in_thread(error.partial.in_script, script)
        raise
    return await in_thread(found.in_script, script)
