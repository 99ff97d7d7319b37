"""What a recording is: its format, length, channels and rate, and what is wrong with it. No client and no key."""

from __future__ import annotations

import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING

import attrs
from anyio.from_thread import start_blocking_portal

from zhongzhuan_audio.errors import AudioSourceError
from zhongzhuan_audio.models import Damage, RecordingInfo
from zhongzhuan_audio.options import require_asyncio
from zhongzhuan_audio.threads import in_thread
from zhongzhuan_audio.upload.opening import open_source
from zhongzhuan_audio.upload.source import AudioFile, Source

if TYPE_CHECKING:
    from zhongzhuan_audio.media.inside import Inside

__all__ = ["async_probe", "probe"]

_SOUNDLESS = ("mute", "broken")


async def async_probe(file: AudioFile, *, filename: str | None = None) -> RecordingInfo:
    """Find out what a recording is, by its bytes and headers; nothing of it is sent, and nothing decoded.

    A few reads of some kilobytes are enough where the headers tell everything, as they do in most files. Where they do
    not, and the extra ``media`` is there, FFmpeg opens the recording; one that tells its length nowhere, such as what a
    browser recorded (webm) or a flac written to a pipe, is then read whole, in a thread.

    Args:
        file: Anything that `AsyncClient.transcribe` takes. An open file stays where it stands; what can be read only
            once is gone then.
        filename: In place of its own name, which says what bytes that are not recognised should be.

    Raises:
        ConfigurationError: It is no kind of thing that can be a recording.
        AudioSourceError: It is missing, unreadable, a folder or empty.
        UnsupportedAudioError: It is plainly not audio, such as an archive or a picture.
    """
    require_asyncio("async_probe", "zhongzhuan_audio.probe")
    source = await open_source(file, filename=filename)
    try:
        info = await _look(source)
        await source.rewind()
        return info
    finally:
        source.close()


def probe(file: AudioFile, *, filename: str | None = None) -> RecordingInfo:
    """Find out what a recording is: `async_probe` for blocking callers.

    It works while the thread's own event loop runs, as in a notebook, and blocks that loop for as long.

    Args:
        file: As in `async_probe`.
        filename: As in `async_probe`.

    Raises:
        ConfigurationError: It is no kind of thing that can be a recording.
        AudioSourceError: It is missing, unreadable, a folder or empty.
        UnsupportedAudioError: It is plainly not audio, such as an archive or a picture.
    """

    async def call() -> RecordingInfo:
        return await async_probe(file, filename=filename)

    with start_blocking_portal() as portal:
        return portal.call(call)


async def _look(source: Source) -> RecordingInfo:
    found = await source.damage()
    info = RecordingInfo(
        format=source.format.name if source.format is not None else None,
        size_bytes=source.size_bytes,
        damage=None if found is None else Damage(detail=found.detail, lost_s=found.lost_s),
        has_sound=found is None or found.kind not in _SOUNDLESS,
    )
    if not info.has_sound:
        # What the headers of such a file say is of the picture, or by chance.
        return info
    if (told := await source.probe()) is not None:
        info = attrs.evolve(
            info,
            duration_s=told.duration_s,
            channels=told.channels,
            sample_rate=told.sample_rate,
            exact=told.exact,
        )
    if info.duration_s is not None or not await in_thread(find_spec, "av"):
        return info
    return await _look_inside(source, info)


async def _look_inside(source: Source, info: RecordingInfo) -> RecordingInfo:
    """Add what FFmpeg finds in a recording of which no header tells the length, without decoding it."""
    from zhongzhuan_audio.media.working import work

    reader = await source.open()

    def job(stop: threading.Event) -> Inside:
        # Imported here, in the thread: PyAV takes a tenth of a second.
        from zhongzhuan_audio.media.inside import look_inside
        from zhongzhuan_audio.media.recording import Recording

        recording = Recording(read_at=reader.read_at, size_bytes=source.size_bytes, label=source.label, stop=stop)
        return look_inside(recording, source.format)

    try:
        inside = await work(job)
    except AudioSourceError:
        # What FFmpeg cannot open may still be known to a relay.
        return info
    finally:
        reader.close()
    if inside.mute:
        return attrs.evolve(info, damage=Damage(detail="it has no sound"), has_sound=False)
    return attrs.evolve(
        info,
        format=info.format or inside.format,
        duration_s=inside.duration_s,
        channels=info.channels or inside.channels,
        sample_rate=info.sample_rate or inside.sample_rate,
        exact=inside.exact,
    )
