"""The async client: one method for each thing that a relay's audio group does, and a way to all the rest."""

from __future__ import annotations

from zhongzhuan_audio.client.account import AccountCalls
from zhongzhuan_audio.client.anything import OtherCalls
from zhongzhuan_audio.client.batch import BatchCalls
from zhongzhuan_audio.client.speaking import SpeakingCalls
from zhongzhuan_audio.client.streamed import StreamedCalls

__all__ = ["AsyncClient"]


class AsyncClient(BatchCalls, StreamedCalls, SpeakingCalls, AccountCalls, OtherCalls):
    """An async client of a relay's audio endpoints.

    Use it with ``async with``, or call `close` when done. Its calls may run side by side on one event loop.

    Args:
        base_url: The relay's address, in any form that a relay's web page shows; None takes ``ZHONGZHUAN_BASE_URL``, or
            else ``https://api.zhongzhuan.chat``.
        api_key: The token, or a function (plain or async) that gives one; it is asked once a call and endpoint, and
            once more where its key is refused. None takes
            the file that ``ZHONGZHUAN_API_KEY_FILE`` names, read again when it changes and when the relay refuses the
            key, or else ``ZHONGZHUAN_API_KEY``.
        timeouts: How long each phase may take.
        endpoints: Several relays, in the order of preference, each with its own key, in place of `base_url` and
            `api_key`. A call that one of them cannot serve goes to the next.
        retry: When a failed request is tried again.
        limits: How much is asked of the relays at once.
        audio_limits: What the relays take in one request; what passes it is compressed or cut, see `transcribe`.
        on_event: Called on the event loop with what happens, see `zhongzhuan_audio.events`.
        proxy: Address of an HTTP proxy; None leaves it to the environment.
        trust_env: Whether HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY and SSL_CERT_FILE count. Loopback addresses are
            never reached through a proxy that only the environment names.
        ssl: A context of your own, or False to check no certificate at all.
        headers: Extra headers for each request.
        session: A session of your own, which stays yours to close.
        allow_http: Allow plain http to another machine; the key then travels in the clear.

    Raises:
        ConfigurationError: There is no key, or an option is wrong. Nothing is sent before the first call.
    """
