"""Recordings that a relay would not take as they are, on the command line."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import wave

import pytest

from zhongzhuan_audio.cli import run
from zhongzhuan_audio.relay import ScriptedAnswer

pytest.importorskip("av")

WRONG = ScriptedAnswer(400, '{"error": {"message": "no", "type": "invalid_request_error"}}')
SMALL = ("--max-upload-bytes", "65536")
"""Some ten seconds of MP3."""
FILM = b"\0\0\0\x14ftypqt  \0\0\0\0qt  "
"""How one begins."""


def wav(seconds: float) -> bytes:
    """Return silence."""
    kept = io.BytesIO()
    with wave.open(kept, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(round(seconds * 16_000) * 2))
    return kept.getvalue()


@pytest.fixture
def talks(folder):
    """One that goes as it is, one to be compressed, one to be cut, one to be converted."""
    place = folder / "talks"
    place.mkdir()
    for name, seconds in (("short.wav", 1.0), ("middle.wav", 4.0), ("long.wav", 40.0)):
        (place / name).write_bytes(wav(seconds))
    (place / "film.mov").write_bytes(FILM + b"\0\0\0\x08moov\0\0\0\xd0mdat" + bytes(200))
    return place


def test_a_dry_run_says_what_would_be_made_of_them(relay, talks, capsys):
    """And counts requests and minutes with it; nothing is decoded or sent."""
    assert run(["transcribe", "talks", "--dry-run", *SMALL]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "4 would be sent, in about 8 requests: 0.8 minutes of audio, and 1 of unknown length",
        "of these, 1 would be compressed, 1 would be converted, 1 would be cut",
    ]
    assert run(["transcribe", "talks", "--dry-run", "--json", *SMALL]) == 0
    *rows, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = {row["source"]: (row.get("reason"), row.get("pieces")) for row in rows}
    assert told == {
        "talks/film.mov": ("format", 1),
        "talks/long.wav": ("size", 5),
        "talks/middle.wav": ("size", 1),
        "talks/short.wav": (None, None),
    }
    counts = ("requests", "to_convert", "to_compress", "to_cut", "needs_extra")
    assert [summary["summary"][name] for name in counts] == [8, 1, 1, 1, None]
    assert run(["transcribe", "talks", "--dry-run", "--prepare", "never", *SMALL]) == 0
    assert "of these" not in capsys.readouterr().out
    assert relay.request_count == 0


def test_a_dry_run_counts_nothing_that_would_be_refused(relay, talks, capsys):
    """As the run itself says of it; what is to go as it is, goes."""
    (talks / "film.mov").write_bytes(FILM + b"\0\0\0\xd0mdat" + bytes(100))
    assert run(["transcribe", "talks", "--dry-run"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "3 would be sent: 0.8 minutes of audio"
    assert said[-2:-1] == ["1 cannot be sent:"]
    assert said[-1].startswith("  talks/film.mov is damaged: it has no index (moov)")
    assert run(["transcribe", "talks", "--output-dir", "out"]) == 1
    assert said[-1].strip() in capsys.readouterr().err
    assert relay.request_count == 3
    assert run(["transcribe", "talks", "--dry-run", "--prepare", "never"]) == 0
    assert capsys.readouterr().out.startswith("4 would be sent")


def test_what_is_cut_off_is_told(relay, talk, capsys):
    """In a line, and in the row; the transcript is written."""
    content = (talk / "talk.wav").read_bytes()
    (talk / "talk.wav").write_bytes(content[: len(content) // 2])
    assert run(["transcribe", "talk.wav", "--output-dir", "out"]) == 0
    assert "talk.wav: it is cut off: its header promises 40.0 s, and 20.0 s are there" in capsys.readouterr().err
    assert run(["transcribe", "talk.wav", "--json"]) == 0
    row = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (row["status"], row["damage"][:14]) == ("done", "it is cut off:")


@pytest.mark.parametrize(
    ("options", "extra", "code"),
    [
        (["--drop-suspicious"], "media", 2),
        (["--refill"], "media", 2),
        (["--channels", "split"], "media", 2),
        (["--skip-silence"], "media", 2),
        (["--prepare", "always"], "media", 2),
        (["--context", "sequential"], None, 0),
        (["--script", "simplified"], "zh", 2),
    ],
)
def test_a_dry_run_ends_as_the_run_would_without_the_extra(relay, folder, options, extra, code):
    """Also where nothing is converted and an option needs it; both name it."""
    (folder / "talk.wav").write_bytes(wav(1.0))
    block = (
        "import sys\n"
        "for name in ('av', 'numpy', 'pysilk', 'faster_whisper', 'onnxruntime', 'opencc'): sys.modules[name] = None\n"
        "from zhongzhuan_audio.cli import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    for more in ([], ["--dry-run"]):
        argv = [sys.executable, "-c", block, "transcribe", "talk.wav", *options, *more]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, more
        assert (f"pip install 'zhongzhuan-audio[{extra}]'" in done.stdout + done.stderr) == (extra is not None), more


def test_a_dry_run_needs_no_extra_and_says_that_it_is_needed(talks):
    """What would fail for want of it is told, and the exit code says so."""
    code = (
        "import sys\n"
        "for name in ('av', 'numpy', 'pysilk', 'faster_whisper', 'onnxruntime'): sys.modules[name] = None\n"
        "from zhongzhuan_audio.cli import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    argv = [sys.executable, "-c", code, "transcribe", "talks", "--dry-run", *SMALL]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    last = done.stdout.splitlines()[-1]
    assert last.startswith("but ")
    assert "pip install 'zhongzhuan-audio[media]'" in last
    done = subprocess.run([*argv, "--prepare", "never"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "media" in done.stdout) == (0, False)


@pytest.fixture
def talk(folder):
    """A recording that goes out in five pieces."""
    (folder / "talk.wav").write_bytes(wav(40.0))
    return folder


ASK = ("transcribe", "talk.wav", *SMALL, "--context", "sequential")


def failing_at_the_third(scripted_engine):
    """Have the third piece refused, and all others answered."""
    scripted_engine.script("one", "two", WRONG, "four", "five", "six")


def test_what_there_is_of_a_failed_recording_is_kept_until_the_whole_is_there(
    relay, scripted_engine, talk, transcripts, capsys
):
    """Under a name that is no transcript's, with its gaps in each; the next run pays for the rest alone."""
    failing_at_the_third(scripted_engine)
    argv = [*ASK, "--output-dir", "out", "--format", "text,srt,json"]
    assert run(argv) == 1
    written = transcripts(talk / "out")
    assert sorted(written) == ["talk.partial.json", "talk.partial.srt", "talk.partial.txt"]
    assert written["talk.partial.txt"].startswith("[partial transcript: nothing of 0:00:")
    assert "\none two\n[missing · 缺失 0:00:" in written["talk.partial.txt"]
    assert "[partial transcript: nothing of this]" in written["talk.partial.srt"]
    assert json.loads(written["talk.partial.json"])["partial"].startswith("[partial transcript:")
    err = capsys.readouterr().err
    assert "talk.wav: what there is of it, without 0:00:" in err
    assert "is in out/talk.partial.txt, out/talk.partial.srt, out/talk.partial.json" in err
    sent = relay.request_count
    assert run(argv) == 0
    assert sorted(transcripts(talk / "out")) == ["talk.json", "talk.srt", "talk.txt"]
    assert transcripts(talk / "out")["talk.txt"].startswith("one two four")
    assert relay.request_count == sent + 3


def test_the_report_tells_the_gaps(relay, scripted_engine, talk, folder):
    """Where it is, and what is missing, in both of its files."""
    failing_at_the_third(scripted_engine)
    (folder / "more").mkdir()
    (folder / "talk.wav").rename(folder / "more" / "talk.wav")
    assert run(["transcribe", "more", *ASK[2:], "--output-dir", "out"]) == 1
    (row,) = json.loads((folder / "out" / "report.json").read_text())
    assert (row["status"], row["outputs"], row["partial"]) == ("failed", [], ["out/talk.partial.txt"])
    assert len(row["missing"]) == 1
    assert row["missing"][0].startswith("0:00:")
    with (folder / "out" / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        (told,) = csv.DictReader(file)
    assert [[told["missing"]], [told["partial"]]] == [row["missing"], row["partial"]]


def test_less_does_not_replace_more(relay, scripted_engine, talk, transcripts):
    """Of two failed runs, what the better one had stays; so does a file that is no partial transcript."""
    (talk / "out").mkdir()
    (talk / "out" / "talk.partial.txt").write_text("a talk about a partial.wav")
    failing_at_the_third(scripted_engine)
    argv = [*ASK, "--output-dir", "out", "--no-resume"]
    assert run(argv) == 1
    kept = transcripts(talk / "out")["talk.partial-2.txt"]
    scripted_engine.script("one", WRONG)
    assert run(argv) == 1
    assert transcripts(talk / "out") == {
        "talk.partial.txt": "a talk about a partial.wav",
        "talk.partial-2.txt": kept,
    }
    scripted_engine.script("one")
    assert run(argv) == 0
    assert sorted(transcripts(talk / "out")) == ["talk.partial.txt", "talk.txt"]


def test_gaps_that_are_allowed_are_told(relay, scripted_engine, talk, transcripts, capsys):
    """It is the transcript, by its own name, and a line says what is missing."""
    failing_at_the_third(scripted_engine)
    assert run([*ASK, "--output-dir", "out", "--allow-gaps"]) == 1
    assert list(transcripts(talk / "out")) == ["talk.txt"]
    assert transcripts(talk / "out")["talk.txt"] == "[missing · 缺失 0:00:16-0:00:24]\none two four five\n"
    assert "talk.wav: there is nothing of 0:00:" in capsys.readouterr().err
    failing_at_the_third(scripted_engine)
    (talk / "out" / "talk.partial.txt").write_text("[partial transcript: more than that]")
    assert run([*ASK, "--output-dir", "out", "--allow-gaps", "--no-resume"]) == 1
    assert sorted(transcripts(talk / "out")) == ["talk.partial.txt", "talk.txt"]


def test_a_gap_is_filled_by_the_next_run(relay, scripted_engine, talk, transcripts, capsys):
    """With the same options, for one request; the files have a mark until then, and are the whole afterwards."""
    failing_at_the_third(scripted_engine)
    (talk / "talks").mkdir()
    (talk / "talk.wav").rename(talk / "talks" / "talk.wav")
    argv = ["transcribe", "talks", *SMALL, "--concurrency", "1", "--allow-gaps", "--output-dir", "out"]
    argv += ["--format", "text,srt,vtt,json"]
    assert run(argv) == 1
    written = transcripts(talk / "out")
    for suffix in ("txt", "srt", "vtt"):
        assert written[f"talk.{suffix}"].count("[missing · 缺失") == 1
    assert "00:00:16,000 --> 00:00:24,000\n[missing · 缺失]\n" in written["talk.srt"]
    assert "one two\n[missing · 缺失 0:00:16-0:00:24]\nfour" in written["talk.txt"]
    assert len(json.loads(written["talk.json"])["gaps"]) == 1
    (row,) = json.loads((talk / "out" / "report.json").read_text())
    assert (row["status"], row["missing"], row["error"]) == ("incomplete", ["0:00:16-0:00:24"], None)
    err = capsys.readouterr().err
    assert "1 transcribed (1 of them incomplete), 0 failed" in err
    assert "to go on: zhongzhuan-audio transcribe --format" in err
    sent = relay.request_count
    scripted_engine.script("3")
    assert run(argv) == 0
    assert relay.request_count == sent + 1
    whole = transcripts(talk / "out")
    assert sorted(whole) == ["talk.json", "talk.srt", "talk.txt", "talk.vtt"]
    assert whole["talk.txt"].startswith("one two 3 four")
    assert not any("缺失" in text or '"gaps"' in text for text in whole.values())
    (row,) = json.loads((talk / "out" / "report.json").read_text())
    assert (row["status"], row["missing"]) == ("done", [])
    assert "incomplete" not in capsys.readouterr().err
    assert run(argv) == 0
    assert relay.request_count == sent + 1


def test_gaps_do_not_replace_a_whole(relay, scripted_engine, talk, transcripts, capsys):
    """However long the mark is that tells of them."""
    scripted_engine.script("1")
    argv = [*ASK, "--output-dir", "out", "--no-resume"]
    assert run(argv) == 0
    scripted_engine.script("1", WRONG, "1")
    assert run([*argv, "--allow-gaps"]) == 1
    assert transcripts(talk / "out")["talk.txt"] == "1 1 1 1 1\n"
    assert "缺失" in transcripts(talk / "out")["talk.new1.txt"]
    assert "out/talk.txt holds more than the new answer, which is in out/talk.new1.txt" in capsys.readouterr().err


def test_a_recording_of_such_a_name_keeps_its_transcript(relay, scripted_engine, talk, transcripts):
    """The partial one gets another."""
    (talk / "talk.partial.wav").write_bytes(wav(1.0))
    failing_at_the_third(scripted_engine)
    argv = ["transcribe", "talk.wav", "talk.partial.wav", *ASK[2:], "--output-dir", "out", "--concurrency", "1"]
    assert run(argv) == 1
    assert {"talk.partial.txt", "talk.partial-2.txt"} <= set(transcripts(talk / "out"))
    assert "partial transcript" not in transcripts(talk / "out")["talk.partial.txt"]


def test_without_a_place_it_is_shown_and_still_a_failure(relay, scripted_engine, talk, capsys):
    """On stderr, since what is on stdout is taken for the whole; as JSON it is on its line."""
    failing_at_the_third(scripted_engine)
    assert run(list(ASK)) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "what there is of it, without 0:00:" in err
    assert err.splitlines()[-1] == "one two"
    failing_at_the_third(scripted_engine)
    assert run([*ASK, "--json"]) == 1
    row = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (row["status"], row["text"], len(row["missing"])) == ("failed", "one two", 1)
