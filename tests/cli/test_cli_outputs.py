"""What is written of a transcript, and what stays as it is."""

from __future__ import annotations

import pytest

from zhongzhuan_audio.cli.outputs import keep, parse_formats, render
from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.models import Segment, Transcription

TIMED = Transcription(text="hello", segments=(Segment(id=0, start=0.0, end=1.0, text="hello"),))
UNTIMED = Transcription(text="hello")


def test_formats_stand_with_commas():
    """Blanks do not count."""
    assert parse_formats("srt, json") == ("srt", "json")
    with pytest.raises(
        ConfigurationError, match="no format 'xml' — use text, json, verbose_json, srt, vtt, or several"
    ):
        parse_formats("srt,xml")
    with pytest.raises(ConfigurationError, match="--format json,verbose_json names a file twice"):
        parse_formats("json,verbose_json")


def test_an_answer_without_times_stands_in_for_subtitles():
    """Once, and it is told."""
    timed = render(TIMED, ("text", "srt", "json"))
    assert (list(timed.texts), timed.is_untimed) == ([".txt", ".srt", ".json"], False)
    untimed = render(UNTIMED, ("srt", "vtt", "json"))
    assert (list(untimed.texts), untimed.is_untimed) == ([".json", ".txt"], True)


def test_a_text_is_written_with_its_folders(tmp_path):
    """And again where it has more to say."""
    path = tmp_path / "x" / "y" / "a.txt"
    assert keep(path, "one", known=False).path == path
    assert keep(path, "two and three", known=False).note is None
    assert path.read_text() == "two and three"


def test_less_is_written_beside(tmp_path):
    """What is there stays; the same less is not written twice, and another gets another name."""
    path = tmp_path / "a.txt"
    path.write_text("much more")
    for _ in range(2):
        kept = keep(path, "less", known=False)
        assert kept.path == tmp_path / "a.new1.txt"
    assert keep(path, "less", known=False).note is None
    assert keep(path, "else", known=False).path == tmp_path / "a.new2.txt"
    found = {each.name: each.read_text() for each in tmp_path.iterdir()}
    assert found == {"a.txt": "much more", "a.new1.txt": "less", "a.new2.txt": "else"}


def test_what_was_changed_by_hand_stays(tmp_path):
    """An answer that was written before is not written over somebody's corrections, be they shorter."""
    path = tmp_path / "a.txt"
    path.write_text("mine")
    kept = keep(path, "as it was heard", known=True)
    assert (kept.path, path.read_text()) == (path, "mine")
    assert kept.note == f"{path} differs from the journal's answer, and is left as it is"
    path.write_text("")
    assert keep(path, "as it was heard", known=True).note is None
    assert path.read_text() == "as it was heard"


def test_what_is_there_already_is_not_touched(tmp_path):
    """Not even its time."""
    path = tmp_path / "a.txt"
    path.write_text("会议")
    before = path.stat()
    assert keep(path, "会议", known=True).note is None
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_device_is_no_place(tmp_path):
    """It is neither read nor replaced."""
    with pytest.raises(OSError, match="no regular file"):
        keep(type(tmp_path)("/dev/zero"), "text", known=False)
