"""Which proxy, if any, leads to an endpoint."""

from __future__ import annotations

import ipaddress
import urllib.request
from urllib.parse import unquote, urlsplit

import attrs
from aiohttp import encode_basic_auth

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.config import is_loopback, masked, masked_parts
from zhongzhuan_audio.errors import ConfigurationError

__all__ = ["Proxy", "find_proxy", "parse_proxy"]

_EXAMPLE = "it looks like http://127.0.0.1:7890"
_HTTP_PORT = "use the proxy program's HTTP port (often the same one)"
_PORTS = {"http": 80, "https": 443}


@attrs.frozen(kw_only=True)
class Proxy:
    """An HTTP proxy."""

    url: str
    """Without user name and password."""
    headers: dict[str, str] | None = attrs.field(default=None, repr=False)
    """``Proxy-Authorization`` where the address held a user name."""
    from_env: bool = False
    """Whether the environment named it, and not the caller."""


def parse_proxy(address: str, *, origin: str = "proxy", from_env: bool = False) -> Proxy:
    """Return the proxy that an address names; ``host:port`` alone means http.

    Args:
        address: The address.
        origin: What names it, for messages.
        from_env: Whether that is the environment.

    Raises:
        ConfigurationError: It is not an http(s) address. SOCKS needs a session of the caller's own. Neither the message
            nor a variable of the traceback shows the address, which may hold a password.
    """
    address = masked(address)
    try:
        parts = masked_parts(address.strip() if "://" in address else f"http://{address.strip()}")
        port, host = parts.port, masked(parts.hostname)
    except ValueError:
        # Its words may quote a password where the port is expected.
        raise ConfigurationError(f"{origin} is not an address", hint=_EXAMPLE) from None
    if parts.scheme.startswith("socks"):
        raise ConfigurationError(
            f"{origin} is a SOCKS proxy, which aiohttp does not speak",
            hint=Advice(
                f"{_HTTP_PORT}, {'trust_env=False to go without, ' if from_env else ''}"
                "or a session with aiohttp_socks's connector",
                command=_HTTP_PORT,
            ),
        )
    # A bare word is as likely to be a key; the variables may name a host alone.
    bare = "://" not in address and port is None and not from_env
    if parts.scheme not in {"http", "https"} or not host or bare:
        raise ConfigurationError(f"{origin} is not an http:// address", hint=_EXAMPLE)
    netloc = f"[{host}]" if ":" in host else host
    headers: dict[str, str] | None = None
    if parts.username is not None:
        credentials = encode_basic_auth(unquote(parts.username), unquote(parts.password or ""), "utf-8")
        headers = {"Proxy-Authorization": masked(credentials)}
    return Proxy(url=f"{parts.scheme}://{netloc}{f':{port}' if port else ''}", headers=headers, from_env=from_env)


def find_proxy(base_url: str) -> Proxy | None:
    """Return the proxy that the environment (or the system's settings) names for an endpoint.

    Never one for this machine itself. Blocking where the system keeps proxies elsewhere than in the environment.

    Raises:
        ConfigurationError: The environment names something that is no HTTP proxy.

    Source: the variables are those of curl: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, in either case. NO_PROXY may
    name a host, a domain, ``host:port``, or a block of addresses as ``10.0.0.0/8``.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if is_loopback(host):
        return None
    proxies = {scheme: masked(address) for scheme, address in urllib.request.getproxies().items()}
    address = proxies.get(parts.scheme) or proxies.get("all")
    if not address or _is_exempt(host, parts.port or _PORTS.get(parts.scheme), proxies.get("no", "")):
        return None
    return parse_proxy(address, origin=f"the {parts.scheme} proxy in the environment", from_env=True)


def _is_exempt(host: str, port: int | None, exempt: str) -> bool:
    """Tell whether an endpoint is reached without the proxy."""
    # Of a name without a port urllib compares both forms; an address in brackets it does not take apart.
    if urllib.request.proxy_bypass(host) or (":" not in host and urllib.request.proxy_bypass(f"{host}:{port}")):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in block for block in map(_block, exempt.split(",")) if block is not None)


def _block(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text.strip(), strict=False) if "/" in text else None
    except ValueError:
        return None
