"""What the command prints, and on what."""

from __future__ import annotations

import io
import logging
import os
import pty
import sys
import time

import pytest

from zhongzhuan_audio.cli.render import Reporter, complain, logging_to_stderr, one_line, print_bytes
from zhongzhuan_audio.cli.tally import Tally
from zhongzhuan_audio.events import CircuitClosed, Decoding


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain 文字", "plain 文字"),
        ("one\ntwo\tthree\u2028four", "one two three four"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("bad\udcff", "bad\\udcff"),
    ],
)
def test_a_message_is_one_line_that_commands_nothing(text, line):
    """Line ends become blanks; control characters and half characters are shown."""
    assert one_line(text) == line


def test_a_complaint_that_nobody_can_read_is_no_error(monkeypatch):
    """A stderr that is closed or full does not stop the work."""
    monkeypatch.setattr(sys, "stderr", None)
    complain("unheard")

    class Full(io.StringIO):
        asked = False

        def flush(self):
            self.asked = True
            raise OSError(28, "No space left on device")

    full = Full()
    monkeypatch.setattr(sys, "stderr", full)
    complain("unheard")
    assert full.asked


def test_a_stdout_that_is_closed_is_an_error(monkeypatch):
    """A program that was started without a stdout cannot write to it."""
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OSError, match="closed"):
        print_bytes(b"unheard")


def test_the_log_is_shown_only_where_it_is_wanted(capsys):
    """The package's log comes on stderr as long as it is wanted, and is then as it was."""
    logger = logging.getLogger("zhongzhuan_audio.x")
    with logging_to_stderr(wanted=False):
        logger.info("unheard")
    with logging_to_stderr(wanted=True):
        logger.debug("heard")
    logger.info("unheard")
    assert capsys.readouterr() == ("", "DEBUG zhongzhuan_audio.x: heard\n")
    assert logging.getLogger("zhongzhuan_audio").handlers == []


def test_without_a_terminal_there_is_no_bar(capsys):
    """A pipe gets a line for each, and nothing of the uploads."""
    with Reporter(2) as reporter:
        assert reporter.sent("a.mp3") is None
        reporter.done("a.mp3 -> a.txt")
        reporter.ended("a.mp3", Tally(done=1))
    with Reporter(2, lines=False) as quiet:
        quiet.done("b.mp3 -> b.txt")
    assert capsys.readouterr() == ("", "a.mp3 -> a.txt\n")


class Terminal:
    """A terminal to put in the place of stderr."""

    def __init__(self) -> None:
        self._ours, theirs = pty.openpty()
        self.stream = os.fdopen(theirs, "w", encoding="utf-8", errors="backslashreplace")

    def shown(self) -> str:
        """Close it, and return what was shown on it."""
        self.stream.close()
        parts = []
        try:
            while part := os.read(self._ours, 65536):
                parts.append(part)
        except OSError:  # Linux says EIO at the end of a terminal
            pass
        os.close(self._ours)
        return b"".join(parts).decode()


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 100 columns."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return Terminal()


def test_on_a_terminal_there_is_a_bar(terminal, monkeypatch, capsys):
    """A bar shows each upload and all of them; lines stand above it, without markup; stdout stays clean."""
    monkeypatch.setattr(sys, "stderr", terminal.stream)
    with Reporter(2) as reporter:
        sent = reporter.sent("[bold]a.mp3")
        sent(1, 2)
        sent(2, 2)
        reporter.say("[red]done[/red] :smile:")
        reporter.done("a.mp3 -> a.txt")
        reporter.ended("[bold]a.mp3", Tally(done=1, failed=0, audio_s=90.0, billed_s=90.0, price_per_minute=0.5))
        reporter.rescue("one\ntwo\n")
        time.sleep(0.2)  # it is drawn ten times a second
    text = terminal.shown()
    assert "0 of 2" in text
    assert "1 of 2, 1.5 min, cost 0.75" in text
    assert "[bold]a.mp3" in text
    assert "[red]done[/red] :smile:\r\n" in text
    assert "one\r\n" in text
    assert "a.txt" not in text
    assert capsys.readouterr().out == ""


def test_what_waits_for_an_answer_moves(terminal, monkeypatch):
    """A bar without an end goes to and fro, and its clock goes on."""
    monkeypatch.setattr(sys, "stderr", terminal.stream)
    with Reporter(1) as reporter:
        sent = reporter.sent("a.mp3")
        sent(1, 2)
        sent(2, 2)
        time.sleep(1.3)
    assert "0:00:01" in terminal.shown()


def test_how_far_a_recording_is_decoded_is_shown(terminal, monkeypatch, capsys):
    """In the row that its upload has afterwards, by the name that it was given; off a terminal nobody is told."""
    assert Reporter(1).decoding({}) is None
    monkeypatch.setattr(sys, "stderr", terminal.stream)
    with Reporter(1) as reporter:
        tell = reporter.decoding({"/x/talk.wav": "talk.wav"})
        tell(Decoding(label="/x/talk.wav", done_s=30.0, total_s=60.0))
        time.sleep(0.2)  # it is drawn ten times a second
        tell(CircuitClosed(endpoint="https://relay.example/v1"))
        reporter.sent("talk.wav")(1, 2)
        time.sleep(0.2)
        reporter.ended("talk.wav", Tally(done=1))
    text = terminal.shown()
    assert "talk.wav (decoding)" in text
    assert "/x" not in text
    assert text.rindex("talk.wav ") > text.rindex("(decoding)")
    assert capsys.readouterr().out == ""


def test_a_single_recording_has_no_bar_for_all(terminal, monkeypatch):
    """One recording has one bar, and a line when it is done."""
    monkeypatch.setattr(sys, "stderr", terminal.stream)
    with Reporter(1) as reporter:
        reporter.sent("a.mp3")(1, 2)
        reporter.done("a.mp3 -> a.txt")
        reporter.ended("a.mp3", Tally(done=1))
    text = terminal.shown()
    assert "a.mp3 -> a.txt" in text
    assert "of 1" not in text


def test_a_log_takes_the_bars_place(terminal, monkeypatch):
    """With a log there is no bar, even on a terminal."""
    monkeypatch.setattr(sys, "stderr", terminal.stream)
    with Reporter(2, bar=False) as reporter:
        assert reporter.sent("a.mp3") is None
        reporter.say("a line")
    assert terminal.shown() == "a line\r\n"
