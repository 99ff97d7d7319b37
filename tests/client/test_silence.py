"""Long silence is not sent where that is wanted, and neither is a recording in which nobody speaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from zhongzhuan_audio import AsyncClient, Budget, Client, ConfigurationError, MissingExtraError
from zhongzhuan_audio.audio.duration import probe
from zhongzhuan_audio.audio.sniff import sniff
from zhongzhuan_audio.cli import run
from zhongzhuan_audio.models import Segment
from zhongzhuan_audio.relay import LocalRelay, Recognition, ScriptedEngine

from .sounds import silence, wav

av = pytest.importorskip("av")
np = pytest.importorskip("numpy")


class Ears(ScriptedEngine):
    """Hears one sentence in everything, a second long, half a second after the beginning."""

    def __init__(self) -> None:
        super().__init__()
        self.durations: list[float] = []

    async def transcribe(self, path: Path, _: Any) -> Any:
        """Say it."""
        data = await asyncio.to_thread(path.read_bytes)
        found = probe(lambda at, size: data[at : at + size], len(data), sniff(data[:4096]))
        self.durations.append(found.duration_s or 0.0)
        segment = Segment(id=0, start=0.5, end=2.0, text="And so my fellow Americans.")
        return Recognition(duration=found.duration_s or 0.0, segments=(segment,))


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
def paused(talk: Any) -> bytes:
    """Speech, 40 s of silence, and speech again: a recording that goes out as it is."""
    return wav(np.concatenate([talk, silence(40), talk]))


async def test_long_silence_is_not_sent(client: AsyncClient, relay: LocalRelay, ears: Ears, paused: bytes) -> None:
    """Though the relay would take it; times are those of the recording, and what was saved is told."""
    found = await client.transcribe(("a.wav", paused), response_format="verbose_json", skip_silence=True)
    assert found.preparation is not None
    assert (found.preparation.reason, found.preparation.pieces) == ("silence", 2)
    assert found.preparation.skipped_s == pytest.approx(40, abs=2)
    assert sum(ears.durations) + found.preparation.skipped_s == pytest.approx(62, abs=0.5)
    assert relay.request_count == 2
    assert [round(segment.start) for segment in found.segments] == [0, 51]
    assert found.duration == pytest.approx(62, abs=0.1)


async def test_without_long_silence_it_goes_as_it_is(client: AsyncClient, relay: LocalRelay, talk: Any) -> None:
    """To the byte."""
    data = wav(np.concatenate([talk, silence(20), talk]))
    found = await client.transcribe(("a.wav", data), skip_silence=True)
    assert found.preparation is None
    assert found.text == "And so my fellow Americans."
    (request,) = relay.requests
    assert request.size_bytes == len(data)


@pytest.mark.parametrize(
    ("channels", "options", "told"),
    [
        (1, {"skip_silence": True}, ("silence", 1, False, ())),
        (1, {"skip_silence": True, "prepare": "always"}, ("wish", 1, False, ())),
        (1, {"channels": "split"}, ("channels", 1, False, ())),
        (2, {"channels": "split"}, ("channels", 2, True, ())),
    ],
)
@pytest.mark.parametrize("seconds", [11.0, 40.0])
async def test_nothing_is_sent_of_nothing(
    client: AsyncClient, relay: LocalRelay, channels: int, options: Any, told: Any, seconds: float
) -> None:
    """The transcript is empty, and says why."""
    data = wav(*[silence(seconds)] * channels)
    found = await client.transcribe(("a.wav", data), response_format="verbose_json", **options)
    assert relay.request_count == 0
    assert (found.text, found.segments, found.attempts) == ("", (), ())
    assert found.duration == pytest.approx(seconds, abs=0.01)
    made = found.preparation
    assert made is not None
    assert (made.pieces, made.sent_bytes) == (0, 0)
    assert (made.reason, made.channel_count, made.same_channels, made.silent_channels) == told
    assert made.skipped_s == pytest.approx(seconds, abs=0.01)
    assert found.coverage is not None
    assert (found.coverage.completeness, found.coverage.speech_s) == (1.0, 0.0)


async def test_what_nobody_listens_to_is_sent(client: AsyncClient, relay: LocalRelay) -> None:
    """Silence is the relay's to tell, unless it was asked to be found."""
    await client.transcribe(("a.wav", wav(silence(11))))
    await client.transcribe(("a.wav", wav(silence(11))), drop_suspicious=True)
    assert relay.request_count == 2


@pytest.mark.parametrize("seconds", [20.0, 40.0])
async def test_only_what_is_sent_is_counted(
    client: AsyncClient, relay: LocalRelay, talk: Any, tmp_path: Path, seconds: float
) -> None:
    """Against a budget, and asked for once with a journal; silence costs nothing."""
    names = [tmp_path / "talk.wav", tmp_path / "none.wav"]
    names[0].write_bytes(wav(np.concatenate([talk, silence(seconds), talk])))
    names[1].write_bytes(wav(silence(60)))
    budget = Budget(audio_minutes=1.0)
    options: dict[str, Any] = {"skip_silence": True, "ordered": True, "journal": tmp_path / "run.sqlite"}
    async with client.transcribe_many(names, budget=budget, **options) as outcomes:
        said, none = [outcome async for outcome in outcomes]
    sent = relay.request_count
    assert said.charged_s == pytest.approx(42 if seconds == 20 else 23, abs=1.5)
    assert (none.error, none.charged_s, none.record()["skipped_s"]) == (None, 0.0, pytest.approx(60, abs=0.1))
    assert budget.spent.audio_minutes == pytest.approx((said.charged_s or 0) / 60)
    async with client.transcribe_many(names, **options) as outcomes:
        again = [outcome async for outcome in outcomes]
    assert relay.request_count == sent
    assert [outcome.transcription for outcome in again] == [said.transcription, none.transcription]


async def test_never_leaves_nothing_out(client: AsyncClient, relay: LocalRelay, paused: bytes) -> None:
    """The two do not go together."""
    with pytest.raises(ConfigurationError, match="skip_silence leaves out a part"):
        await client.transcribe(("a.wav", paused), skip_silence=True, prepare="never")
    assert relay.request_count == 0


async def test_without_media_it_is_told(
    client: AsyncClient, relay: LocalRelay, paused: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is sent."""
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingExtraError, match="media"):
        await client.transcribe(("a.wav", paused), skip_silence=True)
    with pytest.raises(MissingExtraError, match="media"):
        async with client.transcribe_many([("a.wav", paused)], skip_silence=True):
            pass
    assert relay.request_count == 0


def test_the_command_tells_what_was_saved(
    ears: Ears, paused: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each recording, in the report, in its lines of JSON, and in the sum."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "paused.wav").write_bytes(paused)
    (folder / "silent.wav").write_bytes(wav(silence(60)))
    out = tmp_path / "out"

    async def command(*more: str) -> tuple[int, str, str]:
        async with LocalRelay(ears) as relay:
            monkeypatch.setenv("ZHONGZHUAN_API_KEY", relay.api_key)
            words = ["transcribe", str(folder), "--skip-silence", "--base-url", relay.base_url, "--allow-http", *more]
            code = await asyncio.to_thread(run, words)
        return code, *capsys.readouterr()

    code, _, err = asyncio.run(command("--output-dir", str(out)))
    assert code == 0
    assert "paused.wav: 0.7 minutes of silence were not sent" in err
    assert "silent.wav: nobody speaks in it, and nothing was sent" in err
    assert "1.7 minutes of silence not sent" in err
    rows = json.loads((out / "report.json").read_text())
    skipped = {Path(row["source"]).stem: round(row["skipped_s"]) for row in rows}
    assert skipped == {"paused": 40, "silent": 60}
    code, lines, _ = asyncio.run(command("--json"))
    assert code == 0
    told = [json.loads(line) for line in lines.splitlines()]
    assert sorted(round(row["skipped_s"]) for row in told if "source" in row) == [40, 60]
    assert round(next(row["summary"] for row in told if "summary" in row)["skipped_s"]) == 100


def test_the_blocking_twin_does_so_too(talk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same options."""
    monkeypatch.delenv("ZHONGZHUAN_API_KEY", raising=False)
    with Client("http://127.0.0.1:9", "none") as client:
        found = client.transcribe(("a.wav", wav(silence(40))), skip_silence=True)
    assert found.preparation is not None
    assert found.preparation.pieces == 0
