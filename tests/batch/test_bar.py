"""A bar of tqdm's beside many recordings, in a terminal's text; tests/test_notebook.py has it in a notebook."""

from __future__ import annotations

import asyncio
import io
import re
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tqdm.auto import tqdm

from zhongzhuan_audio import AsyncClient, Client, MissingExtraError, Progress
from zhongzhuan_audio.relay import LocalRelay, Recognition, ScriptedEngine

MP3 = b"\xff\xfb\x90\x00" * 100


@pytest.fixture
def scripted_engine() -> ScriptedEngine:
    """Ears that hear a minute and a half each time."""
    return ScriptedEngine(Recognition(duration=90.0, text="heard"))


@pytest.fixture
async def client(local_relay: LocalRelay) -> AsyncIterator[AsyncClient]:
    """A client of the relay."""
    async with AsyncClient(local_relay.base_url, local_relay.api_key) as client:
        yield client


def drawn(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return each state of the bar that was drawn."""
    return [line for line in re.split(r"[\r\n]", capsys.readouterr().err) if line.strip()]


def is_closed() -> bool:
    """Tell whether no bar is open."""
    return len(getattr(tqdm, "_instances", ())) == 0


def is_unlocked() -> bool:
    """Tell whether another thread can draw a bar."""
    found = [lock.acquire(timeout=5) and lock.release() is None for lock in tqdm.get_lock().locks]
    return all(found)


async def test_it_shows_what_is_done_and_failed(client: AsyncClient, capsys: pytest.CaptureFixture[str]) -> None:
    """And the minutes of audio in what is done; nothing is drawn without being asked for."""
    files: list[Any] = [MP3, MP3, ("a.zip", b"PK\x03\x04" + bytes(100)), MP3]
    async with client.transcribe_many(files, response_format="verbose_json") as outcomes:
        assert len([outcome async for outcome in outcomes]) == 4
    assert drawn(capsys) == []
    async with client.transcribe_many(files, response_format="verbose_json", progress=True) as outcomes:
        assert len([outcome async for outcome in outcomes]) == 4
    first, *_, last = drawn(capsys)
    assert " 0/4 [" in first
    assert "100%" in last
    assert " 4/4 [" in last
    assert "1 failed, 4.5 min of audio" in last
    assert is_closed()


async def test_an_input_without_an_end_is_counted(client: AsyncClient, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody knows how many there are."""
    async with client.transcribe_many((MP3 for _ in range(5)), progress=True) as outcomes:
        assert len([outcome async for outcome in outcomes]) == 5
    assert drawn(capsys)[-1].startswith("5file [")


async def test_it_stands_beside_on_progress(client: AsyncClient, capsys: pytest.CaptureFixture[str]) -> None:
    """Which is told the same, and whose errors are raised as without it."""
    told: list[Progress] = []
    async with client.transcribe_many([MP3] * 3, progress=True, on_progress=told.append) as outcomes:
        assert len([outcome async for outcome in outcomes]) == 3
    assert (told[-1].done, len(told)) == (3, 6)
    assert " 3/3 [" in drawn(capsys)[-1]

    def fails(_: Progress) -> None:
        raise RuntimeError("no")

    async def take() -> None:
        async with client.transcribe_many([MP3] * 3, progress=True, on_progress=fails) as outcomes:
            await anext(outcomes)

    with pytest.raises(RuntimeError, match="no"):
        await take()
    assert is_closed()


@pytest.mark.parametrize("how", ["break", "error"])
async def test_it_is_closed_when_the_block_is_left(client: AsyncClient, how: str, capsys: Any) -> None:
    """Early, or by an error."""

    async def leave() -> None:
        async with client.transcribe_many([MP3] * 100, progress=True, concurrency=2) as outcomes:
            async for _ in outcomes:
                assert not is_closed()
                if how == "error":
                    raise RuntimeError("enough")
                break

    if how == "error":
        with pytest.raises(RuntimeError, match="enough"):
            await leave()
    else:
        await leave()
    assert is_closed()
    assert re.search(r" [1-9]\d?/100 \[", drawn(capsys)[-1])


async def test_without_tqdm_nothing_is_taken(
    local_relay: LocalRelay, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what to install, and only where a bar is wanted."""
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    files = iter([MP3])
    with pytest.raises(MissingExtraError, match=r"pip install 'zhongzhuan-audio\[notebook\]'"):
        async with client.transcribe_many(files, progress=True):
            pass
    assert local_relay.request_count == 0
    async with client.transcribe_many(files) as outcomes:
        assert len([outcome async for outcome in outcomes]) == 1


class Broken(io.StringIO):
    """A place to write to that breaks after a while."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.left = writes

    def write(self, text: str) -> int:
        """Write, as long as that works."""
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("it broke")
        return super().write(text)


@pytest.mark.parametrize("writes", [0, 1, 2])
async def test_a_broken_bar_stops_nothing(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, writes: int
) -> None:
    """It is gone, and that is logged once."""
    monkeypatch.setattr(sys, "stderr", Broken(writes))
    told: list[Progress] = []
    async with client.transcribe_many([MP3] * 20, progress=True, on_progress=told.append) as outcomes:
        assert [outcome.error async for outcome in outcomes] == [None] * 20
    assert told[-1].done == 20
    assert caplog.text.count("the progress bar broke") == 1
    assert await asyncio.to_thread(is_unlocked)
    assert is_closed()


def test_the_blocking_twin_has_it(local_relay: LocalRelay, capsys: pytest.CaptureFixture[str]) -> None:
    """By the same name."""
    with Client(local_relay.base_url, local_relay.api_key) as client:
        with client.transcribe_many([MP3] * 3, progress=True) as outcomes:
            assert len(list(outcomes)) == 3
    assert " 3/3 [" in drawn(capsys)[-1]
    assert is_closed()
