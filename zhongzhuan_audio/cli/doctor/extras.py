"""Which extras of the package are installed."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterable
from importlib import metadata

import attrs

__all__ = ["PURPOSES", "Extra", "find_extras", "read_extras"]

PURPOSES = {
    "cli": "this command",
    "media": "decode, compress and cut recordings",
    "zh": "simplified and traditional script",
    "local": "the embedded relay's ears",
    "voice": "the embedded relay's voice",
    "notebook": "bars in a notebook",
    "speed": "a faster loop and faster JSON",
}
"""What each extra that a user may want is for."""

_PACKAGE = "zhongzhuan-audio"
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+).*;.*\bextra\s*==\s*[\"']([a-z]+)[\"']")
_NOT_ON_WINDOWS = re.compile(r"platform_system\s*!=\s*[\"']Windows[\"']")


@attrs.frozen(kw_only=True)
class Extra:
    """An extra, and what it stands on."""

    name: str
    installed: tuple[str, ...]
    """Names and versions."""
    missing: tuple[str, ...]
    """Names."""


def find_extras() -> tuple[Extra, ...]:
    """Return the extras as they are installed here. Reads some files."""
    return read_extras(metadata.requires(_PACKAGE) or (), _version)


def read_extras(
    requirements: Iterable[str],
    version: Callable[[str], str | None],
    *,
    system: str | None = None,
) -> tuple[Extra, ...]:
    """Return each extra that has a purpose, in that order. Pure.

    Args:
        requirements: The package's own, as its metadata have them: ``av>=14; extra == 'media'``.
        version: Gives a package's version, or None where it is not installed.
        system: The operating system's name; None takes this one's.
    """
    needed: dict[str, list[str]] = {name: [] for name in PURPOSES}
    for requirement in requirements:
        found = _REQUIREMENT.match(requirement)
        if found is None or found[2] not in needed or found[1].replace("_", "-").lower() == _PACKAGE:
            continue
        if (system or platform.system()) != "Windows" or not _NOT_ON_WINDOWS.search(requirement):
            needed[found[2]].append(found[1])
    return tuple(
        Extra(
            name=name,
            installed=tuple(f"{package} {number}" for package in packages if (number := version(package))),
            missing=tuple(package for package in packages if not version(package)),
        )
        for name, packages in needed.items()
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
