"""A client of each module's own relay, and speech as samples."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from zhongzhuan_audio import AsyncClient
from zhongzhuan_audio.relay import LocalRelay

from .sounds import samples


@pytest.fixture
async def client(relay: LocalRelay) -> AsyncIterator[AsyncClient]:
    """A client of it."""
    async with AsyncClient(relay.base_url, relay.api_key) as client:
        yield client


@pytest.fixture(scope="module")
def talk(jfk: Path) -> Any:
    """Eleven seconds of speech."""
    return samples(jfk)
