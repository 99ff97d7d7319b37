"""From a prepared upload to a decoded answer: the key, the address, the attempts."""

from __future__ import annotations

import inspect
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import attrs
from yarl import URL

from zhongzhuan_audio.config import ApiKey, Endpoint, KeyFile, Secret, Timeouts, check_api_key
from zhongzhuan_audio.errors import (
    APIError,
    Attempt,
    AuthenticationError,
    ConfigurationError,
    InvalidResponseError,
    TransportError,
    ZhongzhuanError,
)
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.headers import request_id
from zhongzhuan_audio.protocol.request import Field, encode_form
from zhongzhuan_audio.transport.exchange import exchange
from zhongzhuan_audio.transport.session import SessionKeeper
from zhongzhuan_audio.upload.payload import Progress, UploadPayload
from zhongzhuan_audio.upload.source import Source

__all__ = ["Pipeline", "Upload"]

T = TypeVar("T")

logger: logging.Logger = logging.getLogger("zhongzhuan_audio")

_REDIRECTS = frozenset({301, 302, 307, 308})
_MAX_REDIRECTS = 3


@attrs.frozen(kw_only=True)
class Upload:
    """What is to be sent."""

    path: str
    """Below the base URL, with a slash in front."""
    source: Source
    fields: Sequence[Field]
    on_progress: Progress | None = None

    def payload(self, *, stall_s: float | None) -> UploadPayload:
        """Return a body for one attempt."""
        boundary = secrets.token_hex(16)
        prefix, suffix = encode_form(self.fields, self.source.filename, boundary=boundary)
        return UploadPayload(
            self.source,
            prefix,
            suffix,
            content_type=f"multipart/form-data; boundary={boundary}",
            stall_s=stall_s,
            on_progress=self.on_progress,
        )


class Pipeline:
    """Sends uploads to an endpoint."""

    def __init__(self, sessions: SessionKeeper, *, headers: Mapping[str, str]) -> None:
        self._sessions = sessions
        self._headers = dict(headers)

    async def send(
        self, endpoint: Endpoint, upload: Upload, *, decode: Callable[[Answer], T], timeouts: Timeouts
    ) -> tuple[T, tuple[Attempt, ...]]:
        """Send an upload and decode the answer.

        A key that the relay refuses is asked for once more where it comes from a file or a function, and the upload is
        sent again if that gives another key.

        Raises:
            ZhongzhuanError: With `attempts`.
        """
        attempts: list[Attempt] = []
        key = await read_key(endpoint.api_key)
        while True:
            started = time.monotonic()
            try:
                answer = await self._send_once(endpoint, upload, key, timeouts)
                result = decode(answer)
            except ZhongzhuanError as error:
                _hide(key, error)
                attempts.append(_failed_attempt(endpoint, error, time.monotonic() - started))
                error.attempts = tuple(attempts)
                logger.info("POST %s%s failed: %s", endpoint.base_url, upload.path, type(error).__name__)
                if isinstance(error, AuthenticationError) and len(attempts) == 1:
                    fresh = await _fresh_key(endpoint.api_key)
                    if fresh is not None and fresh != key:
                        key = fresh
                        continue
                raise
            elapsed = time.monotonic() - started
            attempts.append(
                Attempt(
                    endpoint=endpoint.base_url,
                    status=answer.status,
                    request_id=request_id(answer.headers),
                    elapsed_s=elapsed,
                )
            )
            logger.info("POST %s%s: %d in %.3f s", endpoint.base_url, upload.path, answer.status, elapsed)
            return result, tuple(attempts)

    async def _send_once(self, endpoint: Endpoint, upload: Upload, key: Secret, timeouts: Timeouts) -> Answer:
        """Send one attempt, following redirects that stay with the same origin."""
        route = await self._sessions.route(endpoint.base_url)
        opened = self._sessions.open()
        headers = {**self._headers, "Authorization": Secret("Bearer " + key)}
        url = URL(endpoint.base_url + upload.path)
        for _ in range(_MAX_REDIRECTS + 1):
            async with opened.slots:
                answer = await exchange(
                    opened.session,
                    url,
                    headers=headers,
                    payload=upload.payload(stall_s=timeouts.upload_stall_s),
                    route=route,
                    timeouts=timeouts,
                )
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return answer
            url = _follow(url, answer.headers["location"], endpoint.base_url)
        raise TransportError(
            f"{url.host} redirects without end",
            endpoint=endpoint.base_url,
            hint="check base_url: it is not the relay's",
        )


def _follow(url: URL, location: str, endpoint: str) -> URL:
    """Return where a redirect leads, if the key may go there."""
    try:
        target = url.join(URL(location))
        same = target.origin() == url.origin()
    except ValueError:
        target, same = None, False
    if target is None or not same:
        where = target.with_query(None).with_user(None) if target is not None else "an address that makes no sense"
        raise TransportError(
            f"{url.host} redirects to {where}; the key is not sent there",
            endpoint=endpoint,
            hint="if that is the relay's own address, give it as base_url",
        )
    return target


async def _fresh_key(api_key: ApiKey) -> Secret | None:
    """Return the key as it is after a refusal, a file read again even if it looks unchanged; None if there is none."""
    if isinstance(api_key, KeyFile):
        api_key.forget()
    try:
        return await read_key(api_key)
    except ConfigurationError:
        # The refusal says more than a file that is being written just now.
        return None


async def read_key(api_key: ApiKey) -> Secret:
    """Return the key, asking the function or the file that gives it.

    Raises:
        ConfigurationError: There is none, or it cannot be one.
    """
    if not callable(api_key):
        return Secret(api_key)
    key = api_key()
    if inspect.isawaitable(key):
        key = await key
    return check_api_key(key, origin="the key that the api_key function gave")


def _hide(key: Secret, error: ZhongzhuanError) -> None:
    """Take the key out of what the relay said, should it have repeated it."""
    error.message = error.message.replace(key, "***")
    error.args = (error.message,)
    if isinstance(error, (APIError, InvalidResponseError)):
        error.body = error.body.replace(key, "***")
        error.headers = {name: value.replace(key, "***") for name, value in error.headers.items()}


def _failed_attempt(endpoint: Endpoint, error: ZhongzhuanError, elapsed_s: float) -> Attempt:
    return Attempt(
        endpoint=endpoint.base_url,
        status=getattr(error, "status", None) or None,
        error=type(error).__name__,
        billed=error.billed,
        request_id=error.request_id,
        elapsed_s=elapsed_s,
    )
