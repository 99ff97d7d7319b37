"""Recordings of calls, with a speaker on each channel, through the clients and the command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from zhongzhuan_audio import (
    AsyncClient,
    AudioSourceError,
    BadRequestError,
    Budget,
    BudgetExceededError,
    Client,
    ConfigurationError,
    MissingExtraError,
    Transcription,
)
from zhongzhuan_audio.audio.duration import probe
from zhongzhuan_audio.audio.sniff import sniff
from zhongzhuan_audio.cli import run
from zhongzhuan_audio.models import Segment, Word
from zhongzhuan_audio.relay import LocalRelay, Recognition, ScriptedEngine, WhisperEngine

from .sounds import RATE, samples, silence, wav

av = pytest.importorskip("av")
np = pytest.importorskip("numpy")

BOTH = {"left": "agent", "right": "customer"}
DATA = Path(__file__).parents[1] / "data"


class Ears(ScriptedEngine):
    """Tells apart who is sent by how long it is: the agent says more."""

    def __init__(self) -> None:
        super().__init__()
        self.durations: list[float] = []
        self.refuses_short = False

    async def transcribe(self, path: Path, _: Any) -> Any:
        """Say what this one says."""
        data = await asyncio.to_thread(path.read_bytes)
        found = probe(lambda at, size: data[at : at + size], len(data), sniff(data[:4096]))
        duration = found.duration_s or 0.0
        self.durations.append(duration)
        if duration > 8:
            parts = [(0.3, 4.4, "Good morning."), (5.4, 10.5, "Can I help you?")]
        elif self.refuses_short:
            raise BadRequestError("no", status=400)
        else:
            parts = [(0.5, 2.4, "Hello.")]
        return Recognition(
            duration=duration,
            segments=tuple(
                Segment(id=at, start=start, end=end, text=text) for at, (start, end, text) in enumerate(parts)
            ),
            words=tuple(Word(word=text, start=start, end=end) for start, end, text in parts),
        )


@pytest.fixture
def ears() -> Ears:
    """What the relay hears with."""
    return Ears()


@pytest.fixture
async def relay(ears: Ears) -> AsyncIterator[LocalRelay]:
    """A relay with these."""
    async with LocalRelay(ears) as relay:
        yield relay


@pytest.fixture
def call(talk: Any) -> bytes:
    """Two speakers: one from the beginning, one from the 40th second on for some two seconds."""
    return wav(talk, np.concatenate([silence(40), talk[: int(2.3 * RATE)], silence(7)]))


async def test_each_channel_is_asked_for_by_itself(
    relay: LocalRelay, client: AsyncClient, ears: Ears, call: bytes
) -> None:
    """With its silence closed up; times are those of the recording."""
    found = await client.transcribe(("call.wav", call), channels=BOTH)
    assert [(each.speaker, each.text) for each in found.segments] == [
        ("agent", "Good morning."),
        ("agent", "Can I help you?"),
        ("customer", "Hello."),
    ]
    assert found.segments[2].start == pytest.approx(40.3, abs=0.5)
    assert [word.speaker for word in found.words] == ["agent", "agent", "customer"]
    assert found.duration == pytest.approx(49.3, abs=0.1)
    assert found.to_text() == "agent: Good morning. Can I help you?\ncustomer: Hello.\n"
    assert found.text == "Good morning. Can I help you? Hello."
    assert sorted(round(seconds) for seconds in ears.durations) == [3, 11]
    made = found.preparation
    assert made is not None
    assert (made.reason, made.channels, made.pieces, made.same_channels, made.silent_channels) == (
        "channels",
        2,
        2,
        False,
        (),
    )
    assert made.skipped_s == pytest.approx(2 * 49.3 - sum(ears.durations), abs=1)
    assert len(found.attempts) == relay.request_count == 2
    assert {request.fields["timestamp_granularities[]"] for request in relay.requests} == {("word", "segment")}


@pytest.mark.parametrize("response_format", ["srt", "vtt", "text"])
async def test_subtitles_of_a_call_are_made_here(
    client: AsyncClient, relay: LocalRelay, call: bytes, tmp_path: Path, response_format: Any
) -> None:
    """The relay is asked for the times of words, and each cue has its speaker; of many, too, and of a translation."""
    found = [await client.transcribe(("call.wav", call), response_format=response_format, channels=BOTH)]
    found.append(await client.translate(("call.wav", call), response_format=response_format, channels=BOTH))
    many = client.transcribe_many([("call.wav", call)], response_format=response_format, channels=BOTH)
    async with many as outcomes:
        found += [outcome.result() async for outcome in outcomes]
    assert {request.fields["response_format"] for request in relay.requests} == {("verbose_json",)}
    asked = {request.fields.get("timestamp_granularities[]") for request in relay.requests}
    assert asked == {("word", "segment")}
    for each in found:
        blocks = each.to_srt().split("\n\n")
        assert [block.split("\n", 2)[2] for block in blocks if block] == [
            "agent: Good morning.",
            "agent: Can I help you?",
            "customer: Hello.",
        ]
        assert "\n<v customer>Hello.\n" in each.to_vtt()
        assert "customer: Hello." in each.to_srt(max_chars=20, max_lines=1)


async def test_names_may_be_left_to_their_places(client: AsyncClient, relay: LocalRelay, call: bytes) -> None:
    """Or only one channel be wanted."""
    found = await client.transcribe(("call.wav", call), response_format="srt", channels="split")
    assert [each.speaker for each in found.segments] == ["left", "left", "right"]
    right = await client.transcribe(("call.wav", call), response_format="verbose_json", channels={2: "customer"})
    assert [(each.speaker, each.text) for each in right.segments] == [("customer", "Hello.")]
    assert relay.request_count == 3


async def test_channels_that_are_the_same_are_sent_once(client: AsyncClient, relay: LocalRelay, talk: Any) -> None:
    """And that is told; nobody knows who speaks."""
    found = await client.transcribe(("a.wav", wav(talk, talk)), response_format="verbose_json", channels=BOTH)
    assert relay.request_count == 1
    assert found.preparation is not None
    assert found.preparation.same_channels
    assert {each.speaker for each in found.segments} == {None}
    assert "timestamp_granularities[]" not in relay.requests[0].fields


async def test_one_channel_is_a_recording_as_others_are(client: AsyncClient, relay: LocalRelay, talk: Any) -> None:
    """Its speaker may be named; a second one is not there."""
    mono = ("a.wav", wav(talk))
    found = await client.transcribe(
        mono,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        channels={"left": "agent"},
    )
    assert {each.speaker for each in found.segments} == {"agent"}
    assert {each.speaker for each in found.words} == {"agent"}
    for channels in ("split", BOTH):
        found = await client.transcribe(mono, response_format="verbose_json", channels=channels)  # type: ignore[arg-type]
        assert {each.speaker for each in found.segments} == {None}
        assert found.preparation is not None
        assert (found.preparation.channel_count, found.preparation.same_channels) == (1, False)
    with pytest.raises(AudioSourceError, match=r"a\.wav has one channel, and so no right one"):
        await client.transcribe(mono, response_format="verbose_json", channels={"right": "customer"})
    assert relay.request_count == 3


async def test_a_silent_channel_is_not_sent(client: AsyncClient, relay: LocalRelay, talk: Any) -> None:
    """It is told; where nobody speaks at all, nothing is sent, and the transcript is empty."""
    found = await client.transcribe(("a.wav", wav(talk, silence(11))), response_format="verbose_json", channels=BOTH)
    assert found.preparation is not None
    assert (found.preparation.channels, found.preparation.silent_channels) == (1, ("customer",))
    assert relay.request_count == 1
    hiss = np.random.default_rng(1).integers(-40, 40, 11 * RATE).astype(np.int16)
    none = await client.transcribe(("a.wav", wav(silence(11), hiss)), response_format="verbose_json", channels="split")
    assert (none.text, none.duration) == ("", 11.0)
    assert none.preparation is not None
    assert (none.preparation.channels, none.preparation.pieces) == (0, 0)
    assert none.preparation.silent_channels == ("left", "right")
    assert none.preparation.skipped_s == 22.0
    assert relay.request_count == 1


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ("both", "channels must be 'split' or name the channels, not 'both'"),
        ({}, "channels must be 'split'"),
        (["left"], "channels must be 'split'"),
        ({"middle": "a"}, "channels has no 'middle'"),
        ({0: "a"}, "channels has no 0"),
        ({True: "a"}, "channels has no True"),
        ({"left": ""}, "the name of channel 'left' must be a text"),
        ({"left": 1}, "the name of channel 'left' must be a text"),
        ({"left": "a", "right": "a"}, "twice"),
        ({"left": "a", 1: "b"}, "twice"),
    ],
)
async def test_names_are_checked(
    client: AsyncClient, relay: LocalRelay, call: bytes, channels: Any, message: str
) -> None:
    """Before anything is read or sent."""
    with pytest.raises(ConfigurationError, match=message):
        await client.transcribe(("call.wav", call), response_format="verbose_json", channels=channels)
    assert relay.request_count == 0


async def test_what_does_not_go_together_is_told(client: AsyncClient, relay: LocalRelay, call: bytes) -> None:
    """Turns are told apart by times, and a channel cannot be sent as it is."""
    with pytest.raises(ConfigurationError, match="channels needs the times of segments"):
        await client.transcribe(("call.wav", call), model="gpt-4o-transcribe", channels=BOTH)
    with pytest.raises(ConfigurationError, match="prepare='never' forbids it"):
        await client.transcribe(("c.wav", call), response_format="srt", channels=BOTH, prepare="never")
    assert relay.request_count == 0


async def test_without_media_it_is_told(
    client: AsyncClient, relay: LocalRelay, call: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is sent."""
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingExtraError, match="media"):
        await client.transcribe(("call.wav", call), response_format="verbose_json", channels=BOTH)
    assert relay.request_count == 0


async def test_a_channel_that_fails_does_not_take_the_other_along(
    client: AsyncClient, relay: LocalRelay, ears: Ears, call: bytes, tmp_path: Path
) -> None:
    """The error has what was heard; with a journal only the channel that failed is asked for again."""
    ears.refuses_short = True
    with pytest.raises(BadRequestError) as caught:
        await client.transcribe(("call.wav", call), response_format="verbose_json", channels=BOTH)
    partial = caught.value.partial
    assert isinstance(partial, Transcription)
    assert {each.speaker for each in partial.segments} == {"agent"}
    assert len(caught.value.attempts) == 2
    ((begin, end),) = partial.gaps
    assert 39 < begin < 40.5
    assert 42 < end < 44
    allowed = await client.transcribe(
        ("call.wav", call), response_format="verbose_json", channels=BOTH, allow_gaps=True
    )
    assert (allowed.gaps, {each.speaker for each in allowed.segments}) == (partial.gaps, {"agent"})
    assert relay.request_count == 4

    async def in_a_batch() -> Any:
        async with client.transcribe_many(
            [("call.wav", call)],
            journal=tmp_path / "journal.sqlite",
            response_format="verbose_json",
            channels={"right": "customer", "left": "agent"},
        ) as outcomes:
            return [outcome async for outcome in outcomes]

    (outcome,) = await in_a_batch()
    assert isinstance(outcome.error, BadRequestError)
    assert relay.request_count == 6
    ears.refuses_short = False
    (outcome,) = await in_a_batch()
    assert len(outcome.result().segments) == 3
    assert relay.request_count == 7
    (outcome,) = await in_a_batch()
    assert outcome.from_journal
    assert [each.speaker for each in outcome.result().words] == ["agent", "agent", "customer"]
    assert relay.request_count == 7


async def test_channels_are_part_of_the_question(client: AsyncClient, call: bytes, tmp_path: Path) -> None:
    """The answer for other names is another, in whatever order they are told."""
    found = []
    for channels in (BOTH, dict(reversed(BOTH.items())), {"left": "agent"}, "split", None):
        async with client.transcribe_many(
            [("call.wav", call)], journal=tmp_path / "j.sqlite", response_format="verbose_json", channels=channels
        ) as outcomes:
            found += [outcome.from_journal async for outcome in outcomes]
    assert found == [False, True, False, False, False]


@pytest.mark.parametrize(
    ("budget", "requests"),
    [
        (Budget(requests=2), 2),
        (Budget(requests=1), 0),
        # Eleven seconds of one, and some three of the other, with its silence closed up.
        (Budget(audio_minutes=15 / 60), 2),
        (Budget(audio_minutes=12 / 60), 0),
    ],
)
async def test_a_budget_counts_each_channel(
    client: AsyncClient, relay: LocalRelay, call: bytes, budget: Budget, requests: int
) -> None:
    """Before anything is sent, and as much of it as is sent."""
    async with client.transcribe_many(
        [("call.wav", call)], budget=budget, response_format="verbose_json", channels=BOTH
    ) as outcomes:
        (outcome,) = [outcome async for outcome in outcomes]
    assert relay.request_count == requests
    if requests:
        assert outcome.error is None
        assert outcome.charged_s == pytest.approx(14.3, abs=0.5)
    else:
        assert isinstance(outcome.error, BudgetExceededError)


async def test_the_blocking_twin_takes_them(relay: LocalRelay, call: bytes) -> None:
    """For one recording."""

    def ask() -> Transcription:
        with Client(relay.base_url, relay.api_key) as client:
            return client.transcribe(("call.wav", call), response_format="verbose_json", channels=BOTH)

    found = await asyncio.to_thread(ask)
    assert [each.speaker for each in found.segments] == ["agent", "agent", "customer"]


async def test_the_command_takes_them(
    relay: LocalRelay,
    call: bytes,
    talk: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A line for each turn; what was not sent is told, and what cannot be is before anything is."""
    monkeypatch.setenv("ZHONGZHUAN_BASE_URL", relay.base_url)
    monkeypatch.setenv("ZHONGZHUAN_API_KEY", relay.api_key)
    monkeypatch.chdir(tmp_path)
    Path("call.wav").write_bytes(call)
    Path("quiet.wav").write_bytes(wav(talk, silence(11)))

    async def command(*arguments: str) -> tuple[int, str, str]:
        status = await asyncio.to_thread(run, ["transcribe", *arguments])
        told = capsys.readouterr()
        return status, told.out, told.err

    status, out, _ = await command("call.wav", "--channels", "left=agent,right=customer")
    assert (status, out) == (0, "agent: Good morning. Can I help you?\ncustomer: Hello.\n")
    status, out, err = await command("quiet.wav", "--channels", "split")
    assert (status, out) == (0, "left: Good morning. Can I help you?\n")
    assert "nobody speaks in channel right, which was not sent" in err
    status, out, _ = await command("call.wav", "quiet.wav", "--channels", "split", "--dry-run")
    assert (status, out) == (
        0,
        "2 would be sent, in about 4 requests: 2.0 minutes of audio\nof these, 2 would be taken apart\n",
    )
    for wrong, message in {
        "left": "--channels cannot be 'left'",
        "left=a,left=b": "--channels cannot be",
        "top=a": "channels has no 'top'",
    }.items():
        status, _, err = await command("call.wav", "--channels", wrong)
        assert status == 2
        assert message in err
    assert relay.request_count == 3


@pytest.mark.real_model
async def test_a_real_call(talk: Any) -> None:
    """Two voices, one a channel: each sentence comes back with its speaker, in order."""
    first = samples(DATA / "sense_and_sensibility_01_austen_64kb-0880.wav")
    second = samples(DATA / "sense_and_sensibility_01_austen_64kb-0890.wav")
    pause = silence(1)
    left = np.concatenate([talk, pause, silence(len(first) / RATE), pause, talk, pause, silence(len(second) / RATE)])
    right = np.concatenate([silence(len(talk) / RATE), pause, first, pause, silence(len(talk) / RATE), pause, second])
    async with LocalRelay(WhisperEngine()) as relay, AsyncClient(relay.base_url, relay.api_key) as client:
        found = await client.transcribe(
            ("call.wav", wav(left, right)), language="en", response_format="verbose_json", channels=BOTH
        )
    turns = found.to_text().lower().splitlines()
    assert [turn.partition(":")[0] for turn in turns] == ["agent", "customer", "agent", "customer"]
    for turn, words in zip(turns, ["fellow americans", "young man", "fellow americans", "rather selfish"], strict=True):
        assert words in turn
    starts = [
        next(each.start for each in found.segments if words in each.text.lower()) for words in ("young", "rather")
    ]
    assert starts[0] == pytest.approx(12.0, abs=0.8)
    assert starts[1] == pytest.approx(28.1, abs=0.8)
