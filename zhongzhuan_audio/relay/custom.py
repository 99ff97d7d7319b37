"""Further paths, which a test adds to the relay: as much of the rest of a relay's API as the test needs. Pure."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import attrs

from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.relay.scripted import ScriptedAnswer, ScriptedStream, resolve

__all__ = ["JSONRequest", "Route", "Routing", "check_routes", "read_json", "run_route"]


@attrs.frozen(kw_only=True)
class JSONRequest:
    """What a route's function is given."""

    method: str
    path: str
    """Without the query."""
    query: Mapping[str, str] = attrs.field(factory=dict)
    """Of a name that was sent more than once, the last value."""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    """With lower-case names; ``authorization`` is left out."""
    parts: Mapping[str, str] = attrs.field(factory=dict)
    """What stood in the path in place of a ``{name}`` of the route."""
    body: bytes = b""

    @property
    def json(self) -> Any:
        """The body read as JSON; None where it is not, or there is none."""
        return read_json(self.body)


RouteAnswer: TypeAlias = ScriptedAnswer | ScriptedStream | AsyncIterable[bytes] | dict[str, Any] | list[Any]
Route: TypeAlias = Callable[[JSONRequest], "RouteAnswer | Awaitable[RouteAnswer]"]
"""Answers the requests of a path: with an HTTP answer, a stream, or a value that goes out as JSON; it may raise what a
scripted engine may."""
Routing: TypeAlias = Mapping[tuple[str, str], Route]
"""By method and path, such as ``("POST", "/v1/chat/completions")``; ``{name}`` in a path stands for any part of it."""


def check_routes(routes: object) -> dict[tuple[str, str], Route]:
    """Return the routes as a dictionary.

    Raises:
        ConfigurationError: They cannot be routes.
    """
    hint = 'such as {("POST", "/v1/embeddings"): answer}, where answer(request) gives a ScriptedAnswer'
    if not isinstance(routes, Mapping):
        raise ConfigurationError(f"routes must be a dictionary, not {type(routes).__name__}", hint=hint)
    for place, route in routes.items():
        match place:
            case (str(method), str(path)) if method.isalpha() and method.isupper() and path.startswith("/"):
                if not callable(route):
                    raise ConfigurationError(f"the route {method} {path} must be a function", hint=hint)
            case _:
                raise ConfigurationError(f"{place!r} is no method and path", hint=hint)
    return dict(routes)


async def run_route(route: Route, request: JSONRequest) -> ScriptedAnswer | ScriptedStream:
    """Return what a route answers.

    Raises:
        Exception: What it raises.
        TypeError: It gave what cannot be sent.
    """
    answer: Any = await resolve(route, request)
    if isinstance(answer, ScriptedAnswer | ScriptedStream):
        return answer
    if isinstance(answer, AsyncIterable):
        return ScriptedStream(answer)
    if isinstance(answer, dict | list):
        return ScriptedAnswer(200, json.dumps(answer, ensure_ascii=False))
    raise TypeError(f"a route must give a ScriptedAnswer, a stream or JSON, not {type(answer).__name__}")


def read_json(body: bytes) -> Any:
    """Return what a body says in JSON; None where it does not."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
