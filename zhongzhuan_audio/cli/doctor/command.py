"""The command: which endpoints are looked at, and how it ends."""

from __future__ import annotations

import asyncio
import platform
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from zhongzhuan_audio._version import __version__
from zhongzhuan_audio.cli.asking import Json, RelayOptions, end_in_order, find_endpoints
from zhongzhuan_audio.cli.render import logging_to_stderr
from zhongzhuan_audio.config import Endpoint, KeyFile
from zhongzhuan_audio.errors import ConfigurationError

if TYPE_CHECKING:
    from zhongzhuan_audio.cli.doctor.facts import EndpointFacts

__all__ = ["doctor"]

_RELAY = RelayOptions()
_NO_KEY = "no-key"
"""Goes out in the place of a key that is missing: a relay that refuses it is there."""


def doctor(
    *,
    paid: Annotated[bool, Parameter(help="Transcribe one second too; costs little.", show_default=False)] = False,
    json: Json = False,
    relay: RelayOptions = _RELAY,
) -> int:
    """Find out what works, and what to do where it does not.

    Looks at each relay's address, TLS, key, models, balance and clock, at the proxy
    before it, and at what is installed here. It costs nothing without --paid. It
    ends with 1 where a check failed.
    """
    endpoints = _endpoints(relay)
    return end_in_order(lambda: _look(endpoints, relay, paid=paid, json=json))


def _endpoints(relay: RelayOptions) -> list[tuple[Endpoint, ConfigurationError | None]]:
    """Return each endpoint with why it has no key, if it has none.

    Raises:
        ConfigurationError: An address is wrong.
    """
    stand_ins = find_endpoints(relay, _NO_KEY)
    try:
        endpoints = find_endpoints(relay)
    except ConfigurationError as error:
        return [(endpoint, error) for endpoint in stand_ins]
    found: list[tuple[Endpoint, ConfigurationError | None]] = []
    for endpoint, stand_in in zip(endpoints, stand_ins, strict=True):
        try:
            if isinstance(endpoint.api_key, KeyFile):
                endpoint.api_key()
        except ConfigurationError as error:
            found.append((stand_in, error))
        else:
            found.append((endpoint, None))
    return found


def _look(
    endpoints: list[tuple[Endpoint, ConfigurationError | None]], relay: RelayOptions, *, paid: bool, json: bool
) -> int:
    # The client imports aiohttp, a sixth of a second that --help does not need.
    from zhongzhuan_audio.cli.doctor.collecting import examine
    from zhongzhuan_audio.cli.doctor.extras import find_extras
    from zhongzhuan_audio.cli.doctor.judging import judge
    from zhongzhuan_audio.cli.doctor.rows import of_extras, of_versions
    from zhongzhuan_audio.cli.doctor.showing import show

    async def examine_all() -> list[EndpointFacts]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(examine(endpoint, key=key, paid=paid)) for endpoint, key in endpoints]
        return [task.result() for task in tasks]

    with logging_to_stderr(wanted=relay.verbose):
        found = asyncio.run(examine_all())
    rows = [row for facts in found for row in judge(facts)]
    rows.append(of_versions(__version__, platform.python_version(), f"{platform.system()} {platform.machine()}"))
    rows += of_extras(find_extras())
    return show(rows, json=json)
