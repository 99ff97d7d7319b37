"""What a client is told once: where the relay is, whose key, how long to wait, how much at once.

Everything here is checked at construction, before any I/O, and no key is in a repr.
"""

from __future__ import annotations

import ipaddress
import math
import os
import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, final
from urllib.parse import SplitResult, urlsplit, urlunsplit

import attrs

from zhongzhuan_audio.errors import ConfigurationError

__all__ = [
    "API_KEY_FILE_VARIABLE",
    "API_KEY_VARIABLE",
    "BASE_URL_VARIABLE",
    "DEFAULT_BASE_URL",
    "ApiKey",
    "Endpoint",
    "Limits",
    "Secret",
    "Timeouts",
    "check_api_key",
    "is_loopback",
    "normalise_base_url",
]

DEFAULT_BASE_URL = "https://api.zhongzhuan.chat/v1"
API_KEY_VARIABLE = "ZHONGZHUAN_API_KEY"
API_KEY_FILE_VARIABLE = "ZHONGZHUAN_API_KEY_FILE"
BASE_URL_VARIABLE = "ZHONGZHUAN_BASE_URL"

ApiKey: TypeAlias = str | Callable[[], str | Awaitable[str]]
"""A key, or a function (plain or async) that gives one; it is called before each request."""

_EXAMPLE = f"it looks like {DEFAULT_BASE_URL}"

# What stands behind the version in an address that was pasted whole, twice even.
_ENDPOINT_PATH = re.compile(
    r"/(?:audio/(?:transcriptions|translations|speech)|chat/completions)(?:/.*)?\Z|/(?:audio|models)\Z", re.IGNORECASE
)
_VERSION_SEGMENT = re.compile(r"v[0-9]+(?:\.[0-9]+)?(?:p[0-9]+)?(?:(?:alpha|beta)[0-9]*)?", re.IGNORECASE)
_SEGMENT = re.compile(r"[\w.~%+=:-]*[\w~%+=-]")
_AUTHORITY = re.compile(r"(\[[^\[\]]+\]|[^\[\]:]+)(?::([0-9]{0,5}))?")
_HOST_NAME = re.compile(r"(?:(?!-)[\w-]{1,63}(?<!-)\.)*(?!-)[\w-]{1,63}(?<!-)\.?")


@final
class Secret(str):
    """A string that no repr shows: not in a log of arguments, not in a traceback with local variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return a mask."""
        return "'***'"


def check_api_key(key: object, *, origin: str = "api_key") -> Secret:
    """Return the key, wrapped, if it can stand in an HTTP header.

    Args:
        key: What was given.
        origin: Where it came from, for the message.

    Raises:
        ConfigurationError: It is not a string, empty, in quotes, or holds blanks, line ends or characters outside
            ASCII. The message never holds the key.
    """
    if not isinstance(key, str):
        raise ConfigurationError(f"{origin} must be a string, not {type(key).__name__}")
    if not key:
        raise ConfigurationError(f"{origin} is empty", hint="give the token that the relay's web page shows")
    if key.lower() == "bearer" or key.lower().startswith("bearer "):
        raise ConfigurationError(f"{origin} begins with the word Bearer", hint="give the token alone")
    if any(ch.isspace() or not ch.isprintable() for ch in key):
        raise ConfigurationError(
            f"{origin} holds a blank, a line end or a control character",
            hint="copy the token again, without what stands around it",
        )
    if not key.isascii():
        raise ConfigurationError(
            f"{origin} holds characters outside ASCII", hint="a token has only letters, digits and - _ ."
        )
    if key[0] in "\"'" or key[-1] in "\"'":
        raise ConfigurationError(f"{origin} stands in quotes", hint="give the token without them")
    return Secret(key)


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
            machine. The message never holds the address: a key or a password may stand in it by mistake.
    """
    parts = _split_address(url)
    host, port = _checked_authority(parts.netloc)
    if parts.scheme == "http" and not allow_http and not is_loopback(host):
        raise ConfigurationError(
            "base_url is plain http to another machine: the key and the recording would travel in the clear",
            hint="use https://, or allow_http=True (--allow-http) if you accept that",
        )
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme]:
        host = f"{host}:{port}"
    return urlunsplit((parts.scheme, host, _versioned(parts.path), "", ""))


def _split_address(url: object) -> SplitResult:
    """Return an address's parts; refuse what no address of a relay has, above all what may be a secret."""
    if not isinstance(url, str):
        raise ConfigurationError(f"base_url must be a string, not {type(url).__name__}")
    text = url.strip()
    if not text:
        raise ConfigurationError("base_url is empty", hint=_EXAMPLE)
    if any(ch.isspace() or not ch.isprintable() for ch in text):
        raise ConfigurationError("base_url holds a blank or a control character", hint=_EXAMPLE)
    if "@" in text:
        raise ConfigurationError("base_url holds a user name or password", hint="give the key as api_key")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ConfigurationError("base_url is not an address", hint=_EXAMPLE) from None
    if parts.scheme not in {"http", "https"}:
        hint = _EXAMPLE if "://" in text else f"{_EXAMPLE}; a key is given as api_key"
        raise ConfigurationError("base_url is neither https:// nor http://", hint=hint)
    if parts.query or parts.fragment:
        raise ConfigurationError("base_url holds a query or a fragment", hint=_EXAMPLE)
    return parts


def _checked_authority(netloc: str) -> tuple[str, int | None]:
    """Return the host in its one form, an IPv6 address in brackets, and the port."""
    match = _AUTHORITY.fullmatch(netloc)
    if match is None:
        raise ConfigurationError("base_url has no host, or no port after its colon", hint=_EXAMPLE)
    port = int(match[2]) if match[2] else None
    if port is not None and not 0 < port < 2**16:
        raise ConfigurationError(f"base_url has port {port}, which does not exist", hint=_EXAMPLE)
    try:
        if match[1].startswith("["):
            return f"[{ipaddress.IPv6Address(match[1][1:-1])}]", port
        # An input method for Chinese gives full-width letters and dots; resolvers read them as the plain ones.
        host = unicodedata.normalize("NFKC", match[1]).replace("。", ".").lower()
        host.encode("idna")
    except ValueError:
        host = ""
    if not _HOST_NAME.fullmatch(host):
        raise ConfigurationError("base_url has a host that cannot be one", hint=_EXAMPLE)
    return host, port


def _versioned(path: str) -> str:
    """Return the path up to and with its version segment, adding ``/v1`` where there is none."""
    path = re.sub("/+", "/", path).rstrip("/")
    while match := _ENDPOINT_PATH.search(path):
        path = path[: match.start()]
    segments: list[str] = []
    for segment in path.split("/")[1:]:
        if not _SEGMENT.fullmatch(segment):
            raise ConfigurationError("base_url has a path that no relay has", hint=_EXAMPLE)
        is_version = _VERSION_SEGMENT.fullmatch(segment) is not None
        name = segment.lower() if is_version else segment
        if not (is_version and segments[-1:] == [name]):
            segments.append(name)
    if not any(_VERSION_SEGMENT.fullmatch(segment) for segment in segments):
        segments.append("v1")
    return "/" + "/".join(segments)


def _positive(_: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ConfigurationError(f"{attribute.name} must be a number of seconds above 0, or None, not {value!r}")


def _at_least_one(_: object, attribute: attrs.Attribute[Any], value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{attribute.name} must be a whole number of at least 1, not {value!r}")


@attrs.frozen(kw_only=True)
class Timeouts:
    """How long each phase of a request may take, in seconds; None waits for ever."""

    connect_s: float | None = attrs.field(default=15.0, validator=_positive)
    """Name look-up, TCP and TLS together."""
    upload_stall_s: float | None = attrs.field(default=60.0, validator=_positive)
    """The longest that the upload may stand still; a slow link that moves is never cut."""
    answer_stall_s: float | None = attrs.field(default=600.0, validator=_positive)
    """From the last byte sent to the first of the answer, and between its parts. A relay answers when the whole
    recording is recognised, so this is minutes."""


@attrs.frozen(kw_only=True)
class Limits:
    """How much a client asks of a relay at once."""

    max_concurrency: int = attrs.field(default=64, validator=_at_least_one)
    """Connections, and so requests, at one time."""


def _in_normal_form(_: object, __: attrs.Attribute[str], value: str) -> None:
    if normalise_base_url(value, allow_http=True) != value:
        raise ConfigurationError("base_url is not in its normal form", hint="use Endpoint.from_options")


def _checked_api_key(api_key: ApiKey) -> ApiKey:
    return api_key if callable(api_key) else check_api_key(api_key)


@attrs.frozen
class Endpoint:
    """A relay's address and the key that belongs to it."""

    base_url: str = attrs.field(validator=_in_normal_form)
    """In its normal form, see `normalise_base_url`."""
    api_key: ApiKey = attrs.field(repr=False, converter=_checked_api_key)

    @classmethod
    def from_options(
        cls,
        base_url: str | None,
        api_key: ApiKey | None,
        *,
        allow_http: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> Endpoint:
        """Build the endpoint from arguments, falling back to ``ZHONGZHUAN_*`` variables.

        ``OPENAI_API_KEY`` is not read: another vendor's key never goes to a relay.

        Raises:
            ConfigurationError: There is no key, or the address or the key is malformed.
        """
        environ = os.environ if environ is None else environ
        url = base_url if base_url is not None else environ.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL
        return cls(normalise_base_url(url, allow_http=allow_http), _resolve_api_key(api_key, environ))


def _resolve_api_key(api_key: ApiKey | None, environ: Mapping[str, str]) -> ApiKey:
    if api_key is not None:
        return api_key
    if path := environ.get(API_KEY_FILE_VARIABLE):
        return KeyFile(path)
    if key := environ.get(API_KEY_VARIABLE):
        return check_api_key(key, origin=API_KEY_VARIABLE)
    raise ConfigurationError(
        "no API key",
        hint=f"set {API_KEY_VARIABLE} (or {API_KEY_FILE_VARIABLE}), or pass api_key=; Client.local() needs none",
    )


@final
class KeyFile:
    """A key in a file, read again when the file changes.

    The file is a few bytes and read with plain calls: a `stat` for each request, a `read` for each change.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: str = os.fspath(path)
        self._stamp: tuple[int, int, int] | None = None
        self._key: Secret | None = None

    def __repr__(self) -> str:
        """Return the path; never the key."""
        return f"KeyFile({self.path!r})"

    def __call__(self) -> str:
        """Return the key that the file holds now.

        Raises:
            ConfigurationError: The file cannot be read or holds no key.
        """
        key = self._key
        try:
            found = os.stat(self.path)  # noqa: PTH116 - the fastest stat there is, one a request
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if key is not None and stamp == self._stamp:
                return key
            with open(self.path, encoding="utf-8-sig") as file:  # noqa: PTH123 - as fast, for a few bytes
                text = file.read(65536).strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise ConfigurationError(f"cannot read the key file {self.path}: {reason}") from None
        key = check_api_key(text, origin=f"the key in {self.path}")
        self._key, self._stamp = key, stamp
        return key

    def forget(self) -> None:
        """Read the file afresh at the next call, even if it looks unchanged."""
        self._key = None
