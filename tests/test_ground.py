"""The fixtures of conftest.py do what they say."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from blockbuster import BlockingError

from zhongzhuan_audio import files
from zhongzhuan_audio.config import KeyFile
from zhongzhuan_audio.models import Transcription

URL = "https://relay.example/v1/audio/transcriptions"


async def test_aioresponses_answers_on_this_aiohttp(aioresponses_mock):
    """A scripted status, header and body come through, and the next answer is the next in the script."""
    aioresponses_mock.post(URL, status=429, headers={"Retry-After": "3"}, body="slow down")
    aioresponses_mock.post(URL, payload={"text": "hello"})
    async with aiohttp.ClientSession() as session:
        async with session.post(URL, data=b"x") as refused:
            assert (refused.status, refused.headers["Retry-After"], await refused.text()) == (429, "3", "slow down")
        async with session.post(URL, data=b"x") as answer:
            assert (answer.status, await answer.json()) == (200, {"text": "hello"})
    assert sum(len(calls) for calls in aioresponses_mock.requests.values()) == 2


async def test_aioresponses_gives_large_bodies_whole(aioresponses_mock):
    """A body past aiohttp's high-water mark is read to its end, whole or in chunks."""
    body = b"0123456789abcdef" * 65536
    aioresponses_mock.get(URL, body=body, repeat=True)
    async with aiohttp.ClientSession() as session:
        async with session.get(URL) as answer:
            assert await answer.read() == body
        async with session.get(URL) as answer:
            assert b"".join([chunk async for chunk in answer.content.iter_chunked(4096)]) == body


async def test_a_blocking_write_of_ours_on_the_loop_is_caught(tmp_path):
    """Code of this package that writes a file while a loop runs fails the test that called it."""
    with pytest.raises(BlockingError):
        files.write_text(tmp_path / "notes.txt", "hello")


async def test_blocking_elsewhere_is_not_our_business(tmp_path):
    """A test's own blocking calls, and those that are documented to block, pass."""
    (tmp_path / "key").write_text("sk-1")
    Transcription(text="hello").save(tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "hello\n"
    assert KeyFile(tmp_path / "key")() == "sk-1"


def test_the_environment_is_scrubbed(pytester, monkeypatch):
    """Neither a key, nor a relay, nor a proxy of whoever runs the tests is seen by them."""
    for name in ("ZHONGZHUAN_API_KEY", "ZHONGZHUAN_BASE_URL", "https_proxy", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "stale")
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text())
    pytester.makepyfile(
        """
        import os
        def test_nothing_is_left():
            assert [name for name, value in os.environ.items() if value == "stale"] == []
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_the_sample_is_there(jfk):
    """The committed recording is the one that the notes describe."""
    assert jfk.stat().st_size == 76447
