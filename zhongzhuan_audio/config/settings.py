"""What a client is told once; checked at construction."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

import attrs

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.config.address import DEFAULT_BASE_URL, normalise_base_url
from zhongzhuan_audio.config.checks import check_kind
from zhongzhuan_audio.config.keys import (
    API_KEY_FILE_VARIABLE,
    API_KEY_VARIABLE,
    ApiKey,
    KeyFile,
    Secret,
    check_api_key,
    masked,
)
from zhongzhuan_audio.errors import ConfigurationError

__all__ = [
    "BASE_URL_VARIABLE",
    "AudioLimits",
    "Encoding",
    "Endpoint",
    "Limits",
    "RetryPolicy",
    "Timeouts",
    "endpoints_from_options",
]

BASE_URL_VARIABLE = "ZHONGZHUAN_BASE_URL"

_LEAST_BYTES = 65_536
_LEAST_S = 10.0


def _is_positive(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf


def _seconds(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not _is_positive(value):
        raise ConfigurationError(f"{attribute.name} must be a number of seconds above 0, not {value!r}")


def _seconds_or_none(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not _is_positive(value):
        raise ConfigurationError(f"{attribute.name} must be a number of seconds above 0, or None, not {value!r}")


def _seconds_or_auto(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and value != "auto" and not _is_positive(value):
        raise ConfigurationError(f'{attribute.name} must be a number of seconds above 0, "auto" or None, not {value!r}')


def _rate_or_none(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not _is_positive(value):
        raise ConfigurationError(f"{attribute.name} must be a number above 0, or None, not {value!r}")


def _at_least_one(_: object, attribute: attrs.Attribute[Any], value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{attribute.name} must be a whole number of at least 1, not {value!r}")


def _not_negative(_: object, attribute: attrs.Attribute[Any], value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigurationError(f"{attribute.name} must be a whole number of at least 0, not {value!r}")


@attrs.frozen(kw_only=True)
class Timeouts:
    """How long each phase of a request may take, in seconds; None waits for ever."""

    connect_s: float | None = attrs.field(default=15.0, validator=_seconds_or_none)
    """Name look-up, TCP and TLS together."""
    upload_stall_s: float | None = attrs.field(default=60.0, validator=_seconds_or_none)
    """The longest that the upload may stand still, with nothing taken. A slow link that moves is not cut by it."""
    answer_stall_s: float | None = attrs.field(default=600.0, validator=_seconds_or_none)
    """From the last byte sent to the first of the answer, and between its parts. A relay answers when the whole
    recording is recognised, so this is minutes."""
    attempt_s: float | Literal["auto"] | None = attrs.field(default="auto", validator=_seconds_or_auto)
    """One attempt as a whole. "auto" grows with the work: ten minutes, a second for each 32 KiB of the upload, and the
    recording's own length where its header tells it."""

    def attempt_limit_s(self, size_bytes: int, audio_s: float | None = None) -> float | None:
        """Return how long an attempt may take, in seconds; None is for ever.

        Args:
            size_bytes: Of the recording.
            audio_s: Its length in seconds; None where it is not known.
        """
        if self.attempt_s != "auto":
            return self.attempt_s
        if self.answer_stall_s is None:
            return None
        return max(self.answer_stall_s, 600.0) + size_bytes / 32768 + (audio_s or 0.0)


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """When a failed request is tried again."""

    max_attempts: int = attrs.field(default=4, validator=_at_least_one)
    """Requests a call may make in all, over all endpoints; 1 never retries."""
    deadline_s: float | None = attrs.field(default=None, validator=_seconds_or_none)
    """Seconds for a call as a whole: reading what can be read but once, its turn, all attempts and waits."""
    backoff_base_s: float = attrs.field(default=0.5, validator=_seconds)
    """The most that the first wait takes; each further one may take twice as long."""
    backoff_cap_s: float = attrs.field(default=20.0, validator=_seconds)
    """No wait of our own choosing is longer."""
    retry_after_cap_s: float = attrs.field(default=60.0, validator=_seconds)
    """A relay that asks for a longer wait is not waited for."""
    maybe_billed_retries: int = attrs.field(default=1, validator=_not_negative)
    """How often a call may try again what may have been billed; 0 leaves that to the caller."""


@attrs.frozen(kw_only=True)
class Limits:
    """How much a client asks of a relay at once."""

    max_concurrency: int = attrs.field(default=64, validator=_at_least_one)
    """Connections, and so requests, at one time. Fewer run for a while after the relay answers 429."""
    requests_per_minute: float | None = attrs.field(default=None, validator=_rate_or_none)
    """Evenly spread; None sets no limit."""
    audio_minutes_per_minute: float | None = attrs.field(default=None, validator=_rate_or_none)
    """Minutes of audio begun a minute, where their length is known; None sets no limit."""
    max_waiting: int | None = attrs.field(default=None, validator=attrs.validators.optional(_not_negative))
    """Calls that may wait for their turn; one more fails at once, unsent. None sets no limit."""
    max_wait_s: float | None = attrs.field(default=None, validator=_seconds_or_none)
    """Seconds that a call may wait for its turn; after that it fails, unsent. None waits for ever."""


Encoding: TypeAlias = Literal["mp3", "opus", "flac"]
"""What recordings are converted to: MP3, Opus in Ogg, or FLAC, which loses nothing."""


def _bytes_or_none(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < _LEAST_BYTES):
        raise ConfigurationError(
            f"{attribute.name} must be a whole number of bytes, at least {_LEAST_BYTES}, or None, not {value!r}"
        )


def _longest(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    fits = isinstance(value, Mapping) and all(
        isinstance(name, str) and _is_positive(seconds) and seconds >= _LEAST_S for name, seconds in value.items()
    )
    if not fits:
        raise ConfigurationError(
            f"{attribute.name} must map beginnings of models' names to seconds, at least {_LEAST_S:g}, not {value!r}"
        )


def _encoding(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value not in get_args(Encoding):
        raise ConfigurationError(f"{attribute.name} must be one of {', '.join(get_args(Encoding))}, not {value!r}")


@attrs.frozen(kw_only=True)
class AudioLimits:
    """What a relay takes in one request; a recording that passes it is compressed, and cut where that is not enough."""

    max_bytes: int | None = attrs.field(default=25 * 1024 * 1024 - 16 * 1024, validator=_bytes_or_none)
    """Of a recording; None sets no limit. OpenAI takes 25 MiB with the form around it."""
    max_duration_s: Mapping[str, float] = attrs.field(
        factory=lambda: {"gpt-4o-": 1500.0, "gpt-transcribe": 1500.0}, validator=_longest
    )
    """Seconds, by the beginnings of models' names; the longest beginning that fits counts, and "" fits all."""
    encoding: Encoding = attrs.field(default="mp3", validator=_encoding)
    """What recordings are converted to. Many relays read the length that they bill out of an Ogg file as if it were
    Vorbis, and fail on Opus."""

    def longest_s(self, model: str) -> float | None:
        """Return how many seconds a model takes; None without a limit."""
        name = model.lower().rpartition("/")[2]
        fitting = [beginning for beginning in self.max_duration_s if name.startswith(beginning)]
        return self.max_duration_s[max(fitting, key=len)] if fitting else None


@attrs.frozen(init=False, repr=False)
class Endpoint:
    """A relay's address and the key that belongs to it."""

    base_url: str
    """Kept in its normal form, see `normalise_base_url`."""
    api_key: ApiKey
    allow_http: bool = attrs.field(default=False, kw_only=True)
    """Allow plain http to another machine; the key then travels in the clear."""

    def __init__(self, base_url: str, api_key: ApiKey, *, allow_http: bool = False) -> None:
        """Check the key and bring the address into its normal form.

        Raises:
            ConfigurationError: One of them cannot be what it should.
        """
        # Written by hand, since the one that attrs makes would keep the key in its arguments, for tracebacks to show.
        base_url, api_key = masked(base_url), masked(api_key)
        check_kind("allow_http", allow_http, bool, "a bool")
        object.__setattr__(self, "base_url", normalise_base_url(base_url, allow_http=allow_http))
        object.__setattr__(self, "api_key", api_key if callable(api_key) else check_api_key(api_key))
        object.__setattr__(self, "allow_http", allow_http)

    def __repr__(self) -> str:
        """Return the address; never the key."""
        # A traceback may ask for it before there is an address.
        return f"{type(self).__name__}(base_url={getattr(self, 'base_url', None)!r})"


def endpoints_from_options(
    base_url: str | None,
    api_key: ApiKey | None,
    *,
    allow_http: bool = False,
    environ: Mapping[str, str] | None = None,
) -> tuple[Endpoint, ...]:
    """Build the endpoints from arguments, falling back to ``ZHONGZHUAN_*`` variables, which may name several.

    ``OPENAI_API_KEY`` is not read: another vendor's key never goes to a relay.

    Args:
        base_url: An address; None takes the variable, in which commas separate addresses.
        api_key: A key; None takes the variables. ``ZHONGZHUAN_API_KEY`` holds one key for all addresses, or as many as
            there are addresses, separated by commas.
        allow_http: Allow plain http to other machines.
        environ: The variables; None takes the process's own.

    Raises:
        ConfigurationError: There is no key, an address or a key is malformed, or their numbers do not match.
    """
    base_url, api_key = masked(base_url), masked(api_key)
    variables = _Variables(os.environ if environ is None else environ)
    del environ
    urls = [base_url] if base_url is not None else _listed(variables.get(BASE_URL_VARIABLE)) or [DEFAULT_BASE_URL]
    keys = [api_key] * len(urls) if api_key is not None else _keys_from(variables, len(urls))
    if len(keys) != len(urls):
        raise ConfigurationError(
            f"{API_KEY_VARIABLE} holds {_counted(len(keys), 'key')} for {_counted(len(urls), 'address', 'es')}",
            hint="give one key for all of them, or one for each, in the same order",
        )
    return tuple(Endpoint(url, key, allow_http=allow_http) for url, key in zip(urls, keys, strict=True))


def _listed(value: str | None) -> list[str]:
    return [masked(item.strip()) for item in (value or "").split(",") if item.strip()]


def _counted(count: int, thing: str, plural: str = "s") -> str:
    return f"{count} {thing}{'' if count == 1 else plural}"


class _Variables:
    """The environment, without a repr that would show all of it in a traceback."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def get(self, name: str) -> Secret | None:
        """Return a variable's value."""
        value = self._variables.get(name)
        return None if value is None else Secret(value)


def _keys_from(environ: _Variables, count: int) -> list[ApiKey]:
    if path := environ.get(API_KEY_FILE_VARIABLE):
        return [KeyFile(str(path))] * count
    value = environ.get(API_KEY_VARIABLE)
    if not value or not value.replace(",", "").strip():
        variables = f"{API_KEY_VARIABLE} (or {API_KEY_FILE_VARIABLE})"
        raise ConfigurationError(
            "no API key",
            hint=Advice(
                f"set {variables}, or pass api_key=; Client.local() needs none",
                command=f"set {variables}, or name its file with --api-key-file; --local needs none",
            ),
        )
    # "sk-1," is a list in which the other key is missing: the one that is there may not be meant for all addresses.
    pieces = _listed(value) if "," in value else [value] * count
    return [check_api_key(piece, origin=API_KEY_VARIABLE) for piece in pieces]
