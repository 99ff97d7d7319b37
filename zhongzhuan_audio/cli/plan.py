"""Which recordings were named, and where each one's transcript goes; settled before anything is sent."""

from __future__ import annotations

import os
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from glob import glob, has_magic
from pathlib import Path, PurePath

from zhongzhuan_audio.errors import ConfigurationError

__all__ = ["STDIN", "describe_repeats", "plan_targets", "prepare_folder", "resolve_names"]

STDIN = "-"
"""The name that means stdin."""

_NAME_BYTES = 200
"""File systems take 255 bytes; a suffix and the name of the draft beside it must fit too."""


def resolve_names(names: Iterable[str]) -> dict[str, int]:
    """Return the recordings that are meant, and how often each was named: what is sent twice is paid for twice.

    A pattern that is no file's name is expanded, since the Windows shells leave that to programs.
    """
    found: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for name in names:
        matches = sorted(glob(name)) if has_magic(name) and not os.path.lexists(name) else []  # noqa: PTH207 - names stay as they were given
        for match in matches or [name]:
            counts[found.setdefault(match if match == STDIN else os.path.realpath(match), match)] += 1
    return dict(counts)


def describe_repeats(counts: Mapping[str, int]) -> str | None:
    """Return a line about the recordings that were named more than once; None where there are none.

    Args:
        counts: As `resolve_names` returns them.
    """
    repeated = [name for name, count in counts.items() if count > 1]
    if not repeated:
        return None
    first = "stdin" if repeated[0] == STDIN else repeated[0]
    if len(repeated) > 1:
        return f"{first} and {len(repeated) - 1} more were named more than once: each is sent once"
    count = counts[repeated[0]]
    return f"{first} was named {'twice' if count == 2 else f'{count} times'}: sent once"  # noqa: PLR2004 - a word


def plan_targets(names: Sequence[str], folder: Path, suffixes: Iterable[str]) -> tuple[Path, ...]:
    """Return each recording's place for its transcript, without a suffix; no two are the same.

    It is named after the recording without its extension: with it where two recordings differ only in that, and with a
    number where that is not enough. Names that differ only in case or in Unicode's normal form count as the same, as
    they do on the file systems of Windows and macOS. No folder and no recording is ever in the way of a transcript.

    Args:
        names: As `resolve_names` returns them.
        folder: Where the transcripts go.
        suffixes: Those that a transcript may get.
    """
    inputs = {os.path.realpath(name) for name in names}
    wholes = [PurePath("stdin" if name == STDIN else name).name or "recording" for name in names]
    shared = Counter(_key(PurePath(whole).stem) for whole in wholes)
    taken: set[str] = set()
    places = []
    for whole in wholes:
        stem = PurePath(whole).stem
        base = _fitting(stem if shared[_key(stem)] == 1 else whole)
        candidate, number = base, 1
        while _key(candidate) in taken or any(
            _is_in_the_way(folder / f"{candidate}{suffix}", inputs) for suffix in suffixes
        ):
            number += 1
            candidate = f"{base}-{number}"
        taken.add(_key(candidate))
        places.append(folder / candidate)
    return tuple(places)


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _fitting(name: str) -> str:
    # By characters, as the file system writes them: a name may hold bytes that are no characters at all.
    while len(os.fsencode(name)) > _NAME_BYTES:
        name = name[:-1]
    return name


def _is_in_the_way(path: Path, inputs: set[str]) -> bool:
    return path.is_dir() or os.path.realpath(path) in inputs


def prepare_folder(folder: Path) -> None:
    """Make the folder if it is missing, and check that files can be made in it.

    Raises:
        ConfigurationError: They cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        taken = folder.exists() and not folder.is_dir()
        reason = "it is not a folder" if taken else error.strerror or error
        raise ConfigurationError(
            f"cannot write into {folder}: {reason}", hint="name another folder with --output-dir"
        ) from None
