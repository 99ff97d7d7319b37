"""One attempt: the key, the body, and redirects that stay with the origin."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from yarl import URL

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.config import Endpoint, Secret, Timeouts
from zhongzhuan_audio.errors import (
    Phase,
    TimedOutError,
    TransportError,
)
from zhongzhuan_audio.events import ConnectionOpened, ConnectionReused, Event
from zhongzhuan_audio.transport.deadline import within
from zhongzhuan_audio.transport.exchange import Reply, exchange
from zhongzhuan_audio.transport.held import Held
from zhongzhuan_audio.transport.outgoing import Body, Outgoing
from zhongzhuan_audio.transport.route import Route
from zhongzhuan_audio.transport.session import Opened

__all__ = ["attempt"]

T = TypeVar("T")

_REDIRECTS = frozenset({301, 302, 307, 308})
_MAX_REDIRECTS = 3


async def attempt(
    opened: Opened,
    route: Route,
    endpoint: Endpoint,
    outgoing: Outgoing,
    *,
    key: Secret,
    headers: Mapping[str, str],
    timeouts: Timeouts,
    bodies: list[Body],
    tell: Callable[[Event], None] | None,
    receive: Callable[[Reply], Awaitable[T]],
    held: Held,
) -> T:
    """Send a request once and return what is made of its answer, whatever its status.

    Args:
        opened: The session.
        route: How to reach the endpoint.
        endpoint: Where to.
        outgoing: What.
        key: Of the endpoint.
        headers: Beside the key.
        timeouts: How long each phase may take.
        bodies: Gets each body that was begun, the last at the end: they tell how far it came.
        tell: Told of each connection that is made or used again; None where nobody listens.
        receive: Reads the answer, all of it or its beginning, and makes something of it.
        held: Gets the answer; to be closed when that is done with.

    Raises:
        ZhongzhuanError: No answer came, the recording is not what it was, or what `receive` raises.
    """
    headers = {**headers, **outgoing.headers, "Authorization": Secret("Bearer " + key)}
    url = outgoing.url(endpoint.base_url)
    limit_s = timeouts.attempt_limit_s(outgoing.size_bytes, outgoing.audio_s)
    limit = within(limit_s)

    def on_connection(reused: bool) -> None:
        if tell is not None:
            tell((ConnectionReused if reused else ConnectionOpened)(endpoint=endpoint.base_url))

    try:
        async with limit:
            for _ in range(_MAX_REDIRECTS + 1):
                bodies.append(outgoing.body(stall_s=timeouts.upload_stall_s, on_connection=on_connection))
                held.reply = reply = await exchange(
                    opened.session,
                    url,
                    method=outgoing.method,
                    headers=headers,
                    payload=bodies[-1],
                    route=route,
                    timeouts=timeouts,
                    key=key,
                )
                if reply.status not in _REDIRECTS or "location" not in reply.headers:
                    return await receive(reply)
                await reply.whole()
                url = _follow(url, reply.headers["location"], endpoint.base_url)
    except TimeoutError:
        if not limit.expired():
            raise
        billed = bodies[-1].billed if bodies else "no"
        raise TimedOutError(
            f"the attempt took longer than {limit_s or 0:g} s",
            phase=_phase(bodies[-1]) if bodies else "connect",
            endpoint=endpoint.base_url,
            retryable=True,
            billed=billed,
            hint=Advice("raise Timeouts.attempt_s"),
        ) from None
    raise TransportError(
        f"{url.host} redirects without end",
        endpoint=endpoint.base_url,
        hint=Advice("check base_url: it is not the relay's", command="check --base-url: it is not the relay's"),
    )


def _phase(body: Body) -> Phase:
    """Return where an attempt is."""
    if body.reused is None:
        return "connect"
    return "answer" if body.complete else "upload"


def _follow(url: URL, location: str, endpoint: str) -> URL:
    """Return where a redirect leads, if the key may go there."""
    try:
        target = url.join(URL(location))
        same = target.origin() == url.origin()
    except ValueError:
        target, same = None, False
    if target is None or not same:
        where = target.with_query(None).with_user(None) if target is not None else "an address that makes no sense"
        raise TransportError(
            f"{url.host} redirects to {where}; the key is not sent there",
            endpoint=endpoint,
            hint=Advice(
                "if that is the relay's own address, give it as base_url",
                command="if that is the relay's own address, give it with --base-url",
            ),
        )
    return target
