"""Folders and lists of recordings: journal, report, budget, lines of JSON, what would be sent."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from zhongzhuan_audio.cli import run
from zhongzhuan_audio.errors import RateLimitError, UpstreamError
from zhongzhuan_audio.relay import ScriptedAnswer


def sound(seconds: float, pitch: int = 0) -> bytes:
    """Return a wav file of its own."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(8000)
        out.writeframes(bytes([pitch]) * int(8000 * seconds))
    return file.getvalue()


@pytest.fixture
def calls(folder):
    """Five recordings of a quarter of a minute each, in folders; one is a copy of another."""
    for number, name in enumerate(("a.wav", "2024/b.wav", "2024/c.wav", "2025/x/d.wav")):
        path = folder / "calls" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sound(15.0, number))
    (folder / "calls" / "2025" / "copy.wav").write_bytes(sound(15.0, 0))
    return folder / "calls"


def lines_of(capsys) -> list[dict[str, object]]:
    """Return the lines of JSON on stdout."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


LIVE = b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm" + bytes(200)
NAMES = ["2024/b.wav", "2024/c.wav", "2025/e.wav", "2025/x/d.wav", "a.wav"]
TREE = ["2024/b.txt", "2024/c.txt", "2025/copy.txt", "2025/x/d.txt", "a.txt"]


def test_a_folder_has_a_tree_of_transcripts(relay, calls, folder, transcripts, capsys):
    """Each beside its like; a copy is not paid for twice; the second run asks for nothing."""
    assert run(["transcribe", "calls", "--output-dir", "out"]) == 0
    assert list(transcripts(folder / "out")) == TREE
    assert relay.request_count == 4
    err = capsys.readouterr().err.splitlines()
    assert err[-1] == "5 transcribed (1 of them from the journal), 0 failed, 1.2 minutes of audio"
    assert {path.name for path in (folder / "out").iterdir() if path.is_file()} == {
        "a.txt",
        "journal.sqlite",
        "report.csv",
        "report.json",
    }
    assert run(["transcribe", "calls", "--output-dir", "out"]) == 0
    assert relay.request_count == 4
    assert "5 of them from the journal), 0 failed, 1.2 minutes of audio" in capsys.readouterr().err


def test_several_formats_come_of_one_request(relay, calls, folder, transcripts, capsys):
    """The richest that is needed is asked for."""
    assert run(["transcribe", "calls/2024", "--output-dir", "out", "--format", "srt,json,text"]) == 0
    assert sorted(transcripts(folder / "out")) == [f"{name}.{form}" for name in "bc" for form in ("json", "srt", "txt")]
    assert relay.request_count == 2
    assert {request.fields["response_format"] for request in relay.requests} == {("verbose_json",)}


def test_several_formats_need_a_folder(relay, folder, capsys):
    """They cannot be told apart on stdout."""
    assert run(["transcribe", "a.mp3", "--format", "srt,json"]) == 2
    assert "several formats do not go to stdout — name a folder with --output-dir" in capsys.readouterr().err
    assert run(["transcribe", "calls"]) == 1
    assert relay.request_count == 0


def test_text_is_not_paid_for_after_subtitles(relay, calls, folder, transcripts, capsys):
    """The answer with times holds it; the other way round there are no times."""
    argv = ["transcribe", "calls/2024", "--output-dir", "out"]
    assert run([*argv, "--format", "srt"]) == 0
    capsys.readouterr()
    assert run([*argv, "--format", "text", "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "0 would be sent: 0.0 minutes of audio",
        "2 done: the journal has the answer",
    ]
    assert run([*argv, "--format", "text,json"]) == 0
    assert relay.request_count == 2
    assert transcripts(folder / "out")["b.txt"] == "你好\n"
    assert run([*argv, "--language", "zh"]) == 0
    assert run([*argv, "--language", "zh", "--format", "srt"]) == 0
    assert relay.request_count == 6


def test_what_failed_is_asked_again(relay, scripted_engine, calls, folder, transcripts, capsys):
    """By the command that the summary names; what many failures have in common is told once."""
    limited = RateLimitError("slow down", status=429, retry_after=1000)
    scripted_engine.script(*[limited] * 4, "你好")
    argv = ["transcribe", "calls", "--output-dir", "out", "--concurrency", "1"]
    assert run(argv) == 1
    err = capsys.readouterr().err.splitlines()
    assert err[-3] == "1 transcribed, 4 failed, 0.2 minutes of audio"
    assert err[-2].startswith("  4 x RateLimitError: slow down (status 429")
    assert err[-2].endswith(" and 1 more)")
    assert err[-2].count("calls/") == 3
    assert err[-1] == "to go on: zhongzhuan-audio transcribe --output-dir out --concurrency 1 calls"
    asked = relay.request_count
    scripted_engine.script("你好")
    assert run(argv) == 0
    assert list(transcripts(folder / "out")) == TREE
    assert asked < relay.request_count <= asked + 4


def test_the_report_has_a_row_for_each(relay, scripted_engine, calls, folder, capsys):
    """In both files; where each transcript is, why one failed."""
    (calls / "broken.mp3").write_text("<html>no sound</html>")
    assert run(["transcribe", "calls", "--output-dir", "out", "--format", "text,json"]) == 1
    rows = {row["source"]: row for row in json.loads((folder / "out" / "report.json").read_text())}
    assert len(rows) == 6
    done = rows["calls/2024/b.wav"]
    assert done["outputs"] == ["out/2024/b.txt", "out/2024/b.json"]
    assert (done["status"], done["attempts"], done["audio_s"], done["error"]) == ("done", 1, 15.0, None)
    failed = rows["calls/broken.mp3"]
    assert (failed["status"], failed["error"], failed["outputs"]) == ("failed", "UnsupportedAudioError", [])
    with (folder / "out" / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        table = {row["source"]: row for row in csv.DictReader(file)}
    assert table["calls/2024/b.wav"]["outputs"] == "out/2024/b.txt\nout/2024/b.json"
    assert table["calls/broken.mp3"]["error"] == "UnsupportedAudioError"


def test_lines_of_json(relay, scripted_engine, calls, folder, capsys):
    """One for each recording and one in the end; without a folder the transcript is in them."""
    assert run(["transcribe", "calls/2024", "--json", "--format", "srt"]) == 0
    b, c, summary = lines_of(capsys)
    assert {b["source"], c["source"]} == {"calls/2024/b.wav", "calls/2024/c.wav"}
    assert (b["text"], b["status"], b["segments"][0]["end"], b["outputs"]) == ("你好", "done", 1.0, [])
    assert summary["summary"] == {
        "total": 2,
        "done": 2,
        "incomplete": 0,
        "failed": 0,
        "broken_off": 0,
        "not_sent": 0,
        "from_journal": 0,
        "maybe_billed": 0,
        "audio_s": 2.0,
        "skipped_s": 0.0,
        "billed_s": 2.0,
        "cost": None,
    }
    scripted_engine.script(UpstreamError("broken", status=400))
    assert run(["transcribe", "a.mp3", "--json", "--output-dir", "out"]) == 1
    failed, summary = lines_of(capsys)
    assert (failed["status"], failed["status_code"], failed["text"]) == ("failed", 400, None)
    assert summary["summary"]["failed"] == 1


def test_a_budget_holds(relay, calls, folder, transcripts, capsys):
    """What it has no room for is not sent, and the next run goes on where this one ended."""
    (calls / "2025" / "copy.wav").unlink()
    argv = ["transcribe", "calls", "--output-dir", "out", "--concurrency", "1"]
    assert run([*argv, "--max-audio-minutes", "0.5"]) == 1
    assert relay.request_count == 2
    err = capsys.readouterr().err.splitlines()
    assert "2 transcribed, 0 failed, 2 not sent" in "\n".join(err)
    refused = [line for line in err if ": not sent: the budget has 0 minutes of audio left, and the rec" in line]
    assert 1 <= len(refused) <= 2
    assert all(line.endswith("lasts 0.25 minutes") for line in refused)
    again = "to go on, within the same limits once more: zhongzhuan-audio transcribe --output-dir out --concurrency 1"
    assert err[-2:] == ["left of the budget for this run: 0 minutes of audio", f"{again} --max-audio-minutes 0.5 calls"]
    rows = json.loads((folder / "out" / "report.json").read_text())
    assert sorted(row["status"] for row in rows) == ["done", "done", "not sent", "not sent"]
    assert run([*argv, "--max-cost", "1", "--price-per-minute", "0.01"]) == 0
    assert relay.request_count == 4
    assert "cost 0.005" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("limits", "left", "lines"),
    [
        ("--max-requests 0", "0 requests", ["--max-requests has no room for {} in any run: raise it"]),
        (
            "--max-audio-minutes 0.2 --max-cost 1 --price-per-minute 1",
            "0.2 minutes of audio, a cost of 1",
            ["--max-audio-minutes has no room for {} in any run: raise it"],
        ),
        (
            "--max-cost 0.1 --price-per-minute 1 --max-requests 0",
            "0 requests, a cost of 0.1",
            [f"--max-{name} has no room for {{}} in any run: raise it" for name in ("requests", "cost")],
        ),
    ],
)
def test_a_limit_that_lets_nothing_through_is_told(relay, calls, capsys, limits, left, lines):
    """The same command would come no further, and is not recommended."""
    assert run(f"transcribe calls --output-dir out --concurrency 1 {limits}".split()) == 1
    err = capsys.readouterr().err.splitlines()
    told = [line.format(err[0].partition(":")[0]) for line in lines]
    assert err[-1 - len(lines) :] == [f"left of the budget for this run: {left}", *told]
    assert relay.request_count == 0


def test_a_limit_without_room_for_a_single_recording_is_told(relay, calls, capsys):
    """It has no sum, and yet it is said what to do."""
    assert run(["transcribe", "calls/a.wav", "--max-audio-minutes", "0.2"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "calls/a.wav: not sent: the budget has 0.2 minutes of audio left, and the recording lasts 0.25 minutes",
        "--max-audio-minutes has no room for calls/a.wav in any run: raise it",
    ]


def test_recordings_without_a_length_are_told_once(relay, calls, folder, capsys):
    """What to do about them stands in the end; going on is worth it as long as there are others."""
    (folder / "live").mkdir()
    for number in range(3):
        (folder / "live" / f"{number}.webm").write_bytes(LIVE + bytes([number]))
    assert run(["transcribe", "live", "--output-dir", "out", "--max-audio-minutes", "1", "--prepare", "never"]) == 1
    err = capsys.readouterr().err
    assert err.count("--unknown-minutes") == 1
    told = "3 recordings do not tell their length: convert them, or say with --unknown-minutes what to count"
    assert err.splitlines()[-1] == told
    argv = "transcribe live/0.webm calls/2024 --output-dir out --max-audio-minutes 0.25 --concurrency 1 --prepare never"
    assert run(argv.split()) == 1
    *_, length, again = capsys.readouterr().err.splitlines()
    assert length == "live/0.webm does not tell its length: convert it, or say with --unknown-minutes what to count"
    assert again.startswith("to go on, within the same limits once more: ")


def test_lines_of_json_have_all_fields(relay, scripted_engine, calls, folder, capsys):
    """What was not sent has a line too, and nulls."""
    (calls / "2025" / "copy.wav").unlink()
    (calls / "2025" / "e.wav").write_bytes(sound(15.0, 5))
    assert (
        run(["transcribe", "calls", "--json", "--output-dir", "out", "--concurrency", "1", "--max-requests", "1"]) == 1
    )
    *rows, summary = lines_of(capsys)
    assert sorted(row["source"] for row in rows) == sorted(f"calls/{name}" for name in NAMES)
    assert len({tuple(sorted(row)) for row in rows}) == 1
    assert [row["status"] for row in rows].count("not sent") == summary["summary"]["not_sent"] == 4
    assert (rows[-1]["attempts"], rows[-1]["text"], rows[-1]["outputs"]) == (0, None, [])
    report = json.loads((folder / "out" / "report.json").read_text())
    assert {tuple(sorted(row)) for row in report} == {tuple(sorted(rows[0].keys() - {"index", "text"}))}


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        ("--max-cost 1", "--max-cost needs a price — give it with --price-per-minute"),
        ("--null", "--null is about a list — name one with --files-from"),
        ("--no-resume --journal x", "--no-resume keeps no journal — leave out --journal"),
        ("- --files-from -", "stdin cannot be a recording and a list"),
        ("--files-from none", "cannot read the list none: No such file or directory"),
    ],
)
def test_what_does_not_go_together_is_told(relay, folder, capsys, argv, complaint):
    """Before anything is sent."""
    assert run(["transcribe", "a.mp3", *argv.split()]) == 2
    assert complaint in capsys.readouterr().err
    assert relay.request_count == 0


def test_a_list_from_stdin(relay, calls, folder, transcripts, monkeypatch, capsys):
    """As `find` gives it; the transcripts keep its paths."""
    names = b"calls/2024/b.wav\0calls/a.wav\0"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(names)))
    assert run(["transcribe", "--files-from", "-", "-0", "--output-dir", "out"]) == 0
    assert list(transcripts(folder / "out")) == ["calls/2024/b.txt", "calls/a.txt"]


def test_no_resume_asks_anew(relay, scripted_engine, calls, folder, transcripts, capsys):
    """Without a journal; a shorter answer takes no longer one's place."""
    argv = ["transcribe", "calls/2024", "--output-dir", "out", "--no-resume"]
    scripted_engine.script("a long answer")
    assert run(argv) == 0
    assert "journal.sqlite" not in {path.name for path in (folder / "out").iterdir()}
    scripted_engine.script("short")
    assert run(argv) == 0
    assert relay.request_count == 4
    assert transcripts(folder / "out") == {
        "b.new1.txt": "short\n",
        "b.txt": "a long answer\n",
        "c.new1.txt": "short\n",
        "c.txt": "a long answer\n",
    }
    assert "out/b.txt holds more than the new answer, which is in out/b.new1.txt" in capsys.readouterr().err


def test_without_a_journal_the_rest_is_named(relay, scripted_engine, calls, folder, capsys):
    """For there is nothing that would know what is done."""
    (calls / "broken.mp3").write_text("<html>no sound</html>")
    assert run(["transcribe", "calls", "--json"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "to go on: zhongzhuan-audio transcribe --json calls/broken.mp3"


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes, and bash")
def test_the_command_that_goes_on_can_be_pasted(relay, scripted_engine, folder, capsys):
    """Whatever bytes the names hold."""
    names = [os.fsdecode(b"\xe9bad \n'\\.mp3"), "会议 $x.mp3", "-h.mp3"]
    for name in names:
        Path(name).write_bytes((folder / "a.mp3").read_bytes() + os.fsencode(name))
    refused = ScriptedAnswer(400, '{"error": {"message": "no"}}')
    scripted_engine.script(refused, refused, refused, "你好")
    assert run(["transcribe", "--output-dir", "out", "--", *names]) == 1
    line = capsys.readouterr().err.splitlines()[-1].removeprefix("to go on: ")
    line = f"{sys.executable} -m {line.replace('-', '_', 1)}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"3 transcribed, 0 failed" in done.stderr


def test_a_list_that_was_piped_in_is_asked_for_again(relay, scripted_engine, calls, folder, monkeypatch, capsys):
    """The line says that it takes the list once more; where nothing would help, there is none."""
    scripted_engine.script(ScriptedAnswer(400, '{"error": {"message": "no"}}'))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"calls/a.wav\n")))
    assert run(["transcribe", "--files-from", "-", "--output-dir", "out"]) == 1
    again = "to go on, with the same on stdin: zhongzhuan-audio transcribe --output-dir out --files-from -"
    assert capsys.readouterr().err.splitlines()[-1] == again
    (folder / "broken").mkdir()
    (folder / "broken" / "journal.sqlite").write_bytes(b"x" * 5000)
    assert run(["transcribe", "calls", "--output-dir", "broken"]) == 1
    assert "to go on" not in capsys.readouterr().err


def test_a_correction_by_hand_stays(relay, calls, folder, transcripts, capsys):
    """The next run does not write over it, and writes again what is gone."""
    argv = ["transcribe", "calls/2024", "--output-dir", "out"]
    assert run(argv) == 0
    (folder / "out" / "b.txt").write_text("您\n")
    (folder / "out" / "c.txt").unlink()
    assert run(argv) == 0
    assert transcripts(folder / "out") == {"b.txt": "您\n", "c.txt": "你好\n"}
    assert relay.request_count == 2
    assert "out/b.txt differs from the journal's answer, and is left as it is" in capsys.readouterr().err


def test_a_journal_elsewhere(relay, calls, folder, capsys):
    """It is where it is told to be, and serves without a folder of transcripts."""
    for _ in range(2):
        assert run(["transcribe", "calls/2024", "--json", "--journal", "kept.sqlite"]) == 0
    assert relay.request_count == 2
    assert [line.get("from_journal") for line in lines_of(capsys)[3:5]] == [True, True]


def test_a_dry_run_sends_nothing(relay, calls, folder, monkeypatch, capsys):
    """It says what would be sent and what it would cost, needs no key, and makes no folder."""
    monkeypatch.delenv("ZHONGZHUAN_API_KEY")
    (calls / "broken.mp3").write_text("<html>no sound</html>")
    argv = ["transcribe", "calls", "--output-dir", "out", "--price-per-minute", "0.6", "--dry-run"]
    assert run(argv) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[:4] == [
        "4 would be sent: 1.0 minutes of audio",
        "they would cost 0.6",
        "1 the same as another, and would not be sent",
        "1 cannot be sent:",
    ]
    assert out[4].startswith("  calls/broken.mp3")
    assert relay.request_count == 0
    assert not (folder / "out").exists()


def test_a_dry_run_knows_the_journal(relay, scripted_engine, calls, folder, capsys):
    """What is done costs nothing; what failed would be sent again; another option makes it all new."""
    refusal = ScriptedAnswer(400, '{"error": {"message": "no"}}')
    # By its name: a copy of what fails would be asked for in its place, and which is the second varies.
    scripted_engine.script(lambda options: refusal if options.filename == "b.wav" else "one")
    argv = ["transcribe", "calls", "--output-dir", "out", "--concurrency", "1"]
    assert run(argv) == 1
    capsys.readouterr()
    assert run([*argv, "--dry-run", "--json"]) == 0
    *rows, summary = lines_of(capsys)
    assert [row["status"] for row in rows].count("failed before") == 1
    assert summary["summary"] == {
        "total": 5,
        "to_send": 1,
        "audio_s": 15.0,
        "unknown_length": 0,
        "requests": 1,
        "needs_extra": None,
        "cost": None,
        "copy": 1,
        "done": 3,
        "failed_before": 1,
    }
    assert run([*argv, "--dry-run", "--language", "en"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "4 would be sent: 1.0 minutes of audio"


def test_a_reader_that_leaves_ends_the_work(relay, scripted_engine, calls, start):
    """Nothing more is paid for when nobody reads the lines."""
    scripted_engine.delay_s = 0.5
    process = start("transcribe", "calls", "--json", "--concurrency", "1")
    process.stdout.close()
    process.stdin.close()
    assert process.wait(30) == 1
    assert relay.request_count < 4


def test_a_path_in_the_way_ends_the_work(relay, calls, folder, capsys):
    """The answer is in the journal, and nothing more is sent."""
    (folder / "out").mkdir()
    (folder / "out" / "2024").write_text("a file")
    argv = ["transcribe", "calls/2024/b.wav", "calls", "--output-dir", "out", "--concurrency", "1"]
    assert run(argv) == 1
    err = capsys.readouterr().err
    assert "its answer is in the journal: make space and run it again" in err
    (Path("out") / "2024").unlink()
    assert run(argv) == 0
    assert relay.request_count == 4


def test_only_the_piece_that_failed_is_asked_for_again(relay, scripted_engine, folder, jfk, capsys):
    """The next run takes the others from the journal, and the transcript is that of all pieces."""
    av = pytest.importorskip("av")
    (folder / "talk").mkdir()
    with av.open(str(folder / "talk" / "talk.wav"), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for _ in range(4):
            with av.open(str(jfk)) as heard:
                for frame in heard.decode(audio=0):
                    frame.pts = None
                    file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    wrong = ScriptedAnswer(400, '{"error": {"message": "no", "type": "invalid_request_error"}}')
    scripted_engine.script("one", "two", wrong, "again")
    command = ["transcribe", "talk", "--output-dir", "out", "--max-upload-bytes", "65536"]
    assert run(command) == 1
    failed = [request.sha256 for request in relay.requests if request.status == 400]
    pieces = relay.request_count
    assert pieces > 3
    assert not (folder / "out" / "talk.txt").exists()
    for _ in range(2):
        assert run(command) == 0
        assert [request.sha256 for request in list(relay.requests)[pieces:]] == failed
    assert "again" in (folder / "out" / "talk.txt").read_text()
    assert "1 transcribed (1 of them from the journal)" in capsys.readouterr().err
