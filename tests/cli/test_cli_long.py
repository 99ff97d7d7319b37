"""Recordings that a relay would not take as they are, on the command line."""

from __future__ import annotations

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
    (place / "film.mov").write_bytes(b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(200))
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
