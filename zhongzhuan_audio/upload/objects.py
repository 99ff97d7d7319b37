"""What an object that was given as a recording tells of itself."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import PurePath
from typing import Any

from zhongzhuan_audio.errors import ConfigurationError

__all__ = ["flat", "is_seekable", "name_of"]


def flat(data: bytes | bytearray | memoryview) -> memoryview:
    """Return bytes as a view of single bytes.

    Raises:
        ConfigurationError: They do not lie in one piece.
    """
    try:
        return memoryview(data).cast("B")
    except (TypeError, ValueError) as error:
        # It has gaps or was released.
        raise ConfigurationError(f"the memoryview cannot be sent: {error}", hint="give bytes") from error


def name_of(file: object) -> str | None:
    """Return the name that a file object or an upload has, without its folders; None where it has none."""
    # Werkzeug's uploads have both: `name` is the form field's there. Before Python 3.12 a GzipFile warns at `filename`.
    attributes = ("name", "filename") if isinstance(file, io.IOBase) else ("filename", "name")
    for attribute in attributes:
        # A property may fail: the one of a zipfile.Path in an archive that has no name itself does.
        with suppress(Exception):
            name = getattr(file, attribute)
            if isinstance(name, (str, bytes, os.PathLike)) and not (text := os.fsdecode(name)).startswith("<"):
                return PurePath(text).name
    return None


def is_seekable(file: Any) -> bool:
    """Tell whether a file object can be read again from where it stands. May block."""
    if not (callable(getattr(file, "seek", None)) and callable(getattr(file, "tell", None))):
        return False
    seekable = getattr(file, "seekable", None)
    return bool(seekable()) if callable(seekable) else True
