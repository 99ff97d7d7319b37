"""What every call of a client stands on: its settings, its session, its relay, and the way a recording goes out."""

from __future__ import annotations

import asyncio
import os
import ssl as ssl_module
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from aiohttp import ClientSession

from zhongzhuan_audio._version import __version__
from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.config import (
    ApiKey,
    AudioLimits,
    Endpoint,
    Limits,
    RetryPolicy,
    Timeouts,
    check_callable,
    check_kind,
    endpoints_from_options,
    masked,
    masked_items,
)
from zhongzhuan_audio.errors import Attempt, ConfigurationError, TimedOutError
from zhongzhuan_audio.events import OnEvent
from zhongzhuan_audio.options import OWN_HEADERS, check_options, checked_endpoints, checked_headers, require_asyncio
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.form import Field
from zhongzhuan_audio.transport.deadline import within
from zhongzhuan_audio.transport.outgoing import Outgoing, Upload
from zhongzhuan_audio.transport.pipeline import Pipeline
from zhongzhuan_audio.transport.session import Network, SessionKeeper, check_left
from zhongzhuan_audio.transport.stream import Stream
from zhongzhuan_audio.upload.opening import open_source
from zhongzhuan_audio.upload.payload import Progress
from zhongzhuan_audio.upload.source import AudioFile, Source
from zhongzhuan_audio.upload.starts import Starts

if TYPE_CHECKING:
    from zhongzhuan_audio.relay import Engine, LocalRelay

__all__ = ["ClientCore"]

T = TypeVar("T")

# A relay's limit is its upstream's; what stays on this machine has none but the disk.
_LOCAL_UPLOAD_BYTES = 1 << 40
# A smaller recording cannot be so long that ten minutes are too little for it.
_LONG_BYTES = 1 << 20


class ClientCore:
    """The construction and the life of an `AsyncClient`, which adds the calls."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: ApiKey | None = None,
        *,
        endpoints: Sequence[Endpoint] | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        limits: Limits | None = None,
        audio_limits: AudioLimits | None = None,
        on_event: OnEvent | None = None,
        proxy: str | None = None,
        trust_env: bool = True,
        ssl: ssl_module.SSLContext | bool | None = None,
        headers: Mapping[str, str] | None = None,
        session: ClientSession | None = None,
        allow_http: bool = False,
    ) -> None:
        base_url, api_key, proxy, headers = masked(base_url), masked(api_key), masked(proxy), masked_items(headers)
        endpoints = masked(endpoints)
        self._relay: LocalRelay | None = None
        self._relay_loop: asyncio.AbstractEventLoop | None = None
        self._pipeline: Pipeline | None = None
        self._endpoints: tuple[Endpoint, ...] = ()
        self._closed = False
        check_kind("allow_http", allow_http, bool, "a bool")
        if endpoints is not None and (base_url is not None or api_key is not None):
            raise ConfigurationError("give either endpoints, or base_url and api_key")
        if endpoints is None:
            endpoints = endpoints_from_options(base_url, api_key, allow_http=allow_http)
        self._endpoints = checked_endpoints(endpoints)
        check_options(timeouts=timeouts, retry=retry)
        check_kind("limits", limits, Limits, "a Limits")
        check_kind("audio_limits", audio_limits, AudioLimits, "an AudioLimits")
        check_callable("on_event", on_event)
        check_kind("trust_env", trust_env, bool, "a bool")
        check_kind("proxy", proxy, str, "an address")
        check_kind("ssl", ssl, (ssl_module.SSLContext, bool), "an SSLContext or a bool")
        check_kind("session", session, ClientSession, "an aiohttp.ClientSession")
        self._timeouts = timeouts or Timeouts()
        self._retry = retry or RetryPolicy()
        self._headers = {
            "User-Agent": f"zhongzhuan-audio/{__version__}",
            **checked_headers(headers, own=OWN_HEADERS | {"content-type"}),
        }
        self._on_event = on_event
        self._limits = limits or Limits()
        self._audio_limits = audio_limits or AudioLimits()
        self._sessions = SessionKeeper(Network(proxy=proxy, trust_env=trust_env, ssl=ssl), self._limits, session)
        self._starting = asyncio.Lock()

    @classmethod
    def local(
        cls,
        engine: Engine | None = None,
        *,
        model_dir: str | os.PathLike[str] | None = None,
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
    ) -> Self:
        """Return a client of a relay of its own, on this machine: no key, no network.

        The relay is a real server on 127.0.0.1, started with the first call and stopped by `close`. It takes every kind
        of recording that FFmpeg reads, aac, aiff, caf, mov and mkv too.

        Args:
            engine: What recognises speech; None takes Whisper base, which needs the extra ``local``.
            model_dir: Another CTranslate2 Whisper model's folder.
            timeouts: How long each phase may take; by default an answer may take for ever, since recordings queue for
                the one model.
            limits: How much is asked of the relay at once.

        Raises:
            MissingExtraError: The extra is not installed.
        """
        from zhongzhuan_audio.relay import LocalRelay

        relay = LocalRelay(engine, model_dir=model_dir, max_upload_bytes=_LOCAL_UPLOAD_BYTES, any_format=True)
        timeouts = timeouts or Timeouts(answer_stall_s=None)
        client = cls("http://127.0.0.1/v1", "unused", timeouts=timeouts, limits=limits, trust_env=False)
        client._relay = relay
        return client

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the client."""
        await self.close()

    def __repr__(self) -> str:
        """Return the endpoint's address; never the key."""
        local = self._relay is not None and self._pipeline is None
        where = "local" if local else ", ".join(endpoint.base_url for endpoint in self._endpoints)
        return f"<{type(self).__name__} {where}{' closed' if self._closed else ''}>"

    async def close(self) -> None:
        """Close the connections, and the embedded relay if there is one. May be called more than once."""
        self._closed = True
        if self._pipeline is not None:
            self._pipeline.close()
        await self._sessions.close()
        if self._relay is not None:
            await self._relay.close()

    async def _send(
        self,
        outgoing: Outgoing,
        *,
        scope: str,
        decode: Callable[[Answer], T],
        timeouts: Timeouts | None,
        retry: RetryPolicy | None,
        since: float | None = None,
    ) -> tuple[T, tuple[Attempt, ...]]:
        """Send a request; return what its answer holds, and what was tried."""
        check_options(timeouts=timeouts, retry=retry)
        pipeline = await self._ready()
        return await pipeline.send(
            outgoing,
            scope=scope,
            decode=decode,
            timeouts=timeouts or self._timeouts,
            policy=retry or self._retry,
            since=since,
        )

    @asynccontextmanager
    async def _stream(
        self,
        outgoing: Outgoing,
        *,
        scope: str,
        begin: Callable[[Stream], Awaitable[T]],
        timeouts: Timeouts | None,
        retry: RetryPolicy | None,
        since: float | None = None,
    ) -> AsyncIterator[T]:
        """Send a request; give its answer when it has begun well, and end it with the block."""
        check_options(timeouts=timeouts, retry=retry)
        pipeline = await self._ready()
        async with pipeline.stream(
            outgoing,
            scope=scope,
            begin=begin,
            timeouts=timeouts or self._timeouts,
            policy=retry or self._retry,
            since=since,
        ) as begun:
            yield begun

    async def _open_upload(
        self,
        file: AudioFile,
        filename: str | None,
        path: str,
        fields: Sequence[Field],
        *,
        timeouts: Timeouts | None,
        retry: RetryPolicy | None,
        on_progress: Progress | None,
    ) -> Upload:
        """Look at a recording, and return what sends it; its source is to be closed."""
        check_options(timeouts=timeouts, retry=retry, on_progress=on_progress)
        self._check_usable()
        source = await self._open_source(file, filename, retry or self._retry)
        try:
            audio_s = await self._length_s(source, timeouts or self._timeouts)
        except BaseException:
            source.close()
            raise
        return Upload(path=path, source=source, fields=fields, on_progress=on_progress, audio_s=audio_s)

    async def _open_source(self, file: object, filename: str | None, policy: RetryPolicy) -> Source:
        """Look at a recording when it is its turn, within the deadline of the call."""
        limit = within(policy.deadline_s)
        try:
            async with limit:
                await Starts.here().next()
                # What can be read only once is read here, and may take its time.
                return await open_source(file, filename=filename)
        except TimeoutError:
            if not limit.expired():
                raise
            raise TimedOutError(
                "the deadline of the call has passed while its recording was read",
                phase="deadline",
                retryable=True,
                hint=Advice("raise RetryPolicy.deadline_s"),
            ) from None

    async def _length_s(self, source: Source, timeouts: Timeouts) -> float | None:
        """Return a recording's length, where anything depends on it."""
        matters = self._limits.audio_minutes_per_minute is not None or (
            timeouts.attempt_s == "auto" and source.size_bytes >= _LONG_BYTES
        )
        if not matters:
            return None
        found = await source.probe()
        # Several threads may have ended at once.
        await Starts.here().next()
        return found.duration_s if found else None

    def _check_usable(self) -> None:
        require_asyncio()
        if self._closed:
            raise ConfigurationError("this client is closed", hint="make a new one")

    async def _ready(self) -> Pipeline:
        """Return the pipeline, starting the embedded relay if there is one."""
        self._check_usable()
        if self._relay is not None:
            self._move_relay()
        if self._pipeline is None:
            async with self._starting:
                if self._pipeline is None:
                    if self._relay is not None:
                        await self._relay.start()
                        self._endpoints = (Endpoint(self._relay.base_url, self._relay.api_key or "unused"),)
                    self._pipeline = Pipeline(
                        self._sessions, self._endpoints, headers=self._headers, on_event=self._on_event
                    )
        return self._pipeline

    def _move_relay(self) -> None:
        """Have the embedded relay started anew where the loop that it belongs to is gone."""
        loop = asyncio.get_running_loop()
        if self._relay_loop is not loop:
            if self._relay_loop is not None:
                check_left(self._relay_loop)
            self._relay_loop, self._pipeline, self._starting = loop, None, asyncio.Lock()
