"""Which request meets which fault: by number, by chance with a seed, by what it asks."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.relay import Fault, FaultPlan, Match, ReceivedRequest, ScriptedAnswer
from zhongzhuan_audio.relay.faults import KINDS


def request(**facts: object) -> ReceivedRequest:
    """Return a request with these facts."""
    known = {"request_id": "1", "method": "POST", "path": "/v1/audio/transcriptions", "headers": {}}
    return ReceivedRequest(**{**known, "authorized": True, "content_length": 1, **facts})


def struck(plan: FaultPlan, count: int) -> list[str | None]:
    """Return the kinds that so many requests meet, one after the other."""
    kinds = []
    for _ in range(count):
        roll = plan.roll()
        fault = roll.before_upload(request()) or roll.after_upload(request())
        kinds.append(fault and fault.kind)
    return kinds


def test_by_count():
    """The next so many, every so many, and certain numbers; the first of the list wins."""
    plan = FaultPlan([Fault("html", times=1), Fault("drip", every=3), Fault("truncated", requests=(2, 3))])
    assert struck(plan, 6) == ["html", "truncated", "drip", None, None, "drip"]
    plan.script(Fault("html", requests=(1,)))
    assert struck(plan, 2) == ["html", None]
    plan.script()
    assert struck(plan, 2) == [None, None]


@given(seed=st.integers(), share=st.floats(0, 1), other=st.integers())
def test_chance_repeats_itself(seed, share, other):
    """One seed gives one sequence; the draws of a fault do not depend on the counts of another."""
    faults = [Fault("html", probability=share), Fault("drip", probability=0.5)]
    plan = FaultPlan(faults, seed=seed)
    first = struck(plan, 50)
    assert struck(FaultPlan(faults, seed=seed), 50) == first
    struck(plan, 7)
    plan.script(*faults, seed=other)
    assert struck(plan, 50) == struck(FaultPlan(faults, seed=other), 50)
    never = (Fault("html", probability=share, requests=(999,)), Fault("html", probability=share, where=lambda _: False))
    assert len({tuple(struck(FaultPlan([fault, faults[1]], seed=seed), 50)) for fault in never}) == 1


def test_shares_are_met():
    """A share of many requests is about that share."""
    plan = FaultPlan([Fault("html", probability=0.3)], seed=42)
    assert 2800 < struck(plan, 10_000).count("html") < 3200
    assert struck(FaultPlan([Fault("html", probability=0)]), 100) == [None] * 100


def test_early_and_late():
    """A late fault keeps its place before an early one, but for one that must see the upload."""
    roll = FaultPlan([Fault("html"), Fault("reset-before-upload")]).roll()
    assert roll.before_upload(request()) is None
    assert roll.after_upload(request()).kind == "html"
    assert roll.after_upload(request()) is None
    asks = Fault("html", where=Match(fields={"language": "zh"}))
    roll = FaultPlan([asks, Fault("reset-before-upload")]).roll()
    assert roll.before_upload(request()).kind == "reset-before-upload"
    assert roll.after_upload(request(fields={"language": ("zh",)})) is None
    roll = FaultPlan([Fault("reset-before-upload", where=lambda _: False), Fault("drip", times=1)]).roll()
    assert roll.before_upload(request()) is None
    assert roll.after_upload(request()).kind == "drip"
    plan = FaultPlan([Fault("html", where=Match(fields={"language": "zh"}), times=1)])
    for kind in ("html", None):
        roll = plan.roll()
        assert roll.before_upload(request()) is None
        fault = roll.after_upload(request(fields={"language": ("zh",)}))
        assert (fault and fault.kind) == kind


def test_uploads_at_the_same_time_take_no_more_than_there_are():
    """A fault that strikes once strikes one of two uploads; it is given back where one before it in the list struck."""
    plan = FaultPlan([Fault("html", where=Match(fields={"language": "zh"})), Fault("drip", times=1)])
    first, second = plan.roll(), plan.roll()
    for roll in (first, second):
        assert roll.before_upload(request()) is None
    assert second.after_upload(request()) is None
    assert first.after_upload(request(fields={"language": ("zh",)})).kind == "html"
    third = plan.roll()
    assert third.before_upload(request()) is None
    assert third.after_upload(request()).kind == "drip"
    assert struck(plan, 1) == [None]


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        (Match(), True),
        (Match(path="/v1/audio/*"), True),
        (Match(path="/v1/models"), False),
        (Match(filename="*.mp3"), True),
        (Match(filename="*.wav"), False),
        (Match(fields={"keywords[]": "b"}), True),
        (Match(fields={"keywords[]": "c"}), False),
        (Match(fields={"language": "*"}), False),
    ],
)
def test_matches(match, fits):
    """Each pattern must fit; of a field that was sent more than once any value may."""
    received = request(
        path="/v1/audio/transcriptions?x=/v1/models", filename="a.mp3", fields={"keywords[]": ("a", "b")}
    )
    assert match(received) is fits
    assert Match(filename="*.mp3")(request()) is False


@pytest.mark.parametrize("status", [400, 401, 429, 503, 524, 599])
def test_refusals(status):
    """Any error's status gets a relay's JSON."""
    reply = Fault.refusal(status, retry_after=1.5).reply
    assert (reply.status, reply.headers["Retry-After"]) == (status, "1.5")
    assert json.loads(reply.body)["error"]["message"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Fault("explode"), "'explode' is no fault"),
        (lambda: Fault("answer"), "needs a reply"),
        (lambda: Fault("html", probability=1.5), "from 0 to 1"),
        (lambda: Fault("html", probability=float("nan")), "from 0 to 1"),
        (lambda: Fault("html", seconds=1), "html takes no seconds"),
        (lambda: Fault("html", reply=ScriptedAnswer(200)), "html takes no reply"),
        (lambda: Fault("drip", seconds=-1), "seconds must be"),
        (lambda: Fault("drip", seconds=float("inf")), "seconds must be"),
        (lambda: Fault("drip", size_bytes=0), "size_bytes must be"),
        (lambda: Fault("html", times=0), "times must be"),
        (lambda: Fault("html", every=0), "every must be"),
        (lambda: Fault("html", requests=(0,)), "0 cannot be one of requests"),
        (lambda: Fault("informational", statuses=(200,)), "200 cannot be one of statuses"),
        (lambda: Fault("early-answer", where=Match(fields={"a": "b"})), "strikes before the upload is read"),
        (lambda: Fault("early-answer", where=Match(filename="b")), "strikes before the upload is read"),
        (lambda: Fault.refusal(200), "from 400 to 599"),
        (lambda: Fault.refusal(429, retry_after=-1), "retry_after must be"),
        (lambda: Fault.from_row({}), "the row has no answer"),
        (lambda: Fault.from_row({"response": {"status": "often"}}), "the row has no answer"),
        (lambda: Fault.from_row({"response": "no"}), "the row has no answer"),
    ],
)
def test_what_makes_no_sense_is_refused(make, words):
    """A fault that cannot be is an error at once."""
    with pytest.raises(ConfigurationError, match=words):
        make()


def test_it_shows_what_it_is():
    """A plan's repr names its faults and its seed."""
    assert repr(FaultPlan([Fault("html")], seed=3)).endswith(", seed=3)")
    assert "html" in repr(FaultPlan([Fault("html")]))
    assert Fault("early-answer", where=Match(path="/v1/*")).is_early
    assert len(set(KINDS)) == len(KINDS)
