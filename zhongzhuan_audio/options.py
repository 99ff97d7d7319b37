"""What a client and its calls are given, checked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, get_args

import attrs

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.config import Endpoint, RetryPolicy, Timeouts, check_callable, check_kind, masked
from zhongzhuan_audio.errors import ConfigurationError

__all__ = [
    "OWN_HEADERS",
    "ChannelNames",
    "Channels",
    "Context",
    "Prepare",
    "Preparing",
    "check_options",
    "checked_endpoints",
    "checked_headers",
    "require_asyncio",
    "utc_now",
]

OWN_HEADERS = frozenset({"authorization", "content-length", "host", "transfer-encoding"})
"""Lower-case names of those that each request has of the client itself."""


Prepare: TypeAlias = Literal["auto", "never", "always"]
"""Whether a recording is made ready before it is sent: where that is needed, never, or always."""
Context: TypeAlias = Literal["parallel", "sequential"]
"""Whether the pieces of a recording are asked for side by side, or one after another, each with the end of the text
before behind its prompt."""
Channels: TypeAlias = Literal["split"] | Mapping[str, str] | Mapping[int, str]
"""That each channel of a recording is transcribed by itself: who speaks in which, by "left" and "right" or by number
from 1, where those that are not named are left out; or "split", for all of them."""
ChannelNames: TypeAlias = Literal["split"] | tuple[tuple[int, str], ...]
"""The same, by index from 0 and in order."""

_PREPARE, _CONTEXT = get_args(Prepare), get_args(Context)
_SIDES = {"left": 0, "right": 1}
_TIMED = frozenset({"verbose_json", "srt", "vtt", "diarized_json"})


def channel_names(channels: object) -> ChannelNames | None:
    """Return what the channels of a recording are called.

    Raises:
        ConfigurationError: It is none of `Channels`.
    """
    if channels is None or channels == "split":
        return None if channels is None else "split"
    if not isinstance(channels, Mapping) or not channels:
        raise ConfigurationError(
            f"channels must be 'split' or name the channels, not {channels!r}",
            hint="channels={'left': 'agent', 'right': 'customer'}",
        )
    names: dict[int, str] = {}
    for key, name in channels.items():
        index = _SIDES.get(key) if isinstance(key, str) else None
        number = int(key) if isinstance(key, str) and key.isascii() and key.isdecimal() else key
        if type(number) is int and number > 0:
            index = number - 1
        if index is None:
            raise ConfigurationError(f"channels has no {key!r}", hint="'left', 'right', or numbers from 1")
        if not isinstance(name, str) or not name.strip():
            raise ConfigurationError(f"the name of channel {key!r} must be a text, not {name!r}")
        if index in names or name in names.values():
            raise ConfigurationError(f"channels tells {key!r} or {name!r} twice")
        names[index] = name
    return tuple(sorted(names.items()))


@attrs.frozen(kw_only=True)
class Preparing:
    """What a caller wants to be done to a recording, and to what is heard in it."""

    prepare: Prepare = "auto"
    context: Context = "parallel"
    skip_silence: bool = False
    allow_gaps: bool = False
    drop_suspicious: bool = False
    refill: bool = False
    channels: ChannelNames | None = attrs.field(default=None, converter=channel_names)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Preparing:
        """Return what of a call's options is about this.

        Raises:
            ConfigurationError: One is out of its range.
        """
        return cls(**{name: options[name] for name in attrs.fields_dict(cls) if name in options})

    def __attrs_post_init__(self) -> None:
        """Check the values.

        Raises:
            ConfigurationError: One is out of its range.
        """
        if self.prepare not in _PREPARE:
            raise ConfigurationError(f"prepare must be 'auto', 'never' or 'always', not {self.prepare!r}")
        if self.context not in _CONTEXT:
            raise ConfigurationError(f"context must be 'parallel' or 'sequential', not {self.context!r}")
        if not (self.skip_silence is self.allow_gaps is self.drop_suspicious is self.refill is False):
            for name in ("skip_silence", "allow_gaps", "drop_suspicious", "refill"):
                check_kind(name, getattr(self, name), bool, "a bool")
        if self.channels is not None and self.prepare == "never":
            raise ConfigurationError("channels takes a recording apart, and prepare='never' forbids it")
        if self.skip_silence and self.prepare == "never":
            raise ConfigurationError("skip_silence leaves out a part of a recording, and prepare='never' forbids it")

    @property
    def listens(self) -> bool:
        """Whether it is to be found out where somebody speaks, be the recording sent as it is."""
        return self.drop_suspicious or self.refill

    @property
    def skips_all(self) -> bool:
        """Whether a recording in which nobody speaks is not sent at all."""
        return self.skip_silence or self.channels is not None

    @property
    def needs_times(self) -> bool:
        """Whether nothing can be done without the times of segments."""
        return self.listens or self.channels is not None

    def check_times(self, fields: Iterable[tuple[str, str]]) -> None:
        """Find out whether an answer will have the segments that are wanted.

        Args:
            fields: Those of the request.

        Raises:
            ConfigurationError: It will not.
        """
        if not self.needs_times:
            return
        told = tuple(fields)
        wanted = [value for name, value in told if name == "timestamp_granularities[]"]
        if dict(told).get("response_format") not in _TIMED or (wanted and "segment" not in wanted):
            name = "channels" if self.channels else "refill" if self.refill else "drop_suspicious"
            raise ConfigurationError(
                f"{name} needs the times of segments",
                hint=Advice(
                    "ask a model that gives them (whisper-1), not for word times alone",
                    command="ask a model that gives them, such as --model whisper-1",
                ),
            )


def utc_now() -> datetime:
    """Return the time, for a Retry-After that is a date."""
    return datetime.now(UTC)


def checked_endpoints(endpoints: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """Return the endpoints of a client.

    Raises:
        ConfigurationError: There is none, or one is of another kind.
    """
    check_kind("endpoints", endpoints, Iterable, "a list of Endpoint")
    for endpoint in (checked := tuple(map(masked, endpoints))):
        if not isinstance(endpoint, Endpoint):
            raise ConfigurationError(
                f"endpoints must hold Endpoint, not {type(endpoint).__name__.replace('Secret', 'str')}",
                hint="Endpoint(base_url, api_key)",
            )
    if not checked:
        raise ConfigurationError("endpoints is empty")
    return checked


def checked_headers(headers: Mapping[str, str] | None, *, own: frozenset[str] = OWN_HEADERS) -> dict[str, str]:
    """Return extra headers that can be sent.

    Args:
        headers: Names and values.
        own: Lower-case names that the client sets itself.

    Raises:
        ConfigurationError: One cannot be sent, or is the client's own.
    """
    check_kind("headers", headers, Mapping, "a mapping of strings")
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ConfigurationError("headers must be strings")
        if not (name and name.isascii() and name.isprintable()) or " " in name or ":" in name:
            # It is not shown: a whole header, with a key, may have been given for its name.
            raise ConfigurationError("headers hold a name that cannot stand in a header")
        if not value.isprintable():
            raise ConfigurationError(f"headers hold {str(name)!r}, whose value cannot stand in a header")
        if name.lower() in own:
            raise ConfigurationError(
                f"headers hold {str(name)!r}, which the client sets itself", hint="give the key as api_key"
            )
    return {str(name): value for name, value in (headers or {}).items()}


def check_options(*, timeouts: object = None, retry: object = None, on_progress: object = None) -> None:
    """Find out whether a call's options are of their kinds.

    Raises:
        ConfigurationError: One is not.
    """
    check_kind("timeouts", timeouts, Timeouts, "a Timeouts")
    check_kind("retry", retry, RetryPolicy, "a RetryPolicy")
    check_callable("on_progress", on_progress)


def require_asyncio(what: str = "AsyncClient", blocking: str = "Client().transcribe") -> None:
    """Find out whether asyncio runs here.

    Args:
        what: What needs it.
        blocking: What does not.

    Raises:
        ConfigurationError: Another library does, such as trio.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise ConfigurationError(
            f"{what} runs on asyncio only",
            hint=f"under trio use the blocking one: await anyio.to_thread.run_sync({blocking}, 'a.mp3')",
        ) from None
