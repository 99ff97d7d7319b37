"""An answer that goes out while it is made."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Self, final

from aiohttp import web

from zhongzhuan_audio.relay.scripted import ScriptedAnswer

__all__ = ["Streamed"]

_logger = logging.getLogger("zhongzhuan_audio.relay")


@final
class Streamed(web.StreamResponse):
    """An answer whose first bytes are there, and whose others are made as they are sent."""

    def __init__(self, first: bytes, rest: AsyncIterator[bytes], *, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(status=status, headers=headers)
        self._first = first
        self._rest = rest

    @classmethod
    async def begin(cls, pieces: AsyncIterator[bytes], headers: Mapping[str, str], *, status: int = 200) -> Self:
        """Wait for the first bytes; what fails until then can still be answered as an error.

        Raises:
            Exception: Whatever the pieces raise.
        """
        return cls(await anext(pieces, b""), pieces, status=status, headers=headers)

    async def send(self, request: web.Request) -> None:
        """Send it all; memory stays flat, since a client that does not read holds up the making.

        Raises:
            ConnectionError: The connection is to end here: the client has gone, or a piece could not be made.
        """
        await self.prepare(request)
        while piece := await self._next():
            await self.write(piece)
        await self.write_eof()

    async def collect(self) -> ScriptedAnswer:
        """Return it whole.

        Raises:
            ConnectionError: A piece could not be made.
        """
        body = bytearray()
        while piece := await self._next():
            body += piece
        return ScriptedAnswer(self.status, bytes(body), dict(self.headers))

    async def _next(self) -> bytes:
        """Return the next bytes; none mean the end, and so empty pieces are passed over."""
        piece, self._first = self._first, b""
        try:
            while not piece:
                piece = await anext(self._rest)
        except StopAsyncIteration:
            return b""
        except ConnectionError:
            raise
        except Exception as error:
            _logger.exception("an answer broke off")
            raise ConnectionAbortedError from error
        return piece
