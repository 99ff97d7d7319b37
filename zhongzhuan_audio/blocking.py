"""The blocking client: the same coroutines, run in a thread of the client's own through anyio's blocking portal.

The thread is a daemon that runs a portal of its own making. `anyio.from_thread.start_blocking_portal`, kept open by a
client that nobody closes, would hang the interpreter at exit, and hang a forked child.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread
import os
import ssl as ssl_module
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager
from functools import wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from zhongzhuan_audio.client import AsyncClient
from zhongzhuan_audio.config import ApiKey, Endpoint, Limits, RetryPolicy, Timeouts, masked, masked_items
from zhongzhuan_audio.errors import ConfigurationError, TransportError
from zhongzhuan_audio.events import OnEvent

if TYPE_CHECKING:
    from zhongzhuan_audio.relay import Engine

__all__ = ["Client"]

P = ParamSpec("P")
T = TypeVar("T")

_EXIT_WAIT_S = 2.0
_LOOK_S = 0.05
"""How often it is looked at the end whether a pool's thread, which does not end by itself, has work left."""
# A thread that waits for a lock cannot be interrupted by Ctrl-C on Windows; it looks up this often there.
_POLL_S = 0.1 if sys.platform == "win32" else None


def _twin_of(
    method: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]],
) -> Callable[[Callable[..., None]], Callable[Concatenate[Client, P], T]]:
    """Put the blocking twin of an async method, with its signature and docstring, in the place of what is decorated."""

    @wraps(method)
    def twin(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._run(lambda client: method(client, *args, **kwargs))

    return lambda _: twin


class _Worker:
    """A daemon thread with an event loop, a portal into it, and the async client that lives there."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self.pid = os.getpid()
        self.stopped = False
        self._ready: Future[tuple[BlockingPortal, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self.thread = threading.Thread(target=self._main, name="zhongzhuan-audio", daemon=True)
        self.thread.start()
        _living.add(self)
        self.portal, _, _ = self._ready.result()

    def _main(self) -> None:
        try:
            anyio.run(self._serve)
        except BaseException as error:  # pragma: no cover - no loop to be had: out of file descriptors
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _serve(self) -> None:
        async with self.client, BlockingPortal() as portal:
            stopping = asyncio.Event()
            self._ready.set_result((portal, asyncio.get_running_loop(), stopping))
            await stopping.wait()
            await portal.stop(cancel_remaining=True)

    def stop(self) -> None:
        """Cancel what runs, close the client and end the thread; a forked child has no such thread."""
        if self.pid != os.getpid() or not self.thread.is_alive():
            return
        self.stopped = True
        _, loop, stopping = self._ready.result()
        loop.call_soon_threadsafe(stopping.set)
        if threading.current_thread() is not self.thread:
            self.thread.join(_EXIT_WAIT_S)


_living: weakref.WeakSet[_Worker] = weakref.WeakSet()


# How many calls each thread that has ever called has under way. Each thread writes its own entry only.
_callers: dict[threading.Thread, int] = {}


@contextmanager
def _calling() -> Iterator[None]:
    """Take note that this thread's call is under way."""
    thread = threading.current_thread()
    if thread not in _callers:
        for caller in list(_callers):
            if not caller.is_alive():
                _callers.pop(caller, None)
    _callers[thread] = _callers.get(thread, 0) + 1
    try:
        yield
    finally:
        _callers[thread] -= 1


def _is_awaited(thread: threading.Thread, calls: int) -> bool:
    """Tell whether the program does not end before this thread has, or before it has done what it was given."""
    if thread.daemon or thread is threading.current_thread() or not thread.is_alive():
        return False
    given = concurrent.futures.thread._threads_queues.get(thread)  # noqa: SLF001
    return given is None or calls > 0 or not given.empty()


def _stop_all() -> None:
    try:
        # Python itself waits for these threads a moment later; what they do until then was paid for.
        while busy := [thread for thread, calls in list(_callers.items()) if _is_awaited(thread, calls)]:
            busy[0].join(_LOOK_S)
    finally:
        for worker in list(_living):
            worker.stop()


# `atexit` comes after the executors of concurrent.futures have shut, and an embedded relay needs one to close. The hook
# is the one that concurrent.futures itself uses; what registers later runs earlier.
threading._register_atexit(_stop_all)  # type: ignore[attr-defined]  # noqa: SLF001


def _closed() -> ConfigurationError:
    return ConfigurationError("this client is closed", hint="make a new one")


# A forked child must not let go of its parent's loop and sockets: closing them would reach into the parent.
_inherited: list[_Worker] = []


class Client:
    """A blocking client of a relay's audio endpoints, for scripts and notebooks.

    It needs no ``with``: an unclosed client ends with the program. Any number of threads may call it at once; it works
    while the thread's own event loop runs (it blocks that loop for as long), and after a fork. Ctrl-C cancels the
    request.

    Args:
        base_url: See `AsyncClient`.
        api_key: See `AsyncClient`; a function is called on the client's own thread.
        endpoints: See `AsyncClient`.
        timeouts: See `AsyncClient`.
        retry: See `AsyncClient`.
        limits: See `AsyncClient`.
        on_event: See `AsyncClient`; called on the client's own thread.
        proxy: See `AsyncClient`.
        trust_env: See `AsyncClient`.
        ssl: See `AsyncClient`.
        headers: See `AsyncClient`.
        allow_http: See `AsyncClient`.

    Raises:
        ConfigurationError: There is no key, or an option is wrong.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: ApiKey | None = None,
        *,
        endpoints: Sequence[Endpoint] | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        limits: Limits | None = None,
        on_event: OnEvent | None = None,
        proxy: str | None = None,
        trust_env: bool = True,
        ssl: ssl_module.SSLContext | bool | None = None,
        headers: Mapping[str, str] | None = None,
        allow_http: bool = False,
    ) -> None:
        base_url, api_key, proxy, headers = masked(base_url), masked(api_key), masked(proxy), masked_items(headers)
        self._begin(
            lambda: AsyncClient(
                base_url,
                api_key,
                endpoints=endpoints,
                timeouts=timeouts,
                retry=retry,
                limits=limits,
                on_event=on_event,
                proxy=proxy,
                trust_env=trust_env,
                ssl=ssl,
                headers=headers,
                allow_http=allow_http,
            )
        )

    def _begin(self, make: Callable[[], AsyncClient]) -> None:
        self._make = make
        self._client = make()
        self._worker: _Worker | None = None
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._closed = False

    @classmethod
    def local(
        cls,
        engine: Engine | None = None,
        *,
        model_dir: str | os.PathLike[str] | None = None,
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
    ) -> Self:
        """Return a client of a relay of its own, on this machine: no key, no network.

        See `AsyncClient.local`.

        Raises:
            MissingExtraError: The extra ``local`` is not installed.
        """
        client = cls.__new__(cls)
        client._begin(  # noqa: SLF001 - its own class
            lambda: AsyncClient.local(engine, model_dir=model_dir, timeouts=timeouts, limits=limits)
        )
        return client

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the client."""
        self.close()

    def __repr__(self) -> str:
        """Return the endpoint's address; never the key."""
        if not hasattr(self, "_client"):
            return f"<{type(self).__name__}>"
        return repr(self._client).replace("AsyncClient", type(self).__name__)

    def close(self) -> None:
        """Cancel what runs and close the connections. May be called more than once."""
        self._closed = True
        if self._worker is not None:
            self._worker.stop()

    def _run(self, function: Callable[[AsyncClient], Coroutine[Any, Any, T]]) -> T:
        with _calling():
            worker = self._running_worker()
            if threading.current_thread() is worker.thread:
                raise RuntimeError(
                    "a blocking call from the client's own thread would wait for itself; do it elsewhere"
                )
            try:
                future: Future[T] = worker.portal.start_task_soon(function, worker.client)
            except RuntimeError:
                raise _closed() from None
            return self._result(worker, future)

    def _result(self, worker: _Worker, future: Future[T]) -> T:
        try:
            while _POLL_S is not None and not future.done():  # pragma: no cover - Windows
                wait((future,), timeout=_POLL_S)
            return future.result()
        except CancelledError:
            if not worker.stopped:
                raise
            message = "this client was closed, or the program ended, while the call ran in another thread"
            raise TransportError(message, billed="maybe", hint="close it when all calls have ended") from None
        except BaseException:
            # `portal.call` would leave the coroutine running after Ctrl-C, paying for an answer that nobody takes.
            future.cancel()
            raise

    def _running_worker(self) -> _Worker:
        """Return the worker, begun at the first call, and again in a forked child."""
        pid = os.getpid()
        if self._pid != pid:
            # The lock may have been held by a thread that the child does not have.
            self._lock, self._pid = threading.Lock(), pid
        with self._lock:
            if self._closed:
                raise _closed()
            if self._worker is not None and self._worker.pid != pid:
                _inherited.append(self._worker)
                self._worker, self._client = None, self._make()
            if self._worker is None:
                self._worker = _Worker(self._client)
                weakref.finalize(self, self._worker.stop)
            return self._worker

    @_twin_of(AsyncClient.transcribe)
    def transcribe(self) -> None: ...  # noqa: D102 - it gets the async method's

    @_twin_of(AsyncClient.translate)
    def translate(self) -> None: ...  # noqa: D102 - it gets the async method's
