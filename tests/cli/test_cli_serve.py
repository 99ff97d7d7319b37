"""``serve``: a relay that prints its address, works, and ends when it is told to."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from contextlib import ExitStack

import pytest

from zhongzhuan_audio.cli import run
from zhongzhuan_audio.cli.serve import serve_until_stopped
from zhongzhuan_audio.client import AsyncClient
from zhongzhuan_audio.relay import LocalRelay, ScriptedEngine

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")

SOUND = b"ID3\x04\x00 not much of a sound" * 40


def address(text: str) -> str:
    """Return the base URL that was printed."""
    return re.search(r"ZHONGZHUAN_BASE_URL=(\S+)", text)[1]


async def loaded() -> None:
    """Have nothing to load."""


async def printed(capsys) -> str:
    """Return what is printed once there is something."""
    text = ""
    while "Ctrl-C" not in text:
        await asyncio.sleep(0.01)
        text += capsys.readouterr().out
    return text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_until_a_signal(capsys, number):
    """It says how to reach it, answers, and ends well on either signal, whose handlers are as before then."""
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    task = asyncio.create_task(
        serve_until_stopped(LocalRelay(ScriptedEngine("你好")), load=loaded, shown_key="sk-local")
    )
    text = await printed(capsys)
    assert text == (
        f"The relay listens at {address(text)}\n"
        "To point a client at it:\n"
        f"  export ZHONGZHUAN_BASE_URL={address(text)}\n"
        "  export ZHONGZHUAN_API_KEY=sk-local\n"
        "Ctrl-C stops it.\n"
    )
    async with AsyncClient(address(text), "sk-local") as client:
        assert (await client.transcribe(SOUND)).text == "你好"
    os.kill(os.getpid(), number)
    await task
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before


async def test_a_key_that_was_given_is_not_printed(capsys):
    """Who gave the key knows it; what is printed may end in a log."""
    relay = LocalRelay(ScriptedEngine(), api_key="sk-mine-0123456789")
    task = asyncio.create_task(serve_until_stopped(relay, load=loaded, shown_key=None))
    text = await printed(capsys)
    assert "ZHONGZHUAN_API_KEY=(the key that you gave)\n" in text
    assert "sk-mine" not in text
    os.kill(os.getpid(), signal.SIGTERM)
    await task


async def test_a_closed_stdout_does_not_stop_it(capsys, monkeypatch):
    """Where stdout cannot be written, the address is on stderr."""
    monkeypatch.setattr(sys, "stdout", None)
    relay = LocalRelay(ScriptedEngine())
    task = asyncio.create_task(serve_until_stopped(relay, load=loaded, shown_key=None))
    err = ""
    while not err:
        await asyncio.sleep(0.01)
        err += capsys.readouterr().err
    assert err == f"zhongzhuan-audio: the relay listens at {relay.base_url}\n"
    os.kill(os.getpid(), signal.SIGTERM)
    await task


async def test_a_signal_while_it_loads_counts(capsys):
    """Who stops it before it is ready gets no relay; nothing is printed."""

    async def load():
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.01)

    await serve_until_stopped(LocalRelay(ScriptedEngine()), load=load, shown_key=None)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["--model-dir", "missing"], "missing"),
        (["--api-key", "two words"], "--api-key holds a blank"),
        (["--port", "TAKEN"], "cannot listen on 127.0.0.1 port"),
    ],
)
@pytest.mark.real_model
def test_wrong_settings_are_one_line(capsys, folder, argv, complaint):
    """What cannot work ends with 2 and one plain line."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert run(["serve", *(port if word == "TAKEN" else word for word in argv)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("zhongzhuan-audio: ")
    assert complaint in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("explode:0.1", "faults: 'explode' is no fault"),
        ("html:evry=7", "faults: 'evry=7' says nothing to html"),
        ("429;seed=x", "faults: 'seed=x' needs a whole number"),
    ],
)
def test_wrong_faults_are_one_line(capsys, spec, complaint):
    """Faults that cannot be are told in one plain line, before anything is loaded."""
    assert run(["serve", "--faults", spec]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"zhongzhuan-audio: {complaint} — ") or err == f"zhongzhuan-audio: {complaint}\n"
    assert err.count("\n") == 1


def test_faults_are_in_the_help(capsys):
    """``--help`` says how faults are said."""
    assert run(["serve", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "--faults" in text
    assert "WHAT[=VALUE][:WHEN]" in text


@pytest.mark.parametrize(
    ("argv", "advice"), [([], "; give a key of your own with --api-key"), (["--api-key", "sk-1"], "")]
)
@pytest.mark.real_model
def test_other_machines_are_warned_of(capsys, argv, advice):
    """An address that others can reach is warned of; 192.0.2.1 is nobody's, so that nothing is served here."""
    assert run(["serve", "--host", "192.0.2.1", *argv]) == 2
    warning, complaint = capsys.readouterr().err.splitlines()
    assert warning == f"zhongzhuan-audio: 192.0.2.1 lets other machines in, over plain http{advice}"
    assert "cannot listen on 192.0.2.1" in complaint


@pytest.mark.real_model
def test_a_process_that_serves_badly(start, command, jfk):
    """What ``--faults`` asks for goes wrong: here the first answer is a web page, and the next one is refused."""
    server = start("serve", "--faults", "html:requests=1,401")
    lines = [server.stdout.readline().decode() for _ in range(5)]
    env = {"ZHONGZHUAN_BASE_URL": address("".join(lines)), "ZHONGZHUAN_API_KEY": "sk-local"}
    for complaint in ("web page", "无效的令牌"):
        done = command("transcribe", jfk, env=env)
        assert done.returncode == 1
        assert complaint in done.stderr.decode()
    server.send_signal(signal.SIGTERM)
    out, err = server.communicate(timeout=30)
    assert (server.returncode, out, err) == (0, b"", b"")


@pytest.mark.real_model
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_process_that_serves(start, command, jfk, number):
    """A relay in one process and a client in another; a signal ends it with 0 and without a word."""
    server = start("serve", "--port", "0")
    lines = [server.stdout.readline().decode() for _ in range(5)]
    env = {"ZHONGZHUAN_BASE_URL": address("".join(lines)), "ZHONGZHUAN_API_KEY": "sk-local"}
    done = command("transcribe", jfk, "--language", "en", env=env)
    assert done.returncode == 0, done.stderr
    assert b"ask not what your country can do for you" in done.stdout
    server.send_signal(number)
    out, err = server.communicate(timeout=30)
    assert (server.returncode, out, err) == (0, b"", b"")


UPLOAD = (
    b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-local\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n"
)
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\n%s\r\n--b--\r\n'
)


@pytest.mark.real_model
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("missing_bytes", [0, 10])
def test_a_signal_leaves_no_recordings(start, jfk, spooled, number, missing_bytes):
    """What is being uploaded, or recognised or waiting for that, is broken off, and its file is removed."""
    temporary, wait = spooled
    sound = jfk.read_bytes() * 30
    server = start("serve", env={"TMPDIR": str(temporary)})
    place = address("".join(server.stdout.readline().decode() for _ in range(5)))
    port = int(place.removesuffix("/v1").rpartition(":")[2])
    form = FORM % sound
    with ExitStack() as stack:
        for _ in range(2):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(UPLOAD % len(form) + form[: len(form) - missing_bytes])
        # An upload that is not whole has its last piece in memory still.
        wait(2, 1 << 20 if missing_bytes else len(sound))
        server.send_signal(number)
        out, err = server.communicate(timeout=60)
    assert (server.returncode, out, err) == (0, b"", b"")
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("argv", "complaint", "advice"),
    [
        (["--host", "nohost.invalid"], "cannot listen on nohost.invalid: ", "no such host is known here"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1 port 0: ", "this machine does not have the address"),
        (["--host="], "--host is empty", "127.0.0.1 is this machine"),
        (["--port", "TAKEN"], "cannot listen on 127.0.0.1 port ", "another program has the port"),
        (["--model-dir", "/nope"], "--model-dir names '/nope'", "give the directory of a CTranslate2 Whisper model\n"),
    ],
)
@pytest.mark.real_model
def test_advice_fits_what_is_wrong(capsys, argv, complaint, advice):
    """A name that nobody knows is no taken port; what is advised can be done at a command line."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert run(["serve", *(port if word == "TAKEN" else word for word in argv)]) == 2
    told = capsys.readouterr().err.splitlines(keepends=True)[-1]
    assert told.startswith(f"zhongzhuan-audio: {complaint}")
    assert advice in told
    assert ("takes any free one" in told) == (argv[0] == "--port")
    assert "allow_download" not in told
