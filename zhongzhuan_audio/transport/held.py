"""What an attempt holds, and what a stream goes on holding."""

from __future__ import annotations

from zhongzhuan_audio.transport.exchange import Reply
from zhongzhuan_audio.transport.pacing import Pacer, Turn

__all__ = ["Held"]


class Held:
    """A turn, and the connection of an answer; an exit stack would cost more than both.

    Entered, it lets go of both when it is left, unless they are to be kept.

    Attributes:
        reply: The answer, from the moment that its head is here.
        kept: Whether they are kept when it is left in order.
    """

    __slots__ = ("_turn", "kept", "reply")

    def __init__(self) -> None:
        self._turn: Turn | None = None
        self.reply: Reply | None = None
        self.kept: bool = False

    async def __aenter__(self) -> None:
        """Do nothing: there is nothing yet."""

    async def __aexit__(self, kind: object, *_: object) -> None:
        """Let go."""
        if kind is not None or not self.kept:
            await self.close()

    async def take_turn(self, pacer: Pacer, *, audio_minutes: float) -> None:
        """Wait for a turn.

        Raises:
            TimedOutError: Too many wait already, or it took too long; nothing was sent.
        """
        turn = pacer.turn(audio_minutes=audio_minutes)
        await turn.begin()
        self._turn = turn

    async def close(self) -> None:
        """End the answer's connection, unless it was read whole, and give the turn back."""
        try:
            if self.reply is not None:
                await self.reply.close()
        finally:
            if self._turn is not None:
                self._turn.end()
                self._turn = None
