"""A recording with options of its own."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from zhongzhuan_audio import AsyncClient, Job
from zhongzhuan_audio.batch import JobOptions, SharedOptions


def test_its_options_are_those_of_transcribe() -> None:
    """Name by name and type by type; what is one recording's own cannot be shared."""
    parameters = inspect.signature(AsyncClient.transcribe).parameters
    hints = get_type_hints(AsyncClient.transcribe)
    options = {name: hints[name] for name in parameters if name not in {"self", "file"}}
    assert get_type_hints(JobOptions) == options
    assert set(options) - set(get_type_hints(SharedOptions)) == {"filename", "on_progress"}


def test_a_wrong_name_is_told_at_once() -> None:
    """As by any function."""
    wrong: Any = {"lnguage": "zh"}
    with pytest.raises(TypeError, match="unexpected keyword argument 'lnguage'"):
        Job("a.mp3", **wrong)


def test_it_shows_no_bytes() -> None:
    """Its repr is how it was made, short."""
    assert repr(Job("a.mp3", language="zh")) == "Job('a.mp3', language='zh')"
    assert repr(Job(bytes(1000))) == "Job(<1000 bytes>)"
    assert repr(Job(("a.mp3", bytes(1000)))) == "Job(('a.mp3', <1000 bytes>))"


def test_it_keeps_what_an_iterator_gave() -> None:
    """Its options serve as often as they are read."""
    words: Any = iter(["a", "b"])
    job = Job(Path("a.mp3"), keywords=words)
    assert job.options == {"keywords": ("a", "b")}
    assert job == Job(Path("a.mp3"), keywords=("a", "b"))
