"""The work: what is given out, what is kept, what becomes of failures."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from pathlib import Path

import pytest

from zhongzhuan_audio.batch import Job, Outcome
from zhongzhuan_audio.cli.named import Recording
from zhongzhuan_audio.cli.outputs import UnwrittenError
from zhongzhuan_audio.cli.render import Reporter
from zhongzhuan_audio.cli.tally import Tally
from zhongzhuan_audio.cli.work import Target, Work
from zhongzhuan_audio.errors import (
    Attempt,
    AudioSourceError,
    AuthenticationError,
    ConfigurationError,
    JournalError,
    StoppedError,
)
from zhongzhuan_audio.models import Segment, Transcription

TIMED = Transcription(text="hello", segments=(Segment(id=0, start=0.0, end=1.0, text="hello"),))
UNTIMED = Transcription(text="hello", request_id="r-1")


class Answers:
    """Outcomes that are there, as those of a client: one for each job until it is stopped."""

    def __init__(self, work, answers):
        self._jobs = work.jobs()
        self._answers = deque(answers)
        self._index = -1
        self.stopped = False

    def stop(self):
        """Give no more answers."""
        self.stopped = True

    def __aiter__(self):
        return self

    async def __anext__(self):
        await asyncio.sleep(0.02)  # what came before is kept by now
        job = await anext(self._jobs)
        job.options["on_progress"](1, 1)
        self._index += 1
        answer = StoppedError("stopped") if self.stopped else self._answers.popleft()
        failed = isinstance(answer, Exception)
        return Outcome(index=self._index, job=job, **{"error" if failed else "transcription": answer})


def made(folder, names, *, formats=("text",), reporter=None, **options):
    """Return a work on recordings of these names, and its tally."""
    targets = [Target(recording=Recording(name=name), place=folder and folder / name) for name in names]
    tally = Tally()
    reporter = reporter or Reporter(len(targets))
    return Work(targets, formats=formats, tally=tally, reporter=reporter, **options), tally


async def test_each_transcript_is_kept(tmp_path, capsys):
    """Each has its file, and a line that says where."""
    work, tally = made(tmp_path, "ab")
    await work.take(Answers(work, [TIMED, UNTIMED]))
    assert (tmp_path / "a.txt").read_bytes() == (tmp_path / "b.txt").read_bytes() == b"hello\n"
    assert (tally.exit_code, tally.done, work.output) == (0, 2, None)
    assert capsys.readouterr() == ("", f"a -> {tmp_path / 'a.txt'}\nb -> {tmp_path / 'b.txt'}\n")


async def test_a_transcript_has_several_forms(tmp_path, capsys):
    """All of one answer."""
    work, _ = made(tmp_path, "a", formats=("srt", "json"))
    await work.take(Answers(work, [TIMED]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.srt"]
    assert capsys.readouterr().err == f"a -> {tmp_path / 'a.srt'}, {tmp_path / 'a.json'}\n"


async def test_a_transcript_without_a_place_is_handed_back(capsys):
    """What belongs on stdout is not printed while the work goes on."""
    work, tally = made(None, "a", formats=("srt",))
    await work.take(Answers(work, [TIMED]))
    assert work.output == "1\n00:00:00,000 --> 00:00:01,000\nhello\n\n"
    assert tally.exit_code == 0
    assert capsys.readouterr() == ("", "")


async def test_a_failure_stops_nothing_else(tmp_path, capsys):
    """The others are transcribed, and the failed one is named with the reason."""
    work, tally = made(tmp_path, ["a.mp3", "b.mp3"])
    await work.take(Answers(work, [AudioSourceError("a.mp3 is empty", source="a.mp3"), UNTIMED]))
    assert (tmp_path / "b.mp3.txt").exists()
    assert (tally.exit_code, tally.failed, work.undone()) == (1, 1, ["a.mp3"])
    assert capsys.readouterr().err.splitlines()[0] == "a.mp3 is empty"


async def test_a_setting_that_fails_everything_is_wrong_usage(tmp_path):
    """If nothing works for want of a good setting, the exit code says so; not if something did work."""
    fault = ConfigurationError("the key file is empty")
    hopeless, tally = made(tmp_path, "ab")
    await hopeless.take(Answers(hopeless, [fault, fault]))
    assert tally.exit_code == 2
    mixed, tally = made(tmp_path, "ab")
    await mixed.take(Answers(mixed, [fault, UNTIMED]))
    assert tally.exit_code == 1


async def test_an_answer_without_times_is_kept_as_text(tmp_path, capsys):
    """The words are paid for; that they are no subtitles is a failure, and told."""
    work, tally = made(tmp_path, "a", formats=("srt",))
    await work.take(Answers(work, [UNTIMED]))
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "hello\n"
    assert (tally.exit_code, tally.done) == (1, 0)
    assert capsys.readouterr().err == (
        f"a: the answer has no times, so there are no subtitles; its text is kept in {tmp_path / 'a.txt'}"
        " (request id r-1) — for subtitles ask a model that gives times, such as --model whisper-1\n"
    )


async def test_an_answer_without_times_is_printed_as_text(capsys):
    """On stdout the text stands in for the subtitles, too."""
    work, tally = made(None, "a", formats=("vtt",))
    await work.take(Answers(work, [UNTIMED]))
    assert (work.output, tally.exit_code) == ("hello\n", 1)
    assert "its text is printed" in capsys.readouterr().err


async def test_a_transcript_that_cannot_be_written_is_shown_and_no_more_is_sent(tmp_path, capsys):
    """A transcript that finds no place is written to stderr, and what is not yet sent is not paid for in vain."""
    (tmp_path / "gone").write_text("no folder")
    work, tally = made(tmp_path / "gone", "abc")
    await work.take(answers := Answers(work, [Transcription(text="one\x1b[2J\ntwo")]))
    assert (work.under_way, answers.stopped, tally.ended, tally.failed, tally.exit_code) == (0, True, 1, 1, 1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["one\\x1b[2J", "two"]
    reason = f"cannot write {tmp_path / 'gone' / 'a.txt'}: File exists"
    assert lines[2:] == [f"a: {reason} — its transcript is above, and nothing more is sent"]


async def test_what_a_journal_has_is_not_shown(tmp_path, capsys):
    """It is safe there."""
    (tmp_path / "gone").write_text("no folder")
    work, tally = made(tmp_path / "gone", "ab", has_journal=True)
    await work.take(Answers(work, [UNTIMED]))
    (line,) = capsys.readouterr().err.splitlines()
    hint = "its answer is in the journal: make space and run it again"
    assert line.endswith(hint)
    same = UnwrittenError(reason="File exists", folder=str(tmp_path / "gone"), hint=hint)
    tally.count(Outcome(index=1, job=Job("b")), "b", same)
    assert list(tally.causes()) == [f"  2 x file exists in {tmp_path / 'gone'} — {hint} (a, b)"]


async def test_what_the_journal_could_not_keep_is_written_all_the_same(tmp_path, capsys):
    """The answer is paid for; that the journal broke is a failure."""
    work, tally = made(tmp_path, "a", has_journal=True)
    await work.take(Answers(work, [JournalError("the disk is full", partial=UNTIMED)]))
    assert (tmp_path / "a.txt").read_text() == "hello\n"
    assert (tally.exit_code, tally.failed) == (1, 1)


async def test_a_refused_key_ends_the_work(tmp_path, capsys):
    """All others would be refused, too."""
    work, tally = made(tmp_path, "abc")
    await work.take(Answers(work, [AuthenticationError("无效的令牌", status=401)]))
    assert (tally.ended, tally.failed, tally.exit_code) == (1, 1, 1)


async def test_what_was_stopped_is_not_sent(tmp_path, capsys):
    """It has not failed."""
    work, tally = made(tmp_path, "ab")
    work.stop()
    await work.take(Answers(work, []))
    assert (tally.ended, work.under_way) == (0, 0)
    work, tally = made(tmp_path, "ab")
    (answers := Answers(work, [])).stop()
    await work.take(answers)
    assert (tally.unsent, tally.failed, tally.exit_code) == (2, 0, 1)


async def test_a_retry_that_may_have_cost_is_told(capsys):
    """A good answer after an attempt that may have been billed says so."""
    attempts = (Attempt(endpoint="https://r/v1", billed="maybe"), Attempt(endpoint="https://r/v1"))
    work, tally = made(None, "a")
    await work.take(Answers(work, [Transcription(text="hello", attempts=attempts)]))
    assert (tally.exit_code, tally.lost) == (0, 1)
    assert capsys.readouterr().err == "a: it took 2 attempts, and a failed one may have been billed\n"


async def test_what_is_answered_is_kept_through_an_interruption(tmp_path):
    """A transcript that is being written when the work is cancelled is written whole."""
    pipe_in, pipe_out = os.pipe()

    class Held(Reporter):
        """Waits before it says that a transcript is there."""

        def done(self, text):
            os.write(pipe_out, text.encode())

    work, tally = made(tmp_path, "ab", reporter=Held(2))
    task = asyncio.create_task(work.take(Answers(work, [UNTIMED])))
    while not work.under_way:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(os.read, pipe_in, 1000) == f"a -> {tmp_path / 'a.txt'}".encode()
    assert Path(tmp_path / "a.txt").read_text() == "hello\n"
    assert tally.done == 1
    os.close(pipe_in)
    os.close(pipe_out)


async def test_a_mistake_of_ours_is_not_swallowed(tmp_path, monkeypatch):
    """It comes out when the rest is done."""
    work, _ = made(tmp_path, "ab")
    monkeypatch.setattr(work, "_write", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await work.take(Answers(work, [UNTIMED, UNTIMED]))
