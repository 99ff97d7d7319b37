"""A recording as it is sent: named, sized, opened as often as there are attempts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import attrs

from zhongzhuan_audio.audio import AudioFormat
from zhongzhuan_audio.errors import AudioSourceError
from zhongzhuan_audio.upload.accepted import AsyncReadable, AudioFile, Enclosing, Openable
from zhongzhuan_audio.upload.book import Book
from zhongzhuan_audio.upload.faults import explained
from zhongzhuan_audio.upload.readers import Reader, in_thread

if TYPE_CHECKING:
    from zhongzhuan_audio.audio.damage import Damage
    from zhongzhuan_audio.audio.duration import Probe

__all__ = ["AsyncReadable", "AudioFile", "Enclosing", "OnLost", "Openable", "Source"]


OnLost: TypeAlias = Callable[[], Awaitable[str | None]]
"""Returns why it must not be sent once more; None where it may."""


@attrs.frozen(kw_only=True, eq=False)
class Source:
    """A recording that can be sent as often as it takes.

    Close it when the call is over: what was spooled vanishes then.
    """

    label: str
    """What to call it in a message: the path or the name."""
    filename: str
    """As it goes out: safe, with the extension that matches the bytes."""
    format: AudioFormat | None
    """None where the bytes were not recognised."""
    size_bytes: int
    _head: bytes = attrs.field(default=b"", alias="head", repr=False)
    """Its first bytes, where somebody else made it."""
    _open: Callable[[], Reader] = attrs.field(alias="open")
    _close: Callable[[], None] = attrs.field(default=lambda: None, alias="close")
    _rewind: Callable[[], None] = attrs.field(default=lambda: None, alias="rewind")
    """Puts a file of the caller's back to where it stood. Blocks."""
    _on_open: Callable[[], object] = attrs.field(default=lambda: None, alias="on_open")
    """Called when a pass over the bytes begins, as each attempt to send them does."""
    on_lost: OnLost | None = None
    """Awaited before they are sent once more after an attempt that may have been billed."""
    book: Book[Source] | None = None
    """Where something else goes out in its place: who is to know."""

    def tell_open(self) -> None:
        """Take note that a pass over the bytes begins, of these or of what stands for them."""
        self._on_open()

    async def open(self) -> Reader:
        """Begin a pass over the bytes.

        Raises:
            AudioSourceError: It is gone, or has another size than when it was first looked at.
        """
        self.tell_open()
        with explained(self.label):
            reader = self._open()
        try:
            await self.verify(reader)
        except BaseException:
            reader.close()
            raise
        return reader

    async def verify(self, reader: Reader) -> None:
        """Check that the recording still has the size that was announced.

        Raises:
            AudioSourceError: It has grown or shrunk.
        """
        with explained(self.label):
            size = await reader.size()
        if size != self.size_bytes:
            raise self.changed(size)

    async def probe(self) -> Probe | None:
        """Return the recording's length, channels and rate as far as its header tells; None where it cannot be read.

        That is told where it is sent.
        """
        if self.format is None:
            return None
        with suppress(OSError):
            reader = self._open()
            try:
                return await in_thread(_probe, reader, self.size_bytes, self.format)
            finally:
                reader.close()
        return None

    async def damage(self) -> Damage | None:
        """Return what the headers show to be wrong with the recording; None where nothing is, or it cannot be read.

        It is opened only where its first bytes leave a doubt.
        """
        if not self._head:
            return None
        # To load it takes some milliseconds, once, which the loop need not wait for.
        find = _find_damage() if _find_damage.cache_info().currsize else await in_thread(_find_damage)
        with suppress(_BeyondHeadError):
            return find(self._read_head, self.size_bytes, self.format, self.filename)
        with suppress(OSError):
            reader = self._open()
            try:
                return await in_thread(find, reader.read_at, self.size_bytes, self.format, self.filename)
            finally:
                reader.close()
        return None

    def _read_head(self, offset: int, size: int) -> bytes:
        if offset + size > len(self._head):
            raise _BeyondHeadError
        return self._head[offset : offset + size]

    def changed(self, size: int) -> AudioSourceError:
        """Return the error for a recording that is not as long as announced."""
        verb = "grew" if size > self.size_bytes else "shrank"
        return AudioSourceError(
            f"{self.label} {verb} while it was sent: {self.size_bytes} bytes were announced, now there are {size}",
            hint="wait until the recording is finished, then send it again",
            source=self.label,
        )

    async def rewind(self) -> None:
        """Put a file of the caller's back to where it stood, so that it can be given once more.

        Raises:
            AudioSourceError: It cannot be.
        """
        with explained(self.label):
            await in_thread(self._rewind)

    def close(self) -> None:
        """Let go of what was spooled."""
        self._close()


class _BeyondHeadError(Exception):
    """What is to be read is not among the first bytes. Does not leave this module."""


@cache
def _find_damage() -> Callable[..., Damage | None]:
    from zhongzhuan_audio.audio.damage import find_damage

    return find_damage


def _probe(reader: Reader, size_bytes: int, kind: AudioFormat) -> Probe:
    # Most uploads are too short for it to matter: only those that ask pay for the import, here in the thread.
    from zhongzhuan_audio.audio.duration import probe

    return probe(reader.read_at, size_bytes, kind)
