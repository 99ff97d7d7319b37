"""A recording and what is asked of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypedDict, Unpack

import attrs

from zhongzhuan_audio.config import RetryPolicy, Timeouts
from zhongzhuan_audio.models.script import Script
from zhongzhuan_audio.options import Channels, Context, Prepare
from zhongzhuan_audio.protocol.request import (
    ChunkingStrategy,
    Granularity,
    Include,
    ResponseFormat,
    TranscriptionFormat,
)
from zhongzhuan_audio.upload.objects import name_of
from zhongzhuan_audio.upload.payload import Progress
from zhongzhuan_audio.upload.references import SpeakerReference
from zhongzhuan_audio.upload.source import AudioFile

__all__ = [
    "Job",
    "JobOptions",
    "SharedOptions",
    "TranslationOptions",
    "checked_names",
    "described",
    "lasting",
    "name_of_source",
]


class SharedOptions(TypedDict, total=False):
    """The options of `transcribe` that many recordings can share."""

    model: str
    language: str | None
    prompt: str | None
    response_format: TranscriptionFormat
    temperature: float | None
    timestamp_granularities: Iterable[Granularity] | None
    include: Iterable[Include] | None
    chunking_strategy: ChunkingStrategy | None
    known_speaker_names: Sequence[str] | None
    known_speaker_references: Sequence[SpeakerReference] | None
    keywords: Iterable[str] | None
    languages: Iterable[str] | None
    extra: Mapping[str, Any] | None
    strict: bool
    prepare: Prepare
    context: Context
    skip_silence: bool
    allow_gaps: bool
    drop_suspicious: bool
    refill: bool
    channels: Channels | None
    script: Script | None
    timeouts: Timeouts | None
    retry: RetryPolicy | None


class TranslationOptions(TypedDict, total=False):
    """The options of `translate` that many recordings can share."""

    model: str
    prompt: str | None
    response_format: ResponseFormat
    temperature: float | None
    extra: Mapping[str, Any] | None
    prepare: Prepare
    context: Context
    skip_silence: bool
    allow_gaps: bool
    drop_suspicious: bool
    refill: bool
    channels: Channels | None
    timeouts: Timeouts | None
    retry: RetryPolicy | None


class JobOptions(SharedOptions, total=False):
    """All options of `transcribe`, and so of `translate`."""

    filename: str | None
    on_progress: Progress | None


@attrs.frozen(init=False)
class Job:
    """A recording with options of its own, which win over those of the call.

    >>> Job("interview.m4a", language="yue", prompt="深水埗")
    Job('interview.m4a', language='yue', prompt='深水埗')
    """

    file: AudioFile
    """Anything that `transcribe` takes."""
    options: Mapping[str, Any]
    """By their names, as `transcribe` or `translate` takes them."""

    def __init__(self, file: AudioFile, **options: Unpack[JobOptions]) -> None:
        """Make one.

        Args:
            file: Anything that `transcribe` takes.
            **options: Those of `transcribe`; for `translate_many` those of `translate`.

        Raises:
            TypeError: `transcribe` has no such option.
        """
        object.__setattr__(self, "file", file)
        object.__setattr__(self, "options", lasting(checked_names("Job", options, JobOptions.__optional_keys__)))

    def __repr__(self) -> str:
        """Return how it was made, but no bytes of a recording."""
        given = [described(self.file), *(f"{name}={value!r}" for name, value in self.options.items())]
        return f"Job({', '.join(given)})"


def described(file: object) -> str:
    """Return what to show of a recording: its path or its name, and never its bytes."""
    if isinstance(file, (bytes, bytearray, memoryview)):
        return f"<{len(file)} bytes>"
    if isinstance(file, tuple):
        return f"({', '.join(described(each) for each in file)})"
    return repr(file)


def name_of_source(file: object) -> str:
    """Return by what a recording is known in a table: its path as it was given, or its name, or what it is."""
    if isinstance(file, (str, os.PathLike)):
        return os.fsdecode(file)
    if isinstance(file, tuple) and file and isinstance(file[0], str):
        return file[0]
    return name_of(file) or described(file)


def checked_names(caller: str, options: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Return options all of whose names are known.

    Raises:
        TypeError: One is not, as when a function is called with it.
    """
    for name in options:
        if name not in known:
            raise TypeError(f"{caller}() got an unexpected keyword argument {name!r}")
    return dict(options)


def lasting(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options that serve as often as they are used: an iterator among them would be empty at the second."""
    return {name: tuple(value) if isinstance(value, Iterator) else value for name, value in options.items()}
