"""What a client says of the answers that it gets, and does about them where it is told to."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from zhongzhuan_audio import (
    AsyncClient,
    AudioLimits,
    BadRequestError,
    Client,
    ConfigurationError,
    Job,
    MissingExtraError,
    Transcription,
)
from zhongzhuan_audio.audio.duration import probe
from zhongzhuan_audio.audio.sniff import sniff
from zhongzhuan_audio.models import Segment, Word
from zhongzhuan_audio.models import script as script_module
from zhongzhuan_audio.relay import LocalRelay, Recognition, ScriptedAnswer, ScriptedEngine, WhisperEngine

av = pytest.importorskip("av")

# Where somebody speaks in the sample: 0.3 to 2.2, 3.3 to 4.4, 5.4 to 7.6 and 8.2 to 10.5 s.
PARTS = (
    (0.0, 2.3, "And so, my fellow Americans,"),
    (3.2, 4.5, "ask not"),
    (5.3, 7.7, "what your country can do for you,"),
    (8.1, 10.6, "ask what you can do for your country."),
)
REFUSED = ScriptedAnswer(400, '{"error": {"message": "no", "type": "invalid_request_error"}}')


def heard(*parts: tuple[float, float, str], duration: float = 11.0, **of_all: Any) -> Recognition:
    """What an engine heard, with a word for each part."""
    return Recognition(
        duration=duration,
        segments=tuple(
            Segment(id=at, start=start, end=end, text=text, **of_all) for at, (start, end, text) in enumerate(parts)
        ),
        words=tuple(Word(word=text, start=start, end=end) for start, end, text in parts),
    )


@pytest.fixture
async def relay() -> AsyncIterator[LocalRelay]:
    """A relay that answers what it is told to."""
    async with LocalRelay(ScriptedEngine(heard(*PARTS))) as relay:
        yield relay


def script(relay: LocalRelay, *answers: Any) -> None:
    """Have the relay answer so."""
    relay.engine.script(*answers)  # type: ignore[attr-defined]


async def many(client: AsyncClient, files: list[Any], **options: Any) -> list[Any]:
    """Ask for all."""
    async with client.transcribe_many(files, **options) as outcomes:
        return [outcome async for outcome in outcomes]


@pytest.mark.parametrize("response_format", ["verbose_json", "srt"])
async def test_every_answer_with_segments_is_looked_into(
    relay: LocalRelay, client: AsyncClient, jfk: Path, response_format: Any
) -> None:
    """Sent as it is, converted, and as one of many; nothing is dropped, and nobody listens."""
    script(relay, heard(*PARTS, (10.7, 11.0, "Thanks for watching!")))
    whole = await client.transcribe(jfk, response_format=response_format)
    converted = await client.transcribe(jfk, response_format=response_format, prepare="always")
    (outcome,) = await many(client, [jfk], response_format=response_format)
    for found in (whole, converted, outcome.transcription):
        assert [(each.kind, each.segment_id, each.dropped) for each in found.warnings] == [("phantom", 4, False)]
        assert found.text.endswith("Thanks for watching!")
        assert found.coverage is None
    assert whole.to_dict()["warnings"][0]["kind"] == "phantom"


async def test_what_the_model_says_of_itself_is_told(relay: LocalRelay, client: AsyncClient, jfk: Path) -> None:
    """By a client of an engine of this machine too, and of a translation."""
    doubtful = heard((0.0, 2.0, "hello there"), no_speech_prob=0.9, avg_logprob=-1.5, compression_ratio=3.0)
    script(relay, doubtful)
    found = [await client.transcribe(jfk, response_format="verbose_json")]
    found.append(await client.translate(jfk, response_format="verbose_json"))
    async with AsyncClient.local(ScriptedEngine(doubtful)) as local:
        found.append(await local.transcribe(jfk, response_format="verbose_json"))
    assert [[each.kind for each in one.warnings] for one in found] == [["no_speech", "compression"]] * 3


async def test_an_answer_of_a_thousand_segments_is_looked_into(
    relay: LocalRelay, client: AsyncClient, jfk: Path
) -> None:
    """To its end."""
    script(relay, heard(*((at / 100, at / 100, f"Number {at} of them.") for at in range(999)), (10, 10, "感谢观看")))
    found = await client.transcribe(jfk, response_format="verbose_json")
    assert [(each.kind, each.segment_id) for each in found.warnings] == [("phantom", 999)]


async def test_what_is_suspicious_is_dropped_and_told(relay: LocalRelay, client: AsyncClient, jfk: Path) -> None:
    """Text where nobody speaks too, with its words; the recording goes out as it is."""
    invented = ((2.4, 3.1, "Nobody has said this."), (4.6, 5.2, "Thanks for watching!"))
    script(relay, heard(*sorted((*PARTS, *invented))))
    found = await client.transcribe(
        jfk, response_format="verbose_json", timestamp_granularities=["segment", "word"], drop_suspicious=True
    )
    assert found.text == " ".join(text for _, _, text in PARTS)
    assert [segment.text for segment in found.segments] == [text for _, _, text in PARTS]
    assert [segment.id for segment in found.segments] == [0, 2, 4, 5]
    assert [word.word for word in found.words] == [text for _, _, text in PARTS]
    told = [(each.segment_id, each.kind, each.text, each.dropped) for each in found.warnings]
    assert told == [
        (1, "silence", "Nobody has said this.", True),
        (3, "silence", "Thanks for watching!", True),
        (3, "phantom", "Thanks for watching!", True),
    ]
    assert found.coverage is not None
    assert (found.coverage.completeness, found.coverage.uncovered, found.coverage.refilled) == (1.0, (), ())
    assert found.preparation is None
    assert [request.size_bytes for request in relay.requests] == [jfk.stat().st_size]


async def test_segments_of_one_number_are_told_apart(relay: LocalRelay, client: AsyncClient, jfk: Path) -> None:
    """A relay that gives all the same loses none but what is suspicious."""
    same = heard(*PARTS, (10.6, 11.0, "Thanks for watching!"))
    script(relay, attrs.evolve(same, segments=tuple(attrs.evolve(each, id=0) for each in same.segments)))
    found = await client.transcribe(jfk, response_format="verbose_json", drop_suspicious=True)
    assert [segment.id for segment in found.segments] == [0, 1, 2, 3]


@pytest.mark.parametrize("prepare", ["auto", "never", "always"])
async def test_what_was_left_out_is_asked_for_once_more(
    relay: LocalRelay, client: AsyncClient, jfk: Path, prepare: Any
) -> None:
    """Just that, in one request, however the recording went out; times are true, and it is told."""
    script(relay, heard(PARTS[0], PARTS[3]), heard((0.3, 1.4, "ask not"), (2.4, 4.8, PARTS[2][2]), duration=5.0))
    told: list[tuple[int, int]] = []
    found = await client.transcribe(
        jfk,
        response_format="verbose_json",
        timestamp_granularities=["segment", "word"],
        refill=True,
        prepare=prepare,
        on_progress=lambda sent, total: told.append((sent, total)),
    )
    assert relay.request_count == 2
    assert relay.requests[1].size_bytes < jfk.stat().st_size
    assert found.text == " ".join(text for _, _, text in PARTS)
    assert [segment.id for segment in found.segments] == [0, 1, 2, 3]
    assert [word.word for word in found.words] == [text for _, _, text in PARTS]
    for segment, (start, end, text) in zip(found.segments, PARTS, strict=True):
        assert (segment.text, segment.start, segment.end) == (
            text,
            pytest.approx(start, abs=0.3),
            pytest.approx(end, abs=0.3),
        )
    assert found.warnings == ()
    assert found.coverage is not None
    assert found.coverage.completeness == 1
    ((begin, end),) = found.coverage.refilled
    assert (begin, end) == (pytest.approx(3.03, abs=0.1), pytest.approx(7.95, abs=0.1))
    assert found.usage is not None
    assert found.usage.seconds == 11 + 5
    assert len(found.attempts) == 2
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] == sum(request.size_bytes for request in relay.requests)


async def test_an_engine_of_this_machine_is_asked_once_more_too(jfk: Path) -> None:
    """As any relay is."""
    engine = ScriptedEngine([heard(*PARTS[:3]), heard((0.3, 2.7, PARTS[3][2]), duration=2.8)])
    async with AsyncClient.local(engine) as client:
        found = await client.transcribe(jfk, response_format="verbose_json", refill=True)
    assert found.text == " ".join(text for _, _, text in PARTS)


async def test_a_blocking_client_has_the_same_options(relay: LocalRelay, jfk: Path) -> None:
    """For one and for many."""

    def ask() -> list[Transcription]:
        with Client(relay.base_url, relay.api_key) as client:
            options: Any = {"response_format": "verbose_json", "refill": True, "script": "traditional"}
            found = [client.transcribe(jfk, drop_suspicious=True, **options)]
            with client.transcribe_many([jfk], **options) as outcomes:
                return found + [outcome.result() for outcome in outcomes]

    script(relay, heard((0.0, 10.6, "头发")))
    for found in await asyncio.to_thread(ask):
        assert found.text == "頭髮"
        assert found.coverage is not None
        assert found.coverage.completeness == 1


async def test_what_a_cut_recording_lacks_is_asked_for_once_more(jfk: Path, tmp_path: Path) -> None:
    """A piece whose answer was empty; what is told of sending has all that was sent."""
    counted: list[float] = []

    class Engine(ScriptedEngine):
        async def transcribe(self, path: Path, options: Any) -> Any:  # noqa: ARG002 - the interface's
            data = await asyncio.to_thread(path.read_bytes)
            probed = probe(lambda at, size: data[at : at + size], len(data), sniff(data[:4096]))
            counted.append(probed.duration_s or 0.0)
            text = f"part {len(counted)}"
            return heard(*([] if len(counted) == 2 else [(0.0, counted[-1], text)]), duration=counted[-1])

    talk = tmp_path / "talk.wav"
    talk.write_bytes(await asyncio.to_thread(twice, jfk))
    async with (
        LocalRelay(Engine()) as relay,
        AsyncClient(relay.base_url, relay.api_key, audio_limits=AudioLimits(max_bytes=65_536)) as client,
    ):
        (outcome,) = await many(
            client,
            [talk],
            response_format="verbose_json",
            context="sequential",
            refill=True,
            journal=tmp_path / "run.sqlite",
        )
        found = outcome.result()
        sent_bytes = sum(request.size_bytes for request in relay.requests)
    pieces = found.preparation.pieces
    assert pieces >= 3
    assert len(counted) == pieces + 1
    assert found.text.split("part ")[1:][1].strip() == str(pieces + 1)
    assert len(found.coverage.refilled) == 1
    assert found.coverage.completeness == 1
    assert found.preparation.sent_bytes == sent_bytes


async def test_a_recording_that_was_not_heard_at_all_is_asked_for_once_more(
    relay: LocalRelay, client: AsyncClient, jfk: Path
) -> None:
    """An answer without a word covers nothing; one that has all is left alone."""
    script(relay, heard(), heard(*PARTS), heard(*PARTS))
    found = await client.transcribe(jfk, response_format="verbose_json", refill=True)
    assert (found.text, relay.request_count) == (" ".join(text for _, _, text in PARTS), 2)
    again = await client.transcribe(jfk, response_format="verbose_json", refill=True)
    assert (again.text, relay.request_count) == (found.text, 3)
    assert again.coverage is not None
    assert again.coverage.refilled == ()


async def test_what_looks_invented_is_not_put_in(relay: LocalRelay, client: AsyncClient, jfk: Path) -> None:
    """It is told as dropped; the gap stays, and is not asked for again and again."""
    script(relay, heard(*PARTS[:1], *PARTS[2:]), heard((0.3, 1.5, "Thanks for watching!"), duration=1.6))
    found = await client.transcribe(jfk, response_format="verbose_json", refill=True)
    assert relay.request_count == 2
    assert "watching" not in found.text
    assert [segment.id for segment in found.segments] == [0, 2, 3]
    assert [(each.segment_id, each.kind, each.dropped) for each in found.warnings] == [(1, "phantom", True)]
    assert found.coverage is not None
    assert (len(found.coverage.uncovered), found.coverage.refilled) == (1, ())
    assert found.coverage.completeness < 0.9


async def test_what_is_dropped_over_speech_is_asked_for_once_more(
    relay: LocalRelay, client: AsyncClient, jfk: Path
) -> None:
    """An invention in place of what was said."""
    script(
        relay,
        heard(PARTS[0], (3.2, 4.5, "Thanks for watching!"), *PARTS[2:]),
        heard((0.3, 1.5, "ask not"), duration=1.6),
    )
    found = await client.transcribe(jfk, response_format="verbose_json", refill=True, drop_suspicious=True)
    assert found.text == " ".join(text for _, _, text in PARTS)
    assert [segment.id for segment in found.segments] in ([0, 1, 3, 4], [0, 2, 3, 4])
    (told,) = found.warnings
    assert told.dropped
    assert told.segment_id not in [segment.id for segment in found.segments]


@pytest.mark.parametrize("allow_gaps", [False, True])
async def test_a_refill_that_fails(relay: LocalRelay, client: AsyncClient, jfk: Path, allow_gaps: bool) -> None:
    """Is an error that has the transcript; where gaps are allowed, the transcript is as it was. Both tell it."""
    script(relay, heard(*PARTS[:3]), REFUSED)
    asked = client.transcribe(jfk, response_format="verbose_json", refill=True, allow_gaps=allow_gaps)
    if allow_gaps:
        found = await asked
        assert len(found.attempts) == 2
    else:
        with pytest.raises(BadRequestError) as caught:
            await asked
        assert len(caught.value.attempts) == 2
        found = caught.value.partial
    assert isinstance(found, Transcription)
    assert found.text == " ".join(text for _, _, text in PARTS[:3])
    assert found.coverage is not None
    assert found.coverage.uncovered
    assert found.coverage.refilled == ()
    (told,) = found.warnings
    assert (told.kind, told.segment_id, told.text, told.dropped) == ("refill", 3, "", False)
    assert told.start < 8.2
    assert told.end > 10.5
    assert told.detail == "asked for once more, and failed: no"
    assert found.incomplete


async def test_what_is_heard_nowhere_is_not_refilled(relay: LocalRelay, client: AsyncClient, jfk: Path) -> None:
    """Of two stretches, only the one that has text since then counts; nothing has failed."""
    script(relay, heard(PARTS[0], PARTS[2]), heard((0.3, 1.5, "ask not"), duration=1.6), heard(duration=2.7))
    found = await client.transcribe(jfk, response_format="verbose_json", refill=True)
    assert relay.request_count == 2 + 1
    assert found.coverage is not None
    ((begin, end),) = found.coverage.refilled
    ((silent, _),) = found.coverage.uncovered
    texts = {each.text: each.start for each in found.segments}
    assert begin <= texts["ask not"] <= end < silent or silent < begin <= texts["ask not"] <= end
    assert (found.warnings, found.incomplete) == ((), False)


async def test_a_refill_that_failed_is_asked_for_in_the_next_run(
    relay: LocalRelay, client: AsyncClient, jfk: Path, tmp_path: Path
) -> None:
    """And nothing else of it; what lacks it is no answer that a journal keeps."""
    script(relay, heard(*PARTS[:3]), REFUSED, heard((0.3, 2.6, PARTS[3][2]), duration=2.8))
    options: dict[str, Any] = {"response_format": "verbose_json", "refill": True, "allow_gaps": True}
    counts, found = [], []
    for _ in range(3):
        found += await many(client, [jfk], journal=tmp_path / "run.sqlite", **options)
        counts.append(relay.request_count)
    assert counts == [2, 3, 3]
    assert [outcome.record()["status"] for outcome in found] == ["incomplete", "done", "done"]
    assert [outcome.record()["suspicious"] for outcome in found] == [0, 0, 0]
    assert found[1].transcription.text == " ".join(text for _, _, text in PARTS)


async def test_without_times_it_is_refused(relay: LocalRelay, client: AsyncClient, jfk: Path) -> None:
    """Before anything is sent; of many, before any is begun."""
    untimed: list[dict[str, Any]] = [
        {"response_format": "verbose_json", "timestamp_granularities": ["word"]},
        {"model": "gpt-4o-transcribe"},
    ]
    for name in ("refill", "drop_suspicious"):
        for options in untimed:
            with pytest.raises(ConfigurationError, match=f"{name} needs the times of segments"):
                await client.transcribe(jfk, **options, **{name: True})
            with pytest.raises(ConfigurationError, match=f"{name} needs the times of segments"):
                await many(client, [jfk], **options, **{name: True})
    (outcome,) = await many(client, [Job(jfk, refill=True, model="gpt-4o-transcribe")])
    assert isinstance(outcome.error, ConfigurationError)
    assert relay.request_count == 0


@pytest.mark.parametrize("name", ["refill", "drop_suspicious"])
async def test_times_are_asked_for_where_the_format_has_none(
    relay: LocalRelay, client: AsyncClient, jfk: Path, name: str
) -> None:
    """Of a recording, of many, and of a translation; other formats go out as they are."""
    wanted: dict[str, Any] = {name: True}
    for asked in ("json", "text"):
        await client.transcribe(jfk, response_format=asked, **wanted)  # type: ignore[arg-type]
    await many(client, [jfk], **wanted)
    await client.translate(jfk, **wanted)
    await client.transcribe(jfk, response_format="srt", **wanted)
    formats = [request.fields["response_format"] for request in relay.requests]
    assert formats == [("verbose_json",)] * 4 + [("srt",)]


async def test_an_answer_that_has_no_times_all_the_same_is_left_as_it_is(
    relay: LocalRelay, client: AsyncClient, jfk: Path
) -> None:
    """Nobody knows what it lacks."""
    script(relay, ScriptedAnswer(200, '{"text": "hello there"}'))
    found = await client.transcribe(jfk, response_format="verbose_json", refill=True, drop_suspicious=True)
    assert (found.text, found.coverage, relay.request_count) == ("hello there", None, 1)


@pytest.mark.parametrize(
    ("package", "option", "extra"),
    [
        ("av", {"refill": True}, "media"),
        ("av", {"drop_suspicious": True}, "media"),
        ("opencc", {"script": "simplified"}, "zh"),
    ],
)
async def test_without_the_extra_it_is_named(
    relay: LocalRelay,
    client: AsyncClient,
    jfk: Path,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    option: dict[str, Any],
    extra: str,
) -> None:
    """Before anything is sent."""
    script_module._converter.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    for ask in (
        client.transcribe(jfk, response_format="verbose_json", **option),
        many(client, [jfk], **{"response_format": "verbose_json", **option}),
    ):
        with pytest.raises(MissingExtraError, match=rf"zhongzhuan-audio\[{extra}\]"):
            await ask
    assert relay.request_count == 0


@pytest.mark.parametrize("prepare", ["auto", "never", "always"])
async def test_a_journal_s_answer_is_reviewed_without_paying_again(
    relay: LocalRelay, client: AsyncClient, jfk: Path, tmp_path: Path, prepare: Any
) -> None:
    """And the other way round; only what it lacks is asked for."""
    script(relay, heard(PARTS[0], (2.4, 3.1, "Nobody."), *PARTS[2:]), heard((0.3, 1.5, "ask not"), duration=1.6))
    usual: dict[str, Any] = {
        "journal": tmp_path / "run.sqlite",
        "response_format": "verbose_json",
        "prepare": prepare,
    }
    (plain,) = await many(client, [jfk], **usual)
    (dropped,) = await many(client, [jfk], **usual, drop_suspicious=True)
    assert relay.request_count == 1
    assert "Nobody." in plain.transcription.text
    assert "Nobody." not in dropped.transcription.text
    for _ in range(2):
        (refilled,) = await many(client, [jfk], **usual, drop_suspicious=True, refill=True)
        assert refilled.transcription.text == " ".join(text for _, _, text in PARTS)
        assert relay.request_count == 2
    other = {**usual, "journal": tmp_path / "other.sqlite"}
    script(relay, heard(*PARTS))
    (first,) = await many(client, [jfk], **other, drop_suspicious=True)
    (then,) = await many(client, [jfk], **other)
    assert relay.request_count == 3
    assert then.from_journal or prepare == "always"
    assert (then.transcription.preparation is None) == (prepare != "always")
    assert then.transcription.text == first.transcription.text


async def test_one_recording_asked_for_in_two_ways_at_once_is_paid_for_once(
    relay: LocalRelay, client: AsyncClient, jfk: Path, tmp_path: Path
) -> None:
    """One of them waits for the other's answer."""
    script(relay, heard(*PARTS, (10.7, 11.0, "Thanks for watching!")))
    jobs = [Job(jfk), Job(jfk, drop_suspicious=True), Job(jfk, refill=True)]
    found = await many(client, jobs, journal=tmp_path / "run.sqlite", response_format="verbose_json", ordered=True)
    assert relay.request_count == 1
    assert ["watching" in outcome.result().text for outcome in found] == [True, False, True]


async def test_a_refill_that_failed_is_all_that_is_asked_for_again(
    relay: LocalRelay, client: AsyncClient, jfk: Path, tmp_path: Path
) -> None:
    """The journal has the rest."""
    script(relay, heard(PARTS[0], *PARTS[2:]), REFUSED, heard((0.3, 1.5, "ask not"), duration=1.6))
    usual: dict[str, Any] = {"journal": tmp_path / "run.sqlite", "response_format": "verbose_json", "refill": True}
    (failed,) = await many(client, [jfk], **usual)
    assert isinstance(failed.error, BadRequestError)
    (found,) = await many(client, [jfk], **usual)
    assert found.transcription.text == " ".join(text for _, _, text in PARTS)
    assert relay.request_count == 3


async def test_chinese_comes_in_the_script_that_is_wanted(
    relay: LocalRelay, client: AsyncClient, jfk: Path, tmp_path: Path
) -> None:
    """Text, segments, words and warnings; a journal's answer serves for either, and for none."""
    mixed = "头發 感谢观看"
    script(relay, heard((0.0, 2.0, mixed)))
    usual: dict[str, Any] = {
        "response_format": "verbose_json",
        "timestamp_granularities": ["segment", "word"],
    }
    wanted = {None: mixed, "traditional": "頭髮 感謝觀看", "simplified": "头发 感谢观看"}
    for name, text in wanted.items():
        alone = await client.transcribe(jfk, **usual, script=name)  # type: ignore[arg-type]
        (outcome,) = await many(client, [jfk], **usual, script=name, journal=tmp_path / "run.sqlite")
        (job,) = await many(client, [Job(jfk, script=name)], **usual, journal=tmp_path / "run.sqlite")  # type: ignore[arg-type]
        for found in (alone, outcome.transcription, job.transcription):
            assert (found.text, found.segments[0].text, found.words[0].word) == (text, text, text)
            assert [each.text for each in found.warnings] == [text]
    assert relay.request_count == len(wanted) + 1
    for ask in (client.transcribe(jfk, script="hant"), many(client, [jfk], script="hant")):  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="script must be"):
            await ask
    assert relay.request_count == len(wanted) + 1


async def test_what_an_error_has_is_in_that_script_too(relay: LocalRelay, client: AsyncClient, jfk: Path) -> None:
    """The part of a transcript that there is."""
    script(relay, heard((0.0, 2.3, "头发")), REFUSED)
    with pytest.raises(BadRequestError) as caught:
        await client.transcribe(jfk, response_format="verbose_json", refill=True, script="traditional")
    assert caught.value.partial.text == "頭髮"


def twice(source: Path) -> bytes:
    """Return a recording so often one after another, as WAV."""
    out = io.BytesIO()
    with av.open(out, "w", format="wav") as file:
        stream = file.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for _ in range(2):
            with av.open(str(source)) as opened:
                for frame in opened.decode(audio=0):
                    frame.pts = None
                    file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return out.getvalue()


class Forgetful:
    """An engine that leaves out of its first answer what is in a stretch of the recording."""

    def __init__(self, engine: Any, begin: float, end: float) -> None:
        self.models = engine.models
        self.durations: list[float] = []
        self._engine, self._begin, self._end = engine, begin, end

    async def transcribe(self, path: Path, options: Any) -> Recognition:
        """Hear it, and forget."""
        whole: Recognition = await self._engine.transcribe(path, options)
        self.durations.append(whole.duration)
        if len(self.durations) > 1:
            return whole
        kept = tuple(each for each in whole.segments if not self._begin < (each.start + each.end) / 2 < self._end)
        return attrs.evolve(whole, segments=kept, text=" ".join(each.text.strip() for each in kept))


@pytest.mark.real_model
@pytest.mark.parametrize("limits", [None, AudioLimits(max_bytes=500_000)])
async def test_what_a_real_engine_left_out_is_a_gap_that_one_request_fills(
    jfk: Path, limits: AudioLimits | None
) -> None:
    """The second half of a recording, sent as it is or converted."""
    engine = Forgetful(WhisperEngine(), 11.0, 22.0)
    async with LocalRelay(engine) as relay, AsyncClient(relay.base_url, relay.api_key, audio_limits=limits) as client:
        talk = ("talk.wav", await asyncio.to_thread(twice, jfk))
        lacking = await client.transcribe(talk, language="en", response_format="verbose_json", drop_suspicious=True)
        assert lacking.coverage is not None
        assert lacking.coverage.completeness == pytest.approx(0.5, abs=0.1)
        assert all(10.5 < begin < end < 22.5 for begin, end in lacking.coverage.uncovered)
        engine.durations.clear()
        found = await client.transcribe(talk, language="en", response_format="verbose_json", refill=True)
    assert len(engine.durations) == 2
    assert 10 < engine.durations[1] < 12
    assert found.coverage is not None
    assert found.coverage.completeness > 0.98
    ((begin, end),) = found.coverage.refilled
    assert 10.5 < begin < end < 22.5
    assert found.text.lower().count("fellow americans") == 2
    assert found.text.lower().count("do for your country") == 2
    second = next(each for each in found.segments if each.start > 10.5)
    assert second.start == pytest.approx(11.2, abs=0.6)
