"""What may be spent: set aside, settled, left over."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio import Budget
from zhongzhuan_audio.batch.budget import charge
from zhongzhuan_audio.errors import BudgetExceededError, ConfigurationError


def spend(budget: Budget, audio_s: float | None = 60.0, *, retries: int = 0, charged: int = 1) -> bool:
    """Take a recording through a budget; tell whether there was room for it."""
    held = budget.hold(audio_s, retries)
    if held is None:
        return False
    budget.settle(held, charge(*[audio_s or 0.0] * charged))
    return True


def test_minutes_are_counted() -> None:
    """Three minutes hold three recordings of a minute, and say what is left on the way."""
    budget = Budget(audio_minutes=3)
    assert [spend(budget) for _ in range(4)] == [True, True, True, False]
    assert budget.spent.audio_minutes == 3
    assert (budget.left.audio_minutes, budget.left.requests, budget.left.cost) == (0, None, None)


def test_a_smaller_one_may_still_fit() -> None:
    """What is left is told, and serves a recording that is short enough."""
    budget = Budget(audio_minutes=1.5)
    assert spend(budget)
    assert not spend(budget)
    assert budget.left.audio_minutes == 0.5
    assert spend(budget, 30)


def test_a_cost_is_minutes_at_a_price() -> None:
    """Ten recordings of six seconds at 0.6 a minute cost 0.6, and not one is lost to rounding."""
    budget = Budget(cost=0.6, price_per_minute=0.6)
    assert [spend(budget, 6) for _ in range(11)] == [True] * 10 + [False]
    assert budget.spent.cost == pytest.approx(0.6)
    assert budget.left.cost == 0


def test_requests_need_no_length() -> None:
    """A limit on requests alone takes recordings of any length, known or not."""
    budget = Budget(requests=2)
    assert not budget.needs_length
    assert [spend(budget, length) for length in (None, 1e6, 1)] == [True, True, False]
    assert (budget.left.requests, budget.spent.requests) == (0, 2)


def test_all_limits_hold() -> None:
    """The tightest decides."""
    budget = Budget(audio_minutes=100, requests=50, cost=1, price_per_minute=0.5)
    assert [spend(budget) for _ in range(3)] == [True, True, False]
    assert budget.left.requests == 48


def test_what_is_set_aside_is_not_left() -> None:
    """It comes back where nothing was charged."""
    budget = Budget(requests=3)
    held = budget.hold(60, 1)
    assert held is not None
    assert (budget.left.requests, budget.spent.requests) == (1, 0)
    budget.settle(held, charge())
    assert (budget.left.requests, budget.spent.requests) == (3, 0)


def test_retries_are_set_aside_as_far_as_there_is_room() -> None:
    """The last recording goes without those that would pass the limit."""
    budget = Budget(audio_minutes=3)
    assert [held and held.requests for held in (budget.hold(60, 1), budget.hold(60, 1), budget.hold(60, 1))] == [
        2,
        1,
        None,
    ]


def test_a_length_that_is_not_known_needs_a_word() -> None:
    """Where minutes count it is refused, or counts what the caller says."""
    with pytest.raises(BudgetExceededError, match="does not tell its length.*unknown_minutes"):
        Budget(audio_minutes=3).hold(None, 0)
    budget = Budget(audio_minutes=3, unknown_minutes=2)
    held = budget.hold(None, 0)
    assert held is not None
    budget.settle(held, held)
    assert budget.hold(None, 0) is None
    assert budget.left.audio_minutes == 1


def test_it_says_what_is_left() -> None:
    """In its repr, and in the error for what it has no room for."""
    budget = Budget(audio_minutes=3, cost=0.5, price_per_minute=0.1)
    assert repr(budget) == "<Budget with audio_minutes=3, cost=0.5 left>"
    told = str(budget.exceeded(600))
    assert told.startswith("the budget has 3 minutes of audio, a cost of 0.5 left, and the recording lasts 10 minutes")
    assert "nothing was sent" in told
    assert str(Budget(requests=0).exceeded(None)).startswith("the budget has 0 requests left —")
    assert str(Budget(requests=1).left) == "1 request"


@pytest.mark.parametrize(
    ("audio_s", "limits"),
    [(179.0, ()), (181.0, ("audio_minutes",)), (None, ("audio_minutes",)), (301.0, ("audio_minutes", "cost"))],
)
def test_it_says_which_limit_never_has_room(audio_s: float | None, limits: tuple[str, ...]) -> None:
    """Whatever is spent; of what is spent alone, none."""
    budget = Budget(audio_minutes=3, requests=1, cost=0.5, price_per_minute=0.1, unknown_minutes=4)
    held = budget.hold(60.0, 0)
    assert held is not None
    budget.settle(held, held)
    assert budget.hold(audio_s, 0) is None
    assert budget.exceeded(audio_s).limits == limits
    assert Budget(requests=0).exceeded(audio_s).limits == ("requests",)


@pytest.mark.parametrize(
    ("limits", "fits"),
    [
        ({"requests": 3}, True),
        ({"requests": 2}, False),
        ({"audio_minutes": 2.5}, True),
        ({"audio_minutes": 2.49}, False),
        ({"cost": 2.5, "price_per_minute": 1}, True),
        ({"cost": 5, "price_per_minute": 2.01}, False),
    ],
)
def test_several_requests_are_set_aside_together_or_not_at_all(limits: Any, fits: bool) -> None:
    """Each with its own length, and the error says what they come to."""
    budget = Budget(**limits)
    held = budget.hold_all([60.0, 60.0, 30.0])
    assert (held is not None) == fits
    if held is None:
        assert budget.left == Budget(**limits).left
        assert "the recording takes 3 requests of 2.5 minutes in all" in str(budget.exceeded(150.0, 3))
    else:
        budget.settle(held, charge(60.0, 30.0))
        assert (budget.spent.requests, budget.spent.audio_minutes) == (2, 1.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs a limit"),
        ({"price_per_minute": 1}, "needs a limit"),
        ({"cost": 1}, "needs price_per_minute"),
        ({"cost": 1, "price_per_minute": 0}, "needs price_per_minute"),
        ({"audio_minutes": -1}, "audio_minutes must be a number of at least 0"),
        ({"audio_minutes": float("nan")}, "audio_minutes must be a number"),
        ({"audio_minutes": float("inf")}, "audio_minutes must be a number"),
        ({"requests": 1.5}, "requests must be a whole number"),
        ({"requests": True}, "requests must be a whole number"),
        ({"cost": "5", "price_per_minute": 1}, "cost must be a number"),
        ({"requests": 1, "unknown_minutes": -1}, "unknown_minutes must be a number"),
    ],
)
def test_what_cannot_be_a_budget(options: Any, message: str) -> None:
    """It is told where the budget is made."""
    with pytest.raises(ConfigurationError, match=message):
        Budget(**options)


@given(
    st.lists(st.tuples(st.floats(0, 300), st.integers(0, 3), st.integers(0, 4)), max_size=40),
    st.floats(0, 20),
    st.integers(0, 30),
)
def test_it_is_never_exceeded(calls: list[tuple[float, int, int]], minutes: float, requests: int) -> None:
    """Whatever is held and charged in whatever order, no more is spent than there was."""
    budget, open_holds = Budget(audio_minutes=minutes, requests=requests), []
    for audio_s, retries, charged in calls:
        held = budget.hold(audio_s, retries)
        if held is not None:
            open_holds.append((held, charge(*[audio_s] * min(charged, held.requests))))
        if len(open_holds) > 3:
            budget.settle(*open_holds.pop(0))
    for held, charged in open_holds:
        budget.settle(held, charged)
    spent = budget.spent
    assert spent.audio_minutes is not None
    assert spent.audio_minutes <= minutes + 1e-9
    assert spent.requests is not None
    assert spent.requests <= requests
