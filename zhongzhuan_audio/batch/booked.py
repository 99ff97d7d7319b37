"""What goes out in place of a recording: counted against the budget, and each piece kept in the journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import attrs

from zhongzhuan_audio.batch.outcome import count_maybe_billed
from zhongzhuan_audio.batch.place import Place, Standing
from zhongzhuan_audio.batch.recorded import recorded
from zhongzhuan_audio.errors import ZhongzhuanError
from zhongzhuan_audio.journal import Journal, key_of
from zhongzhuan_audio.models import Transcription
from zhongzhuan_audio.protocol.form import Field
from zhongzhuan_audio.upload.source import Source

__all__ = ["Booked", "Kept"]


@attrs.frozen(kw_only=True)
class Kept:
    """Where the answers to a recording's pieces are kept."""

    journal: Journal
    digest: bytes
    """Of the recording."""
    mark: tuple[Field, ...]
    """What the journal's key of a piece holds beside the fields."""
    whole: tuple[Field, ...]
    """What that of the whole holds, as it is asked for where nobody listens."""
    again: bool
    """Whether to ask again for what an earlier run may have paid for in vain."""

    def key_of(self, which: str, fields: Sequence[Field]) -> bytes:
        """Return by what a piece is known; "" is the whole, as it is."""
        marks = (*self.mark, ("", f"piece {which}")) if which else self.whole
        return key_of(self.digest, (*fields, *marks))


@attrs.frozen
class Booked:
    """A `Book` of one of many recordings."""

    place: Place
    kept: Kept | None
    """None where there is no journal."""

    async def known(self, which: str, fields: Sequence[Field]) -> Transcription | None:
        """Return the journal's answer to a piece."""
        return None if self.kept is None else await self.kept.journal.answer_to(self.kept.key_of(which, fields))

    async def plan(self, lengths_s: Sequence[float], *, audio_s: float) -> None:
        """Wait until all that is to be sent may be.

        Raises:
            BudgetExceededError: It must not be sent.
        """
        await self.place.plan(lengths_s, audio_s=audio_s)

    def again(self, audio_s: float) -> str | None:
        """Have one more request set aside; return why there is no room for it, if there is none."""
        return self.place.again(audio_s)

    async def ask(
        self,
        made: Source,
        which: str,
        fields: Sequence[Field],
        audio_s: float,
        ask: Callable[[Source], Awaitable[Transcription]],
    ) -> Transcription:
        """Ask for a piece, or return the journal's answer, and count what it came to.

        An answer that the journal had has no `attempts`: those were another run's.
        """
        standing, tries = Standing(), 1

        async def lost() -> str | None:
            nonlocal tries
            if (reason := self.again(audio_s)) is not None:
                return reason
            tries += 1
            return None if standing.on_lost is None else await standing.on_lost()

        async def send() -> Transcription:
            return await ask(attrs.evolve(made, on_open=standing.tell_sent, on_lost=lost))

        # What was broken off may have cost all that was set aside for it.
        charged = None
        try:
            if self.kept is None:
                answer = await send()
            else:
                kept = self.kept
                key, label = kept.key_of(which, fields), f"{made.label} {which}".rstrip()
                answer = await recorded(kept.journal, key, label, standing, send, again=kept.again)
            charged = 0 if standing.from_journal else count_maybe_billed(answer) + 1
        except ZhongzhuanError as error:
            charged = count_maybe_billed(error) + isinstance(error.partial, Transcription)
            raise
        finally:
            if charged is None:
                charged = tries if standing.is_sent else 0
            self.place.charge(audio_s, charged)
            self.place.tell_lost_before(which, standing.lost_before)
        return attrs.evolve(answer, attempts=()) if standing.from_journal else answer
