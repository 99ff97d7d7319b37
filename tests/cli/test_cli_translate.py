"""``zhongzhuan-audio translate``."""

from __future__ import annotations

from zhongzhuan_audio.cli import run
from zhongzhuan_audio.relay import Fault

PATH = "/v1/audio/translations"


def test_a_translation_goes_to_stdout(relay, folder, capsysbinary):
    """Asked for on its own path, in the form that subtitles are rendered from."""
    assert run(["translate", "a.mp3", "--format", "srt", "--prompt", "Dear all", "--temperature", "0"]) == 0
    out, err = capsysbinary.readouterr()
    assert out.startswith(b"1\n00:00:00,000 --> ")
    assert err == b""
    assert relay.requests[0].path == PATH
    assert relay.requests[0].fields["prompt"] == ("Dear all",)
    assert "language" not in relay.requests[0].fields


def test_several_translations_get_a_file_each(relay, folder, transcripts, capsys):
    """And the sum says what was done."""
    assert run(["translate", "a.mp3", "b.mp3", "--output-dir", "en"]) == 0
    assert list(transcripts(folder / "en")) == ["a.txt", "b.txt"]
    assert "2 translated, 0 failed" in capsys.readouterr().err
    assert {request.path for request in relay.requests} == {PATH}


def test_it_takes_no_language(relay, folder, capsys):
    """A translation is into English, from whatever is spoken."""
    assert run(["translate", "a.mp3", "--language", "zh"]) == 2
    assert "--language" in capsys.readouterr().err
    assert run(["translate", "a.mp3", "--temperature", "2"]) == 2
    assert not relay.requests


def test_a_relay_that_only_transcribes(relay, folder, capsys):
    """It is told what the relay lacks."""
    relay.faults.script(Fault.refusal(501))
    assert run(["translate", "a.mp3"]) == 1
    assert "does not translate" in capsys.readouterr().err
