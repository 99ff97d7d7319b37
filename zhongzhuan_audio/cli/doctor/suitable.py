"""Models that can transcribe, known by their names. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["choose_model", "suitable_models"]

_PREFERRED = "whisper-1"
_SUITABLE = re.compile(r"whisper|transcribe|asr(?![a-z])|sensevoice|paraformer|voxtral", re.IGNORECASE)
"""OpenAI's, and those that relays in China resell: Qwen3-ASR, TeleSpeechASR, SenseVoice, Paraformer."""


def suitable_models(names: Iterable[str]) -> tuple[str, ...]:
    """Return those that can transcribe, as far as a name tells, in their order."""
    return tuple(name for name in names if _SUITABLE.search(name))


def choose_model(names: Iterable[str]) -> str | None:
    """Return the model to try: whisper-1 where it is there, or else the first that can transcribe."""
    suitable = suitable_models(names)
    return _PREFERRED if _PREFERRED in suitable else next(iter(suitable), None)
