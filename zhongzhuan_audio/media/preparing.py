"""Recordings made ready off the loop: converted whole; or decoded and heard for speech, and cut."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import IO, TypeVar

import attrs

from zhongzhuan_audio.audio import wire_filename
from zhongzhuan_audio.media.channels import SameChannels
from zhongzhuan_audio.media.decoding import Track, open_track
from zhongzhuan_audio.media.encoding import FORMATS, Encoding, encode, flac_bytes
from zhongzhuan_audio.media.extra import check_media
from zhongzhuan_audio.media.pcm import Pcm
from zhongzhuan_audio.media.recording import Recording, StoppedError
from zhongzhuan_audio.media.samples import SAMPLE_RATE, Samples
from zhongzhuan_audio.media.spans import Span, SpanRules
from zhongzhuan_audio.media.voice import VoiceDetector
from zhongzhuan_audio.media.working import Closable, OnProgress, Progress, work
from zhongzhuan_audio.upload.readers import DescriptorReader
from zhongzhuan_audio.upload.source import Source

__all__ = ["Converted", "Heard", "HeardChannel", "convert", "encode_stretches", "flac_sizes", "listen"]

C = TypeVar("C", bound=Closable)


@attrs.frozen(kw_only=True, eq=False)
class Converted:
    """A recording in another format, or smaller. Close it when it was sent."""

    source: Source
    """To be sent; the name is the recording's own, with the extension that fits."""
    duration_s: float
    """Of the sound, in seconds."""
    lost_s: float
    """Seconds of it that could not be decoded."""

    def close(self) -> None:
        """Let go of the temporary file."""
        self.source.close()


@attrs.frozen(kw_only=True, eq=False)
class HeardChannel:
    """The samples of a channel, or of all of them mixed, and where somebody speaks."""

    pcm: Pcm
    speech: tuple[Span, ...]
    """From when to when, in seconds; in order, apart from each other."""


@attrs.frozen(kw_only=True, eq=False)
class Heard:
    """A recording as stretches are cut from it. Close it when all were cut."""

    channels: tuple[HeardChannel, ...]
    """One where it was mixed down, or has one channel, or all are the same."""
    channel_count: int
    """How many the recording has; 1 where it was mixed down."""
    same: bool
    """Whether there are several channels, and all the same."""
    duration_s: float
    """Of the sound, in seconds."""
    lost_s: float
    """Seconds of it that could not be decoded."""

    def close(self) -> None:
        """Let go of the temporary files."""
        for channel in self.channels:
            channel.pcm.close()


async def convert(source: Source, encoding: Encoding = "opus", *, on_progress: OnProgress | None = None) -> Converted:
    """Decode a recording and encode it as 16 kHz mono; in a thread, as it is read.

    Args:
        source: The recording; it stays the caller's to close.
        encoding: What to make: "opus" (in Ogg), "mp3" or "flac".
        on_progress: Told how far it is; None for nobody.

    Raises:
        MissingExtraError: The extra ``media`` is not installed.
        AudioSourceError: It cannot be read, is damaged or changed meanwhile, or the temporary folder is full.
        UnsupportedAudioError: It is not audio, a video without sound, or of a codec that is not known here.
    """
    check_media()
    progress = Progress(on_progress)

    def job(recording: Recording) -> Converted:
        with open_track(recording) as track:
            count = 0

            def counted() -> Iterator[Samples]:
                nonlocal count
                for block in _unless(recording.stop, track.blocks()):
                    count += len(block)
                    yield block
                    progress.tell(count / SAMPLE_RATE, track.duration_s)

            made = _source(encode(counted(), encoding, label=source.label), encoding, source.label, source.filename)
            progress.tell(count / SAMPLE_RATE, count / SAMPLE_RATE, last=True)
            return Converted(source=made, duration_s=count / SAMPLE_RATE, lost_s=track.lost_s)

    return await _with_recording(source, job)


async def listen(
    source: Source,
    *,
    split: bool = False,
    rules: SpanRules | None = None,
    on_progress: OnProgress | None = None,
) -> Heard:
    """Decode a recording to temporary files, and find out where somebody speaks; in a thread, as it is read.

    Args:
        source: The recording; it stays the caller's to close.
        split: Keep the channels apart, unless all are the same; else they are mixed into one.
        rules: What counts as speech; None means the defaults.
        on_progress: Told how far it is; None for nobody.

    Raises:
        MissingExtraError: The extra ``media`` is not installed.
        AudioSourceError: It cannot be read, is damaged or changed meanwhile, or the temporary folder is full.
        UnsupportedAudioError: It is not audio, a video without sound, or of a codec that is not known here.
    """
    check_media()
    progress = Progress(on_progress)

    def job(recording: Recording) -> Heard:
        with open_track(recording, mono=not split) as track:
            return _listen(track, _unless(recording.stop, track.blocks()), source.label, rules, progress)

    return await _with_recording(source, job)


def _listen(track: Track, blocks: Iterator[Samples], label: str, rules: SpanRules | None, progress: Progress) -> Heard:
    """Keep every channel, and hear each."""
    with ExitStack() as stack:
        pcms = [Pcm(label) for _ in range(track.channels)]
        for pcm in pcms:
            stack.callback(pcm.close)
        detectors = [VoiceDetector(rules) for _ in pcms]
        comparison = SameChannels()
        for block in blocks:
            rows = block.reshape(len(pcms), -1)
            comparison.add(rows)
            for pcm, detector, row in zip(pcms, detectors, rows, strict=True):
                pcm.append(row)
                detector.add(row)
            progress.tell(pcms[0].duration_s, track.duration_s)
        same = len(pcms) > 1 and comparison.same
        kept = 1 if same else len(pcms)
        for pcm in pcms[:kept]:
            pcm.finish()
        heard = Heard(
            channels=tuple(
                HeardChannel(pcm=pcm, speech=detector.finish())
                for pcm, detector in zip(pcms[:kept], detectors[:kept], strict=True)
            ),
            channel_count=len(pcms),
            same=same,
            duration_s=pcms[0].duration_s,
            lost_s=track.lost_s,
        )
        progress.tell(heard.duration_s, heard.duration_s, last=True)
        stack.pop_all()
        for pcm in pcms[kept:]:
            pcm.close()
        return heard


async def encode_stretches(
    pcm: Pcm, spans: Sequence[Span], encoding: Encoding = "opus", *, filename: str | None = None
) -> Source:
    """Encode stretches of a recording's samples, one behind the other, in a thread.

    Args:
        pcm: The samples; they may be encoded several times at once.
        spans: From when to when, in seconds; what lies behind the end of the recording is left out.
        encoding: What to make: "opus" (in Ogg), "mp3" or "flac".
        filename: The name to send it under, which gets the extension that fits; None means the recording's own.

    Returns:
        What can be sent; close it then.

    Raises:
        MissingExtraError: The extra ``media`` is not installed.
        AudioSourceError: The temporary folder is full.
    """
    check_media()

    def job(stop: threading.Event) -> Source:
        blocks = _unless(stop, (block for span in spans for block in pcm.blocks(*span)))
        return _source(encode(blocks, encoding, label=pcm.label), encoding, pcm.label, filename or pcm.label)

    return await work(job)


async def flac_sizes(pcm: Pcm, spans: Sequence[Span]) -> tuple[int, ...]:
    """Return how many bytes FLAC makes of each second of stretches, one behind the other; in a thread.

    Where a stretch ends within a second, that counts as a second of its own.
    """
    check_media()

    def job(stop: threading.Event) -> _Sizes:
        blocks = _unless(stop, (block for span in spans for block in pcm.blocks(*span)))
        return _Sizes(tuple(flac_bytes(blocks)))

    return (await work(job)).sizes


@attrs.frozen
class _Sizes:
    sizes: tuple[int, ...]

    def close(self) -> None:
        """Hold nothing."""


async def _with_recording(source: Source, job: Callable[[Recording], C]) -> C:
    """Do work on a recording in a thread; what it made is closed if the recording was not the same to the end."""
    reader = await source.open()

    def opened(stop: threading.Event) -> C:
        return job(Recording(read_at=reader.read_at, size_bytes=source.size_bytes, label=source.label, stop=stop))

    try:
        made = await work(opened)
        try:
            await source.verify(reader)
        except BaseException:
            made.close()
            raise
        return made
    finally:
        reader.close()


def _unless(stop: threading.Event, blocks: Iterator[Samples]) -> Iterator[Samples]:
    """Yield the blocks, until nobody wants them any more."""
    for block in blocks:
        if stop.is_set():
            raise StoppedError
        yield block


def _source(file: IO[bytes], encoding: Encoding, label: str, name: str) -> Source:
    kind, fd = FORMATS[encoding], file.fileno()
    return Source(
        label=label,
        filename=wire_filename(name, kind),
        format=kind,
        size_bytes=os.fstat(fd).st_size,
        open=lambda: DescriptorReader(fd, owned=False),
        close=file.close,
    )
