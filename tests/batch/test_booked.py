"""What recordings that go out in pieces cost: counted before, while and after they are asked for."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from zhongzhuan_audio import (
    AsyncClient,
    AudioLimits,
    BadRequestError,
    Budget,
    BudgetExceededError,
    Outcome,
    RetryPolicy,
    TransportError,
)
from zhongzhuan_audio.audio.duration import probe
from zhongzhuan_audio.audio.sniff import sniff
from zhongzhuan_audio.relay import Fault, LocalRelay, ScriptedAnswer, ScriptedEngine

av = pytest.importorskip("av")

SMALL = AudioLimits(max_bytes=65_536)
"""Some ten seconds of MP3."""
QUICK = RetryPolicy(backoff_base_s=0.001)
WRONG = ScriptedAnswer(400, '{"error": {"message": "no", "type": "invalid_request_error"}}')


class Listening(ScriptedEngine):
    """Takes note of how long each recording is that is heard."""

    def __init__(self) -> None:
        super().__init__("one")
        self.heard_s: list[float] = []

    async def transcribe(self, path: Path, options: Any) -> Any:
        """Answer, and count."""
        data = await asyncio.to_thread(path.read_bytes)
        found = probe(lambda at, size: data[at : at + size], len(data), sniff(data[:4096]))
        self.heard_s.append(found.duration_s or 0.0)
        return await super().transcribe(path, options)


def talk(*parts: Path | float) -> bytes:
    """Return recordings and seconds of silence, one after another, as a wav."""
    kept = io.BytesIO()
    with wave.open(kept, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        for part in parts:
            if isinstance(part, Path):
                resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
                with av.open(str(part)) as heard:
                    for frame in heard.decode(audio=0):
                        for block in resampler.resample(frame):
                            file.writeframes(block.to_ndarray().tobytes())
            else:
                file.writeframes(bytes(2 * round(part * 16_000)))
    return kept.getvalue()


FORTY = talk(40.0)
"""Seconds of nothing: five pieces."""
PIECES = 5


@pytest.fixture
async def engine() -> Listening:
    """What hears the recordings."""
    return Listening()


@pytest.fixture
async def relay(engine: Listening) -> AsyncIterator[LocalRelay]:
    """A relay that takes little at once."""
    async with LocalRelay(engine, max_upload_bytes=65_536) as relay:
        yield relay


@pytest.fixture
async def client(relay: LocalRelay) -> AsyncIterator[AsyncClient]:
    """A client that knows how little."""
    async with AsyncClient(relay.base_url, relay.api_key, audio_limits=SMALL, retry=QUICK) as client:
        yield client


async def ask(client: AsyncClient, files: Any, **options: Any) -> list[Outcome]:
    """Return what comes of them, in order."""
    async with client.transcribe_many(files, ordered=True, **options) as outcomes:
        return [outcome async for outcome in outcomes]


async def test_each_piece_counts_with_its_own_length(relay: LocalRelay, client: AsyncClient, engine: Any) -> None:
    """What is told is what was spent, and what the relay would have charged for; what cost nothing does not count."""
    relay.faults.script(Fault("reset-after-upload", requests=(2,)), Fault.refusal(429, requests=(4,)))
    budget = Budget(requests=100, audio_minutes=100)
    (outcome,) = await ask(client, [("talk.wav", FORTY)], budget=budget)
    assert outcome.error is None
    assert outcome.transcription is not None
    assert outcome.transcription.preparation is not None
    assert outcome.transcription.preparation.pieces == PIECES
    assert budget.spent.requests == relay.billable == PIECES + 1
    assert outcome.charged_s == pytest.approx(sum(engine.heard_s), abs=1)
    assert budget.spent.audio_minutes == pytest.approx((outcome.charged_s or 0) / 60)
    assert (len(outcome.attempts), outcome.maybe_billed, outcome.billed) == (relay.request_count, 1, "maybe")
    assert outcome.audio_s == pytest.approx(40.0)
    assert budget.left.requests == 100 - PIECES - 1


@pytest.mark.parametrize("budget", [Budget(requests=PIECES - 1), Budget(audio_minutes=0.6)])
async def test_what_there_is_no_room_for_is_not_begun(relay: LocalRelay, client: AsyncClient, budget: Budget) -> None:
    """Not one piece of it is sent, and the input ends."""
    before = budget.left
    names = iter([("talk.wav", FORTY)] * 60)
    found = await ask(client, names, budget=budget, concurrency=1)
    assert {type(outcome.error) for outcome in found} == {BudgetExceededError}
    assert [outcome.charged_s for outcome in found] == [0.0] * len(found)
    assert len(found) < 30
    assert len(list(names)) == 60 - len(found)
    assert relay.request_count == 0
    assert budget.left == before


async def test_of_an_empty_budget_nothing_is_even_decoded(client: AsyncClient) -> None:
    """And what is told is the recording's own length."""
    broken = ("talk.mov", b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(400))
    for budget in (Budget(requests=0), Budget(audio_minutes=0)):
        first, second = await ask(client, [("talk.wav", FORTY), broken], budget=budget)
        assert "the recording lasts 0.6667 minutes" in str(first.error)
        assert isinstance(second.error, BudgetExceededError)


async def test_a_piece_is_not_tried_again_past_the_budget(relay: LocalRelay, client: AsyncClient) -> None:
    """It says why; with room for one more request it is."""
    relay.faults.script(Fault("reset-after-upload", requests=(1,)))
    budget = Budget(requests=PIECES)
    (outcome,) = await ask(client, [("talk.wav", FORTY)], budget=budget)
    assert isinstance(outcome.error, TransportError)
    assert "not tried again: the budget has no room for it" in str(outcome.error)
    assert outcome.maybe_billed == 1
    assert budget.spent.requests == relay.billable <= PIECES
    relay.faults.script(Fault("reset-after-upload", requests=(1,)))
    sent, budget = relay.billable, Budget(requests=PIECES + 1)
    (outcome,) = await ask(client, [("talk.wav", FORTY)], budget=budget)
    assert outcome.error is None
    assert budget.spent.requests == relay.billable - sent == PIECES + 1
    assert budget.left.requests == 0


@pytest.mark.parametrize("context", ["parallel", "sequential"])
async def test_pieces_that_the_journal_has_cost_nothing(
    relay: LocalRelay, client: AsyncClient, tmp_path: Path, context: str
) -> None:
    """A budget of what is left to ask is enough, and those of the run before are not told as this one's."""
    relay.engine.script("one", "two", "three", WRONG, "five")  # type: ignore[attr-defined]
    relay.faults.script(Fault("reset-after-upload", requests=(1,)))
    options: dict[str, Any] = {"journal": tmp_path / "run.sqlite", "context": context}
    (first,) = await ask(client, [("talk.wav", FORTY)], **options)
    assert isinstance(first.error, BadRequestError)
    assert (first.billed, first.maybe_billed, first.lost_before) == ("maybe", 1, 0)
    answered, sent = relay.billable - 1, relay.request_count
    assert 2 <= answered < PIECES
    budget = Budget(requests=PIECES - answered)
    (second,) = await ask(client, [("talk.wav", FORTY)], budget=budget, **options)
    assert second.error is None
    assert len(second.attempts) == relay.request_count - sent == PIECES - answered
    assert (second.maybe_billed, second.lost_before) == (0, 1)
    assert budget.spent.requests == PIECES - answered
    (third,) = await ask(client, [("talk.wav", FORTY)], budget=budget, **options)
    assert (third.from_journal, third.charged_s) == (True, 0.0)


async def test_silence_that_is_left_out_costs_nothing(relay: LocalRelay, client: AsyncClient, jfk: Path) -> None:
    """A budget that would not hold the whole holds what is said."""
    data, budget = talk(jfk, 120.0, jfk), Budget(audio_minutes=0.6)
    (outcome,) = await ask(client, [("talk.wav", data)], budget=budget, skip_silence=True)
    assert outcome.error is None
    assert outcome.transcription is not None
    assert outcome.transcription.preparation is not None
    skipped_s = outcome.transcription.preparation.skipped_s
    assert skipped_s > 100
    assert outcome.audio_s == pytest.approx(142, abs=1)
    assert (outcome.charged_s or 0) >= (outcome.audio_s or 0) - skipped_s - 1
    assert budget.spent.audio_minutes == pytest.approx((outcome.charged_s or 0) / 60)
    (outcome,) = await ask(client, [("talk.wav", data)], budget=Budget(audio_minutes=0.6))
    assert isinstance(outcome.error, BudgetExceededError)


@pytest.mark.parametrize(("seconds", "pieces"), [(5.0, 1), (15.0, 2)])
async def test_a_length_that_no_header_tells_is_that_of_what_was_decoded(
    relay: LocalRelay, client: AsyncClient, seconds: float, pieces: int
) -> None:
    """Converted or cut: it counts as what it is, and is refused where there is no room for it."""
    kept = io.BytesIO()
    with av.open(io.BytesIO(talk(seconds))) as heard, av.open(kept, "w", format="webm", options={"live": "1"}) as file:
        stream = file.add_stream("libopus", rate=16_000, layout="mono")
        for frame in heard.decode(audio=0):
            frame.pts = None
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    unknown = kept.getvalue()
    assert probe(lambda at, size: unknown[at : at + size], len(unknown), sniff(unknown[:4096])).duration_s is None
    budget = Budget(audio_minutes=1)
    (outcome,) = await ask(client, [("a.webm", unknown)], budget=budget)
    assert outcome.error is None
    assert outcome.audio_s == pytest.approx(seconds, abs=0.5)
    assert budget.spent.audio_minutes == pytest.approx(seconds / 60, rel=0.5)
    assert budget.spent.requests == relay.billable == pieces
    (outcome,) = await ask(client, [("a.webm", unknown)], budget=Budget(audio_minutes=0.05))
    assert isinstance(outcome.error, BudgetExceededError)


async def test_two_that_need_all_of_it_do_not_wait_for_each_other(relay: LocalRelay, client: AsyncClient) -> None:
    """One is done, and then there is no room for the other."""
    budget = Budget(requests=PIECES + 1)
    async with asyncio.timeout(30):
        found = await ask(client, [("a.wav", FORTY), ("b.wav", FORTY)], budget=budget, concurrency=2)
    assert sorted(type(outcome.error).__name__ for outcome in found) == ["BudgetExceededError", "NoneType"]
    assert budget.spent.requests == relay.billable == PIECES


async def test_who_waits_goes_on_with_what_comes_back(relay: LocalRelay, client: AsyncClient) -> None:
    """A recording that fails without a cost leaves its share to the next."""
    relay.engine.script(WRONG)  # type: ignore[attr-defined]
    budget = Budget(requests=PIECES + 4)
    async with asyncio.timeout(30):
        found = await ask(client, [("a.wav", FORTY), ("b.wav", FORTY)], budget=budget, concurrency=2)
    done = [outcome for outcome in found if outcome.error is None]
    assert len(done) <= 1
    assert budget.spent.requests == relay.billable <= PIECES + 4


async def test_what_is_broken_off_counts_with_all_that_was_set_aside(relay: LocalRelay, client: AsyncClient) -> None:
    """Nobody knows what it cost."""
    budget = Budget(requests=PIECES)
    relay.faults.script(Fault("stall-before-headers", requests=tuple(range(1, 10))))
    async with client.transcribe_many([("talk.wav", FORTY)], budget=budget):
        async with asyncio.timeout(30):
            while not relay.request_count:
                await asyncio.sleep(0.01)
    assert budget.spent.requests == PIECES
    assert budget.left.requests == 0
