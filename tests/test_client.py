"""The async client, against the embedded relay."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import os
import sys
import tempfile
import traceback
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
import trio

import zhongzhuan_audio
from zhongzhuan_audio import AsyncClient, Client, Endpoint, Limits, RetryPolicy, Timeouts, Transcription
from zhongzhuan_audio.errors import (
    AudioSourceError,
    AuthenticationError,
    ConfigurationError,
    NoTimingError,
    PayloadTooLargeError,
    TimedOutError,
    ZhongzhuanError,
)
from zhongzhuan_audio.models import Segment
from zhongzhuan_audio.relay import LocalRelay, Recognition, ScriptedEngine

KEY = f"sk-{'secret'}-key"  # put together, so that a quoted source line does not hold it
SENTENCE = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
TIMED = Recognition(
    language="zh",
    duration=5.04,
    segments=(
        Segment(id=0, start=0.0, end=2.5, text="Hello there."),
        Segment(id=1, start=2.5, end=5.04, text="你好。"),
    ),
)


@pytest.fixture
async def relay() -> Any:
    """A relay with a script."""
    async with LocalRelay(ScriptedEngine(TIMED)) as relay:
        yield relay


@pytest.fixture
async def client(relay: LocalRelay) -> Any:
    """A client of it."""
    async with AsyncClient(relay.base_url, relay.api_key) as client:
        yield client


@pytest.mark.parametrize("response_format", ["json", "text", "srt", "verbose_json", "vtt"])
async def test_every_format_becomes_a_transcription(
    client: AsyncClient, jfk: Path, tmp_path: Path, response_format: Any
) -> None:
    """The text is the same in all five; those with times give any kind of subtitle, those without refuse."""
    result = await client.transcribe(jfk, response_format=response_format)
    assert isinstance(result, Transcription)
    assert result.text == "Hello there. 你好。"
    assert result.request_id
    assert [attempt.status for attempt in result.attempts] == [200]
    assert result.body
    if response_format in {"srt", "verbose_json", "vtt"}:
        assert [(each.start, each.end, each.text) for each in result.segments] == [
            (0.0, 2.5, "Hello there."),
            (2.5, 5.04, "你好。"),
        ]
        assert (
            result.to_srt()
            == "1\n00:00:00,000 --> 00:00:02,500\nHello there.\n\n2\n00:00:02,500 --> 00:00:05,040\n你好。\n\n"
        )
        result.save(tmp_path / "a.vtt")
        assert (tmp_path / "a.vtt").read_text().startswith("WEBVTT\n\n00:00:00.000 --> 00:00:02.500\nHello there.\n")
    else:
        with pytest.raises(NoTimingError, match="verbose_json"):
            result.to_srt()


async def test_options_reach_the_relay(client: AsyncClient, relay: LocalRelay, jfk: Path) -> None:
    """Each option goes out under its wire name, once; what was not given is not sent."""
    await client.transcribe(
        jfk,
        model="whisper-1",
        language="ZH",
        prompt="会议\n纪要",
        response_format="verbose_json",
        temperature=0.25,
        timestamp_granularities=["word", "segment"],
        extra={"hotwords": ["甲", "乙"], "flag": True},
    )
    await client.transcribe(jfk)
    first, second = relay.requests
    assert first.fields == {
        "model": ("whisper-1",),
        "language": ("zh",),
        "prompt": ("会议\n纪要",),
        "response_format": ("verbose_json",),
        "temperature": ("0.25",),
        "timestamp_granularities[]": ("word", "segment"),
        "hotwords[]": ("甲", "乙"),
        "flag": ("true",),
    }
    assert second.fields == {"model": ("whisper-1",), "response_format": ("json",)}


BAD_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"temperature": 1.5}, "temperature 1.5 is not between 0 and 1"),
    ({"temperature": -0.1}, "temperature"),
    ({"language": "chinese"}, "language 'chinese' is not an ISO 639-1 code — use 'zh'"),
    ({"response_format": "xml"}, "response_format 'xml' does not exist"),
    ({"model": ""}, "model is empty"),
    ({"timestamp_granularities": ["word"]}, "does not go with response_format"),
    ({"extra": {"model": "x"}}, "no field is sent twice"),
]


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS)
async def test_bad_options_are_refused_before_any_io(
    client: AsyncClient, relay: LocalRelay, options: dict[str, Any], message: str
) -> None:
    """The file is not even looked at."""
    with pytest.raises(ConfigurationError, match=message):
        await client.transcribe("/does/not/exist.mp3", **options)
    assert not relay.requests


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.mp3", "no such file"),
        ("folder.mp3", "is a folder"),
        ("empty.mp3", "is empty"),
        ("text.mp3", "is a text file, not audio"),
    ],
)
async def test_bad_recordings_are_refused_before_a_byte_is_sent(
    client: AsyncClient, relay: LocalRelay, tmp_path: Path, name: str, message: str
) -> None:
    """The relay sees nothing of what cannot be a recording."""
    (tmp_path / "folder.mp3").mkdir()
    (tmp_path / "empty.mp3").touch()
    (tmp_path / "text.mp3").write_text("just words " * 100)
    with pytest.raises(AudioSourceError, match=message):
        await client.transcribe(tmp_path / name)
    assert not relay.requests


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"api_key": "sk-a\nb"}, "line end"),
        ({"base_url": "ftp://x", "api_key": "sk-a"}, "neither https:// nor http://"),
        ({"base_url": "http://relay.example", "api_key": "sk-a"}, "plain http"),
        ({"api_key": "sk-a", "proxy": "socks5://127.0.0.1:1"}, "SOCKS"),
        ({"api_key": "sk-a", "headers": {"Authorization": "Bearer x"}}, "give the key as api_key"),
        ({"api_key": "sk-a", "headers": {"X-A": "a\r\nB: c"}}, "cannot stand in a header"),
        ({"api_key": "sk-a", "headers": {"X A": "b"}}, "cannot stand in a header"),
        ({"api_key": "sk-a", "headers": {"X-A": 1}}, "must be strings"),
        ({"api_key": "sk-a", "headers": 5}, "headers must be a mapping of strings, not int"),
        ({"api_key": "sk-a", "allow_http": "false"}, "allow_http must be a bool, not str"),
        ({"api_key": "sk-a", "trust_env": 1}, "trust_env must be a bool, not int"),
        ({"api_key": "sk-a", "timeouts": 5}, "timeouts must be a Timeouts, not int"),
        ({"api_key": "sk-a", "retry": 5}, "retry must be a RetryPolicy, not int"),
        ({"api_key": "sk-a", "limits": 5}, "limits must be a Limits, not int"),
        ({"api_key": "sk-a", "on_event": 5}, "on_event must be a function, not int"),
        ({"api_key": "sk-a", "proxy": 5}, "proxy must be an address, not int"),
        ({"api_key": "sk-a", "ssl": "x"}, "ssl must be an SSLContext or a bool, not str"),
        ({"api_key": "sk-a", "session": 5}, "session must be an aiohttp.ClientSession, not int"),
        ({"endpoints": ["https://x"]}, "endpoints must hold Endpoint, not str"),
        ({"endpoints": 5}, "endpoints must be a list of Endpoint, not int"),
        ({"endpoints": []}, "endpoints is empty"),
        ({}, "set ZHONGZHUAN_API_KEY"),
    ],
)
def test_bad_settings_are_refused_at_construction(options: dict[str, Any], message: str) -> None:
    """Before there is a loop."""
    with pytest.raises(ConfigurationError, match=message):
        AsyncClient(**options)


@pytest.mark.parametrize("name", ["timeouts", "retry", "on_progress", "extra", "filename", "prompt"])
async def test_an_argument_of_a_wrong_kind_is_refused_before_anything_is_sent(
    relay: LocalRelay, client: AsyncClient, jfk: Path, name: str
) -> None:
    """The message names it."""
    with pytest.raises(ConfigurationError, match=name):
        await client.transcribe(jfk, **{name: 5})  # type: ignore[arg-type]
    assert not relay.requests


async def _awaited(*_: object) -> None:
    """Wait for something."""


async def _yielding(*_: object) -> AsyncIterator[None]:
    """Give something."""
    yield


class _Awaited:
    async def __call__(self, *_: object) -> None:
        """Wait for something."""


@pytest.mark.parametrize(
    "function",
    [_awaited, _yielding, _Awaited(), _Awaited().__call__, partial(partial(_awaited), 1), partial(_Awaited())],
    ids=["function", "generator", "object", "method", "partial", "partial-object"],
)
async def test_what_would_never_be_awaited_is_refused(
    relay: LocalRelay, client: AsyncClient, jfk: Path, function: Any
) -> None:
    """An async function, in whatever clothes, before anything is sent; a plain callable object is taken."""
    with pytest.raises(ConfigurationError, match="on_progress must be a plain function, not an async one — .*awaited"):
        await client.transcribe(jfk, on_progress=function)
    with pytest.raises(ConfigurationError, match="on_event must be a plain function, not an async one"):
        AsyncClient(relay.base_url, relay.api_key, on_event=function)
    assert not relay.requests
    await client.transcribe(jfk, on_progress=partial(print, file=io.StringIO()))


async def test_the_environment_names_relay_and_key(
    relay: LocalRelay, jfk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ZHONGZHUAN_* are read; a web page's address with an endpoint's path does too; OPENAI_API_KEY is never read."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-someone-elses")
    with pytest.raises(ConfigurationError, match="no API key"):
        AsyncClient()
    monkeypatch.setenv("ZHONGZHUAN_BASE_URL", f"{relay.base_url}/audio/transcriptions")
    monkeypatch.setenv("ZHONGZHUAN_API_KEY", str(relay.api_key))
    async with AsyncClient() as client:
        assert (await client.transcribe(jfk)).text
    assert relay.requests[0].path == "/v1/audio/transcriptions"


async def test_errors_of_the_relay_have_their_class(relay: LocalRelay, jfk: Path) -> None:
    """A wrong key and a recording past the limit, with the relay's id of the request."""
    async with AsyncClient(relay.base_url, "sk-wrong") as client:
        with pytest.raises(AuthenticationError) as caught:
            await client.transcribe(jfk)
    assert caught.value.status == 401
    assert caught.value.request_id
    assert caught.value.hint
    async with LocalRelay(ScriptedEngine(), max_upload_bytes=50_000) as small:
        async with AsyncClient(small.base_url, small.api_key) as client:
            with pytest.raises(PayloadTooLargeError):
                await client.transcribe(jfk)


async def test_the_key_is_shown_nowhere(jfk: Path, tmp_path: Path, unused_tcp_port: int) -> None:
    """No repr, message or traceback with local variables holds it."""
    from rich.console import Console
    from rich.traceback import Traceback

    client = AsyncClient(f"http://127.0.0.1:{unused_tcp_port}", KEY, retry=RetryPolicy(max_attempts=1))
    shown = io.StringIO()
    try:
        await client.transcribe(jfk)
    except ZhongzhuanError as error:
        trace = Traceback.from_exception(
            type(error), error, error.__traceback__, show_locals=True, locals_max_string=9999
        )
        Console(file=shown, width=400).print(trace)
        shown.write(f"{error!s} {error!r} {error.attempts!r} {vars(error)!r}")
    shown.write(f"{client!r} {client._endpoints!r} {vars(client)!r} {client._sessions!r}")
    await client.close()
    assert "_exchange" in shown.getvalue()
    assert KEY not in shown.getvalue()


async def test_closing_twice_is_fine_and_a_closed_client_says_so(client: AsyncClient, jfk: Path) -> None:
    """A call after the close is refused."""
    assert "closed" not in repr(client)
    await client.close()
    await client.close()
    assert repr(client).endswith(" closed>")
    with pytest.raises(ConfigurationError, match="this client is closed"):
        await client.transcribe(jfk)


async def test_the_local_relay_starts_once_and_ends_with_the_client(jfk: Path) -> None:
    """Calls side by side share it; nothing listens after the close."""
    async with AsyncClient.local(ScriptedEngine(TIMED)) as client:
        assert repr(client) == "<AsyncClient local>"
        texts = await asyncio.gather(*(client.transcribe(jfk) for _ in range(5)))
        assert {each.text for each in texts} == {"Hello there. 你好。"}
        port = int(client._endpoints[0].base_url.split(":")[2].split("/")[0])
    with pytest.raises(OSError, match="onnect"):
        await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_local_client_outlives_its_loop(jfk: Path) -> None:
    """Each `asyncio.run` gets a relay of its own; what the one before had is let go of, its folder and its socket."""
    client = AsyncClient.local(ScriptedEngine(TIMED))
    ports: list[int] = []

    async def once() -> str:
        texts = [each.text for each in await asyncio.gather(*(client.transcribe(jfk) for _ in range(4)))]
        ports.append(int(client._endpoints[0].base_url.split(":")[2].split("/")[0]))
        return texts[0]

    async def late() -> None:
        for port in ports:
            with pytest.raises(OSError, match="onnect"):
                await asyncio.open_connection("127.0.0.1", port)
        await client.close()

    for _ in range(2):
        assert asyncio.run(asyncio.wait_for(once(), 20)) == "Hello there. 你好。"
    folders = set(Path(tempfile.gettempdir()).glob("zhongzhuan-relay-*"))
    asyncio.run(client.close())
    assert len(folders - set(Path(tempfile.gettempdir()).glob("zhongzhuan-relay-*"))) == 1
    asyncio.run(late())
    # Connections whose loop went first complain when they are collected: here, and not in another test.
    client._relay = client._pipeline = None
    gc.collect()


async def test_a_local_client_serves_one_loop_at_a_time(jfk: Path) -> None:
    """A second loop is refused while the first runs."""
    async with AsyncClient.local(ScriptedEngine(TIMED)) as client:
        await client.transcribe(jfk)
        with pytest.raises(ConfigurationError, match="in use in another event loop"):
            await asyncio.to_thread(lambda: asyncio.run(asyncio.wait_for(client.transcribe(jfk), 10)))
        assert (await client.transcribe(jfk)).text == "Hello there. 你好。"


@pytest.mark.real_model
async def test_speech_is_recognised(jfk: Path) -> None:
    """The embedded model hears the sample, word for word."""
    async with AsyncClient.local() as client:
        result = await client.transcribe(
            jfk, response_format="verbose_json", timestamp_granularities=["word", "segment"]
        )
    heard = "".join(char for char in result.text.lower() if char.isalnum() or char == " ")
    assert heard.split() == SENTENCE.split()
    assert result.language == "english"
    assert result.duration == pytest.approx(11.09, abs=0.2)
    assert [word.word.strip(" ,.!?").lower() for word in result.words] == SENTENCE.split()
    assert 0 <= result.segments[0].start < result.segments[-1].end <= 11.2


async def test_many_calls_leave_nothing_behind(relay: LocalRelay, jfk: Path) -> None:
    """Descriptors and tasks are back where they were."""
    before, tasks = len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())
    async with AsyncClient(relay.base_url, relay.api_key, limits=Limits(max_concurrency=8)) as client:
        await asyncio.gather(*(client.transcribe(jfk) for _ in range(50)))
    await asyncio.sleep(0.05)
    assert len(asyncio.all_tasks()) == tasks
    # The relay's side of the connections is closed by its own loop turn.
    with anyio.fail_after(10):
        while len(os.listdir("/proc/self/fd")) > before:
            await asyncio.sleep(0.01)


async def test_timeouts_can_be_given_a_call(relay: LocalRelay, jfk: Path) -> None:
    """They take the place of the client's own."""
    async with LocalRelay(ScriptedEngine(TIMED, delay_s=30)) as slow:
        async with AsyncClient(slow.base_url, slow.api_key) as client:
            with pytest.raises(TimeoutError):
                await client.transcribe(jfk, timeouts=Timeouts(answer_stall_s=0.1), retry=RetryPolicy(max_attempts=1))


async def test_a_plain_text_answer_keeps_its_body(client: AsyncClient, jfk: Path) -> None:
    """`body` is the answer to the letter."""
    assert (await client.transcribe(jfk, response_format="text")).body == "Hello there. 你好。\n"
    assert json.loads((await client.transcribe(jfk)).body)["text"] == "Hello there. 你好。"


def test_trio_is_told_what_to_use(jfk: Path) -> None:
    """Under trio the error names the blocking client and the thread."""
    with pytest.raises(ConfigurationError, match=r"asyncio only.*anyio\.to_thread"):
        trio.run(AsyncClient("https://relay.example", "sk-test").transcribe, jfk)


def test_public_names_load_when_they_are_used() -> None:
    """`__all__` is whole, sorted for `dir`, and an unknown name is an AttributeError."""
    for name in zhongzhuan_audio.__all__:
        assert getattr(zhongzhuan_audio, name) is not None
    assert dir(zhongzhuan_audio) == sorted(zhongzhuan_audio.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = zhongzhuan_audio.nothing
    assert sys.modules["zhongzhuan_audio.client"].AsyncClient is zhongzhuan_audio.AsyncClient


@pytest.mark.parametrize(("url", "key"), [("ftp://x", KEY), ("https://x", f"{KEY} ")])
def test_an_endpoint_that_cannot_be_shows_no_key(url: str, key: str) -> None:
    """Tools that show local variables call its repr before it has an address."""
    with pytest.raises(ConfigurationError) as caught:
        Endpoint(url, key)
    lines = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    frames = "".join(line for line in lines if "test_client.py" not in line)
    assert "config/settings.py" in frames
    assert KEY not in frames


BAD_ADDRESSES: list[dict[str, Any]] = [
    {"base_url": KEY},
    {"base_url": f"https://relay.example/v1?key={KEY}"},
    {"base_url": f"https://user:{KEY}@relay.example"},
    {"base_url": f"https://relay.example:{KEY}"},
    {"base_url": f"https://{KEY}:99999/v1"},
    {"base_url": f"https://{KEY}..example"},
    {"base_url": f"https://relay.example/{KEY}/v1/$"},
    {"base_url": f"http://{KEY}"},
    {"base_url": f"https://[{KEY}]"},
]
BAD_SETTINGS: list[dict[str, Any]] = [
    {"proxy": KEY},
    {"proxy": f"socks5://user:{KEY}@127.0.0.1:1080"},
    {"proxy": f"http://user:{KEY}"},
    {"headers": {"Authorization": f"Bearer {KEY}"}},
    {"headers": {"X-Key": f"{KEY}\n"}},
    {"headers": {f"Authorization: Bearer {KEY}": ""}},
    {"headers": f"Authorization: Bearer {KEY}"},
    {"headers": {"X-Key": KEY}, "ssl": "yes"},
    {"api_key": KEY.encode()},
    {"api_key": (KEY, KEY.encode())},
    {"base_url": None, "api_key": None, "endpoints": [("https://relay.example", KEY)]},
]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        *((Endpoint, options) for options in BAD_ADDRESSES),
        *((kind, options) for kind in (AsyncClient, Client) for options in BAD_ADDRESSES + BAD_SETTINGS),
    ],
)
def test_a_secret_in_a_wrong_place_is_shown_nowhere(kind: Any, options: dict[str, Any]) -> None:
    """Neither in the message nor among the variables of our frames."""
    with pytest.raises(ConfigurationError) as caught:
        kind(**{"base_url": "https://relay.example", "api_key": "sk-another", **options})
    lines = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    shown = "".join(line for line in lines if "test_client.py" not in line)
    assert "zhongzhuan_audio/" in shown
    assert KEY not in shown


@pytest.mark.parametrize("kind", ["request", "stream_request"])
async def test_refused_headers_show_no_key(kind: str) -> None:
    """Nor do those of one call, with either client."""

    async def ask() -> None:
        async with AsyncClient("https://relay.example", "sk-another") as client:
            options: dict[str, Any] = {"headers": {"Authorization": f"Bearer {KEY}"}}
            if kind == "request":
                await client.request("GET", "/v1/models", **options)
            async with client.stream_request("GET", "/v1/models", **options):
                pass

    def ask_blocking() -> None:
        with Client("https://relay.example", "sk-another") as client:
            options: dict[str, Any] = {"headers": {"Authorization": f"Bearer {KEY}"}}
            if kind == "request":
                client.request("GET", "/v1/models", **options)
            with client.stream_request("GET", "/v1/models", **options):
                pass

    for call in (ask(), asyncio.to_thread(ask_blocking)):
        with pytest.raises(ConfigurationError, match="which the client sets itself") as caught:
            await call
        lines = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
        shown = "".join(line for line in lines if "/zhongzhuan_audio/" in line)
        assert "client/anything.py" in shown
        assert KEY not in shown


@pytest.mark.parametrize("kind", [AsyncClient, Client])
@pytest.mark.parametrize("given", ["argument", "variable"])
def test_a_constructor_that_fails_shows_no_key(kind: Any, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tools that show local variables work, and show neither the key nor the rest of the environment."""
    monkeypatch.setenv("ANOTHER_SECRET", "another-secret")
    if given == "variable":
        monkeypatch.setenv("ZHONGZHUAN_API_KEY", KEY)
    for url, key in (("ftp://x", KEY), ("https://x", f"{KEY} ")):
        monkeypatch.setenv("ZHONGZHUAN_API_KEY", key)
        try:
            kind(url, key if given == "argument" else None)
        except ConfigurationError as error:
            lines = traceback.TracebackException.from_exception(error, capture_locals=True).format()
            shown = "".join(line for line in lines if "test_client.py" not in line)
        else:
            pytest.fail("it was taken")
        assert "zhongzhuan_audio/core.py" in shown
        assert KEY not in shown
        assert "another-secret" not in shown


async def test_the_deadline_counts_while_a_recording_is_read(local_relay: LocalRelay, jfk: Path) -> None:
    """A source that stalls is given up; what it took is taken from what is left."""
    sound = jfk.read_bytes()

    async def slow(pause_s: float) -> AsyncIterator[bytes]:
        yield sound
        await asyncio.sleep(pause_s)

    retry = RetryPolicy(deadline_s=0.3)
    async with AsyncClient(local_relay.base_url, local_relay.api_key, retry=retry) as client:
        with pytest.raises(TimedOutError, match="while its recording was read") as caught:
            await client.transcribe(slow(3600), filename="a.mp3")
        assert (caught.value.phase, caught.value.billed) == ("deadline", "no")
        local_relay.engine.delay_s = 0.25  # type: ignore[attr-defined]
        with pytest.raises(TimedOutError, match="the deadline of 0.3 s has passed"):
            await client.transcribe(slow(0.15), filename="a.mp3")
        assert (await client.transcribe(jfk)).text
