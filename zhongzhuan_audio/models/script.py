"""Chinese in one script: simplified or traditional."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Literal, TypeAlias, get_args

from zhongzhuan_audio.errors import ConfigurationError, MissingExtraError

__all__ = ["Script", "convert_pieces", "converter_to"]

Script: TypeAlias = Literal["simplified", "traditional"]
"""How Chinese is written."""

# JSON can hold half of a surrogate pair, which OpenCC does not take, and a NUL, which it may drop.
_NOT_FOR_OPENCC = re.compile("([\ud800-\udfff\0])")
_PART_CHARS = 4000
"""What is converted at a time, in a millisecond: OpenCC lets no other thread run meanwhile."""
_ENDS = frozenset("\n 。！？，、；：.!?,;:")
_NEARBY = 16
"""No phrase of OpenCC's is longer."""
# To simplified first: what is traditional already would be taken for simplified, and 干擾 would become 幹擾.
_CONFIGURATIONS: dict[Script, tuple[str, ...]] = {"simplified": ("t2s",), "traditional": ("t2s", "s2tw")}


def converter_to(script: Script) -> Callable[[str], str]:
    """Return what converts text to a script, whatever mixture it is in. Reads dictionaries the first time.

    Raises:
        ConfigurationError: There is no such script.
        MissingExtraError: OpenCC is not installed.
    """
    if script not in get_args(Script):
        raise ConfigurationError(f"script must be 'simplified' or 'traditional', not {script!r}")
    return _converter(_CONFIGURATIONS[script])


def convert_pieces(pieces: Sequence[str], convert: Callable[[str], str]) -> list[str]:
    """Convert the pieces of a text as the whole that they make, so that a phrase that they share is still one.

    Args:
        pieces: In order, such as words or segments.
        convert: What converts a text.

    Returns:
        As many pieces. Where a conversion changes the length of the whole, each is converted by itself.
    """
    whole = "".join(pieces)
    converted = convert(whole)
    if len(converted) != len(whole):
        return [convert(piece) for piece in pieces]
    ends = [0]
    for piece in pieces:
        ends.append(ends[-1] + len(piece))
    return [converted[begin:end] for begin, end in pairwise(ends)]


@cache
def _converter(configurations: tuple[str, ...]) -> Callable[[str], str]:
    try:
        # The extra is optional.
        from opencc import OpenCC
    except ImportError as error:
        raise MissingExtraError("what converts Chinese scripts is not installed (opencc)", extra="zh") from error
    steps = [OpenCC(configuration).convert for configuration in configurations]

    def converted(text: str) -> str:
        parts = _NOT_FOR_OPENCC.split(text)
        for convert in steps:
            parts[::2] = [_convert_long(part, convert) for part in parts[::2]]
        return "".join(parts)

    return converted


def _convert_long(text: str, convert: Callable[[str], str]) -> str:
    if len(text) <= _PART_CHARS:
        return convert(text)
    return "".join(convert(part) for part in _parts(text, convert))


def _parts(text: str, convert: Callable[[str], str]) -> Iterator[str]:
    """Yield a text in parts that give the same, converted each by itself."""
    begin = 0
    while len(text) - begin > _PART_CHARS:
        end = begin + _PART_CHARS
        least = begin + _PART_CHARS // 2
        cut = next((at for at in range(end, least, -1) if text[at - 1] in _ENDS), None)
        if cut is None:
            cut = next((at for at in range(end, least, -1) if _is_seam(text, at, convert)), end)
        yield text[begin:cut]
        begin = cut
    yield text[begin:]


def _is_seam(text: str, at: int, convert: Callable[[str], str]) -> bool:
    """Whether what is on either side of a place is converted without regard to the other."""
    before, after = text[at - _NEARBY : at], text[at : at + _NEARBY]
    return convert(before + after) == convert(before) + convert(after)
