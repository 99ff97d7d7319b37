"""What was asked and answered: kept, shared, freed by a kill, and never of a file that is something else."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from zhongzhuan_audio import Attempt, JournalError, Segment, Transcription, Usage, Word
from zhongzhuan_audio.journal import Journal, Stamp, key_of
from zhongzhuan_audio.journal.database import APPLICATION_ID, STEPS, VERSION
from zhongzhuan_audio.journal.entries import Claim
from zhongzhuan_audio.journal.runs import Run, is_alive, on_network, sweep
from zhongzhuan_audio.journal.writer import Writer
from zhongzhuan_audio.models import Coverage, Suspicion

KEY = key_of(b"digest", [("model", "whisper-1")])
WHOLE = Transcription(
    text="你好 \ud800",
    language="zh",
    duration=3.5,
    segments=(Segment(id=0, start=0.0, end=3.5, text="你好", tokens=(1, 2), speaker="A"),),
    words=(Word(word="你", start=0.0, end=0.1),),
    usage=Usage(type="duration", seconds=4.0),
    body='{"text": "你好"}',
    request_id="r1",
    attempts=(Attempt(endpoint="https://relay.example/v1", status=200),),
    gaps=((1.0, 2.5), (3.0, 3.25)),
    warnings=(Suspicion(kind="phantom", segment_id=0, start=0.0, end=3.5, text="你好", detail="a line", dropped=True),),
    coverage=Coverage(completeness=0.5, speech_s=3.0, uncovered=((1.0, 2.5),)),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal lies."""
    return tmp_path / "run.sqlite"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[Journal]:
    """An open one."""
    async with Journal(path) as journal:
        yield journal


def rows(path: Path, what: str = "state, lost, error, retryable") -> list[tuple[Any, ...]]:
    """Return what a journal holds, as anybody can read it."""
    connection = sqlite3.connect(path)
    found = connection.execute(f"SELECT {what} FROM entries ORDER BY source").fetchall()  # noqa: S608 - our own words
    connection.close()
    return found


async def test_an_answer_is_kept_whole(path: Path) -> None:
    """Its times, its attempts and what was answered verbatim; nothing but the journal is left beside it."""
    async with Journal(path) as journal:
        assert (await journal.claim(KEY, "a.mp3")).found == "ours"
        await journal.finish(KEY, WHOLE)
    assert os.listdir(path.parent) == [path.name]
    async with Journal(path) as journal:
        claim = await journal.claim(KEY, "b.mp3")
    assert claim.found == "done"
    assert claim.transcription() == WHOLE


def test_an_answer_of_an_earlier_version_is_read() -> None:
    """It has no gaps, warnings or coverage, since nobody looked for them."""
    kept = (
        '{"text": "a", "language": "en", "duration": 1.5, "segments": [{"id": 0, "start": 0.0, "end": 1.5, "text": "a",'
        ' "speaker": null, "seek": null, "tokens": [1], "temperature": null, "avg_logprob": -0.5, "compression_ratio":'
        ' null, "no_speech_prob": null}], "words": [{"word": "a", "start": 0.0, "end": 1.0}], "logprobs": [], "usage":'
        ' null, "body": "{}", "request_id": "r", "attempts": [{"endpoint": "e", "status": 200, "error": null, "billed":'
        ' "no", "request_id": null, "elapsed_s": 0.5, "wait_s": 0.0}]}'
    )
    read = Claim(found="done", answer=kept).transcription()
    assert (read.text, read.segments[0].tokens, read.words[0].end, read.attempts[0].status) == ("a", (1,), 1.0, 200)
    assert (read.gaps, read.warnings, read.coverage) == ((), (), None)


async def test_a_failure_is_asked_again(path: Path) -> None:
    """What cost nothing at once, what may have been billed too, and its loss is counted."""
    async with Journal(path) as journal:
        for lost in (0, 1, 1):
            await journal.claim(KEY, "a.mp3")
            await journal.fail(KEY, "UpstreamError: it failed", retryable=True, lost=lost)
        assert rows(path) == [("maybe-billed", 2, "UpstreamError: it failed", 1)]
        claim = await journal.claim(KEY, "a.mp3", again=False)
        assert (claim.found, claim.lost) == ("lost", 2)
        claim = await journal.claim(KEY, "a.mp3")
        assert (claim.found, claim.lost) == ("ours", 2)


async def test_what_another_asks_is_waited_for(path: Path, journal: Journal) -> None:
    """Its answer serves both; where it fails, or its run ends, it is ours."""
    async with Journal(path) as other:
        await other.claim(KEY, "a.mp3")
        waiting = asyncio.ensure_future(journal.claim(KEY, "a.mp3"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await other.finish(KEY, WHOLE)
        assert (await waiting).found == "done"
        await other.claim(b"second", "b.mp3")
        waiting = asyncio.ensure_future(journal.claim(b"second", "b.mp3"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
    claim = await waiting
    assert (claim.found, claim.lost) == ("ours", 0)


async def test_the_same_twice_is_asked_once(journal: Journal) -> None:
    """Within one run too."""
    first = await journal.claim(KEY, "a.mp3")
    second = asyncio.ensure_future(journal.claim(KEY, "copy of a.mp3"))
    await asyncio.sleep(0.05)
    assert not second.done()
    await journal.finish(KEY, WHOLE)
    assert (first.found, (await second).found) == ("ours", "done")


async def test_many_claims_share_commits(journal: Journal) -> None:
    """A thousand at once have one owner each and take far fewer transactions."""
    keys = [number.to_bytes(4, "big") for number in range(1000)]
    claims = await asyncio.gather(*(journal.claim(key, "a.mp3") for key in keys))
    assert {claim.found for claim in claims} == {"ours"}
    await asyncio.gather(*(journal.finish(key, WHOLE) for key in keys))
    claims = await asyncio.gather(*(journal.claim(key, "a.mp3") for key in keys))
    assert {claim.found for claim in claims} == {"done"}


async def test_a_steady_flow_is_gathered(path: Path) -> None:
    """Where many come one after the other, some twenty share a transaction; where one comes alone, it does not wait."""
    writer, statements = Writer(path, network=False), list[str]()
    await writer.open()
    await writer.do(lambda connection: connection.set_trace_callback(statements.append))

    async def one_by_one() -> None:
        for _ in range(20):
            await writer.do(lambda _: None)

    await asyncio.gather(*(one_by_one() for _ in range(20)))
    assert statements.count("COMMIT") < 50
    began = time.monotonic()
    await one_by_one()
    assert time.monotonic() - began < 20 * 0.02
    await writer.close()


async def test_what_was_wished_for_is_done_before_the_end(path: Path) -> None:
    """Also where one who waited has gone away."""
    writer = Writer(path, network=False)
    await writer.open()
    gone, waiting = writer.wish(lambda _: 1), writer.wish(lambda _: 2)
    gone.cancel()
    await writer.close()
    assert waiting.result() == 2


async def test_a_cancelled_claim_is_free(path: Path, journal: Journal) -> None:
    """At once; one that is another's stays claimed."""
    await journal.claim(b"another", "b.mp3")
    claiming = [asyncio.ensure_future(journal.claim(key, "a.mp3")) for key in (KEY, b"another")]
    await asyncio.sleep(0)
    for each in claiming:
        each.cancel()
    await asyncio.wait(claiming)
    assert [each.cancelled() for each in claiming] == [True, True]
    assert rows(path, "state, lost") == [("started", 0)]


async def test_what_is_released_is_as_far_as_before(path: Path) -> None:
    """Unknown, failed, or maybe billed."""
    known, lost = b"known", b"lost"
    async with Journal(path) as journal:
        for key in (known, lost):
            await journal.claim(key, "a.mp3")
        await journal.fail(known, "RateLimitError: slow down", retryable=True, lost=0)
        await journal.fail(lost, "TransportError: reset", retryable=True, lost=1)
        for key in (KEY, known, lost):
            await journal.claim(key, "a.mp3")
        await journal.release(KEY)
        await journal.release(known)
    # The last one is freed by the end of the run.
    assert rows(path, "state, error, lost") == [
        ("failed", "RateLimitError: slow down", 0),
        ("maybe-billed", "TransportError: reset", 1),
    ]


async def test_a_cancelled_claim_is_free_in_the_end(path: Path) -> None:
    """It was not sent: nothing is counted as lost."""
    async with Journal(path) as journal:
        claiming = asyncio.ensure_future(journal.claim(KEY, "a.mp3"))
        await asyncio.sleep(0)
        claiming.cancel()
        with pytest.raises(asyncio.CancelledError):
            await claiming
    assert rows(path, "state, lost") == []


async def test_what_a_run_had_under_way_that_was_killed_may_have_been_billed(path: Path) -> None:
    """The next opening frees it, and so does one that is open already and wants it."""
    async with Journal(path) as survivor:
        for key in (KEY, b"second"):
            connection = sqlite3.connect(path)
            connection.execute("INSERT INTO runs VALUES ('dead')")
            connection.execute(
                "INSERT INTO entries (key, state, run, source, changed_at) VALUES (?, 'started', 'dead', 'a', 0)",
                (key,),
            )
            connection.commit()
            connection.close()
            if key == KEY:
                claim = await survivor.claim(key, "a.mp3")
            else:
                async with Journal(path) as opened:
                    assert ("maybe-billed", None) in rows(path, "state, run")
                    claim = await opened.claim(key, "a.mp3")
            assert (claim.found, claim.lost) == ("ours", 1)


async def test_digests_are_kept_with_what_a_file_is_known_by(tmp_path: Path, journal: Journal) -> None:
    """Another size or time is another file."""
    file = tmp_path / "a.mp3"
    file.write_bytes(b"x" * 10)
    stamp = await asyncio.to_thread(Stamp.of, file)
    assert await journal.digest_of(stamp) is None
    await journal.keep_digest(stamp, b"digest")
    assert await journal.digest_of(await asyncio.to_thread(Stamp.of, str(file))) == b"digest"
    os.utime(file, ns=(1, 1))
    assert await journal.digest_of(await asyncio.to_thread(Stamp.of, file)) is None


def test_a_question_is_known_by_all_that_changes_its_answer() -> None:
    """Its content and its fields; their order says nothing."""
    fields = [("model", "whisper-1"), ("language", "zh")]
    keys = {
        key_of(b"a", fields),
        key_of(b"b", fields),
        key_of(b"a", [*fields, ("prompt", "x")]),
        key_of(b"a", [("model", "whisper-1"), ("language", "en")]),
        key_of(b"a", []),
    }
    assert len(keys) == 5
    assert key_of(b"a", fields[::-1]) == key_of(b"a", fields)
    assert key_of(b"a", [("k[]", "1"), ("k[]", "2")]) != key_of(b"a", [("k[]", "2"), ("k[]", "1")])


async def refused(path: Path, **options: Any) -> str:
    """Return why a file cannot be opened as a journal."""
    with pytest.raises(JournalError) as caught:
        async with Journal(path, **options):
            pass
    return str(caught.value)


async def test_what_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    """A text, another program's database, a folder, a place that does not exist: told, and not a byte changed."""
    text, database = tmp_path / "notes.txt", tmp_path / "other.sqlite"
    text.write_text("Not a journal, but the notes of one." * 100)
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    for path in (text, database):
        before = path.read_bytes()
        assert "is something else than a journal" in await refused(path)
        assert path.read_bytes() == before
    assert "cannot use" in await refused(tmp_path)
    assert "cannot use" in await refused(tmp_path / "missing" / "run.sqlite")
    assert sorted(os.listdir(tmp_path)) == ["notes.txt", "other.sqlite"]


async def test_a_newer_one_is_left_alone(path: Path) -> None:
    """It says what to do."""
    async with Journal(path):
        pass
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version={VERSION + 1}")
    connection.close()
    assert "pip install --upgrade" in await refused(path)


@pytest.mark.parametrize("version", range(1, VERSION))
async def test_an_older_one_is_brought_up_to_date(path: Path, version: int) -> None:
    """With all that it holds."""
    connection = sqlite3.connect(path)
    for step in STEPS[:version]:
        for statement in step:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={version}")
    connection.execute(
        "INSERT INTO entries (key, state, source, answer, changed_at) VALUES (?, 'done', 'a', ?, 0)",
        (KEY, '{"text": "old"}'),
    )
    connection.commit()
    connection.close()
    async with Journal(path) as journal:
        assert (await journal.claim(KEY, "a")).transcription().text == "old"
        assert await journal.digest_of(Stamp(path=b"a", size_bytes=1, mtime_ns=1)) is None


async def test_many_can_open_a_new_one_at_once(path: Path) -> None:
    """One makes it, the others wait."""

    async def use(number: int) -> None:
        async with Journal(path) as journal:
            await journal.claim(str(number).encode(), "a.mp3")
            await journal.finish(str(number).encode(), WHOLE)

    await asyncio.gather(*(use(number) for number in range(8)))
    assert len(rows(path)) == 8


async def test_a_damaged_one_says_so(path: Path) -> None:
    """And nothing is taken for an answer."""
    async with Journal(path) as journal:
        for number in range(200):
            await journal.claim(str(number).encode(), "a.mp3" * 20)
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    assert "damaged" in await refused(path)


def fill(folder: Path, left_bytes: int = 0) -> Path:
    """Write a file that leaves so much of a disk, and return its path."""
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(folder).free - left_bytes))
    return ballast


@pytest.mark.parametrize("left_kib", [0, 8, 24, 48, 80])
async def test_a_full_disk_is_told_at_the_opening(tiny_disk: Path, left_kib: int) -> None:
    """Wherever on the way the space ends; with space again it opens, and nothing was asked."""
    path = tiny_disk / "run.sqlite"
    ballast = fill(tiny_disk, left_kib << 10)
    with pytest.raises(JournalError, match="the disk is full: .* make space and run it again") as caught:
        async with Journal(path) as journal:
            await journal.claim(KEY, "a.mp3")
    assert caught.value.retryable
    ballast.unlink()
    async with Journal(path) as journal:
        claim = await journal.claim(KEY, "a.mp3")
        assert (claim.found, claim.lost) == ("ours", 0)
    assert os.listdir(tiny_disk) == [path.name]


@pytest.mark.parametrize("came", ["answer", "failure"])
async def test_what_a_full_disk_did_not_take_is_kept_at_the_end(tiny_disk: Path, came: str) -> None:
    """If there is space by then; until then the same question has the same error, and waits for nobody."""
    path = tiny_disk / "run.sqlite"
    large = "x" * 500_000

    async with Journal(path) as journal:
        await journal.claim(KEY, "a.mp3")
        ballast = fill(tiny_disk)
        if came == "answer":
            keeping = journal.finish(KEY, attrs.evolve(WHOLE, body=large))
        else:
            keeping = journal.fail(KEY, large, retryable=True, lost=2)
        with pytest.raises(JournalError, match="the disk is full"):
            await keeping
        with pytest.raises(JournalError, match="the disk is full"):
            await asyncio.wait_for(journal.claim(KEY, "copy of a.mp3"), 10)
        assert rows(path, "state, lost") == [("started", 0)]
        ballast.unlink()
    assert rows(path, "state, lost") == [("done", 0) if came == "answer" else ("maybe-billed", 2)]


async def test_the_same_question_finds_the_answer_when_there_is_space(tiny_disk: Path) -> None:
    """Before the end too."""
    async with Journal(tiny_disk / "run.sqlite") as journal:
        await journal.claim(KEY, "a.mp3")
        ballast = fill(tiny_disk)
        large = attrs.evolve(WHOLE, body="x" * 500_000)
        with pytest.raises(JournalError, match="the disk is full"):
            await journal.finish(KEY, large)
        ballast.unlink()
        assert (await asyncio.wait_for(journal.claim(KEY, "copy of a.mp3"), 10)).transcription() == large


async def test_what_is_not_kept_at_the_end_may_have_been_billed(
    tiny_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The next opening tells so."""
    path = tiny_disk / "run.sqlite"
    async with Journal(path) as journal:
        await journal.claim(KEY, "a.mp3")
        ballast = fill(tiny_disk)
        with pytest.raises(JournalError, match="the disk is full"):
            await journal.finish(KEY, attrs.evolve(WHOLE, body="x" * 500_000))
    assert "the disk is full" in caplog.text
    ballast.unlink()
    async with Journal(path) as journal:
        claim = await journal.claim(KEY, "a.mp3")
    assert (claim.found, claim.lost) == ("ours", 1)


async def test_on_a_network_mount_one_process_has_it(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In TRUNCATE mode, without the shared memory that WAL needs; that is told, and a second one is refused."""
    async with Journal(path, network=True) as journal:
        assert "lies on a network mount" in caplog.text
        await journal.claim(KEY, "a.mp3")
        assert not any(name.endswith(("-wal", "-shm")) for name in os.listdir(path.parent))
        assert "on a network mount, where only one can" in await refused(path, network=True)
        await journal.finish(KEY, WHOLE)
    async with Journal(path) as journal:
        assert (await journal.claim(KEY, "a.mp3")).found == "done"


@pytest.mark.parametrize(
    ("path", "network"),
    [
        ("/home/me/run.sqlite", False),
        ("/mnt/nas/run.sqlite", True),
        ("/mnt/nas2/run.sqlite", False),
        ("/mnt/my disk/a/run.sqlite", True),
        ("/mnt/nas/local/run.sqlite", False),
        ("/mnt/ssh/run.sqlite", True),
        ("/mnt/covered/run.sqlite", False),
    ],
)
def test_network_mounts_are_known(tmp_path: Path, path: str, *, network: bool) -> None:
    """By the mount that a file lies on: the deepest, and the last of those."""
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda1 / ext4 rw 0 0\n"
        "nas:/export /mnt/nas nfs4 rw 0 0\n"
        "//nas/share /mnt/my\\040disk cifs rw 0 0\n"
        "/dev/sdb1 /mnt/nas/local ext4 rw 0 0\n"
        "me@host: /mnt/ssh fuse.sshfs rw 0 0\n"
        "nas:/export /mnt/covered nfs rw 0 0\n"
        "/dev/sdc1 /mnt/covered ext4 rw 0 0\n"
        "garbage\n"
    )
    assert on_network(Path(path), mounts=mounts) is network
    assert on_network(Path(path), mounts=tmp_path / "missing") is False


def test_a_run_is_alive_until_it_is_closed(path: Path) -> None:
    """Its file says so to everyone, this process too."""
    run = Run(path)
    assert is_alive(path, run.name)
    run.close()
    assert not is_alive(path, run.name)
    left = path.with_name(f"{path.name}-run-left")
    left.touch()
    assert not is_alive(path, "left")
    assert not left.exists()


KILLED_AT_ITS_LOCK = """
import asyncio, fcntl, os, signal, sys
from zhongzhuan_audio.journal import Journal

fcntl.flock = lambda *_: os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with Journal(sys.argv[1]):
        pass

asyncio.run(main())
"""


async def test_a_kill_at_the_very_beginning_leaves_nothing_for_long(path: Path) -> None:
    """The next opening removes the file of a run that the journal never heard of."""
    command = [sys.executable, "-c", KILLED_AT_ITS_LOCK, str(path)]
    ended = await asyncio.to_thread(subprocess.run, command, check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    (left,) = path.parent.glob("*-run-*")
    async with Journal(path):
        assert not left.exists()
    assert os.listdir(path.parent) == [path.name]


async def test_only_leftovers_are_removed(path: Path) -> None:
    """Not the file of a live run, nor what somebody else has put there."""
    live = await asyncio.to_thread(Run, path)
    others = [path.with_name(f"{path.name}-run-{end}") for end in ("notes", "0123456789ABCDEF", "0123456789abcdef.txt")]
    full, folder = (path.with_name(f"{path.name}-run-{digit * 16}") for digit in "12")
    for other in (*others, full):
        other.touch()
    full.write_text("notes")
    folder.mkdir()
    left = path.with_name(f"{path.name}-run-{'3' * 16}")
    left.touch()
    async with Journal(path), Journal(path):
        assert len(list(path.parent.glob("*-run-*"))) == 8
        assert not left.exists()
    assert await asyncio.to_thread(is_alive, path, live.name)
    await asyncio.to_thread(live.close)
    assert sorted(path.parent.glob("*-run-*")) == sorted([*others, full, folder])


def test_a_run_that_begins_while_others_sweep_is_alive(path: Path) -> None:
    """Between making its file and locking it, somebody may take that for a leftover: it makes another."""
    over = threading.Event()

    def sweeping() -> None:
        while not over.is_set():
            sweep(path)

    threads = [threading.Thread(target=sweeping) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(500):
            run = Run(path)
            assert path.with_name(f"{path.name}-run-{run.name}").exists()
            assert is_alive(path, run.name)
            run.close()
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert os.listdir(path.parent) == []


async def test_no_thread_is_left(path: Path) -> None:
    """After the end, and after an opening that failed."""
    async with Journal(path):
        pass
    path.write_bytes(b"something else" * 100)
    await refused(path)
    async with asyncio.timeout(10):
        while any(thread.name == "zhongzhuan-journal" for thread in threading.enumerate()):
            await asyncio.sleep(0.001)
