"""Samples of known voices -> data URLs, as the wire wants them."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from zhongzhuan_audio.audio import sniff
from zhongzhuan_audio.errors import AudioSourceError, ConfigurationError, UnsupportedAudioError
from zhongzhuan_audio.protocol.form import content_type
from zhongzhuan_audio.upload.readers import in_thread

__all__ = ["SpeakerReference", "list_references", "read_references"]

SpeakerReference: TypeAlias = str | os.PathLike[str] | bytes
"""A path, the bytes of a recording, or a data URL."""

_MOST_BYTES = 8 * 1024 * 1024
"""Ten seconds, the most that a reference may last, are 4 MB in the largest format: 96 kHz, stereo, 16 bits."""


def list_references(references: Sequence[SpeakerReference] | None) -> tuple[SpeakerReference, ...]:
    """Return the references that were given.

    Raises:
        ConfigurationError: They are no list.
    """
    if references is None:
        return ()
    if isinstance(references, (str, bytes, bytearray, memoryview)) or not isinstance(references, Iterable):
        raise ConfigurationError(
            f"known_speaker_references must be a list, not {type(references).__name__}", hint="give a list of paths"
        )
    return tuple(references)


async def read_references(references: Iterable[SpeakerReference]) -> tuple[str, ...]:
    """Return each reference as a data URL; files are read in a worker thread.

    Raises:
        ConfigurationError: One is of no kind that can be sent.
        AudioSourceError: One cannot be read, or is too large for ten seconds.
        UnsupportedAudioError: One is no recording.

    Source: OpenAI's API reference, ``known_speaker_references``: data URLs of 2 to 10 seconds each.
    """
    return tuple([await in_thread(_data_url, reference) for reference in references])


def _data_url(reference: SpeakerReference) -> str:
    if isinstance(reference, str) and reference.startswith("data:"):
        return reference
    if isinstance(reference, (bytes, bytearray, memoryview)):
        label, data = "a speaker's reference", bytes(reference)
    elif isinstance(reference, (str, os.PathLike)):
        label = os.fspath(reference)
        try:
            with Path(label).open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
        except OSError as error:
            raise AudioSourceError(
                f"cannot read {label}: {error.strerror or error}", hint="check the path", source=label
            ) from error
    else:
        raise ConfigurationError(
            f"known_speaker_references holds a {type(reference).__name__}", hint="give paths, bytes or data URLs"
        )
    if len(data) > _MOST_BYTES:
        raise AudioSourceError(
            f"{label} is larger than ten seconds can be", hint="a reference lasts 2 to 10 seconds", source=label
        )
    kind = sniff(data)
    if kind is None:
        raise UnsupportedAudioError(f"{label} is no recording", hint="a reference lasts 2 to 10 seconds", source=label)
    return f"data:{content_type(kind.extension)};base64,{base64.b64encode(data).decode()}"
