"""What the relay, its ears and its voice are made of, checked where it is given. Pure."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from typing import Any

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.config import check_kind
from zhongzhuan_audio.errors import ConfigurationError

__all__ = [
    "check_engine",
    "check_host",
    "check_model_dir",
    "check_names",
    "check_number",
    "check_voice",
    "check_whole",
]


def check_number(name: str, value: object, *, lowest: float) -> None:
    """Find out whether an argument is a finite number of at least `lowest`.

    Raises:
        ConfigurationError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigurationError(f"{name} must be a number, not {type(value).__name__}")
    if not math.isfinite(value) or value < lowest:
        raise ConfigurationError(f"{name} must be a number of at least {lowest:g}, not {value}")


def check_whole(name: str, value: object, *, lowest: int, highest: float = math.inf) -> None:
    """Find out whether an argument is a whole number from `lowest` to `highest`.

    Raises:
        ConfigurationError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigurationError(f"{name} must be a whole number, not {type(value).__name__}")
    if not lowest <= value <= highest:
        span = f"of at least {lowest}" if highest == math.inf else f"from {lowest} to {highest:g}"
        raise ConfigurationError(f"{name} must be a whole number {span}, not {value}")


def check_host(host: object) -> None:
    """Find out whether `host` may be an address or a name to listen on.

    Raises:
        ConfigurationError: It cannot.
    """
    if not isinstance(host, str):
        raise ConfigurationError(f"host must be a string, not {type(host).__name__}")
    if not host.strip() or " " in host or not host.isprintable():
        state = "holds a blank or a control character" if host.strip() else "is empty"
        raise ConfigurationError(f"host {state}", hint="127.0.0.1 is this machine, 0.0.0.0 all of its addresses")


def check_model_dir(model_dir: object) -> None:
    """Find out whether `model_dir` can be a path, or is None.

    Raises:
        ConfigurationError: It is neither.
    """
    check_kind("model_dir", model_dir, (str, os.PathLike), "a path")
    if model_dir == "":
        raise ConfigurationError(
            "model_dir is empty",
            hint=Advice(
                "None means the model that is installed",
                command="without --model-dir it is the model that is installed",
            ),
        )


def check_names(name: str, value: Iterable[str]) -> tuple[str, ...]:
    """Return some names as a tuple.

    Raises:
        ConfigurationError: They are not some strings, none of them empty.
    """
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigurationError(f"{name} must be a list of names, not {type(value).__name__}")
    names = tuple(value)
    if not names or not all(isinstance(each, str) and each for each in names):
        raise ConfigurationError(f"{name} must be a list of names, none of them empty")
    return names


def check_engine(engine: object) -> None:
    """Find out whether something has what the relay asks of its ears.

    Raises:
        ConfigurationError: It has not.
    """
    if isinstance(engine, type):
        raise ConfigurationError(
            f"engine must be an engine, not the class {engine.__name__}", hint=f"{engine.__name__}()"
        )
    if not callable(getattr(engine, "transcribe", None)) or not hasattr(engine, "models"):
        hint = "ScriptedEngine(...) answers as it is told" if isinstance(engine, str) else None
        raise ConfigurationError(
            f"engine must have models and an async transcribe(path, options), unlike {type(engine).__name__}", hint=hint
        )


def check_voice(voice: Any) -> Any:
    """Return what the relay can ask to speak.

    Raises:
        ConfigurationError: It has not what is asked of a voice.
    """
    if isinstance(voice, type):
        raise ConfigurationError(f"voice must be a voice, not the class {voice.__name__}", hint=f"{voice.__name__}()")
    if not callable(getattr(voice, "speak", None)) or not hasattr(voice, "models"):
        hint = "ScriptedVoice(...) says what it is told" if isinstance(voice, str | bytes) else None
        raise ConfigurationError(
            f"voice must have models and an async speak(options), unlike {type(voice).__name__}", hint=hint
        )
    return voice
