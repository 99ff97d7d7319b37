"""Where each recording's transcript goes; settled before anything is sent."""

from __future__ import annotations

import os
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from zhongzhuan_audio.cli.named import Recording
from zhongzhuan_audio.errors import ConfigurationError

__all__ = ["plan_targets", "prepare_folder"]

_NAME_BYTES = 200
"""File systems take 255 bytes; a suffix and the name of the draft beside it must fit too."""


def plan_targets(
    recordings: Sequence[Recording], folder: Path, suffixes: Iterable[str], *, reserved: Iterable[str] = ()
) -> tuple[Path, ...]:
    """Return each recording's place for its transcript, without a suffix; no two are the same.

    It is named after the recording without its extension: with it where two recordings differ only in that, and with a
    number where that is not enough. Names that differ only in case or in Unicode's normal form count as the same, as
    they do on the file systems of Windows and macOS. No folder and no recording is ever in the way of a transcript.

    Args:
        recordings: Each of them once.
        folder: Where the transcripts go, each below it in its recording's own folder.
        suffixes: Those that a transcript may get.
        reserved: Names of files in the folder that are no transcripts.
    """
    suffixes = tuple(suffixes)
    inputs = {os.path.realpath(recording.name) for recording in recordings}
    kept_free = {os.path.realpath(folder / name) for name in reserved}
    wholes = [each.folder / (PurePath(each.label).name or "recording") for each in recordings]
    shared = Counter(_key(whole.with_name(whole.stem)) for whole in wholes)
    taken: set[str] = set()
    places = []
    for whole in wholes:
        alone = shared[_key(whole.with_name(whole.stem))] == 1
        base = _fitting(whole.stem if alone else whole.name)
        candidate, number = whole.with_name(base), 1
        while _key(candidate) in taken or any(
            _is_in_the_way(folder / f"{candidate}{suffix}", inputs, kept_free) for suffix in suffixes
        ):
            number += 1
            candidate = whole.with_name(f"{base}-{number}")
        taken.add(_key(candidate))
        places.append(folder / candidate)
    return tuple(places)


def _key(path: PurePath) -> str:
    return unicodedata.normalize("NFC", str(path)).casefold()


def _fitting(name: str) -> str:
    # By characters, as the file system writes them: a name may hold bytes that are no characters at all.
    while len(os.fsencode(name)) > _NAME_BYTES:
        name = name[:-1]
    return name


def _is_in_the_way(path: Path, inputs: set[str], kept_free: set[str]) -> bool:
    if kept_free and os.path.realpath(path) in kept_free:
        return True
    return os.path.lexists(path) and (path.is_dir() or os.path.realpath(path) in inputs)


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
