"""``speak``."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from aiohttp import web

from zhongzhuan_audio.cli import run

SOUNDS = {
    "mp3": b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(2000),
    "opus": b"OggS\x00\x02" + bytes(2000),
    "flac": b"fLaC\x00\x00\x00\x22" + bytes(2000),
    "wav": b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(2000),
    "pcm": b"\x01\x02" * 1000,
}


@attrs.define
class Speaker:
    """A relay that speaks, and remembers what it was asked."""

    asked: list[dict[str, object]] = attrs.field(factory=list)
    answers: list[web.Response] = attrs.field(factory=list)
    """Come first, in place of sound."""
    breaks_off: bool = False
    came: threading.Event = attrs.field(factory=threading.Event)
    waits: bool = False
    meanwhile: Callable[[], object] | None = None
    """Done before the answer."""

    async def speak(self, request):
        """Answer a request."""
        self.asked.append(await request.json())
        self.came.set()
        if self.meanwhile is not None:
            self.meanwhile()
        if self.answers:
            return self.answers.pop(0)
        response = web.StreamResponse()
        await response.prepare(request)
        sound = SOUNDS[self.asked[-1]["response_format"]]
        await response.write(sound[:1000])
        if self.waits:
            await asyncio.sleep(30)
        if self.breaks_off:
            request.transport.close()
            return response
        await response.write(sound[1000:])
        return response


@pytest.fixture
def speaker(serve_app):
    """A relay that speaks; the variables point at it."""
    speaker = Speaker()
    app = web.Application()
    app.router.add_post("/v1/audio/speech", speaker.speak)
    serve_app(app)
    return speaker


def left_in(folder):
    """Return what is in the folder beside its recordings."""
    return sorted(path.name for path in folder.iterdir() if path.name not in {"a.mp3", "b.mp3"})


def test_a_text_becomes_a_file(speaker, folder, capsys):
    """All of it is written, and how much is said on stderr."""
    assert run(["speak", "你好", "-o", "hello.mp3"]) == 0
    assert capsys.readouterr() == ("", "wrote 2010 bytes of mp3 to hello.mp3\n")
    assert (folder / "hello.mp3").read_bytes() == SOUNDS["mp3"]
    assert speaker.asked == [{"model": "tts-1", "input": "你好", "voice": "alloy", "response_format": "mp3"}]


def test_the_options_go_out(speaker, folder, capsys):
    """What is said on the command line is what the relay is asked."""
    options = [
        "--model",
        "gpt-4o-mini-tts",
        "--voice",
        "coral",
        "--speed",
        "1.5",
        "--instructions",
        "softly",
        "--format",
        "flac",
    ]
    assert run(["speak", "Hello", "--output", "hello.bin", *options]) == 0
    assert speaker.asked == [
        {
            "model": "gpt-4o-mini-tts",
            "input": "Hello",
            "voice": "coral",
            "speed": 1.5,
            "instructions": "softly",
            "response_format": "flac",
        }
    ]


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.wav", "wav"), ("a.WAV", "wav"), ("a.opus", "opus"), ("a.ogg", "opus"), ("a.pcm", "pcm"), ("a.xyz", "mp3")],
)
def test_the_suffix_tells_the_format(speaker, folder, capsys, name, form):
    """What the name does not tell is mp3."""
    assert run(["speak", "Hello", "-o", name]) == 0
    assert speaker.asked[0]["response_format"] == form
    assert capsys.readouterr().err == f"wrote {len(SOUNDS[form])} bytes of {form} to {name}\n"


def test_sound_goes_to_stdout(speaker, folder, command):
    """``-o -`` writes the sound there and nothing else."""
    done = command("speak", "Hello", "-o", "-", "--format", "wav")
    assert (done.returncode, done.stdout) == (0, SOUNDS["wav"])
    assert done.stderr == b"wrote 2016 bytes of wav to stdout\n"


def test_the_text_comes_from_a_file(speaker, folder, capsys):
    """In UTF-8, with or without a mark."""
    (folder / "text.txt").write_bytes(b"\xef\xbb\xbf" + "会议".encode())
    assert run(["speak", "-f", "text.txt", "-o", "a.mp3"]) == 0
    assert speaker.asked[0]["input"] == "会议"


def test_the_text_comes_from_stdin(speaker, folder, command):
    """``-f -`` reads it to its end."""
    done = command("speak", "-f", "-", "-o", "out.mp3", input="会议".encode())
    assert done.returncode == 0, done.stderr
    assert speaker.asked[0]["input"] == "会议"


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["-o", "x.mp3"], "give either a text or --file"),
        (["Hello", "-f", "a.txt", "-o", "x.mp3"], "give either a text or --file"),
        (["-f", "missing.txt", "-o", "x.mp3"], "cannot read missing.txt: No such file or directory"),
        (["-f", "gbk.txt", "-o", "x.mp3"], "gbk.txt is not UTF-8 text — save it as UTF-8"),
        (
            ["字" * 4097, "-o", "x.mp3"],
            "the text has 4097 characters, and 4096 can be spoken at once — cut it at the end",
        ),
        ([" ", "-o", "x.mp3"], "the text is empty"),
        (["Hello", "-o", "missing/x.mp3"], "missing: No such file or directory — name another file with --output"),
        (["Hello", "-o", "."], ". is no file"),
        (["Hello", "-o", "/dev/null"], "/dev/null is no file"),
        (["Hello", "-o", "x.mp3", "--speed", "9"], "speed 9.0 is not between 0.25 and 4"),
        (
            ["Hello", "-o", "x.mp3", "--instructions", "softly"],
            "tts-1 does not take instructions — gpt-4o-mini-tts would\n",
        ),
    ],
)
def test_wrong_settings_are_one_line(speaker, folder, capsys, argv, complaint):
    """What cannot work ends with 2 and one plain line, and nothing is sent."""
    (folder / "gbk.txt").write_bytes("会议".encode("gbk"))
    assert run(["speak", *argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in err
    assert err.count("\n") == 1
    assert speaker.asked == []
    assert left_in(folder) == ["gbk.txt"]


@pytest.mark.parametrize(("stream", "argv"), [("stdin", ["-f", "-", "-o", "x.mp3"]), ("stdout", ["Hello", "-o", "-"])])
def test_a_closed_stream_is_seen(speaker, folder, monkeypatch, capsys, stream, argv):
    """A program that was started without a stdin or a stdout says so."""
    monkeypatch.setattr(sys, stream, None)
    assert run(["speak", *argv]) == 2
    assert f"{stream} is closed" in capsys.readouterr().err
    assert speaker.asked == []


def test_a_terminal_gets_no_sound(speaker, folder, monkeypatch, capsys):
    """It would show rubbish."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    assert run(["speak", "Hello", "-o", "-"]) == 2
    assert "stdout is a terminal" in capsys.readouterr().err


def test_what_breaks_off_leaves_no_file(speaker, folder, capsys):
    """OUT is whole or as it was, and the failure is one line."""
    (folder / "hello.mp3").write_bytes(b"old")
    speaker.breaks_off = True
    assert run(["speak", "Hello", "-o", "hello.mp3"]) == 1
    assert "broke off" in capsys.readouterr().err
    assert (folder / "hello.mp3").read_bytes() == b"old"
    assert left_in(folder) == ["hello.mp3"]


def test_another_format_is_told_with_the_option_to_use(speaker, folder, capsys):
    """The hint names ``--format``, and nothing of Python's."""
    speaker.answers = [web.Response(body=SOUNDS["wav"])]
    assert run(["speak", "Hello", "-o", "hello.mp3"]) == 1
    err = capsys.readouterr().err
    assert err.endswith(
        "asked for mp3, the relay gave wav (may have been billed) — ask for --format wav, which this relay gives\n"
    )
    assert left_in(folder) == []


def test_a_retry_that_may_have_been_billed_is_told(speaker, folder, capsys):
    """It worked, at the price of two perhaps."""
    speaker.answers = [web.Response()]
    assert run(["speak", "Hello", "-o", "hello.mp3"]) == 0
    assert capsys.readouterr().err.splitlines()[1:] == [
        "it took more than one attempt, and a failed one may have been billed"
    ]


def test_a_folder_that_vanishes_is_told(speaker, folder, capsys):
    """The sound had been paid for, and the line says that it may be so."""
    (folder / "out").mkdir()
    speaker.meanwhile = (folder / "out").rmdir
    assert run(["speak", "Hello", "-o", "out/hello.mp3"]) == 1
    assert capsys.readouterr().err == (
        "zhongzhuan-audio: cannot write out/hello.mp3: No such file or directory (may have been billed)\n"
    )


def test_a_relay_that_is_silent_is_no_fault_of_the_file(folder, capsys, monkeypatch, unused_tcp_port):
    """What ran out of time, or found nobody, is told as that."""
    monkeypatch.setenv("ZHONGZHUAN_API_KEY", "sk-1")
    assert run(["speak", "Hello", "-o", "x.mp3", "--base-url", f"http://127.0.0.1:{unused_tcp_port}"]) == 1
    assert "no connection to 127.0.0.1" in capsys.readouterr().err


def test_a_full_disk_is_told(speaker, folder, command):
    """The sound that stdout does not take is a failure."""
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = command("speak", "Hello", "-o", "-", stdout=full)
    assert done.returncode == 1
    assert done.stderr == b"cannot write to stdout: No space left on device\n"


def test_a_reader_that_goes_away_is_no_error_to_talk_about(speaker, folder, start):
    """The player was closed: 1, and not a word."""
    process = start("speak", "Hello", "-o", "-")
    process.stdout.close()
    process.stdin.close()
    assert process.stderr.read() == b""
    assert process.wait(30) == 1


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_it_comes_leaves_no_file(speaker, folder, start, number, code):
    """What had come is thrown away."""
    speaker.waits = True
    process = start("speak", "Hello", "-o", "hello.mp3")
    assert speaker.came.wait(30)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (code, b"zhongzhuan-audio: interrupted\n")
    assert left_in(folder) == []


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_stdin_is_read(speaker, folder, start, number, code):
    """A pipe that gives nothing does not hold the command."""
    process = start("speak", "-f", "-", "-o", "hello.mp3")
    process.stdin.write(bytes(1_000_000))  # more than a pipe holds: most of it is read when this returns
    process.stdin.flush()
    process.send_signal(number)
    assert process.wait(30) == code
    assert process.stderr.read() == b"zhongzhuan-audio: interrupted\n"
    assert speaker.asked == []


@pytest.mark.parametrize("argv", [["Hello", "-o", "--speed"], ["-f", "-x", "-o", "y.mp3"], ["Hello"]])
def test_what_is_no_name_is_wrong_usage(speaker, folder, capsys, argv):
    """An option in the place of a name is told, and OUT is needed."""
    assert run(["speak", *argv]) == 2
    assert capsys.readouterr().out == ""
    assert speaker.asked == []


def test_local_without_its_extra_names_it(folder):
    """Where the embedded relay's voice is not installed, the command says what to install, and ends with 2."""
    script = (
        "import sys\nsys.modules['piper'] = None\n"
        "from zhongzhuan_audio.cli import run\nsys.exit(run(['speak', 'Hello', '-o', 'x.mp3', '--local']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'zhongzhuan-audio[voice]'" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not Path("x.mp3").exists()
