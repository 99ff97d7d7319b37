"""How requests reach an endpoint."""

from __future__ import annotations

import ssl as ssl_module
from typing import Any

import attrs

from zhongzhuan_audio.transport.proxies import Proxy

__all__ = ["Route"]


@attrs.frozen(kw_only=True)
class Route:
    """How requests reach an endpoint."""

    endpoint: str
    """Base URL, for messages."""
    proxy: Proxy | None = None
    ssl: ssl_module.SSLContext | bool = attrs.field(default=True, repr=False)

    def options(self) -> dict[str, Any]:
        """Return the arguments that aiohttp takes for it."""
        if self.proxy is None:
            return {"ssl": self.ssl}
        return {"ssl": self.ssl, "proxy": self.proxy.url, "proxy_headers": self.proxy.headers}
