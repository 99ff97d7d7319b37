"""Whoever keeps count of what may have been billed hears of each attempt once, before the next one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from zhongzhuan_audio import AsyncClient, RetryPolicy
from zhongzhuan_audio.relay import Fault, LocalRelay, ScriptedEngine
from zhongzhuan_audio.transport.call import Call
from zhongzhuan_audio.upload.opening import open_source


async def test_each_lost_attempt_is_told_once_before_the_next(jfk: Path, monkeypatch: Any) -> None:
    """Also where the pipeline comes by with no new attempt; one that cost nothing is not told."""
    told: list[int] = []
    async with LocalRelay(ScriptedEngine("ok")) as relay:
        relay.faults.script(Fault("truncated", requests=(1,)), Fault.refusal(429, requests=(2,)))

        async def lost() -> None:
            told.append(relay.request_count)

        async with AsyncClient(relay.base_url, relay.api_key, retry=RetryPolicy(backoff_base_s=0.001)) as client:
            tell = Call.tell_lost

            async def twice(call: Call) -> None:
                await tell(call)
                await tell(call)

            monkeypatch.setattr(Call, "tell_lost", twice)
            source: Any = attrs.evolve(await open_source(jfk), on_lost=lost)
            found = await client.transcribe(source)
    assert [attempt.billed for attempt in found.attempts] == ["maybe", "no", "no"]
    assert told == [1]
