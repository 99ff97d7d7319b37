"""The paths that the relay answers on, and what becomes of every request."""

from __future__ import annotations

import asyncio
import hmac
import logging
import random
import string
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, final

from aiohttp import web

from zhongzhuan_audio.errors import APIError
from zhongzhuan_audio.relay.answers import json_body, model_list, model_row
from zhongzhuan_audio.relay.custom import JSONRequest, Route, read_json, run_route
from zhongzhuan_audio.relay.engines import Engine
from zhongzhuan_audio.relay.faultplan import FaultPlan
from zhongzhuan_audio.relay.faultplay import FaultyAnswers
from zhongzhuan_audio.relay.handling import Exchange, Handler, refusal, respond
from zhongzhuan_audio.relay.ledger import Ledger
from zhongzhuan_audio.relay.received import Charge, ReceivedRequest, shorten_json
from zhongzhuan_audio.relay.recordings import Recordings
from zhongzhuan_audio.relay.refusals import bad_key, bad_request, broken, missing_key, unknown_model, unknown_url
from zhongzhuan_audio.relay.speech import Speech
from zhongzhuan_audio.relay.streamed import Streamed
from zhongzhuan_audio.relay.voices import Voice

__all__ = ["REQUEST_ID_HEADER", "Routes"]

REQUEST_ID_HEADER = "X-Oneapi-Request-Id"

_logger = logging.getLogger("zhongzhuan_audio.relay")
_EXCHANGE = web.RequestKey("exchange", Exchange)
_ID_CHARS = string.ascii_letters + string.digits
_dice = random.Random()  # noqa: S311 - an id is no secret, and what is one costs a system call a character

_Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


@final
class Routes:
    """The handlers, with what they need: ears, a voice, a key, a limit, a folder, faults, and whom to tell of what."""

    def __init__(
        self,
        *,
        engine: Engine,
        voice: Voice | None,
        api_key: str | None,
        max_upload_bytes: int,
        any_format: bool,
        folder: Path,
        faults: FaultPlan,
        ledger: Ledger,
        custom: Mapping[tuple[str, str], Route],
        remember: Callable[[ReceivedRequest], None],
        charge: Charge,
    ) -> None:
        self._key = None if api_key is None else api_key.encode()
        self._limit = max_upload_bytes
        self._engine = engine
        self._voice = voice
        self._recordings = Recordings(
            engine,
            max_upload_bytes=max_upload_bytes,
            any_format=any_format,
            folder=folder,
            ledger=ledger,
            charge=charge,
        )
        self._speech = Speech(voice, ledger=ledger, charge=charge)
        self._ledger = ledger
        self._custom = custom
        self._faults = FaultyAnswers(faults, charge)
        self._remember = remember
        self._under_way: set[asyncio.Task[object]] = set()

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(middlewares=[self._answer])
        # A test's own paths come first: one of them may stand in place of another.
        table: dict[tuple[str, str], Handler] = {
            place: partial(self._run_custom, route) for place, route in self._custom.items()
        }
        for place, handler in self._built_in().items():
            table.setdefault(place, handler)
        for (method, path), handler in table.items():
            app.router.add_route(method, path, partial(self._handle, handler))
            if method == "GET" and ("HEAD", path) not in table:
                app.router.add_route("HEAD", path, partial(self._handle, handler))
        return app

    def _built_in(self) -> dict[tuple[str, str], Handler]:
        ledger = self._ledger
        told: dict[str, Callable[[], dict[str, Any]]] = {
            "/v1/dashboard/billing/subscription": ledger.subscription,
            "/v1/dashboard/billing/usage": ledger.usage,
            "/api/usage/token": ledger.token_usage,
            "/api/usage/token/": ledger.token_usage,
        }
        return {
            ("GET", "/v1/models"): self._list_models,
            ("GET", "/v1/models/{model:.+}"): self._tell_model,
            ("POST", "/v1/audio/transcriptions"): self._recordings.handler("transcribe"),
            ("POST", "/v1/audio/translations"): self._recordings.handler("translate"),
            ("POST", "/v1/audio/speech"): self._speech.handle,
            **{("GET", path): partial(_tell, tell) for path, tell in told.items()},
        }

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
        self._remember(received)
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        try:
            async with AsyncExitStack() as stack:
                exchange = Exchange(request, received, self._faults.strike(request, received), stack)
                request[_EXCHANGE] = exchange
                return await self._carry_out(exchange, handler)
        except ConnectionError:
            request.protocol.force_close()
            # Not the error itself: aiohttp would log it and try to answer.
            raise asyncio.CancelledError from None
        finally:
            self._under_way.discard(task)

    async def _carry_out(self, exchange: Exchange, handler: _Handler) -> web.StreamResponse:
        try:
            response = await self._attempt(exchange, handler)
            if exchange.strike is not None:
                response = await exchange.strike.play(response)
            exchange.received.status = response.status
            if isinstance(response, Streamed):
                await response.send(exchange.request)
        except BaseException:
            # The connection is to end here, or is ended: there is nobody to answer.
            exchange.received.gone = exchange.request.transport is None
            raise
        return response

    async def _attempt(self, exchange: Exchange, handler: _Handler) -> web.StreamResponse:
        response = await self._respond(exchange, handler)
        response.headers.setdefault(REQUEST_ID_HEADER, exchange.received.request_id)
        return response

    async def _respond(self, exchange: Exchange, handler: _Handler) -> web.StreamResponse:
        request_id = exchange.received.request_id
        try:
            try:
                if exchange.strike is not None:
                    await exchange.strike.before_upload()
                return await handler(exchange.request)
            except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
                raise unknown_url(exchange.request.method, exchange.request.path) from None
        except APIError as error:
            return refusal(error, request_id)
        except web.RequestPayloadError:
            return refusal(bad_request("the body is broken"), request_id)
        except ConnectionError:
            raise
        except Exception as error:
            _logger.exception("a request broke the relay down")
            return refusal(broken(error), request_id)

    async def _handle(self, handler: Handler, request: web.Request) -> web.StreamResponse:
        self._check_key(request)
        return await handler(request[_EXCHANGE])

    def _check_key(self, request: web.Request) -> None:
        if self._key is None:
            return
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise missing_key()
        if not hmac.compare_digest(token.strip().encode("utf-8", "surrogateescape"), self._key):
            raise bad_key()

    @property
    def _models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self._engine.models, *(() if self._voice is None else self._voice.models))))

    async def _list_models(self, _: Exchange) -> web.StreamResponse:
        return respond(model_list(self._models))

    async def _tell_model(self, exchange: Exchange) -> web.StreamResponse:
        model = exchange.request.match_info["model"]
        if model not in self._models:
            raise unknown_model(model)
        return respond(model_row(model))

    async def _run_custom(self, route: Route, exchange: Exchange) -> web.StreamResponse:
        request, received = exchange.request, exchange.received
        body = await exchange.body(self._limit)
        told = read_json(body)
        received.json = shorten_json(told) if isinstance(told, dict) else None
        if exchange.is_replaced:
            return web.Response()
        asked = JSONRequest(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers=received.headers,
            parts=dict(request.match_info),
            body=body,
        )
        return await exchange.scripted(await run_route(route, asked))


async def _tell(tell: Callable[[], dict[str, Any]], _: Exchange) -> web.StreamResponse:
    return respond(json_body(tell()))


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
    tail = "".join(_dice.choices(_ID_CHARS, k=8))
    return f"{now:%Y%m%d%H%M%S%f}{_dice.randrange(1000):03d}{tail}"
