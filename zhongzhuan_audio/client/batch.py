"""Many recordings in, what came of each out."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Unpack

from zhongzhuan_audio.client.recordings import RecordingCalls

if TYPE_CHECKING:
    from zhongzhuan_audio.batch import Budget, Files, OnOutcome, Outcomes, SharedOptions, TranslationOptions
    from zhongzhuan_audio.client.many import Many

__all__ = ["BatchCalls"]


class BatchCalls(RecordingCalls):
    """What is done to many recordings at once."""

    @asynccontextmanager
    async def transcribe_many(
        self,
        files: Files,
        *,
        concurrency: int | None = None,
        ordered: bool = False,
        on_progress: OnOutcome | None = None,
        progress: bool = False,
        budget: Budget | None = None,
        journal: str | os.PathLike[str] | None = None,
        **options: Unpack[SharedOptions],
    ) -> AsyncIterator[Outcomes]:
        """Turn many recordings into text, and give what came of each as it is there.

        ::

            async with client.transcribe_many(Path("calls").rglob("*.m4a"), language="zh") as outcomes:
                async for outcome in outcomes:
                    if outcome.error is None:
                        print(outcome.source, outcome.transcription.text)

        A recording that fails has an outcome with its error, and stops no other one. Each that was taken from the input
        has one outcome, unless the block is left before.

        Args:
            files: An iterable, plain or async, of anything that `transcribe` takes, or of `Job`: a recording with
                options of its own. It is taken when there is room for one more; a plain one that is no list in a thread
                of its own, at most 16 ahead. An async one is closed in the end.
            concurrency: How many recordings may be asked for at once; None takes the client's
                ``Limits.max_concurrency``. Up to half as many more are being read before or written down after. How
                many requests run at once, the client's limits decide.
            ordered: Give the outcomes in the order of the input. One that takes long then holds up those behind it:
                four times `concurrency` are begun before it, at most. A budget is then used in that order, too.
            on_progress: Called on the event loop with a `Progress` when a recording is taken up and when it is at its
                end; what it raises is raised here.
            progress: Show a bar of tqdm's: a widget in a notebook that has ipywidgets, text on stderr elsewhere, with
                how many are done or failed and the minutes of audio that are done. It needs the extra ``notebook``.
            budget: What may be spent. The first recording that it has no room for ends the input; it and those that
                were taken already come out with a `BudgetExceededError`.
            journal: Path of a file in which it is kept what was asked and answered, so that a later call asks only for
                what is not done, whatever ended this one; it is made where there is none. None keeps nothing.
            **options: Those of `transcribe`, for all recordings.

        Yields:
            The outcomes, one pass. Their `stop` ends the work in order, and leaving the block cancels what runs.

        Raises:
            ConfigurationError: An option is out of its range; nothing was sent. Or the client was closed on the
                way, which is raised when what was taken before is at its end.
            MissingExtraError: A bar is wanted, and the extra ``notebook`` is not installed; nothing was sent.
            AudioSourceError: A speaker's reference cannot be read; nothing was sent.
            JournalError: The journal cannot be read, written or shared; where that happens on the way, it is raised
                when what was taken before is at its end.
            TypeError: `transcribe` has no such option; nothing was sent.
            Exception: What the input raises, when what was taken before is at its end.
        """
        from zhongzhuan_audio.client.many import TRANSCRIBING

        async with self._many().ask(
            TRANSCRIBING,
            files,
            concurrency=concurrency,
            ordered=ordered,
            on_progress=on_progress,
            progress=progress,
            budget=budget,
            journal=journal,
            options=options,
        ) as outcomes:
            yield outcomes

    @asynccontextmanager
    async def translate_many(
        self,
        files: Files,
        *,
        concurrency: int | None = None,
        ordered: bool = False,
        on_progress: OnOutcome | None = None,
        progress: bool = False,
        budget: Budget | None = None,
        journal: str | os.PathLike[str] | None = None,
        **options: Unpack[TranslationOptions],
    ) -> AsyncIterator[Outcomes]:
        """Turn many recordings in any language into English text, and give what came of each as it is there.

        It is `transcribe_many` with `translate` for each.

        Args:
            files: As in `transcribe_many`. A `Job` can have the options of `translate` only.
            concurrency: As in `transcribe_many`.
            ordered: As in `transcribe_many`.
            on_progress: As in `transcribe_many`.
            progress: As in `transcribe_many`.
            budget: As in `transcribe_many`.
            journal: As in `transcribe_many`; one journal serves both, and a recording's transcription does not stand
                for its translation.
            **options: Those of `translate`, for all recordings.

        Yields:
            The outcomes, as in `transcribe_many`; the English text of each is its `transcription`.

        Raises:
            ConfigurationError: As in `transcribe_many`.
            MissingExtraError: As in `transcribe_many`.
            JournalError: As in `transcribe_many`.
            TypeError: `translate` has no such option; nothing was sent. Where it is a `Job` that has it, what runs is
                cancelled when that is met.
            Exception: What the input raises, when what was taken before is at its end.
        """
        from zhongzhuan_audio.client.many import TRANSLATING

        async with self._many().ask(
            TRANSLATING,
            files,
            concurrency=concurrency,
            ordered=ordered,
            on_progress=on_progress,
            progress=progress,
            budget=budget,
            journal=journal,
            options=options,
        ) as outcomes:
            yield outcomes

    def _many(self) -> Many:
        from zhongzhuan_audio.client.many import Hands, Many

        return Many(
            Hands(
                limits=self._limits,
                retry=self._retry,
                is_local=self._relay is not None,
                is_closed=lambda: self._closed,
                check_usable=self._check_usable,
                open_source=self._open_source,
                need_of=self._need_of,
                methods={"transcribe": self.transcribe, "translate": self.translate},
            )
        )
