"""Where the transcripts go: never over one another, never over a recording."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path, PurePath

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from zhongzhuan_audio.cli.named import Recording
from zhongzhuan_audio.cli.plan import plan_targets, prepare_folder
from zhongzhuan_audio.errors import ConfigurationError


def planned(names: list[str], folder: Path = Path("out"), suffixes: tuple[str, ...] = (".txt",)) -> list[str]:
    """Return the names of the places."""
    places = plan_targets([Recording(name=name) for name in names], folder, suffixes)
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


def test_each_folder_has_names_of_its_own():
    """Recordings of one name in two folders are no longer in each other's way."""
    named = [Recording(name=f"{place}/a.{kind}", folder=PurePath(place)) for place in "xy" for kind in ("mp3", "wav")]
    named.append(Recording(name="z/X/a.mp3", folder=PurePath("X")))
    places = plan_targets(named, Path("out"), (".txt",))
    found = [place.relative_to("out").as_posix() for place in places]
    assert found == ["x/a.mp3", "x/a.wav", "y/a.mp3", "y/a.wav", "X/a.mp3-2"]


def test_a_reserved_name_is_no_transcripts(tmp_path):
    """The report stays, whatever a recording is called."""
    recordings = [Recording(name="report.mp3"), Recording(name="y/report.mp3", folder=PurePath("y"))]
    places = plan_targets(recordings, tmp_path, (".txt", ".json"), reserved=["report.json"])
    assert [place.relative_to(tmp_path).as_posix() for place in places] == ["report-2", "y/report"]


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
