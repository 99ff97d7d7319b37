"""Many recordings with a journal: nothing done is done again, whatever ended the run before."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import NoneType
from typing import Any

import pytest

from zhongzhuan_audio import (
    AsyncClient,
    Budget,
    Client,
    Job,
    JournalError,
    Outcome,
    Progress,
    RetryPolicy,
    StoppedError,
    TransportError,
    UpstreamError,
)
from zhongzhuan_audio.relay import Fault, LocalRelay, Recognition, ScriptedEngine

MP3 = b"\xff\xfb\x90\x00" + bytes(413)
ONE_ATTEMPT = RetryPolicy(max_attempts=1)


@pytest.fixture
async def relay() -> AsyncIterator[LocalRelay]:
    """A relay that answers with the names of what it hears."""
    async with LocalRelay(ScriptedEngine(lambda options: f"{options.filename} in {options.language}")) as relay:
        yield relay


@pytest.fixture
async def client(relay: LocalRelay) -> AsyncIterator[AsyncClient]:
    """A client of it that tries once."""
    async with AsyncClient(relay.base_url, relay.api_key, retry=ONE_ATTEMPT) as client:
        yield client


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Where the journal lies."""
    return tmp_path / "run.sqlite"


def folder(path: Path, count: int) -> list[Path]:
    """Write small recordings, all different, and return their paths."""
    path.mkdir(exist_ok=True)
    paths = [path / f"{number:04}.mp3" for number in range(count)]
    for number, each in enumerate(paths):
        each.write_bytes(MP3 + number.to_bytes(4, "big"))
    return paths


async def collect(client: AsyncClient, files: Any, journal: Path, **options: Any) -> list[Outcome]:
    """Return all outcomes in order."""
    async with client.transcribe_many(files, journal=journal, ordered=True, **options) as outcomes:
        return [outcome async for outcome in outcomes]


async def test_a_second_run_asks_nothing(relay: LocalRelay, client: AsyncClient, journal: Path, tmp_path: Path) -> None:
    """The answers are those of the first, and it is told where they come from."""
    files = folder(tmp_path / "files", 20)
    first = await collect(client, files, journal, response_format="verbose_json", language="zh")
    told: list[Progress] = []
    budget = Budget(requests=1)
    second = await collect(
        client, files, journal, response_format="verbose_json", language="zh", on_progress=told.append, budget=budget
    )
    assert [outcome.result() for outcome in second] == [outcome.result() for outcome in first]
    assert [outcome.from_journal for outcome in first + second] == [False] * 20 + [True] * 20
    assert (told[-1].done, told[-1].from_journal, budget.left.requests) == (20, 20, 1)
    assert relay.request_count == 20


async def test_it_is_the_content_and_the_options_that_count(
    relay: LocalRelay, client: AsyncClient, journal: Path, tmp_path: Path
) -> None:
    """A renamed copy, bytes, a file object or an unlike policy is the same; a changed option or content is not."""
    (path,) = folder(tmp_path / "files", 1)
    copy = path.with_name("copy.mp3")
    copy.write_bytes(path.read_bytes())
    with path.open("rb") as file:
        same = [path, copy, path.read_bytes(), ("x.mp3", path.read_bytes()), file, Job(path, retry=RetryPolicy())]
        found = await collect(client, same, journal, language="zh")
    assert [outcome.from_journal for outcome in found] == [False] + [True] * 5
    changed = [Job(path, language="en"), Job(path, prompt="x"), ("y.mp3", MP3), Job(path, extra={"hotwords": ["a"]})]
    found = await collect(client, changed, journal, language="zh")
    assert [outcome.from_journal for outcome in found] == [False] * 4
    assert relay.request_count == 5


async def test_an_answer_that_holds_more_serves(
    relay: LocalRelay, client: AsyncClient, journal: Path, tmp_path: Path
) -> None:
    """One with times where words alone are wanted, of the same question; not the other way round."""
    (path,) = folder(tmp_path / "files", 1)
    asked = [("verbose_json", "zh"), ("json", "zh"), ("text", "zh"), ("json", "en"), ("text", "en"), ("srt", "en")]
    found = [
        (await collect(client, [path], journal, response_format=form, language=language))[0] for form, language in asked
    ]
    assert [outcome.from_journal for outcome in found] == [False, True, True, False, True, False]
    assert [outcome.result().text for outcome in found[:3]] == ["0000.mp3 in zh"] * 3
    (timed,) = await collect(client, [path], journal, response_format="verbose_json", language="en")
    assert (timed.from_journal, relay.request_count) == (False, 4)


async def test_an_answer_that_holds_more_serves_what_failed_before(
    relay: LocalRelay, client: AsyncClient, journal: Path, tmp_path: Path
) -> None:
    """What earlier runs may have paid for in vain is told all the same."""
    (path,) = folder(tmp_path / "files", 1)
    relay.faults.script(Fault("reset-after-upload", requests=(1, 2)))
    for form in ("json", "verbose_json"):
        (lost,) = await collect(client, [path], journal, response_format=form)
        assert lost.maybe_billed == 1
    (timed,) = await collect(client, [path], journal, response_format="verbose_json")
    (plain,) = await collect(client, [path], journal, response_format="json")
    assert (timed.from_journal, plain.from_journal, plain.lost_before) == (False, True, 2)


async def test_a_local_try_out_does_not_stand_for_the_relays_answer(
    relay: LocalRelay, client: AsyncClient, journal: Path
) -> None:
    """Nor the other way round, and each has its own again; a relay's key is what it ever was."""
    for known in (False, True):
        async with AsyncClient.local(ScriptedEngine("a local guess")) as local:
            (guessed,) = await collect(local, [MP3], journal)
        (answered,) = await collect(client, [MP3], journal)
        assert (guessed.result().text, guessed.from_journal) == ("a local guess", known)
        assert (answered.result().text, answered.from_journal) == ("audio.mp3 in None", known)
    assert relay.request_count == 1
    with closing(sqlite3.connect(journal)) as connection:
        keys = [key for (key,) in connection.execute("SELECT key FROM entries WHERE answer NOT LIKE '%guess%'")]
    fields = b'[["model", "whisper-1"], ["response_format", "json"]]'
    assert keys == [hashlib.blake2b(hashlib.blake2b(MP3, digest_size=32).digest() + fields, digest_size=32).digest()]


async def test_duplicates_are_sent_once(relay: LocalRelay, client: AsyncClient, journal: Path) -> None:
    """Though they are under way together."""
    relay.engine.delay_s = 0.05  # type: ignore[attr-defined]
    found = await collect(client, [MP3] * 10, journal)
    assert [outcome.error for outcome in found] == [None] * 10
    assert relay.request_count == 1


async def test_a_large_file_is_read_once(relay: LocalRelay, client: AsyncClient, journal: Path, tmp_path: Path) -> None:
    """Its digest is known by its size and time, unless these say that it has changed, or are too fresh to say."""
    path = tmp_path / "large.mp3"
    path.write_bytes(MP3 * 4000)
    size = len(MP3) * 4000
    assert size > 1 << 20
    fresh = time.time() + 3600
    os.utime(path, (fresh, fresh))

    async def once() -> bool:
        (outcome,) = await collect(client, [path], journal)
        return outcome.from_journal

    assert [await once(), await once()] == [False, True]
    connection = sqlite3.connect(journal)
    assert connection.execute("SELECT count(*) FROM digests").fetchone() == (0,)
    os.utime(path, (1e9, 1e9))
    assert await once()
    assert connection.execute("SELECT path, size FROM digests").fetchall() == [(os.fsencode(path), size)]
    path.write_bytes(MP3 * 4000 + b"x")
    os.utime(path, (2e9, 2e9))
    assert not await once()
    os.utime(path, (1e9 + 1, 1e9 + 1))
    connection.execute("UPDATE digests SET digest=x'00', size=?, mtime_ns=?", (size + 1, (10**9 + 1) * 10**9))
    connection.commit()
    connection.close()
    assert not await once()
    assert relay.request_count == 3


async def test_what_is_sent_is_what_was_digested(
    relay: LocalRelay, client: AsyncClient, journal: Path, tmp_path: Path
) -> None:
    """Though a small file changes while it waits for its turn: its key does not stand for other content."""
    first, second = folder(tmp_path / "files", 2)
    relay.engine.delay_s = 0.2  # type: ignore[attr-defined]
    async with client.transcribe_many([first, second], journal=journal, concurrency=1) as outcomes:
        async with asyncio.timeout(10):
            while not relay.request_count or len(states(journal)) < 2:
                await asyncio.sleep(0.001)
        second.write_bytes(second.read_bytes()[:-1] + b"x")
        assert [outcome.error async for outcome in outcomes] == [None, None]
    (found,) = await collect(client, [second], journal)
    assert (found.from_journal, relay.request_count) == (False, 3)
    assert len({request.sha256 for request in relay.requests}) == 3


def states(journal: Path) -> list[str]:
    """Return the states of a journal's entries, as far as it has any."""
    with closing(sqlite3.connect(journal)) as connection, suppress(sqlite3.OperationalError):
        return [state for (state,) in connection.execute("SELECT state FROM entries")]
    return []


async def test_failures_are_asked_again(relay: LocalRelay, client: AsyncClient, journal: Path) -> None:
    """In the next run, and with what they may have cost told."""
    relay.faults.script(Fault.refusal(500, requests=(1,)), Fault("reset-after-upload", requests=(2,)))
    (first,) = await collect(client, [MP3], journal)
    assert isinstance(first.error, UpstreamError)
    (second,) = await collect(client, [MP3], journal)
    assert isinstance(second.error, TransportError)
    assert (second.billed, second.lost_before) == ("maybe", 0)
    (left,) = await collect(client, [MP3], journal, retry=RetryPolicy(maybe_billed_retries=0))
    assert "may have been billed" in str(left.error)
    assert (left.billed, left.lost_before, relay.request_count) == ("maybe", 1, 2)
    (third,) = await collect(client, [MP3], journal)
    assert (third.error, third.billed, third.maybe_billed, third.lost_before) == (None, "maybe", 0, 1)
    assert relay.request_count == 3


async def test_leaving_early_writes_down_what_was_under_way(
    relay: LocalRelay, client: AsyncClient, journal: Path, tmp_path: Path
) -> None:
    """What was done stays done; what was sent may have been billed."""
    files = folder(tmp_path / "files", 100)
    async with client.transcribe_many(files, journal=journal, concurrency=4) as outcomes:
        async for outcome in outcomes:
            if outcome.index >= 10:
                relay.engine.delay_s = 60  # type: ignore[attr-defined]
            if relay.request_count >= 20:
                break
            if relay.engine.delay_s:  # type: ignore[attr-defined]
                break
    connection = sqlite3.connect(journal)
    states = Counter(state for (state,) in connection.execute("SELECT state FROM entries"))
    connection.close()
    assert set(states) <= {"done", "maybe-billed", "failed"}
    relay.engine.delay_s = 0  # type: ignore[attr-defined]
    found = await collect(client, files, journal)
    assert sum(outcome.from_journal for outcome in found) == states["done"] >= 10
    assert sum(outcome.lost_before for outcome in found) == states["maybe-billed"]
    assert {outcome.error for outcome in found} == {None}


async def test_what_was_stopped_was_not_sent(
    relay: LocalRelay, client: AsyncClient, journal: Path, tmp_path: Path
) -> None:
    """What was sent is done, what was not is free at once, and a later run asks for that alone."""
    relay.engine.delay_s = 0.1  # type: ignore[attr-defined]
    files = folder(tmp_path / "files", 20)
    async with client.transcribe_many(files, journal=journal, concurrency=4) as outcomes:
        async with asyncio.timeout(10):
            while relay.request_count < 4 or len(states(journal)) < 6:
                await asyncio.sleep(0.001)
        outcomes.stop()
        found = [outcome async for outcome in outcomes]
        assert Counter(states(journal)) == {"done": 4}
    assert Counter(type(outcome.error) for outcome in found) == {NoneType: 4, StoppedError: 2}
    assert {outcome.billed for outcome in found} == {"no"}
    found = await collect(client, files, journal)
    assert sum(outcome.from_journal for outcome in found) == 4
    assert {(outcome.error, outcome.billed) for outcome in found} == {(None, "no")}
    assert relay.request_count == 20


async def test_what_the_budget_refuses_was_not_sent(client: AsyncClient, journal: Path, tmp_path: Path) -> None:
    """The journal has it as free, and a later run asks for it."""
    files = folder(tmp_path / "files", 10)
    found = await collect(client, files, journal, budget=Budget(requests=4), concurrency=2)
    assert sum(outcome.error is None for outcome in found) == 4
    found = await collect(client, files, journal)
    assert sum(outcome.from_journal for outcome in found) == 4
    assert {(outcome.error, outcome.billed) for outcome in found} == {(None, "no")}


async def test_a_journal_that_is_none_is_told_at_once(client: AsyncClient, tmp_path: Path) -> None:
    """Before anything is taken from the input."""
    path = tmp_path / "notes.txt"
    path.write_text("notes" * 1000)
    files = iter([MP3])
    with pytest.raises(JournalError, match="something else than a journal"):
        async with client.transcribe_many(files, journal=path):
            pass
    assert next(files) == MP3


CHILD = """
    import asyncio, sys
    from pathlib import Path
    from zhongzhuan_audio import AsyncClient

    async def main():
        async with AsyncClient() as client:
            files = sorted(Path(sys.argv[1]).iterdir(), reverse="backwards" in sys.argv)
            async with client.transcribe_many(files, journal=sys.argv[2], concurrency=8) as outcomes:
                async for outcome in outcomes:
                    state = "journal" if outcome.from_journal else "sent"
                    print(outcome.source.name, outcome.error or state, outcome.lost_before, flush=True)

    asyncio.run(main())
"""


def child(relay: LocalRelay, files: Path, journal: Path, *how: str) -> subprocess.Popen[str]:
    """Begin a process that transcribes a folder, from its end where that is said."""
    environ = {**os.environ, "ZHONGZHUAN_BASE_URL": relay.base_url, "ZHONGZHUAN_API_KEY": str(relay.api_key)}
    command = [sys.executable, "-c", textwrap.dedent(CHILD), str(files), str(journal), *how]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)


def told_by(process: subprocess.Popen[str]) -> dict[str, tuple[str, int]]:
    """Wait for a process, and return the state and the losses of each of its recordings."""
    out, _ = process.communicate(timeout=60)
    lines = [line.split(" ") for line in out.splitlines() if line.count(" ") == 2]
    return {name: (state, int(lost)) for name, state, lost in lines}


@pytest.fixture
def scripted_engine() -> ScriptedEngine:
    """Ears that take a moment."""
    return ScriptedEngine(Recognition(duration=1.0, text="heard"), delay_s=0.02)


def test_killed_again_and_again(local_relay: LocalRelay, tmp_path: Path, journal: Path) -> None:
    """Nothing done is sent again; in the end each has one answer, and nothing was billed that is not told of."""
    paths = folder(tmp_path / "files", 200)
    luck, done = random.Random(5), set[str]()  # noqa: S311 - no secret
    for _ in range(5):
        until = local_relay.request_count + luck.randint(1, 40)
        process = child(local_relay, tmp_path / "files", journal)
        while local_relay.request_count < until and process.poll() is None:
            time.sleep(0.001)
        time.sleep(luck.random() * 0.02)
        process.send_signal(signal.SIGKILL)
        told = told_by(process)
        assert {name for name in done if told.get(name, ("journal", 0))[0] != "journal"} == set()
        done |= {name for name, (state, _) in told.items() if state in {"sent", "journal"}}
    told = told_by(child(local_relay, tmp_path / "files", journal))
    assert {state for state, _ in told.values()} == {"sent", "journal"}
    assert sorted(told) == [path.name for path in paths]
    assert {name for name in done if told[name][0] != "journal"} == set()
    lost = sum(count for _, count in told.values())
    assert lost > 0
    assert local_relay.billable <= 200 + lost
    assert sorted(os.listdir(tmp_path)) == ["files", "run.sqlite"]


def test_each_request_before_a_kill_is_told(local_relay: LocalRelay, tmp_path: Path, journal: Path) -> None:
    """One that was lost and tried again, and the one that was under way: both may have been billed."""
    folder(tmp_path / "files", 1)
    local_relay.faults.script(Fault("truncated", requests=(1,)), Fault("stall-in-body", requests=(2,)))
    process = child(local_relay, tmp_path / "files", journal)
    while local_relay.billable < 2 and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert told_by(process) == {}
    ((_, told),) = told_by(child(local_relay, tmp_path / "files", journal)).items()
    assert told == ("sent", 2)
    assert local_relay.billable == 3


def test_two_processes_share_the_work(local_relay: LocalRelay, tmp_path: Path, journal: Path) -> None:
    """No recording is sent by both, and each of them has all outcomes."""
    folder(tmp_path / "files", 200)
    processes = [child(local_relay, tmp_path / "files", journal) for _ in range(2)]
    first, second = (told_by(process) for process in processes)
    assert len(first) == len(second) == 200
    assert {first[name][0] for name in first} | {second[name][0] for name in second} == {"sent", "journal"}
    assert [name for name in first if (first[name][0], second[name][0]) == ("sent", "sent")] == []
    assert local_relay.request_count == 200


def test_one_of_two_processes_is_killed(local_relay: LocalRelay, tmp_path: Path, journal: Path) -> None:
    """The other one goes on at once with what it had under way, and says so; what was done is not sent again."""
    folder(tmp_path / "files", 200)
    local_relay.engine.delay_s = 0.05  # type: ignore[attr-defined]
    victim, survivor = (child(local_relay, tmp_path / "files", journal, how) for how in ("forwards", "backwards"))
    assert victim.stdout is not None
    sent_by_victim: set[str] = set()
    for line in victim.stdout:
        if not line.endswith("\n"):
            break  # the kill came in the midst of it
        name, state, _ = line.split(" ")
        sent_by_victim |= {name} if state == "sent" else set()
        if len(sent_by_victim) >= 30:
            victim.send_signal(signal.SIGKILL)
    victim.stdout.close()
    assert victim.wait() == -signal.SIGKILL
    told = told_by(survivor)
    assert len(told) == 200
    assert {state for state, _ in told.values()} == {"sent", "journal"}
    assert {told[name] for name in sent_by_victim} == {("journal", 0)}
    # Whose upload was broken off in its midst has no name.
    requests = Counter(request.filename for request in local_relay.requests if request.filename is not None)
    lost = {name: count for name, (_, count) in told.items() if count}
    # Eight that were asked for, and half as many that were to be next.
    assert 0 < len(lost) <= 12
    assert {name: count for name, count in requests.items() if count > 1 + lost.get(str(name), 0)} == {}
    assert set(requests) == set(told)
    assert local_relay.billable <= 200 + sum(lost.values())
    assert sorted(os.listdir(tmp_path)) == ["files", "run.sqlite"]


def keep_answered(outcomes: Iterator[Outcome], answered: set[Any]) -> None:
    """Keep the sources of those that have an answer, kept in a journal or not."""
    for outcome in outcomes:
        if outcome.error is None or getattr(outcome.error, "partial", None) is not None:
            answered.add(outcome.source)


@pytest.mark.parametrize("freed", ["inside", "outside"])
def test_a_full_disk_loses_nothing(local_relay: LocalRelay, tmp_path: Path, tiny_disk: Path, freed: str) -> None:
    """It ends the input with a clear error; an answer that could not be kept is on its error; then it goes on.

    With space again before the block is left nothing is sent twice; after that, what could not be kept is, and told.
    """
    files = folder(tmp_path / "files", 400)
    journal = tiny_disk / "run.sqlite"
    ballast = tiny_disk / "ballast"
    ballast.write_bytes(bytes((7 << 20) + (700 << 10)))
    answered: set[Any] = set()
    with Client(local_relay.base_url, local_relay.api_key) as client:
        with client.transcribe_many(files, journal=journal, concurrency=8) as outcomes:
            with pytest.raises(JournalError, match="the disk is full: .* make space and run it again"):
                keep_answered(outcomes, answered)
            assert integrity(journal) == "ok"
            if freed == "inside":
                ballast.unlink()
        sent = local_relay.request_count
        assert len(answered) == sent < 400
        assert integrity(journal) == "ok"
        ballast.unlink(missing_ok=True)
        with client.transcribe_many(files, journal=journal, concurrency=8) as outcomes:
            found = list(outcomes)
    assert {outcome.error for outcome in found} == {None}
    again = [outcome for outcome in found if outcome.source in answered and not outcome.from_journal]
    # As many as were under way.
    assert len(again) <= (0 if freed == "inside" else 12)
    assert {outcome.lost_before for outcome in again} <= {1}
    assert sum(outcome.lost_before for outcome in found) == len(again)
    assert local_relay.request_count == 400 + len(again)
    assert integrity(journal) == "ok"
    assert os.listdir(tiny_disk) == [journal.name]


def integrity(journal: Path) -> str:
    """Return what SQLite finds wrong with a journal: "ok" where nothing is."""
    connection = sqlite3.connect(journal)
    (found,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return str(found)


async def test_an_answer_that_cannot_be_kept_is_not_lost(relay: LocalRelay, client: AsyncClient, journal: Path) -> None:
    """It is on the error, which ends the input and is raised after the outcomes that are there."""
    relay.engine.delay_s = 0.1  # type: ignore[attr-defined]
    found: list[Outcome] = []

    async def take() -> None:
        async with client.transcribe_many(([MP3, i] and MP3 for i in range(1)), journal=journal) as outcomes:
            async with asyncio.timeout(10):
                while not relay.request_count:
                    await asyncio.sleep(0.001)
            connection = sqlite3.connect(journal)
            connection.execute("DROP TABLE entries")
            connection.commit()
            connection.close()
            async for outcome in outcomes:
                found.append(outcome)  # noqa: PERF401 - those before the error count

    with pytest.raises(JournalError, match="no such table"):
        await take()
    (outcome,) = found
    assert isinstance(outcome.error, JournalError)
    assert outcome.error.partial.text == "audio.mp3 in None"
