"""What the facts about an endpoint mean. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from zhongzhuan_audio.cli.balance import describe_remaining
from zhongzhuan_audio.cli.doctor.clock import clock_row
from zhongzhuan_audio.cli.doctor.facts import EndpointFacts, ProxyFacts, Reach, TlsFacts, Trial
from zhongzhuan_audio.cli.doctor.rows import Row, State, of_error
from zhongzhuan_audio.cli.doctor.suitable import suitable_models
from zhongzhuan_audio.config import DEFAULT_BASE_URL, is_loopback
from zhongzhuan_audio.errors import (
    APIError,
    AuthenticationError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    UpstreamError,
    ZhongzhuanError,
)
from zhongzhuan_audio.models import Balance
from zhongzhuan_audio.protocol.body import is_page

__all__ = ["judge"]

_SOON = timedelta(days=3)
"""The shortest certificates live for six days, and are renewed after half of them."""
_LOW_USD = 1.0
_SHOWN_MODELS = 8
_ADDRESS_HINT = (
    f"the address is not that of the relay's API: it looks like {DEFAULT_BASE_URL}, see the relay's own page"
)


def judge(facts: EndpointFacts) -> tuple[Row, ...]:
    """Return the rows of an endpoint, in the order in which things depend on one another."""
    return (
        _proxy(facts),
        _address(facts),
        _tls(facts),
        _api(facts),
        _key(facts),
        _models(facts),
        _balance(facts),
        clock_row(facts.base_url, facts.listing),
        _trial(facts),
    )


def _row(facts: EndpointFacts, check: str, state: State, detail: str, hint: str = "") -> Row:
    return Row(endpoint=facts.base_url, check=check, state=state, detail=detail, hint=hint)


def _proxy(facts: EndpointFacts) -> Row:
    proxy = facts.proxy
    if not isinstance(proxy, ProxyFacts):
        return of_error(facts.base_url, "proxy", proxy)
    if proxy.url is not None:
        return _row(facts, "proxy", "ok", f"{proxy.url}, from {proxy.origin}")
    if proxy.exempt == "loopback":
        return _row(facts, "proxy", "ok", f"none: {proxy.origin} does not count for this machine itself")
    if proxy.exempt is not None:
        return _row(facts, "proxy", "ok", f"none: {proxy.exempt} exempts it from {proxy.origin}")
    return _row(facts, "proxy", "ok", "none")


def _address(facts: EndpointFacts) -> Row:
    reach = facts.reach
    if reach is None:
        return _row(facts, "address", "skip", "not tried: see proxy")
    if not isinstance(reach, Reach):
        return of_error(facts.base_url, "address", reach)
    through = isinstance(facts.proxy, ProxyFacts) and facts.proxy.url is not None
    where = f"through the proxy at {reach.peer}" if through else f"at {reach.peer}"
    return _row(facts, "address", "ok", f"reached {where} in {reach.elapsed_s * 1000:.0f} ms")


def _tls(facts: EndpointFacts) -> Row:
    parts = urlsplit(facts.base_url)
    if parts.scheme != "https":
        if is_loopback(parts.hostname or ""):
            return _row(facts, "TLS", "skip", "not https, on this machine")
        hint = "use https://, if the relay has it"
        return _row(facts, "TLS", "warn", "not https: the key and recordings travel in the clear", hint)
    if not isinstance(facts.reach, Reach) or facts.reach.tls is None:
        return _row(facts, "TLS", "skip", "not reached")
    if not isinstance(facts.reach.tls, TlsFacts):
        return of_error(facts.base_url, "TLS", facts.reach.tls)
    return _certificate(facts, facts.reach.tls, facts.listing.heard_at)


def _certificate(facts: EndpointFacts, tls: TlsFacts, now: datetime) -> Row:
    left = tls.expires_at - now
    detail = f"{tls.version}, certificate good until {tls.expires_at:%Y-%m-%d} ({left.days} days)"
    if left > _SOON:
        return _row(facts, "TLS", "ok", detail)
    hint = "tell the relay's operator: from that day on nobody can connect"
    return _row(facts, "TLS", "warn", detail, hint)


def _api(facts: EndpointFacts) -> Row:
    outcome = facts.listing.outcome
    if not isinstance(outcome, ZhongzhuanError):
        return _row(facts, "/v1", "ok", f"GET {facts.base_url}/models answers as an API does")
    if isinstance(outcome, InvalidResponseError):
        return of_error(facts.base_url, "/v1", outcome, hint=_ADDRESS_HINT)
    if isinstance(outcome, APIError):
        return _refusal(facts, outcome)
    if not isinstance(facts.reach, Reach) or isinstance(facts.reach.tls, ZhongzhuanError):
        return _row(facts, "/v1", "skip", "not reached")
    return of_error(facts.base_url, "/v1", outcome)


def _refusal(facts: EndpointFacts, error: APIError) -> Row:
    """Tell a relay's API that refuses from what is no API at all, or out of order."""
    page = is_page(error.body, error.headers)
    if not page and not isinstance(error, (NotFoundError, UpstreamError)):
        return _row(facts, "/v1", "ok", f"GET {facts.base_url}/models answers as an API does, with a refusal")
    detail = f"a web page: {error.message}" if page else None
    hint = _ADDRESS_HINT if isinstance(error, NotFoundError) else ""
    return of_error(facts.base_url, "/v1", error, detail=detail, hint=hint)


def _key(facts: EndpointFacts) -> Row:
    if facts.key is not None:
        return of_error(facts.base_url, "key", facts.key)
    outcome = facts.listing.outcome
    if not isinstance(outcome, ZhongzhuanError) or isinstance(outcome, QuotaExceededError):
        return _row(facts, "key", "ok", "accepted")
    if isinstance(outcome, (AuthenticationError, PermissionDeniedError)) and _api(facts).state == "ok":
        return of_error(facts.base_url, "key", outcome)
    return _row(facts, "key", "skip", "not told: no model list came")


def _models(facts: EndpointFacts) -> Row:
    outcome = facts.listing.outcome
    blamed = isinstance(outcome, (AuthenticationError, PermissionDeniedError))
    if isinstance(outcome, APIError) and not blamed and _api(facts).state == "ok":
        # An API that refuses to list them for another reason than the key: what it says is told nowhere else.
        return of_error(facts.base_url, "models", outcome, state="warn" if outcome.retryable else "fail")
    if isinstance(outcome, ZhongzhuanError):
        return _row(facts, "models", "skip", "not told: no model list came")
    suitable = suitable_models(outcome)
    if not suitable:
        hint = "enable one for the token, such as whisper-1, on the relay's own page"
        return _row(facts, "models", "fail", f"none of {len(outcome)} listed can transcribe, by their names", hint)
    more = len(suitable) - _SHOWN_MODELS
    shown = ", ".join(suitable[:_SHOWN_MODELS]) + (f" and {more} more" if more > 0 else "")
    return _row(facts, "models", "ok", f"{shown} (of {len(outcome)} listed)")


def _balance(facts: EndpointFacts) -> Row:
    found = facts.balance
    if found is None or isinstance(found, (AuthenticationError, PermissionDeniedError)):
        return _row(facts, "balance", "skip", "not told: there is no good key")
    if isinstance(found, QuotaExceededError):
        return of_error(facts.base_url, "balance", found)
    if isinstance(found, (APIError, InvalidResponseError)):
        return _row(facts, "balance", "skip", "the relay does not tell what is left")
    if isinstance(found, ZhongzhuanError):
        return _row(facts, "balance", "skip", "no answer")
    return _remaining(facts, found)


def _remaining(facts: EndpointFacts, found: Balance) -> Row:
    words = describe_remaining(found)
    if found.expires_at is not None and found.expires_at <= facts.listing.heard_at:
        detail = f"the key expired on {found.expires_at:%Y-%m-%d}"
        return _row(facts, "balance", "fail", detail, "make a new token on the relay's own page")
    if found.remaining is None:
        return _row(facts, "balance", "ok" if found.unlimited else "skip", words)
    if found.remaining <= 0:
        return _row(facts, "balance", "fail", words, "top up, or use another token")
    if found.remaining < _LOW_USD:
        return _row(facts, "balance", "warn", words, "top up soon: a long recording may not go through")
    return _row(facts, "balance", "ok", words)


def _trial(facts: EndpointFacts) -> Row:
    if not facts.paid:
        detail = "not tried; --paid sends one second of sound, which may cost a fraction of a cent"
        return _row(facts, "test", "skip", detail)
    if facts.trial is None:
        return _row(facts, "test", "skip", "not tried: there is no key, or no model that can transcribe")
    if not isinstance(facts.trial, Trial):
        return of_error(facts.base_url, "test", facts.trial)
    took = f"{facts.trial.model} answered in {facts.trial.elapsed_s:.1f} s"
    return _row(facts, "test", "ok", f"{took}; it may have cost a fraction of a cent")
