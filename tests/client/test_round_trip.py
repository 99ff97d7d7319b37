"""A text that is spoken, and heard again: the client's own calls, a real voice and real ears."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jiwer
import pytest

from zhongzhuan_audio import AsyncClient, SegmentDone, TextDelta, TranscriptDone

pytestmark = pytest.mark.real_model

SENTENCES = (
    "The train to London leaves at nine in the morning.",
    "Please close the window before you go.",
    "My sister works in a hospital.",
    "We had soup.",
)
WORDS = 26
PLAIN = jiwer.Compose(
    [jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.Strip(), jiwer.ReduceToListOfListOfWords()]
)
AMERICANS = (
    "And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
)


def word_errors(said: str, heard: str) -> int:
    """Return how many words are wrong, too many or missing."""
    result = jiwer.process_words(said, heard, PLAIN, PLAIN)
    return result.substitutions + result.deletions + result.insertions


async def test_four_sentences_are_spoken_and_understood(tmp_path: Path) -> None:
    """At most two of their 26 words are misheard."""
    assert len(" ".join(SENTENCES).split()) == WORDS
    heard = []
    async with AsyncClient.local() as client:
        for number, sentence in enumerate(SENTENCES):
            path = tmp_path / f"{number}.mp3"
            async with client.speak(sentence) as speech:
                assert await speech.save(path) == path.stat().st_size
            heard.append((await client.transcribe(path, language="en")).text)
        balance = await client.balance()
    assert word_errors(" ".join(SENTENCES), " ".join(heard)) <= 2, heard
    assert balance.unlimited
    assert balance.used is not None
    assert balance.used > 0


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        ({}, {TextDelta, TranscriptDone}),
        (
            {"model": "gpt-4o-transcribe-diarize", "response_format": "diarized_json"},
            {TextDelta, SegmentDone, TranscriptDone},
        ),
        ({"model": "whisper-1"}, {TranscriptDone}),
    ],
    ids=["mini", "diarize", "whisper"],
)
async def test_a_real_recording_is_streamed(jfk: Path, options: Any, kinds: set[type]) -> None:
    """The events come to what a whole answer says."""
    async with AsyncClient.local() as client, client.stream_transcription(jfk, **options) as events:
        found = [event async for event in events]
    assert {type(event) for event in found} == kinds
    assert isinstance(found[-1], TranscriptDone)
    assert word_errors(AMERICANS, found[-1].text) <= 1
    deltas = "".join(event.delta for event in found if isinstance(event, TextDelta))
    assert deltas in ("", found[-1].text)


async def test_a_real_recording_is_translated(jfk: Path) -> None:
    """English speech stays as it is."""
    async with AsyncClient.local() as client:
        english = await client.translate(jfk, response_format="verbose_json")
    assert word_errors(AMERICANS, english.text) <= 2
    assert english.segments
