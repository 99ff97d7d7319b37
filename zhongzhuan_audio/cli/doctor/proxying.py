"""Which proxy leads to an endpoint, and who says so."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

from zhongzhuan_audio.cli.doctor.facts import ProxyFacts
from zhongzhuan_audio.config import is_loopback
from zhongzhuan_audio.transport.proxies import Proxy, find_proxy

__all__ = ["explain_proxy", "look_up_proxy"]

_SYSTEM = "the system's settings"


def look_up_proxy(base_url: str) -> ProxyFacts:
    """Find out about the proxy. Blocks where the system keeps proxies elsewhere than in the environment.

    Raises:
        ConfigurationError: The environment names something that is no HTTP proxy.
    """
    return explain_proxy(base_url, find_proxy(base_url), urllib.request.getproxies(), os.environ)


def explain_proxy(
    base_url: str, found: Proxy | None, proxies: Mapping[str, str], environ: Mapping[str, str]
) -> ProxyFacts:
    """Say where a proxy comes from, or why there is none. Pure.

    Args:
        base_url: Of the endpoint.
        found: The proxy that is used.
        proxies: Addresses by scheme, as urllib gives them.
        environ: The variables.
    """
    parts = urlsplit(base_url)
    kind = next((kind for kind in (parts.scheme, "all") if proxies.get(kind)), None)
    if kind is None:
        return ProxyFacts()
    # The lower case wins, with urllib as with curl.
    names = (f"{kind}_proxy", f"{kind}_proxy".upper())
    origin = next((name for name in names if environ.get(name)), _SYSTEM)
    if found is not None:
        return ProxyFacts(url=found.url, origin=origin)
    return ProxyFacts(origin=origin, exempt="loopback" if is_loopback(parts.hostname or "") else "NO_PROXY")
