"""What the relay's work costs, and what is left to pay with. Pure."""

from __future__ import annotations

from typing import Any, final

from zhongzhuan_audio.relay.refusals import quota_too_small, quota_used_up

__all__ = ["PRICE_PER_MINUTE_USD", "Ledger"]

PRICE_PER_MINUTE_USD = 0.006
"""Of whisper-1, upstream."""
_PRICE_PER_CHARACTER_USD = 15 / 1_000_000
"""Of tts-1, upstream."""
_UNITS_PER_USD = 500_000
"""new-api counts in these, and so the sums here are whole numbers. Source: its QuotaPerUnit."""
_UNLIMITED_USD = 100_000_000
"""As new-api writes that there is no limit."""


@final
class Ledger:
    """A key's account: what it was granted, and the running count of what it has used.

    A minute of recording costs what it costs with whisper-1, a character of speech what it costs with tts-1, whatever
    model was named. Nothing is charged past what was granted: of a last recording that costs more, only the rest is.
    """

    def __init__(self, granted_usd: float | None = None, *, price_per_minute_usd: float = PRICE_PER_MINUTE_USD) -> None:
        """Open one.

        Args:
            granted_usd: US dollars; None means that there is no limit.
            price_per_minute_usd: Of a recording.
        """
        self._granted = None if granted_usd is None else _units(granted_usd)
        self._price_per_minute_usd = price_per_minute_usd
        self._used = 0

    @property
    def used_usd(self) -> float:
        """What was charged, in US dollars."""
        return self._used / _UNITS_PER_USD

    @property
    def left_usd(self) -> float | None:
        """What is left, in US dollars; None where there is no limit."""
        return None if self._granted is None else (self._granted - self._used) / _UNITS_PER_USD

    def restart(self) -> None:
        """Begin to count anew."""
        self._used = 0

    def check(self, *, characters: int = 0) -> None:
        """Find out whether work may begin.

        Args:
            characters: Of the text to speak; what a recording costs is known only afterwards.

        Raises:
            APIError: Nothing is left, or too little for so many characters.
        """
        left, need = self.left_usd, _units(characters * _PRICE_PER_CHARACTER_USD) / _UNITS_PER_USD
        if left is None:
            return
        if left <= 0:
            raise quota_used_up(left)
        if need > left:
            raise quota_too_small(left, need)

    def charge(self, *, seconds: float = 0.0, characters: int = 0) -> float:
        """Charge for work that was done; return how much that was, in US dollars.

        Args:
            seconds: Of the recording that was heard.
            characters: Of the text that was spoken.
        """
        cost = _units(seconds / 60 * self._price_per_minute_usd + characters * _PRICE_PER_CHARACTER_USD)
        if self._granted is not None:
            cost = min(cost, self._granted - self._used)
        self._used += cost
        return cost / _UNITS_PER_USD

    def subscription(self) -> dict[str, Any]:
        """Return the answer to ``GET /v1/dashboard/billing/subscription``.

        Source: new-api, controller/billing.go.
        """
        limit = _UNLIMITED_USD if self._granted is None else self._granted / _UNITS_PER_USD
        limits = dict.fromkeys(("soft_limit_usd", "hard_limit_usd", "system_hard_limit_usd"), limit)
        return {"object": "billing_subscription", "has_payment_method": True, **limits, "access_until": 0}

    def usage(self) -> dict[str, Any]:
        """Return the answer to ``GET /v1/dashboard/billing/usage``; the sum is in hundredths of a dollar.

        Source: new-api, controller/billing.go.
        """
        return {"object": "list", "total_usage": self._used * 100 / _UNITS_PER_USD}

    def token_usage(self) -> dict[str, Any]:
        """Return the answer to ``GET /api/usage/token/``; the sums are in 500,000ths of a dollar.

        Source: new-api, controller/token.go. What a key without a limit has left, it counts down from 0.
        """
        granted = self._granted or 0
        data = {
            "object": "token_usage",
            "name": "local",
            "total_granted": granted,
            "total_used": self._used,
            "total_available": granted - self._used,
            "unlimited_quota": self._granted is None,
            "model_limits": {},
            "model_limits_enabled": False,
            "expires_at": 0,
        }
        return {"code": True, "message": "ok", "data": data}


def _units(usd: float) -> int:
    return round(usd * _UNITS_PER_USD)
