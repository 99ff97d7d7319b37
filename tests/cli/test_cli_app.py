"""The command as a whole: what it says of itself, and its exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from zhongzhuan_audio._version import __version__
from zhongzhuan_audio.cli import run


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_it_helps(argv, capsys):
    """Without arguments it says what it can do, as it does when asked."""
    assert run(argv) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Usage: zhongzhuan-audio COMMAND\n")
    assert all(
        word in out
        for word in (
            "transcribe",
            "translate",
            "speak",
            "models",
            "balance",
            "doctor",
            "serve",
            "--version",
            "--install-completion",
            "ZHONGZHUAN_API_KEY",
        )
    )
    assert err == ""


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (
            "transcribe",
            """--format --output-dir --files-from --null --prompt --model --temperature --concurrency
            --no-resume --journal --max-audio-minutes --max-requests --max-cost --price-per-minute --unknown-minutes
            --prepare --max-upload-bytes --max-duration --context --skip-silence --allow-gaps --drop-suspicious
            --refill --channels --max-chars --max-lines
            --dry-run --json --local --language --script --base-url --api-key-file --allow-http --verbose""",
        ),
        (
            "translate",
            """--format --output-dir --files-from --null --prompt --model --temperature --concurrency
            --no-resume --journal --max-audio-minutes --max-requests --max-cost --price-per-minute --unknown-minutes
            --prepare --max-upload-bytes --max-duration --context --skip-silence --allow-gaps --drop-suspicious
            --refill --channels --max-chars --max-lines
            --dry-run --json --local --base-url --api-key-file --allow-http --verbose""",
        ),
        (
            "speak",
            """--output --file --model --voice --speed --instructions --format --local --base-url --api-key-file
            --allow-http --verbose""",
        ),
        ("models", "--json --local --base-url --api-key-file --allow-http --verbose"),
        ("doctor", "--paid --json --base-url --api-key-file --allow-http --verbose"),
        ("balance", "--json --local --base-url --api-key-file --allow-http --verbose"),
        ("serve", "--host --port --api-key --model-dir --faults"),
    ],
)
def test_each_option_has_one_line(command, options, capsys, monkeypatch):
    """The help of a command explains each option on a line of its own, on a console of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    assert run([command, "--help"]) == 0
    out = capsys.readouterr().out
    lines = [line.strip("│* ") for line in out[out.index("Parameters") :].splitlines()[1:-1]]
    assert [line.split()[0] for line in lines] == options.split()
    assert "no-" not in out.replace("--no-resume", "")


def test_transcribe_says_why_there_is_no_api_key_option(capsys):
    """The help says that a key on a command line is seen by others."""
    assert run(["transcribe", "--help"]) == 0
    assert "There is no --api-key: other users would see it" in capsys.readouterr().out


def test_it_tells_its_version(capsys):
    """The version is the package's."""
    assert run(["--version"]) == 0
    assert capsys.readouterr() == (f"zhongzhuan-audio {__version__}\n", "")


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["nope"], 'Unknown command "nope"'),
        (["transcribe"], "no recordings were named"),
        (["transcribe", "a.mp3", "--nope"], "Unknown option: --nope"),
        (["transcribe", "--api-key", "sk-1", "a.mp3"], "Unknown option: --api-key"),
        (["transcribe", "a.mp3", "--no-local"], "Unknown option: --no-local"),
        (["transcribe", "a.mp3", "--format", "xml"], "no format 'xml'"),
        (["transcribe", "a.mp3", "--concurrency", "0"], 'Invalid value "0" for --concurrency'),
        (["transcribe", "a.mp3", "--temperature", "warm"], "Invalid value for --temperature"),
        (["speak", "Hello"], "--output"),
        (["speak", "Hello", "-o", "a.mp3", "--format", "m4a"], 'Invalid value "m4a" for --format'),
        (["models", "here"], "Unused Tokens"),
        (["serve", "--port", "65536"], 'Invalid value "65536" for --port'),
        (["serve", "here"], "Unused Tokens"),
    ],
)
def test_wrong_usage_is_told(argv, complaint, capsys, folder):
    """What the command does not know ends it with 2, says so on stderr, and prints nothing."""
    assert run(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in err


def test_an_interruption_before_the_work_is_told(capsys, monkeypatch, relay):
    """Ctrl-C while stdin is read ends the command with 130."""

    class Stdin:
        @property
        def buffer(self):
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Stdin())
    assert run(["transcribe", "-"]) == 130
    assert capsys.readouterr() == ("", "zhongzhuan-audio: interrupted\n")
    assert relay.request_count == 0


def test_streams_that_are_no_text_files_are_left_alone(monkeypatch):
    """A stream that was put in the place of stderr by a notebook, say, is written to as it is."""

    class Stream:
        written = ""

        def write(self, text):
            self.written += text

        def flush(self):
            """Do nothing."""

    stream = Stream()
    monkeypatch.setattr(sys, "stderr", stream)
    assert run(["transcribe", "a.mp3", "--language", "chinese"]) == 2
    assert stream.written == "zhongzhuan-audio: language 'chinese' is not an ISO 639-1 code — use 'zh'\n"


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["--version"],
        ["transcribe", "--help"],
        ["speak", "--help"],
        ["doctor", "--help"],
        ["serve", "--help"],
    ],
)
def test_help_is_quick(argv):
    """What only says something loads neither the client nor the relay, nor what they stand on."""
    script = (
        "import sys\nfrom zhongzhuan_audio.cli import run\n"
        f"assert run({argv!r}) == 0\n"
        "print(*sorted(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "zhongzhuan_audio.cli.app" in loaded
    heavy = {"aiohttp", "faster_whisper", "numpy", "av", "zhongzhuan_audio.client", "zhongzhuan_audio.relay"}
    assert loaded & heavy == set()


def test_the_shell_learns_to_complete(command, tmp_path):
    """The completion is written where the shell looks for it, and knows the options."""
    done = command("--install-completion", "--shell", "bash", env={"HOME": str(tmp_path), "SHELL": "/bin/bash"})
    assert done.returncode == 0, done.stderr
    (script,) = (path for path in Path(tmp_path).rglob("zhongzhuan-audio*") if path.is_file())
    assert "--output-dir" in script.read_text()
