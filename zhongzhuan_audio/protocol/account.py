"""Answers about the key: which models it may use, what is left on it. Pure.

Sources: OpenAI's API reference, ``GET /v1/models``; one-api's and new-api's ``controller/billing.go`` and
``controller/token.go``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.models import Balance, Model
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.anything import raise_for_error
from zhongzhuan_audio.protocol.unusable import invalid_error

__all__ = ["SUBSCRIPTION_PATH", "TOKEN_PATH", "USAGE_PATH", "decode_models", "decode_object", "make_balance"]

SUBSCRIPTION_PATH = "dashboard/billing/subscription"
USAGE_PATH = "dashboard/billing/usage"
TOKEN_PATH = "/api/usage/token/"  # noqa: S105 - a path
"""From the root of the relay; the others are below its base URL."""

_WHERE = Advice("check that base_url is the relay's", command="check that --base-url is the relay's")
_BALANCE_FIELDS = {"data", "hard_limit_usd", "soft_limit_usd", "system_hard_limit_usd", "total_usage"}
_UNLIMITED_USD = 100_000_000
"""What one-api gives as the limit of a token that has none."""
_UNITS_PER_USD = 500_000
"""new-api's ``QuotaPerUnit``, which its operators leave as it is."""


def decode_models(answer: Answer, *, now: Callable[[], datetime]) -> tuple[Model, ...]:
    """Return the models that an answer lists, in its order; what is no model is left out.

    Args:
        answer: The whole answer.
        now: Clock giving an aware datetime, for a Retry-After that is a date.

    Raises:
        APIError: The relay said no, also where it said so at a status of success.
        InvalidResponseError: The answer lists nothing: it is a web page, say.
    """
    text, value = raise_for_error(answer, now=now)
    rows = value.get("data") if isinstance(value, dict) else value
    if not isinstance(rows, list):
        message = f"status {answer.status} and an answer that lists no models"
        raise invalid_error(answer, text, message, hint=_WHERE)
    return tuple(_model(row) for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str))


def _model(row: Mapping[str, Any]) -> Model:
    owner, kinds = row.get("owned_by"), row.get("supported_endpoint_types")
    return Model(
        id=row["id"],
        created=_moment(row.get("created")),
        owned_by=owner if isinstance(owner, str) and owner else None,
        supported_endpoint_types=tuple(kind for kind in kinds if isinstance(kind, str))
        if isinstance(kinds, list)
        else (),
    )


def decode_object(answer: Answer, *, now: Callable[[], datetime]) -> dict[str, Any]:
    """Return the JSON object that an answer is.

    Args:
        answer: The whole answer.
        now: Clock giving an aware datetime, for a Retry-After that is a date.

    Raises:
        APIError: The relay said no, also where it said so at a status of success.
        InvalidResponseError: It is none, or one without any figure.
    """
    text, value = raise_for_error(answer, now=now)
    if not isinstance(value, dict) or not _BALANCE_FIELDS & value.keys():
        raise invalid_error(answer, text, f"status {answer.status} and an answer that tells no balance")
    return value


def make_balance(
    *,
    token: Mapping[str, Any] | None = None,
    subscription: Mapping[str, Any] | None = None,
    usage: Mapping[str, Any] | None = None,
) -> Balance:
    """Return what the three answers say together; each of them may be missing.

    The token's own answer is the more exact. Where it says that the token has no limit, the other two tell of the
    account behind it.

    Args:
        token: Of ``/api/usage/token/``: units of which 500,000 are a dollar.
        subscription: Of ``/v1/dashboard/billing/subscription``: ``hard_limit_usd`` is all that was ever granted, and
            100,000,000 stands for no limit.
        usage: Of ``/v1/dashboard/billing/usage``: ``total_usage`` in hundredths of a dollar.
    """
    data = _object((token or {}).get("data"))
    is_free = data.get("unlimited_quota") is True
    details = {TOKEN_PATH: token, SUBSCRIPTION_PATH: subscription, USAGE_PATH: usage}
    account = _of_account(subscription or {}, usage or {})
    own = {
        "total": _dollars(data.get("total_granted")),
        "used": _dollars(data.get("total_used")),
        "remaining": _dollars(data.get("total_available")),
    }
    if is_free or own["remaining"] is None:
        own = account
    limits = data.get("model_limits")
    limited = data.get("model_limits_enabled") is not False and isinstance(limits, (dict, list))
    name = data.get("name")
    return Balance(
        **own,
        unlimited=is_free or (not data and _is_unlimited(subscription)),
        expires_at=_moment(data.get("expires_at")) or _moment((subscription or {}).get("access_until")),
        name=name if isinstance(name, str) and name else None,
        models=tuple(str(model) for model in limits or ()) if limited else (),
        details={path: answer for path, answer in details.items() if answer is not None},
    )


def _of_account(subscription: Mapping[str, Any], usage: Mapping[str, Any]) -> dict[str, float | None]:
    total, hundredths = _number(subscription.get("hard_limit_usd")), _number(usage.get("total_usage"))
    used = None if hundredths is None else hundredths / 100
    if total is not None and total >= _UNLIMITED_USD:
        total = None
    remaining = None if total is None or used is None else total - used
    return {"total": total, "used": used, "remaining": remaining}


def _is_unlimited(subscription: Mapping[str, Any] | None) -> bool:
    limit = _number((subscription or {}).get("hard_limit_usd"))
    return limit is not None and limit >= _UNLIMITED_USD


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _dollars(units: Any) -> float | None:
    number = _number(units)
    return None if number is None else number / _UNITS_PER_USD


def _moment(value: Any) -> datetime | None:
    """Return a Unix time; 0 and -1, which mean never, and what is no time at all are None."""
    seconds = _number(value)
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds is not None and seconds > 0 else None
    except (OverflowError, OSError, ValueError):
        return None
