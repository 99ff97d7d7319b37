"""The sum: what failures have in common, what was refused and why."""

from __future__ import annotations

import attrs

from zhongzhuan_audio.advice import Advice, with_more
from zhongzhuan_audio.batch import Job, Outcome
from zhongzhuan_audio.cli.exit_codes import FAILED
from zhongzhuan_audio.cli.outputs import UnwrittenError
from zhongzhuan_audio.cli.tally import Tally
from zhongzhuan_audio.errors import AudioSourceError, BudgetExceededError, UnsupportedAudioError, UpstreamError
from zhongzhuan_audio.models import Transcription

OUTCOME = Outcome(index=0, job=Job("a.mp3"))


def counted(*errors: Exception) -> Tally:
    """Return a tally of recordings that ended in these."""
    tally = Tally()
    for index, error in enumerate(errors):
        tally.count(Outcome(index=index, job=Job(f"{index}.mp3")), f"{index}.mp3", error)
    return tally


def test_one_cause_is_one_group():
    """Why each was not tried again says nothing of the cause."""
    hint = Advice("raise Timeouts.attempt_s", command="wait")
    hints = [hint, with_more(hint, "not tried again: no time"), with_more(hint, "not tried again: it may be billed")]
    tally = counted(*(UpstreamError("broken", status=502, hint=each) for each in hints))
    assert list(tally.causes()) == ["  3 x UpstreamError: broken (status 502) — wait (0.mp3, 1.mp3, 2.mp3)"]
    bare = [with_more(None, f"not tried again: {number}") for number in range(2)]
    tally = counted(*(UpstreamError("broken", status=502, hint=each) for each in bare))
    assert list(tally.causes()) == ["  2 x UpstreamError: broken (status 502) (0.mp3, 1.mp3)"]


def test_what_is_wrong_with_recordings_is_told_of_all():
    """The cause and what to do, without their names and figures; what has another cause is another group."""
    tally = Tally()
    hint = "look"
    for name in ("a.mov", "b.mov"):
        tally.count(OUTCOME, name, UnsupportedAudioError(f"{name} has no sound", hint=hint, source=name))
    for name, size in (("c.mp3", 10), ("d.mp3", 20)):
        told = f"{name} grew while it was sent: {size} bytes were announced"
        tally.count(OUTCOME, name, AudioSourceError(told, hint=hint, source=name))
    tally.count(OUTCOME, "e.mp3", AudioSourceError("the path is empty"))
    assert list(tally.causes()) == [
        "  2 x UnsupportedAudioError: it has no sound — look (a.mov, b.mov)",
        "  2 x AudioSourceError: it grew while it was sent: 10 bytes were announced — look (c.mp3, d.mp3)",
        "  1 x AudioSourceError: the path is empty (e.mp3)",
    ]


def test_what_is_incomplete_is_not_all_right():
    """It is done, and the sum and the exit code say so."""
    tally = Tally()
    part = Transcription(text="x", gaps=((1.0, 2.0),))
    tally.count(attrs.evolve(OUTCOME, transcription=part), "a.mp3", None)
    assert tally.exit_code == FAILED
    assert tally.summary("transcribe", 1) == "1 transcribed (1 of them incomplete), 0 failed"
    assert tally.as_dict(1)["incomplete"] == 1


def test_going_on_is_worth_it_as_long_as_something_is_sent():
    """A recording that no run has room for ends each; one without a length ends none."""
    never = BudgetExceededError("too long", limits=("audio_minutes",))
    lengthless = BudgetExceededError("no length", limits=("unknown_minutes",))
    tally = counted(BudgetExceededError("used up"), never, lengthless)
    assert not tally.is_stuck(["0.mp3", "1.mp3", "2.mp3"])
    assert not tally.is_stuck(["2.mp3", "0.mp3", "1.mp3"])
    assert tally.is_stuck(["2.mp3", "1.mp3", "3.mp3"])
    assert tally.is_stuck(["2.mp3"])
    assert not counted().is_stuck(["0.mp3"])
    assert list(tally.limits()) == [
        "--max-audio-minutes has no room for 1.mp3 in any run: raise it",
        "2.mp3 does not tell its length: convert it, or say with --unknown-minutes what to count",
    ]


def test_a_full_disk_is_told_as_what_it_is():
    """With the folder that has no space, and no single file in it."""
    full, hint = "No space left on device", "make space"
    folders = ["out/2024", "out/2025/x", "out"]
    unwritten = [UnwrittenError(f"cannot write {each}/a", reason=full, folder=each, hint=hint) for each in folders]
    other = UnwrittenError("cannot write out/b", reason="Permission denied", folder="out", hint=hint)
    assert list(counted(*unwritten, other).causes()) == [
        "  3 x no space left on device in out — make space (0.mp3, 1.mp3, 2.mp3)",
        "  1 x permission denied in out — make space (3.mp3)",
    ]
    here = counted(*(UnwrittenError("no", reason=full, folder=each) for each in (".", "2024")))
    assert list(here.causes()) == ["  2 x no space left on device in . (0.mp3, 1.mp3)"]
