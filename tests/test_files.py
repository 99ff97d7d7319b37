"""A file is written whole or not at all."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from zhongzhuan_audio.files import replacing, write_text

posix_only = pytest.mark.skipif(os.name != "posix", reason="permissions and links are POSIX's")


def test_a_new_file_is_written(tmp_path: Path) -> None:
    """Under its name, with nothing left beside it."""
    with replacing(tmp_path / "a.bin") as file:
        file.write(b"\0\xff")
    assert (tmp_path / "a.bin").read_bytes() == b"\0\xff"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    """Whoever reads meanwhile sees the old one."""
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(str(path)) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_a_fault_leaves_the_old_file_and_no_draft(tmp_path: Path, fault: type[BaseException]) -> None:
    """Whatever is raised in the block goes on to the caller."""
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half() -> None:
        with replacing(path) as file:
            file.write(b"half of the n")
            raise fault

    with pytest.raises(fault):
        write_half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_error_names_the_file_and_not_its_draft(tmp_path: Path) -> None:
    """A folder that is not there is told by the path that was given."""
    with pytest.raises(FileNotFoundError) as caught:
        write_text(tmp_path / "nowhere" / "a.srt", "1")
    assert caught.value.filename == str(tmp_path / "nowhere" / "a.srt")


def test_a_fault_before_the_first_file_leaves_nothing(tmp_path: Path) -> None:
    """There was no file, and there is none."""
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "a.txt"):
        _ = 1 / 0
    assert os.listdir(tmp_path) == []


def test_a_draft_that_vanished_is_an_error(tmp_path: Path) -> None:
    """A cleaner that takes the draft away is told of, and the old file stands."""
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), replacing(path) as file:
        Path(file.name).unlink()
    assert path.read_text() == "old"


def test_a_missing_folder_is_an_error_and_is_not_made(tmp_path: Path) -> None:
    """A typing error in a path makes no folders."""
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "none" / "a.txt", "x")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("path", ["", ".", "sub", "sub/", ".."])
def test_a_folder_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """It is refused before anything is written."""
    (tmp_path / "work" / "sub").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    with pytest.raises(IsADirectoryError), replacing(path):
        raise AssertionError
    assert os.listdir() == ["sub"]
    assert os.listdir("sub") == []


@pytest.mark.parametrize("name", ["a" * 251 + ".txt", "会" * 83 + ".txt", "😀" * 62 + ".txt"])
def test_the_longest_names_can_be_written(tmp_path: Path, name: str) -> None:
    """A name that the file system takes is not too long for the draft."""
    write_text(tmp_path / name, "x")
    assert os.listdir(tmp_path) == [name]


def test_a_relative_name_stays_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The draft is made beside the file, not somewhere else on another disk."""
    monkeypatch.chdir(tmp_path)
    with replacing("a.txt") as file:
        assert Path(file.name).parent == tmp_path
    assert os.listdir() == ["a.txt"]


@posix_only
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_permissions_that_the_umask_leaves(tmp_path: Path, umask: int, mode: int) -> None:
    """As a file that `open` makes."""
    before = os.umask(umask)
    try:
        write_text(tmp_path / "a.txt", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == mode


@posix_only
def test_a_private_file_stays_private(tmp_path: Path) -> None:
    """The file that is replaced gives its permissions on, to the draft too."""
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o600)
    with replacing(path) as file:
        file.write(b"new")
        assert stat.S_IMODE(Path(file.name).stat().st_mode) == 0o600
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == "new"


@posix_only
def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    """As with `open`: also where the target isn't there yet, in another folder."""
    (tmp_path / "there").mkdir()
    link = tmp_path / "link.txt"
    link.symlink_to(Path("there", "target.txt"))
    for text in ("first", "second"):
        write_text(link, text)
        assert link.is_symlink()
        assert (tmp_path / "there" / "target.txt").read_text() == text
    assert sorted(os.listdir(tmp_path)) == ["link.txt", "there"]
    assert os.listdir(tmp_path / "there") == ["target.txt"]


def test_writers_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    """Each writes a draft of its own; the last to finish wins, and no part of another is in it."""
    path = tmp_path / "a.txt"
    texts = [digit * 200_000 for digit in "01234567"]
    together = threading.Barrier(len(texts))

    def write(text: str) -> None:
        together.wait()
        write_text(path, text)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in texts
    assert os.listdir(tmp_path) == ["a.txt"]


def test_text_is_written_as_it_is(tmp_path: Path) -> None:
    """UTF-8 whatever the locale, line ends untouched, no byte order mark; half a character becomes a question mark."""
    write_text(tmp_path / "a.txt", "会议\r\n😀\nend\ud800")
    assert (tmp_path / "a.txt").read_bytes() == "会议\r\n😀\nend?".encode()


@posix_only
def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path) -> None:
    """A pipe and a device stay what they are, and nothing waits for a reader."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    for place in (path, Path("/dev/null")):
        with pytest.raises(OSError, match="it is no regular file"):
            write_text(place, "gone")
    assert path.is_fifo()
    assert Path("/dev/null").is_char_device()
    assert [each.name for each in tmp_path.iterdir()] == ["pipe"]
