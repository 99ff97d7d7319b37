"""What the relay does wrong on purpose, and when: values. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Any, Literal, TypeAlias, TypedDict, Unpack, get_args

import attrs

from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.relay.received import ReceivedRequest
from zhongzhuan_audio.relay.scripted import ScriptedAnswer

__all__ = ["KINDS", "LOOP", "Conditions", "Fault", "FaultKind", "Match"]

FaultKind: TypeAlias = Literal[
    "informational",
    "early-answer",
    "early-refusal",
    "reset-before-upload",
    "reset-during-upload",
    "answer",
    "html",
    "redirect",
    "reset-after-upload",
    "fin-after-upload",
    "stall-before-headers",
    "stall-in-headers",
    "stall-after-headers",
    "stall-in-body",
    "drip",
    "truncated",
    "truncated-chunked",
    "bad-gzip",
    "short-length",
    "garbage-status",
    "long-header",
    "close-after-answer",
    "close-on-reuse",
]
KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
_EARLY: frozenset[FaultKind] = frozenset(KINDS[:5])
"""Those that strike before the upload is read, and so cannot look at its fields."""
LOOP = "loop"
"""The `location` of a redirect that never ends."""

_STALLS = frozenset({"stall-before-headers", "stall-in-headers", "stall-after-headers", "stall-in-body"})
_TAKES: Mapping[str, frozenset[str]] = {
    "reply": frozenset({"answer", "early-answer", "early-refusal"}),
    "seconds": _STALLS | {"drip"},
    "size_bytes": frozenset({"reset-during-upload", "drip", "long-header"}),
    "statuses": frozenset({"informational"}),
    "location": frozenset({"redirect"}),
}
_WORDS: Mapping[int, str] = {
    401: "无效的令牌",
    403: "该令牌无权使用模型 whisper-1",
    429: "当前分组上游负载已饱和，请稍后再试",
    500: "upstream error: do request failed",
    503: "分组 default 下模型 whisper-1 无可用渠道（distributor）",
}
"""In which words relays refuse; the status's own phrase for the others."""


@attrs.frozen(kw_only=True)
class Match:
    """Holds for requests whose path, file name and form fields are like these patterns (``*``, ``?``, ``[a-z]``).

    ::

        Fault.refusal(503, where=Match(fields={"model": "gpt-*"}))
    """

    path: str | None = None
    """Without a query."""
    filename: str | None = None
    fields: Mapping[str, str] = attrs.field(factory=dict)
    """Of a form, or of a JSON body. One that was sent more than once matches by any of its values."""

    def __call__(self, received: ReceivedRequest) -> bool:
        """Return whether every pattern fits."""
        if self.path is not None and not fnmatchcase(received.path.partition("?")[0], self.path):
            return False
        if self.filename is not None and not fnmatchcase(received.filename or "", self.filename):
            return False
        return all(
            any(fnmatchcase(value, pattern) for value in _values(received, name))
            for name, pattern in self.fields.items()
        )


def _values(received: ReceivedRequest, name: str) -> tuple[str, ...]:
    told = received.json or {}
    if name not in told:
        return received.fields.get(name, ())
    value = told[name]
    return (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False),)


class Conditions(TypedDict, total=False):
    """When a fault strikes; see the fields of `Fault`."""

    times: int | None
    every: int
    requests: tuple[int, ...]
    probability: float
    where: Callable[[ReceivedRequest], bool] | None


def _at_least(lowest: float) -> Callable[[object, attrs.Attribute[Any], Any], None]:
    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is not None and not lowest <= value < math.inf:
            raise ConfigurationError(f"{attribute.name} must be a number of at least {lowest:g}, not {value!r}")

    return check


def _as_tuple(values: Iterable[int]) -> tuple[int, ...]:
    return tuple(values)


def _each_in(lowest: int, highest: float) -> Callable[[object, attrs.Attribute[Any], Any], None]:
    def check(_: object, attribute: attrs.Attribute[Any], values: Any) -> None:
        for value in values:
            if not lowest <= value <= highest:
                raise ConfigurationError(f"{value!r} cannot be one of {attribute.name}")

    return check


@attrs.frozen
class Fault:
    """One thing that the relay does wrong, and when.

    All the conditions that are given must hold. What strikes before the upload is read (`is_early`) knows of a request
    only its method, path and headers; the others know the fields and the file name too.

    ::

        Fault("reset-after-upload", probability=0.1)
        Fault("stall-in-body", seconds=5, every=7)
        Fault.refusal(429, retry_after=2, times=3)
    """

    kind: FaultKind = attrs.field()
    """What; docs/local.md says what each of them does."""
    reply: ScriptedAnswer | None = attrs.field(default=None, kw_only=True)
    """For "answer" (which must have one), "early-answer" and "early-refusal": what is answered, sent as it is."""
    seconds: float | None = attrs.field(default=None, kw_only=True, validator=_at_least(0))
    """How long a stall lasts, before all goes on well; None means until the client goes. For "drip": seconds between
    two pieces, 0.05 where it is None."""
    size_bytes: int | None = attrs.field(default=None, kw_only=True, validator=_at_least(1))
    """For "reset-during-upload": how much of the body is read first, 1 where it is None. For "drip": bytes of a piece,
    16. For "long-header": bytes of its value, 65,537."""
    statuses: tuple[int, ...] = attrs.field(
        default=(100, 103), kw_only=True, converter=_as_tuple, validator=_each_in(100, 199)
    )
    """For "informational": what is sent before the real answer."""
    location: str | None = attrs.field(default=None, kw_only=True)
    """For "redirect": where to, a path or a whole URL; None means the same address again, "loop" a redirect to an
    address that redirects to itself."""
    times: int | None = attrs.field(default=None, kw_only=True, validator=_at_least(1))
    """How often it strikes at most: the next so many requests. None means for ever."""
    every: int = attrs.field(default=1, kw_only=True, validator=_at_least(1))
    """Strikes every so many requests, by their numbers: with 7 the 7th, the 14th and so on."""
    requests: tuple[int, ...] = attrs.field(
        default=(), kw_only=True, converter=_as_tuple, validator=_each_in(1, math.inf)
    )
    """Numbers of the requests that it strikes; empty means any. The first request after the start, or after the plan
    was scripted, is 1, and every request counts, whatever its path."""
    probability: float = attrs.field(default=1.0, kw_only=True)
    """Share of the requests, at random but repeatable: see `FaultPlan`."""
    where: Callable[[ReceivedRequest], bool] | None = attrs.field(default=None, kw_only=True)
    """Asked whether a request is one to strike: a `Match`, or any function. None means each is."""

    def __attrs_post_init__(self) -> None:
        """Refuse what makes no sense together."""
        if self.kind not in KINDS:
            raise ConfigurationError(f"{self.kind!r} is no fault", hint=f"the faults are {', '.join(KINDS)}")
        if not 0 <= self.probability <= 1:
            raise ConfigurationError(f"probability must be from 0 to 1, not {self.probability!r}")
        for name, kinds in _TAKES.items():
            if getattr(self, name) != getattr(attrs.fields(Fault), name).default and self.kind not in kinds:
                raise ConfigurationError(f"{self.kind} takes no {name}")
        if self.kind == "answer" and self.reply is None:
            raise ConfigurationError("an answer needs a reply", hint="use Fault.answer(status, headers, body)")
        if isinstance(self.where, Match) and self.is_early and (self.where.fields or self.where.filename is not None):
            raise ConfigurationError(f"{self.kind} strikes before the upload is read: it cannot match what is in it")

    @property
    def is_early(self) -> bool:
        """Whether it strikes before the upload is read."""
        return self.kind in _EARLY

    @classmethod
    def answer(
        cls,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: str | bytes = "",
        **when: Unpack[Conditions],
    ) -> Fault:
        """Return one that answers so, once the upload is read, in place of the work; nothing is added but a length."""
        return cls("answer", reply=ScriptedAnswer(status, body, dict(headers or {})), **when)

    @classmethod
    def refusal(cls, status: int, *, retry_after: float | None = None, **when: Unpack[Conditions]) -> Fault:
        """Return one that answers with this status and a relay's JSON for it.

        Raises:
            ConfigurationError: The status is not of an error.
        """
        if retry_after is not None and not 0 <= retry_after < math.inf:
            raise ConfigurationError(f"retry_after must be a number of seconds from 0 on, not {retry_after!r}")
        if not 400 <= status <= 599:  # noqa: PLR2004 - HTTP
            raise ConfigurationError(f"a refusal's status is from 400 to 599, not {status}")
        message = _WORDS.get(status) or _phrase(status)
        body = {"error": {"message": message, "type": "new_api_error", "code": ""}}
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if retry_after is not None:
            headers["Retry-After"] = f"{retry_after:g}"
        return cls.answer(status, headers, json.dumps(body, ensure_ascii=False), **when)

    @classmethod
    def from_row(cls, row: Mapping[str, Any], **when: Unpack[Conditions]) -> Fault:
        """Return one that answers as a row of a JSON list says.

        Args:
            row: Has `response`, with `status` and perhaps `headers` and `body`; the rest is passed over.
            **when: As for `Fault`.

        Raises:
            ConfigurationError: It has no such response.
        """
        try:
            response = row["response"]
            return cls.answer(int(response["status"]), response.get("headers"), response.get("body") or "", **when)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigurationError(
                "the row has no answer", hint='it needs {"response": {"status": 429, "headers": {}, "body": ""}}'
            ) from error


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"status {status}"
