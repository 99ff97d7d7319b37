"""Samples of known voices."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from zhongzhuan_audio import AsyncClient
from zhongzhuan_audio.errors import AudioSourceError, ConfigurationError, UnsupportedAudioError
from zhongzhuan_audio.models import Segment
from zhongzhuan_audio.relay import LocalRelay, Recognition, ScriptedAnswer, ScriptedEngine
from zhongzhuan_audio.upload.references import list_references, read_references

DIARIZE = "gpt-4o-transcribe-diarize"
LOGPROBS = '{"text": "Hi", "logprobs": [{"token": "Hi", "logprob": -0.01, "bytes": [72, 105]}, {"token": 3}, null]}'


async def test_paths_bytes_and_data_urls(jfk: Path) -> None:
    """Each becomes a data URL with the type that its bytes have, whatever it is called."""
    data = jfk.read_bytes()
    whole = f"data:audio/mpeg;base64,{base64.b64encode(data).decode()}"
    assert await read_references([jfk, str(jfk), data, "data:audio/wav;base64,UklGRg=="]) == (
        whole,
        whole,
        whole,
        "data:audio/wav;base64,UklGRg==",
    )


async def test_what_is_no_reference_is_refused(tmp_path: Path) -> None:
    """Missing, no recording, too large, of another kind, or no list."""
    (tmp_path / "page.mp3").write_text("<html>")
    with (tmp_path / "long.wav").open("wb") as file:
        file.truncate(9 << 20)
    for reference, kind, message in (
        (tmp_path / "none.mp3", AudioSourceError, "No such file"),
        (tmp_path / "page.mp3", UnsupportedAudioError, "is no recording"),
        (tmp_path / "long.wav", AudioSourceError, "larger than ten seconds"),
        (3, ConfigurationError, "holds a int"),
    ):
        with pytest.raises(kind, match=message):
            await read_references([reference])  # type: ignore[list-item]
    for given in ("a.wav", b"RIFF", 3):
        with pytest.raises(ConfigurationError, match="must be a list"):
            list_references(given)  # type: ignore[arg-type]


async def test_speakers_are_told_apart(jfk: Path) -> None:
    """The references go out with the form, and the speakers come back with the segments."""
    turns = (
        Segment(id=0, start=0.0, end=1.2, text="你好", speaker="甲"),
        Segment(id=1, start=1.2, end=2.5, text="Hello", speaker="B"),
    )
    engine = ScriptedEngine(Recognition(duration=2.5, segments=turns), models=(DIARIZE,))
    async with LocalRelay(engine) as relay, AsyncClient(relay.base_url, relay.api_key) as client:
        result = await client.transcribe(
            jfk,
            model=DIARIZE,
            response_format="diarized_json",
            known_speaker_names=["甲"],
            known_speaker_references=[jfk],
            strict=True,
        )
    assert [(segment.id, segment.speaker, segment.text) for segment in result.segments] == [
        (0, "甲", "你好"),
        (1, "B", "Hello"),
    ]
    assert (result.text, result.duration) == ("你好 Hello", 2.5)
    fields = relay.requests[0].fields
    assert fields["known_speaker_names[]"] == ("甲",)
    assert fields["known_speaker_references[]"][0].startswith("data:audio/mpeg;base64,")
    assert "甲" in result._repr_html_()


async def test_token_probabilities_come_with_the_text(jfk: Path) -> None:
    """What is damaged of them is left out; they are in the JSON form too."""
    engine = ScriptedEngine(ScriptedAnswer(200, LOGPROBS), models=("gpt-4o-transcribe",))
    async with LocalRelay(engine) as relay, AsyncClient(relay.base_url, relay.api_key) as client:
        result = await client.transcribe(jfk, model="gpt-4o-transcribe", include=["logprobs"])
    assert [(token.token, token.logprob, token.bytes) for token in result.logprobs] == [("Hi", -0.01, (72, 105))]
    assert result.to_dict()["logprobs"] == [{"token": "Hi", "logprob": -0.01, "bytes": [72, 105]}]


@pytest.mark.parametrize("options", [{"model": "gpt-4o-transcribe", "response_format": "vtt"}, {"keywords": ["x"]}])
async def test_what_does_not_go_together_costs_nothing(
    local_relay: LocalRelay, jfk: Path, options: dict[str, Any]
) -> None:
    """It is refused before the recording is looked at; `strict=False` lets the relay say so itself."""
    async with AsyncClient(local_relay.base_url, local_relay.api_key) as client:
        with pytest.raises(ConfigurationError, match="strict=False"):
            await client.transcribe(jfk, **options)
        assert not local_relay.requests
        if "keywords" in options:
            await client.transcribe(jfk, **options, strict=False)
            assert local_relay.requests[0].fields["keywords[]"] == ("x",)
