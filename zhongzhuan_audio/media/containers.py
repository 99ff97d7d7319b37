"""Decoding with FFmpeg, through PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

from zhongzhuan_audio.audio import AudioFormat
from zhongzhuan_audio.audio.duration import Probe
from zhongzhuan_audio.errors import AudioSourceError, UnsupportedAudioError
from zhongzhuan_audio.media.left import check_left
from zhongzhuan_audio.media.recording import Recording, Window
from zhongzhuan_audio.media.samples import SAMPLE_RATE, Samples

__all__ = ["ContainerTrack", "demuxed", "open_container", "packets"]

_CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dss,dts,eac3,flac,flv,"
    "matroska,mov,mp3,mpeg,mpegts,ogg,rm,tta,voc,w64,wav,wv"
)
"""FFmpeg's readers for what is taken: files whole in themselves. Playlists could name any other file or address."""
_BUFFER_BYTES = 256 * 1024
_ROUNDED_S = 1.0
"""By so much the length of a whole file may be off that no track tells of itself."""
_LEAST_GAP_S = 0.1
"""Times of packets are rounded, in some formats coarsely: what is shorter is no gap."""
_MOST_GAP_S = 600.0
"""A longer jump in time is a fault in the times: those of a transport stream begin anew now and then."""
_MICROSECONDS = 1_000_000
_MOST_FAILURES = 1000
"""So many reads in a row that fail are the end: some of FFmpeg's readers would go on failing for ever."""


@contextmanager
def open_container(
    recording: Recording, kind: AudioFormat | None, told: Probe | None, *, mono: bool
) -> Iterator[ContainerTrack]:
    """Open what FFmpeg reads.

    Args:
        recording: What to read.
        kind: Its format, where that was recognised.
        told: What its header tells, where that is known.
        mono: Mix all channels into one.

    Raises:
        AudioSourceError: It cannot be read, or is damaged.
        UnsupportedAudioError: It is not audio, has no sound, or a codec that is not known here.
    """
    with demuxed(recording, kind) as (container, window):
        yield ContainerTrack(container, window, recording.label, told or Probe(), mono=mono)


@contextmanager
def demuxed(recording: Recording, kind: AudioFormat | None) -> Iterator[tuple[Any, Window]]:
    """Open a container, of which nothing is decoded yet.

    Args:
        recording: What to read.
        kind: Its format, where that was recognised.

    Yields:
        PyAV's container, and what it reads from.

    Raises:
        AudioSourceError: It cannot be read, or is damaged.
        UnsupportedAudioError: It is not audio.
    """
    import av
    from av.error import FFmpegError

    window = Window(recording)
    try:
        container: Any = av.open(
            window,
            metadata_errors="ignore",
            buffer_size=_BUFFER_BYTES,
            options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "none"},
        )
    except (FFmpegError, OSError) as error:
        raise (window.error or _unreadable(recording.label, kind)) from error
    with container:
        try:
            yield container, window
        except FFmpegError as error:
            raise (window.error or _damaged(recording.label)) from error


def packets(container: Any, window: Window, *streams: Any) -> Iterator[Any]:
    """Yield the packets of streams, what cannot be read left out; the last of each stream is empty."""
    from av.error import FFmpegError

    failures = 0
    while failures < _MOST_FAILURES and window.error is None:
        try:
            for packet in container.demux(*streams):
                failures = 0
                yield packet
        except FFmpegError:
            failures += 1
        else:
            return


@final
class ContainerTrack:
    """The first sound track of an opened container."""

    def __init__(self, container: Any, window: Window, label: str, told: Probe, *, mono: bool) -> None:
        if not container.streams.audio:
            raise UnsupportedAudioError(
                f"{label} has no sound", hint="give a recording, or a video with a sound track", source=label
            )
        stream = container.streams.audio[0]
        context = stream.codec_context
        if context is None:
            raise UnsupportedAudioError(
                f"the sound of {label} is of a codec that is not known here",
                hint="convert it to mp3, m4a or wav first",
                source=label,
            )
        context.thread_count = 1
        self._container = container
        self._stream = stream
        self._window = window
        self._label = label
        self._length_s = (container.duration or 0) / _MICROSECONDS
        self._end_s = _end_s(container, stream, told)
        self._told_s = told.duration_s if told.exact else None
        self._layout: Any = "mono" if mono else context.layout
        self._resampler: Any = None
        self._kind: Any = None
        self._filled_s = 0.0
        self._silent_s = 0.0
        # Where a track begins later than the others do, a video's times count from theirs.
        self._position_s = (container.start_time or 0) / _MICROSECONDS
        self.channels: int = 1 if mono else context.channels
        self.duration_s: float | None = told.duration_s or self._length_s or None
        self.lost_s: float = 0.0

    def blocks(self) -> Iterator[Samples]:
        """Yield the samples, with silence for what cannot be decoded."""
        count = 0
        for frame in self._resampled():
            count += frame.samples
            block = frame.to_ndarray()
            yield block[0] if self._layout == "mono" else block
        if self._window.error is not None:
            raise self._window.error
        there_s = count / SAMPLE_RATE
        self.lost_s += self._missing_s(there_s) if count else 0.0
        check_left(self._label, there_s - self._silent_s, self.lost_s)

    def _missing_s(self, there_s: float) -> float:
        """Return how many seconds are promised behind the last that was decoded, and were in no packet."""
        if self._end_s is not None:
            missing_s = self._end_s - there_s
            return missing_s if missing_s > _LEAST_GAP_S else 0.0
        missing_s = (self._told_s or 0.0) - there_s
        # The length may be that of another track: of one that goes on where the sound has ended.
        if missing_s <= _ROUNDED_S or self._last_s() > there_s + _ROUNDED_S:
            return 0.0
        return missing_s

    def _last_s(self) -> float:
        """Return when the last packet of any track ends, counted from the beginning, without decoding any."""
        from av.error import FFmpegError

        last_s = 0.0
        try:
            self._container.seek(0)
            for packet in packets(self._container, self._window, *self._container.streams):
                if packet.pts is not None and packet.time_base is not None:
                    last_s = max(last_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        except FFmpegError:
            # What cannot be gone through again is over where the sound is.
            return 0.0
        if self._window.error is not None:
            raise self._window.error
        return last_s - (self._container.start_time or 0) / _MICROSECONDS

    def _resampled(self) -> Iterator[Any]:
        """Give frames of a second as they are wanted; recordings that were joined may change their kind midway."""
        from av import AudioResampler

        for frame in self._frames():
            kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            if kind != self._kind:
                yield from self._resampler.resample(None) if self._resampler is not None else ()
                self._resampler = AudioResampler("s16p", self._layout, SAMPLE_RATE, frame_size=SAMPLE_RATE)
                self._kind = kind
            # Times may run backwards, which the resampler refuses; the samples' own order is enough.
            frame.pts = None
            yield from self._resampler.resample(frame)
        yield from self._resampler.resample(None) if self._resampler is not None else ()

    def _frames(self) -> Iterator[Any]:
        """Give the frames as they come, with silent ones for the time that nothing was decoded for."""
        from av.error import FFmpegError

        last: Any = None
        for packet in packets(self._container, self._window, self._stream):
            try:
                frames = packet.decode()
            except FFmpegError:
                lost_s = float((packet.duration or 0) * (packet.time_base or 0))
                self.lost_s += lost_s
                # At the start the first frame's time tells.
                if last is not None:
                    self._position_s += lost_s
                    self._silent_s += lost_s
                    yield from _silence(last, lost_s)
                continue
            for frame in frames:
                yield from _silence(frame, self._gap_s(frame, at_start=last is None))
                self._position_s += frame.samples / frame.sample_rate
                last = frame
                yield frame

    def _gap_s(self, frame: Any, *, at_start: bool) -> float:
        """Return for how long there was nothing before a frame."""
        if frame.pts is None or frame.time_base is None:
            return 0.0
        time_s = float(frame.pts * frame.time_base)
        gap_s, self._position_s = time_s - self._position_s, time_s
        room_s = max(self._length_s, _MOST_GAP_S) - self._filled_s
        if not _LEAST_GAP_S < gap_s <= min(_MOST_GAP_S, room_s):
            return 0.0
        self._filled_s += gap_s
        if not at_start:
            self.lost_s += gap_s
            self._silent_s += gap_s
        return gap_s


def _end_s(container: Any, stream: Any, told: Probe) -> float | None:
    """Return when the sound must end; None where that is not told, or told of another track of the file perhaps."""
    if not told.exact or stream.duration is None or (len(container.streams) > 1 and "mov" not in container.format.name):
        return None
    if container.format.name == "asf":
        # Of what is cut off the track tells the time of its last packet.
        return told.duration_s
    return min(told.duration_s or 0.0, float(stream.duration * stream.time_base))


def _silence(like: Any, seconds: float) -> Iterator[Any]:
    """Give frames of silence, a second at most each, of the kind of another."""
    from av import AudioFrame

    left = round(seconds * like.sample_rate)
    while left:
        frame = AudioFrame(like.format.name, like.layout, min(left, like.sample_rate))
        frame.sample_rate = like.sample_rate
        zero = b"\x80" if like.format.name.startswith("u8") else b"\0"
        for plane in frame.planes:
            plane.update(zero * plane.buffer_size)
        left -= frame.samples
        yield frame


def _unreadable(label: str, kind: AudioFormat | None) -> AudioSourceError:
    if kind is not None:
        return _damaged(label, f" {kind.name}")
    return UnsupportedAudioError(f"{label} is no recording that is known here", hint="give a recording", source=label)


def _damaged(label: str, kind: str = "") -> AudioSourceError:
    return AudioSourceError(
        f"{label} is damaged: its{kind} sound cannot be decoded",
        hint="check that it plays: it may have been cut off",
        source=label,
    )
