"""The tree of errors: who is whose, what each tells, and that all of it survives a pickle."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio import errors
from zhongzhuan_audio.errors import (
    APIError,
    Attempt,
    AudioSourceError,
    BudgetExceededError,
    ConfigurationError,
    InvalidResponseError,
    MissingExtraError,
    RateLimitError,
    TimedOutError,
    TransportError,
    ZhongzhuanError,
)

TREE = {
    "ConfigurationError": "ZhongzhuanError",
    "MissingExtraError": "ConfigurationError",
    "AudioSourceError": "ZhongzhuanError",
    "UnsupportedAudioError": "AudioSourceError",
    "TransportError": "ZhongzhuanError",
    "TimedOutError": "TransportError",
    "StreamInterruptedError": "TransportError",
    "APIError": "ZhongzhuanError",
    "BadRequestError": "APIError",
    "AuthenticationError": "APIError",
    "PermissionDeniedError": "APIError",
    "NotFoundError": "APIError",
    "PayloadTooLargeError": "APIError",
    "RateLimitError": "APIError",
    "QuotaExceededError": "APIError",
    "ModelUnavailableError": "APIError",
    "UpstreamError": "APIError",
    "InvalidResponseError": "ZhongzhuanError",
    "NoTimingError": "ZhongzhuanError",
    "BudgetExceededError": "ZhongzhuanError",
    "JournalError": "ZhongzhuanError",
    "StoppedError": "ZhongzhuanError",
}

CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == errors.__name__
]

ATTEMPTS = (
    Attempt(endpoint="https://a.example/v1", status=502, error="UpstreamError", elapsed_s=1.5, wait_s=0.5),
    Attempt(endpoint="https://b.example/v1", billed="maybe", request_id="req-2"),
)

COMMON = {
    "hint": "do that",
    "retryable": True,
    "billed": "maybe",
    "request_id": "req-1",
    "attempts": ATTEMPTS,
    "partial": ["what", "there", "was"],
}
OWN: dict[type, dict[str, Any]] = {
    MissingExtraError: {"extra": "local"},
    AudioSourceError: {"source": "会议.m4a"},
    TransportError: {"endpoint": "https://a.example/v1", "unreachable": True},
    TimedOutError: {"phase": "connect"},
    APIError: {
        "status": 429,
        "code": "busy",
        "type": "new_api_error",
        "param": "file",
        "headers": {"x-oneapi-request-id": "1"},
        "body": '{"error": {}}',
        "retry_after": 2.5,
        "failover": True,
    },
    BudgetExceededError: {"limits": ("requests",)},
    InvalidResponseError: {"status": 206, "headers": {"server": "nginx"}, "body": "<html>", "failover": False},
}


def facts_of(cls: type) -> dict[str, Any]:
    """Return a value other than the default for every fact that a class takes."""
    own = [facts for base, facts in OWN.items() if issubclass(cls, base)]
    return COMMON | {name: value for facts in own for name, value in facts.items()}


def test_the_tree_is_the_documented_one() -> None:
    """Each class stands below its parent, and there is no other."""
    assert {cls.__name__ for cls in CLASSES} == {"ZhongzhuanError", *TREE}
    for name, parent in TREE.items():
        assert getattr(errors, name).__bases__[0] is getattr(errors, parent)


def test_builtin_handlers_catch_what_they_should() -> None:
    """``except ValueError``, ``ImportError`` and ``TimeoutError`` work as people expect."""
    assert issubclass(ConfigurationError, ValueError)
    assert issubclass(MissingExtraError, ImportError)
    assert issubclass(TimedOutError, TimeoutError)
    catchers = (ValueError, ImportError, OSError)
    caught = {cls.__name__ for cls in CLASSES if issubclass(cls, catchers)}
    assert caught == {"ConfigurationError", "MissingExtraError", "TimedOutError"}


def test_every_public_name_is_exported() -> None:
    """``__all__`` is complete and sorted, and nothing in it is missing."""
    public = {cls.__name__ for cls in CLASSES} | {"Attempt", "Billed", "Phase"}
    assert sorted(public) == list(errors.__all__)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_class_takes_every_fact_as_a_field(cls: type[ZhongzhuanError]) -> None:
    """What is given is there under its own name, and every parameter of the class is tried here."""
    facts = facts_of(cls)
    error = cls("it broke", **facts)
    assert vars(error) == {"message": "it broke", **facts}
    assert error.args == ("it broke",)
    named = {
        name
        for base in cls.__mro__
        if issubclass(base, ZhongzhuanError)
        for name, parameter in inspect.signature(base.__init__).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    assert named == set(facts)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_survives_a_pickle(cls: type[ZhongzhuanError], protocol: int) -> None:
    """With all its facts, its notes and the same text."""
    error = cls("坏了", **facts_of(cls))
    error.add_note("while it rained")
    copied = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - our own bytes
    assert type(copied) is cls
    assert vars(copied) == vars(error)
    assert copied.args == error.args
    assert str(copied) == str(error)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_can_be_copied(cls: type[ZhongzhuanError]) -> None:
    """By copy and by deepcopy."""
    error = cls("it broke", **facts_of(cls))
    for copied in (copy.copy(error), copy.deepcopy(error)):
        assert type(copied) is cls
        assert vars(copied) == vars(error)
        assert str(copied) == str(error)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_class_can_be_raised_bare(cls: type[ZhongzhuanError]) -> None:
    """Without a message there is no retry, no bill and no text."""
    with pytest.raises(cls) as caught:
        raise cls
    error = caught.value
    assert (error.message, error.hint, error.retryable, error.billed) == ("", None, False, "no")
    assert (error.request_id, error.attempts, error.partial) == (None, (), None)
    assert str(error) == ""
    assert str(pickle.loads(pickle.dumps(error))) == ""  # noqa: S301 - our own bytes


def test_the_text_has_what_a_bug_report_needs() -> None:
    """Message, facts, hint, in this order."""
    error = RateLimitError(
        "too many requests",
        status=429,
        code="busy",
        request_id="req-1",
        billed="maybe",
        attempts=ATTEMPTS,
        hint="wait a little",
    )
    assert str(error) == (
        "too many requests (status 429, code busy, request id req-1, may have been billed, 2 attempts) — wait a little"
    )


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ZhongzhuanError("it broke"), "it broke"),
        (ZhongzhuanError("it broke", hint="do that"), "it broke — do that"),
        (ZhongzhuanError(hint="do that"), "do that"),
        (ZhongzhuanError("it broke", attempts=ATTEMPTS[:1]), "it broke"),
        (ZhongzhuanError("it broke", request_id="r"), "it broke (request id r)"),
        (APIError("no", status=500), "no (status 500)"),
        (APIError("no"), "no"),
        (APIError("line\r\n  and line", status=400, hint="a\nb"), "line and line (status 400) — a b"),
        (MissingExtraError("no Whisper", extra="local"), "no Whisper — pip install 'zhongzhuan-audio[local]'"),
        (MissingExtraError("no Whisper", extra="local", hint="as you like"), "no Whisper — as you like"),
        (TimedOutError("too slow", phase="connect"), "too slow"),
    ],
)
def test_the_text_leaves_out_what_is_not_known(error: ZhongzhuanError, text: str) -> None:
    """No empty brackets, no None, and one line whatever the relay wrote."""
    assert str(error) == text


@given(st.text(), st.text() | st.none(), st.text() | st.none())
def test_the_text_is_one_line(message: str, hint: str | None, code: str | None) -> None:
    """A log stays one record a line."""
    assert len(str(APIError(message, hint=hint, code=code)).splitlines()) <= 1


def test_an_api_errors_headers_are_its_own() -> None:
    """A caller's mapping that changes later changes nothing."""
    headers = {"x-request-id": "1"}
    for error in (APIError("no", headers=headers), InvalidResponseError("no", headers=headers)):
        headers["x-request-id"] = "2"
        assert error.headers == {"x-request-id": "1"}
        headers["x-request-id"] = "1"


def test_a_cause_is_kept() -> None:
    """``raise … from`` works as for any exception."""
    cause = OSError("reset")
    with pytest.raises(TransportError) as caught:
        raise TransportError("cut off") from cause
    assert caught.value.__cause__ is cause


def test_an_attempt_is_a_value() -> None:
    """Frozen, equal, hashable, and the same after a pickle."""
    first, second = ATTEMPTS
    copied = pickle.loads(pickle.dumps(second))  # noqa: S301 - our own bytes
    assert copied == second
    assert len({first, second, copied}) == 2
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        copied.billed = "no"
