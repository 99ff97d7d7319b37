"""``zhongzhuan-audio serve``: the embedded relay, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from zhongzhuan_audio.cli.exit_codes import OK
from zhongzhuan_audio.cli.render import complain, print_bytes
from zhongzhuan_audio.config import API_KEY_VARIABLE, BASE_URL_VARIABLE, is_loopback

if TYPE_CHECKING:
    from zhongzhuan_audio.relay import LocalRelay

__all__ = ["serve", "serve_until_stopped"]

_MAX_PORT = 65535
_FAULTS_HELP = "Fail on purpose, as docs/local.md tells."


def serve(
    *,
    host: Annotated[str, Parameter(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[
        int, Parameter(metavar="N", help="Where to listen; 0 is any free port.", validator=Number(gte=0, lte=_MAX_PORT))
    ] = 0,
    api_key: Annotated[str | None, Parameter(metavar="KEY", help="The key to ask for, sk-local if not given.")] = None,
    model_dir: Annotated[
        Path | None, Parameter(metavar="DIR", help="Another Whisper model, in CTranslate2's form.")
    ] = None,
    faults: Annotated[str | None, Parameter(metavar="SPEC", help=_FAULTS_HELP)] = None,
) -> int:
    """Run a relay on this machine, until Ctrl-C.

    It prints its address, and hears with a Whisper model of its own. Any client of
    OpenAI's transcription endpoint can use it; no network is needed.

    --faults takes WHAT[=VALUE][:WHEN]..., with commas between them; WHEN is a share (0.1, 10%), every=, times=,
    requests=, path=, filename= or field.NAME=. Such as
    'reset-after-upload:0.1,429:5%,stall-in-body=5:every=7;seed=42'.
    """
    # The relay is an extra; --help does without it.
    from zhongzhuan_audio.relay import FaultPlan, LocalRelay, WhisperEngine, parse_faults
    from zhongzhuan_audio.relay.app import DEFAULT_API_KEY

    plan = FaultPlan() if faults is None else parse_faults(faults)
    engine = WhisperEngine(model_dir)
    relay = LocalRelay(
        engine, host=host, port=port, api_key=DEFAULT_API_KEY if api_key is None else api_key, faults=plan
    )

    if not is_loopback(host):
        complain(
            f"zhongzhuan-audio: {host} lets other machines in, over plain http"
            + ("; give a key of your own with --api-key" if api_key is None else "")
        )
    shown_key = DEFAULT_API_KEY if api_key is None else None
    asyncio.run(serve_until_stopped(relay, load=engine.load, shown_key=shown_key))
    return OK


async def serve_until_stopped(relay: LocalRelay, *, load: Callable[[], Awaitable[None]], shown_key: str | None) -> None:
    """Start the relay, print how to reach it, and close it on SIGINT or SIGTERM.

    Args:
        relay: Not started yet.
        load: What comes first. It is not broken off: a signal during it counts when it is done.
        shown_key: The key to print; None for one that is not to be shown.
    """
    stop = asyncio.Event()
    with _on_signals(stop):
        await load()
        if stop.is_set():
            return
        async with relay:
            try:
                print_bytes(_directions(relay.base_url, shown_key).encode())
            except OSError:
                complain(f"zhongzhuan-audio: the relay listens at {relay.base_url}")
            await stop.wait()


@contextmanager
def _on_signals(stop: asyncio.Event) -> Iterator[None]:
    """Set the event on SIGINT, SIGTERM and SIGHUP.

    With `signal.signal`, which Windows has too; and for SIGINT even where a shell started us in the background, with
    that signal ignored. A SIGHUP that is ignored stays so: nohup means it.
    """
    loop = asyncio.get_running_loop()

    def handle(*_: object) -> None:
        loop.call_soon_threadsafe(stop.set)

    numbers: list[int] = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        numbers.append(signal.SIGHUP)
    previous = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _directions(base_url: str, key: str | None) -> str:
    command = "set" if os.name == "nt" else "export"
    shown = key or "(the key that you gave)"
    return (
        f"The relay listens at {base_url}\n"
        f"To point a client at it:\n"
        f"  {command} {BASE_URL_VARIABLE}={base_url}\n"
        f"  {command} {API_KEY_VARIABLE}={shown}\n"
        f"Ctrl-C stops it.\n"
    )
