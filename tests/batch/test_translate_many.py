"""Many recordings into English, against the embedded relay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from zhongzhuan_audio import AsyncClient, Budget, Client, ConfigurationError, Job
from zhongzhuan_audio.relay import LocalRelay, ScriptedEngine, TranscribeOptions

MP3 = b"\xff\xfb\x90\x00" * 100


def told(options: TranscribeOptions) -> str:
    """Answer with what was asked."""
    return f"{options.task} {options.filename} {options.prompt}"


@pytest.fixture
async def relay() -> AsyncIterator[LocalRelay]:
    """A relay that answers with what it is asked."""
    async with LocalRelay(ScriptedEngine(told)) as relay:
        yield relay


@pytest.fixture
async def client(relay: LocalRelay) -> AsyncIterator[AsyncClient]:
    """A client of it."""
    async with AsyncClient(relay.base_url, relay.api_key) as client:
        yield client


async def texts(client: AsyncClient, files: list[Any], **options: Any) -> list[tuple[str, bool]]:
    """Return what came of each, in order, and whether a journal had it."""
    async with client.translate_many(files, ordered=True, **options) as outcomes:
        return [(outcome.result().text, outcome.from_journal) async for outcome in outcomes]


async def test_each_is_translated(relay: LocalRelay, client: AsyncClient) -> None:
    """With the options of all and with its own, on the path of translations, and within a budget."""
    files = [MP3, Job(MP3, prompt="mine", filename="own.mp3"), ("pair.mp3", MP3)]
    budget = Budget(requests=3)
    found = await texts(client, files, prompt="all", response_format="verbose_json", budget=budget)
    assert found == [
        ("translate audio.mp3 all", False),
        ("translate own.mp3 mine", False),
        ("translate pair.mp3 all", False),
    ]
    assert {request.path for request in relay.requests} == {"/v1/audio/translations"}
    assert {tuple(request.fields) for request in relay.requests} == {("model", "prompt", "response_format")}
    assert budget.left.requests == 0


@pytest.mark.parametrize("journal", [None, "run.sqlite"])
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"language": "zh"}, TypeError, r"translate_many\(\) got an unexpected keyword argument 'language'"),
        ({"temperature": 7}, ConfigurationError, "temperature"),
    ],
)
async def test_wrong_options_are_told_at_once(
    relay: LocalRelay,
    client: AsyncClient,
    tmp_path: Path,
    options: Any,
    error: type[Exception],
    message: str,
    journal: str | None,
) -> None:
    """Nothing is sent."""
    with pytest.raises(error, match=message):
        await texts(client, [MP3], journal=None if journal is None else tmp_path / journal, **options)
    assert relay.request_count == 0


@pytest.mark.parametrize("journal", [None, "run.sqlite"])
async def test_a_job_with_an_option_of_transcriptions_is_a_mistake(
    relay: LocalRelay, client: AsyncClient, tmp_path: Path, journal: str | None
) -> None:
    """It ends everything when it is met, and is not sent."""
    files = [Job(MP3, language="zh")]
    with pytest.raises(TypeError, match=r"translate\(\) got an unexpected keyword argument 'language'"):
        await texts(client, files, journal=None if journal is None else tmp_path / journal)
    assert relay.request_count == 0


async def test_a_transcription_is_no_translation(relay: LocalRelay, client: AsyncClient, tmp_path: Path) -> None:
    """In one journal, with the same fields, either is asked for, and then neither."""
    journal = tmp_path / "run.sqlite"
    for known in (False, True):
        async with client.transcribe_many([MP3], journal=journal, prompt="x") as outcomes:
            async for outcome in outcomes:
                assert (outcome.result().text, outcome.from_journal) == ("transcribe audio.mp3 x", known)
        assert await texts(client, [MP3], journal=journal, prompt="x") == [("translate audio.mp3 x", known)]
    assert [request.fields for request in relay.requests][:1] * 2 == [request.fields for request in relay.requests]


def test_the_blocking_twin(local_relay: LocalRelay, scripted_engine: ScriptedEngine) -> None:
    """A plain block over plain outcomes."""
    scripted_engine.script(told)
    with Client(local_relay.base_url, local_relay.api_key) as client:
        with client.translate_many([MP3, Job(MP3, prompt="mine")], ordered=True) as outcomes:
            assert [outcome.result().text for outcome in outcomes] == [
                "translate audio.mp3 None",
                "translate audio.mp3 mine",
            ]
