"""One attempt: the key, the body, and redirects that stay with the origin."""

from __future__ import annotations

import asyncio
import inspect
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence

import attrs
from yarl import URL

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.config import ApiKey, Endpoint, KeyFile, Secret, Timeouts, check_api_key, masked
from zhongzhuan_audio.errors import (
    APIError,
    InvalidResponseError,
    TimedOutError,
    TransportError,
    ZhongzhuanError,
)
from zhongzhuan_audio.events import ConnectionOpened, ConnectionReused, Event
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.form import Field, encode_form
from zhongzhuan_audio.transport.exchange import Route, exchange
from zhongzhuan_audio.transport.session import Opened
from zhongzhuan_audio.upload.payload import Progress, UploadPayload
from zhongzhuan_audio.upload.source import Source

__all__ = ["Upload", "attempt", "fresh_key", "hide_key", "read_key"]

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
    audio_s: float | None = None
    """Length of the recording in seconds; None where it is not known."""

    def payload(self, *, stall_s: float | None, on_connection: Callable[[bool], None]) -> UploadPayload:
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
            on_connection=on_connection,
        )


async def attempt(
    opened: Opened,
    route: Route,
    endpoint: Endpoint,
    upload: Upload,
    *,
    key: Secret,
    headers: Mapping[str, str],
    timeouts: Timeouts,
    payloads: list[UploadPayload],
    tell: Callable[[Event], None],
) -> Answer:
    """Send an upload once and return the answer, whatever its status.

    Args:
        opened: The session.
        route: How to reach the endpoint.
        endpoint: Where to.
        upload: What.
        key: Of the endpoint.
        headers: Beside the key.
        timeouts: How long each phase may take.
        payloads: Gets each body that was begun, the last at the end: they tell how far it came.
        tell: Told of each connection that is made or used again.

    Raises:
        ZhongzhuanError: No answer came, or the recording is not what it was.
    """
    headers = {**headers, "Authorization": Secret("Bearer " + key)}
    url = URL(endpoint.base_url + upload.path)
    limit_s = timeouts.attempt_limit_s(upload.source.size_bytes, upload.audio_s)
    limit = asyncio.timeout(limit_s)

    def on_connection(reused: bool) -> None:
        tell((ConnectionReused if reused else ConnectionOpened)(endpoint=endpoint.base_url))

    try:
        async with limit:
            for _ in range(_MAX_REDIRECTS + 1):
                payloads.append(upload.payload(stall_s=timeouts.upload_stall_s, on_connection=on_connection))
                answer = _without_key(
                    key,
                    await exchange(
                        opened.session, url, headers=headers, payload=payloads[-1], route=route, timeouts=timeouts
                    ),
                )
                if answer.status not in _REDIRECTS or "location" not in answer.headers:
                    return answer
                url = _follow(url, answer.headers["location"], endpoint.base_url)
    except TimeoutError:
        if not limit.expired():
            raise
        whole = bool(payloads and payloads[-1].complete)
        raise TimedOutError(
            f"the attempt took longer than {limit_s or 0:g} s",
            phase="answer" if whole else "upload",
            endpoint=endpoint.base_url,
            retryable=True,
            billed="maybe" if whole else "no",
            hint=Advice("raise Timeouts.attempt_s"),
        ) from None
    raise TransportError(
        f"{url.host} redirects without end",
        endpoint=endpoint.base_url,
        hint=Advice("check base_url: it is not the relay's", command="check --base-url: it is not the relay's"),
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
            hint=Advice(
                "if that is the relay's own address, give it as base_url",
                command="if that is the relay's own address, give it with --base-url",
            ),
        )
    return target


async def fresh_key(api_key: ApiKey) -> Secret | None:
    """Return the key as it is after a refusal, a file read again even if it looks unchanged; None if there is none."""
    if isinstance(api_key, KeyFile):
        api_key.forget()
    try:
        return await read_key(api_key)
    except Exception as error:  # noqa: BLE001 - a function of the user's may raise anything
        # The refusal says more than a file that is being written just now.
        logger.warning("the key was refused, and could not be read again: %s", type(error).__name__)
        return None


async def read_key(api_key: ApiKey) -> Secret:
    """Return the key, asking the function or the file that gives it.

    Raises:
        ConfigurationError: There is none, or it cannot be one.
    """
    if not callable(api_key):
        return Secret(api_key)
    key = masked(api_key())
    if inspect.isawaitable(key):
        key = masked(await key)
    return check_api_key(key, origin="the key that the api_key function gave")


def _without_key(key: Secret, answer: Answer) -> Answer:
    """Return the answer without the key, should the relay have repeated it: what decodes it keeps it in variables."""
    if key.encode() not in answer.body and not any(key in value for value in answer.headers.values()):
        return answer
    return Answer(
        status=answer.status,
        headers={name: value.replace(key, "***") for name, value in answer.headers.items()},
        body=answer.body.replace(key.encode(), b"***"),
    )


def hide_key(key: Secret, error: ZhongzhuanError) -> None:
    """Take the key out of an error, should it have come in some other way: in a status line, behind an encoding."""
    error.message = error.message.replace(key, "***")
    error.args = (error.message,)
    if isinstance(error, (APIError, InvalidResponseError)):
        error.body = error.body.replace(key, "***")
        error.headers = {name: value.replace(key, "***") for name, value in error.headers.items()}
