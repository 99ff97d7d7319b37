"""The command, also as ``python -m zhongzhuan_audio``."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec

__all__ = ["main"]


def main() -> int:
    """Run the command and return its exit code; without the extra ``cli`` say in one line what to install."""
    with _ending_at_once():
        if any(find_spec(name) is None for name in ("cyclopts", "rich")):
            sys.stderr.write("zhongzhuan-audio: the command needs: pip install 'zhongzhuan-audio[cli]'\n")
            return 2
        from zhongzhuan_audio.cli import run
    return run(sys.argv[1:])


@contextmanager
def _ending_at_once() -> Iterator[None]:
    """End the process on Ctrl-C, as long as there is nothing to clean up.

    A KeyboardInterrupt would not do: Python's imports run callbacks that swallow it.
    """
    previous = signal.getsignal(signal.SIGINT)
    if previous is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _end(*_: object) -> None:
    with suppress(OSError):
        os.write(2, b"zhongzhuan-audio: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
