"""Cues made fit to watch: lines that fit a screen, and times that leave room to read. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate

import attrs

from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.subtitles.breaking import Atom, Break, atoms_of, best_parts, width_of
from zhongzhuan_audio.subtitles.formats import Cue, name_of, with_name
from zhongzhuan_audio.subtitles.timing import Clock, PlacedWord, place_words

__all__ = ["Fit", "fit_cues"]

_SHORTEST_MS = 500
_MUCH = 1e6
_WEIGHT_OF_A_BREAK: dict[Break, float] = {"sentence": 0.0, "clause": 0.1, "word": 0.3, "character": 0.5, "inside": 1.0}
_WEIGHT_WITHIN = 0.7
_PAUSE_S = 0.3
_WEIGHT_OF_A_PAUSE = 0.5
_MIN_CHARS = 2


def _check_whole(least: int, name: str, value: object) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        raise ConfigurationError(f"{name} must be a whole number of at least {least}, not {value!r}")


def _check_number(name: str, value: object, *, above_zero: bool) -> None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if value is not None and not (good and (value > 0 or (value == 0 and not above_zero))):  # type: ignore[operator]
        raise ConfigurationError(f"{name} must be a number {'above' if above_zero else 'of at least'} 0, not {value!r}")


@attrs.frozen(kw_only=True)
class Fit:
    """What a cue must fit; None sets no bound.

    Raises:
        ConfigurationError: A value is out of range, or `max_lines` is given without `max_chars`.
    """

    max_chars: int | None = None
    """Half-width characters on a line, at least 2; a full-width one counts as two."""
    max_lines: int | None = None
    """Lines on the screen at a time."""
    min_gap_s: float | None = None
    """Seconds between two cues."""
    max_cps: float | None = None
    """Characters a second, counted as in `max_chars`."""

    def __attrs_post_init__(self) -> None:
        _check_whole(_MIN_CHARS, "max_chars", self.max_chars)
        _check_whole(1, "max_lines", self.max_lines)
        _check_number("min_gap_s", self.min_gap_s, above_zero=False)
        _check_number("max_cps", self.max_cps, above_zero=True)
        if self.max_lines is not None and self.max_chars is None:
            raise ConfigurationError("max_lines needs max_chars: a line may be of any length without it")


def fit_cues(
    cues: Sequence[Cue],
    fit: Fit,
    words: Sequence[Cue] = (),
    *,
    until_s: float | None = None,
    named: bool = False,
) -> list[Cue]:
    """Return cues that fit, in the order of their starts.

    With `max_chars` a text is broken into balanced lines, and with `max_lines` a cue with more of them is split into
    several: at the ends of sentences and clauses where that serves, at words, between Chinese or Japanese characters;
    within a word only where it alone is longer than a line. A part's times are those of its words, or go by its share
    of the characters. `min_gap_s` ends a cue sooner, though none is cut to less than half a second; `max_cps` lets it
    stand longer where nothing else is shown. Only blanks, and line ends with them, are changed in a text.

    Args:
        cues: A cue without a text is left out; a time that is no number counts as 0.
        fit: What they must fit.
        words: The words of these texts, with their times.
        until_s: Where the recording ends; no cue is made to stand longer. None sets no end.
        named: Whether the speaker's name is to be the beginning of each text, as in ``Bob: Hello``, and of its first
            line's length. It has a line of its own where the first word has no room beside it.

    Returns:
        Cues in whole milliseconds, with their speakers; without, where the names are in the texts.
    """
    usable = [attrs.evolve(cue, start=(at := _seconds(cue.start)), end=max(at, _seconds(cue.end))) for cue in cues]
    usable = sorted((cue for cue in usable if cue.text.strip()), key=lambda cue: cue.start)
    parts = [with_name(cue) for cue in usable] if named else usable
    if fit.max_chars is not None:
        placed = place_words(usable, words) if fit.max_lines else [[] for _ in usable]
        parts = [
            part
            for cue, its_words in zip(usable, placed, strict=True)
            for part in _broken(cue, its_words, words, fit, named=named)
        ]
    return _with_room(sorted(parts, key=lambda cue: cue.start), fit, until_s)


def _broken(cue: Cue, placed: list[PlacedWord], words: Sequence[Cue], fit: Fit, *, named: bool) -> Iterator[Cue]:
    """Yield a cue with its text in lines, or several where it needs more of them than there may be."""
    max_chars, max_lines = fit.max_chars or _MIN_CHARS, fit.max_lines
    name = f"{who}:" if named and (who := name_of(cue)) else ""
    speaker = None if named else cue.speaker
    beside = width_of(name) + 1 if name else 0
    atoms = atoms_of(cue.text, max(_MIN_CHARS, max_chars - beside) if max_lines == 1 else max_chars)
    if max_lines is None or len(list(_lengths(atoms, 0, max_chars, max_lines, beside))) == len(atoms):
        yield Cue(cue.start, cue.end, _in_lines(atoms, max_chars, name), speaker)
        return
    clock = Clock(cue, placed, words)
    for begin, end in _split(atoms, clock, max_chars, max_lines, beside):
        start_s = cue.start if begin == 0 else clock.begin_of(atoms[begin].at)
        end_s = cue.end if end == len(atoms) else clock.end_of(_end(atoms[end - 1]))
        yield Cue(start_s, max(start_s, end_s), _in_lines(atoms[begin:end], max_chars, name), speaker)


def _split(atoms: Sequence[Atom], clock: Clock, max_chars: int, max_lines: int, beside: int) -> list[tuple[int, int]]:
    """Part atoms into as few cues as hold them, of like lengths, with breaks where speech has them."""
    before = _widths(atoms)
    room = max(1, max_chars * max_lines - beside)
    breaks = [_cost_of_break(atoms, clock, end) for end in range(1, len(atoms))]
    ideal = before[-1] / max(1, math.ceil(before[-1] / room))

    def costs(begin: int) -> Iterator[float]:
        for length in _lengths(atoms, begin, max_chars, max_lines, beside):
            end = begin + length
            uneven = (before[end] - before[begin] - ideal) / room
            yield _MUCH + uneven**2 + (breaks[end - 1] if end < len(atoms) else 0)

    return best_parts(len(atoms), costs)


def _cost_of_break(atoms: Sequence[Atom], clock: Clock, end: int) -> float:
    pause_s = clock.begin_of(atoms[end].at) - clock.end_of(_end(atoms[end - 1]))
    return _WEIGHT_OF_A_BREAK[atoms[end - 1].after] - (
        _WEIGHT_OF_A_PAUSE * min(pause_s, 1.0) if pause_s >= _PAUSE_S else 0
    )


def _in_lines(atoms: Sequence[Atom], max_chars: int, name: str) -> str:
    """Return the text of atoms, behind a name where there is one, in as few lines as hold it, of like lengths."""
    if name:
        first = Atom(name, 0, "", "inside", width_of(name))
        atoms = [first, attrs.evolve(atoms[0], glue=" "), *atoms[1:]]
    before = _widths(atoms)
    ideal = before[-1] / math.ceil(before[-1] / max_chars) if before[-1] else 0

    def costs(begin: int) -> Iterator[float]:
        for length in _lengths(atoms, begin, max_chars, 1):
            end = begin + length
            uneven = (before[end] - before[begin] - ideal) / max_chars
            yield (
                _MUCH
                + uneven**2
                + (_WEIGHT_WITHIN * _WEIGHT_OF_A_BREAK[atoms[end - 1].after] if end < len(atoms) else 0)
            )

    return "\n".join(
        "".join(atom.text if at == begin else atom.glue + atom.text for at, atom in enumerate(atoms[begin:end], begin))
        for begin, end in best_parts(len(atoms), costs)
    )


def _lengths(atoms: Sequence[Atom], begin: int, max_chars: int, max_lines: int, beside: int = 0) -> Iterator[int]:
    """Yield 1, 2 and so on, as many atoms from `begin` on as fit in so many lines; at least 1.

    Of the first line, as much as `beside` is taken by a name and the blank after it.
    """
    lines, width = 1, beside + atoms[begin].width
    if beside and width > max_chars:
        lines, width = 2, atoms[begin].width
    yield 1
    if lines > max_lines:
        return
    for at in range(begin + 1, len(atoms)):
        width += len(atoms[at].glue) + atoms[at].width
        if width > max_chars:
            lines, width = lines + 1, atoms[at].width
            if lines > max_lines:
                return
        yield at + 1 - begin


def _widths(atoms: Sequence[Atom]) -> list[int]:
    """Return how wide the text is before each atom, and in all."""
    return [0, *accumulate(len(atom.glue) + atom.width for atom in atoms)]


def _end(atom: Atom) -> int:
    return atom.at + len(atom.text)


def _with_room(cues: Sequence[Cue], fit: Fit, until_s: float | None) -> list[Cue]:
    """Return cues in whole milliseconds that end in time for the next, or later where the text takes longer to read."""
    gap = math.ceil(round((fit.min_gap_s or 0) * 1000, 6))
    starts = [round(cue.start * 1000) for cue in cues]
    fitted = []
    for at, cue in enumerate(cues):
        start, end = starts[at], round(cue.end * 1000)
        latest = starts[at + 1] - gap if at + 1 < len(cues) else None
        if fit.min_gap_s is not None and latest is not None and end > latest:
            end = max(latest, min(end, start + _SHORTEST_MS))
        if fit.max_cps is not None:
            wanted = start + math.ceil(width_of(cue.text.replace("\n", "")) / fit.max_cps * 1000)
            bounds = [wanted, *([latest] if latest is not None else [])]
            if latest is None and until_s is not None:
                bounds.append(round(_seconds(until_s) * 1000))
            end = max(end, min(bounds))
        fitted.append(Cue(start / 1000, end / 1000, cue.text, cue.speaker))
    return fitted


def _seconds(time: float) -> float:
    """Return what subtitles can show of a time."""
    return max(0.0, time) if math.isfinite(time * 1000) else 0.0
