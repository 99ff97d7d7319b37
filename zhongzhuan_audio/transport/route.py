"""How requests reach an endpoint."""

from __future__ import annotations

import ssl as ssl_module
from typing import Any

import aiohttp
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
    middlewares: tuple[aiohttp.ClientMiddlewareType, ...] | None = attrs.field(default=None, repr=False)
    """What each request goes through; None for what its session has."""

    def options(self) -> dict[str, Any]:
        """Return the arguments that aiohttp takes for it."""
        # A session of the caller's own may leave what is packed as it is.
        options = {"ssl": self.ssl, "middlewares": self.middlewares, "auto_decompress": True}
        if self.proxy is None:
            return options
        return options | {"proxy": self.proxy.url, "proxy_headers": self.proxy.headers}
