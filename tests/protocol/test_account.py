"""Which models there are, and what is left, as relays of several kinds tell it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.errors import AuthenticationError, InvalidResponseError, UpstreamError
from zhongzhuan_audio.models import Balance, Model
from zhongzhuan_audio.protocol.account import decode_models, decode_object, make_balance
from zhongzhuan_audio.protocol.answer import Answer

TOKEN = {
    "code": True,
    "message": "ok",
    "data": {
        "object": "token_usage",
        "name": "我的令牌",
        "total_granted": 5_000_000,
        "total_used": 1_250_000,
        "total_available": 3_750_000,
        "unlimited_quota": False,
        "model_limits": {"whisper-1": True},
        "model_limits_enabled": True,
        "expires_at": 1_900_000_000,
    },
}
SUBSCRIPTION = {"object": "billing_subscription", "hard_limit_usd": 20.0, "access_until": 0}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([*TOKEN["data"], *SUBSCRIPTION, "data", "total_usage"])


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def answer(value: Any, status: int = 200) -> Answer:
    """Return an answer of JSON, or of text as it is."""
    body = value if isinstance(value, str) else json.dumps(value)
    kind = "text/html" if body.startswith("<") else "application/json"
    return Answer(status=status, headers={"content-type": kind}, body=body.encode())


def test_models_as_they_are_listed() -> None:
    """In the relay's order, with what new-api adds; what is no model is left out."""
    rows = [
        {"id": "whisper-1", "created": 1677532384, "owned_by": "openai", "supported_endpoint_types": ["openai", 5]},
        {"id": "sense", "created": "soon", "owned_by": ""},
        {"name": "nameless"},
        "whisper-2",
    ]
    models = (
        Model(
            id="whisper-1",
            created=datetime(2023, 2, 27, 21, 13, 4, tzinfo=UTC),
            owned_by="openai",
            supported_endpoint_types=("openai",),
        ),
        Model(id="sense"),
    )
    assert decode_models(answer({"object": "list", "data": rows}), now=now) == models
    assert decode_models(answer({"success": True, "data": rows}), now=now) == models
    assert decode_models(answer(rows), now=now) == models
    assert decode_models(answer({"data": []}), now=now) == ()


def test_a_failure_at_status_200() -> None:
    """It is the error that it tells of, and never an empty list."""
    with pytest.raises(AuthenticationError, match="无效的令牌"):
        decode_models(answer({"success": False, "message": "无效的令牌"}), now=now)
    with pytest.raises(AuthenticationError, match="无效的令牌"):
        decode_object(answer({"code": False, "message": "无效的令牌"}), now=now)
    with pytest.raises(UpstreamError, match="boom"):
        decode_models(answer({"error": {"message": "boom", "type": "new_api_panic"}}), now=now)


@pytest.mark.parametrize(
    "value", ['{"object": "list"}', "null", '"no"', "", '{"data": {}}', "<html><title>x</title></html>"]
)
def test_what_lists_no_models(value: str) -> None:
    """A page, or JSON of another kind, is told as such."""
    with pytest.raises(InvalidResponseError) as caught:
        decode_models(answer(value), now=now)
    assert caught.value.billed == "no"


@pytest.mark.parametrize("value", ["[]", "5", "", "<html></html>"])
def test_what_tells_no_balance(value: str) -> None:
    """Only an object does."""
    with pytest.raises(InvalidResponseError):
        decode_object(answer(value), now=now)


def test_the_token_tells_it_best() -> None:
    """Units of 500,000 a dollar; its models and its end too."""
    balance = make_balance(token=TOKEN, subscription=SUBSCRIPTION, usage={"total_usage": 123.0})
    assert balance == Balance(
        total=10.0,
        used=2.5,
        remaining=7.5,
        expires_at=datetime(2030, 3, 17, 17, 46, 40, tzinfo=UTC),
        name="我的令牌",
        models=("whisper-1",),
        details=balance.details,
    )
    assert balance.details["/api/usage/token/"] == TOKEN
    assert "details" not in repr(balance)


def test_subscription_and_usage_alone() -> None:
    """Hundredths of a dollar are used up of what was granted."""
    balance = make_balance(subscription=SUBSCRIPTION, usage={"object": "list", "total_usage": 512.5})
    assert (balance.total, balance.used, balance.remaining, balance.unlimited) == (20.0, 5.125, 14.875, False)
    assert balance.expires_at is None
    assert make_balance(subscription=SUBSCRIPTION).remaining is None


def test_no_limit() -> None:
    """100,000,000 dollars stand for none; a token without a limit has an account behind it."""
    endless = {"hard_limit_usd": 100_000_000, "access_until": 1_900_000_000}
    balance = make_balance(subscription=endless, usage={"total_usage": 250})
    assert (balance.total, balance.used, balance.remaining, balance.unlimited) == (None, 2.5, None, True)
    assert balance.expires_at is not None
    free = {"data": {**TOKEN["data"], "unlimited_quota": True, "expires_at": -1, "model_limits_enabled": False}}
    balance = make_balance(token=free, subscription=SUBSCRIPTION, usage={"total_usage": 1000})
    assert (balance.total, balance.used, balance.remaining, balance.unlimited) == (20.0, 10.0, 10.0, True)
    assert (balance.expires_at, balance.models) == (None, ())
    assert make_balance(token=free).remaining is None
    assert make_balance(token={"data": None}) == Balance(details={"/api/usage/token/": {"data": None}})


@given(
    token=st.none() | st.dictionaries(NAMES, JSON | st.dictionaries(NAMES, JSON)),
    subscription=st.none() | st.dictionaries(NAMES, JSON),
    usage=st.none() | st.dictionaries(NAMES, JSON),
)
def test_nothing_that_a_relay_says_breaks_it(token: Any, subscription: Any, usage: Any) -> None:
    """What makes no sense is not known; numbers are finite."""
    balance = make_balance(token=token, subscription=subscription, usage=usage)
    for number in (balance.total, balance.used, balance.remaining):
        assert number is None or abs(number) < float("inf")
