"""What there is of a recording some pieces of which failed: kept under a name of its own until the whole is there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import attrs

from zhongzhuan_audio.cli.outputs import FORMATS, UNTIMED_SUFFIX
from zhongzhuan_audio.errors import JournalError, ZhongzhuanError
from zhongzhuan_audio.files import write_text
from zhongzhuan_audio.models import Segment, Span, Transcription
from zhongzhuan_audio.models.transcription import FitOptions

__all__ = ["Partials", "describe_gaps", "paid_whole", "partial_of", "render_partial"]

_MARK = "[partial transcript:"
"""Is in every such file, and in no other: what a file holds tells whether it may be replaced or removed."""


def partial_of(error: object) -> Transcription | None:
    """Return what there is of a recording that failed; None where that is nothing, or all of it."""
    partial = error.partial if isinstance(error, ZhongzhuanError) else None
    return partial if isinstance(partial, Transcription) and partial.gaps else None


def paid_whole(error: object) -> Transcription | None:
    """Return the transcript that a journal could not keep; None where that is not what went wrong."""
    partial = error.partial if isinstance(error, JournalError) else None
    return partial if isinstance(partial, Transcription) and not partial.gaps else None


def describe_gaps(gaps: Iterable[Span]) -> str:
    """Return from when to when there is nothing."""
    return ", ".join(f"{_clock(begin)}-{_clock(end)}" for begin, end in gaps)


def render_partial(partial: Transcription, formats: Iterable[str], fit: FitOptions) -> dict[str, str]:
    """Return what there is in the forms that the formats name, by the suffixes of their files; each tells its gaps.

    Without segments there is no place for a gap among subtitles: it becomes text.
    """
    note = f"{_MARK} nothing of {describe_gaps(partial.gaps)}]"
    texts = {}
    for form, suffix in (FORMATS[name] for name in formats):
        if form == "json":
            whole = {"partial": note, **partial.to_dict()}
            texts[suffix] = json.dumps(whole, ensure_ascii=False, indent=2) + "\n"
        elif form == "text" or not partial.segments:
            told = partial if partial.segments else attrs.evolve(partial, gaps=())
            texts[UNTIMED_SUFFIX] = f"{note}\n{told.to_text()}"
        else:
            texts[suffix] = _with_cues(partial).render(form, **fit)
    return texts


def _with_cues(partial: Transcription) -> Transcription:
    """Return it with a segment in each gap."""
    told = f"{_MARK} nothing of this]"
    cues = [Segment(id=0, start=begin, end=end, text=told) for begin, end in partial.gaps]
    segments = sorted([*partial.segments, *cues], key=lambda segment: segment.start)
    numbered = tuple(attrs.evolve(each, id=at) for at, each in enumerate(segments))
    return attrs.evolve(partial, segments=numbered, gaps=())


class Partials:
    """Their files, beside those of the transcripts. All of it blocks."""

    def __init__(self, places: Iterable[Path]) -> None:
        """Make ready.

        Args:
            places: Where transcripts go, without suffixes: no partial one may have such a name.
        """
        self._taken = frozenset(places)

    def keep(self, place: Path, suffix: str, text: str) -> Path:
        """Write what there is, unless there is more already, and return where it is.

        Raises:
            OSError: It cannot be written.
        """
        path = next(path for path, is_free in self._names(place, suffix) if is_free or _is_partial(path))
        if not path.is_file() or path.stat().st_size < len(text.encode("utf-8", "replace")):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, text)
        return path

    def remove(self, place: Path) -> None:
        """Remove what there was before the whole was there; what cannot be removed stays."""
        for suffix in {suffix for _, suffix in FORMATS.values()}:
            for path, is_free in self._names(place, suffix):
                if is_free:
                    break
                with suppress(OSError):
                    if _is_partial(path):
                        path.unlink()

    def _names(self, place: Path, suffix: str) -> Iterator[tuple[Path, bool]]:
        """Yield the names that it may have, and whether nothing has them."""
        number = 1
        while True:
            base = f"{place}.partial{'' if number == 1 else f'-{number}'}"
            if Path(base) not in self._taken:
                path = Path(f"{base}{suffix}")
                yield path, not path.exists()
            number += 1


def _is_partial(path: Path) -> bool:
    with suppress(OSError):
        return path.is_file() and _MARK.encode() in path.read_bytes()
    return False


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
