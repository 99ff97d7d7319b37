"""What is to be sent, as often as it takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

import attrs
from yarl import URL

from zhongzhuan_audio.config import relay_root
from zhongzhuan_audio.errors import Billed
from zhongzhuan_audio.protocol.form import Field, encode_form
from zhongzhuan_audio.upload.payload import Progress, UploadPayload
from zhongzhuan_audio.upload.readers import BytesReader
from zhongzhuan_audio.upload.source import Source

__all__ = ["Bodiless", "Body", "Message", "Outgoing", "Upload"]

_FREE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Bodiless:
    """Stands for the body of a request that has none, and that does no work that could be billed.

    Attributes:
        complete: As those of an `UploadPayload`, and so are the others.
    """

    billed: Billed = "no"
    complete: bool = True
    failure: BaseException | None = None
    reused: bool | None = None

    def __init__(self, on_connection: Callable[[bool], None]) -> None:
        self.answered: bool = False
        self._on_connection = on_connection

    def connected(self, *, reused: bool) -> None:
        """Take note of the connection that the request goes over."""
        self.reused = reused
        self._on_connection(reused)

    def hang_up(self) -> None:
        """Do nothing: there is nothing left to send."""


Body: TypeAlias = UploadPayload | Bodiless


class Outgoing(Protocol):
    """A request, of which each attempt sends the same."""

    @property
    def method(self) -> str:
        """In capitals."""
        ...

    @property
    def path(self) -> str:
        """What to call it in an event: the path, without a query."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Beside the client's own and those of the body."""
        ...

    @property
    def size_bytes(self) -> int:
        """Of the recording or the body, for the time that an attempt may take."""
        ...

    @property
    def audio_s(self) -> float | None:
        """Length of the recording in seconds; None where there is none, or it is not known."""
        ...

    def url(self, base_url: str) -> URL:
        """Return the address at an endpoint."""
        ...

    def body(self, *, stall_s: float | None, on_connection: Callable[[bool], None]) -> Body:
        """Return a body for one attempt.

        Args:
            stall_s: The longest that it may stand still, in seconds.
            on_connection: Told whether it goes over a kept-alive connection.
        """
        ...

    async def lost(self) -> str | None:
        """Take note that an attempt may have been billed, before the next one; return why there must be none."""
        ...


@attrs.frozen(kw_only=True)
class Upload:
    """A recording in a form."""

    path: str
    """Below the base URL, with a slash in front."""
    source: Source
    fields: Sequence[Field]
    on_progress: Progress | None = None
    audio_s: float | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    method: str = "POST"

    @property
    def size_bytes(self) -> int:
        """Of the recording."""
        return self.source.size_bytes

    def url(self, base_url: str) -> URL:
        """Return the address at an endpoint."""
        return URL(base_url + self.path)

    def body(self, *, stall_s: float | None, on_connection: Callable[[bool], None]) -> UploadPayload:
        """Return the form, with a boundary of its own."""
        boundary = os.urandom(16).hex()
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

    async def lost(self) -> str | None:
        """Tell whoever keeps count."""
        return None if self.source.on_lost is None else await self.source.on_lost()


@attrs.frozen(kw_only=True)
class Message:
    """A few bytes, such as JSON, or none at all."""

    method: str
    path: str
    """With a slash in front: from the root of the relay, as in ``/v1/models``; without: below the base URL."""
    params: Mapping[str, str] = attrs.field(factory=dict)
    """Of the query."""
    content: bytes | None = attrs.field(default=None, repr=False)
    content_type: str = "application/json"
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)

    @property
    def size_bytes(self) -> int:
        """Of the body."""
        return len(self.content or b"")

    @property
    def audio_s(self) -> None:
        """There is no recording."""

    def url(self, base_url: str) -> URL:
        """Return the address at an endpoint."""
        address = URL((relay_root(base_url) if self.path.startswith("/") else f"{base_url}/") + self.path)
        return address.extend_query(self.params) if self.params else address

    def body(self, *, stall_s: float | None, on_connection: Callable[[bool], None]) -> Body:
        """Return the bytes as they are."""
        if self.content is None and self.method in _FREE_METHODS:
            return Bodiless(on_connection)
        data = memoryview(self.content or b"")
        source = Source(
            label="the request", filename="", format=None, size_bytes=len(data), open=lambda: BytesReader(data)
        )
        return UploadPayload(
            source, b"", b"", content_type=self.content_type, stall_s=stall_s, on_connection=on_connection
        )

    async def lost(self) -> None:
        """Do nothing: nobody keeps count."""
