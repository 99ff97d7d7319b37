"""Where somebody speaks: Silero's voice detector, as faster-whisper ships it, run as the samples come."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, final

from zhongzhuan_audio.errors import MissingExtraError
from zhongzhuan_audio.media.extra import check_media
from zhongzhuan_audio.media.samples import SAMPLE_RATE, Samples
from zhongzhuan_audio.media.spans import WINDOW_S, Span, SpanRules, SpeechSpans
from zhongzhuan_audio.telemetry import opt_out

__all__ = ["VoiceDetector"]

_WINDOW = round(WINDOW_S * SAMPLE_RATE)
_CONTEXT = 64
"""Samples before each window that the model wants to see again."""
_STATE = (1, 1, 128)
_MODEL = "silero_vad_v6.onnx"


@final
class VoiceDetector:
    """Takes a recording's samples, block after block, and gives the spans of speech at the end; for one thread.

    What it needs does not grow with the recording, but for the spans.
    """

    def __init__(self, rules: SpanRules | None = None) -> None:
        """Begin at the start of a recording; None for `rules` means the defaults. Blocks while the model is loaded.

        Raises:
            MissingExtraError: The extra ``media`` is not installed.
        """
        check_media()
        import numpy as np

        self._spans = SpeechSpans(rules)
        self._session = _session(os.getpid())
        self._hidden: Any = np.zeros(_STATE, np.float32)
        self._cell: Any = np.zeros(_STATE, np.float32)
        self._kept: Any = np.zeros(_CONTEXT, np.int16)
        self._samples = 0

    def add(self, block: Samples) -> None:
        """Take the next samples, (count,), of 16 kHz mono."""
        import numpy as np

        self._samples += len(block)
        self._hear(np.concatenate((self._kept, block)))

    def finish(self) -> tuple[Span, ...]:
        """Return from when to when there is speech, in seconds; in order, apart from each other."""
        import numpy as np

        self._hear(np.pad(self._kept, (0, _WINDOW + _CONTEXT - len(self._kept))))
        return self._spans.finish(self._samples / SAMPLE_RATE)

    def _hear(self, sound: Any) -> None:
        """Run the model on the whole windows in `sound`, which begins with the context; keep the rest."""
        import numpy as np

        count = (len(sound) - _CONTEXT) // _WINDOW
        self._kept = sound[count * _WINDOW :]
        if not count:
            return
        windows = np.lib.stride_tricks.sliding_window_view(sound, _CONTEXT + _WINDOW)[::_WINDOW][:count]
        probabilities, self._hidden, self._cell = self._session.run(
            None, {"input": windows.astype(np.float32) / 32768, "h": self._hidden, "c": self._cell}
        )
        self._spans.add(probabilities.tolist())


@cache
def _session(_process: int) -> Any:
    """Return the loaded model, which threads may share; a forked child loads its own."""
    opt_out()
    import onnxruntime

    spec = find_spec("faster_whisper")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).with_name("assets") / _MODEL
    if not path.is_file():
        raise MissingExtraError(f"this faster-whisper has no {_MODEL}", extra="media")
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
