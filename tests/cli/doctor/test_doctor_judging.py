"""Facts in, rows out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.cli.doctor.facts import EndpointFacts, Listing, ProxyFacts, Reach, TlsFacts, Trial
from zhongzhuan_audio.cli.doctor.judging import judge
from zhongzhuan_audio.errors import (
    ConfigurationError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    TimedOutError,
    TransportError,
)
from zhongzhuan_audio.models import Balance

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
LISTING = Listing(outcome=("whisper-1",), headers={"date": "Tue, 03 Nov 2026 12:00:00 GMT"}, heard_at=NOW)
GOOD = EndpointFacts(
    base_url="https://relay.example/v1",
    key=None,
    proxy=ProxyFacts(),
    reach=Reach(
        peer="[fd00::1]:443",
        elapsed_s=0.0351,
        tls=TlsFacts(version="TLSv1.3", expires_at=NOW + timedelta(days=40)),
    ),
    listing=LISTING,
    balance=Balance(remaining=5.0),
    trial=Trial(model="whisper-1", elapsed_s=1.25),
    paid=True,
)


def row(check, **changes):
    """Return one row of the good facts with some changes."""
    (found,) = (row for row in judge(attrs.evolve(GOOD, **changes)) if row.check == check)
    return found


def told(outcome):
    """Return a listing that ended so."""
    return attrs.evolve(LISTING, outcome=outcome)


def test_good_facts_are_good_rows():
    """Each names the endpoint, and nothing is to be done."""
    rows = judge(GOOD)
    assert [found.check for found in rows] == [
        "proxy",
        "address",
        "TLS",
        "/v1",
        "key",
        "models",
        "balance",
        "clock",
        "test",
    ]
    assert {(found.state, found.hint, found.endpoint) for found in rows} == {("ok", "", "https://relay.example/v1")}
    details = [found.detail for found in rows]
    assert details == [
        "none",
        "reached at [fd00::1]:443 in 35 ms",
        "TLSv1.3, certificate good until 2026-12-13 (40 days)",
        "GET https://relay.example/v1/models answers as an API does",
        "accepted",
        "whisper-1 (of 1 listed)",
        "5.00 USD left",
        "as the relay's",
        "whisper-1 answered in 1.2 s; it may have cost a fraction of a cent",
    ]


@pytest.mark.parametrize(
    ("proxy", "detail"),
    [
        (ProxyFacts(url="http://p:3128", origin="all_proxy"), "http://p:3128, from all_proxy"),
        (ProxyFacts(origin="HTTPS_PROXY", exempt="NO_PROXY"), "none: NO_PROXY exempts it from HTTPS_PROXY"),
        (
            ProxyFacts(origin="HTTPS_PROXY", exempt="loopback"),
            "none: HTTPS_PROXY does not count for this machine itself",
        ),
    ],
)
def test_a_proxy(proxy, detail):
    """Which, from where, and why not."""
    assert (row("proxy", proxy=proxy).state, row("proxy", proxy=proxy).detail) == ("ok", detail)


def test_plain_http_to_another_machine_is_a_warning():
    """The key travels in the clear."""
    found = row("TLS", base_url="http://relay.example/v1", reach=Reach(peer="10.0.0.1:80", elapsed_s=0.01))
    assert found.state == "warn"
    assert "in the clear" in found.detail
    assert "https://" in found.hint


@pytest.mark.parametrize(
    ("outcome", "states"),
    [
        (QuotaExceededError("额度不足", status=403), ("ok", "ok", "fail")),
        (RateLimitError("slow down", status=429, retryable=True), ("ok", "skip", "warn")),
        (TimedOutError("nothing came for 10 s", hint=Advice("raise Timeouts.attempt_s")), ("fail", "skip", "skip")),
        (TransportError("it redirects to www.relay.example"), ("fail", "skip", "skip")),
        (PermissionDeniedError("", status=403, body="<html>", headers={}), ("fail", "skip", "skip")),
        (ConfigurationError("no"), ("fail", "skip", "skip")),
    ],
)
def test_other_ends_of_the_listing(outcome, states):
    """A quota that is used up is no fault of the key; a page is no word of the relay's; silence tells of no key."""
    found = {name: row(name, listing=told(outcome)) for name in ("/v1", "key", "models")}
    assert tuple(row.state for row in found.values()) == states
    assert "Timeouts" not in found["/v1"].hint


@pytest.mark.parametrize(
    ("balance", "state", "detail"),
    [
        (Balance(unlimited=True), "ok", "the key has no limit"),
        (Balance(unlimited=True, remaining=0.5), "warn", "the key has no limit; its account has 0.50 USD left"),
        (Balance(), "skip", "the relay does not tell what is left"),
        (NotFoundError("", status=404), "skip", "the relay does not tell what is left"),
        (QuotaExceededError("额度不足", status=403), "fail", "额度不足 (status 403)"),
        (TimedOutError("no answer within 15 s"), "skip", "no answer"),
        (None, "skip", "not told: there is no good key"),
    ],
)
def test_a_balance(balance, state, detail):
    """What is not told is no failure."""
    found = row("balance", balance=balance)
    assert (found.state, found.detail) == (state, detail)


def test_many_models_are_cut_short():
    """The first eight are named."""
    names = tuple(f"whisper-{number}" for number in range(20))
    detail = row("models", listing=told(names)).detail
    assert detail.endswith("whisper-7 and 12 more (of 20 listed)")


def test_a_failed_trial_is_told():
    """In the command's own words."""
    found = row("test", trial=TimedOutError("nothing came", hint=Advice("raise it, or …", command="send it in pieces")))
    assert (found.state, found.detail, found.hint) == ("fail", "nothing came", "send it in pieces")


def test_a_key_that_has_expired():
    """It is told, whatever is left on it."""
    found = row("balance", balance=Balance(remaining=5.0, expires_at=datetime(2020, 1, 1, tzinfo=UTC)))
    assert (found.state, found.detail) == ("fail", "the key expired on 2020-01-01")
    assert "new token" in found.hint


def test_a_failing_row_always_says_what_to_do():
    """Also where the error itself does not."""
    for name, error in (("/v1", TimedOutError("nothing came")), ("models", QuotaExceededError("no", status=403))):
        found = row(name, listing=told(error))
        assert found.state == "fail"
        assert found.hint
