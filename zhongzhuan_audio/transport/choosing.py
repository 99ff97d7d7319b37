"""An endpoint whose key and proxy can be had."""

from __future__ import annotations

import logging

from zhongzhuan_audio.transport.call import Call
from zhongzhuan_audio.transport.failover import Failover
from zhongzhuan_audio.transport.keys import read_key
from zhongzhuan_audio.transport.route import Route
from zhongzhuan_audio.transport.session import SessionKeeper

__all__ = ["choose_endpoint"]

logger: logging.Logger = logging.getLogger("zhongzhuan_audio")


async def choose_endpoint(call: Call, failover: Failover, sessions: SessionKeeper) -> Route | None:
    """Begin a trial of the next endpoint whose key and proxy can be had.

    Args:
        call: That it is for; its `trial`, `endpoint` and `keys` are filled in.
        failover: Knows the endpoints.
        sessions: Knows how to reach them.

    Returns:
        How to reach it; None where none is left just now.

    Raises:
        Exception: What stood in the way at the first of them, where none has been tried yet.
    """
    failure: Exception | None = None
    while (index := call.choose(failover)) is not None:
        call.trial, endpoint = failover.begin(index), failover.endpoints[index]
        call.endpoint = endpoint.base_url
        try:
            if index not in call.keys:
                call.keys[index] = await read_key(endpoint.api_key)
            return await sessions.route(endpoint.base_url)
        except Exception as error:  # noqa: BLE001 - a function of the user's may raise anything
            failure = failure or error
            failover.left(call.trial)
            call.give_up(index)
            if len(failover.endpoints) > 1:
                # The others may yet serve this call.
                logger.warning("%s is left out: %s", endpoint.base_url, type(error).__name__)
    if failure is not None and call.last is None:
        raise failure
    return None
