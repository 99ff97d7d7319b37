"""Where a text may be broken, how wide it is on a screen, and which breaks make the best of it. Pure.

The rules for Chinese and Japanese are the core of JIS X 4051 and GB/T 15834: a line neither begins with a closing mark
nor ends with an opening one. Scripts that use no blanks and that only a dictionary can break (Thai, Lao, Khmer,
Burmese) are broken as a word that is longer than a line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Literal, TypeAlias

import attrs

__all__ = ["Atom", "Break", "atoms_of", "best_parts", "is_opening", "is_spaced", "width_of"]

Break: TypeAlias = Literal["sentence", "clause", "word", "character", "inside"]
"""What a break would come after: the end of a sentence or a clause, a word, a Chinese or Japanese character; or it is
inside of a word, which is one in katakana or longer than a line."""

_STRETCH = re.compile(r"\S+")
_STICKY_BLANKS = frozenset("\u00a0\u2007\u202f")
_SENTENCE_ENDS = frozenset(".?!…。？！｡")
_CLAUSE_ENDS = frozenset(",;:，；：、､—–")
_QUOTES = frozenset("\"'＂＇")
_JOINER = "\u200d"
_OPENING = frozenset({"Ps", "Pi"})
_CLOSING = frozenset({"Pe", "Pf"})
_INVISIBLE = frozenset({"Mn", "Mc", "Me", "Cf"})
_MARKS = _INVISIBLE | {"Sk"}
_NEVER_FIRST_KINDS = _MARKS | _CLOSING | {"Po", "Pd", "Lm"}
_NEVER_FIRST = frozenset("〜～ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ")


@attrs.frozen
class Atom:
    """A stretch of text that stays on one line."""

    text: str
    at: int
    """Where in the text it begins."""
    glue: str
    """What stands between it and the atom before where both are on one line: a blank or nothing."""
    after: Break
    """What a break behind it would come after."""
    width: int
    """In half-width characters."""


def width_of(text: str) -> int:
    """Return how wide a text is on a screen, in half-width characters.

    Full-width characters count as two, combining marks and invisible ones as none.

    >>> width_of("Hello"), width_of("你好。"), width_of("e\u0301")
    (5, 6, 1)
    """
    return len(text) if text.isascii() else sum(map(_char_width, text))


def is_opening(char: str) -> bool:
    """Tell brackets and quotes that belong to what comes after them."""
    return unicodedata.category(char) in _OPENING


def is_spaced(char: str) -> bool:
    """Tell characters of scripts with blanks between words, as far as full width tells them: Korean is one of them."""
    return not _is_east_asian(char)


def atoms_of(text: str, max_width: int) -> tuple[Atom, ...]:
    """Take a text apart at all places where a line may end.

    Args:
        text: Line ends in it count as blanks, and as nothing between two full-width characters.
        max_width: Of a line; a word that is wider is taken apart between characters.

    Returns:
        Atoms none of which is wider, but for a single character that is; all that is not blank is in one of them.
    """
    atoms: list[Atom] = []
    for at, chunk, glue in _chunks(text):
        start = 0
        for end in [*_breaks(chunk), len(chunk)]:
            cuts = _forced(chunk, start, end, max_width)
            for cut in cuts:
                piece = chunk[start:cut]
                kind: Break = "inside" if cut != end else _kind(chunk, end)
                atoms.append(Atom(piece, at + start, glue if start == 0 else "", kind, width_of(piece)))
                start = cut
    return tuple(atoms)


def best_parts(count: int, costs: Callable[[int], Iterator[float]]) -> list[tuple[int, int]]:
    """Part a row of things into consecutive parts so that their costs sum to the least.

    Args:
        count: How many things there are.
        costs: Given where a part begins, yields what it costs if it ends after one thing, two things, and so on, as
            far as it may reach; at least one.

    Returns:
        Begin and end of each part.
    """
    least = [0.0] + [float("inf")] * count
    came_from = [0] * (count + 1)
    for begin in range(count):
        for end, cost in enumerate(costs(begin), start=begin + 1):
            if least[begin] + cost < least[end]:
                least[end], came_from[end] = least[begin] + cost, begin
    parts = []
    end = count
    while end:
        parts.append((came_from[end], end))
        end = came_from[end]
    return parts[::-1]


def _char_width(char: str) -> int:
    if unicodedata.category(char) in _INVISIBLE:
        return 0
    return 2 if _is_wide(char) else 1


def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"


def _chunks(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield where each stretch between blanks begins, the stretch, and what joins it to the one before."""
    before, end = "", 0
    for found in _STRETCH.finditer(text):
        blank = text[end : found.start()] if before else ""
        across_lines = "\n" in blank and _is_wide(before[-1]) and _is_wide(found[0][0])
        yield found.start(), found[0], "" if across_lines else blank if blank in _STICKY_BLANKS else " "
        before, end = found[0], found.end()


def _breaks(chunk: str) -> list[int]:
    """Return the places within a stretch without blanks where a line may end."""
    return [] if chunk.isascii() else [at for at in range(1, len(chunk)) if _may_break(chunk[at - 1], chunk[at])]


def _may_break(left: str, right: str) -> bool:
    if not (_is_east_asian(left) or _is_east_asian(right)):
        return False
    if right in _NEVER_FIRST or left == _JOINER or left in _QUOTES or right in _QUOTES:
        return False
    return not is_opening(left) and unicodedata.category(right) not in _NEVER_FIRST_KINDS


def _is_east_asian(char: str) -> bool:
    """Tell characters that lines may end beside: those of full width, but for Korean, which has words."""
    return _is_wide(char) and not unicodedata.name(char, "").startswith("HANGUL")


def _forced(chunk: str, start: int, end: int, max_width: int) -> list[int]:
    """Return the ends of the pieces of chunk[start:end] that are no wider than a line."""
    if width_of(chunk[start:end]) <= max_width:
        return [end]
    cuts, width = [], 0
    characters = [*_characters(chunk, start, end), end]
    for begin, after in pairwise(characters):
        more = width_of(chunk[begin:after])
        if width and width + more > max_width:
            cuts.append(begin)
            width = 0
        width += more
    return [*cuts, end]


def _characters(chunk: str, start: int, end: int) -> Iterator[int]:
    """Yield where each begins of what a reader sees as one character: with its marks, a joined emoji, a flag."""
    half_a_flag = False
    for at in range(start, end):
        char = chunk[at]
        second_half = half_a_flag and _is_flag(char)
        half_a_flag = _is_flag(char) and not second_half
        joined = chunk[at - 1] == _JOINER or unicodedata.category(char) in _MARKS
        if at == start or not (second_half or joined):
            yield at


def _is_flag(char: str) -> bool:
    """Tell the letters two of which make a flag."""
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _kind(chunk: str, end: int) -> Break:
    """Return what a break after chunk[:end] comes after."""
    at = end - 1
    while at > 0 and (unicodedata.category(chunk[at]) in _CLOSING or chunk[at] in _QUOTES):
        at -= 1
    last = chunk[at]
    if last in _SENTENCE_ENDS:
        return "sentence"
    if last in _CLAUSE_ENDS:
        return "clause"
    if end == len(chunk):
        return "word"
    return "inside" if _is_katakana(last) and _is_katakana(chunk[end]) else "character"


def _is_katakana(char: str) -> bool:
    return "\u30a1" <= char <= "\u30fa" or char in "ーヽヾ"
