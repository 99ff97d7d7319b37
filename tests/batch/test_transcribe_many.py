"""Many recordings through the clients, against the embedded relay."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import threading
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from types import NoneType
from typing import Any

import pytest

from zhongzhuan_audio import (
    AsyncClient,
    Budget,
    Client,
    Job,
    Limits,
    Outcome,
    Progress,
    RetryPolicy,
)
from zhongzhuan_audio.errors import (
    AudioSourceError,
    BudgetExceededError,
    ConfigurationError,
    RateLimitError,
    StoppedError,
    TransportError,
    UnsupportedAudioError,
)
from zhongzhuan_audio.events import ConnectionOpened, Event
from zhongzhuan_audio.relay import Fault, LocalRelay, ScriptedEngine

QUICK = RetryPolicy(backoff_base_s=0.001)


def wav(seconds: float) -> bytes:
    """Return silence."""
    kept = io.BytesIO()
    with wave.open(kept, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(100)
        file.writeframes(b"\x80" * round(seconds * 100))
    return kept.getvalue()


SHORT = wav(6)


def heard(options: Any) -> str:
    """Answer with the name that the recording came under, and the prompt."""
    return f"{options.filename} {options.prompt or ''}".strip()


@pytest.fixture
async def relay() -> AsyncIterator[LocalRelay]:
    """A relay that answers with names."""
    async with LocalRelay(ScriptedEngine(heard)) as relay:
        yield relay


@pytest.fixture
async def client(relay: LocalRelay) -> AsyncIterator[AsyncClient]:
    """A client of it."""
    limits = Limits(max_concurrency=16)
    async with AsyncClient(relay.base_url, relay.api_key, limits=limits, retry=QUICK) as client:
        yield client


def recordings(count: int) -> Iterator[tuple[str, bytes]]:
    """Give short recordings with names."""
    for number in range(count):
        yield f"{number}.wav", SHORT


async def test_every_kind_of_recording_is_taken(client: AsyncClient, tmp_path: Path) -> None:
    """Whatever `transcribe` takes, with options for all and options of its own, in order."""
    path = tmp_path / "path.wav"
    path.write_bytes(SHORT)

    async def chunks() -> AsyncIterator[bytes]:
        yield SHORT

    jobs = [path, str(path), SHORT, ("pair.wav", SHORT), io.BytesIO(SHORT), Job(chunks(), filename="own.wav")]
    files = [*jobs, Job(path, prompt="mine")]
    async with client.transcribe_many(files, prompt="all", ordered=True) as outcomes:
        found = [outcome async for outcome in outcomes]
    texts = [outcome.result().text for outcome in found]
    names = ["path.wav", "path.wav", "audio.wav", "pair.wav", "audio.wav", "own.wav"]
    assert texts == [*(f"{name} all" for name in names), "path.wav mine"]
    assert [outcome.source for outcome in found] == [*jobs[:5], jobs[5].file, path]
    assert all(len(outcome.attempts) == 1 and outcome.billed == "no" for outcome in found)


@pytest.mark.parametrize("measured", [False, True])
async def test_every_kind_is_sent_whole_when_it_was_measured(
    relay: LocalRelay, client: AsyncClient, *, measured: bool
) -> None:
    """What can be read only once too."""

    async def chunks() -> AsyncIterator[bytes]:
        yield SHORT[:100]
        yield SHORT[100:]

    read, write = os.pipe()
    os.write(write, SHORT)
    os.close(write)
    file = io.BytesIO(b"xx" + SHORT)
    file.seek(2)
    with os.fdopen(read, "rb") as pipe:
        files = [SHORT, Job(chunks(), filename="a.wav"), Job(pipe, filename="b.wav"), file, file]
        budget = Budget(audio_minutes=0.5) if measured else None
        async with client.transcribe_many(files, budget=budget) as outcomes:
            found = [outcome async for outcome in outcomes]
    assert [outcome.error for outcome in found] == [None] * 5
    assert {request.size_bytes for request in relay.requests} == {len(SHORT)}
    if budget is not None:
        assert budget.left.audio_minutes == 0
        assert {outcome.audio_s for outcome in found} == {6.0}


async def test_a_bad_one_stops_no_other(relay: LocalRelay, client: AsyncClient, tmp_path: Path) -> None:
    """Missing, no recording, no kind of recording, an option out of range: each has its outcome."""
    bad: dict[int, Any] = {
        7: tmp_path / "missing.wav",
        33: ("a.zip", b"PK\x03\x04" + bytes(100)),
        50: 3,
        51: Job(SHORT, temperature=7),
        99: Job(SHORT, retry=3),  # type: ignore[arg-type]
    }
    files = [bad.get(number, each) for number, each in enumerate(recordings(100))]
    for progress in (None, lambda _: None):
        async with client.transcribe_many(files, on_progress=progress) as outcomes:
            found = {outcome.index: outcome async for outcome in outcomes}
        errors = {index: type(outcome.error) for index, outcome in found.items() if outcome.error is not None}
        assert errors == {
            7: AudioSourceError,
            33: UnsupportedAudioError,
            50: ConfigurationError,
            51: ConfigurationError,
            99: ConfigurationError,
        }
        assert len(found) == 100
    assert relay.billable == 190


async def test_a_million_names_need_no_list(client: AsyncClient) -> None:
    """Only so many are taken as are under way, sixteen more, and those whose outcomes nobody took."""
    taken = 0

    def endless() -> Iterator[tuple[str, bytes]]:
        nonlocal taken
        for each in recordings(1_000_000):
            taken += 1
            yield each

    async with client.transcribe_many(endless(), concurrency=4) as outcomes:
        for count in range(1, 101):
            await anext(outcomes)
            assert taken <= count + 4 * 4 + 16
    assert taken < 150


async def test_leaving_at_the_tenth_of_a_thousand(relay: LocalRelay) -> None:
    """No request goes out after it, no task, descriptor or thread is left, and the caller is not cancelled."""
    tasks, descriptors = asyncio.all_tasks(), set(os.listdir("/proc/self/fd"))
    async with AsyncClient(relay.base_url, relay.api_key) as client:
        got = 0
        async with client.transcribe_many(recordings(1000), concurrency=8) as outcomes:
            async for _ in outcomes:
                got += 1
                if got == 10:
                    break
        await asyncio.sleep(0.05)
        seen = relay.request_count
        assert 10 <= seen <= 10 + 5 * 8
        await asyncio.sleep(0.1)
        assert relay.request_count == seen
        assert (await client.transcribe(SHORT)).text == "audio.wav"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    async with asyncio.timeout(10):
        while asyncio.all_tasks() != tasks or set(os.listdir("/proc/self/fd")) != descriptors:
            await asyncio.sleep(0.001)
        while any(thread.name == "zhongzhuan-files" for thread in threading.enumerate()):
            await asyncio.sleep(0.001)


async def test_cancelling_the_caller_ends_the_requests(relay: LocalRelay, client: AsyncClient) -> None:
    """The relay sees them go."""
    relay.engine.delay_s = 60  # type: ignore[attr-defined]

    async def transcribe() -> None:
        async with client.transcribe_many(recordings(100), concurrency=8) as outcomes:
            await anext(outcomes)

    task = asyncio.create_task(transcribe())
    async with asyncio.timeout(10):
        while relay.request_count < 8:
            await asyncio.sleep(0.001)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        while not all(request.gone for request in relay.requests):
            await asyncio.sleep(0.001)
    assert task.cancelled()
    assert relay.request_count == 8


async def test_stopping_sends_nothing_that_waits_in_the_client(relay: LocalRelay) -> None:
    """It has its turn in the batch, but not in the client, and so it is not being asked for."""
    relay.engine.delay_s = 0.1  # type: ignore[attr-defined]
    async with AsyncClient(relay.base_url, relay.api_key, limits=Limits(max_concurrency=1)) as client:
        async with client.transcribe_many(recordings(100), concurrency=4) as outcomes:
            async with asyncio.timeout(10):
                while relay.request_count < 1:
                    await asyncio.sleep(0.001)
            outcomes.stop()
            found = [outcome async for outcome in outcomes]
    assert [outcome.source[0] for outcome in found if outcome.error is None] == ["0.wav"]  # type: ignore[index]
    assert {type(outcome.error) for outcome in found if outcome.error is not None} == {StoppedError}
    assert relay.request_count == 1


async def test_stopping_in_the_turn_in_which_it_would_go_out(relay: LocalRelay, tmp_path: Path) -> None:
    """A connection has just been made, and the task that writes the body comes before the cancelling."""
    journal = tmp_path / "journal.sqlite"

    def stop(event: Event) -> None:
        if isinstance(event, ConnectionOpened):
            outcomes.stop()

    async with (
        AsyncClient(relay.base_url, relay.api_key, on_event=stop) as client,
        client.transcribe_many(recordings(2), concurrency=1, journal=journal) as outcomes,
    ):
        assert {type(outcome.error) async for outcome in outcomes} == {StoppedError}
    assert relay.request_count == 0
    async with (
        AsyncClient(relay.base_url, relay.api_key) as client,
        client.transcribe_many(recordings(2), journal=journal) as outcomes,
    ):
        assert [outcome.lost_before async for outcome in outcomes] == [0, 0]


async def test_pacing_is_the_clients(relay: LocalRelay) -> None:
    """However many recordings are under way, no more requests run than the client allows, and a 429 is nobody's end."""
    running = most = calls = 0

    async def count(options: Any) -> str:
        nonlocal running, most, calls
        calls += 1
        if calls % 10 == 0:
            raise RateLimitError("slow down", status=429)
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.002)
        running -= 1
        return str(options.filename)

    relay.engine.script(count)  # type: ignore[attr-defined]
    limits, retry = Limits(max_concurrency=4), RetryPolicy(backoff_base_s=0.001, max_attempts=8)
    async with AsyncClient(relay.base_url, relay.api_key, limits=limits, retry=retry) as client:
        async with client.transcribe_many(recordings(100), concurrency=32) as outcomes:
            assert [outcome.error async for outcome in outcomes] == [None] * 100
    assert most <= 4
    assert relay.request_count > 100


async def test_the_clients_limit_is_the_default(relay: LocalRelay, client: AsyncClient) -> None:
    """As many are asked for as requests may run, and half as many more are at hand."""
    relay.engine.delay_s = 60  # type: ignore[attr-defined]
    told: list[Progress] = []
    async with client.transcribe_many(recordings(100), on_progress=told.append):
        async with asyncio.timeout(10):
            while relay.request_count < 16:
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
    assert (relay.request_count, told[-1].under_way) == (16, 24)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"lnguage": "zh"}, TypeError, "transcribe_many\\(\\) got an unexpected keyword argument 'lnguage'"),
        ({"filename": "a.mp3"}, TypeError, "unexpected keyword argument 'filename'"),
        ({"temperature": 7}, ConfigurationError, "temperature"),
        ({"language": "Chinese"}, ConfigurationError, "language"),
        ({"timeouts": 3}, ConfigurationError, "timeouts must be a Timeouts"),
        ({"retry": 3}, ConfigurationError, "retry must be a RetryPolicy"),
        ({"concurrency": 0}, ConfigurationError, "concurrency must be a whole number of at least 1"),
        ({"concurrency": True}, ConfigurationError, "concurrency must be"),
        ({"ordered": 1}, ConfigurationError, "ordered must be a bool"),
        ({"budget": 5}, ConfigurationError, "budget must be a Budget"),
        ({"on_progress": 5}, ConfigurationError, "on_progress must be a function"),
        ({"on_progress": asyncio.sleep}, ConfigurationError, "on_progress must be a plain function, not an async one"),
        (
            {
                "model": "gpt-4o-transcribe-diarize",
                "known_speaker_names": ["a"],
                "known_speaker_references": ["no.wav"],
            },
            AudioSourceError,
            "no.wav",
        ),
    ],
)
async def test_wrong_options_are_told_at_once(
    relay: LocalRelay, client: AsyncClient, options: Any, error: type[Exception], message: str
) -> None:
    """Nothing is taken from the input, and nothing is sent."""
    files = recordings(10)
    with pytest.raises(error, match=message):
        async with client.transcribe_many(files, **options):
            pass
    assert next(files)[0] == "0.wav"
    assert relay.request_count == 0


@pytest.mark.parametrize("files", ["a.mp3", b"bytes", Path("a.mp3"), io.BytesIO(SHORT), 3, None])
async def test_one_recording_is_not_many(client: AsyncClient, files: Any) -> None:
    """A path alone would be taken letter by letter."""
    with pytest.raises(ConfigurationError, match="files must be many recordings"):
        async with client.transcribe_many(files):
            pass


async def test_options_that_are_iterators_serve_all(relay: LocalRelay, client: AsyncClient) -> None:
    """They are not empty at the second recording; and a speaker's reference is read once."""
    options: Any = {"response_format": "verbose_json", "timestamp_granularities": iter(["word"])}
    async with client.transcribe_many(recordings(5), **options) as outcomes:
        assert [len(outcome.result().words) for outcome in [each async for each in outcomes]] == [1] * 5
    assert {request.fields["timestamp_granularities[]"] for request in relay.requests} == {("word",)}


async def test_a_speakers_reference_is_read_once(tmp_path: Path) -> None:
    """It may be gone when the second recording is sent."""
    voice = tmp_path / "voice.wav"
    voice.write_bytes(wav(2))
    async with LocalRelay(ScriptedEngine(heard, models=("gpt-4o-transcribe-diarize",))) as relay:
        async with AsyncClient(relay.base_url, relay.api_key) as client:
            async with client.transcribe_many(
                recordings(3),
                model="gpt-4o-transcribe-diarize",
                known_speaker_names=["a"],
                known_speaker_references=[voice],
            ) as outcomes:
                voice.unlink()
                assert [outcome.error async for outcome in outcomes] == [None] * 3
        (sent,) = {request.fields["known_speaker_references[]"] for request in relay.requests}
    assert sent[0].startswith("data:audio/")


async def test_a_closed_client_says_so(client: AsyncClient) -> None:
    """Before anything is taken."""
    await client.close()
    with pytest.raises(ConfigurationError, match="this client is closed"):
        async with client.transcribe_many(recordings(3)):
            pass


async def test_a_client_closed_meanwhile_ends_the_input(relay: LocalRelay, client: AsyncClient) -> None:
    """Not one error for each recording to its end: the outcomes of what was under way, and then one error."""
    relay.engine.delay_s = 0.01  # type: ignore[attr-defined]
    files, found = list(recordings(1000)), list[Outcome]()

    async def take() -> None:
        async with client.transcribe_many(files, concurrency=4) as outcomes:
            async for outcome in outcomes:
                found.append(outcome)
                if len(found) == 5:
                    await client.close()

    with pytest.raises(ConfigurationError, match="this client was closed"):
        await take()
    assert [outcome.error for outcome in found[:5]] == [None] * 5
    assert any(outcome.error is not None for outcome in found)
    assert len(found) <= 5 + 6 + 6
    assert sorted(outcome.index for outcome in found) == list(range(len(found)))


async def test_a_budget_holds(relay: LocalRelay, client: AsyncClient) -> None:
    """A minute holds ten recordings of six seconds, also where some were billed in vain."""
    relay.faults.script(Fault("reset-after-upload", requests=(3, 5)))
    budget = Budget(audio_minutes=1, cost=5, price_per_minute=0.006)
    files = recordings(1000)
    async with client.transcribe_many(files, budget=budget, concurrency=4) as outcomes:
        found = [outcome async for outcome in outcomes]
    done = [outcome for outcome in found if outcome.error is None]
    refused = [outcome for outcome in found if isinstance(outcome.error, BudgetExceededError)]
    lost = sum(outcome.maybe_billed for outcome in found)
    assert len(done) + lost == 10
    assert relay.request_count == 10
    assert len(refused) + len(done) + sum(isinstance(each.error, TransportError) for each in found) == len(found)
    assert budget.left.audio_minutes == 0
    assert budget.spent.cost == pytest.approx(0.006)
    assert sorted(outcome.index for outcome in found) == list(range(len(found)))
    assert next(files)[0] == f"{len(found)}.wav"


async def test_without_room_for_a_retry_there_is_none(relay: LocalRelay, client: AsyncClient) -> None:
    """What may have been billed is not sent again where the budget does not hold it twice."""
    relay.faults.script(Fault("reset-after-upload"))
    async with client.transcribe_many([SHORT], budget=Budget(requests=1)) as outcomes:
        (outcome,) = [each async for each in outcomes]
    assert isinstance(outcome.error, TransportError)
    assert (outcome.billed, relay.request_count) == ("maybe", 1)
    async with client.transcribe_many([SHORT], budget=Budget(requests=2)) as outcomes:
        (outcome,) = [each async for each in outcomes]
    assert relay.request_count == 3


async def test_what_has_no_length_needs_a_word(client: AsyncClient) -> None:
    """A recording whose header tells none is not sent, or counts what is said."""
    unknown = ("a.webm", b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm" + bytes(200))
    budget = Budget(audio_minutes=1)
    async with client.transcribe_many([unknown, SHORT], budget=budget, ordered=True, prepare="never") as outcomes:
        first, second = [outcome async for outcome in outcomes]
    assert isinstance(first.error, BudgetExceededError)
    assert second.error is None
    budget = Budget(audio_minutes=1, unknown_minutes=0.5)
    async with client.transcribe_many([unknown], budget=budget, prepare="never") as outcomes:
        (outcome,) = [each async for each in outcomes]
    assert outcome.error is None
    assert budget.left.audio_minutes == 0.5


async def test_two_calls_share_a_budget(relay: LocalRelay, client: AsyncClient) -> None:
    """It is used up once."""
    budget = Budget(requests=5)

    async def some() -> list[Outcome]:
        async with client.transcribe_many(recordings(50), budget=budget, concurrency=2) as outcomes:
            return [outcome async for outcome in outcomes if outcome.error is None]

    found = await asyncio.gather(some(), some())
    assert sum(map(len, found)) == relay.request_count == 5


def test_the_blocking_twin(local_relay: LocalRelay, scripted_engine: ScriptedEngine) -> None:
    """A plain block over plain outcomes; its progress is told too."""
    scripted_engine.script(heard)
    told: list[Progress] = []
    with Client(local_relay.base_url, local_relay.api_key) as client:
        with client.transcribe_many(recordings(50), ordered=True, prompt="all", on_progress=told.append) as outcomes:
            texts = [outcome.result().text for outcome in outcomes]
    assert texts == [f"{number}.wav all" for number in range(50)]
    assert (told[-1].done, told[-1].audio_s, told[-1].total) == (50, 300.0, None)


def test_leaving_the_blocking_twin_early(local_relay: LocalRelay) -> None:
    """At the tenth of a thousand no request goes out any more, and the client is as good as before."""
    with Client(local_relay.base_url, local_relay.api_key, limits=Limits(max_concurrency=4)) as client:
        with client.transcribe_many(recordings(1000)) as outcomes:
            for count, _ in enumerate(outcomes, 1):
                if count == 10:
                    break
        threading.Event().wait(0.05)
        seen = local_relay.request_count
        assert seen <= 10 + 5 * 4
        threading.Event().wait(0.1)
        assert local_relay.request_count == seen
        assert client.transcribe(SHORT).text == "This is a scripted answer."


@pytest.mark.parametrize("by", ["thread", "signal"])
def test_the_blocking_twin_is_stopped_from_elsewhere(
    local_relay: LocalRelay, scripted_engine: ScriptedEngine, by: str
) -> None:
    """By another thread, or by the handler of a signal that comes while an outcome is waited for."""
    scripted_engine.delay_s = 0.2
    with Client(local_relay.base_url, local_relay.api_key, limits=Limits(max_concurrency=2)) as client:
        with client.transcribe_many(recordings(100)) as outcomes:
            former = signal.signal(signal.SIGUSR1, lambda *_: outcomes.stop())
            own = threading.get_ident()
            stop = outcomes.stop if by == "thread" else lambda: signal.pthread_kill(own, signal.SIGUSR1)

            def stop_when_two_are_sent() -> None:
                while local_relay.request_count < 2:
                    threading.Event().wait(0.001)
                stop()

            thread = threading.Thread(target=stop_when_two_are_sent)
            thread.start()
            try:
                found = list(outcomes)
            finally:
                thread.join()
                signal.signal(signal.SIGUSR1, former)
        outcomes.stop()
    assert sum(outcome.error is None for outcome in found) == local_relay.request_count == 2
    assert {type(outcome.error) for outcome in found} == {NoneType, StoppedError}
    outcomes.stop()


def test_the_blocking_twin_raises_what_the_input_raises(local_relay: LocalRelay) -> None:
    """After what was begun."""

    def broken() -> Iterator[tuple[str, bytes]]:
        yield from recordings(3)
        raise LookupError("the list was cut off")

    with Client(local_relay.base_url, local_relay.api_key) as client:
        with client.transcribe_many(broken()) as outcomes:
            assert len([next(outcomes) for _ in range(3)]) == 3
            with pytest.raises(LookupError, match="cut off"):
                next(outcomes)
