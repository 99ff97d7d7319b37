"""Speech over a real wire: streamed, saved whole or not at all, never an error taken for sound."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import sys
import wave
from pathlib import Path
from typing import Any

import pytest

from zhongzhuan_audio import AsyncClient, Client, RetryPolicy, Timeouts
from zhongzhuan_audio.errors import (
    ConfigurationError,
    InvalidResponseError,
    ModelUnavailableError,
    StreamInterruptedError,
    TimedOutError,
)

FRAME = b"\xff\xfb\x90\xc4" + bytes(413)
QUICK = RetryPolicy(backoff_base_s=0.001)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nX-Request-Id: r1\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """Return a chunk as HTTP has it."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def speaking(*pieces: bytes, whole: bool = True, seen: list[Any] | None = None) -> Any:
    """Return a behaviour that answers each request with these pieces, and breaks off or not."""

    async def serve(peer: Any) -> None:
        while True:
            head, body = await peer.request()
            if seen is not None:
                seen.append((head, json.loads(body)))
            await peer.send(HEAD + b"".join(chunk(piece) for piece in pieces))
            if not whole:
                await asyncio.sleep(0.05)
                return
            await peer.send(b"0\r\n\r\n")

    return serve


async def test_what_goes_out_and_comes_back(raw_server: Any, tmp_path: Path) -> None:
    """JSON goes out, sound comes in chunks, and is kept in the ways there are."""
    seen: list[Any] = []
    raw_server.script(speaking(FRAME, FRAME, FRAME, seen=seen))
    async with AsyncClient(raw_server.url, "sk-test") as client:
        async with client.speak("你好", voice="nova", speed=1.5) as speech:
            assert b"".join([piece async for piece in speech]) == FRAME * 3
        head, body = seen[0]
        assert head.startswith(b"POST /v1/audio/speech HTTP/1.1\r\n")
        assert b"\r\nContent-Type: application/json\r\n" in head
        assert body == {"model": "tts-1", "input": "你好", "voice": "nova", "response_format": "mp3", "speed": 1.5}
        assert (speech.format, speech.content_type, speech.request_id) == ("mp3", "audio/mpeg", "r1")
        assert [(made.status, made.billed) for made in speech.attempts] == [(200, "no")]

        async with client.speak("hi") as speech:
            assert await speech.save(tmp_path / "hi.mp3") == len(FRAME) * 3
            with pytest.raises(ConfigurationError, match="was read already"):
                await speech.read()
        assert (tmp_path / "hi.mp3").read_bytes() == FRAME * 3

        async with client.speak("hi") as speech:
            assert await speech.read() == FRAME * 3
        assert await speech.read() == FRAME * 3
        assert await speech.save(tmp_path / "again.mp3") == len(FRAME) * 3
    assert raw_server.connections == 1


async def test_an_answer_cut_off_at_half_leaves_no_file(raw_server: Any, tmp_path: Path) -> None:
    """What was there before stays; the error says how many bytes came."""
    raw_server.script(speaking(FRAME * 100, FRAME * 100, whole=False))
    (tmp_path / "old.mp3").write_bytes(b"old")
    async with AsyncClient(raw_server.url, "sk-test", retry=QUICK) as client:
        for name in ("old.mp3", "new.mp3"):
            with pytest.raises(StreamInterruptedError, match=f"after {200 * len(FRAME)} bytes") as caught:
                async with client.speak("hi") as speech:
                    await speech.save(tmp_path / name)
            assert caught.value.billed == "maybe"
            assert [made.error for made in caught.value.attempts] == ["StreamInterruptedError"]
    assert [path.name for path in tmp_path.iterdir()] == ["old.mp3"]
    assert (tmp_path / "old.mp3").read_bytes() == b"old"
    assert raw_server.connections == 2


async def test_a_wrong_content_length_leaves_no_file(raw_server: Any, tmp_path: Path) -> None:
    """An answer that is shorter than it was announced is cut off, too."""

    async def serve(peer: Any) -> None:
        await peer.request()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nContent-Length: {len(FRAME) * 2}\r\n\r\n"
        await peer.send(head.encode() + FRAME)

    raw_server.script(serve)
    async with AsyncClient(raw_server.url, "sk-test", retry=QUICK) as client, client.speak("hi") as speech:
        with pytest.raises(StreamInterruptedError, match=f"after {len(FRAME)} bytes"):
            await speech.save(tmp_path / "a.mp3")
    assert list(tmp_path.iterdir()) == []


async def test_a_cancelled_save_leaves_no_file(raw_server: Any, tmp_path: Path) -> None:
    """Nor a draft."""

    async def endless(peer: Any) -> None:
        await peer.request()
        await peer.send(HEAD)
        while True:
            await peer.send(chunk(FRAME * 1000))

    async def save(client: AsyncClient) -> None:
        async with client.speak("hi") as speech:
            await speech.save(tmp_path / "a.mp3")

    raw_server.script(endless)
    async with AsyncClient(raw_server.url, "sk-test") as client:
        task = asyncio.create_task(save(client))
        while not any(path.stat().st_size > 1_000_000 for path in tmp_path.iterdir()):
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert list(tmp_path.iterdir()) == []
    await asyncio.wait_for(raw_server.gone.wait(), 10)


async def test_a_place_that_cannot_be_written(raw_server: Any, tmp_path: Path) -> None:
    """It is told by its own name, before the sound is read, which can then still be kept elsewhere."""
    raw_server.script(speaking(FRAME))
    async with AsyncClient(raw_server.url, "sk-test") as client, client.speak("hi") as speech:
        with pytest.raises(FileNotFoundError) as caught:
            await speech.save(tmp_path / "nowhere" / "a.mp3")
        assert caught.value.filename == str(tmp_path / "nowhere" / "a.mp3")
        assert await speech.save(tmp_path / "a.mp3") == len(FRAME)


@pytest.mark.parametrize(
    ("body", "kind", "requests"),
    [
        ('{"error": {"message": "分组 default 下模型 tts-1 无可用渠道"}}'.encode(), ModelUnavailableError, 1),
        (b"<!DOCTYPE html><title>Login</title><p>welcome</p>", InvalidResponseError, 1),
        (b"", InvalidResponseError, 2),
        (b"upstream failed", InvalidResponseError, 2),
        (b"OggS\0\x02" + bytes(100), InvalidResponseError, 1),
    ],
    ids=["error", "page", "empty", "words", "ogg"],
)
async def test_an_error_at_status_200_never_becomes_an_mp3(
    raw_server: Any, tmp_path: Path, body: bytes, kind: Any, requests: int
) -> None:
    """It is told as what it is; what may have been billed is asked for once more."""
    seen: list[Any] = []
    raw_server.script(speaking(*([body] if body else []), seen=seen))
    async with AsyncClient(raw_server.url, "sk-test", retry=QUICK) as client:
        with pytest.raises(kind) as caught:
            async with client.speak("hi") as speech:
                await speech.save(tmp_path / "a.mp3")
    assert type(caught.value) is kind
    assert list(tmp_path.iterdir()) == []
    assert len(seen) == len(caught.value.attempts) == requests


async def test_another_format_is_taken_where_that_is_wanted(raw_server: Any) -> None:
    """``strict=False`` takes any sound, and still no words."""
    raw_server.script(speaking(b"OggS\0\x02" + bytes(100)))
    async with AsyncClient(raw_server.url, "sk-test") as client, client.speak("hi", strict=False) as speech:
        assert (await speech.read()).startswith(b"OggS")
    raw_server.script(speaking(b"<html></html>"))
    async with AsyncClient(raw_server.url.replace("127.0.0.1", "localhost"), "sk-test") as client:
        with pytest.raises(InvalidResponseError, match="web page"):
            async with client.speak("hi", strict=False):
                pass


async def test_text_past_the_limit_is_not_sent(raw_server: Any) -> None:
    """It is refused with what to do."""
    raw_server.script(speaking(FRAME))
    async with AsyncClient(raw_server.url, "sk-test") as client:
        with pytest.raises(ConfigurationError, match="4096 can be spoken at once"):
            async with client.speak("字" * 4097):
                pass
    assert raw_server.connections == 0


async def test_sound_that_stands_still(raw_server: Any) -> None:
    """Between two chunks ``answer_stall_s`` holds."""

    async def stuck(peer: Any) -> None:
        await peer.request()
        await peer.send(HEAD + chunk(FRAME))
        await peer.reader.read()

    raw_server.script(stuck)
    timeouts = Timeouts(answer_stall_s=0.2)
    async with AsyncClient(raw_server.url, "sk-test", timeouts=timeouts) as client, client.speak("hi") as speech:
        with pytest.raises(TimedOutError, match=f"after {len(FRAME)} bytes"):
            await speech.read()


async def test_the_blocking_twin_speaks(raw_server: Any, tmp_path: Path) -> None:
    """Chunks, bytes, a file, and a player in a notebook."""
    samples = bytes(range(0, 200, 2)) * 2

    def use() -> None:
        with Client(raw_server.url, "sk-test", retry=QUICK) as client:
            with client.speak("hi") as speech:
                assert b"".join(speech) == FRAME * 2
                assert (speech.format, speech.content_type, speech.request_id) == ("mp3", "audio/mpeg", "r1")
                assert speech._repr_html_() is None
            with client.speak("hi") as speech:
                assert speech.save(tmp_path / "a.mp3") == len(FRAME) * 2
            with client.speak("hi") as speech:
                assert speech.read() == FRAME * 2
            player = speech._repr_html_()
            assert player == (
                f'<audio controls src="data:audio/mpeg;base64,{base64.b64encode(FRAME * 2).decode()}"></audio>'
            )
            assert len(speech.attempts) == 1

    def play_samples() -> bytes:
        with Client(raw_server.url.replace("127.0.0.1", "localhost"), "sk-test") as client:
            with client.speak("hi", response_format="pcm") as speech:
                player = speech._repr_html_()
        assert player is not None
        return base64.b64decode(player.split("base64,")[1].split('"')[0])

    raw_server.script(speaking(FRAME, FRAME), speaking(samples))
    await asyncio.to_thread(use)
    assert (tmp_path / "a.mp3").read_bytes() == FRAME * 2
    with wave.open(io.BytesIO(await asyncio.to_thread(play_samples))) as played:
        assert (played.getframerate(), played.getnchannels(), played.getsampwidth()) == (24_000, 1, 2)
        assert played.readframes(1000) == samples


SAVING = """
import asyncio, resource, sys
from zhongzhuan_audio import AsyncClient

async def main():
    async with AsyncClient(sys.argv[1], "sk-test") as client:
        async with client.speak("hi") as speech:
            await speech.save(sys.argv[2] + "/small.mp3")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        async with client.speak("hi") as speech:
            size = await speech.save(sys.argv[2] + "/large.mp3")
        print(size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="ru_maxrss is Unix's")
async def test_memory_stays_flat_while_500_mb_are_saved(raw_server: Any, tmp_path: Path) -> None:
    """A process of its own saves them, and grows by less than 10 MB."""
    piece = chunk(FRAME * 600)

    async def serve(peer: Any) -> None:
        for pieces in (4, 2000):
            await peer.request()
            await peer.send(HEAD)
            for _ in range(pieces):
                await peer.send(piece)
            await peer.send(b"0\r\n\r\n")

    raw_server.script(serve)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SAVING, raw_server.url, str(tmp_path), stdout=asyncio.subprocess.PIPE, env=os.environ
    )
    output, _ = await asyncio.wait_for(child.communicate(), 120)
    size, growth_kib = map(int, output.split())
    assert size == (tmp_path / "large.mp3").stat().st_size == len(FRAME) * 600 * 2000 > 500_000_000
    assert growth_kib < 10 * 1024
