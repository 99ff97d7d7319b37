"""The life of a blocking client."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from zhongzhuan_audio.blocking.runner import Runner
from zhongzhuan_audio.client import AsyncClient

__all__ = ["BlockingCore"]


class BlockingCore:
    """The life of a `Client`, which adds the calls."""

    _runner: Runner

    def _begin(self, make: Callable[[], AsyncClient]) -> None:
        self._runner = Runner(make)

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
        if not hasattr(self, "_runner"):
            return f"<{type(self).__name__}>"
        return repr(self._runner).replace("AsyncClient", type(self).__name__)

    def close(self) -> None:
        """Cancel what runs and close the connections. May be called more than once."""
        self._runner.close()
