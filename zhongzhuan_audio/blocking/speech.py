"""Speech for blocking callers; a notebook plays it."""

from __future__ import annotations

import base64
import os
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from zhongzhuan_audio.blocking.runner import Runner
from zhongzhuan_audio.blocking.twins import iterate
from zhongzhuan_audio.errors import Attempt, ZhongzhuanError

if TYPE_CHECKING:
    from zhongzhuan_audio.speech import AsyncSpeech

__all__ = ["Speech"]

_MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/wav",
}
_PCM_RATE = 24_000


class Speech:
    """Sound that is being made. There is one pass over it: iterate, or `read`, or `save`.

    ::

        with client.speak("你好", voice="alloy") as speech:
            speech.save("hello.mp3")

    In a notebook it shows itself as a player: as the last line of the block with ``display(speech)``, or after the
    block, once it was read.
    """

    def __init__(self, runner: Runner, inner: AsyncSpeech) -> None:
        self._runner = runner
        self._inner = inner

    @property
    def format(self) -> str:
        """What it was asked to be: "mp3", "opus", "aac", "flac", "wav" or "pcm" (24 kHz, 16 bits, mono)."""
        return self._inner.format

    @property
    def content_type(self) -> str:
        """The relay's label, such as "audio/mpeg"; empty where it gave none."""
        return self._inner.content_type

    @property
    def request_id(self) -> str | None:
        """The relay's own id of the request."""
        return self._inner.request_id

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """What was tried, in order; the one that streams is in it from its end on."""
        return self._inner.attempts

    def __iter__(self) -> Iterator[bytes]:
        """Give the sound in chunks, as they come; see `AsyncSpeech`."""
        return iterate(self._runner, aiter(self._inner))

    def read(self) -> bytes:
        """Return all of it, and keep it; see `AsyncSpeech.read`."""
        return self._runner.run(lambda _: self._inner.read())

    def save(self, path: str | os.PathLike[str]) -> int:
        """Write it to a file, whole or not at all, and return how many bytes it has; see `AsyncSpeech.save`."""
        return self._runner.run(lambda _: self._inner.save(path))

    def _repr_html_(self) -> str | None:
        """Return a player for a notebook; None where the sound is gone."""
        try:
            sound = self.read()
        except ZhongzhuanError:
            return None
        if self.format == "pcm":
            sound = _wav_header(len(sound)) + sound
        data = base64.b64encode(sound).decode()
        return f'<audio controls src="data:{_MEDIA_TYPES[self.format]};base64,{data}"></audio>'


def _wav_header(size_bytes: int) -> bytes:
    """Return what makes 24 kHz mono samples of 16 bits a file that browsers play.

    Source: Microsoft and IBM's Multimedia Programming Interface 1.0.
    """
    sample_bytes = 2
    described = struct.pack("<HHIIHH", 1, 1, _PCM_RATE, _PCM_RATE * sample_bytes, sample_bytes, 8 * sample_bytes)
    size = min(size_bytes, 0xFFFFFFFF - 36)
    return (
        b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt \x10\0\0\0" + described + b"data" + struct.pack("<I", size)
    )
