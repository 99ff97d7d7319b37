"""Blocking twins, derived from the async methods: their signatures and docstrings are the same by construction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from zhongzhuan_audio.blocking.core import BlockingCore
from zhongzhuan_audio.blocking.runner import Runner
from zhongzhuan_audio.client import AsyncClient
from zhongzhuan_audio.config import masked_items

__all__ = ["advance", "entered_as", "iterate", "twin_of"]

P = ParamSpec("P")
T = TypeVar("T")
B = TypeVar("B")


def twin_of(
    method: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]],
) -> Callable[[Callable[..., None]], Callable[Concatenate[BlockingCore, P], T]]:
    """Put the blocking twin of a coroutine in the place of what is decorated."""

    @wraps(method)
    def twin(self: BlockingCore, /, *args: P.args, **kwargs: P.kwargs) -> T:
        _mask_headers(kwargs)
        return self._runner.run(lambda client: method(client, *args, **kwargs))

    return lambda _: twin


def entered_as(
    method: Callable[Concatenate[AsyncClient, P], AbstractAsyncContextManager[T]],
    wrap: Callable[[Runner, T], B],
) -> Callable[[Callable[..., None]], Callable[Concatenate[BlockingCore, P], AbstractContextManager[B]]]:
    """Put the plain twin of an async context manager in the place of what is decorated.

    Args:
        method: The async one.
        wrap: Makes the blocking twin of what it gives.
    """

    @wraps(method)
    @contextmanager
    def twin(self: BlockingCore, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[B]:
        _mask_headers(kwargs)
        with self._runner.hold(lambda client: method(client, *args, **kwargs)) as inner:
            yield wrap(self._runner, inner)

    return lambda _: twin


def _mask_headers(options: dict[str, Any]) -> None:
    """Wrap the headers where there are any: a key may stand in them, and frames keep what they were called with."""
    if "headers" in options:
        options["headers"] = masked_items(options["headers"])


def advance(runner: Runner, items: AsyncIterator[T]) -> tuple[T] | None:
    """Return what an async iterator gives next, when it is there; None at its end."""

    async def step(_: AsyncClient) -> tuple[T] | None:
        try:
            return (await anext(items),)
        except StopAsyncIteration:
            return None

    return runner.run(step)


def iterate(runner: Runner, items: AsyncIterator[T]) -> Iterator[T]:
    """Give what an async iterator gives, each when it is there."""
    while (found := advance(runner, items)) is not None:
        yield found[0]
