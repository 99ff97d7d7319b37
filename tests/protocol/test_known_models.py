"""Which model takes which format and field."""

from __future__ import annotations

from typing import Any

import pytest

from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.protocol.request import reference_fields, transcription_fields

DIARIZE = "gpt-4o-transcribe-diarize"


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({"model": "gpt-transcribe", "keywords": ["Kubernetes", "中转"], "languages": ["zh", "EN"]},
         [("keywords[]", "Kubernetes"), ("keywords[]", "中转"), ("languages[]", "zh"), ("languages[]", "en")]),
        ({"model": "gpt-4o-transcribe", "include": ["logprobs"], "chunking_strategy": "auto", "language": "zh"},
         [("language", "zh"), ("include[]", "logprobs"), ("chunking_strategy", "auto")]),
        ({"model": "gpt-4o-mini-transcribe", "chunking_strategy": {"type": "server_vad", "threshold": 0.5}},
         [("chunking_strategy[type]", "server_vad"), ("chunking_strategy[threshold]", "0.5")]),
        ({"model": DIARIZE, "response_format": "diarized_json", "known_speaker_names": ["甲", "乙"],
          "speaker_references": 2}, [("known_speaker_names[]", "甲"), ("known_speaker_names[]", "乙")]),
    ],
)  # fmt: skip
def test_the_newer_fields_go_out(options: dict[str, Any], fields: list[tuple[str, str]]) -> None:
    """Lists with brackets, and settings with theirs, as OpenAI's own client sends them."""
    sent = [field for field in transcription_fields(**options) if field[0] not in {"model", "response_format"}]
    assert sent == fields


def test_references_are_fields_of_their_own() -> None:
    """In the order of the names."""
    assert reference_fields(["data:a", "data:b"]) == (
        ("known_speaker_references[]", "data:a"),
        ("known_speaker_references[]", "data:b"),
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "gpt-4o-transcribe", "response_format": "srt"},
         "gpt-4o-transcribe does not answer with response_format 'srt', only with json — whisper-1 would"),
        ({"model": "whisper-1", "response_format": "diarized_json"}, f"only with json, text.*{DIARIZE} would"),
        ({"model": "whisper-1", "include": ["logprobs"]},
         "whisper-1 does not take include — gpt-4o-transcribe, gpt-4o-mini-transcribe would"),
        ({"model": "whisper-1", "keywords": ["a"]}, "does not take keywords — gpt-transcribe would"),
        ({"model": DIARIZE, "prompt": "Dear"}, "does not take prompt — whisper-1, gpt-transcribe"),
        ({"model": "gpt-transcribe", "known_speaker_names": ["a"]}, f"known_speaker_names — {DIARIZE} would"),
        ({"model": "gpt-transcribe", "speaker_references": 1}, "does not take known_speaker_references"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(options: dict[str, Any], message: str) -> None:
    """With the models that would take it; `strict=False` sends it, and so does a model that nobody knows."""
    with pytest.raises(ConfigurationError, match=message):
        transcription_fields(**options)
    if "speaker_references" not in options:
        assert transcription_fields(**options, strict=False)
        assert transcription_fields(**{**options, "model": "sensevoice"})


@pytest.mark.parametrize("model", ["whisper-1", "gpt-transcribe", "gpt-4o-transcribe", DIARIZE, "sensevoice"])
def test_what_the_table_is_silent_about_is_let_through(model: str) -> None:
    """A language, a temperature, a field of the caller's own."""
    fields = dict(transcription_fields(model=model, language="zh", temperature=0.2, extra={"vad": True}))
    assert fields == {"model": model, "language": "zh", "response_format": "json", "temperature": "0.2", "vad": "true"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"include": "logprobs"}, "include must be a list of strings, not str"),
        ({"keywords": [1]}, "keywords must be a string, not int"),
        ({"languages": ["chinese"]}, "language 'chinese' is not an ISO 639-1 code"),
        ({"chunking_strategy": "never"}, 'must be "auto" or a mapping'),
        ({"chunking_strategy": {"threshold": 1}}, "a mapping with a type"),
        ({"chunking_strategy": {"type": "server_vad", "a[b]": 1}}, "cannot be a field's name"),
        ({"chunking_strategy": {"type": object()}}, "chunking_strategy cannot be sent: it is of type object"),
        ({"known_speaker_names": list("abcde")}, "at most 4"),
        ({"known_speaker_names": ["a"], "speaker_references": 2}, "a reference for each name"),
        ({"speaker_references": 1}, "a reference for each name"),
        ({"extra": {"chunking_strategy[type]": "x"}}, "give it as an argument"),
    ],
)
def test_what_cannot_be_is_refused_for_any_model(options: dict[str, Any], message: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigurationError, match=message):
        transcription_fields(model="sensevoice", **options)
