"""The one form of a relay's address."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from urllib.parse import SplitResult, urlsplit, urlunsplit

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.config.keys import API_KEY_VARIABLE, masked, masked_parts
from zhongzhuan_audio.errors import ConfigurationError

__all__ = ["DEFAULT_BASE_URL", "is_loopback", "normalise_base_url", "relay_root"]

DEFAULT_BASE_URL = "https://api.zhongzhuan.chat/v1"
_KEY = f"{API_KEY_VARIABLE} or --api-key-file"
_EXAMPLE = f"it looks like {DEFAULT_BASE_URL}"
# What stands behind the version in an address that was pasted whole, twice even.
_ENDPOINT_PATH = re.compile(
    r"/(?:audio/(?:transcriptions|translations|speech)|chat/completions)(?:/.*)?\Z|/(?:audio|models)\Z", re.IGNORECASE
)
_VERSION_SEGMENT = re.compile(r"v[0-9]+(?:\.[0-9]+)?(?:p[0-9]+)?(?:(?:alpha|beta)[0-9]*)?", re.IGNORECASE)
_SEGMENT = re.compile(r"[\w.~%+=:-]*[\w~%+=-]")
_AUTHORITY = re.compile(r"(\[[^\[\]]+\]|[^\[\]:]+)(?::([0-9]{0,5}))?")
# A name with a dot in it and an ending of letters, which no key has.
_BARE_HOST = re.compile(r"(?:[\w-]+\.)+[a-z]{2,}(?::[0-9]{1,5})?(?:/|\Z)", re.IGNORECASE)
_HOST_NAME = re.compile(r"(?:(?!-)[\w-]{1,63}(?<!-)\.)*(?!-)[\w-]{1,63}(?<!-)\.?")


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address can only mean this machine."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def normalise_base_url(url: str, *, allow_http: bool = False) -> str:
    """Return the one form of a relay's address: scheme, host, path with a version, no slash at the end.

    ``https://relay``, ``https://relay/``, ``https://relay/v1``, ``https://relay/v1/`` and a pasted
    ``https://relay/v1/audio/transcriptions`` all give ``https://relay/v1``. A path that has a version segment of its
    own (``/api/v3``) is kept; one that stands there twice is not.

    Args:
        url: What the user gave.
        allow_http: Allow plain http to a host that is not this machine; the key then travels in the clear.

    Raises:
        ConfigurationError: It is no http(s) address, holds a user, a query or a fragment, or is plain http to another
            machine. Neither the message nor a variable of the traceback shows the address: a key or a password may
            stand in it by mistake.
    """
    url = masked(url)
    parts = _split_address(url)
    host, port = _checked_authority(parts.netloc)
    if parts.scheme == "http" and not allow_http and not is_loopback(host):
        raise ConfigurationError(
            "base_url is plain http to another machine: the key and the recording would travel in the clear",
            hint=Advice(
                "use https://, or allow_http=True if you accept that",
                command="use https://, or --allow-http if you accept that",
            ),
        )
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme]:
        host = f"{host}:{port}"
    return urlunsplit((parts.scheme, host, _versioned(parts.path), "", ""))


def relay_root(base_url: str) -> str:
    """Return the part of an endpoint's address before its version, without a slash at the end.

    Args:
        base_url: In its normal form.
    """
    parts = urlsplit(base_url)
    segments = parts.path.split("/")
    version = next(index for index, segment in enumerate(segments) if _VERSION_SEGMENT.fullmatch(segment))
    return urlunsplit((parts.scheme, parts.netloc, "/".join(segments[:version]), "", ""))


def _split_address(url: object) -> SplitResult:
    """Return an address's parts; refuse what no address of a relay has, above all what may be a secret."""
    if not isinstance(url, str):
        raise ConfigurationError(f"base_url must be a string, not {type(url).__name__}")
    text = masked(url.strip())
    if not text:
        raise ConfigurationError("base_url is empty", hint=_EXAMPLE)
    if any(ch.isspace() or not ch.isprintable() for ch in text):
        raise ConfigurationError("base_url holds a blank or a control character", hint=_EXAMPLE)
    if "@" in text:
        raise ConfigurationError(
            "base_url holds a user name or password",
            hint=Advice("give the key as api_key", command=f"give the key in {_KEY}"),
        )
    try:
        parts = masked_parts(text)
    except ValueError:
        raise ConfigurationError("base_url is not an address", hint=_EXAMPLE) from None
    if parts.scheme not in {"http", "https"}:
        keys = Advice(f"{_EXAMPLE}; a key is given as api_key", command=f"{_EXAMPLE}; a key is given in {_KEY}")
        hint = _EXAMPLE if "://" in text else keys
        if _BARE_HOST.match(text):
            hint = "it lacks https:// in front"
        raise ConfigurationError("base_url is neither https:// nor http://", hint=hint)
    if parts.query or parts.fragment:
        raise ConfigurationError("base_url holds a query or a fragment", hint=_EXAMPLE)
    return parts


def _checked_authority(netloc: str) -> tuple[str, int | None]:
    """Return the host in its one form, an IPv6 address in brackets, and the port."""
    match = _AUTHORITY.fullmatch(netloc)
    if match is None:
        raise ConfigurationError("base_url has no host, or no port after its colon", hint=_EXAMPLE)
    given, port = masked(match[1]), int(match[2]) if match[2] else None
    del match
    if port is not None and not 0 < port < 2**16:
        raise ConfigurationError(f"base_url has port {port}, which does not exist", hint=_EXAMPLE)
    try:
        if given.startswith("["):
            return f"[{ipaddress.IPv6Address(given[1:-1])}]", port
        # An input method for Chinese gives full-width letters and dots; resolvers read them as the plain ones.
        host = masked(unicodedata.normalize("NFKC", given).replace("。", ".").lower())
        host.encode("idna")
    except ValueError:
        host = masked("")
    if not _HOST_NAME.fullmatch(host):
        raise ConfigurationError("base_url has a host that cannot be one", hint=_EXAMPLE)
    return host, port


def _versioned(path: str) -> str:
    """Return the path up to and with its version segment, adding ``/v1`` where there is none."""
    path = masked(re.sub("/+", "/", path).rstrip("/"))
    while match := _ENDPOINT_PATH.search(path):
        path = masked(path[: match.start()])
    segments: list[str] = []
    for segment in map(masked, path.split("/")[1:]):
        if not _SEGMENT.fullmatch(segment):
            raise ConfigurationError("base_url has a path that no relay has", hint=_EXAMPLE)
        is_version = _VERSION_SEGMENT.fullmatch(segment) is not None
        name = masked(segment.lower()) if is_version else segment
        if not (is_version and segments[-1:] == [name]):
            segments.append(name)
    if not any(_VERSION_SEGMENT.fullmatch(segment) for segment in segments):
        segments.append("v1")
    return "/" + "/".join(segments)
