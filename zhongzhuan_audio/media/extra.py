"""What the extra ``[media]`` brings."""

from __future__ import annotations

from importlib.util import find_spec

from zhongzhuan_audio.errors import MissingExtraError

__all__ = ["check_media"]

_PACKAGES = ("av", "numpy", "pysilk", "faster_whisper", "onnxruntime")


def check_media() -> None:
    """Look whether the extra is installed; nothing of it is imported.

    Raises:
        MissingExtraError: It is not, or not whole.
    """
    missing = [package for package in _PACKAGES if find_spec(package) is None]
    if missing:
        raise MissingExtraError(
            f"what converts and cuts recordings is not installed ({', '.join(missing)})", extra="media"
        )
