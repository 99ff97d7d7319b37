"""What was found out about an endpoint; an error stands where a thing could not be had. Nothing is judged here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

import attrs

from zhongzhuan_audio.errors import ConfigurationError, ZhongzhuanError
from zhongzhuan_audio.models import Balance

__all__ = ["EndpointFacts", "Exemption", "Listing", "ProxyFacts", "Reach", "TlsFacts", "Trial"]

Exemption: TypeAlias = Literal["loopback", "NO_PROXY"]
"""Why an endpoint is reached without the proxy that is named."""


@attrs.frozen(kw_only=True)
class ProxyFacts:
    """Which proxy leads to an endpoint."""

    url: str | None = None
    """Without user name and password; None where it is reached directly."""
    origin: str | None = None
    """What names a proxy, be it used or not: a variable, or the system's settings."""
    exempt: Exemption | None = None


@attrs.frozen(kw_only=True)
class TlsFacts:
    """A TLS connection, with a certificate that was checked."""

    version: str
    """Such as "TLSv1.3"."""
    expires_at: datetime
    """Of the certificate; aware, UTC."""


@attrs.frozen(kw_only=True)
class Reach:
    """A connection."""

    peer: str
    """Address and port at the other end: the relay's, or the proxy's."""
    elapsed_s: float
    """Seconds for name look-up and TCP, and for the proxy's consent."""
    tls: TlsFacts | ZhongzhuanError | None = None
    """None where the address is plain http."""


@attrs.frozen(kw_only=True)
class Listing:
    """What came of ``GET /v1/models``."""

    outcome: tuple[str, ...] | ZhongzhuanError
    """The models' names."""
    headers: Mapping[str, str]
    """Of the answer, with lower-case names; empty where none came."""
    heard_at: datetime
    """This machine's time when it came; aware, UTC."""


@attrs.frozen(kw_only=True)
class Trial:
    """A transcription of one second."""

    model: str
    elapsed_s: float


@attrs.frozen(kw_only=True)
class EndpointFacts:
    """All of it."""

    base_url: str
    key: ConfigurationError | None
    """Why there is no key to ask with; None where there is one."""
    proxy: ProxyFacts | ConfigurationError
    reach: Reach | ZhongzhuanError | None
    """None where it was not tried, since the proxy's address is wrong."""
    listing: Listing
    balance: Balance | ZhongzhuanError | None
    """None where it was not asked, for want of a key."""
    trial: Trial | ZhongzhuanError | None
    """None where it was not tried."""
    paid: bool
    """Whether what costs something was wanted."""
