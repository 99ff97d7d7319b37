"""Asking by way of a journal: what is answered is not asked again, and what is asked is written down before."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import attrs

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.batch.outcome import count_maybe_billed
from zhongzhuan_audio.batch.place import Standing
from zhongzhuan_audio.errors import (
    BudgetExceededError,
    JournalError,
    StoppedError,
    TransportError,
    ZhongzhuanError,
)
from zhongzhuan_audio.journal import Journal, JournalView, Stamp, key_of
from zhongzhuan_audio.models import Transcription
from zhongzhuan_audio.options import Preparing
from zhongzhuan_audio.protocol.form import Field
from zhongzhuan_audio.threads import in_thread
from zhongzhuan_audio.upload.readers import BytesReader, Reader
from zhongzhuan_audio.upload.source import Source

__all__ = ["LOCAL", "TRANSLATION", "digested", "fuller_keys", "marks_of", "recorded", "unlistened"]

LOCAL: Field = ("", "local")
"""Marks, in a journal's key, the answers of a model on this machine: a relay's better one is still to be asked for."""
TRANSLATION: Field = ("", "translation")
"""Marks translations, whose fields are those of a transcription."""

_LISTENING = frozenset({"drop_suspicious", "refill", "skip_silence"})
"""Options that have a recording listened to; what then goes out as it is, does so as it would without them."""
_FULLER = {"json": ("verbose_json",), "text": ("verbose_json", "json")}
"""Of formats that an answer may be wanted in, those whose answers hold the same words, and more."""
_PIECE_BYTES = 1 << 20
_SMALL_BYTES = 1 << 16
"""What is no larger is kept in memory from its digest to its answer: to open a file costs more than to read it."""
_WORTH_KEEPING_BYTES = 1 << 20
"""A smaller file is read again sooner than its digest is looked up."""
_SETTLED_S = 2.0
"""A file that was changed a moment ago may be changed again without a new time: some file systems count in seconds."""


async def recorded(
    journal: Journal,
    key: bytes,
    label: str,
    place: Standing,
    transcribe: Callable[[], Awaitable[Transcription]],
    *,
    again: bool,
    instead: Sequence[bytes] = (),
) -> Transcription:
    """Return the journal's answer, or ask and have it kept.

    One that is incomplete is not kept as the answer: the journal has what came of each piece, and whoever asks again
    asks for the rest.

    Args:
        journal: Where.
        key: Of what is asked.
        label: What to call the recording.
        place: Is told what the journal knows.
        transcribe: Asks.
        again: Whether to ask again for what an earlier run may have paid for in vain.
        instead: Keys of what was asked otherwise, and whose answers serve, too; from `fuller_keys`.

    Raises:
        TransportError: It may have been billed in an earlier run, and is not asked again.
        JournalError: It cannot be written; `partial` is the transcription, where there was one.
    """
    claim = await journal.claim(key, label, again=again, instead=instead, on_busy=place.step_aside)
    place.lost_before = claim.lost
    if claim.found == "done":
        place.from_journal = True
        return claim.transcription()
    if claim.found == "lost":
        raise TransportError(
            f"{label} was under way when an earlier run broke off, and may have been billed",
            retryable=True,
            hint=Advice("RetryPolicy(maybe_billed_retries=1) asks again"),
        )
    told_lost = 0

    async def lost() -> None:
        nonlocal told_lost
        await journal.lose(key)
        told_lost += 1

    place.on_lost = lost
    try:
        transcription = await transcribe()
    except (StoppedError, BudgetExceededError):
        await journal.release(key)
        raise
    except (ZhongzhuanError, OSError) as error:
        retryable = error.retryable if isinstance(error, ZhongzhuanError) else True
        told = f"{type(error).__name__}: {error}"
        await journal.fail(key, told, retryable=retryable, lost=count_maybe_billed(error) - told_lost)
        raise
    except BaseException as error:
        if place.is_sent:
            # What became of it, nobody knows.
            await journal.fail(key, type(error).__name__, retryable=True, lost=1)
        else:
            await journal.release(key)
        raise
    try:
        if transcription.incomplete:
            # What may have been billed in vain is told of its pieces.
            await journal.fail(key, "a part of it failed", retryable=True, lost=0)
        else:
            await journal.finish(key, transcription)
    except JournalError as error:
        error.partial, error.attempts = transcription, transcription.attempts
        raise
    return transcription


def marks_of(options: Mapping[str, Any]) -> tuple[Field, ...]:
    """Return what a journal's key holds of how recordings are prepared, where that is not as usual.

    Whether gaps are allowed is not in it: an answer that has any is none.
    """
    usual, wanted = Preparing(), Preparing.of(options)
    values = {name: getattr(wanted, name) for name in attrs.fields_dict(Preparing) if name != "allow_gaps"}
    return tuple(("", f"{name}={value}") for name, value in values.items() if value != getattr(usual, name))


def unlistened(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options without those that make no difference to what goes out as it is."""
    return {name: value for name, value in options.items() if name not in _LISTENING}


def fuller_keys(digest: bytes, question: Sequence[Field]) -> tuple[bytes, ...]:
    """Return the keys of the same question in other formats whose answers hold all that this one's would.

    Args:
        digest: Of the recording.
        question: What goes out with it, and what the journal's key holds beside.
    """
    name = "response_format"
    others = [field for field in question if field[0] != name]
    formats = _FULLER.get(dict(question).get(name, ""), ())
    return tuple(key_of(digest, [*others, (name, fuller)]) for fuller in formats)


async def digested(source: Source, file: object, journal: Journal | JournalView) -> tuple[Source, bytes]:
    """Return a recording and the BLAKE2 digest of its content; of a file that has not changed, the one that was kept.

    What is small is read once, and what is returned for it has the very bytes that were digested.

    Raises:
        AudioSourceError: It has grown or shrunk meanwhile.
        OSError: It cannot be read.
    """
    if source.size_bytes <= _SMALL_BYTES:
        return await _held(source)
    path = None
    if isinstance(file, (str, os.PathLike)) and source.size_bytes >= _WORTH_KEEPING_BYTES:
        path = os.fspath(file)
    stamp = None if path is None else await in_thread(_stamp, path)
    if stamp is not None and (known := await journal.digest_of(stamp)) is not None:
        return source, known
    reader = await source.open()
    try:
        digest = await in_thread(_read, reader, source.size_bytes)
    finally:
        reader.close()
    if path is not None and stamp is not None and await in_thread(_stamp, path) == stamp:
        await journal.keep_digest(stamp, digest)
    return source, digest


async def _held(source: Source) -> tuple[Source, bytes]:
    content = memoryview(bytearray(source.size_bytes))
    reader = await source.open()
    try:
        filled = 0
        while filled < len(content):
            if not (count := await reader.readinto(content[filled:])):
                raise source.changed(filled)
            filled += count
    finally:
        reader.close()
    held = attrs.evolve(source, open=lambda: BytesReader(content))
    return held, hashlib.blake2b(content, digest_size=32).digest()


def _stamp(path: str) -> Stamp | None:
    try:
        stamp = Stamp.of(path)
    except OSError:
        return None
    return stamp if stamp.mtime_ns < (time.time() - _SETTLED_S) * 1e9 else None


def _read(reader: Reader, size_bytes: int) -> bytes:
    digest, offset = hashlib.blake2b(digest_size=32), 0
    while offset < size_bytes and (piece := reader.read_at(offset, min(_PIECE_BYTES, size_bytes - offset))):
        digest.update(piece)
        offset += len(piece)
    return digest.digest()
