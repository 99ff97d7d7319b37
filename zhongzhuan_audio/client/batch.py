"""Many recordings in, what came of each out."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Unpack

import attrs

from zhongzhuan_audio.batch import Admit, Budget, Files, Job, OnOutcome, Outcome, SharedOptions, run
from zhongzhuan_audio.batch.job import checked_names, lasting
from zhongzhuan_audio.client.recordings import RecordingCalls
from zhongzhuan_audio.config import RetryPolicy, check_callable, check_kind
from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.models import Transcription
from zhongzhuan_audio.options import check_options
from zhongzhuan_audio.protocol.request import transcription_fields
from zhongzhuan_audio.upload.references import list_references, read_references
from zhongzhuan_audio.upload.source import open_source

__all__ = ["BatchCalls"]


class BatchCalls(RecordingCalls):
    """What is done to many recordings at once."""

    @asynccontextmanager
    async def transcribe_many(
        self,
        files: Files,
        *,
        concurrency: int | None = None,
        ordered: bool = False,
        on_progress: OnOutcome | None = None,
        budget: Budget | None = None,
        **options: Unpack[SharedOptions],
    ) -> AsyncIterator[AsyncIterator[Outcome]]:
        """Turn many recordings into text, and give what came of each as it is there.

        ::

            async with client.transcribe_many(Path("calls").rglob("*.m4a"), language="zh") as outcomes:
                async for outcome in outcomes:
                    if outcome.error is None:
                        print(outcome.source, outcome.transcription.text)

        A recording that fails has an outcome with its error, and stops no other one. Each that was taken from the input
        has one outcome, unless the block is left before.

        Args:
            files: An iterable, plain or async, of anything that `transcribe` takes, or of `Job`: a recording with
                options of its own. It is taken when there is room for one more; a plain one that is no list in a thread
                of its own, at most 16 ahead. An async one is closed in the end.
            concurrency: How many recordings may be under way; None takes the client's ``Limits.max_concurrency``. How
                many requests run at once, the client's limits decide.
            ordered: Give the outcomes in the order of the input. One that takes long then holds up those behind it:
                four times `concurrency` are begun before it, at most.
            on_progress: Called on the event loop with a `Progress` when a recording is taken up and when it is at its
                end; what it raises is raised here.
            budget: What may be spent. The first recording that it has no room for ends the input; it and those that
                were taken already come out with a `BudgetExceededError`.
            **options: Those of `transcribe`, for all recordings.

        Yields:
            The outcomes, one pass. Leaving the block cancels what runs.

        Raises:
            ConfigurationError: An option is out of its range; nothing was sent.
            AudioSourceError: A speaker's reference cannot be read; nothing was sent.
            TypeError: `transcribe` has no such option; nothing was sent.
            Exception: What the input raises, when what was taken before is at its end.
        """
        shared = lasting(checked_names("transcribe_many", options, SharedOptions.__optional_keys__))
        _check_files(files)
        _check_concurrency(concurrency)
        check_kind("ordered", ordered, bool, "a bool")
        check_kind("budget", budget, Budget, "a Budget")
        check_callable("on_progress", on_progress)
        self._check_usable()
        await _check_shared(shared)
        measured = on_progress is not None or budget is not None

        async def transcribe(job: Job, admit: Admit) -> Transcription:
            return await self._transcribe_one(job, {**shared, **job.options}, admit, measured=measured)

        async with run(
            files,
            transcribe,
            concurrency=concurrency or self._limits.max_concurrency,
            ordered=ordered,
            on_progress=on_progress,
            budget=budget,
        ) as outcomes:
            yield outcomes

    async def _transcribe_one(
        self, job: Job, options: dict[str, Any], admit: Admit, *, measured: bool
    ) -> Transcription:
        """Transcribe a recording, once it may be sent."""
        if not measured:
            return await self.transcribe(job.file, **options)
        source = await open_source(job.file, filename=options.pop("filename", None))
        try:
            found = await source.probe()
            policy = options.pop("retry", None) or self._retry
            check_kind("retry", policy, RetryPolicy, "a RetryPolicy")
            retries = await admit(found.duration_s if found else None, policy.maybe_billed_retries)
            policy = attrs.evolve(policy, maybe_billed_retries=retries)
            opened: Any = source  # no kind of recording that callers have, but one that is taken all the same
            return await self.transcribe(opened, retry=policy, **options)
        finally:
            source.close()


def _check_files(files: object) -> None:
    alone = isinstance(files, (str, bytes, bytearray, memoryview)) or callable(getattr(files, "read", None))
    if alone or not isinstance(files, (Iterable, AsyncIterable)):
        raise ConfigurationError(
            f"files must be many recordings, not {type(files).__name__}", hint="give a list or a generator of them"
        )


def _check_concurrency(concurrency: object) -> None:
    if concurrency is None:
        return
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
        raise ConfigurationError(f"concurrency must be a whole number of at least 1, not {concurrency!r}")


async def _check_shared(shared: dict[str, Any]) -> None:
    """Find out whether the options can be sent at all, and read the speakers' references once for all recordings."""
    fields = dict(shared)
    check_options(timeouts=fields.pop("timeouts", None), retry=fields.pop("retry", None))
    references = list_references(fields.pop("known_speaker_references", None))
    transcription_fields(**{"model": "whisper-1", **fields}, speaker_references=len(references))
    if references:
        shared["known_speaker_references"] = await read_references(references)
