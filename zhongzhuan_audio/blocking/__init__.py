"""The blocking client: the same coroutines, run by anyio in a thread of the client's own."""

from __future__ import annotations

import os
import ssl as ssl_module
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

from zhongzhuan_audio.blocking.core import BlockingCore
from zhongzhuan_audio.blocking.outcomes import BlockingOutcomes
from zhongzhuan_audio.blocking.speech import Speech
from zhongzhuan_audio.blocking.twins import entered_as, iterate, twin_of
from zhongzhuan_audio.client import AsyncClient
from zhongzhuan_audio.config import ApiKey, AudioLimits, Endpoint, Limits, RetryPolicy, Timeouts, masked, masked_items
from zhongzhuan_audio.events import OnEvent

if TYPE_CHECKING:
    from zhongzhuan_audio.relay import Engine

__all__ = ["BlockingOutcomes", "Client", "Speech"]


class Client(BlockingCore):
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
        audio_limits: See `AsyncClient`.
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
        audio_limits: AudioLimits | None = None,
        on_event: OnEvent | None = None,
        proxy: str | None = None,
        trust_env: bool = True,
        ssl: ssl_module.SSLContext | bool | None = None,
        headers: Mapping[str, str] | None = None,
        allow_http: bool = False,
    ) -> None:
        base_url, api_key, proxy, headers = masked(base_url), masked(api_key), masked(proxy), masked_items(headers)
        endpoints = masked(endpoints)
        self._begin(
            lambda: AsyncClient(
                base_url,
                api_key,
                endpoints=endpoints,
                timeouts=timeouts,
                retry=retry,
                limits=limits,
                audio_limits=audio_limits,
                on_event=on_event,
                proxy=proxy,
                trust_env=trust_env,
                ssl=ssl,
                headers=headers,
                allow_http=allow_http,
            )
        )

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

    @twin_of(AsyncClient.transcribe)
    def transcribe(self) -> None: ...  # noqa: D102 - it gets the async method's

    @twin_of(AsyncClient.translate)
    def translate(self) -> None: ...  # noqa: D102 - it gets the async method's

    @entered_as(AsyncClient.transcribe_many, BlockingOutcomes)
    def transcribe_many(self) -> None: ...  # noqa: D102

    @entered_as(AsyncClient.translate_many, BlockingOutcomes)
    def translate_many(self) -> None: ...  # noqa: D102

    @entered_as(AsyncClient.stream_transcription, iterate)
    def stream_transcription(self) -> None: ...  # noqa: D102

    @entered_as(AsyncClient.speak, Speech)
    def speak(self) -> None: ...  # noqa: D102

    @twin_of(AsyncClient.models)
    def models(self) -> None: ...  # noqa: D102

    @twin_of(AsyncClient.balance)
    def balance(self) -> None: ...  # noqa: D102

    @twin_of(AsyncClient.request)
    def request(self) -> None: ...  # noqa: D102

    @entered_as(AsyncClient.stream_request, iterate)
    def stream_request(self) -> None: ...  # noqa: D102
