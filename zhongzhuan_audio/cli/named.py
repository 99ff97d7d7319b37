"""Which recordings the command line names: files, patterns, folders, lists of names."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from glob import glob, has_magic
from pathlib import Path, PurePath

import attrs

from zhongzhuan_audio.audio import HEAD_BYTES, KNOWN_EXTENSIONS, formats, sniff
from zhongzhuan_audio.errors import ConfigurationError

__all__ = ["STDIN", "Found", "Recording", "find_recordings"]

STDIN = "-"
"""The name that means stdin."""

_IN_FOLDERS = KNOWN_EXTENSIONS - {".pcm"}
"""Extensions of what is taken from a folder; that one means other things more often, and samples alone tell nothing."""
_LOOKED_AT = frozenset((".ts", ".mts"))
"""Extensions that mean TypeScript, too: the first bytes tell."""


@attrs.frozen(kw_only=True)
class Recording:
    """One that was named, or found in a folder that was."""

    name: str
    """As it was given or found."""
    folder: PurePath = attrs.field(factory=PurePath)
    """Where its transcript belongs below the folder of all of them."""

    @property
    def label(self) -> str:
        """What to call it in a message."""
        return "stdin" if self.name == STDIN else self.name


@attrs.frozen(kw_only=True)
class Found:
    """All recordings that are meant."""

    recordings: tuple[Recording, ...]
    repeats: str | None
    """A line about those that were named more than once, each of which is sent once; None where there are none."""
    unread: tuple[str, ...]
    """A line about each folder that could not be looked into."""
    are_many: bool
    """Whether there are several, or could be at the next time: a folder or a list was named."""

    @property
    def complaints(self) -> tuple[str, ...]:
        """Lines about what is not as it should be."""
        return self.unread if self.repeats is None else (*self.unread, self.repeats)


def find_recordings(names: Iterable[str], *, listed: Path | None = None, null: bool = False) -> Found:
    """Return the recordings that are meant.

    A folder stands for the recordings in it and in the folders below, by their extensions and without those whose names
    begin with a dot. A pattern that is no file's name is expanded, since the Windows shells leave that to programs;
    ``**`` in it stands for any folders.

    Args:
        names: Files, folders and patterns.
        listed: A file that holds more names, one a line; ``-`` is stdin.
        null: Whether a NUL ends each of these, and not a line end.

    Raises:
        ConfigurationError: There are none, or the list cannot be read.
    """
    given = [match for name in names for match in _expanded(name)]
    folders = [each.name for each in given if os.path.isdir(each.name)]  # noqa: PTH112 - names stay as they were given
    unread: list[str] = []
    first: dict[str, Recording] = {}
    counts: Counter[str] = Counter()
    for recording in [*_opened(given, unread, several=len(folders) > 1), *_listed(listed, null=null)]:
        key = recording.name if recording.name == STDIN else os.path.realpath(recording.name)
        first.setdefault(key, recording)
        counts[key] += 1
    if not first:
        raise _nothing_found(folders, unread, listed)
    return Found(
        recordings=tuple(first.values()),
        repeats=_describe_repeats([(first[key], count) for key, count in counts.items() if count > 1]),
        unread=tuple(unread),
        are_many=len(first) > 1 or bool(folders) or listed is not None,
    )


def _expanded(name: str) -> Iterator[Recording]:
    if not has_magic(name) or os.path.lexists(name):
        yield Recording(name=name)
        return
    deep = "**" in PurePath(name).parts
    matches = sorted(glob(name, recursive=deep))  # noqa: PTH207 - names stay as they were given
    if not matches:
        yield Recording(name=name)
    for match in matches:
        if not deep:
            yield Recording(name=match)
        elif not os.path.isdir(match):  # noqa: PTH112 - the same
            yield Recording(name=match, folder=PurePath(match).relative_to(_fixed_part(name)).parent)


def _fixed_part(pattern: str) -> PurePath:
    """Return the folder that a pattern names before its first wildcard."""
    parts = PurePath(pattern).parts
    magic = next(index for index, part in enumerate(parts) if has_magic(part))
    return PurePath(*parts[:magic])


def _opened(given: Iterable[Recording], unread: list[str], *, several: bool) -> Iterator[Recording]:
    """Yield what was given, with what is in a folder in its place."""
    for each in given:
        if os.path.isdir(each.name):  # noqa: PTH112 - the same
            own = PurePath(Path(os.path.realpath(each.name)).name if several else "")
            yield from _in_folder(each.name, own, unread)
        else:
            yield each


def _in_folder(top: str, own: PurePath, unread: list[str]) -> Iterator[Recording]:
    def tell(error: OSError) -> None:
        unread.append(f"cannot look into the folder {error.filename}: {error.strerror}")

    for place, below, names in os.walk(top, onerror=tell):
        below[:] = sorted(name for name in below if not name.startswith("."))
        folder = own / os.path.relpath(place, top)
        for name in sorted(names):
            # macOS leaves "._a.m4a" beside "a.m4a" on other systems' disks.
            path, extension = os.path.join(place, name), PurePath(name).suffix.lower()  # noqa: PTH118 - the same
            if name.startswith(".") or extension not in _IN_FOLDERS:
                continue
            if extension not in _LOOKED_AT or _is_transport_stream(path):
                yield Recording(name=path, folder=folder)


def _is_transport_stream(path: str) -> bool:
    """Look at a file's first bytes; what cannot be read is none, and no pipe is waited for."""
    try:
        if not os.path.isfile(path):  # noqa: PTH113 - the same
            return False
        with open(path, "rb") as file:  # noqa: PTH123 - the same
            return sniff(file.read(HEAD_BYTES)) == formats.MPEG_TS
    except OSError:
        return False


def _listed(path: Path | None, *, null: bool) -> Iterator[Recording]:
    """Yield what a list names; below the folder of the transcripts each keeps its own path, as tar does."""
    if path is None:
        return
    try:
        data = sys.stdin.buffer.read() if str(path) == STDIN and sys.stdin is not None else path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the list {path}: {error.strerror or error}", hint="name a file, or - for stdin"
        ) from None
    for line in data.split(b"\0") if null else data.splitlines():
        name = os.fsdecode(line)
        if name.strip():
            name = f".{os.sep}-" if name == STDIN else name
            parts = PurePath(name).parent.parts
            kept = [part for part in parts if part not in {"..", PurePath(name).anchor}]
            yield Recording(name=name, folder=PurePath(*kept))


def _nothing_found(folders: list[str], unread: list[str], listed: Path | None) -> ConfigurationError:
    if unread:
        return ConfigurationError(unread[0], hint="check its permissions")
    if folders:
        where = folders[0] if len(folders) == 1 else f"{folders[0]} and {len(folders) - 1} more folders"
        return ConfigurationError(f"no recordings in {where}", hint="recordings are known by their extensions")
    if listed is not None:
        return ConfigurationError(f"the list {listed} names no recordings", hint="write one name a line")
    return ConfigurationError("no recordings were named", hint="name files or folders, or a list with --files-from")


def _describe_repeats(repeated: list[tuple[Recording, int]]) -> str | None:
    if not repeated:
        return None
    first, count = repeated[0]
    if len(repeated) > 1:
        return f"{first.label} and {len(repeated) - 1} more were named more than once: each is sent once"
    return f"{first.label} was named {'twice' if count == 2 else f'{count} times'}: sent once"  # noqa: PLR2004 - a word
