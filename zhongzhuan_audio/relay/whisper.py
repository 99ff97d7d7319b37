"""The embedded relay's ears: Whisper through faster-whisper, on the CPU, with no hub and no key."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, final

from zhongzhuan_audio.config import check_kind
from zhongzhuan_audio.errors import MissingExtraError
from zhongzhuan_audio.models import Segment, Word
from zhongzhuan_audio.relay.checks import check_model_dir, check_names, check_whole
from zhongzhuan_audio.relay.engines import Recognition, TranscribeOptions
from zhongzhuan_audio.relay.refusals import bad_request, invalid_language, not_audio
from zhongzhuan_audio.relay.weights import Weights, find_weights
from zhongzhuan_audio.threads import finish, in_thread

__all__ = ["WhisperEngine"]

_BEAM_SIZE = 5
_MAX_THREADS = 4
_MIN_AUDIO_S = 0.1
_SAMPLE_RATE = 16_000
_CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,rm,tta,voc,w64,wav,wv"
)
"""FFmpeg's readers for what is taken: files whole in themselves. Playlists could name any other file or address."""


class _Cancelled(Exception):  # noqa: N818 - ends a thread's work, no error is seen
    """The client went away."""


@final
class _SharedModel:
    """A model that is loaded once a process, and the one thread that uses it: a queue that serves in order."""

    def __init__(self, weights: Weights, cpu_threads: int) -> None:
        self._weights = weights
        self._cpu_threads = cpu_threads
        self._model: Any = None
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="zhongzhuan-whisper")

    def load(self) -> Any:
        """Return the model, loaded at the first call; runs in `thread`."""
        if self._model is None:
            # An extra, and a second of import time: here, where it is needed.
            from faster_whisper import WhisperModel

            self._model = WhisperModel(
                device="cpu", compute_type="int8", cpu_threads=self._cpu_threads, **self._weights.arguments()
            )
        return self._model


_shared: dict[tuple[int, Weights, int], _SharedModel] = {}
_shared_lock = threading.Lock()


def _share(weights: Weights, cpu_threads: int) -> _SharedModel:
    # The process is part of the key: neither a thread nor a loaded model lives on in a forked child.
    key = (os.getpid(), weights, cpu_threads)
    with _shared_lock:
        if key not in _shared:
            _shared[key] = _SharedModel(weights, cpu_threads)
        return _shared[key]


@final
class WhisperEngine:
    """Hears with a Whisper model; all engines of a process that use one model share it, one recognition at a time."""

    def __init__(
        self,
        model_dir: str | os.PathLike[str] | None = None,
        *,
        cpu_threads: int = 0,
        allow_download: bool = False,
        models: tuple[str, ...] = ("whisper-1",),
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
        shared = _share(self._weights, self._cpu_threads)
        await finish(asyncio.wrap_future(shared.thread.submit(shared.load)))

    async def transcribe(self, path: Path, options: TranscribeOptions) -> Recognition:
        """Hear the recording; waits its turn.

        Raises:
            BadRequestError: The bytes are no audio, too short, or the model does not know the language.
            ConfigurationError: The model cannot be loaded.
        """
        shared = _share(self._weights, self._cpu_threads)
        cancelled = threading.Event()

        def work() -> Recognition:
            return _recognise(shared.load(), path, options, cancelled)

        job = shared.thread.submit(work)

        def give_up() -> None:
            cancelled.set()
            job.cancel()

        return await finish(asyncio.wrap_future(job), on_cancel=give_up)


def _recognise(model: Any, path: Path, options: TranscribeOptions, cancelled: threading.Event) -> Recognition:
    samples = _decode(path, cancelled)
    if len(samples) < _MIN_AUDIO_S * _SAMPLE_RATE:
        message = f"Audio file is too short. Minimum audio length is {_MIN_AUDIO_S} seconds."
        raise bad_request(message, param="file", code="audio_too_short")
    pieces, info = model.transcribe(
        samples,
        language=_known_language(model, options.language),
        task=options.task,
        initial_prompt=options.prompt,
        temperature=options.temperature,
        beam_size=_BEAM_SIZE,
        word_timestamps=options.wants_words,
        vad_filter=False,
    )
    heard = []
    for piece in pieces:
        heard.append(piece)
        if cancelled.is_set():
            raise _Cancelled
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


def _decode(path: Path, cancelled: threading.Event) -> Any:
    """Return the recording as 16 kHz mono float32 samples in an array.

    Not left to faster-whisper, whose decoder reads playlists too and cannot be stopped.
    """
    import av
    import numpy as np
    from av.error import FFmpegError

    samples = bytearray()
    try:
        with av.open(
            os.fspath(path),
            metadata_errors="ignore",
            options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"},
        ) as container:
            for piece in _resampled(_frames(container)):
                if cancelled.is_set():
                    raise _Cancelled
                samples += piece.to_ndarray().tobytes()
    except (FFmpegError, LookupError):
        # A LookupError means that there is no audio stream.
        raise not_audio() from None
    return np.frombuffer(samples, dtype=np.int16).astype(np.float32) / 32768.0


def _frames(container: Any) -> Iterator[Any]:
    """Give the first audio stream's frames; broken packets are passed over, as every player does."""
    from av.error import InvalidDataError

    for packet in container.demux(container.streams.audio[0]):
        try:
            yield from packet.decode()
        except InvalidDataError:
            continue


def _resampled(frames: Iterator[Any]) -> Iterator[Any]:
    """Give the frames as they are wanted; recordings that were joined may change their rate and channels midway."""
    from av import AudioResampler

    resampler, kind = None, None
    for frame in frames:
        new = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or new != kind:
            yield from resampler.resample(None) if resampler is not None else ()
            resampler, kind = AudioResampler(format="s16", layout="mono", rate=_SAMPLE_RATE), new
        # Times may have gaps or run backwards, which the resampler refuses; the samples' own order is enough.
        frame.pts = None
        yield from resampler.resample(frame)
    yield from resampler.resample(None) if resampler is not None else ()


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
