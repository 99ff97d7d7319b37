"""The paths that the relay answers on."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import string
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import final

from aiohttp import web
from multidict import CIMultiDict

from zhongzhuan_audio.errors import APIError
from zhongzhuan_audio.relay.answers import (
    Body,
    error_body,
    is_charged,
    model_list,
    recognition_body,
    scripted_type,
)
from zhongzhuan_audio.relay.engines import Engine, ScriptedAnswer, Task
from zhongzhuan_audio.relay.faultplan import FaultPlan
from zhongzhuan_audio.relay.faultplay import FaultyAnswers, Strike
from zhongzhuan_audio.relay.form import FORM_SLACK_BYTES, FormReader, check_options
from zhongzhuan_audio.relay.received import ReceivedRequest, shorten
from zhongzhuan_audio.relay.refusals import bad_key, bad_request, broken, missing_key, too_large, unknown_url
from zhongzhuan_audio.relay.spool import Spool

__all__ = ["REQUEST_ID_HEADER", "Routes"]

REQUEST_ID_HEADER = "X-Oneapi-Request-Id"

_logger = logging.getLogger("zhongzhuan_audio.relay")
_RECEIVED = web.RequestKey("received", ReceivedRequest)
_STRIKE = web.RequestKey("strike", Strike)
_ID_CHARS = string.ascii_letters + string.digits

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@final
class Routes:
    """The handlers, with what they need: ears, a key, a limit, a folder, faults, and whom to tell of each request."""

    def __init__(
        self,
        *,
        engine: Engine,
        api_key: str | None,
        max_upload_bytes: int,
        any_format: bool,
        folder: Path,
        faults: FaultPlan,
        remember: Callable[[ReceivedRequest], None],
        charge: Callable[[ReceivedRequest], None],
    ) -> None:
        self._engine = engine
        self._key = None if api_key is None else api_key.encode()
        self._limit = max_upload_bytes
        self._any_format = any_format
        self._folder = folder
        self._faults = FaultyAnswers(faults, charge)
        self._remember = remember
        self._charge = charge
        self._under_way: set[asyncio.Task[object]] = set()

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(middlewares=[self._answer])
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/audio/transcriptions", partial(self._recordings, "transcribe"))
        app.router.add_post("/v1/audio/translations", partial(self._recordings, "translate"))
        return app

    async def break_off(self) -> None:
        """Cancel the requests under way and wait for their end, and so for the end of what their threads do."""
        for task in self._under_way:
            task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)

    @web.middleware
    async def _answer(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Note the request, turn errors into the relay's answers, and give every answer its request id."""
        received = _note(request)
        request[_RECEIVED] = received
        self._remember(received)
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        try:
            strike = self._faults.strike(request, received)
            if strike is None:
                response = await self._attempt(request, handler)
            else:
                request[_STRIKE] = strike
                response = await strike.play(await self._attempt(request, handler))
        except ConnectionError:
            received.gone = request.transport is None
            request.protocol.force_close()
            # Not the error itself: aiohttp would log it and try to answer.
            raise asyncio.CancelledError from None
        except BaseException:
            # Cancelled: there is nobody to answer.
            received.gone = request.transport is None
            raise
        finally:
            self._under_way.discard(task)
        received.status = response.status
        return response

    async def _attempt(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        response = await self._respond(request, handler)
        response.headers.setdefault(REQUEST_ID_HEADER, request[_RECEIVED].request_id)
        return response

    async def _respond(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            try:
                if _STRIKE in request:
                    await request[_STRIKE].before_upload()
                return await handler(request)
            except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
                raise unknown_url(request.method, request.path) from None
        except APIError as error:
            return _refusal(error, request[_RECEIVED].request_id)
        except web.RequestPayloadError:
            return _refusal(bad_request("the body is broken"), request[_RECEIVED].request_id)
        except ConnectionError:
            raise
        except Exception as error:
            _logger.exception("a request broke the relay down")
            return _refusal(broken(error), request[_RECEIVED].request_id)

    def _check_key(self, request: web.Request) -> None:
        if self._key is None:
            return
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise missing_key()
        if not hmac.compare_digest(token.strip().encode("utf-8", "surrogateescape"), self._key):
            raise bad_key()

    async def _models(self, request: web.Request) -> web.StreamResponse:
        self._check_key(request)
        return _response(model_list(self._engine.models))

    async def _recordings(self, task: Task, request: web.Request) -> web.StreamResponse:
        self._check_key(request)
        received = request[_RECEIVED]
        if received.content_length is not None and received.content_length > self._limit + FORM_SLACK_BYTES:
            raise too_large(self._limit, received.content_length)
        spool = Spool(self._folder / received.request_id)
        try:
            reader = FormReader(spool, max_upload_bytes=self._limit)
            form = await reader.read(request.headers.get("Content-Type", ""), _chunks(request))
            received.fields, received.filename = shorten(form.fields), form.filename
            if form.filename is not None:
                received.size_bytes, received.sha256 = spool.size_bytes, spool.sha256
            if _STRIKE in request and request[_STRIKE].replaces_work():
                return web.Response()
            options = check_options(
                form,
                task=task,
                size_bytes=spool.size_bytes,
                models=self._engine.models,
                any_format=self._any_format,
            )
            heard = await self._engine.transcribe(spool.path, options)
        finally:
            await spool.discard()
        if not isinstance(heard, ScriptedAnswer) or is_charged(heard):
            self._charge(received)
        if isinstance(heard, ScriptedAnswer):
            return _scripted(heard)
        return _response(recognition_body(heard, options))


def _note(request: web.Request) -> ReceivedRequest:
    headers = {name.lower(): value for name, value in request.headers.items()}
    authorized = headers.pop("authorization", None) is not None
    return ReceivedRequest(
        request_id=_new_request_id(),
        method=request.method,
        path=request.path_qs,
        headers=headers,
        authorized=authorized,
        content_length=request.content_length,
    )


def _new_request_id() -> str:
    """Return an id as new-api makes them: the time to a nanosecond, then eight characters."""
    now = datetime.now(UTC)
    tail = "".join(secrets.choice(_ID_CHARS) for _ in range(8))
    return f"{now:%Y%m%d%H%M%S%f}{secrets.randbelow(1000):03d}{tail}"


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    while chunk := await request.content.readany():
        yield chunk


def _response(body: Body, status: int = 200) -> web.Response:
    return web.Response(
        status=status, body=body.text.encode("utf-8", "replace"), headers={"Content-Type": body.content_type}
    )


def _refusal(error: APIError, request_id: str) -> web.Response:
    response = _response(error_body(error, request_id), error.status or 500)
    response.headers.update(error.headers)
    if error.retry_after is not None:
        response.headers["Retry-After"] = f"{error.retry_after:g}"
    return response


def _scripted(answer: ScriptedAnswer) -> web.Response:
    body = answer.body.encode() if isinstance(answer.body, str) else answer.body
    headers = CIMultiDict(answer.headers)
    if body:
        headers.setdefault("Content-Type", scripted_type(answer))
    return web.Response(status=answer.status, body=body, headers=headers)
