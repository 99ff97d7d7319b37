"""Where the transcripts go: never over one another, never over a recording."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from zhongzhuan_audio.cli.plan import describe_repeats, plan_targets, prepare_folder, resolve_names
from zhongzhuan_audio.errors import ConfigurationError


def planned(names: list[str], folder: Path = Path("out"), suffixes: tuple[str, ...] = (".txt",)) -> list[str]:
    """Return the names of the places."""
    places = plan_targets(names, folder, suffixes)
    assert all(place.parent == folder for place in places)
    return [place.name for place in places]


def test_a_transcript_is_named_after_its_recording():
    """The extension makes way for the suffix; stdin has a name of its own."""
    assert planned(["a.mp3", "x/b.c.wav", "会议", ".hidden", "-"]) == ["a", "b.c", "会议", ".hidden", "stdin"]


def test_recordings_that_differ_in_the_extension_keep_it():
    """Two recordings of one stem get two transcripts."""
    assert planned(["a.mp3", "a.wav", "b.mp3"]) == ["a.mp3", "a.wav", "b"]


def test_recordings_of_one_name_are_numbered():
    """Recordings of one name, in several folders, get a number each."""
    assert planned(["x/a.mp3", "y/a.mp3", "z/a.mp3"]) == ["a.mp3", "a.mp3-2", "a.mp3-3"]


def test_names_that_some_file_systems_confuse_are_kept_apart():
    """Case and normal form do not tell two names apart on Windows and macOS."""
    assert planned(["é.mp3", "E\u0301.mp3"]) == ["é.mp3", "E\u0301.mp3-2"]


def test_a_stem_that_is_another_recordings_name_is_kept_apart():
    """A name that is made by keeping the extension may not meet one that is made by dropping it."""
    assert planned(["a.mp3.wav", "a.mp3", "a.wav"]) == ["a.mp3", "a.mp3-2", "a.wav"]


def test_a_recording_is_never_overwritten(folder):
    """A recording that is named like a transcript stays, whichever suffix the transcript gets."""
    (folder / "talk.txt").write_bytes(b"sound")
    assert planned(["talk.txt"], folder) == ["talk-2"]
    assert planned(["talk.txt"], folder, (".srt", ".txt")) == ["talk-2"]
    assert planned(["talk.txt"], folder, (".srt",)) == ["talk"]


def test_a_folder_in_the_way_is_passed_by(folder):
    """A folder cannot be replaced by a file, so the transcript gets another name."""
    (folder / "a.txt").mkdir()
    assert planned(["a.mp3"], folder) == ["a-2"]


def test_a_root_folder_has_a_name_too():
    """What has no name at all gets one; that it is no recording is seen later."""
    assert planned(["/"]) == ["recording"]


def test_a_long_name_is_cut_to_fit(folder):
    """The longest name that a file can have leaves room for any suffix, and is cut between characters."""
    (name,) = planned(["会" * 84 + ".m4"], folder, (".json",))
    assert name == "会" * 66


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=80)))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_two_places_are_the_same(tmp_path, names):
    """Whatever the names are, each recording has a place, of a length that a file's name may have."""
    places = planned(names, tmp_path)
    assert len(places) == len(names)
    assert len({unicodedata.normalize("NFC", place).casefold() for place in places}) == len(names)
    assert all(0 < len(os.fsencode(place)) < 240 for place in places)


def test_a_recording_is_sent_once(folder):
    """One that is named in two ways is one, by the first of its names; so is stdin."""
    (folder / "link.mp3").symlink_to("a.mp3")
    assert resolve_names(["./a.mp3", "a.mp3", "-", "link.mp3", "b.mp3", "-"]) == {"./a.mp3": 3, "-": 2, "b.mp3": 1}


def test_a_pattern_is_expanded(folder):
    """A pattern that the shell left alone is expanded in order; one that matches nothing stays."""
    assert resolve_names(["*.mp3"]) == {"a.mp3": 1, "b.mp3": 1}
    assert resolve_names(["*.wav"]) == {"*.wav": 1}


def test_a_name_that_looks_like_a_pattern_is_a_name(folder):
    """A file is taken by its name before it is taken for a pattern."""
    (folder / "[ab].mp3").write_bytes(b"sound")
    assert resolve_names(["[ab].mp3"]) == {"[ab].mp3": 1}


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ({"a.mp3": 1, "b.mp3": 1}, None),
        ({"a.mp3": 2, "b.mp3": 1}, "a.mp3 was named twice: sent once"),
        ({"-": 3}, "stdin was named 3 times: sent once"),
        (
            dict.fromkeys("abc", 2),
            "a and 2 more were named more than once: each is sent once",
        ),
    ],
)
def test_what_was_named_more_than_once_is_told_in_a_line(counts, line):
    """However many they are."""
    assert describe_repeats(counts) == line


def test_the_folder_is_made(tmp_path):
    """A folder that is missing is made with its parents, and left empty."""
    prepare_folder(tmp_path / "x" / "y")
    assert list((tmp_path / "x" / "y").iterdir()) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_into_is_refused(tmp_path):
    """Before anything is sent, it is seen that nothing could be kept."""
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigurationError, match="cannot write into .*Permission denied.*--output-dir"):
        prepare_folder(tmp_path)


def test_a_file_is_no_folder(folder):
    """A file in the place of the folder is refused."""
    with pytest.raises(ConfigurationError, match=r"cannot write into a\.mp3: it is not a folder"):
        prepare_folder(Path("a.mp3"))
