"""Which recordings are meant by what stands on the command line."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from zhongzhuan_audio.cli.named import find_recordings
from zhongzhuan_audio.errors import ConfigurationError


def found(*names: str, **options) -> list[tuple[str, str]]:
    """Return the recordings and the folders of their transcripts."""
    return [(each.name, each.folder.as_posix()) for each in find_recordings(names, **options).recordings]


@pytest.fixture
def tree(folder):
    """Folders with recordings and other files; ``calls/2024/a.mp3`` and five more."""
    for name in (
        "calls/b.M4A",
        "calls/2024/a.mp3",
        "calls/2024/x/会议.wav",
        "calls/2024/notes.txt",
        "calls/2024/._a.mp3",
        "calls/2024/app.ts",
        "calls/.trash/c.mp3",
        "more/b.m4a",
        "empty/readme.md",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def test_a_folder_is_walked(tree):
    """Recordings are known by their extensions, in whatever case; what is hidden is passed by."""
    assert found("calls") == [("calls/b.M4A", "."), ("calls/2024/a.mp3", "2024"), ("calls/2024/x/会议.wav", "2024/x")]


def test_a_transport_stream_is_told_from_typescript(tree):
    """By its first bytes, of ``.ts`` and of ``.mts``, which means both as well; a named one is taken as it is."""
    packet = b"G" + bytes(187)
    (tree / "calls" / "tv.ts").write_bytes(packet * 5)
    (tree / "calls" / "camera.MTS").write_bytes((bytes(4) + packet) * 5)
    (tree / "calls" / "module.mts").write_text("export const a: number = 1\n" * 40)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tree / "calls" / "pipe.ts")
    assert [name for name, folder in found("calls") if folder == "."] == [
        "calls/b.M4A",
        "calls/camera.MTS",
        "calls/tv.ts",
    ]
    assert found("calls/2024/app.ts") == [("calls/2024/app.ts", ".")]


def test_several_folders_keep_their_names(tree):
    """Else their transcripts would meet; beside files, which go to the top."""
    assert found("calls", "more/", "a.mp3") == [
        ("calls/b.M4A", "calls"),
        ("calls/2024/a.mp3", "calls/2024"),
        ("calls/2024/x/会议.wav", "calls/2024/x"),
        ("more/b.m4a", "more"),
        ("a.mp3", "."),
    ]


def test_the_folder_of_now_has_no_name_of_its_own(tree, monkeypatch):
    """A dot is that folder."""
    monkeypatch.chdir(tree / "calls")
    assert found(".") == [("./b.M4A", "."), ("./2024/a.mp3", "2024"), ("./2024/x/会议.wav", "2024/x")]


def test_a_recording_is_sent_once(folder):
    """One that is named in two ways is one, by the first of its names; so is stdin."""
    (folder / "link.mp3").symlink_to("a.mp3")
    assert found("./a.mp3", "a.mp3", "-", "link.mp3", "b.mp3", "-") == [("./a.mp3", "."), ("-", "."), ("b.mp3", ".")]


def test_a_pattern_is_expanded(tree):
    """A pattern that the shell left alone is expanded in order; one that matches nothing stays."""
    assert found("*.mp3") == [("a.mp3", "."), ("b.mp3", ".")]
    assert found("*.wav") == [("*.wav", ".")]
    assert found("cal*") == found("calls")


def test_two_stars_are_any_folders(tree):
    """The transcripts keep the folders that they stand for."""
    assert found("calls/**/*.mp3") == [("calls/2024/a.mp3", "2024")]
    assert found(f"{tree}/calls/20*/**/*.wav") == [(f"{tree}/calls/2024/x/会议.wav", "2024/x")]


def test_a_name_that_looks_like_a_pattern_is_a_name(folder):
    """A file is taken by its name before it is taken for a pattern."""
    (folder / "[ab].mp3").write_bytes(b"sound")
    assert found("[ab].mp3") == [("[ab].mp3", ".")]


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (["a.mp3", "b.mp3"], None),
        (["a.mp3", "b.mp3", "a.mp3"], "a.mp3 was named twice: sent once"),
        (["-", "-", "-"], "stdin was named 3 times: sent once"),
        (["a", "b", "c"] * 2, "a and 2 more were named more than once: each is sent once"),
    ],
)
def test_what_was_named_more_than_once_is_told_in_a_line(names, line):
    """However many they are."""
    assert find_recordings(names).repeats == line


@pytest.mark.parametrize(
    ("text", "null", "names"),
    [
        (b"a.mp3\nx/y/b.mp3\r\n\n../c.mp3\n", False, [("a.mp3", "."), ("x/y/b.mp3", "x/y"), ("../c.mp3", ".")]),
        (b"a\n1.mp3\0/x/b.mp3\0", True, [("a\n1.mp3", "."), ("/x/b.mp3", "x")]),
        (b"-\n\xff.mp3", False, [("./-", "."), ("\udcff.mp3", ".")]),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="paths as POSIX has them")
def test_a_list_names_recordings(folder, monkeypatch, text, null, names):
    """One a line or with a NUL behind each, of whatever bytes; a transcript keeps its recording's path, as in tar."""
    (folder / "list").write_bytes(text)
    assert found(listed=Path("list"), null=null) == names
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert found(listed=Path("-"), null=null) == names


@pytest.mark.parametrize(
    ("names", "options", "complaint"),
    [
        ([], {}, "no recordings were named — name files or folders, or a list with --files-from"),
        (["empty"], {}, "no recordings in empty — recordings are known by their extensions"),
        (["empty", "calls/.trash/x"], {}, None),
        ([], {"listed": Path("none")}, "cannot read the list none: No such file or directory"),
        ([], {"listed": Path("blank")}, "the list blank names no recordings"),
    ],
)
def test_nothing_to_do_is_told(tree, names, options, complaint):
    """Before anything else is done."""
    (tree / "blank").write_bytes(b"\n \n")
    if complaint is None:
        assert found(*names) == [("calls/.trash/x", ".")]
        return
    with pytest.raises(ConfigurationError) as caught:
        find_recordings(names, **options)
    assert str(caught.value).startswith(complaint)


def test_a_folder_that_cannot_be_read_is_told(tree, monkeypatch):
    """The others are walked all the same."""
    walk = os.walk

    def failing(top, onerror):
        onerror(PermissionError(13, "Permission denied", "calls/2024"))
        yield from walk(top)

    monkeypatch.setattr("os.walk", failing)
    with_it = find_recordings(["more"])
    assert with_it.unread == ("cannot look into the folder calls/2024: Permission denied",)
    assert [each.name for each in with_it.recordings] == ["more/b.m4a"]
    with pytest.raises(ConfigurationError, match="cannot look into the folder calls/2024: Permission denied"):
        find_recordings(["empty"])
