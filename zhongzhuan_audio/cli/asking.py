"""What the commands that ask a relay have in common: which one, with which key, and how a question ends."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypeVar

import attrs
from cyclopts import Parameter

from zhongzhuan_audio.cli.exit_codes import FAILED, OK
from zhongzhuan_audio.cli.render import complain, logging_to_stderr, print_bytes
from zhongzhuan_audio.cli.signals import run_until_interrupted, sigterm_interrupts
from zhongzhuan_audio.cli.wording import in_options
from zhongzhuan_audio.config import (
    BASE_URL_VARIABLE,
    ApiKey,
    AudioLimits,
    Endpoint,
    KeyFile,
    Limits,
    endpoints_from_options,
)
from zhongzhuan_audio.errors import ConfigurationError, ZhongzhuanError

if TYPE_CHECKING:
    from zhongzhuan_audio.client import AsyncClient
    from zhongzhuan_audio.events import OnEvent

__all__ = [
    "Json",
    "Local",
    "RelayOptions",
    "ask",
    "check_local",
    "end_in_order",
    "find_endpoints",
    "open_client",
    "print_json",
    "print_text",
    "print_whole",
]

T = TypeVar("T")

Local: TypeAlias = Annotated[bool, Parameter(help="Do it on this machine: no key.", show_default=False)]
Json: TypeAlias = Annotated[bool, Parameter(help="Print JSON, for programs.", show_default=False)]


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class RelayOptions:
    """Which relay is asked, and what is told of it."""

    base_url: Annotated[str | None, Parameter(metavar="URL", help="The relay's address.")] = None
    api_key_file: Annotated[Path | None, Parameter(metavar="FILE", help="File that holds the key.")] = None
    allow_http: Annotated[bool, Parameter(help="Allow plain http to another machine.", show_default=False)] = False
    verbose: Annotated[bool, Parameter(help="Say on stderr what is done.", show_default=False)] = False


def check_local(relay: RelayOptions, *, local: bool) -> None:
    """Find out whether --local stands beside what it makes meaningless.

    Raises:
        ConfigurationError: It does.
    """
    if local and (relay.base_url is not None or relay.api_key_file is not None):
        raise ConfigurationError("--local asks no relay", hint="leave out --base-url and --api-key-file")


def find_endpoints(relay: RelayOptions, key: ApiKey | None = None) -> tuple[Endpoint, ...]:
    """Return the endpoints that the options or the variables name.

    Args:
        relay: The options.
        key: In place of the one that they name.

    Raises:
        ConfigurationError: There is no key, or an address is wrong.
    """
    if key is None and relay.api_key_file is not None:
        key = KeyFile(relay.api_key_file)
    try:
        return endpoints_from_options(relay.base_url, key, allow_http=relay.allow_http)
    except ConfigurationError as error:
        if relay.base_url is None:
            error.message = error.message.replace("base_url", BASE_URL_VARIABLE)
        raise


def open_client(
    relay: RelayOptions,
    *,
    local: bool,
    limits: Limits | None = None,
    audio_limits: AudioLimits | None = None,
    on_event: OnEvent | None = None,
) -> AsyncClient:
    """Return the client, with a key that can be read.

    Args:
        relay: Which relay it asks.
        local: Whether it is the embedded one instead.
        limits: How much is asked at once.
        audio_limits: What the relay takes in one request.
        on_event: Told what the client does.

    Raises:
        ConfigurationError: There is no key, or a setting is wrong.
        MissingExtraError: The embedded relay is wanted and not installed.
    """
    # The client imports aiohttp, a sixth of a second that --help does not need.
    from zhongzhuan_audio.client import AsyncClient

    if local:
        # It hears one recording after the other, so that the last of some long ones may well wait for an hour.
        return AsyncClient.local(limits=limits)
    endpoints = find_endpoints(relay)
    for endpoint in endpoints:
        if isinstance(endpoint.api_key, KeyFile):
            endpoint.api_key()
    return AsyncClient(endpoints=endpoints, limits=limits, audio_limits=audio_limits, on_event=on_event)


def ask(question: Callable[[AsyncClient], Awaitable[T]], relay: RelayOptions, *, local: bool) -> T:
    """Ask one thing, and return what came.

    Args:
        question: Asks it.
        relay: Which relay is asked.
        local: Whether it is the embedded one instead.

    Raises:
        ConfigurationError: An option or a setting is wrong.
        ZhongzhuanError: It cannot be had.
        KeyboardInterrupt: Interrupted; what was under way has ended.
    """
    check_local(relay, local=local)
    client = open_client(relay, local=local)

    async def asked() -> T:
        async with client:
            return await question(client)

    with logging_to_stderr(wanted=relay.verbose):
        return run_until_interrupted(asked())


def end_in_order(work: Callable[[], int]) -> int:
    """Do the work, and return its exit code; a failure or an interruption is one line on stderr.

    Raises:
        ConfigurationError: An option or a setting is wrong.
    """
    with sigterm_interrupts() as interruption:
        try:
            return work()
        except ConfigurationError:
            raise
        except ZhongzhuanError as error:
            complain(f"zhongzhuan-audio: {in_options(error)}")
            return FAILED
        except KeyboardInterrupt:
            complain("zhongzhuan-audio: interrupted")
            return interruption.exit_code


def print_whole(data: bytes) -> int:
    """Write to stdout, and return the exit code; what it does not take is told, unless its reader has gone away."""
    try:
        taken = print_bytes(data)
    except OSError as error:
        complain(f"cannot write to stdout: {error.strerror or error}")
        return FAILED
    return OK if taken else FAILED


def print_text(text: str) -> int:
    """Write to stdout, as UTF-8 on every console, and return the exit code."""
    return print_whole(text.encode("utf-8", "replace"))


def print_json(value: object) -> int:
    """Write a value as JSON to stdout, as UTF-8 on every console, and return the exit code."""
    return print_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
