"""Faults as bytes on the wire: what is sent in place of a good answer, and how the connection ends.

aiohttp reads the requests; what it cannot send wrongly enough is written to its transport here, and it is told that the
answer has gone out.
"""

from __future__ import annotations

import asyncio
import math
import os
import socket
import struct
from typing import final
from weakref import WeakSet

from aiohttp import web

from zhongzhuan_audio.relay.answers import is_charged, told_seconds
from zhongzhuan_audio.relay.faultbytes import (
    LOOP_PATH,
    PAGE,
    TOO_LARGE,
    WELL,
    Script,
    interim,
    redirect,
    script_of,
    whole,
)
from zhongzhuan_audio.relay.faultplan import FaultPlan, Roll
from zhongzhuan_audio.relay.faults import LOOP, Fault
from zhongzhuan_audio.relay.received import Charge, ReceivedRequest
from zhongzhuan_audio.relay.scripted import ScriptedAnswer
from zhongzhuan_audio.relay.streamed import Streamed

__all__ = ["FaultyAnswers", "Strike"]

_LINGER_FORMAT = "hh" if os.name == "nt" else "ii"
_REUSED = Fault("close-on-reuse")
_LOOPING = Fault("redirect", location=LOOP)


@final
class FaultyAnswers:
    """A relay's faults; remembers the connections that are to close at their next request."""

    def __init__(self, plan: FaultPlan, charge: Charge) -> None:
        self._plan = plan
        self._charge = charge
        self._doomed: WeakSet[asyncio.Task[None]] = WeakSet()

    def strike(self, request: web.Request, received: ReceivedRequest) -> Strike | None:
        """Return what goes wrong with a request; None where no fault is planned at all."""
        if not self._plan.faults:
            return None
        roll = self._plan.roll()
        # The second half of what an earlier request began asks no dice.
        if request.task in self._doomed:
            return Strike(request, received, roll, self._charge, self._doomed, _REUSED)
        looping = any(fault.location == LOOP for fault in self._plan.faults) and request.path == LOOP_PATH
        return Strike(request, received, roll, self._charge, self._doomed, _LOOPING if looping else None)


@final
class Strike:
    """What goes wrong with one request. Its three steps are called in their order; the second may be left out."""

    def __init__(
        self,
        request: web.Request,
        received: ReceivedRequest,
        roll: Roll,
        charge: Charge,
        doomed: WeakSet[asyncio.Task[None]],
        fault: Fault | None,
    ) -> None:
        self._request = request
        self._received = received
        self._roll = roll
        self._charge = charge
        self._doomed = doomed
        self._fault = fault

    async def before_upload(self) -> None:
        """Do what is done before the upload is read.

        Raises:
            ConnectionError: The connection is to end here.
        """
        if self._fault is None:
            self._fault = self._roll.before_upload(self._received)
        if self._fault is None:
            return
        self._received.fault = self._fault.kind
        if self._fault is _REUSED:
            raise ConnectionAbortedError
        match self._fault.kind:
            case "reset-before-upload":
                await self._reset()
            case "reset-during-upload":
                await self._drain(self._fault.size_bytes or 1)
                await self._reset()
            case "early-refusal":
                self._answer_early(self._fault.reply or TOO_LARGE)
                await self._reset()
            case "early-answer":
                self._answer_early(self._fault.reply or WELL)
            case "informational":
                self._transport().write(b"".join(interim(status) for status in self._fault.statuses))
            case _:
                pass

    def replaces_work(self) -> bool:
        """Return whether there is nothing to recognise, now that the upload is read."""
        return self._decide() is not None and self._reply() is not None

    async def play(self, response: web.StreamResponse) -> web.StreamResponse:
        """Give the answer, or what becomes of it; return what aiohttp is to send, if anything.

        Raises:
            ConnectionError: The connection is to end here.
        """
        fault = self._decide()
        if fault is None or fault.kind == "informational":
            return response
        await self._drain()
        reply = self._reply()
        if reply is None:
            reply = await _whole(response)
        elif self._came_whole() and is_charged(reply):
            self._charge(self._received, seconds=told_seconds(reply))
        if fault.kind == "early-answer":
            return _Sent(reply.status, stays_open=self._request.keep_alive)
        if fault.kind == "close-on-reuse":
            self._doomed.add(self._request.task)
        script = script_of(fault, reply, bodiless=self._request.method == "HEAD")
        await self._write(script)
        return _Sent(reply.status, stays_open=script.end == "keep" and self._request.keep_alive)

    def _decide(self) -> Fault | None:
        if self._fault is None:
            self._fault = self._roll.after_upload(self._received)
            self._received.fault = None if self._fault is None else self._fault.kind
        return self._fault

    def _reply(self) -> ScriptedAnswer | None:
        """Return the answer that takes the place of the relay's own work."""
        assert self._fault is not None
        match self._fault.kind:
            case "answer":
                return self._fault.reply
            case "html":
                return PAGE
            case "redirect":
                return redirect(self._fault, self._received.path)
            case "early-answer":
                return self._fault.reply or WELL
            case _:
                return None

    def _came_whole(self) -> bool:
        """Return whether what there is to charge for has come: a recording, or a text to speak."""
        return self._received.size_bytes is not None or self._received.characters is not None

    def _transport(self) -> asyncio.Transport:
        transport = self._request.transport
        assert transport is not None, "aiohttp cancels the handler of a client that has gone"
        return transport

    def _answer_early(self, reply: ScriptedAnswer) -> None:
        self._transport().write(whole(reply, bodiless=self._request.method == "HEAD"))
        self._received.status = reply.status

    async def _write(self, script: Script) -> None:
        for step in script.steps:
            if isinstance(step, bytes):
                self._transport().write(step)
            elif math.isinf(step):
                await asyncio.get_running_loop().create_future()
            else:
                await asyncio.sleep(step)
        if script.end == "reset":
            await self._reset()
        if script.end == "close" and not script.steps:
            raise ConnectionAbortedError

    async def _drain(self, size_bytes: float = math.inf) -> None:
        """Read so much of the body away, or what there is of it."""
        read = 0
        try:
            while read < size_bytes and (chunk := await self._request.content.readany()):
                read += len(chunk)
        except web.RequestPayloadError:
            return

    async def _reset(self) -> None:
        """End the connection with a RST, once what was written is in the kernel's hands."""
        transport = self._transport()
        while transport.get_write_buffer_size():  # noqa: ASYNC110 - a transport tells its protocol, which is aiohttp's
            await asyncio.sleep(0.001)
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER_FORMAT, 1, 0))
        transport.abort()
        raise ConnectionResetError


async def _whole(response: web.StreamResponse) -> ScriptedAnswer:
    """Return the answer that would have been given; one that is made as it goes is made to its end."""
    if isinstance(response, Streamed):
        return await response.collect()
    assert isinstance(response, web.Response)
    body = response.body or b""
    assert isinstance(body, bytes)
    return ScriptedAnswer(response.status, body, dict(response.headers))


class _Sent(web.StreamResponse):
    """Stands for an answer that has gone out already."""

    def __init__(self, status: int, *, stays_open: bool) -> None:
        super().__init__(status=status)
        self._keep_alive = stays_open

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send nothing."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Send nothing."""
