"""The engine that follows a script."""

from __future__ import annotations

from pathlib import Path

import pytest

from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.models import Segment, Word
from zhongzhuan_audio.relay import Recognition, ScriptedAnswer, ScriptedEngine, TranscribeOptions

NOWHERE = Path("never-opened.mp3")
OPTIONS = TranscribeOptions(model="whisper-1", filename="a.mp3", language="fr")


async def test_a_text_becomes_a_timed_second():
    """A text is one segment of one second, its words of equal length, in the language that was asked for."""
    assert await ScriptedEngine("bon jour").transcribe(NOWHERE, OPTIONS) == Recognition(
        language="fr",
        duration=1.0,
        text="bon jour",
        segments=(Segment(id=0, start=0.0, end=1.0, text="bon jour"),),
        words=(Word(word="bon", start=0.0, end=0.5), Word(word="jour", start=0.5, end=1.0)),
    )


async def test_an_empty_text_is_silence():
    """Silence has no segments and no words."""
    heard = await ScriptedEngine("").transcribe(NOWHERE, OPTIONS)
    assert heard == Recognition(language="fr", duration=1.0)
    assert heard.text == ""


async def test_answers_in_turn_and_the_last_for_ever():
    """A list is gone through, and then its last answer stays."""
    whole, raw = Recognition(duration=2.0), ScriptedAnswer(429)
    engine = ScriptedEngine([raw, OSError("disk"), whole])
    assert await engine.transcribe(NOWHERE, OPTIONS) is raw
    with pytest.raises(OSError, match="disk"):
        await engine.transcribe(NOWHERE, OPTIONS)
    assert [await engine.transcribe(NOWHERE, OPTIONS) for _ in range(2)] == [whole, whole]


async def test_functions_see_the_options():
    """A function, plain or async, is given the options."""

    async def later(options: TranscribeOptions) -> str:
        return f"async {options.language}"

    engine = ScriptedEngine((lambda options: options.filename, later))
    assert [(await engine.transcribe(NOWHERE, OPTIONS)).text for _ in range(2)] == ["a.mp3", "async fr"]


async def test_a_new_script_replaces_the_old_one():
    """`script` begins afresh; an empty one is refused."""
    engine = ScriptedEngine(["a", "b"])
    engine.script("c")
    assert (await engine.transcribe(NOWHERE, OPTIONS)).text == "c"
    with pytest.raises(ConfigurationError):
        engine.script()
