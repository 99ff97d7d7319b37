"""``transcribe``, called in this process."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import attrs
import pytest

from zhongzhuan_audio.cli import run
from zhongzhuan_audio.errors import ModelUnavailableError
from zhongzhuan_audio.models import Segment
from zhongzhuan_audio.relay import Recognition, ScriptedAnswer

SRT = "1\n00:00:00,000 --> 00:00:01,000\n你好\n\n"
VTT = "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n你好\n\n"
PLAIN = ScriptedAnswer(200, '{"text": "没有时间"}')


def asked(relay, field):
    """Return what each request said of a field, in order."""
    return [request.fields.get(field, (None,))[0] for request in relay.requests]


@pytest.mark.parametrize(
    ("form", "wire", "output"), [("text", "json", "你好\n"), ("srt", "verbose_json", SRT), ("vtt", "verbose_json", VTT)]
)
def test_the_transcript_goes_to_stdout(relay, folder, capsysbinary, form, wire, output):
    """One recording's transcript is printed, and nothing else is, anywhere."""
    assert run(["transcribe", "a.mp3", "--format", form]) == 0
    assert capsysbinary.readouterr() == (output.encode(), b"")
    assert asked(relay, "response_format") == [wire]


def test_json_is_printed(relay, folder, capsysbinary):
    """``json`` has the text; ``verbose_json`` has the times too."""
    assert run(["transcribe", "a.mp3", "--format", "json"]) == 0
    assert json.loads(capsysbinary.readouterr().out)["text"] == "你好"
    assert run(["transcribe", "a.mp3", "--format", "verbose_json"]) == 0
    whole = json.loads(capsysbinary.readouterr().out)
    assert (whole["text"], whole["duration"], whole["segments"][0]["end"]) == ("你好", 1.0, 1.0)
    assert asked(relay, "response_format") == ["json", "verbose_json"]


def test_the_options_go_out(relay, folder, capsys):
    """What is said on the command line is what the relay is asked."""
    options = ["--language", "ZH", "--prompt", "会议", "--temperature", "0.5", "--model", "whisper-1"]
    assert run(["transcribe", *options, "a.mp3"]) == 0
    fields = relay.requests[0].fields
    assert {name: fields[name] for name in ("language", "prompt", "temperature", "model")} == {
        "language": ("zh",),
        "prompt": ("会议",),
        "temperature": ("0.5",),
        "model": ("whisper-1",),
    }


@pytest.mark.parametrize("model", ["gpt-4o-transcribe", "relay/GPT-4o-mini-transcribe"])
def test_a_model_without_times_is_asked_for_json(relay, scripted_engine, folder, capsysbinary, model):
    """It would refuse ``verbose_json``; its text is printed, and the missing subtitles are a failure."""
    scripted_engine.script(PLAIN)
    assert run(["transcribe", "a.mp3", "--format", "srt", "--model", model]) == 1
    out, err = capsysbinary.readouterr()
    assert out.decode() == "没有时间\n"
    assert err.startswith(b"a.mp3: the answer has no times")
    assert asked(relay, "response_format") == ["json"]


def test_verbose_json_is_asked_of_any_model_that_may_give_it(relay, folder, capsys):
    """Who names the format gets it asked for, unless the model is known not to give it: that costs no request."""
    assert run(["transcribe", "a.mp3", "--format", "verbose_json", "--model", "gpt-4o-transcribe"]) == 2
    assert "only with json — whisper-1 would\n" in capsys.readouterr().err
    assert not relay.requests
    assert run(["transcribe", "a.mp3", "--format", "verbose_json", "--model", "gpt-4o-transcribe-x"]) == 1
    assert asked(relay, "response_format") == ["verbose_json"]


@pytest.mark.parametrize(
    ("form", "suffix"), [("text", "txt"), ("verbose_json", "json"), ("srt", "srt"), ("vtt", "vtt")]
)
def test_several_recordings_get_a_file_each(relay, folder, transcripts, capsys, form, suffix):
    """With a folder, which is made, each transcript has a file there, and stdout has nothing."""
    assert run(["transcribe", "a.mp3", "b.mp3", "--output-dir", "x/y", "--format", form]) == 0
    assert list(transcripts(folder / "x" / "y")) == [f"a.{suffix}", f"b.{suffix}"]
    out, err = capsys.readouterr()
    assert out == ""
    lines = [f"a.mp3 -> x/y/a.{suffix}", f"b.mp3 -> x/y/b.{suffix}"]
    assert sorted(err.splitlines()[:2]) == lines
    assert err.splitlines()[2:] == ["2 transcribed, 0 failed"]


def test_a_recording_named_twice_is_sent_once_and_told(relay, folder, capsysbinary):
    """It is paid for once; that one of the names was dropped is no secret, and no error."""
    assert run(["transcribe", "a.mp3", "./a.mp3"]) == 0
    assert capsysbinary.readouterr() == ("你好\n".encode(), b"a.mp3 was named twice: sent once\n")
    assert len(relay.requests) == 1


def test_transcripts_do_not_overwrite_one_another(relay, scripted_engine, folder, transcripts, capsys):
    """Recordings of one stem or one name have a transcript each."""
    size = (folder / "a.mp3").stat().st_size
    (folder / "x").mkdir()
    (folder / "a.wav").write_bytes((folder / "a.mp3").read_bytes() + b"1")
    (folder / "x" / "a.mp3").write_bytes((folder / "a.mp3").read_bytes() + b"22")
    scripted_engine.script("one", "two", "three")
    argv = ["transcribe", "a.mp3", "a.wav", "x/a.mp3", "--output-dir", "out", "--concurrency", "1"]
    assert run(argv) == 0
    # They are told apart by their sizes, and sent as they are ready.
    names = [("a.mp3.txt", "a.wav.txt", "a.mp3-2.txt")[request.size_bytes - size] for request in relay.requests]
    assert transcripts(folder / "out") == dict(zip(names, ["one\n", "two\n", "three\n"], strict=True))


def test_an_answer_without_times_is_kept_as_txt(relay, scripted_engine, folder, transcripts, capsys):
    """The other recording's subtitles are there; the exit code tells that one lacks them."""
    scripted_engine.script(PLAIN, "你好")
    argv = ["transcribe", "a.mp3", "b.mp3", "--format", "srt", "--output-dir", "out", "--concurrency", "1"]
    assert run(argv) == 1
    first, other = (Path(request.filename).stem for request in relay.requests)
    assert transcripts(folder / "out") == {f"{first}.txt": "没有时间\n", f"{other}.srt": SRT}
    assert f"kept in out/{first}.txt" in capsys.readouterr().err


def test_a_failed_recording_is_named_and_the_rest_goes_on(relay, scripted_engine, folder, transcripts, capsys):
    """Each failure is told with the relay's words, its request id, and what to do; what can be had is had."""
    (folder / "text.mp3").write_text("<html><body>Not found</body></html>")
    scripted_engine.script(ModelUnavailableError("无可用渠道", status=503, code="model_not_found"), "你好")
    argv = ["transcribe", "missing.mp3", "text.mp3", "a.mp3", "b.mp3", "--output-dir", "out", "--concurrency", "1"]
    assert run(argv) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("no such file: missing.mp3")
    assert lines[1].startswith("text.mp3 is ")
    first, other = (Path(request.filename).stem for request in relay.requests)
    assert lines[2].startswith(f"{first}.mp3: 无可用渠道 (status 503")
    assert f"request id {relay.requests[0].request_id}" in lines[2]
    assert lines[3:5] == [f"{other}.mp3 -> out/{other}.txt", "1 transcribed, 3 failed"]
    assert list(transcripts(folder / "out")) == [f"{other}.txt"]


def test_a_failed_recording_prints_nothing(relay, folder, capsys):
    """Stdout stays empty where there is no transcript."""
    assert run(["transcribe", "missing.mp3"]) == 1
    assert capsys.readouterr() == ("", "no such file: missing.mp3 — check the path\n")


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        ("a.mp3 --language chinese", "language 'chinese' is not an ISO 639-1 code — use 'zh'"),
        ("a.mp3 --temperature 1.5", "temperature 1.5 is not between 0 and 1"),
        ("a.mp3 --model=", "model is empty — name one that the relay knows, such as whisper-1 or tts-1"),
        ("a.mp3 --base-url ftp://x", "neither https:// nor http://"),
        ("a.mp3 --base-url http://relay.example", "is plain http"),
        ("a.mp3 --api-key-file missing.key", "cannot read the key file missing.key: No such file or directory"),
        ("a.mp3 --local --base-url https://x", "--local asks no relay — leave out --base-url and --api-key-file"),
        ("a.mp3 --local --api-key-file x", "--local asks no relay — leave out --base-url and --api-key-file"),
        ("a.mp3 b.mp3", "several recordings do not go to stdout — name a folder with --output-dir"),
        ("a.mp3 --output-dir b.mp3", "cannot write into b.mp3: it is not a folder — name another folder"),
    ],
)
def test_wrong_settings_are_one_line(relay, folder, capsys, argv, complaint):
    """What cannot work ends with 2 and one plain line, and nothing is sent."""
    assert run(["transcribe", *argv.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("zhongzhuan-audio: ")
    assert complaint in err
    assert err.count("\n") == 1
    assert relay.request_count == 0


def test_a_missing_key_is_told(folder, capsys):
    """Without a key the command says which variable to set."""
    assert run(["transcribe", "a.mp3"]) == 2
    assert "no API key — set ZHONGZHUAN_API_KEY" in capsys.readouterr().err


def test_the_key_comes_from_a_file(relay, folder, monkeypatch, capsys):
    """``--api-key-file`` wins over the variable; the variable's own file is checked before anything is sent."""
    (folder / "key").write_text(f"{relay.api_key}\n")
    monkeypatch.setenv("ZHONGZHUAN_API_KEY", "sk-wrong")
    assert run(["transcribe", "a.mp3", "--api-key-file", "key"]) == 0
    monkeypatch.setenv("ZHONGZHUAN_API_KEY_FILE", "empty")
    (folder / "empty").touch()
    assert run(["transcribe", "a.mp3"]) == 2
    assert "the key in empty is empty" in capsys.readouterr().err
    assert relay.request_count == 1


def test_a_wrong_key_fails_without_being_shown(relay, folder, monkeypatch, capsys):
    """The relay's refusal is a failure of the recording; the key is not in it."""
    monkeypatch.setenv("ZHONGZHUAN_API_KEY", "sk-wrong-key-9876543210")
    assert run(["transcribe", "a.mp3", "--verbose"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "a.mp3: " in err
    assert "status 401" in err
    assert "9876543210" not in err


def test_plain_http_is_allowed_when_asked(folder, monkeypatch, capsys):
    """``--allow-http`` lets the request go out; that nobody answers is another matter."""
    monkeypatch.setenv("ZHONGZHUAN_API_KEY", "sk-1")
    assert run(["transcribe", "a.mp3", "--base-url", "http://relay.invalid", "--allow-http"]) == 1
    assert "a.mp3: " in capsys.readouterr().err


def test_stdin_is_a_recording(relay, folder, monkeypatch, capsysbinary):
    """``-`` reads stdin, which goes out whole, under a name with the extension that its bytes tell."""
    sound = (folder / "a.mp3").read_bytes() * 400
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(sound)))
    assert run(["transcribe", "-"]) == 0
    assert capsysbinary.readouterr() == ("你好\n".encode(), b"")
    (request,) = relay.requests
    assert (request.filename, request.size_bytes) == ("stdin.mp3", len(sound))


def test_stdin_has_a_file_in_the_folder(relay, folder, transcripts, monkeypatch, capsys):
    """Among others, stdin's transcript is ``stdin.txt``."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((folder / "b.mp3").read_bytes())))
    assert run(["transcribe", "a.mp3", "-", "--output-dir", "out"]) == 0
    assert list(transcripts(folder / "out")) == ["a.txt", "stdin.txt"]
    assert "stdin -> out/stdin.txt" in capsys.readouterr().err


def test_a_stdin_without_an_end_is_one_failure(relay, folder, transcripts, monkeypatch, capsys):
    """It does not fill the disk, and the other recordings are transcribed all the same."""
    monkeypatch.setattr("zhongzhuan_audio.upload.spool.MAX_SPOOLED_BYTES", 2**23)
    with Path("/dev/zero").open() as zeros:
        monkeypatch.setattr(sys, "stdin", zeros)
        assert run(["transcribe", "-", "a.mp3", "--output-dir", "out"]) == 1
    assert "stdin goes on past 0.0078125 GiB, as if it had no end" in capsys.readouterr().err
    assert list(transcripts(folder / "out")) == ["a.txt"]
    assert len(relay.requests) == 1


def test_an_unreadable_stdin_is_one_failure(relay, folder, transcripts, monkeypatch, capsys):
    """Where stdin cannot be read, the other recordings are transcribed all the same."""

    class Broken(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, _):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Broken())))
    assert run(["transcribe", "-", "a.mp3", "--output-dir", "out"]) == 1
    assert "cannot read stdin: Input/output error" in capsys.readouterr().err
    assert list(transcripts(folder / "out")) == ["a.txt"]


@pytest.mark.parametrize(
    ("stream", "name", "hint"), [("stdin", "-", "name a file"), ("stdout", "a.mp3", "--output-dir")]
)
def test_a_closed_stream_is_seen_before_anything_is_sent(relay, folder, monkeypatch, capsys, stream, name, hint):
    """A program that was started without a stdin or a stdout says so, and what to do."""
    monkeypatch.setattr(sys, stream, None)
    assert run(["transcribe", name]) == 2
    err = capsys.readouterr().err
    assert f"{stream} is closed" in err
    assert hint in err
    assert relay.request_count == 0


def test_a_file_named_like_an_option_can_be_sent(relay, folder, capsys):
    """A name with a hyphen in front is taken, with a path or after ``--``; so is what a pattern of the shell gave."""
    (folder / "-x.mp3").write_bytes((folder / "a.mp3").read_bytes())
    for argv in (["./-x.mp3"], ["--", "-x.mp3"], ["-x.mp3"]):
        assert run(["transcribe", *argv]) == 0
    assert [request.filename for request in relay.requests] == ["-x.mp3"] * 3


def test_verbose_tells_what_is_done(relay, folder, capsys):
    """The log names the address and the outcome; never the key."""
    assert run(["transcribe", "a.mp3", "--verbose"]) == 0
    out, err = capsys.readouterr()
    assert out == "你好\n"
    assert f"Attempt(endpoint={relay.base_url!r}, status=200" in err
    assert relay.api_key not in err


@pytest.mark.real_model
def test_local_transcribes_here(jfk, capsys):
    """``--local`` needs no key and no relay."""
    assert run(["transcribe", str(jfk), "--local", "--language", "en"]) == 0
    out, err = capsys.readouterr()
    assert "ask not what your country can do for you" in out
    assert err == ""


@pytest.mark.real_model
def test_local_takes_what_relays_refuse(jfk, tmp_path, capsys):
    """``--local`` hears every kind of recording that can be decoded here, and still tells what is none."""
    av = pytest.importorskip("av")
    with av.open(str(jfk)) as heard, av.open(str(tmp_path / "jfk.aac"), "w", format="adts") as out:
        stream = out.add_stream("aac", rate=16_000, layout="mono")
        for frame in heard.decode(audio=0):
            frame.pts = None
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    assert run(["transcribe", str(tmp_path / "jfk.aac"), "--local", "--language", "en"]) == 0
    assert "ask not what your country can do for you" in capsys.readouterr().out
    (tmp_path / "noise.aac").write_bytes(bytes(range(256)) * 40)
    assert run(["transcribe", str(tmp_path / "noise.aac"), "--local"]) == 1
    assert "Invalid file format" in capsys.readouterr().err


PHANTOM = Segment(id=1, start=2.4, end=3.1, text="Thanks for watching!")
SPOKEN = Segment(id=0, start=0.0, end=2.3, text="And so, my fellow Americans,")
LATER = Segment(id=2, start=3.2, end=10.6, text="ask not what your country can do for you")


def heard(*segments):
    """What an engine heard."""
    return Recognition(duration=11.0, segments=segments)


def test_what_looks_invented_is_told(relay, scripted_engine, folder, jfk, capsys):
    """In a line on stderr, and in the report; nothing is dropped unasked."""
    scripted_engine.script(heard(SPOKEN, PHANTOM))
    (folder / "jfk.mp3").write_bytes(jfk.read_bytes())
    assert run(["transcribe", "jfk.mp3", "--format", "srt"]) == 0
    out, err = capsys.readouterr()
    assert PHANTOM.text in out
    assert err == "jfk.mp3: 1 segment looks invented\n"
    assert run(["transcribe", "jfk.mp3", "a.mp3", "--format", "srt", "--output-dir", "out"]) == 0
    assert "\njfk.mp3: 1 segment looks invented\n" in f"\n{capsys.readouterr().err}"
    row, _ = json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))
    assert (row["suspicious"], row["dropped"], row["coverage"], row["gaps"]) == (1, 0, None, 0)
    assert "suspicious,dropped,coverage,gaps" in (folder / "out" / "report.csv").read_text(encoding="utf-8-sig")


def test_it_is_dropped_and_what_lacks_is_asked_for(relay, scripted_engine, folder, jfk, capsys):
    """Where that is wanted; the relay is asked for times, though only the text is printed."""
    pytest.importorskip("av")
    again = attrs.evolve(LATER, start=0.2, end=7.6)
    scripted_engine.script(heard(SPOKEN, PHANTOM), heard(again))
    (folder / "jfk.mp3").write_bytes(jfk.read_bytes())
    assert run(["transcribe", "jfk.mp3", "--drop-suspicious"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{SPOKEN.text}\n"
    assert re.fullmatch(r"jfk\.mp3: 1 segment looks invented, 1 dropped; [0-9.]+% of the speech has text, 1 gap\n", err)
    scripted_engine.script(heard(SPOKEN, PHANTOM), heard(again))
    assert run(["transcribe", "jfk.mp3", "--drop-suspicious", "--refill"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{SPOKEN.text} {LATER.text}\n"
    assert err == "jfk.mp3: 1 segment looks invented, 1 dropped; 1 stretch refilled\n"
    assert asked(relay, "response_format") == ["verbose_json"] * 3


def test_refill_of_a_model_without_times_is_refused(relay, folder, capsys):
    """Before anything is sent, in the command's words."""
    for name in ("--refill", "--drop-suspicious"):
        assert run(["transcribe", "a.mp3", name, "--model", "gpt-4o-transcribe"]) == 2
        assert capsys.readouterr().err == (
            f"zhongzhuan-audio: {name} needs the times of segments — "
            "ask a model that gives them, such as --model whisper-1\n"
        )
    assert relay.request_count == 0


def test_chinese_comes_in_the_script_that_is_wanted(relay, scripted_engine, folder, capsysbinary):
    """A journal's answer serves for either."""
    scripted_engine.script("头發")
    usual = ["transcribe", "a.mp3", "--journal", "run.sqlite"]
    for script, text in (("traditional", "頭髮"), ("simplified", "头发")):
        assert run([*usual, "--script", script]) == 0
        assert capsysbinary.readouterr().out.decode() == f"{text}\n"
    assert relay.request_count == 1
    assert run([*usual, "--script", "hant"]) == 2
    assert relay.request_count == 1
