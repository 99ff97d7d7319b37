"""Many recordings with any transcribe callable: order, windows, budgets, and every way to end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from zhongzhuan_audio import Budget, Job, Outcome, Progress
from zhongzhuan_audio.batch import Place, run
from zhongzhuan_audio.errors import (
    Attempt,
    BudgetExceededError,
    ConfigurationError,
    StoppedError,
    TransportError,
    UpstreamError,
    ZhongzhuanError,
)
from zhongzhuan_audio.models import Transcription, Usage

Ask = Callable[[Job, Place], Awaitable[Transcription]]


class Work:
    """Transcribes by hand: a name is heard when it is let go, or at once."""

    def __init__(self, *, by_hand: bool = False) -> None:
        self.by_hand = by_hand
        self.begun: list[Any] = []
        self.cancelled: list[Any] = []
        self.gates: dict[Any, asyncio.Event] = {}

    async def __call__(self, job: Job, _: Place) -> Transcription:
        """Hear it."""
        self.begun.append(job.file)
        try:
            await asyncio.sleep(0)
            if self.by_hand:
                await self.gates.setdefault(job.file, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.cancelled.append(job.file)
            raise
        return Transcription(text=str(job.file))

    async def let_go(self, *files: Any) -> None:
        """Have some heard, in this order."""
        for file in files:
            self.gates.setdefault(file, asyncio.Event()).set()
            await settled()


async def settled() -> None:
    """Let everything happen that can."""
    for _ in range(20):
        await asyncio.sleep(0)


def names(count: int) -> list[str]:
    """Return as many recordings."""
    return [str(number) for number in range(count)]


def others() -> set[asyncio.Task[Any]]:
    """Return the tasks that run beside the test's own."""
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]


async def collect(files: Any, transcribe: Ask, **options: Any) -> list[Outcome]:
    """Return all outcomes."""
    async with run(files, transcribe, **{"concurrency": 4, **options}) as outcomes:
        return [outcome async for outcome in outcomes]


async def take(outcomes: AsyncIterator[Outcome], found: list[Any]) -> None:
    """Keep the sources of outcomes, those before an error too."""
    async for outcome in outcomes:
        found.append(outcome.source)  # noqa: PERF401 - a list made at once would be lost with the error


async def test_each_has_an_outcome() -> None:
    """With its place, its source and its text."""
    found = await collect(names(50), Work())
    assert sorted((each.index, each.source, each.result().text) for each in found) == sorted(
        (number, str(number), str(number)) for number in range(50)
    )
    assert all(each.seconds >= 0 for each in found)
    assert others() == set()


async def test_outcomes_come_as_they_end() -> None:
    """The fast before the slow."""
    work = Work(by_hand=True)
    async with run(names(3), work, concurrency=3) as outcomes:
        await settled()
        await work.let_go("2", "0", "1")
        assert [outcome.source async for outcome in outcomes] == ["2", "0", "1"]


async def test_order_is_kept_where_it_is_asked_for() -> None:
    """The fast wait for the slow."""
    work = Work(by_hand=True)
    async with run(names(3), work, concurrency=3, ordered=True) as outcomes:
        await settled()
        await work.let_go("2", "1", "0")
        assert [outcome.source async for outcome in outcomes] == ["0", "1", "2"]


async def test_a_slow_one_holds_up_a_window() -> None:
    """Where order counts, four times the concurrency are begun before the first is at its end, and no more."""
    work = Work(by_hand=True)
    async with run(names(100), work, concurrency=2, ordered=True) as outcomes:
        for number in range(1, 8):
            await work.let_go(str(number))
        assert work.begun == names(8)
        await work.let_go("0")
        assert (await anext(outcomes)).source == "0"
        await settled()
        assert work.begun == names(9)


async def test_no_more_are_under_way_than_may_be() -> None:
    """The input is taken when one has ended, and not before."""
    work, taken = Work(by_hand=True), 0

    async def endless() -> AsyncIterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield str(taken)

    async with run(endless(), work, concurrency=3) as outcomes:
        await settled()
        assert (taken, len(work.begun)) == (3, 3)
        await work.let_go("1")
        assert (taken, len(work.begun)) == (4, 4)
        await anext(outcomes)
    assert sorted(work.cancelled) == ["2", "3", "4"]
    assert others() == set()


async def test_those_beside_have_no_turn() -> None:
    """They wait for it in the order in which they came, and get it when another is past its own."""
    waiting, asked, written = Work(by_hand=True), Work(by_hand=True), Work(by_hand=True)

    async def transcribe(job: Job, place: Place) -> Transcription:
        await waiting(job, place)
        await place.admit(None, 0)
        await asked(job, place)
        place.leave()
        return await written(job, place)

    async with run(names(9), transcribe, concurrency=2, beside=2) as outcomes:
        await settled()
        assert waiting.begun == names(4)
        await waiting.let_go("3", "1", "0", "2")
        assert asked.begun == ["3", "1"]
        await asked.let_go("3")
        assert (asked.begun, written.begun, waiting.begun) == (["3", "1", "0"], ["3"], names(4))
        await written.let_go("3")
        assert (asked.begun, waiting.begun) == (["3", "1", "0"], names(5))
        assert (await anext(outcomes)).source == "3"


async def test_a_turn_is_given_back_by_whoever_fails() -> None:
    """The others have theirs."""

    async def transcribe(_: Job, place: Place) -> Transcription:
        await place.admit(None, 0)
        raise UpstreamError("no")

    assert len(await collect(names(20), transcribe, concurrency=1, beside=1)) == 20


async def test_a_caller_who_does_not_keep_up_fills_no_memory() -> None:
    """Outcomes that nobody takes hold up the input."""
    work = Work()
    async with run(iter(range(10_000)), work, concurrency=2):
        await asyncio.sleep(0.05)
        assert len(work.begun) == 8


@pytest.mark.parametrize(
    "error",
    [UpstreamError("it failed", status=500), ConfigurationError("temperature"), FileNotFoundError(2, "gone", "7")],
)
async def test_one_that_fails_stops_no_other(error: Exception) -> None:
    """Its error is its outcome."""

    async def transcribe(job: Job, place: Place) -> Transcription:
        if job.file == "7":
            raise error
        return await Work()(job, place)

    found = await collect(names(50), transcribe, ordered=True)
    assert [each.index for each in found if each.error is not None] == [7]
    assert found[7].error is error
    with pytest.raises(type(error)):
        found[7].result()
    assert len(found) == 50


async def test_a_mistake_ends_everything_at_once() -> None:
    """A `TypeError` is no failure of a recording: what runs is cancelled, and it is raised after what is there."""
    work = Work(by_hand=True)

    async def transcribe(job: Job, place: Place) -> Transcription:
        if job.file == "3":
            raise TypeError("wrong option")
        return await work(job, place)

    found: list[Any] = []
    async with run(names(50), transcribe, concurrency=3) as outcomes:
        await settled()
        await work.let_go("0")
        with pytest.raises(TypeError, match="wrong option"):
            await take(outcomes, found)
    assert found == ["0"]
    assert sorted(work.cancelled) == ["1", "2"]
    assert others() == set()


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_an_input_that_raises_ends_after_what_was_begun(kind: str) -> None:
    """What was paid for comes out first; then the input's own error."""

    def broken() -> Iterator[str]:
        yield from names(5)
        raise LookupError("the list was cut off")

    async def broken_later() -> AsyncIterator[str]:
        for name in broken():
            yield name

    found: list[Any] = []
    async with run(broken() if kind == "plain" else broken_later(), Work(), concurrency=2) as outcomes:
        with pytest.raises(LookupError, match="cut off"):
            await take(outcomes, found)
    assert sorted(found) == names(5)
    assert others() == set()


async def test_leaving_early_cancels_what_runs() -> None:
    """The async input is closed, no task is left, the caller is not cancelled, and the outcomes are over."""
    work, closed = Work(), []

    async def endless() -> AsyncIterator[int]:
        number = 0
        try:
            while True:
                number += 1
                yield number
        finally:
            closed.append(True)

    async with run(endless(), work, concurrency=5) as outcomes:
        async for outcome in outcomes:
            if outcome.index == 20:
                work.by_hand = True
                break
    assert closed == [True]
    assert others() == set()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    begun = len(work.begun)
    await settled()
    assert len(work.begun) == begun
    with pytest.raises(ConfigurationError, match="the block was left"):
        await anext(outcomes)


async def test_an_input_that_is_waited_for_is_closed_too() -> None:
    """An async generator that waits for its next is cancelled there."""
    ended = []

    async def slow() -> AsyncIterator[str]:
        try:
            yield "0"
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    async with run(slow(), Work(), concurrency=5) as outcomes:
        await anext(outcomes)
    assert ended == [True]


async def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    """In no group, and with everything ended."""
    work = Work(by_hand=True)

    async def fail() -> None:
        async with run(names(10), work, concurrency=3):
            await settled()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert sorted(work.cancelled) == ["0", "1", "2"]
    assert others() == set()


async def test_cancelling_the_caller_cancels_what_runs() -> None:
    """And waits for its end, even where that takes a while and the caller is cancelled again."""
    ended = []

    async def transcribe(job: Job, _: Place) -> Transcription:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            ended.append(job.file)
        raise AssertionError

    task = asyncio.create_task(collect(names(10), transcribe, concurrency=3))
    await settled()
    task.cancel()
    await settled()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == ["0", "1", "2"]
    assert others() == set()


async def test_a_time_limit_on_an_outcome_loses_none() -> None:
    """Whoever stops waiting can go on later."""
    work = Work(by_hand=True)
    async with run(names(2), work, concurrency=2) as outcomes:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await anext(outcomes)
        await work.let_go("1", "0")
        assert [outcome.source async for outcome in outcomes] == ["1", "0"]


class Sending(Work):
    """Work that waits for its turn and is sent then; done by hand."""

    def __init__(self) -> None:
        super().__init__(by_hand=True)

    async def __call__(self, job: Job, place: Place) -> Transcription:
        """Send it, and hear it."""
        await place.admit(None, 0)
        place.tell_sent()
        return await super().__call__(job, place)


def shown(outcomes: list[Outcome]) -> list[tuple[Any, str]]:
    """Return what was given and what came of it."""
    return sorted((outcome.source, type(outcome.error).__name__) for outcome in outcomes)


@pytest.mark.parametrize("ordered", [False, True])
async def test_stopping_sends_nothing_more(*, ordered: bool) -> None:
    """What is asked for comes to its end, what was taken has an error, and the rest stays where it is."""
    work, taken, closed = Sending(), 0, []

    async def endless() -> AsyncIterator[str]:
        nonlocal taken
        try:
            for number in range(1000):
                taken += 1
                yield str(number)
        finally:
            closed.append(True)

    async with run(endless(), work, concurrency=2, beside=3, ordered=ordered) as outcomes:
        await settled()
        outcomes.stop()
        outcomes.stop()
        await settled()
        assert (work.begun, work.cancelled, taken, closed) == (["0", "1"], [], 5, [True])
        await work.let_go("1", "0")
        found = [outcome async for outcome in outcomes]
    assert shown(found) == [(name, "NoneType" if name in {"0", "1"} else "StoppedError") for name in names(5)]
    assert all(outcome.error.retryable for outcome in found if isinstance(outcome.error, StoppedError))
    outcomes.stop()
    assert others() == set()


async def test_what_a_thread_took_ahead_comes_out_too() -> None:
    """Each recording that was taken from a generator has an outcome, and what comes after can be gone on with."""
    work, files = Sending(), iter(names(1000))
    async with run(files, work, concurrency=2) as outcomes:
        while len(work.begun) < 2:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        outcomes.stop()
        await work.let_go("1", "0")
        found = [outcome async for outcome in outcomes]
    assert len(found) > 2
    assert sorted(outcome.index for outcome in found) == list(range(len(found)))
    assert next(files) == str(len(found))


async def test_stopping_when_one_is_just_taken_up() -> None:
    """It has an outcome though it has not begun."""
    stops: list[Callable[[], None]] = []

    def stop(_: Progress) -> None:
        for each in stops:
            each()

    async with run(names(10), Work(), concurrency=3, on_progress=stop) as outcomes:
        stops.append(outcomes.stop)
        assert shown([outcome async for outcome in outcomes]) == [("0", "StoppedError")]


async def test_stopping_does_not_wait_for_the_input() -> None:
    """One that never answers has a second."""

    async def slow() -> AsyncIterator[str]:
        yield "0"
        await asyncio.sleep(60)

    async with asyncio.timeout(10), run(slow(), Work(), concurrency=3) as outcomes:
        await anext(outcomes)
        outcomes.stop()
        assert [outcome async for outcome in outcomes] == []


async def test_nobody_waits_for_what_was_cancelled_by_others() -> None:
    """A recording that waits for something of the caller's may be cancelled with it."""
    waited_for = asyncio.get_running_loop().create_future()

    async def hear(_: Job, __: Place) -> Transcription:
        waited_for.cancel()
        await waited_for
        raise AssertionError

    async with asyncio.timeout(10):
        with pytest.raises(RuntimeError, match="what a recording waited for was cancelled"):
            await collect(names(3), hear)
    assert others() == set()


async def test_nobody_waits_for_a_task_that_died(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong where nothing should is raised, and what runs beside it is cancelled."""
    leave = Place.leave

    def fails(place: Place) -> None:
        leave(place)
        raise MemoryError

    work = Work(by_hand=True)
    async with asyncio.timeout(10), run(names(9), work, concurrency=4) as outcomes:
        await settled()
        monkeypatch.setattr(Place, "leave", fails)
        work.gates["1"].set()
        with pytest.raises(MemoryError):
            await take(outcomes, [])
    assert sorted(work.cancelled) == ["0", "2", "3"]
    assert others() == set()


async def test_leaving_after_stopping_cancels_what_runs() -> None:
    """And what waits in vain for the budget is told that it was stopped."""
    work, budget = Sending(), Budget(requests=1)

    async with run(names(3), work, concurrency=3, budget=budget) as outcomes:
        await settled()
        outcomes.stop()
        assert {(await anext(outcomes)).source, (await anext(outcomes)).source} == {"1", "2"}
        assert budget.left.requests == 0
    assert others() == set()


async def test_progress_is_told() -> None:
    """At each beginning and each end, with what is known of the lengths."""
    told: list[Progress] = []

    async def transcribe(job: Job, place: Place) -> Transcription:
        await place.admit(2.0, 0)
        if job.file == "1":
            raise UpstreamError("no")
        return Transcription(text="", duration=3.0 if job.file == "0" else None)

    await collect(names(4), transcribe, concurrency=1, on_progress=told.append)
    assert len(told) == 8
    assert told[0] == Progress(under_way=1, total=4)
    assert told[-1] == Progress(done=3, failed=1, under_way=0, audio_s=7.0, total=4)
    await collect(iter(names(1)), transcribe, on_progress=told.append)
    assert told[-1].total is None


async def test_a_progress_function_that_raises_ends_the_work() -> None:
    """It is the caller's mistake."""

    def wrong(_: Progress) -> None:
        raise KeyError("bar")

    with pytest.raises(KeyError, match="bar"):
        await collect(names(4), Work(), on_progress=wrong)


@pytest.mark.parametrize(
    ("answer", "header_s", "length"),
    [
        (Transcription(text="", duration=3.0), 2.0, 3.0),
        (Transcription(text="", usage=Usage(seconds=4.0)), 2.0, 2.0),
        (Transcription(text="", usage=Usage(seconds=4.0)), None, 4.0),
        (Transcription(text="", usage=Usage()), None, None),
        (Transcription(text=""), None, None),
    ],
)
async def test_the_answer_tells_the_length_best(
    answer: Transcription, header_s: float | None, length: float | None
) -> None:
    """Then the header, then what was counted for the bill."""

    async def transcribe(_: Job, place: Place) -> Transcription:
        await place.admit(header_s, 0)
        return answer

    (outcome,) = await collect(["a"], transcribe)
    assert outcome.audio_s == length


def test_what_may_have_been_billed_is_told() -> None:
    """By the attempts that gave nothing, also where the next one gave the text, or else by the error."""
    lost, good = Attempt(endpoint="", billed="maybe", error="TransportError"), Attempt(endpoint="")
    job = Job("a.mp3")
    mended = Outcome(index=0, job=job, transcription=Transcription(text="", attempts=(lost, good)))
    assert (mended.billed, mended.maybe_billed, mended.attempts) == ("maybe", 1, (lost, good))
    bare = Outcome(index=0, job=job, error=TransportError("cut", billed="maybe"))
    assert (bare.billed, bare.maybe_billed, bare.attempts) == ("maybe", 1, ())
    gone = Outcome(index=0, job=job, error=FileNotFoundError("gone"))
    assert (gone.billed, gone.maybe_billed, gone.attempts) == ("no", 0, ())
    assert repr(gone) == "<Outcome 0 'a.mp3' FileNotFoundError: gone>"
    assert "a.mp3" in repr(mended)


def spender(*, length_s: float | None = 60.0, charged: int = 1, delay: bool = True) -> tuple[Ask, list[int]]:
    """Return what transcribes recordings of one length, and a list of how often each was sent again."""
    sent: list[int] = []

    async def transcribe(job: Job, place: Place) -> Transcription:
        retries = await place.admit(length_s, 1)
        if delay:
            await asyncio.sleep(0)
        times = min(charged, 1 + retries)
        sent.append(times)
        lost = Attempt(endpoint="", billed="maybe", error="TransportError")
        if charged == 0:
            raise UpstreamError("free")
        return Transcription(text=str(job.file), attempts=(lost,) * (times - 1) + (Attempt(endpoint=""),))

    return transcribe, sent


@pytest.mark.parametrize("charged", [1, 2])
@pytest.mark.parametrize("concurrency", [1, 7, 64])
@pytest.mark.parametrize("ordered", [False, True])
async def test_a_budget_is_used_up_and_never_exceeded(charged: int, concurrency: int, *, ordered: bool) -> None:
    """Whatever each costs and however many run, and the rest of the input stays where it is."""
    transcribe, sent = spender(charged=charged)
    budget, taken = Budget(audio_minutes=25), 0

    async def files() -> AsyncIterator[int]:
        nonlocal taken
        for taken in range(1, 1001):
            yield taken

    found = await collect(files(), transcribe, concurrency=concurrency, budget=budget, ordered=ordered)
    done = [each for each in found if each.error is None]
    refused = [each for each in found if each.error is not None]
    assert sum(sent) == 25
    assert (budget.left.audio_minutes, budget.spent.requests) == (0, 25)
    assert len(done) == len(sent)
    assert refused
    assert all(isinstance(each.error, BudgetExceededError) for each in refused)
    assert len(found) == taken <= 25 + concurrency


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("concurrency", [1, 2, 4])
async def test_a_budget_is_used_in_order(concurrency: int, *, ordered: bool) -> None:
    """Where order counts; else who is known first has it, though others were before it. Nobody waits for ever."""
    decoded: dict[str, asyncio.Event] = {name: asyncio.Event() for name in names(4)}
    lengths_s = {"0": 240.0, "1": 60.0, "2": 240.0, "3": 60.0}

    async def transcribe(job: Job, place: Place) -> Transcription:
        name = str(job.file)
        is_prepared = lengths_s[name] > 60
        await place.admit(lengths_s[name], 0, has_plan=is_prepared)
        if is_prepared:
            await decoded[name].wait()
            await place.plan((lengths_s[name] / 2,) * 2, audio_s=lengths_s[name])
            place.charge(lengths_s[name] / 2, 2)
        place.leave()
        return Transcription(text=name, attempts=(Attempt(endpoint=""),))

    budget = Budget(audio_minutes=5)
    options = {"concurrency": concurrency, "beside": 2, "budget": budget, "ordered": ordered}
    async with asyncio.timeout(5), run(names(4), transcribe, **options) as outcomes:
        for name in ("2", "0"):
            await settled()
            decoded[name].set()
        found = {str(outcome.source): outcome.error async for outcome in outcomes}
    done = [name for name, error in sorted(found.items()) if error is None]
    if ordered:
        assert done == ["0", "1"]
    elif concurrency == 4:
        assert "0" not in done
    assert budget.left.audio_minutes is not None
    assert budget.left.audio_minutes >= 0


async def test_who_waits_for_another_run_lets_others_go_before() -> None:
    """Two runs that wait for each other's recordings would do so for ever."""
    gone = asyncio.Event()

    async def transcribe(job: Job, place: Place) -> Transcription:
        if job.file == "0":
            place.step_aside()
            await gone.wait()
        await place.admit(60.0, 0)
        gone.set()
        return Transcription(text="")

    async with asyncio.timeout(5):
        found = await collect(names(2), transcribe, budget=Budget(audio_minutes=2), ordered=True)
    assert [outcome.error for outcome in found] == [None, None]


async def test_what_cost_nothing_comes_back() -> None:
    """A hundred free failures leave a budget of three requests as it was."""
    transcribe, _ = spender(charged=0)
    budget = Budget(requests=3)
    found = await collect(names(100), transcribe, budget=budget)
    assert all(isinstance(each.error, UpstreamError) for each in found)
    assert (len(found), budget.left.requests, budget.spent.requests) == (100, 3, 0)


async def test_a_length_that_nobody_knows_stops_no_other() -> None:
    """It has its error, and the next is sent."""

    async def transcribe(job: Job, place: Place) -> Transcription:
        await place.admit(None if job.file == "1" else 60.0, 0)
        return Transcription(text="")

    found = await collect(names(4), transcribe, budget=Budget(audio_minutes=10), ordered=True)
    assert [type(each.error) for each in found] == [type(None), BudgetExceededError, type(None), type(None)]


async def test_what_is_broken_off_counts() -> None:
    """Nobody knows what it cost: all that was set aside for it is spent."""

    async def transcribe(_: Job, place: Place) -> Transcription:
        await place.admit(60.0, 1)
        await asyncio.sleep(60)
        raise AssertionError

    budget = Budget(audio_minutes=10)
    async with run(names(3), transcribe, concurrency=3, budget=budget):
        await settled()
        assert budget.left.audio_minutes == 4
    assert (budget.left.audio_minutes, budget.spent.requests) == (4, 6)


async def test_errors_of_any_kind_of_ours_are_outcomes() -> None:
    """The root class too."""

    async def transcribe(_: Job, __: Place) -> Transcription:
        raise ZhongzhuanError("something")

    (outcome,) = await collect(["a"], transcribe)
    assert str(outcome.error) == "something"
