"""What a client is told once; checked at construction."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import attrs

from zhongzhuan_audio.config.address import DEFAULT_BASE_URL, normalise_base_url
from zhongzhuan_audio.config.keys import API_KEY_FILE_VARIABLE, API_KEY_VARIABLE, ApiKey, KeyFile, check_api_key
from zhongzhuan_audio.errors import ConfigurationError

__all__ = ["BASE_URL_VARIABLE", "Endpoint", "Limits", "Timeouts"]

BASE_URL_VARIABLE = "ZHONGZHUAN_BASE_URL"


def _positive(_: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ConfigurationError(f"{attribute.name} must be a number of seconds above 0, or None, not {value!r}")


def _at_least_one(_: object, attribute: attrs.Attribute[Any], value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{attribute.name} must be a whole number of at least 1, not {value!r}")


@attrs.frozen(kw_only=True)
class Timeouts:
    """How long each phase of a request may take, in seconds; None waits for ever."""

    connect_s: float | None = attrs.field(default=15.0, validator=_positive)
    """Name look-up, TCP and TLS together."""
    upload_stall_s: float | None = attrs.field(default=60.0, validator=_positive)
    """The longest that the upload may stand still; a slow link that moves is never cut."""
    answer_stall_s: float | None = attrs.field(default=600.0, validator=_positive)
    """From the last byte sent to the first of the answer, and between its parts. A relay answers when the whole
    recording is recognised, so this is minutes."""


@attrs.frozen(kw_only=True)
class Limits:
    """How much a client asks of a relay at once."""

    max_concurrency: int = attrs.field(default=64, validator=_at_least_one)
    """Connections, and so requests, at one time."""


def _checked_api_key(api_key: ApiKey) -> ApiKey:
    return api_key if callable(api_key) else check_api_key(api_key)


@attrs.frozen
class Endpoint:
    """A relay's address and the key that belongs to it."""

    base_url: str
    """Kept in its normal form, see `normalise_base_url`."""
    api_key: ApiKey = attrs.field(repr=False, converter=_checked_api_key)
    allow_http: bool = attrs.field(default=False, kw_only=True, repr=False)
    """Allow plain http to another machine; the key then travels in the clear."""

    def __attrs_post_init__(self) -> None:
        """Bring the address into its normal form."""
        object.__setattr__(self, "base_url", normalise_base_url(self.base_url, allow_http=self.allow_http))

    @classmethod
    def from_options(
        cls,
        base_url: str | None,
        api_key: ApiKey | None,
        *,
        allow_http: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> Endpoint:
        """Build the endpoint from arguments, falling back to ``ZHONGZHUAN_*`` variables.

        ``OPENAI_API_KEY`` is not read: another vendor's key never goes to a relay.

        Raises:
            ConfigurationError: There is no key, or the address or the key is malformed.
        """
        environ = os.environ if environ is None else environ
        url = base_url if base_url is not None else environ.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL
        return cls(url, _resolve_api_key(api_key, environ), allow_http=allow_http)


def _resolve_api_key(api_key: ApiKey | None, environ: Mapping[str, str]) -> ApiKey:
    if api_key is not None:
        return api_key
    if path := environ.get(API_KEY_FILE_VARIABLE):
        return KeyFile(path)
    if key := environ.get(API_KEY_VARIABLE):
        return check_api_key(key, origin=API_KEY_VARIABLE)
    raise ConfigurationError(
        "no API key",
        hint=f"set {API_KEY_VARIABLE} (or {API_KEY_FILE_VARIABLE}), or pass api_key=; Client.local() needs none",
    )
