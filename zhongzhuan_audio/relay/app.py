"""The relay as a whole: started, reachable, remembered, closed without a trace."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import shutil
import tempfile
import weakref
from collections import deque
from collections.abc import Iterable
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, final

from zhongzhuan_audio.config import check_api_key, check_kind, masked
from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.relay.checks import check_engine, check_host, check_number, check_voice, check_whole
from zhongzhuan_audio.relay.custom import Routing, check_routes
from zhongzhuan_audio.relay.engines import Engine
from zhongzhuan_audio.relay.faultplan import FaultPlan
from zhongzhuan_audio.relay.faults import Fault
from zhongzhuan_audio.relay.ledger import PRICE_PER_MINUTE_USD, Ledger
from zhongzhuan_audio.relay.piper import PiperVoice, installed_voice
from zhongzhuan_audio.relay.received import ReceivedRequest
from zhongzhuan_audio.relay.voices import Voice
from zhongzhuan_audio.relay.whisper import WhisperEngine
from zhongzhuan_audio.threads import in_thread

__all__ = ["DEFAULT_API_KEY", "DEFAULT_MAX_UPLOAD_BYTES", "LocalRelay"]

DEFAULT_API_KEY = "sk-local"
DEFAULT_MAX_UPLOAD_BYTES = 26_214_400
"""The upstream's own limit. Source: its error message."""

_REMEMBERED = 512
_MAX_PORT = 65_535


@final
class LocalRelay:
    """A relay on this machine: the same wire, a real HTTP server, real ears and a real voice, or a script.

    ::

        async with LocalRelay() as relay:                        # Whisper, needs the extra `local`; piper, `voice`
            client = AsyncOpenAI(base_url=relay.base_url, api_key=relay.api_key)

        async with LocalRelay(ScriptedEngine("你好")) as relay:  # for tests; needs no extra
            ...
            assert relay.requests[0].fields["model"] == ("whisper-1",)
    """

    def __init__(
        self,
        engine: Engine | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | None = DEFAULT_API_KEY,
        max_upload_bytes: int = DEFAULT_MAX_UPLOAD_BYTES,
        model_dir: str | os.PathLike[str] | None = None,
        faults: Iterable[Fault] | FaultPlan = (),
        any_format: bool = False,
        voice: Voice | None = None,
        quota_usd: float | None = None,
        price_per_minute_usd: float = PRICE_PER_MINUTE_USD,
        routes: Routing | None = None,
    ) -> None:
        """Make a relay; it listens from `start` (or ``async with``) on.

        Args:
            engine: What hears. None means Whisper.
            host: Address to listen on; another than the default lets other machines in.
            port: 0 means any free one; `base_url` then names it.
            api_key: What requests must bring as their Bearer token. None lets everyone in.
            max_upload_bytes: A larger recording is answered with 413.
            model_dir: For Whisper: a CTranslate2 directory in place of the installed model; see `WhisperEngine`.
            faults: What goes wrong, and when; see `Fault`. `relay.faults.script` changes it at any time.
            any_format: Leave it to the engine which recordings it can read. False means that a recording is refused
                for its name's extension, as the upstream does: aac, aiff, caf, mov, mkv and more.
            voice: What speaks. None means piper where the extra ``voice`` is installed, and elsewhere an answer with
                503 that says so.
            quota_usd: What the key may use up, in US dollars; then requests are refused. None means no limit.
            price_per_minute_usd: What a minute of recording costs; see `Ledger`.
            routes: Further paths, or other answers on those that there are: a function for each method and path, such
                as ``{("POST", "/v1/chat/completions"): answer}``; see `JSONRequest`.

        Raises:
            MissingExtraError: `engine` is None and the extra ``local`` is not installed.
            ConfigurationError: A value cannot be used.
        """
        api_key = masked(api_key)
        check_host(host)
        check_whole("port", port, lowest=0, highest=_MAX_PORT)
        check_whole("max_upload_bytes", max_upload_bytes, lowest=1)
        check_kind("any_format", any_format, bool, "a bool")
        check_number("price_per_minute_usd", price_per_minute_usd, lowest=0)
        if quota_usd is not None:
            check_number("quota_usd", quota_usd, lowest=0)
        self._routes = check_routes({} if routes is None else routes)
        if engine is not None and model_dir is not None:
            raise ConfigurationError("model_dir is for Whisper and says nothing to another engine")
        self.api_key: str | None = None if api_key is None else check_api_key(api_key)
        plan = _plan(faults)
        if engine is None:
            engine = WhisperEngine(model_dir)
        check_engine(engine)
        self.engine: Engine = engine
        self.voice: Voice | None = installed_voice() if voice is None else check_voice(voice)
        """What speaks; None where nothing does."""
        self.ledger: Ledger = Ledger(quota_usd, price_per_minute_usd=price_per_minute_usd)
        """What was charged since the start, and what is left."""
        self.requests: deque[ReceivedRequest] = deque(maxlen=_REMEMBERED)
        """The latest 512 requests, in the order they came; emptied at each start."""
        self.request_count: int = 0
        """All requests since the start."""
        self.billable: int = 0
        """Those since the start that a real relay would have charged for; see `ReceivedRequest.billable`."""
        self.faults: FaultPlan = plan
        """What goes wrong; it begins anew at each start."""
        self._host = host
        self._port = port
        self._limit = max_upload_bytes
        self._any_format = any_format
        self._base_url: str | None = None
        self._open: AsyncExitStack | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave: ExitStack = ExitStack()
        """Lets go of what can be let go of without the loop."""

    def __repr__(self) -> str:
        """Return where it listens; never the key."""
        # A traceback may ask for it before there is an address.
        return f"LocalRelay({getattr(self, '_base_url', None) or 'closed'})"

    @property
    def base_url(self) -> str:
        """Address with ``/v1``, as clients take it.

        Raises:
            ConfigurationError: The relay is not started.
        """
        if self._base_url is None:
            raise ConfigurationError("the relay is not started", hint="use it as `async with LocalRelay() as relay:`")
        return self._base_url

    async def start(self) -> None:
        """Listen; where the relay was started in a loop that has been closed since, it begins anew.

        Raises:
            ConfigurationError: It listens already, the address cannot be had, or Whisper's or piper's files are not
                there.
        """
        if self._open is not None:
            if self._loop is None or not self._loop.is_closed():
                raise ConfigurationError("the relay is started already")
            await self.close()
        self.requests.clear()
        self.request_count = 0
        self.billable = 0
        self.faults.restart()
        self.ledger.restart()
        async with AsyncExitStack() as stack:
            self._base_url = await self._listen(stack)
            self._open, self._loop = stack.pop_all(), asyncio.get_running_loop()

    async def close(self) -> None:
        """Stop listening, break off what is under way, and remove every temporary file; harmless when repeated."""
        stack, self._open, self._base_url = self._open, None, None
        left, self._leave = self._leave, ExitStack()
        if stack is not None and self._loop is not None and self._loop.is_closed():
            # Nothing can be awaited of what belongs to it.
            await in_thread(left.close)
        elif stack is not None:
            await stack.aclose()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    async def _listen(self, stack: AsyncExitStack) -> str:
        # aiohttp takes 170 ms to import: only a relay that starts needs it.
        from zhongzhuan_audio.relay.listening import leave, listen
        from zhongzhuan_audio.relay.routes import Routes

        if isinstance(self.engine, WhisperEngine):
            # A wrong directory is told now, and not to the first client.
            await self.engine.check()
        if isinstance(self.voice, PiperVoice):
            await self.voice.check()
        folder = await in_thread(lambda: tempfile.mkdtemp(prefix="zhongzhuan-relay-"))
        # For a relay that nobody closes; of what a process has, its forked children remove nothing.
        remove = weakref.finalize(self, _remove, folder, os.getpid())
        stack.push_async_callback(in_thread, remove)
        routes = Routes(
            engine=self.engine,
            voice=self.voice,
            api_key=self.api_key,
            max_upload_bytes=self._limit,
            any_format=self._any_format,
            folder=Path(folder),
            faults=self.faults,
            ledger=self.ledger,
            custom=self._routes,
            remember=self._remember,
            charge=self._charge,
        )
        server = await listen(routes.application(), self._host, self._port, stack=stack, break_off=routes.break_off)
        self._leave.callback(remove)
        self._leave.callback(leave, server)
        return _address(self._host, int(server.sockets[0].getsockname()[1]))

    def _remember(self, received: ReceivedRequest) -> None:
        self.requests.append(received)
        self.request_count += 1

    def _charge(self, received: ReceivedRequest, *, seconds: float = 0.0) -> None:
        received.billable = True
        received.cost_usd = self.ledger.charge(seconds=seconds, characters=received.characters or 0)
        self.billable += 1


def _remove(folder: str, pid: int) -> None:
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)


def _plan(faults: object) -> FaultPlan:
    if isinstance(faults, FaultPlan):
        return faults
    hint = "parse_faults(...) reads a line of them" if isinstance(faults, str) else None
    if isinstance(faults, str) or not isinstance(faults, Iterable):
        raise ConfigurationError(f"faults must be a list of Fault, not {type(faults).__name__}", hint=hint)
    for fault in (listed := tuple(faults)):
        if not isinstance(fault, Fault):
            raise ConfigurationError(f"faults must hold Fault, not {type(fault).__name__}", hint="Fault(kind)")
    return FaultPlan(listed)


def _address(host: str, port: int) -> str:
    """Return the base URL; an address that means "every interface" is reached through loopback."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"http://{host}:{port}/v1"
    if address.is_unspecified:
        address = ipaddress.ip_address("::1" if address.version == 6 else "127.0.0.1")  # noqa: PLR2004 - IPv6
    shown = f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004 - IPv6
    return f"http://{shown}:{port}/v1"
