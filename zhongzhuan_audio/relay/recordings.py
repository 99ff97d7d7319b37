"""The two paths that take a recording, and what becomes of it: a transcript, whole or bit by bit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import final

from aiohttp import web

from zhongzhuan_audio.models import Segment
from zhongzhuan_audio.relay.answers import is_charged, recognition_body, told_seconds
from zhongzhuan_audio.relay.engines import (
    Engine,
    Recognition,
    ScriptedEngine,
    StreamingEngine,
    Task,
    TranscribeOptions,
    tell,
)
from zhongzhuan_audio.relay.events import EVENT_STREAM, transcript_events
from zhongzhuan_audio.relay.form import FORM_SLACK_BYTES, FormReader, check_options
from zhongzhuan_audio.relay.handling import Exchange, Handler, respond
from zhongzhuan_audio.relay.ledger import Ledger
from zhongzhuan_audio.relay.received import Charge, ReceivedRequest, shorten
from zhongzhuan_audio.relay.refusals import too_large
from zhongzhuan_audio.relay.scripted import ScriptedAnswer, ScriptedStream
from zhongzhuan_audio.relay.spool import Spool

__all__ = ["Recordings"]


@final
class Recordings:
    """Takes uploads for an engine."""

    def __init__(
        self,
        engine: Engine,
        *,
        max_upload_bytes: int,
        any_format: bool,
        folder: Path,
        ledger: Ledger,
        charge: Charge,
    ) -> None:
        self._engine = engine
        # One that never listens needs no file; what is made of it may.
        self._is_heard = type(engine) is not ScriptedEngine
        self._limit = max_upload_bytes
        self._any_format = any_format
        self._folder = folder
        self._ledger = ledger
        self._charge = charge

    def handler(self, task: Task) -> Handler:
        """Return what answers on a task's path."""
        return partial(self._handle, task)

    async def _handle(self, task: Task, exchange: Exchange) -> web.StreamResponse:
        received = exchange.received
        if received.content_length is not None and received.content_length > self._limit + FORM_SLACK_BYTES:
            raise too_large(self._limit, received.content_length)
        spool = Spool(self._folder / received.request_id, kept=self._is_heard)
        exchange.open.push_async_callback(spool.discard)
        reader = FormReader(spool, max_upload_bytes=self._limit)
        form = await reader.read(exchange.request.headers.get("Content-Type", ""), exchange.chunks())
        received.fields, received.filename = shorten(form.fields), form.filename
        if form.filename is not None:
            received.size_bytes, received.sha256 = spool.size_bytes, spool.sha256
        if exchange.is_replaced:
            return web.Response()
        options = check_options(
            form,
            task=task,
            size_bytes=spool.size_bytes,
            models=self._engine.models,
            any_format=self._any_format,
        )
        self._ledger.check()
        if options.stream:
            return await self._stream(exchange, spool.path, options)
        heard = await self._engine.transcribe(spool.path, options)
        if isinstance(heard, ScriptedAnswer | ScriptedStream):
            return await self._scripted(exchange, heard)
        self._charge(received, seconds=heard.duration)
        return respond(recognition_body(heard, options))

    async def _stream(self, exchange: Exchange, path: Path, options: TranscribeOptions) -> web.StreamResponse:
        if isinstance(self._engine, StreamingEngine):
            heard = await self._engine.stream(path, options)
        else:
            whole = await self._engine.transcribe(path, options)
            heard = tell(whole) if isinstance(whole, Recognition) else whole
        if isinstance(heard, ScriptedAnswer | ScriptedStream):
            return await self._scripted(exchange, heard)
        exchange.close_later(heard)
        counted = self._counted(heard, exchange.received)
        exchange.close_later(counted)
        return await exchange.stream(transcript_events(counted, options, exchange.received.request_id), EVENT_STREAM)

    async def _counted(
        self, heard: AsyncIterator[Segment | Recognition], received: ReceivedRequest
    ) -> AsyncIterator[Segment | Recognition]:
        """Pass on what is heard; when it ends, however it does, charge for as much as that was."""
        seconds = None
        try:
            async for item in heard:
                seconds = item.duration if isinstance(item, Recognition) else max(seconds or 0.0, item.end)
                yield item
        finally:
            if seconds is not None:
                self._charge(received, seconds=seconds)

    async def _scripted(self, exchange: Exchange, answer: ScriptedAnswer | ScriptedStream) -> web.StreamResponse:
        response = await exchange.scripted(answer, EVENT_STREAM)
        if isinstance(answer, ScriptedStream):
            if response.status == 200:  # noqa: PLR2004 - HTTP
                self._charge(exchange.received)
        elif is_charged(answer):
            self._charge(exchange.received, seconds=told_seconds(answer))
        return response
