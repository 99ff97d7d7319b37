"""What many recordings would come to, before anything is sent."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Literal, TypeAlias

import attrs

from zhongzhuan_audio.audio import AudioFormat
from zhongzhuan_audio.batch.job import Job
from zhongzhuan_audio.batch.recorded import digested, fuller_keys
from zhongzhuan_audio.errors import ZhongzhuanError
from zhongzhuan_audio.journal import JournalView, key_of
from zhongzhuan_audio.protocol.form import Field
from zhongzhuan_audio.threads import in_thread
from zhongzhuan_audio.upload.opening import open_source
from zhongzhuan_audio.upload.soundness import check_sound

__all__ = ["Finding", "Prospect", "survey"]

Prospect: TypeAlias = Literal["new", "done", "copy", "failed before", "maybe billed", "unusable"]
"""What would become of a recording: it would be sent, at first or once more, or is answered by the journal or by a copy
that is sent before it, or cannot be sent at all."""

_PROSPECTS: dict[str, Prospect] = {
    "done": "done",
    "failed": "failed before",
    "maybe-billed": "maybe billed",
    "started": "maybe billed",
}


@attrs.frozen(kw_only=True)
class Finding:
    """What is known of a recording that was not sent."""

    job: Job
    prospect: Prospect
    audio_s: float | None = None
    """Its length in seconds; None where its header does not tell."""
    channels: int | None = None
    """How many it has; None where its header does not tell."""
    format: AudioFormat | None = None
    """None where its bytes were not recognised, or it cannot be sent."""
    size_bytes: int = 0
    """Of the file."""
    error: ZhongzhuanError | OSError | None = None
    """Why it cannot be sent."""


async def survey(
    jobs: Sequence[Job],
    question: tuple[Field, ...],
    journal: str | os.PathLike[str] | None,
    *,
    checked: bool = True,
) -> AsyncIterator[Finding]:
    """Look at recordings, and say what each would come to.

    Nothing is decoded. A recording is read whole only where the journal might know it, or where another has its size.

    Args:
        jobs: The recordings.
        question: What goes out with each, and what a journal's key holds beside.
        journal: Path of the journal; None where there is none.
        checked: Whether what is damaged would be refused, as it is unless all are sent as they are.

    Raises:
        JournalError: The journal cannot be read.
    """
    async with JournalView(journal) as view:
        sizes = await in_thread(lambda: [_size_of(job) for job in jobs])
        counts, seen = Counter(sizes), set[bytes]()
        for job, size in zip(jobs, sizes, strict=True):
            is_alone = size is not None and counts[size] == 1
            try:
                yield await _look(job, question, view, seen, needs_key=view.is_there or not is_alone, checked=checked)
            except (ZhongzhuanError, OSError) as error:
                yield Finding(job=job, prospect="unusable", error=error)


def _size_of(job: Job) -> int | None:
    try:
        return os.stat(job.file).st_size if isinstance(job.file, (str, os.PathLike)) else None  # noqa: PTH116 - a string
    except OSError:
        return None


async def _look(
    job: Job, question: tuple[Field, ...], view: JournalView, seen: set[bytes], *, needs_key: bool, checked: bool
) -> Finding:
    source = await open_source(job.file, filename=job.options.get("filename"))
    try:
        found = await source.probe()
        prospect: Prospect = "new"
        if needs_key:
            _, digest = await digested(source, job.file, view)
            key = key_of(digest, question)
            state = await view.state_of(key, fuller_keys(digest, question))
            prospect = "copy" if key in seen else _PROSPECTS.get(state or "", "new")
            seen.add(key)
        if checked and prospect not in {"done", "copy"}:
            await check_sound(source)
        return Finding(
            job=job,
            prospect=prospect,
            audio_s=found.duration_s if found else None,
            channels=found.channels if found else None,
            format=source.format,
            size_bytes=source.size_bytes,
        )
    finally:
        source.close()
