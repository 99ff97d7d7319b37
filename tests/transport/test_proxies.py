"""Which proxy leads to an endpoint."""

from __future__ import annotations

import base64
import traceback
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from zhongzhuan_audio import AsyncClient
from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.relay import LocalRelay
from zhongzhuan_audio.transport.proxies import find_proxy, parse_proxy

RELAY = "https://relay.example/v1"
PASSWORD = f"sk-{'secret'}-word"  # put together, so that a quoted source line does not hold it


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_the_environment_names_a_proxy(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Curl's variables count, in either case."""
    monkeypatch.setenv(name, "http://127.0.0.1:7890")
    found = find_proxy(RELAY)
    assert found is not None
    assert (found.url, found.headers) == ("http://127.0.0.1:7890", None)


def test_the_scheme_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy for http is none for https."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert find_proxy(RELAY) is None
    assert find_proxy("http://relay.example/v1") is not None


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "a.localhost"])
def test_this_machine_is_never_behind_a_proxy(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """Loopback goes direct, NO_PROXY or not."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:7890")
    assert find_proxy(f"https://{host}:8443/v1") is None


@pytest.mark.parametrize(
    ("address", "value"),
    [
        (RELAY, "relay.example"),
        (RELAY, "*"),
        (RELAY, ".example"),
        (RELAY, "other.test, relay.example"),
        (RELAY, "relay.example:443"),
        ("https://relay.example:8443/v1", "relay.example:8443"),
        ("https://relay.example:8443/v1", "relay.example"),
        ("https://10.1.2.3/v1", "10.0.0.0/8"),
        ("https://10.1.2.3:8443/v1", "192.168.0.0/16, 10.1.2.3/32"),
        ("https://10.1.2.3/v1", "10.1.2.3"),
        ("https://[fd00::1]/v1", "fd00::/8"),
        ("https://[fd00::1]/v1", "fd00::1"),
    ],
)
def test_no_proxy_is_honoured(monkeypatch: pytest.MonkeyPatch, address: str, value: str) -> None:
    """What NO_PROXY lists goes direct: hosts, domains, ports, blocks of addresses."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:7890")
    monkeypatch.setenv("NO_PROXY", value)
    assert find_proxy(address) is None


@pytest.mark.parametrize(
    ("address", "value"),
    [
        (RELAY, "relay.example:8443"),
        (RELAY, "other.example"),
        (RELAY, "10.0.0.0/8"),
        ("https://11.1.2.3/v1", "10.0.0.0/8"),
        ("https://10.1.2.3/v1", "10.0.0.0/99, /, fd00::/8"),
        ("https://[fd00::1]/v1", "10.0.0.0/8"),
    ],
)
def test_no_proxy_exempts_nothing_else(monkeypatch: pytest.MonkeyPatch, address: str, value: str) -> None:
    """Another port, another block, and what is no block at all change nothing."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:7890")
    monkeypatch.setenv("NO_PROXY", value)
    assert find_proxy(address) is not None


def test_no_variable_no_proxy() -> None:
    """An empty environment gives none."""
    assert find_proxy(RELAY) is None


def test_credentials_leave_the_address() -> None:
    """User and password go to a header that no repr shows."""
    proxy = parse_proxy("http://us%40er:p%3Ass@proxy.example:3128")
    assert proxy.url == "http://proxy.example:3128"
    assert proxy.headers is not None
    scheme, _, credentials = proxy.headers["Proxy-Authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(credentials) == b"us@er:p:ss"
    assert "p:ss" not in repr(proxy)
    assert credentials not in repr(proxy)
    assert credentials not in repr(proxy.headers)


def test_a_bare_host_and_port_means_http() -> None:
    """As in curl."""
    assert parse_proxy("127.0.0.1:7890").url == "http://127.0.0.1:7890"
    assert parse_proxy("https://[::1]:8443").url == "https://[::1]:8443"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("socks5://127.0.0.1:7890", "SOCKS proxy.*HTTP port"),
        ("socks5h://127.0.0.1:7890", "SOCKS proxy"),
        ("ftp://127.0.0.1", "not an http:// address"),
        ("http://", "not an http:// address"),
        ("http://127.0.0.1:port", "not an address — it looks like http://127.0.0.1:7890"),
        ("sk-a-key", "not an http:// address"),
    ],
)
def test_what_is_no_http_proxy_is_refused(address: str, message: str) -> None:
    """Each with what to do."""
    with pytest.raises(ConfigurationError, match=message):
        parse_proxy(address)


@pytest.mark.parametrize(
    "address",
    [
        f"http://user:{PASSWORD}@127.0.0.1:port",
        f"http://user:{PASSWORD}",
        f"socks5://user:{PASSWORD}@127.0.0.1:7890",
        f"ftp://user:{PASSWORD}@127.0.0.1",
        f"http://user:{PASSWORD}@[::1",
    ],
)
def test_a_refused_proxy_is_shown_nowhere(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the message nor among the variables of our frames, whoever named it."""
    monkeypatch.setenv("HTTPS_PROXY", address)
    for call in (lambda: parse_proxy(address), lambda: find_proxy(RELAY)):
        with pytest.raises(ConfigurationError) as caught:
            call()
        lines = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
        shown = "".join(line for line in lines if "test_proxies.py" not in line)
        assert "transport/proxies.py" in shown
        assert PASSWORD not in shown


def test_the_message_says_where_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """A SOCKS proxy that only the environment names is not passed over in silence."""
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:7890")
    with pytest.raises(ConfigurationError, match="the https proxy in the environment is a SOCKS proxy"):
        find_proxy(RELAY)


def test_only_what_the_environment_names_can_be_gone_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """`trust_env=False` does nothing about a proxy that the caller gave."""
    with pytest.raises(ConfigurationError) as caught:
        parse_proxy("socks5://127.0.0.1:7890")
    assert "trust_env" not in str(caught.value)
    assert not parse_proxy("http://127.0.0.1:7890").from_env
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:7890")
    found = find_proxy(RELAY)
    assert found is not None
    assert found.from_env
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:7890")
    with pytest.raises(ConfigurationError, match="trust_env=False"):
        find_proxy(RELAY)


@pytest.mark.parametrize("way", ["environment", "session"])
async def test_a_callers_session_reaches_this_machine_without_its_proxy(
    local_relay: LocalRelay, raw_server: Any, monkeypatch: pytest.MonkeyPatch, way: str, jfk: Path
) -> None:
    """The key and the recording do not go through it in the clear."""

    async def listen(peer: Any) -> None:
        await peer.head()

    raw_server.script(listen)
    proxy = raw_server.url.removesuffix("/v1")
    options: dict[str, Any] = {"proxy": proxy} if way == "session" else {"trust_env": True}
    if way == "environment":
        monkeypatch.setenv("HTTP_PROXY", proxy)
    async with aiohttp.ClientSession(**options) as session:
        async with AsyncClient(local_relay.base_url, local_relay.api_key, session=session) as client:
            assert (await client.transcribe(jfk)).text
    assert raw_server.connections == 0
