"""What the key may use, and what is left on it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from zhongzhuan_audio.config import RetryPolicy, Timeouts
from zhongzhuan_audio.core import ClientCore
from zhongzhuan_audio.errors import (
    APIError,
    AuthenticationError,
    InvalidResponseError,
    QuotaExceededError,
    RateLimitError,
    ZhongzhuanError,
)
from zhongzhuan_audio.options import check_options, utc_now
from zhongzhuan_audio.transport.outgoing import Message

if TYPE_CHECKING:
    from zhongzhuan_audio.models import Balance, Model

__all__ = ["AccountCalls"]

_USAGE_DAYS = 99
"""OpenAI's own endpoint, which relays copy, refused more than 100."""


class AccountCalls(ClientCore):
    """Calls that cost nothing."""

    async def models(self, *, timeouts: Timeouts | None = None, retry: RetryPolicy | None = None) -> tuple[Model, ...]:
        """Return the models that the key may use.

        Args:
            timeouts: In place of the client's own, for this call.
            retry: In place of the client's own, for this call.

        Raises:
            TransportError: No answer came.
            APIError: The relay said no, be it at a status of success.
            InvalidResponseError: What came lists no models.

        Source: OpenAI's API reference, ``GET /v1/models``.
        """
        from zhongzhuan_audio.protocol.account import decode_models

        models, _ = await self._send(
            Message(method="GET", path="models"),
            scope="/models",
            decode=lambda answer: decode_models(answer, now=utc_now),
            timeouts=timeouts,
            retry=retry,
        )
        return models

    async def balance(self, *, timeouts: Timeouts | None = None, retry: RetryPolicy | None = None) -> Balance:
        """Return what is left on the key.

        The relay is asked for the token's usage, as new-api tells it, and for subscription and usage, as all relays
        of this family tell them; what it does not have is None. Of several endpoints it is the first that is asked.

        Args:
            timeouts: In place of the client's own, for each request.
            retry: In place of the client's own, for each request.

        Raises:
            TransportError: No answer came.
            APIError: The relay tells neither, or refused the key.
            InvalidResponseError: What came tells no balance.

        Source: one-api's and new-api's ``/v1/dashboard/billing/…`` and ``/api/usage/token/``.
        """
        from zhongzhuan_audio.protocol.account import (
            SUBSCRIPTION_PATH,
            TOKEN_PATH,
            USAGE_PATH,
            decode_object,
            make_balance,
        )

        today = utc_now().date()
        days = {
            "start_date": (today - timedelta(days=_USAGE_DAYS)).isoformat(),
            "end_date": (today + timedelta(days=1)).isoformat(),
        }
        check_options(timeouts=timeouts, retry=retry)
        pipeline = (await self._ready()).of_first()
        told: dict[str, Any] = {}
        refusal: ZhongzhuanError | None = None
        for name, path, params in (
            ("token", TOKEN_PATH, {}),
            ("subscription", SUBSCRIPTION_PATH, {}),
            ("usage", USAGE_PATH, days),
        ):
            try:
                told[name], _ = await pipeline.send(
                    Message(method="GET", path=path, params=params),
                    scope=path,
                    decode=lambda answer: decode_object(answer, now=utc_now),
                    timeouts=timeouts or self._timeouts,
                    policy=retry or self._retry,
                )
            except (AuthenticationError, QuotaExceededError, RateLimitError):
                raise
            except (APIError, InvalidResponseError) as error:
                # Older relays lack the one, newer ones may have switched off the others.
                refusal = error
        if refusal is not None and not told.keys() & {"token", "subscription"}:
            raise refusal
        return make_balance(**told)
