"""The doctor's small pure parts: clocks, names of models, extras, where a proxy comes from."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.cli.doctor.clock import clock_row, clock_skew_s
from zhongzhuan_audio.cli.doctor.extras import PURPOSES, Extra, find_extras, read_extras
from zhongzhuan_audio.cli.doctor.facts import Listing, ProxyFacts
from zhongzhuan_audio.cli.doctor.proxying import explain_proxy, look_up_proxy
from zhongzhuan_audio.cli.doctor.rows import of_extras
from zhongzhuan_audio.cli.doctor.showing import plain_lines
from zhongzhuan_audio.cli.doctor.suitable import choose_model, suitable_models
from zhongzhuan_audio.transport.proxies import Proxy

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
RELAY = "https://relay.example/v1"


@pytest.mark.parametrize(
    ("headers", "skew_s"),
    [
        ({"date": "Tue, 03 Nov 2026 12:00:00 GMT"}, 0),
        ({"date": "Tue, 03 Nov 2026 11:00:00 GMT"}, 3600),
        ({"date": "Tue, 03 Nov 2026 20:00:01 +0800"}, -1),
        ({"date": "Tue, 03 Nov 2026 12:00:00 -0000"}, 0),
        ({"date": "Tue, 03 Nov 2026 11:00:00 GMT", "age": "0"}, 3600),
        ({"date": "Tue, 03 Nov 2026 11:00:00 GMT", "age": "3600"}, None),
        ({"date": "yesterday"}, None),
        ({"date": ""}, None),
        ({}, None),
    ],
)
def test_a_clock_is_compared(headers, skew_s):
    """With the answer's own date; one from a cache tells nothing."""
    assert clock_skew_s(headers, NOW) == skew_s


@given(st.text(max_size=60))
def test_no_date_is_an_error(text):
    """Whatever a relay sends as its date, it is a number or nothing."""
    assert isinstance(clock_skew_s({"date": text}, NOW), float | None)


@pytest.mark.parametrize(
    ("seconds", "state", "detail"),
    [
        (2, "ok", "as the relay's"),
        (40, "ok", "40 s ahead of the relay's"),
        (300, "ok", "5 min ahead of the relay's"),
        (301, "warn", "5 min ahead of the relay's"),
        (-90_061, "warn", "1 d 1 h 1 min behind the relay's"),
    ],
)
def test_a_clock_in_words(seconds, state, detail):
    """Five minutes are the bound."""
    there = datetime.fromtimestamp(NOW.timestamp() - seconds, UTC)
    headers = {"date": there.strftime("%a, %d %b %Y %H:%M:%S GMT")}
    row = clock_row(RELAY, Listing(outcome=(), headers=headers, heard_at=NOW))
    assert (row.state, row.detail) == (state, detail)


def test_suitable_models():
    """OpenAI's, and those that are resold in China; not what speaks or chats."""
    yes = (
        "whisper-1",
        "openai/Whisper-large-v3",
        "gpt-4o-mini-transcribe",
        "qwen3-asr-flash",
        "TeleAI/TeleSpeechASR",
        "FunAudioLLM/SenseVoiceSmall",
        "paraformer-v2",
    )
    no = ("gpt-4o", "tts-1", "text-embedding-3-small", "quasar-alpha", "")
    assert suitable_models([*no, *yes]) == yes
    assert suitable_models(no) == ()


def test_a_model_is_chosen():
    """whisper-1 before all, or else the first."""
    assert choose_model(["qwen3-asr-flash", "whisper-1"]) == "whisper-1"
    assert choose_model(["gpt-4o", "qwen3-asr-flash", "paraformer-v2"]) == "qwen3-asr-flash"
    assert choose_model(["gpt-4o"]) is None


REQUIREMENTS = [
    "aiohttp>=3.14",
    "av>=14; extra == 'media'",
    'numpy>=2; extra == "media"',
    "uvloop>=0.21; (platform_system != 'Windows') and extra == 'speed'",
    "orjson>=3.10; extra == 'speed'",
    "zhongzhuan-audio[cli]; extra == 'local'",
    "pytest>=8; extra == 'test'",
]


def test_extras_are_read():
    """From the package's own metadata, without what is nobody's business."""
    found = {extra.name: extra for extra in read_extras(REQUIREMENTS, {"av": "18.1.0"}.get, system="Linux")}
    assert list(found) == list(PURPOSES)
    assert found["media"] == Extra(name="media", installed=("av 18.1.0",), missing=("numpy",))
    assert found["speed"].missing == ("uvloop", "orjson")
    assert found["local"] == Extra(name="local", installed=(), missing=())


def test_what_windows_lacks_is_not_missed():
    """It has no uvloop."""
    found = {extra.name: extra for extra in read_extras(REQUIREMENTS, {"orjson": "3"}.get, system="Windows")}
    assert found["speed"] == Extra(name="speed", installed=("orjson 3",), missing=())


def test_every_extra_of_a_user_has_a_purpose():
    """The package's extras, those for its own developers aside."""
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    assert set(tomllib.loads(text)["project"]["optional-dependencies"]) - {"test", "dev"} == set(PURPOSES)
    assert [extra.name for extra in find_extras()] == list(PURPOSES)


def test_extras_as_rows():
    """One that is not there is no failure, and says how to have it."""
    whole, part, none = of_extras(
        [
            Extra(name="zh", installed=("opencc 1.2",), missing=()),
            Extra(name="media", installed=("av 18",), missing=("numpy",)),
            Extra(name="voice", installed=(), missing=("piper-tts",)),
        ]
    )
    assert (whole.state, whole.detail) == ("ok", "simplified and traditional script: opencc 1.2")
    assert (part.state, part.detail) == ("skip", "without numpy: decode, compress and cut recordings")
    assert (none.state, none.hint) == ("skip", "pip install 'zhongzhuan-audio[voice]'")
    assert not any("pip" in line for line in plain_lines([whole, part, none]))


@pytest.mark.parametrize(
    ("base_url", "found", "proxies", "environ", "facts"),
    [
        (RELAY, None, {}, {}, ProxyFacts()),
        (RELAY, None, {"http": "http://p:1"}, {"http_proxy": "http://p:1"}, ProxyFacts()),
        (
            RELAY,
            Proxy(url="http://p:1"),
            {"https": "http://p:1", "all": "http://q:1"},
            {"https_proxy": "http://p:1", "HTTPS_PROXY": "http://r:1"},
            ProxyFacts(url="http://p:1", origin="https_proxy"),
        ),
        (
            RELAY,
            Proxy(url="http://q:1"),
            {"all": "http://q:1"},
            {"ALL_PROXY": "http://q:1"},
            ProxyFacts(url="http://q:1", origin="ALL_PROXY"),
        ),
        (
            RELAY,
            Proxy(url="http://p:1"),
            {"https": "http://p:1"},
            {},
            ProxyFacts(url="http://p:1", origin="the system's settings"),
        ),
        (
            RELAY,
            None,
            {"https": "http://p:1"},
            {"HTTPS_PROXY": "http://p:1"},
            ProxyFacts(origin="HTTPS_PROXY", exempt="NO_PROXY"),
        ),
        (
            "https://127.0.0.1/v1",
            None,
            {"https": "http://p:1"},
            {"HTTPS_PROXY": "http://p:1"},
            ProxyFacts(origin="HTTPS_PROXY", exempt="loopback"),
        ),
    ],
)
def test_a_proxy_is_explained(base_url, found, proxies, environ, facts):
    """The scheme's own before the one for all, the lower case before the upper."""
    assert explain_proxy(base_url, found, proxies, environ) == facts


def test_a_proxy_is_looked_up(monkeypatch):
    """In the process's own environment, NO_PROXY too."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@127.0.0.1:7890")
    assert look_up_proxy(RELAY) == ProxyFacts(url="http://127.0.0.1:7890", origin="HTTPS_PROXY")
    monkeypatch.setenv("NO_PROXY", "relay.example")
    assert look_up_proxy(RELAY) == ProxyFacts(origin="HTTPS_PROXY", exempt="NO_PROXY")
