"""Many recordings in, what came of each out."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Unpack

import attrs

from zhongzhuan_audio.batch import Budget, Files, Job, OnOutcome, Outcomes, Place, SharedOptions, run
from zhongzhuan_audio.batch.job import checked_names, lasting
from zhongzhuan_audio.batch.recorded import digested, recorded
from zhongzhuan_audio.client.recordings import RecordingCalls
from zhongzhuan_audio.config import RetryPolicy, check_callable, check_kind
from zhongzhuan_audio.errors import ConfigurationError, JournalError, ZhongzhuanError
from zhongzhuan_audio.journal import Journal, key_of
from zhongzhuan_audio.models import Transcription
from zhongzhuan_audio.options import check_options
from zhongzhuan_audio.protocol.form import Field
from zhongzhuan_audio.protocol.request import reference_fields, transcription_fields
from zhongzhuan_audio.upload.references import SpeakerReference, list_references, read_references
from zhongzhuan_audio.upload.source import Source

__all__ = ["BatchCalls"]

_UNSENT = frozenset({"timeouts", "retry", "filename", "on_progress"})
"""Options that do not go out as fields, and so change no answer."""


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
        journal: str | os.PathLike[str] | None = None,
        **options: Unpack[SharedOptions],
    ) -> AsyncIterator[Outcomes]:
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
            concurrency: How many recordings may be asked for at once; None takes the client's
                ``Limits.max_concurrency``. Up to half as many more are being read before or written down after. How
                many requests run at once, the client's limits decide.
            ordered: Give the outcomes in the order of the input. One that takes long then holds up those behind it:
                four times `concurrency` are begun before it, at most.
            on_progress: Called on the event loop with a `Progress` when a recording is taken up and when it is at its
                end; what it raises is raised here.
            budget: What may be spent. The first recording that it has no room for ends the input; it and those that
                were taken already come out with a `BudgetExceededError`.
            journal: Path of a file in which it is kept what was asked and answered, so that a later call asks only for
                what is not done, whatever ended this one; it is made where there is none. None keeps nothing.
            **options: Those of `transcribe`, for all recordings.

        Yields:
            The outcomes, one pass. Their `stop` ends the work in order, and leaving the block cancels what runs.

        Raises:
            ConfigurationError: An option is out of its range; nothing was sent. Or the client was closed on the
                way, which is raised when what was taken before is at its end.
            AudioSourceError: A speaker's reference cannot be read; nothing was sent.
            JournalError: The journal cannot be read, written or shared; where that happens on the way, it is raised
                when what was taken before is at its end.
            TypeError: `transcribe` has no such option; nothing was sent.
            Exception: What the input raises, when what was taken before is at its end.
        """
        shared = lasting(checked_names("transcribe_many", options, SharedOptions.__optional_keys__))
        _check_files(files)
        _check_concurrency(concurrency)
        check_kind("ordered", ordered, bool, "a bool")
        check_kind("budget", budget, Budget, "a Budget")
        check_callable("on_progress", on_progress)
        check_kind("journal", journal, (str, os.PathLike), "a path")
        self._check_usable()
        await _check_shared(shared)
        measured = on_progress is not None or budget is not None
        async with AsyncExitStack() as stack:
            kept = None if journal is None else await stack.enter_async_context(Journal(journal))

            async def transcribe(job: Job, place: Place) -> Transcription:
                return await self._transcribe_one(job, {**shared, **job.options}, place, kept, measured=measured)

            outcomes = run(
                files,
                transcribe,
                concurrency=(most := concurrency or self._limits.max_concurrency),
                beside=(most + 1) // 2,
                ordered=ordered,
                on_progress=on_progress,
                budget=budget,
                ends=self._ending,
            )
            yield await stack.enter_async_context(outcomes)

    def _ending(self, error: ZhongzhuanError | OSError) -> Exception | None:
        """Return what is to be raised in the end where no further recording could fare better; else None."""
        if self._closed:
            return ConfigurationError("this client was closed before all was asked for", hint="make a new one")
        return error if isinstance(error, JournalError) else None

    async def _transcribe_one(
        self, job: Job, options: dict[str, Any], place: Place, journal: Journal | None, *, measured: bool
    ) -> Transcription:
        """Transcribe a recording, unless the journal has its answer, and have that kept."""
        policy = self._policy_of(options)
        source = await self._open_source(job.file, options.pop("filename", None), policy)
        try:
            if journal is None:
                return await self._transcribe_source(source, options, place, measured=measured)
            fields, references = _fields_of(options)
            fields += reference_fields(await read_references(references))
            read, digest = await digested(source, job.file, journal)
            return await recorded(
                journal,
                key_of(digest, fields),
                source.label,
                place,
                lambda: self._transcribe_source(read, options, place, measured=measured),
                again=policy.maybe_billed_retries > 0,
            )
        finally:
            source.close()

    async def _transcribe_source(
        self, source: Source, options: dict[str, Any], place: Place, *, measured: bool
    ) -> Transcription:
        """Transcribe a recording, once it is known how long it is and that it may be sent."""
        policy = self._policy_of(options)
        found = await source.probe() if measured else None
        retries = await place.admit(found.duration_s if found else None, policy.maybe_billed_retries)
        if retries != policy.maybe_billed_retries:
            options["retry"] = attrs.evolve(policy, maybe_billed_retries=retries)
        # No kind of recording that callers have, but one that is taken all the same.
        opened: Any = attrs.evolve(source, on_open=place.tell_sent)
        try:
            return await self.transcribe(opened, **options)
        finally:
            place.leave()

    def _policy_of(self, options: dict[str, Any]) -> RetryPolicy:
        policy = options.get("retry") or self._retry
        check_kind("retry", policy, RetryPolicy, "a RetryPolicy")
        return policy


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
    check_options(timeouts=shared.get("timeouts"), retry=shared.get("retry"))
    _, references = _fields_of(shared)
    if references:
        shared["known_speaker_references"] = await read_references(references)


def _fields_of(options: Mapping[str, Any]) -> tuple[tuple[Field, ...], tuple[SpeakerReference, ...]]:
    """Return the fields that options go out as, without the speakers' references, and those."""
    told = {name: value for name, value in options.items() if name not in _UNSENT}
    references = list_references(told.pop("known_speaker_references", None))
    fields = transcription_fields(**{"model": "whisper-1", **told}, speaker_references=len(references))
    return fields, references
