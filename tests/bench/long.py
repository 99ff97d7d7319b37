"""How well a recording is heard that goes in pieces: ``long.py [--minutes M] [--times words|segments] [KIND ...]``.

Joins the samples with pauses of varied length to a recording of 16 minutes, in which it is known when each sample's
sentence begins: where its energy first comes near its loudest. Writes it as wav, m4a, webm and ogg (KIND), and has each
transcribed by the embedded relay with Whisper, which takes 2 MiB at most (less in proportion, where M is less than 16):
so it goes in pieces. What they are compared with is the wav sent whole to a relay without that limit.

Told are the word error rate, against what is truly said, and how far each sentence's start is from the truth. Both
texts are in lower case and without marks; numbers and spellings stay as they are. A sentence begins with the first of
its words that was heard, or (``--times segments``) with the segment that this word is the first of; where it is the
first of none, no time is told for it, and it is counted. So is a sentence of whose first three words none was heard:
that is an error of words, and not of time. It fails where the word error rate is more than 2 points above the whole's,
or a start is more than 0.5 s off.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import av
import numpy as np

from zhongzhuan_audio import AsyncClient, AudioLimits, Timeouts, Transcription
from zhongzhuan_audio.relay import LocalRelay, WhisperEngine

RATE = 16_000
MINUTES = 16.0
MOST_BYTES = 2 << 20
MOST_POINTS = 2.0
MOST_OFF_S = 0.5
FIRST_WORDS = 3
DATA = Path(__file__).parent.parent / "data"
SAID = {
    "jfk.mp3": "And so my fellow Americans ask not what your country can do for you "
    "ask what you can do for your country",
    "sense_and_sensibility_01_austen_64kb-0880.wav": "He was not an ill disposed young man",
    "sense_and_sensibility_01_austen_64kb-0890.wav": "unless to be rather cold hearted and rather selfish "
    "is to be ill disposed",
}
"""What tests/data/README.md says is said."""
KINDS = {
    "wav": ("wav", "pcm_s16le", RATE),
    "m4a": ("ipod", "aac", 44_100),
    "webm": ("webm", "libopus", 48_000),
    "ogg": ("ogg", "libopus", 48_000),
}
NOISE = 3.0
"""Of pauses, in steps of 16 bits: what a quiet room has."""
LOUD_DB = -20.0
"""A sample's speech begins where three hundredths of a second in a row are this near to its loudest one."""
SEED = 6
TIMEOUTS = Timeouts(answer_stall_s=None, attempt_s=None)
"""Two slow cores are no fault of what is measured."""


@attrs.frozen
class Sentence:
    """What is said from when on."""

    start_s: float
    words: tuple[str, ...]


def words_of(text: str) -> tuple[str, ...]:
    """Return a text's words in lower case, without marks.

    >>> words_of("Don't be ill-disposed, Bob!")
    ('dont', 'be', 'ill', 'disposed', 'bob')
    """
    return tuple(re.sub(r"[^\w\s]", " ", re.sub(r"['’]", "", text.lower())).split())


def decoded(path: Path) -> Any:
    """Return a sample at 16 kHz."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(str(path)) as file:
        frames = [*file.decode(audio=0), None]
        return np.concatenate([piece.to_ndarray()[0] for frame in frames for piece in resampler.resample(frame)])


def leading_silence_s(samples: Any) -> float:
    """Return when a sample's speech begins, by its energy alone."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(float)
    level = np.sqrt((frames**2).mean(axis=1))
    loud = level >= level.max() * 10 ** (LOUD_DB / 20)
    return int(np.argmax(loud[:-2] & loud[1:-1] & loud[2:])) / 100


def joined(minutes: float) -> tuple[Any, list[Sentence]]:
    """Return samples of so many minutes, and what is said in them."""
    chance = random.Random(SEED)  # noqa: S311 - no secret
    noise = np.random.default_rng(SEED)
    clips = [(decoded(DATA / name), words_of(text)) for name, text in SAID.items()]
    parts: list[Any] = []
    sentences: list[Sentence] = []
    count, end = 0, round(minutes * 60 * RATE)

    def pause(seconds: float) -> None:
        nonlocal count
        parts.append(np.round(noise.normal(0, NOISE, round(seconds * RATE))).astype(np.int16))
        count += len(parts[-1])

    pause(1.0)
    while True:
        clip, words = chance.choice(clips)
        if count + len(clip) > end:
            break
        sentences.append(Sentence(count / RATE + leading_silence_s(clip), words))
        parts.append(clip)
        count += len(clip)
        pause(chance.uniform(4, 12) if chance.random() < 0.1 else chance.uniform(0.2, 2.5))
    pause(max(0.0, (end - count) / RATE))
    return np.concatenate(parts), sentences


def write(path: Path, samples: Any) -> None:
    """Write them as the file's extension says."""
    container, codec, rate = KINDS[path.suffix[1:]]
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate)
        for at in range(0, len(samples), RATE):
            frame = av.AudioFrame.from_ndarray(samples[at : at + RATE].reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, at
            for piece in resampler.resample(frame):
                file.mux(stream.encode(piece))
        for piece in resampler.resample(None):
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))


def aligned(said: Sequence[str], heard: Sequence[str]) -> tuple[int, list[int | None]]:
    """Return the fewest errors that make one text of the other, and which word each said one was heard as."""
    columns = len(heard) + 1
    came = [bytearray(columns) for _ in range(len(said) + 1)]
    row = list(range(columns))
    came[0][1:] = b"\1" * len(heard)
    for i, word in enumerate(said, 1):
        above, row = row, [i] + [0] * len(heard)
        came[i][0] = 2
        for j, other in enumerate(heard, 1):
            ways = (above[j - 1] + (word != other), row[j - 1] + 1, above[j] + 1)
            row[j] = min(ways)
            came[i][j] = ways.index(row[j])
    found: list[int | None] = [None] * len(said)
    i, j = len(said), len(heard)
    while i or j:
        way = came[i][j]
        i, j = i - (way != 1), j - (way != 2)
        if way == 0:
            found[i] = j
    return row[-1], found


@attrs.frozen
class Told:
    """How a transcript compares with the truth."""

    wer: float
    """In per cent."""
    off_s: dict[float, float]
    """By when a sentence truly begins, how much later it does as told; only those that a time is told for."""
    inside: int
    """Sentences that begin within a segment: no time is told for them."""
    unheard: int
    """Sentences whose beginning was not heard: of their first words none is there."""


def compared(found: Transcription, sentences: Sequence[Sentence], times: str) -> Told:
    """Hold a transcript against the truth."""
    said = [word for sentence in sentences for word in sentence.words]
    errors, _ = aligned(said, words_of(found.text))
    parts = [(each.start, each.word) for each in found.words]
    if times == "segments":
        parts = [(each.start, each.text) for each in found.segments]
    heard = [(word, start if not at else None) for start, text in parts for at, word in enumerate(words_of(text))]
    _, places = aligned(said, [word for word, _ in heard])
    off: dict[float, float] = {}
    inside = unheard = at = 0
    for sentence in sentences:
        begin = zip(sentence.words[:FIRST_WORDS], places[at : at + FIRST_WORDS], strict=True)
        place = next((place for word, place in begin if place is not None and heard[place][0] == word), None)
        at += len(sentence.words)
        if place is None:
            unheard += 1
        elif (start := heard[place][1]) is None:
            inside += 1
        else:
            off[sentence.start_s] = start - sentence.start_s
    return Told(100 * errors / len(said), off, inside, unheard)


def print_told(name: str, pieces: int, told: Told, whole: Told, seconds: float) -> None:
    """Print a line."""
    off = np.abs(list(told.off_s.values()))
    print(
        f"{name:6} {pieces:2} pieces  WER {told.wer:5.2f} % ({told.wer - whole.wer:+.2f} points)  "
        f"starts off: median {np.median(off):.2f} s, 95 % {np.percentile(off, 95):.2f} s, most {off.max():.2f} s, "
        f"{(off > MOST_OFF_S).sum()} of {len(off)} above {MOST_OFF_S} s; {told.inside} within a segment, "
        f"{told.unheard} not heard; {seconds:.0f} s",
        flush=True,
    )
    for start_s, off_s in told.off_s.items():
        if pieces > 1 and abs(off_s) > MOST_OFF_S:
            print(f"       {off_s:+.2f} s at {start_s:.2f} s")


async def transcribe(relay: LocalRelay, path: Path, limits: AudioLimits, times: str, prepare: Any) -> Transcription:
    """Have a recording transcribed."""
    async with AsyncClient(relay.base_url, relay.api_key, audio_limits=limits, timeouts=TIMEOUTS) as client:
        return await client.transcribe(
            path,
            language="en",
            response_format="verbose_json",
            timestamp_granularities=["segment", "word"] if times == "words" else ["segment"],
            prepare=prepare,
        )


async def measure(folder: Path, minutes: float, kinds: Sequence[str], times: str) -> bool:
    """Transcribe all, tell of each, and return whether all is as it should be."""
    samples, sentences = joined(minutes)
    most_bytes = round(MOST_BYTES * min(1.0, minutes / MINUTES))
    whole_path, unlimited = folder / "whole.wav", AudioLimits(max_bytes=None, max_duration_s={})
    write(whole_path, samples)
    print(f"{minutes:g} minutes, {len(sentences)} sentences, at most {most_bytes} bytes; times of {times}", flush=True)
    began = time.monotonic()
    async with LocalRelay(WhisperEngine(), max_upload_bytes=whole_path.stat().st_size) as relay:
        found = await transcribe(relay, whole_path, unlimited, times, "never")
    whole = compared(found, sentences, times)
    print_told("whole", 1, whole, whole, time.monotonic() - began)
    good = True
    async with LocalRelay(WhisperEngine(), max_upload_bytes=most_bytes) as relay:
        for kind in kinds:
            path = folder / f"long.{kind}"
            write(path, samples)
            began = time.monotonic()
            found = await transcribe(relay, path, AudioLimits(max_bytes=most_bytes), times, "auto")
            told = compared(found, sentences, times)
            pieces = found.preparation.pieces if found.preparation else 1
            print_told(kind, pieces, told, whole, time.monotonic() - began)
            good &= pieces > 1 and told.wer - whole.wer <= MOST_POINTS
            good &= all(abs(off_s) <= MOST_OFF_S for off_s in told.off_s.values())
    return good


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description="How well a recording is heard that goes in pieces.")
    parser.add_argument("kinds", nargs="*", choices=[[], *KINDS], metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--times", choices=("words", "segments"), default="words")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        good = asyncio.run(measure(Path(folder), options.minutes, options.kinds or list(KINDS), options.times))
    if not good:
        sys.exit("not as it should be")


if __name__ == "__main__":
    main()
