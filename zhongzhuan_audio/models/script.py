"""Chinese in one script: simplified or traditional."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Literal, TypeAlias, get_args

from zhongzhuan_audio.errors import ConfigurationError, MissingExtraError

__all__ = ["Script", "convert_pieces", "converter_to"]

Script: TypeAlias = Literal["simplified", "traditional"]
"""How Chinese is written."""

# JSON can hold half of a surrogate pair, which OpenCC does not take, and a NUL, which it may drop.
_NOT_FOR_OPENCC = re.compile("([\ud800-\udfff\0])")
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
            parts[::2] = [convert(part) for part in parts[::2]]
        return "".join(parts)

    return converted
