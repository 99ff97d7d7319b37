"""What goes out in place of a recording, written down by whoever has many of them to ask for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from zhongzhuan_audio.protocol.form import Field

if TYPE_CHECKING:
    from zhongzhuan_audio.models import Transcription

__all__ = ["Book"]

S = TypeVar("S")


class Book(Protocol[S]):
    """Knows what was answered already, and whether there is enough left for the rest; `S` is what goes out."""

    async def known(self, which: str, fields: Sequence[Field]) -> Transcription | None:
        """Return the answer to a piece that was asked for before; None where there is none.

        Args:
            which: Which piece it is.
            fields: What goes out with it.
        """
        ...

    async def plan(self, lengths_s: Sequence[float], *, audio_s: float) -> None:
        """Wait, once, before anything is sent, until all that is to be sent may be.

        Args:
            lengths_s: Of each request, of all channels, in seconds.
            audio_s: The recording's own length in seconds.

        Raises:
            BudgetExceededError: It must not be sent.
        """
        ...

    def again(self, audio_s: float) -> str | None:
        """Have one more request counted, beside those of the plan; return why there is no room for it, or None.

        Args:
            audio_s: Its length in seconds.
        """
        ...

    async def ask(
        self,
        made: S,
        which: str,
        fields: Sequence[Field],
        audio_s: float,
        ask: Callable[[S], Awaitable[Transcription]],
    ) -> Transcription:
        """Ask for a piece, or return the answer that is there.

        Args:
            made: What goes out.
            which: Which piece it is; "" is the whole, as it is.
            fields: What goes out with it.
            audio_s: Its length in seconds.
            ask: Asks for what it is given.
        """
        ...
