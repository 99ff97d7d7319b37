"""The work: how much at once, what is kept, what becomes of failures."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from zhongzhuan_audio.cli.render import Reporter
from zhongzhuan_audio.cli.work import Job, Work
from zhongzhuan_audio.errors import Attempt, AudioSourceError, ConfigurationError
from zhongzhuan_audio.models import Segment, Transcription

TIMED = Transcription(text="hello", segments=(Segment(id=0, start=0.0, end=1.0, text="hello"),))
UNTIMED = Transcription(text="hello", request_id="r-1")


def made(answers, *, form="text", suffix=".txt"):
    """Return a work whose recordings get these answers, by name."""

    async def ask(name, sent):
        answer = answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Work(ask, form=form, suffix=suffix, reporter=Reporter(len(answers)))


async def test_each_transcript_is_kept(tmp_path, capsys):
    """Each has its file, and a line that says where."""
    work = made({"a": TIMED, "b": UNTIMED})
    await work.run([Job(name=name, place=tmp_path / name) for name in "ab"], concurrency=1)
    assert (tmp_path / "a.txt").read_bytes() == (tmp_path / "b.txt").read_bytes() == b"hello\n"
    assert work.exit_code == 0
    assert work.output is None
    assert capsys.readouterr() == ("", f"a -> {tmp_path / 'a.txt'}\nb -> {tmp_path / 'b.txt'}\n")


async def test_a_transcript_without_a_place_is_handed_back(capsys):
    """What belongs on stdout is not printed while the work goes on."""
    work = made({"a": TIMED}, form="srt", suffix=".srt")
    await work.run([Job(name="a")], concurrency=4)
    assert work.output == "1\n00:00:00,000 --> 00:00:01,000\nhello\n\n"
    assert (work.exit_code, work.kept) == (0, ["a"])
    assert capsys.readouterr() == ("", "")


async def test_no_more_at_once_than_asked():
    """So many run together, and never more."""
    running, most = 0, 0
    together = asyncio.Barrier(3)

    async def ask(name, sent):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await together.wait()
        running -= 1
        return UNTIMED

    work = Work(ask, form="text", suffix=".txt", reporter=Reporter(6))
    await work.run([Job(name=str(number)) for number in range(6)], concurrency=3)
    assert most == 3
    assert sorted(work.kept) == [str(number) for number in range(6)]


@pytest.mark.parametrize("fault", [AudioSourceError("a is empty", source="a"), ValueError("odd\nthing")])
async def test_a_failure_stops_nothing_else(tmp_path, capsys, fault):
    """The others are transcribed, and the failed one is named with the reason; even where the fault is a bug."""
    work = made({"a.mp3": fault, "b.mp3": UNTIMED})
    await work.run([Job(name=name, place=tmp_path / name) for name in ("a.mp3", "b.mp3")], concurrency=1)
    assert (tmp_path / "b.mp3.txt").exists()
    assert work.exit_code == 1
    assert work.failed == [fault]
    expected = "a.mp3: a is empty" if isinstance(fault, AudioSourceError) else "a.mp3: ValueError: odd thing"
    assert capsys.readouterr().err.splitlines()[0] == expected


async def test_a_setting_that_fails_everything_is_wrong_usage(tmp_path):
    """If nothing works for want of a good setting, the exit code says so; not if something did work."""
    fault = ConfigurationError("the key file is empty")
    hopeless = made({"a": fault, "b": fault})
    await hopeless.run([Job(name="a"), Job(name="b")], concurrency=2)
    assert hopeless.exit_code == 2
    mixed = made({"a": fault, "b": UNTIMED})
    await mixed.run([Job(name=name, place=tmp_path / name) for name in "ab"], concurrency=2)
    assert mixed.exit_code == 1


async def test_an_answer_without_times_is_kept_as_text(tmp_path, capsys):
    """The words are paid for; that they are no subtitles is a failure, and told."""
    work = made({"a": UNTIMED}, form="srt", suffix=".srt")
    await work.run([Job(name="a", place=tmp_path / "a")], concurrency=1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "hello\n"
    assert (work.exit_code, work.kept) == (1, [])
    assert capsys.readouterr().err == (
        f"a: the answer has no times, so there are no subtitles; its text is kept in {tmp_path / 'a.txt'}"
        " (request id r-1) — for subtitles ask a model that gives times, such as --model whisper-1\n"
    )


async def test_an_answer_without_times_is_printed_as_text(capsys):
    """On stdout the text stands in for the subtitles, too."""
    work = made({"a": UNTIMED}, form="vtt", suffix=".vtt")
    await work.run([Job(name="a")], concurrency=1)
    assert (work.output, work.exit_code) == ("hello\n", 1)
    assert "its text is printed" in capsys.readouterr().err


async def test_a_transcript_that_cannot_be_written_is_shown_and_no_more_is_sent(tmp_path, capsys):
    """A transcript that finds no place is written to stderr, and what is not yet sent is not paid for in vain."""
    asked = []

    async def ask(name, sent):
        asked.append(name)
        return Transcription(text="one\x1b[2J\ntwo")

    work = Work(ask, form="text", suffix=".txt", reporter=Reporter(3))
    gone = tmp_path / "gone"
    await work.run([Job(name=name, place=gone / name) for name in "abc"], concurrency=1)
    assert asked == ["a"]
    assert (work.exit_code, len(work.failed), work.begun) == (1, 3, 3)
    reason = f"cannot write {gone / 'a.txt'}: No such file or directory"
    assert capsys.readouterr().err.splitlines() == [
        f"a: {reason} — its transcript follows, and nothing more is sent",
        "one\\x1b[2J",
        "two",
        "b: not sent — see above: transcripts cannot be written",
        "c: not sent — see above: transcripts cannot be written",
    ]


async def test_a_retry_that_may_have_cost_is_told(capsys):
    """A good answer after an attempt that may have been billed says so."""
    attempts = (Attempt(endpoint="https://r/v1", billed="maybe"), Attempt(endpoint="https://r/v1"))
    work = made({"a": Transcription(text="hello", attempts=attempts)})
    await work.run([Job(name="a")], concurrency=1)
    assert work.exit_code == 0
    assert capsys.readouterr().err == "a: it took 2 attempts, and a failed one may have been billed\n"


async def test_what_is_answered_is_kept_through_an_interruption(tmp_path):
    """A transcript that is being written when the work is cancelled is written whole."""
    pipe_in, pipe_out = os.pipe()

    class Held(Reporter):
        """Waits before it says that a transcript is there."""

        def say(self, text):
            os.write(pipe_out, text.encode())

    async def ask(name, sent):
        return UNTIMED

    work = Work(ask, form="text", suffix=".txt", reporter=Held(1))
    task = asyncio.create_task(work.run([Job(name="a", place=tmp_path / "a")], concurrency=1))
    while not work.begun:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(os.read, pipe_in, 1000) == f"a -> {tmp_path / 'a.txt'}".encode()
    assert Path(tmp_path / "a.txt").read_text() == "hello\n"
    assert work.kept == ["a"]
    os.close(pipe_in)
    os.close(pipe_out)
