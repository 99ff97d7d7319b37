"""Finding out about an endpoint: independent things side by side, each with an end in sight."""

from __future__ import annotations

import array
import asyncio
import io
import math
import wave
from collections.abc import Mapping
from datetime import UTC, datetime

from zhongzhuan_audio.cli.doctor.facts import EndpointFacts, Listing, ProxyFacts, Reach, Trial
from zhongzhuan_audio.cli.doctor.probing import probe
from zhongzhuan_audio.cli.doctor.proxying import look_up_proxy
from zhongzhuan_audio.cli.doctor.suitable import choose_model
from zhongzhuan_audio.client import AsyncClient
from zhongzhuan_audio.config import Endpoint, RetryPolicy, Timeouts
from zhongzhuan_audio.errors import (
    APIError,
    ConfigurationError,
    InvalidResponseError,
    TimedOutError,
    ZhongzhuanError,
)
from zhongzhuan_audio.models import Balance
from zhongzhuan_audio.protocol.account import decode_models
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.transport.session import Network

__all__ = ["examine", "second_of_tone"]

_TRIAL_S = 60.0
_ONCE = RetryPolicy(max_attempts=1)
_SAMPLE_RATE = 16_000
_TONE_HZ = 440


async def examine(
    endpoint: Endpoint,
    *,
    key: ConfigurationError | None,
    paid: bool,
    connect_s: float = 5.0,
    answer_s: float = 10.0,
) -> EndpointFacts:
    """Find out about an endpoint, within some 15 seconds; with a trial within a minute more.

    Args:
        endpoint: The relay, with its key or with what stands for one.
        key: Why there is no key, so that what needs one is not asked.
        paid: Whether to transcribe one second.
        connect_s: Seconds for a connection, and again for TLS.
        answer_s: Seconds for an answer; a relay that lists no models within them is as good as dead.
    """
    timeouts = Timeouts(connect_s=connect_s, answer_stall_s=answer_s, attempt_s=answer_s)
    client = AsyncClient(endpoints=[endpoint], timeouts=timeouts, retry=_ONCE)
    async with client, asyncio.TaskGroup() as group:
        proxy = group.create_task(_proxy(endpoint.base_url))
        reach = group.create_task(_reach(endpoint.base_url, connect_s))
        listing = group.create_task(_list(client))
        balance = None if key else group.create_task(_balance(client, answer_s + connect_s))
        trial = None if key or not paid else group.create_task(_try(client, listing))
    return EndpointFacts(
        base_url=endpoint.base_url,
        key=key,
        proxy=proxy.result(),
        reach=None if isinstance(proxy.result(), ConfigurationError) else reach.result(),
        listing=listing.result(),
        balance=balance.result() if balance else None,
        trial=trial.result() if trial else None,
        paid=paid,
    )


async def _proxy(base_url: str) -> ProxyFacts | ConfigurationError:
    try:
        return await asyncio.to_thread(look_up_proxy, base_url)
    except ConfigurationError as error:
        return error


async def _reach(base_url: str, connect_s: float) -> Reach | ZhongzhuanError:
    try:
        route = await asyncio.to_thread(Network().find_route, base_url)
        return await probe(route, patience_s=connect_s)
    except ZhongzhuanError as error:
        return error


async def _list(client: AsyncClient) -> Listing:
    headers: Mapping[str, str] = {}
    outcome: tuple[str, ...] | ZhongzhuanError
    try:
        response = await client.request("GET", "models")
        headers = response.headers
        answer = Answer(status=response.status, headers=headers, body=response.content)
        outcome = tuple(model.id for model in decode_models(answer, now=_now))
    except (APIError, InvalidResponseError) as error:
        outcome, headers = error, error.headers
    except ZhongzhuanError as error:
        outcome = error
    return Listing(outcome=outcome, headers=headers, heard_at=_now())


async def _balance(client: AsyncClient, patience_s: float) -> Balance | ZhongzhuanError:
    try:
        # It is up to three requests.
        async with asyncio.timeout(patience_s):
            return await client.balance()
    except ZhongzhuanError as error:
        return error
    except TimeoutError:
        return TimedOutError(f"no answer within {patience_s:g} s")


async def _try(client: AsyncClient, listing: asyncio.Task[Listing]) -> Trial | ZhongzhuanError | None:
    found = (await listing).outcome
    model = None if isinstance(found, ZhongzhuanError) else choose_model(found)
    if model is None:
        return None
    timeouts = Timeouts(answer_stall_s=_TRIAL_S, attempt_s=_TRIAL_S)
    began = asyncio.get_running_loop().time()
    try:
        await client.transcribe(("second.wav", second_of_tone()), model=model, timeouts=timeouts)
    except ZhongzhuanError as error:
        return error
    return Trial(model=model, elapsed_s=asyncio.get_running_loop().time() - began)


def second_of_tone() -> bytes:
    """Return a recording of one second in which nobody speaks: WAV, 16 kHz, 16 bits, mono."""
    samples = array.array(
        "h", (round(1000 * math.sin(2 * math.pi * _TONE_HZ * at / _SAMPLE_RATE)) for at in range(_SAMPLE_RATE))
    )
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(_SAMPLE_RATE)
        recording.writeframes(samples.tobytes())
    return file.getvalue()


def _now() -> datetime:
    return datetime.now(UTC)
