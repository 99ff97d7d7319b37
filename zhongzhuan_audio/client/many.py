"""What transcribing and translating many recordings have in common."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import attrs

from zhongzhuan_audio.batch import (
    Budget,
    Files,
    Job,
    OnOutcome,
    Outcomes,
    Place,
    SharedOptions,
    TranslationOptions,
    run,
)
from zhongzhuan_audio.batch.bar import load_bar, shown
from zhongzhuan_audio.batch.booked import Booked, Kept
from zhongzhuan_audio.batch.job import checked_names, lasting
from zhongzhuan_audio.batch.recorded import LOCAL, TRANSLATION, digested, fuller_keys, marks_of, recorded, unlistened
from zhongzhuan_audio.client.script import check_script, in_script
from zhongzhuan_audio.config import Limits, RetryPolicy, check_callable, check_kind
from zhongzhuan_audio.errors import ConfigurationError, JournalError, ZhongzhuanError
from zhongzhuan_audio.journal import Journal, key_of
from zhongzhuan_audio.media.extra import check_media
from zhongzhuan_audio.models import Transcription
from zhongzhuan_audio.options import Preparing, check_options
from zhongzhuan_audio.protocol.form import Field
from zhongzhuan_audio.protocol.known_models import timed_format
from zhongzhuan_audio.protocol.request import reference_fields, transcription_fields, translation_fields
from zhongzhuan_audio.threads import in_thread
from zhongzhuan_audio.upload.references import SpeakerReference, list_references, read_references
from zhongzhuan_audio.upload.source import Source

if TYPE_CHECKING:
    from zhongzhuan_audio.audio.duration import Probe

__all__ = ["TRANSCRIBING", "TRANSLATING", "Hands", "Many", "Work"]

Fields: TypeAlias = tuple[tuple[Field, ...], tuple[SpeakerReference, ...]]
"""What options go out as, and the speakers' references among them, which are to be read."""

_UNSENT = frozenset({"timeouts", "retry", "filename", "on_progress", "script", *attrs.fields_dict(Preparing)})
"""Options that do not go out as fields."""
_ITS_OWN = frozenset({"filename", "on_progress"})
"""Options that a recording can have, and many cannot share."""


@attrs.frozen(kw_only=True)
class Work:
    """What is asked of each of many recordings."""

    name: str
    """Of the call for many."""
    method: str
    """Of the call for one."""
    options: frozenset[str]
    """Those of the method that many recordings can share."""
    fields: Callable[[Mapping[str, Any]], Fields]
    """Makes fields of those options that are sent.

    Raises `ConfigurationError` where one is out of its range."""
    mark: tuple[Field, ...] = ()
    """What a journal's key holds beside the fields, so that no other work's answer is taken for this one's."""


def _transcription_fields(options: Mapping[str, Any]) -> Fields:
    sent = dict(options)
    references = list_references(sent.pop("known_speaker_references", None))
    return transcription_fields(**sent, speaker_references=len(references)), references


TRANSCRIBING = Work(
    name="transcribe_many",
    method="transcribe",
    options=SharedOptions.__optional_keys__,
    fields=_transcription_fields,
)
TRANSLATING = Work(
    name="translate_many",
    method="translate",
    options=TranslationOptions.__optional_keys__,
    fields=lambda options: (translation_fields(**options), ()),
    mark=(TRANSLATION,),
)


class NeedOf(Protocol):
    """Tells why a recording cannot go out as it is; None where it can."""

    def __call__(
        self, source: Source, duration_s: float | None, model: str, preparing: Preparing
    ) -> Awaitable[object | None]:
        """Look at it."""
        ...


@attrs.frozen(kw_only=True)
class Hands:
    """What a client lends to whoever asks for many recordings."""

    limits: Limits
    retry: RetryPolicy
    is_local: bool
    """Whether a model on this machine is asked."""
    is_closed: Callable[[], bool]
    check_usable: Callable[[], None]
    open_source: Callable[[object, str | None, RetryPolicy], Awaitable[Source]]
    need_of: NeedOf
    methods: Mapping[str, Callable[..., Awaitable[Transcription]]]
    """The calls for one recording, by name."""


@attrs.frozen(kw_only=True)
class _Asking:
    """What all recordings of a call have in common."""

    work: Work
    shared: dict[str, Any]
    fields: tuple[Field, ...]
    """Of the shared options."""
    mark: tuple[Field, ...]
    """What a journal's key holds beside the fields."""
    journal: Journal | None
    measured: bool
    """Whether a recording's length matters."""


class Many:
    """The way that many recordings go.

    Args:
        hands: The client's.
    """

    def __init__(self, hands: Hands) -> None:
        self._hands = hands

    @asynccontextmanager
    async def ask(
        self,
        work: Work,
        files: Files,
        *,
        concurrency: int | None,
        ordered: bool,
        on_progress: OnOutcome | None,
        progress: bool,
        budget: Budget | None,
        journal: str | os.PathLike[str] | None,
        options: Mapping[str, Any],
    ) -> AsyncIterator[Outcomes]:
        """Ask for many recordings, and give what came of each; as `AsyncClient.transcribe_many`."""
        shared = lasting(checked_names(work.name, options, work.options))
        _check_files(files)
        _check_concurrency(concurrency)
        check_kind("ordered", ordered, bool, "a bool")
        check_kind("progress", progress, bool, "a bool")
        check_kind("budget", budget, Budget, "a Budget")
        check_callable("on_progress", on_progress)
        check_kind("journal", journal, (str, os.PathLike), "a path")
        self._hands.check_usable()
        check_options(timeouts=shared.get("timeouts"), retry=shared.get("retry"))
        fields, references = _fields_of(work, shared)
        await check_script(shared.get("script"))
        if read := await read_references(references):
            # Once for all recordings.
            shared["known_speaker_references"] = read
        make_bar = await in_thread(load_bar) if progress else None
        async with AsyncExitStack() as stack:
            if make_bar is not None:
                on_progress = stack.enter_context(shown(make_bar, on_progress))
            asking = _Asking(
                work=work,
                shared=shared,
                fields=fields + reference_fields(read),
                mark=(*work.mark, LOCAL) if self._hands.is_local else work.mark,
                journal=None if journal is None else await stack.enter_async_context(Journal(journal)),
                measured=on_progress is not None or budget is not None,
            )
            outcomes = run(
                files,
                lambda job, place: self._ask_for(asking, job, place),
                concurrency=(most := concurrency or self._hands.limits.max_concurrency),
                beside=(most + 1) // 2,
                ordered=ordered,
                on_progress=on_progress,
                budget=budget,
                ends=self._ending,
            )
            yield await stack.enter_async_context(outcomes)

    def _ending(self, error: ZhongzhuanError | OSError) -> Exception | None:
        """Return what is to be raised in the end where no further recording could fare better; else None."""
        if self._hands.is_closed():
            return ConfigurationError("this client was closed before all was asked for", hint="make a new one")
        return error if isinstance(error, JournalError) else None

    async def _ask_for(self, asking: _Asking, job: Job, place: Place) -> Transcription:
        """Ask for a recording as `_answer` does; the journal keeps its script as it came."""
        options = {**asking.shared, **checked_names(asking.work.method, job.options, asking.work.options | _ITS_OWN)}
        return await in_script(options.pop("script", None), lambda: self._answer(asking, job, options, place))

    async def _answer(self, asking: _Asking, job: Job, options: dict[str, Any], place: Place) -> Transcription:
        """Ask for a recording, unless the journal has its answer, and have that kept."""
        work, journal = asking.work, asking.journal
        policy = self._policy_of(options)
        fields = asking.fields
        if journal is not None and job.options:
            fields, references = _fields_of(work, options)
            fields += reference_fields(await read_references(references))
        source = await self._hands.open_source(job.file, options.pop("filename", None), policy)
        try:
            if journal is None:
                return await self._send_source(asking, source, options, place, None)
            read, digest = await digested(source, job.file, journal)
            question = fields + asking.mark + marks_of(options)
            again = policy.maybe_billed_retries > 0
            whole = asking.mark + marks_of(unlistened(options))
            kept = Kept(journal=journal, digest=digest, mark=asking.mark, whole=whole, again=again)
            transcription = await recorded(
                journal,
                key_of(digest, question),
                source.label,
                place,
                lambda: self._send_source(asking, read, options, place, kept),
                again=again,
                instead=fuller_keys(digest, question),
            )
            if place.from_journal and asking.measured:
                place.audio_s = _length_s(await source.probe())
            return transcription
        finally:
            source.close()

    async def _send_source(
        self, asking: _Asking, source: Source, options: dict[str, Any], place: Place, kept: Kept | None
    ) -> Transcription:
        """Ask for a recording, once it is known how long it is and that it may be sent."""
        policy = self._policy_of(options)
        audio_s = _length_s(await source.probe()) if asking.measured else None
        has_plan = place.has_budget and await self._is_prepared(source, audio_s, options)
        retries = await place.admit(audio_s, policy.maybe_billed_retries, has_plan=has_plan)
        if retries != policy.maybe_billed_retries:
            options["retry"] = attrs.evolve(policy, maybe_billed_retries=retries)
        # No kind of recording that callers have, but one that is taken all the same.
        opened = attrs.evolve(source, on_open=place.tell_sent, on_lost=place.on_lost, book=Booked(place, kept))
        try:
            transcription = await self._hands.methods[asking.work.method](opened, **options)
        finally:
            place.leave()
        return transcription

    async def _is_prepared(self, source: Source, audio_s: float | None, options: Mapping[str, Any]) -> bool:
        """Tell whether something else goes out in a recording's place."""
        preparing = Preparing.of(options)
        if preparing.skips_all:
            return True
        return await self._hands.need_of(source, audio_s, options.get("model", "whisper-1"), preparing) is not None

    def _policy_of(self, options: Mapping[str, Any]) -> RetryPolicy:
        policy = options.get("retry") or self._hands.retry
        check_kind("retry", policy, RetryPolicy, "a RetryPolicy")
        return policy


def _length_s(found: Probe | None) -> float | None:
    return found.duration_s if found else None


def _fields_of(work: Work, options: Mapping[str, Any]) -> Fields:
    preparing = Preparing.of(options)
    sent = {name: value for name, value in options.items() if name not in _UNSENT}
    whole = {"model": "whisper-1", "response_format": "json", **sent}
    if preparing.needs_times:
        apart = preparing.channels is not None
        whole["response_format"] = timed_format(whole["model"], whole["response_format"], words=apart)
    fields, references = work.fields(whole)
    preparing.check_times(fields)
    if preparing.needs_times or preparing.skip_silence:
        check_media()
    return fields, references


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
