"""Request ids, Retry-After and x-should-retry."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.protocol.headers import request_id, retry_after, should_retry

NOW = datetime(2026, 11, 22, 10, 15, 30, tzinfo=UTC)


def now():
    return NOW


def wait(**headers):
    return retry_after({name.replace("_", "-"): value for name, value in headers.items()}, now=now)


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"x-oneapi-request-id": "a", "x-request-id": "b"}, "a"),
        ({"x-new-api-request-id": "a", "x-request-id": "b"}, "a"),
        ({"x-request-id": " b "}, "b"),
        ({"x-oneapi-request-id": "  ", "x-request-id": "b"}, "b"),
        ({"x-request-id": "b\x00\x1b[31m"}, "b[31m"),
        ({"x-request-id": ""}, None),
        ({"x-litellm-call-id": "c"}, "c"),
        ({"x-litellm-call-id": "c", "x-request-id": "b"}, "b"),
        ({"content-type": "text/html"}, None),
    ],
)
def test_the_relays_own_request_id_comes_before_a_gateways(headers, told):
    """The relay's header is asked first; blanks and unprintable characters don't count."""
    assert request_id(headers) == told


def test_an_endless_request_id_is_cut():
    """What goes into messages and logs is short."""
    assert request_id({"x-request-id": "a" * 5000}) == "a" * 200


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("0", 0.0), (" 1.5 ", 1.5), (".25", 0.25), ("3.", 3.0), ("120", 120.0), ("007", 7.0)],
)
def test_seconds_are_read(value, seconds):
    """Delta-seconds, with or without a fraction."""
    assert wait(retry_after=value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "-5",
        "+5",
        "1e3",
        "inf",
        "nan",
        "7s",
        "7, 8",
        "0x10",
        "٣",
        "9" * 400,
        "1_000",
        "Mon, 99 Foo 2026",
        "Wed",
    ],
)
def test_what_is_malformed_says_nothing(value):
    """None, rather than a guess."""
    assert wait(retry_after=value) is None


def test_milliseconds_come_first():
    """``retry-after-ms`` is the more exact of the two, where it can be read."""
    assert wait(retry_after_ms="250", retry_after="1") == 0.25
    assert wait(retry_after_ms="soon", retry_after="1") == 1.0
    assert wait(retry_after_ms="1500.5") == 1.5005
    assert wait() is None


@pytest.mark.parametrize(
    "value",
    [
        "Sun, 22 Nov 2026 10:16:00 GMT",
        "Sunday, 22-Nov-26 10:16:00 GMT",
        "Sun Nov 22 10:16:00 2026",
        "Sun, 22 Nov 2026 18:16:00 +0800",
        "Sun, 22 Nov 2026 10:16:00 -0000",
    ],
)
def test_dates_are_read_in_each_form_that_http_allows(value):
    """The three forms of RFC 9110 5.6.7, and offsets; without a zone it is UTC."""
    assert wait(retry_after=value) == 30.0


def test_a_date_in_the_past_means_now():
    """Never a negative wait."""
    assert wait(retry_after="Sat, 21 Nov 2026 10:16:00 GMT") == 0.0


@given(st.integers(0, 10**6), st.integers(-12 * 60, 14 * 60))
def test_a_date_is_the_same_moment_in_any_zone(seconds, offset):
    """The wait is what lies between the two moments, whatever zone either is written in."""
    zone = timezone(timedelta(minutes=offset))
    assert wait(retry_after=format_datetime(NOW.astimezone(zone) + timedelta(seconds=seconds))) == seconds
    there = retry_after({"retry-after": format_datetime(NOW + timedelta(seconds=5))}, now=lambda: NOW.astimezone(zone))
    assert there == 5


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_header_gives_a_finite_wait_or_none(seconds, milliseconds):
    """No header, however wild, raises or gives a wait that cannot be waited."""
    told = retry_after({"retry-after": seconds, "retry-after-ms": milliseconds}, now=now)
    assert told is None or (math.isfinite(told) and told >= 0)


@pytest.mark.parametrize(
    ("value", "told"),
    [("true", True), (" False ", False), ("TRUE", True), ("yes", None), ("", None)],
)
def test_should_retry_is_true_false_or_silent(value, told):
    """Only the two words that OpenAI sends count."""
    assert should_retry({"x-should-retry": value}) is told
    assert should_retry({}) is None
