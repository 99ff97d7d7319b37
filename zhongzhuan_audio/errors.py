"""Every error that this package raises, and the record of what was tried.

All of them are a `ZhongzhuanError`, carry what they know as plain fields, and survive pickling (a batch worker in
another process can hand one back).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import attrs

__all__ = [
    "APIError",
    "Attempt",
    "AudioSourceError",
    "AuthenticationError",
    "BadRequestError",
    "Billed",
    "BudgetExceededError",
    "ConfigurationError",
    "InvalidResponseError",
    "JournalError",
    "MissingExtraError",
    "ModelUnavailableError",
    "NoTimingError",
    "NotFoundError",
    "PayloadTooLargeError",
    "PermissionDeniedError",
    "Phase",
    "QuotaExceededError",
    "RateLimitError",
    "StoppedError",
    "StreamInterruptedError",
    "TimedOutError",
    "TransportError",
    "UnsupportedAudioError",
    "UpstreamError",
    "ZhongzhuanError",
]

Billed: TypeAlias = Literal["no", "maybe"]
"""Whether the relay may have charged for a request that gave no usable answer."""

Phase: TypeAlias = Literal["connect", "upload", "answer", "deadline", "queue"]
"""Where the time ran out."""


@attrs.frozen(kw_only=True)
class Attempt:
    """One request that went out, or tried to."""

    endpoint: str
    """The endpoint's base URL; never holds a key."""
    status: int | None = None
    """HTTP status; None where no answer came."""
    error: str | None = None
    """Name of the error class that this attempt ended in; None where it succeeded."""
    billed: Billed = "no"
    """Whether this attempt may have been charged although its answer was not usable."""
    request_id: str | None = None
    """The relay's own id of the request."""
    elapsed_s: float = 0.0
    """Seconds from opening the upload to the end of the answer."""
    wait_s: float = 0.0
    """Seconds waited after it, before the next attempt."""


class ZhongzhuanError(Exception):
    """Root of all errors of this package.

    Attributes:
        message: What happened; for an `APIError` the relay's own words.
        hint: What to do about it, or None.
        retryable: Whether the same call may succeed later without a change.
        billed: "maybe" where the relay may have charged for the failed call.
        request_id: The relay's id of the request, to quote to its support; or None.
        attempts: What was tried, in order.
        partial: What there was of a result before the fault (a partial transcript), or None.
    """

    def __init__(
        self,
        message: str = "",
        *,
        hint: str | None = None,
        retryable: bool = False,
        billed: Billed = "no",
        request_id: str | None = None,
        attempts: tuple[Attempt, ...] = (),
        partial: Any = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.retryable = retryable
        self.billed: Billed = billed
        self.request_id = request_id
        self.attempts = attempts
        self.partial = partial

    def __str__(self) -> str:
        """Return the message, the hint and the facts that a bug report needs, on one line."""
        facts = self._facts()
        text = self.message + (f" ({', '.join(facts)})" if facts else "")
        if self.hint:
            text = f"{text} — {self.hint}" if text else self.hint
        # A relay's own words may have several lines.
        return " ".join(text.split())

    def _facts(self) -> list[str]:
        facts = [f"request id {self.request_id}"] if self.request_id else []
        if self.billed == "maybe":
            facts.append("may have been billed")
        if len(self.attempts) > 1:
            facts.append(f"{len(self.attempts)} attempts")
        return facts


class ConfigurationError(ZhongzhuanError, ValueError):
    """An option or a setting is wrong; raised before any I/O."""


class MissingExtraError(ConfigurationError, ImportError):
    """An optional part is not installed.

    Attributes:
        extra: Name of the extra that brings it, as in ``pip install 'zhongzhuan-audio[local]'``.
    """

    def __init__(self, message: str = "", *, extra: str = "", **facts: Any) -> None:
        if extra and not facts.get("hint"):
            facts["hint"] = f"pip install 'zhongzhuan-audio[{extra}]'"
        super().__init__(message, **facts)
        self.extra = extra


class AudioSourceError(ZhongzhuanError):
    """The recording is missing, unreadable, empty, or changed while it was sent.

    Attributes:
        source: The path or name as it was given.
    """

    def __init__(self, message: str = "", *, source: str = "", **facts: Any) -> None:
        super().__init__(message, **facts)
        self.source = source


class UnsupportedAudioError(AudioSourceError):
    """The bytes are not audio, or of a format that no relay takes and that cannot be converted here."""


class TransportError(ZhongzhuanError):
    """No answer came: refused, DNS, TLS, proxy, reset, cut off, or a redirect that is not followed.

    Attributes:
        endpoint: Base URL of the endpoint that was tried.
        unreachable: Whether no connection came about at all, so that nothing was sent.
    """

    def __init__(self, message: str = "", *, endpoint: str = "", unreachable: bool = False, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.endpoint = endpoint
        self.unreachable = unreachable


class TimedOutError(TransportError, TimeoutError):
    """The time ran out.

    Attributes:
        phase: Where: connect, upload, answer, deadline (over all attempts) or queue (waiting for a turn).
    """

    def __init__(self, message: str = "", *, phase: Phase = "answer", **facts: Any) -> None:
        super().__init__(message, **facts)
        self.phase: Phase = phase


class StreamInterruptedError(TransportError):
    """A streamed answer broke off; `partial` holds what came before."""


class APIError(ZhongzhuanError):
    """The relay said no.

    Attributes:
        status: HTTP status.
        code: The relay's error code, or None.
        type: The relay's error type, or None.
        param: The field that the relay complains of, or None.
        headers: Response headers with lower-case names.
        body: The answer as text, keys masked, cut at 64 KiB.
        retry_after: Seconds that the relay asked to wait, or None.
        failover: Whether another endpoint may do better.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status: int = 0,
        code: str | None = None,
        type: str | None = None,  # noqa: A002 - the wire's own name
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        retry_after: float | None = None,
        failover: bool = False,
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.status = status
        self.code = code
        self.type = type
        self.param = param
        self.headers: dict[str, str] = dict(headers or {})
        self.body = body
        self.retry_after = retry_after
        self.failover = failover

    def _facts(self) -> list[str]:
        facts = [f"status {self.status}"] if self.status else []
        if self.code:
            facts.append(f"code {self.code}")
        return facts + super()._facts()


class BadRequestError(APIError):
    """The relay or its upstream refused the request as it is; sending it again cannot help."""


class AuthenticationError(APIError):
    """The key is missing, wrong or expired."""


class PermissionDeniedError(APIError):
    """The key is good, but not for this model, group or address."""


class NotFoundError(APIError):
    """The relay has no such endpoint; often the base URL is wrong."""


class PayloadTooLargeError(APIError):
    """The recording is larger than the relay or a gateway before it takes."""


class RateLimitError(APIError):
    """Too many requests for now."""


class QuotaExceededError(APIError):
    """The token's or the account's quota is used up."""


class ModelUnavailableError(APIError):
    """The relay has no channel for this model now."""


class UpstreamError(APIError):
    """The relay, its upstream or a gateway failed."""


class InvalidResponseError(ZhongzhuanError):
    """Status 200, and no transcript: a web page, an empty or a broken body.

    Attributes:
        status: HTTP status.
        headers: Response headers with lower-case names.
        body: The answer as text, keys masked, cut at 64 KiB.
        failover: Whether another endpoint may do better.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        failover: bool = True,
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.status = status
        self.headers: dict[str, str] = dict(headers or {})
        self.body = body
        self.failover = failover


class NoTimingError(ZhongzhuanError):
    """Subtitles were asked of an answer that has no times."""


class BudgetExceededError(ZhongzhuanError):
    """The next request would pass the budget.

    Attributes:
        limits: Names of the budget's limits that would have no room for it even where nothing is spent;
            "unknown_minutes" where that is not given and has to be. Empty where a new budget of the same size holds it.
    """

    def __init__(self, message: str = "", *, limits: tuple[str, ...] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.limits = limits


class JournalError(ZhongzhuanError):
    """The journal cannot be read, written or shared."""


class StoppedError(ZhongzhuanError):
    """The work on many recordings was stopped before this one was sent."""
