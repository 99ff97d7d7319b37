"""A model that a process loads once, and the one thread that uses it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, final

from zhongzhuan_audio.threads import finish

__all__ = ["SharedModel", "share"]

T = TypeVar("T")


@final
class SharedModel:
    """A model and its thread: a queue that serves in order, one piece of work at a time."""

    def __init__(self, load: Callable[[], Any], thread_name: str) -> None:
        self._load = load
        self._model: Any = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=thread_name)

    async def run(self, work: Callable[[Any], T], *, cancelled: threading.Event | None = None) -> T:
        """Return what a function of the model gives; it waits its turn, and the model is loaded at the first.

        Args:
            work: Runs in the thread.
            cancelled: Set when the caller is cancelled, for the function to end early; its end is waited for.

        Raises:
            Exception: What the function raises, or the loading.
        """

        def job() -> T:
            if self._model is None:
                self._model = self._load()
            return work(self._model)

        future = self._thread.submit(job)

        def give_up() -> None:
            if cancelled is not None:
                cancelled.set()
            future.cancel()

        return await finish(asyncio.wrap_future(future), on_cancel=give_up)


_shared: dict[tuple[int, Hashable], SharedModel] = {}
_lock = threading.Lock()


def share(key: Hashable, load: Callable[[], Any], thread_name: str) -> SharedModel:
    """Return the process's model of this key, to be loaded so where there is none yet."""
    # The process is part of the key: neither a thread nor a loaded model lives on in a forked child.
    place = (os.getpid(), key)
    with _lock:
        if place not in _shared:
            _shared[place] = SharedModel(load, thread_name)
        return _shared[place]
