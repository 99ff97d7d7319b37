"""What every test stands on: a clean environment, a watch on the loop, the sample recording."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import aioresponses.core
import pytest
from blockbuster import BlockBuster
from hypothesis import HealthCheck, settings

# A machine that is busy with something else is no fault of a test.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", _PATIENT)
settings.register_profile("ci", _PATIENT, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

_PROXY_VARIABLES = {"http_proxy", "https_proxy", "ws_proxy", "wss_proxy", "all_proxy", "no_proxy"}
_TLS_VARIABLES = {"SSL_CERT_FILE", "SSL_CERT_DIR"}


@pytest.fixture(autouse=True)
def scrubbed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the settings, proxies and authorities of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith("ZHONGZHUAN_") or name.lower() in _PROXY_VARIABLES or name in _TLS_VARIABLES:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def watched_loop() -> Iterator[None]:
    """Fail a test in which code of this package blocks a running loop.

    Four places block on purpose. The key file is a few bytes, and is looked at before each request. So is a recording's
    path: a thread hop would halve the rate of small uploads. `Transcription.save` is a plain method: whoever calls it
    in a coroutine accepts a small write. And the blocking client blocks.
    """
    allowed = {
        "config/keys.py": {"__call__"},
        "upload/source.py": {"_from_path"},
        "models/transcription.py": {"save"},
        "blocking/core.py": {"run", "hold", "close"},
        "blocking/portal.py": {"__init__", "stop"},
    }
    watch = BlockBuster(["zhongzhuan_audio"])
    for function in watch.functions.values():
        for module, names in allowed.items():
            function.can_block_in(f"zhongzhuan_audio/{module}", names)
    watch.activate()
    yield
    watch.deactivate()


@pytest.fixture(scope="session")
def jfk() -> Path:
    """Path of the sample: 11.09 s of speech in an MP3; see tests/data/README.md."""
    return Path(__file__).parent / "data" / "jfk.mp3"


class _MockedResponse(aiohttp.ClientResponse):
    """A response that aioresponses can build: since aiohttp 3.14 it must be told where the request was written."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, stream_writer=SimpleNamespace(output_size=0), **options)


def _unlimited_reader(loop: Any = None) -> aiohttp.StreamReader:
    """Return a reader that takes a whole body at once; aioresponses' own stops at 128 KiB for want of a transport."""
    return aiohttp.StreamReader(aiohttp.client_proto.ResponseHandler(loop=loop), limit=2**40, loop=loop)


@pytest.fixture
def aioresponses_mock(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses.aioresponses]:
    """Answer aiohttp's requests from a script, with what aioresponses 0.7.9 lacks on aiohttp 3.14.

    It never reads an upload and runs no timeouts: use it for decisions on statuses and retries, and a real server on
    loopback for the rest.
    """
    monkeypatch.setattr(aioresponses.core, "ClientResponse", _MockedResponse)
    monkeypatch.setattr(aioresponses.core, "stream_reader_factory", _unlimited_reader)
    with aioresponses.aioresponses() as mock:
        yield mock
