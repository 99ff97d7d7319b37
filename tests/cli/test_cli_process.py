"""The command as a process: bytes, exit codes, signals, pipes."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from textwrap import dedent

import pytest

from zhongzhuan_audio.relay import Recognition

TEXT = "会议 🎙 “é”"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and terminals as POSIX has them")


@pytest.fixture
def held(relay, scripted_engine):
    """Return two events: a request has come; the relay may answer it."""
    came, go = threading.Event(), threading.Event()

    async def answer(_):
        came.set()
        await asyncio.to_thread(go.wait, 30)
        return Recognition(duration=1.0, text="late")

    scripted_engine.script(answer)
    yield came, go
    go.set()


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "gbk", "cp437", "utf-16"])
def test_stdout_is_utf8_on_every_console(relay, scripted_engine, folder, command, encoding):
    """Whatever the console's code page is, the transcript is UTF-8, and it is all that is printed."""
    scripted_engine.script(TEXT)
    done = command("transcribe", "a.mp3", env={"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{TEXT}\n".encode(), b"")


@pytest.mark.parametrize("encoding", ["ascii", "gbk"])
def test_no_name_breaks_a_console(relay, folder, command, encoding):
    """A name that the console cannot show is shown with escapes."""
    (folder / "é🎙.mp3").mkdir()
    done = command("transcribe", "é🎙.mp3", env={"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"\\U0001f399.mp3" in done.stderr
    assert b"no recordings in" in done.stderr


@pytest.mark.parametrize("argv", [["--help"], ["transcribe", "--help"], ["transcribe", "a.mp3", "--format", "文"]])
def test_help_and_usage_errors_break_no_console(command, argv):
    """Help and complaints about the usage fit a console that has nothing but ASCII."""
    done = command(*argv, env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == (2 if "文" in argv else 0)
    assert (done.stdout + done.stderr).isascii()
    assert b"Traceback" not in done.stderr


def test_exit_codes(relay, folder, command):
    """0 where all is well, 1 where something failed, 2 where the command or a setting is wrong."""
    assert command("transcribe", "a.mp3").returncode == 0
    assert command("transcribe", "a.mp3", "missing.mp3", "--output-dir", "out").returncode == 1
    assert command("transcribe", "a.mp3", "--language", "chinese").returncode == 2
    assert command("transcribe", "a.mp3", "--xyz").returncode == 2
    assert (folder / "out" / "a.txt").read_bytes() == "你好\n".encode()


def test_stdin_is_read_to_its_end(relay, folder, command):
    """What is piped in is a recording."""
    sound = (folder / "a.mp3").read_bytes() * 1000
    done = command("transcribe", "-", "--format", "srt", input=sound)
    assert done.returncode == 0
    assert done.stdout.decode() == "1\n00:00:00,000 --> 00:00:01,000\n你好\n\n"
    assert relay.requests[0].size_bytes == len(sound)


def test_an_empty_stdin_is_told(relay, command):
    """Nothing is no recording, and is not sent."""
    done = command("transcribe", "-")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"stdin is empty")
    assert relay.request_count == 0


def test_a_reader_that_goes_away_is_no_error_to_talk_about(relay, scripted_engine, folder, start):
    """When the reader of stdout has gone, the command ends with 1 and says nothing."""
    scripted_engine.script("word " * 100_000)
    process = start("transcribe", "a.mp3")
    process.stdout.close()
    process.stdin.close()
    assert process.stderr.read() == b""
    assert process.wait(30) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")  # noqa: PTH110
def test_a_full_disk_loses_no_words(relay, folder, command):
    """What stdout does not take is shown on stderr: it is paid for."""
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = command("transcribe", "a.mp3", stdout=full)
    assert done.returncode == 1
    assert done.stderr.decode() == "cannot write to stdout: No space left on device — the transcript follows\n你好\n"


def test_ctrl_c_ends_a_single_recording(relay, folder, start, held):
    """Ctrl-C while the relay thinks ends the command with 130 and a line that sums up, and nothing else."""
    came, _ = held
    process = start("transcribe", "a.mp3")
    assert came.wait(30)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert err == b"interrupted: 0 transcribed, 0 failed, 1 under way (the relay may bill them), 0 not sent\n"


AGAIN = "to go on: zhongzhuan-audio transcribe --output-dir out --concurrency 1 a.mp3 b.mp3\n"


def test_the_first_ctrl_c_lets_what_runs_come_to_its_end(relay, scripted_engine, folder, start, command, transcripts):
    """What is paid for is kept, nothing more is begun, and the same command goes on."""
    scripted_engine.delay_s = 3.0
    process = start("transcribe", "a.mp3", "b.mp3", "--output-dir", "out", "--concurrency", "1")
    while not relay.request_count:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    # Both are looked at while the first waits for its turn: the one that was ready first is sent.
    [text] = transcripts(folder / "out").items()
    assert text in [("a.txt", "你好\n"), ("b.txt", "你好\n")]
    sent = Path(text[0]).stem
    assert err.decode().splitlines(keepends=True) == [
        "waiting for 1 under way; Ctrl-C again breaks off\n",
        f"{sent}.mp3 -> out/{sent}.txt\n",
        "interrupted: 1 transcribed, 0 failed, 1 not sent\n",
        AGAIN,
    ]
    assert relay.request_count == 1
    dry = command("transcribe", "a.mp3", "b.mp3", "--output-dir", "out", "--dry-run")
    assert b"failed" not in dry.stdout


def test_the_second_ctrl_c_ends_it(relay, folder, start, held, transcripts):
    """At once, and it says what may be billed."""
    came, _ = held
    process = start("transcribe", "a.mp3", "b.mp3", "--output-dir", "out", "--concurrency", "1")
    assert came.wait(30)
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline().startswith(b"waiting for 1 under way")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    summary = "interrupted: 0 transcribed, 0 failed, 1 under way (the relay may bill them), 1 not sent\n"
    assert err.decode() == summary + AGAIN
    assert transcripts(folder / "out") == {}


@pytest.mark.parametrize("ctrl_c", [signal.default_int_handler, signal.SIG_IGN])
def test_sigterm_ends_it_at_once(relay, folder, start, held, transcripts, ctrl_c):
    """What stops it for good ends it in order, with 143, also in the background, where Ctrl-C is ignored."""
    came, _ = held
    signal.signal(signal.SIGINT, ctrl_c)
    process = start("transcribe", "a.mp3", "b.mp3", "--output-dir", "out", "--concurrency", "1")
    assert came.wait(30)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (143, b"")
    summary = "interrupted: 0 transcribed, 0 failed, 1 under way (the relay may bill them), 1 not sent\n"
    assert err.decode() == summary + AGAIN
    assert transcripts(folder / "out") == {}


@pytest.mark.parametrize("signals", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM,)])
def test_what_is_broken_off_is_told_to_programs(relay, folder, start, held, signals):
    """The report and the lines of JSON say what the relay may bill, and the last line is the sum."""
    came, _ = held
    process = start("transcribe", "a.mp3", "b.mp3", "--output-dir", "out", "--concurrency", "1", "--json")
    assert came.wait(30)
    for number in signals[:-1]:
        process.send_signal(number)
        assert process.stderr.readline().startswith(b"waiting for 1 under way")
    process.send_signal(signals[-1])
    out, err = process.communicate(timeout=30)
    *rows, summary = map(json.loads, out.splitlines())
    # The one that was ready first is sent; after the first Ctrl-C the other may come out before the second.
    told = [("broken off", "maybe", 1), ("not sent", "no", 0)]
    rows.sort(key=lambda row: row["status"])
    assert [(row["status"], row["billed"], row["maybe_billed"]) for row in rows] == told
    assert {row["source"] for row in rows} == {"a.mp3", "b.mp3"}
    sums = summary["summary"]
    assert (sums["total"], sums["broken_off"], sums["not_sent"], sums["maybe_billed"]) == (2, 1, 1, 1)
    report = json.loads((folder / "out" / "report.json").read_text())
    states = {row["source"]: (row["status"], row["billed"]) for row in rows}
    assert {row["source"]: (row["status"], row["billed"]) for row in report} == states
    assert b"1 under way (the relay may bill them), 1 not sent" in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_stdin_is_read(relay, start, number, code):
    """A terminal or a pipe that gives nothing does not hold the command."""
    process = start("transcribe", "-")
    process.stdin.write(bytes(1_000_000))  # more than a pipe holds: most of it is read when this returns
    process.stdin.flush()
    process.send_signal(number)
    assert process.wait(30) == code
    assert process.stderr.read() == b"zhongzhuan-audio: interrupted\n"
    assert relay.request_count == 0


@pytest.mark.parametrize("writes", [False, True])
def test_ctrl_c_while_a_named_pipe_is_silent(relay, start, tmp_path, *, writes):
    """Whether nobody has opened it or nothing comes, the command ends at the first Ctrl-C."""
    path = tmp_path / "pipe.mp3"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR) if writes else None
    process = start("transcribe", path)
    time.sleep(2)  # it says nothing when it has come so far
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    if writer is not None:
        os.close(writer)
    assert b"Traceback" not in process.stderr.read()


@pytest.mark.real_model
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_local_recognition_that_is_stopped_leaves_nothing(start, jfk, tmp_path, spooled, number, code):
    """No recording stays in the temporary folder, and nothing is said of bills."""
    temporary, wait = spooled
    long = tmp_path / "long.mp3"
    long.write_bytes(jfk.read_bytes() * 30)
    process = start("transcribe", long, "--local", env={"TMPDIR": str(temporary)})
    wait(1, long.stat().st_size)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, b"")
    assert err == b"interrupted: 0 transcribed, 0 failed, 1 under way, 0 not sent\n"
    assert list(temporary.iterdir()) == []


def test_ctrl_c_while_it_is_imported():
    """Ctrl-C before the command is there is one line too, even where Python's imports would swallow it."""
    script = """
        import os, signal, sys, weakref
        signal.signal(signal.SIGINT, signal.default_int_handler)

        class Finder:
            def find_spec(self, name, *_):
                if name == "zhongzhuan_audio.cli":
                    finder = Finder()
                    weakref.finalize(finder, os.kill, os.getpid(), signal.SIGINT)
                    del finder

        sys.meta_path.insert(0, Finder())
        from zhongzhuan_audio.__main__ import main
        sys.argv[1:] = ["--version"]
        sys.exit(main())
    """
    done = subprocess.run([sys.executable, "-c", dedent(script)], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"zhongzhuan-audio: interrupted\n")


ASCII_ONLY = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have names in UTF-8 only")
@pytest.mark.parametrize("env", [{}, {"PYTHONIOENCODING": "ascii"}, ASCII_ONLY])
def test_any_name_goes(relay, folder, command, env):
    """Names in any script, long ones, and such as are no text at all, are sent and kept wherever Python runs."""
    names = ["会议.mp3".encode(), "长".encode() * 80 + b".mp3", b"\xff\xfe.mp3", b"\xff" * 240 + b".mp3"]
    for name in names:
        Path(os.fsdecode(name)).write_bytes((folder / "a.mp3").read_bytes() + name)
    out = os.fsdecode("转写".encode() + b"\xff")
    done = command("transcribe", *map(os.fsdecode, names), os.fsdecode(b"missing\xff"), "--output-dir", out, env=env)
    assert b"Traceback" not in done.stderr
    assert b"\n4 transcribed, 1 failed" in done.stderr
    assert done.returncode == 1
    kept = {os.fsencode(path.name) for path in Path(out).iterdir() if path.suffix == ".txt"}
    assert {"会议.txt".encode(), b"\xff\xfe.txt", b"\xff" * 200 + b".txt"} < kept
    assert len(kept) == 4
    assert sorted(path.suffix for path in folder.iterdir() if path.is_file()) == [".mp3"] * 6


def test_verbose_never_shows_the_key(relay, folder, command, tmp_path):
    """The log tells of each request, and the key is nowhere in it: not where it is good, not where it is refused."""
    done = command("transcribe", "a.mp3", "--verbose")
    refused = command("transcribe", "a.mp3", "--verbose", env={"ZHONGZHUAN_API_KEY": f"{relay.api_key}x"})
    assert (done.returncode, refused.returncode) == (0, 1)
    assert b"AttemptEnded(path='/audio/transcriptions'" in done.stderr
    assert b"status 401" in refused.stderr
    assert relay.api_key.encode() not in done.stderr + refused.stderr + refused.stdout


def test_a_terminal_gets_a_bar_and_stdout_only_the_transcript(relay, folder, start):
    """The bar is drawn on the terminal that stderr is, and taken away again."""
    ours, theirs = pty.openpty()
    process = start("transcribe", "a.mp3", stderr=theirs, env={"TERM": "xterm"})
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # the end of a terminal
        pass
    os.close(ours)
    assert process.communicate()[0] == "你好\n".encode()
    assert process.returncode == 0
    assert b"a.mp3" in shown
    assert b"\x1b[2K" in shown.rpartition(b"a.mp3")[2]


def test_local_without_its_extra_names_it(folder):
    """Where the embedded relay's ears are not installed, the command says what to install, and ends with 2."""
    script = (
        "import sys\nsys.modules['faster_whisper'] = None\n"
        "from zhongzhuan_audio.cli import run\nsys.exit(run(['transcribe', 'a.mp3', '--local']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'zhongzhuan-audio[local]'" in done.stderr
    assert done.stderr.count("\n") == 1
