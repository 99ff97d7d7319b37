"""What becomes known of a call's attempts: to the call itself, to who listens, to the log."""

from __future__ import annotations

import logging
import time

from zhongzhuan_audio.errors import Attempt, Billed, RateLimitError, ZhongzhuanError
from zhongzhuan_audio.events import AttemptEnded, Event, MaybeBilled, OnEvent
from zhongzhuan_audio.protocol.headers import request_id
from zhongzhuan_audio.transport.call import Call
from zhongzhuan_audio.transport.keys import hide_key

__all__ = ["Telling"]

logger: logging.Logger = logging.getLogger("zhongzhuan_audio")


class Telling:
    """Tells what happens.

    Args:
        on_event: Who listens; None for nobody.
    """

    def __init__(self, on_event: OnEvent | None) -> None:
        self.on_event: OnEvent | None = on_event

    @property
    def wanted(self) -> bool:
        """Whether anybody listens; else there is no need to make an event."""
        return self.on_event is not None or logger.isEnabledFor(logging.INFO)

    def tell(self, event: Event) -> None:
        """Log an event, and hand it on."""
        if logger.isEnabledFor(logging.INFO):
            logger.info("%s", event)
        if self.on_event is None:
            return
        try:
            self.on_event(event)
        except Exception:
            # Whoever only watches must not cost a transcript that was paid for.
            logger.exception("on_event raised")

    def record(self, call: Call, error: BaseException | None = None) -> None:
        """Take note, once, of how an attempt ended, and tell it."""
        if call.sent_at is None or call.trial is None or call.pacer is None or call.recorded:
            return
        call.recorded = True
        billed: Billed = "no"
        if isinstance(error, ZhongzhuanError):
            hide_key(call.keys[call.trial.index], error)
            billed = error.billed
        elif error is not None:
            billed = call.billed()
        reply = call.held.reply if error is None or call.begun else None
        made = Attempt(
            endpoint=call.endpoint,
            status=reply.status if reply else getattr(error, "status", None),
            error=type(error).__name__ if error else None,
            billed=billed,
            request_id=request_id(reply.headers) if reply else getattr(error, "request_id", None),
            elapsed_s=time.monotonic() - call.sent_at,
        )
        call.attempts.append(made)
        if self.wanted:
            self.tell(AttemptEnded(path=call.outgoing.path, attempt=made))
        if made.billed == "maybe":
            self.tell(MaybeBilled(endpoint=made.endpoint, request_id=made.request_id))
        if isinstance(error, RateLimitError):
            call.pacer.throttled(call.sent_at)
