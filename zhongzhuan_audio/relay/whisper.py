"""The embedded relay's ears: Whisper through faster-whisper, on the CPU, with no hub and no key."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, final

import attrs

from zhongzhuan_audio.config import check_kind
from zhongzhuan_audio.errors import MissingExtraError
from zhongzhuan_audio.models import Segment, Word
from zhongzhuan_audio.relay.checks import check_model_dir, check_names, check_whole
from zhongzhuan_audio.relay.decode import SAMPLE_RATE, CancelledInThreadError, decode
from zhongzhuan_audio.relay.engines import TRANSCRIPTION_MODELS, Recognition, TranscribeOptions
from zhongzhuan_audio.relay.refusals import bad_request, invalid_language
from zhongzhuan_audio.relay.shared import SharedModel, share
from zhongzhuan_audio.relay.weights import Weights, find_weights
from zhongzhuan_audio.telemetry import opt_out
from zhongzhuan_audio.threads import in_thread

__all__ = ["WhisperEngine"]

_BEAM_SIZE = 5
_MAX_THREADS = 4
_MIN_AUDIO_S = 0.1
_LEAST_FRAMES = 2
"""The encoder makes one of two frames of 10 ms, so that of less there is nothing to find words in."""


def _share(weights: Weights, cpu_threads: int) -> SharedModel:
    def load() -> Any:
        # An extra, and a second of import time: here, where it is needed.
        opt_out()
        from faster_whisper import WhisperModel

        model = WhisperModel(device="cpu", compute_type="int8", cpu_threads=cpu_threads, **weights.arguments())
        model.find_alignment = _aligning(model.find_alignment)
        return model

    return share((weights, cpu_threads), load, "zhongzhuan-whisper")


def _aligning(find: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """Return what finds words where there is sound enough for that, and none where there is not.

    Text that Whisper invents behind the last word may have a single frame left. CTranslate2 aligns nothing then, or, an
    older one, divides by zero; faster-whisper 1.2 fails with an IndexError.

    Source: SYSTRAN/faster-whisper issue 1342 and pull request 1460.
    """

    def find_alignment(tokenizer: Any, texts: Sequence[Any], encoded: Any, frames: int, **more: Any) -> list[Any]:
        if frames < _LEAST_FRAMES:
            return [[] for _ in texts]
        return find(tokenizer, texts, encoded, frames, **more)

    return find_alignment


@final
class WhisperEngine:
    """Hears with a Whisper model; all engines of a process that use one model share it, one recognition at a time."""

    def __init__(
        self,
        model_dir: str | os.PathLike[str] | None = None,
        *,
        cpu_threads: int = 0,
        allow_download: bool = False,
        models: tuple[str, ...] = TRANSCRIPTION_MODELS,
    ) -> None:
        """Make an engine; the model is loaded at the first recording, or by `load`.

        Args:
            model_dir: A CTranslate2 Whisper directory. None means the one that ``ZHONGZHUAN_WHISPER_DIR`` names, else
                the model that the extra ``local`` installs.
            cpu_threads: Threads of one recognition; 0 means one for each core, and four at most.
            allow_download: Let faster-whisper ask the Hugging Face hub for a `model_dir` that is a model's name. Else
                nothing is ever asked of any network.
            models: The names that requests may ask for; all of them mean this model.

        Raises:
            MissingExtraError: faster-whisper or the model is not installed.
            ConfigurationError: A value cannot be used.
        """
        check_model_dir(model_dir)
        check_whole("cpu_threads", cpu_threads, lowest=0)
        check_kind("allow_download", allow_download, bool, "a bool")
        self.models: tuple[str, ...] = check_names("models", models)
        if find_spec("faster_whisper") is None:
            raise MissingExtraError("the embedded relay's ears are not installed (faster_whisper)", extra="local")
        self._weights = find_weights(model_dir, allow_download=allow_download)
        # CTranslate2's own default is four on any machine: on two cores that measured a fifth slower than two.
        self._cpu_threads = cpu_threads or min(_MAX_THREADS, os.cpu_count() or 1)

    async def check(self) -> None:
        """Look whether the model's files are there, without loading them.

        Raises:
            ConfigurationError: They are not.
        """
        await in_thread(self._weights.check)

    async def load(self) -> None:
        """Load the model now, in its thread.

        Raises:
            ConfigurationError: Its files are not what they must be.
        """
        await _share(self._weights, self._cpu_threads).run(lambda _: None)

    async def transcribe(self, path: Path, options: TranscribeOptions) -> Recognition:
        """Hear the recording; waits its turn.

        Raises:
            BadRequestError: The bytes are no audio, too short, or the model does not know the language.
            ConfigurationError: The model cannot be loaded.
        """
        shared = _share(self._weights, self._cpu_threads)
        cancelled = threading.Event()
        return await shared.run(lambda model: _recognise(model, path, options, cancelled), cancelled=cancelled)

    async def stream(self, path: Path, options: TranscribeOptions) -> AsyncIterator[Segment | Recognition]:
        """Hear the recording and tell each segment as it is heard; waits its turn for each.

        Raises:
            BadRequestError: As for `transcribe`, while the iterator runs.
            ConfigurationError: As for `transcribe`, while the iterator runs.
        """
        return self._segments(path, options)

    async def _segments(self, path: Path, options: TranscribeOptions) -> AsyncIterator[Segment | Recognition]:
        shared = _share(self._weights, self._cpu_threads)
        cancelled = threading.Event()
        pieces, info = await shared.run(lambda model: _begin(model, path, options, cancelled), cancelled=cancelled)
        heard: list[Any] = []
        # A turn for each segment: a client that reads slowly holds up nobody else.
        while (piece := await shared.run(lambda _: next(pieces, None))) is not None:
            heard.append(piece)
            segment = _segment(len(heard) - 1, piece)
            yield segment if segment.id else attrs.evolve(segment, text=segment.text.lstrip())
        yield _recognition(heard, info)


def _recognise(model: Any, path: Path, options: TranscribeOptions, cancelled: threading.Event) -> Recognition:
    pieces, info = _begin(model, path, options, cancelled)
    heard = []
    for piece in pieces:
        heard.append(piece)
        if cancelled.is_set():
            raise CancelledInThreadError
    return _recognition(heard, info)


def _begin(model: Any, path: Path, options: TranscribeOptions, cancelled: threading.Event) -> tuple[Iterator[Any], Any]:
    """Return the pieces, which are heard as they are asked for, and what is known of them all."""
    samples = decode(path, cancelled)
    if len(samples) < _MIN_AUDIO_S * SAMPLE_RATE:
        message = f"Audio file is too short. Minimum audio length is {_MIN_AUDIO_S} seconds."
        raise bad_request(message, param="file", code="audio_too_short")
    pieces, info = model.transcribe(
        samples,
        language=_known_language(model, options.language),
        task=options.task,
        initial_prompt=options.prompt,
        temperature=options.temperature,
        beam_size=_BEAM_SIZE,
        # Told what it heard before, it repeats that to the end of a long recording once it has begun to.
        condition_on_previous_text=False,
        word_timestamps=options.wants_words,
        vad_filter=False,
    )
    return iter(pieces), info


def _recognition(heard: list[Any], info: Any) -> Recognition:
    return Recognition(
        language=info.language,
        duration=round(float(info.duration), 3),
        segments=tuple(_segment(index, piece) for index, piece in enumerate(heard)),
        words=tuple(_word(word) for piece in heard for word in piece.words or ()),
        text="".join(piece.text for piece in heard).strip(),
    )


def _known_language(model: Any, language: str | None) -> str | None:
    """Return the language as this model knows it; older models hear Cantonese as Chinese."""
    if language is None:
        return None
    if language in model.supported_languages:
        if model.hf_tokenizer.token_to_id(f"<|{language}|>") is not None:
            return language
        if language == "yue":
            return "zh"
    raise invalid_language(language)


def _segment(index: int, piece: Any) -> Segment:
    return Segment(
        id=index,
        seek=int(piece.seek),
        start=round(float(piece.start), 3),
        end=round(float(piece.end), 3),
        text=piece.text,
        tokens=tuple(piece.tokens),
        temperature=float(piece.temperature),
        avg_logprob=float(piece.avg_logprob),
        compression_ratio=float(piece.compression_ratio),
        no_speech_prob=float(piece.no_speech_prob),
    )


def _word(word: Any) -> Word:
    return Word(word=word.word.strip(), start=round(float(word.start), 3), end=round(float(word.end), 3))
