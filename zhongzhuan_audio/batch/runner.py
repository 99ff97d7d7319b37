"""Goes through many recordings, so many at a time, and gives what came of each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sized
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeAlias

import attrs

from zhongzhuan_audio.batch.budget import Budget
from zhongzhuan_audio.batch.job import Job
from zhongzhuan_audio.batch.line import InLine, Line
from zhongzhuan_audio.batch.outcome import OnOutcome, Outcome, Progress, is_answered, length_s
from zhongzhuan_audio.batch.outcomes import Outcomes
from zhongzhuan_audio.batch.place import Place, stopped
from zhongzhuan_audio.batch.pulling import pull
from zhongzhuan_audio.batch.purse import Purse
from zhongzhuan_audio.errors import ConfigurationError, ZhongzhuanError
from zhongzhuan_audio.models import Transcription
from zhongzhuan_audio.threads import finish
from zhongzhuan_audio.upload.source import AudioFile

__all__ = ["Files", "Transcribe", "run"]

Files: TypeAlias = Iterable[AudioFile | Job] | AsyncIterable[AudioFile | Job]
"""Recordings, or jobs, plain or async."""

Transcribe: TypeAlias = "Callable[[Job, Place], Awaitable[Transcription]]"
"""Transcribes one recording."""

_WINDOW = 4
"""How many times `concurrency` recordings may be begun whose outcomes are not taken: where order counts, a long one
holds up those behind it, and a caller who does not keep up must not fill the memory."""
_LAST_S = 1.0
"""How long an input has for the recording that it is just giving when the work is stopped."""


@asynccontextmanager
async def run(
    files: Files,
    transcribe: Transcribe,
    *,
    concurrency: int,
    beside: int = 0,
    ordered: bool = False,
    on_progress: OnOutcome | None = None,
    budget: Budget | None = None,
    ends: Callable[[ZhongzhuanError | OSError], Exception | None] = lambda _: None,
) -> AsyncIterator[Outcomes]:
    """Transcribe recordings, and give what comes of each.

    Args:
        files: Taken when there is room for one more, never all at once.
        transcribe: Transcribes one; what it raises but `ZhongzhuanError` and `OSError` ends everything.
        concurrency: How many may have their turn at once.
        beside: How many more may be under way: those that wait for their turn, or are past it.
        ordered: Give the outcomes in the order of the input.
        on_progress: Told whenever a recording is taken up or at its end.
        budget: What may be spent.
        ends: Tells of a recording's error whether it ends the input, since the next could fare no better: what to raise
            when what was taken before is at its end, or None.

    Yields:
        The outcomes, one pass. Leaving the block cancels what runs and waits for its end.
    """
    batch = _Batch(
        transcribe,
        _total(files),
        concurrency=concurrency,
        beside=beside,
        ordered=ordered,
        on_progress=on_progress,
        budget=budget,
        ends=ends,
    )
    batch.begin(files)
    try:
        yield Outcomes(batch.take, batch.stop)
    finally:
        await batch.close()


def _total(files: Files) -> int | None:
    return len(files) if isinstance(files, Sized) else None


class _Batch:
    """The recordings under way, and the outcomes that nobody has taken yet."""

    def __init__(
        self,
        transcribe: Transcribe,
        total: int | None,
        *,
        concurrency: int,
        beside: int,
        ordered: bool,
        on_progress: OnOutcome | None,
        budget: Budget | None,
        ends: Callable[[ZhongzhuanError | OSError], Exception | None],
    ) -> None:
        self._transcribe = transcribe
        self._turns = asyncio.Semaphore(concurrency)
        self._most = concurrency + beside
        self._window = concurrency * _WINDOW
        self._ordered = ordered
        self._on_progress = on_progress
        self._ends = ends
        self._progress = Progress(total=total)
        self._tasks: set[asyncio.Task[None]] = set()
        self._places: dict[asyncio.Task[Any], Place] = {}
        """Of the tasks that are at work on a recording."""
        self._feeding: asyncio.Task[None] | None = None
        self._last: asyncio.TimerHandle | None = None
        self._begun = self._ended = self._given = 0
        self._ready: dict[int, Outcome] = {}
        """By their turn: their index where order counts, else as they end."""
        self._moved = asyncio.Event()
        """Whether anything has changed since it was last looked at."""
        self._over = False
        """Whether all of the input was taken that will be."""
        self._input_error: BaseException | None = None
        self._failure: BaseException | None = None
        self._closed = self._stopped = False
        self._purse = Purse(budget, change=self._change, moved=self._move, full=self._close_input)
        is_in_line = ordered and budget is not None
        self._line = Line(change=self._change, moved=self._move) if is_in_line else None
        self._enough = False
        """Whether no more is taken: the budget had no room for a recording, an error ends the input, or the work was
        stopped."""

    def begin(self, files: Files) -> None:
        """Begin to take recordings."""
        self._feeding = self._started(self._feed(files))

    def stop(self) -> None:
        """Take no more recordings, and send none that is not being asked for yet."""
        if self._stopped or self._closed:
            return
        self._stopped = self._enough = True
        for task, place in self._places.items():
            if not place.is_sent:
                self._break_off(task)
        assert self._feeding is not None
        self._last = asyncio.get_running_loop().call_later(_LAST_S, self._feeding.cancel)
        self._move()

    async def close(self) -> None:
        """Cancel what runs, and wait for its end, cancelled or not."""
        self._closed = True
        if self._last is not None:
            self._last.cancel()
        self._moved.set()
        for task in (tasks := list(self._tasks)):
            self._break_off(task)
        await finish(asyncio.gather(*tasks, return_exceptions=True))

    async def take(self) -> Outcome:
        """Return the next outcome; see `Outcomes`."""
        while True:
            if self._closed:
                raise ConfigurationError("the block was left", hint="take the outcomes inside of `async with`")
            outcome = self._ready.pop(self._given, None)
            if outcome is not None:
                self._given += 1
                self._move()
                return outcome
            if self._failure is not None:
                raise self._failure
            if self._over and self._given == self._begun:
                if self._input_error is not None:
                    raise self._input_error
                raise StopAsyncIteration
            await self._change()

    async def _feed(self, files: Files) -> None:
        try:
            async with aclosing(pull(files, enough=lambda: self._enough)) as items:
                await self._room()
                async for item in items:
                    job = item if isinstance(item, Job) else Job(item)
                    self._started(self._work(self._begun, job))
                    self._begun += 1
                    self._tell(under_way=self._progress.under_way + 1)
                    await self._room()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - it is raised where the outcomes are taken
            self._input_error = self._input_error or error
        finally:
            self._over = True
            self._move()

    async def _room(self) -> None:
        """Wait until one more may be taken up."""
        while not self._stopped and (
            self._begun - self._ended >= self._most or self._begun - self._given >= self._window
        ):
            await self._change()

    async def _work(self, index: int, job: Job) -> None:
        began, place = time.monotonic(), Place(self._turns, self._purse, InLine(self._line, index))
        task = asyncio.current_task()
        assert task is not None
        self._places[task] = place
        try:
            transcription, error = await self._result(job, place)
            audio_s = length_s(transcription, place.audio_s)
            seconds = time.monotonic() - began
            outcome = Outcome(
                index=index,
                job=job,
                transcription=transcription,
                error=error,
                seconds=seconds,
                audio_s=audio_s,
                from_journal=place.from_journal,
                lost_before=place.lost_before,
            )
            charged = 0 if place.from_journal else outcome.maybe_billed + is_answered(outcome)
            charged_s = place.settle(charged)
            if charged_s is None and (not charged or audio_s is not None):
                charged_s = charged * (audio_s or 0.0)
            outcome = attrs.evolve(outcome, charged_s=charged_s)
            self._ready[index if self._ordered else self._ended] = outcome
        except Exception as failure:  # noqa: BLE001 - it is raised where the outcomes are taken
            self._fail(failure)
            return
        finally:
            del self._places[task]
            place.leave()
            place.settle(None)
        self._ended += 1
        self._count(outcome)

    async def _result(self, job: Job, place: Place) -> tuple[Transcription | None, ZhongzhuanError | OSError | None]:
        try:
            if self._stopped:
                return None, stopped()
            return await self._transcribe(job, place), None
        except asyncio.CancelledError:
            if not self._stopped or self._closed or self._failure is not None:
                raise
            return None, stopped()
        except (ZhongzhuanError, OSError) as error:
            if (final := self._ends(error)) is not None:
                self._enough, self._input_error = True, self._input_error or final
            return None, error

    def _close_input(self) -> None:
        self._enough = True

    def _count(self, outcome: Outcome) -> None:
        now, done = self._progress, outcome.error is None
        self._tell(
            under_way=now.under_way - 1,
            done=now.done + done,
            failed=now.failed + (not done),
            from_journal=now.from_journal + outcome.from_journal,
            audio_s=now.audio_s + ((outcome.audio_s or 0.0) if done else 0.0),
        )
        self._move()

    def _tell(self, **changes: Any) -> None:
        if self._on_progress is None:
            return
        self._progress = attrs.evolve(self._progress, **changes)
        try:
            self._on_progress(self._progress)
        except Exception as error:  # noqa: BLE001 - it is raised where the outcomes are taken
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """End everything, at once: it is no failure of a recording."""
        if self._failure is None:
            self._failure = error
        for task in self._tasks:
            self._break_off(task)
        self._move()

    def _break_off(self, task: asyncio.Task[None]) -> None:
        if (place := self._places.get(task)) is not None:
            place.bar()
        task.cancel()

    def _started(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        """Raise what a task ended with: what it should have told was not told, and who waits would wait for ever."""
        self._tasks.discard(task)
        if not task.cancelled():
            if (error := task.exception()) is not None:
                self._fail(error)
        elif not (self._closed or self._stopped or self._failure):
            self._fail(RuntimeError("what a recording waited for was cancelled"))

    def _move(self) -> None:
        self._moved.set()

    async def _change(self) -> None:
        """Wait until something has changed; all who wait look again."""
        self._moved.clear()
        await self._moved.wait()
