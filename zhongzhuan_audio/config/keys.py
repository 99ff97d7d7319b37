"""Keys: where they come from, what can be one, and that nothing shows them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, TypeVar, final, overload
from urllib.parse import SplitResult, urlsplit

from zhongzhuan_audio.errors import ConfigurationError

__all__ = [
    "API_KEY_FILE_VARIABLE",
    "API_KEY_VARIABLE",
    "ApiKey",
    "KeyFile",
    "Secret",
    "check_api_key",
    "masked",
    "masked_items",
    "masked_parts",
]

API_KEY_VARIABLE = "ZHONGZHUAN_API_KEY"
API_KEY_FILE_VARIABLE = "ZHONGZHUAN_API_KEY_FILE"
T = TypeVar("T")

_MOST_BYTES = 8 * 1024
"""Of a key file: no longer line of a request's head is taken by nginx as it comes."""

# At its end a token may be padded with such signs.
_ASSIGNMENT = re.compile(r"(?:export\s+)?[A-Z][A-Z0-9_]*_[A-Z0-9_]*\s*=\s*[^=\s]")

ApiKey: TypeAlias = str | Callable[[], str | Awaitable[str]]
"""A key, or a function (plain or async) that gives one; it is asked once a call and
endpoint, and once more where its key is refused."""


@final
class Secret(str):
    """A string that no repr shows: not in a log of arguments, not in a traceback with local variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return a mask."""
        return "'***'"


class _SecretBytes(bytes):
    def __repr__(self) -> str:
        return "b'***'"


class _SecretTuple(tuple[Any, ...]):
    __slots__ = ()

    def __repr__(self) -> str:
        return "('***')"


class _SecretList(list[Any]):
    __slots__ = ()

    def __repr__(self) -> str:
        return "['***']"


# A refusal names the kind that was given.
_SecretBytes.__name__, _SecretTuple.__name__, _SecretList.__name__ = "bytes", "tuple", "list"


@overload
def masked(value: str) -> Secret: ...
@overload
def masked(value: T) -> T: ...
def masked(value: object) -> object:
    """Return a string, bytes or a list wrapped, anything else as it is: the first thing to do with a key that is given.

    And with an address or a header, in whose place a key may be given. A frame keeps its arguments, and a traceback may
    show them before they are checked.
    """
    if isinstance(value, str):
        return Secret(value)
    if isinstance(value, bytes):
        return _SecretBytes(value)
    if isinstance(value, (tuple, list)):
        return (_SecretTuple if isinstance(value, tuple) else _SecretList)(map(masked, value))
    return value


def masked_items(given: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Return a mapping with its names and values wrapped, anything else as `masked` does."""
    if isinstance(given, Mapping):
        return {masked(name): masked(value) for name, value in given.items()}
    return masked(given)


def masked_parts(address: str) -> SplitResult:
    """Return an address's parts, wrapped: a key or a password may stand in any of them.

    Raises:
        ValueError: It cannot be taken apart. The message may quote it.
    """
    address = masked(address)
    return SplitResult(*map(masked, urlsplit(address)))


def check_api_key(key: object, *, origin: str = "api_key") -> Secret:
    """Return the key, wrapped, if it can stand in an HTTP header.

    Args:
        key: What was given.
        origin: Where it came from, for the message.

    Raises:
        ConfigurationError: It is not a string, empty, in quotes, or holds blanks, line ends or characters outside
            ASCII. The message never holds the key.
    """
    key = masked(key)
    if not isinstance(key, str):
        raise ConfigurationError(f"{origin} must be a string, not {type(key).__name__}")
    if not key:
        raise ConfigurationError(f"{origin} is empty", hint="give the token that the relay's web page shows")
    if key.lower() == "bearer" or key.lower().startswith("bearer "):
        raise ConfigurationError(f"{origin} begins with the word Bearer", hint="give the token alone")
    if _ASSIGNMENT.match(key):
        raise ConfigurationError(f"{origin} looks like NAME=value", hint="give the value alone")
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
            text = self._read(found)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise ConfigurationError(f"cannot read the key file {self.path}: {reason}") from None
        key = check_api_key(text, origin=f"the key in {self.path}")
        self._key, self._stamp = key, stamp
        return key

    def _read(self, found: os.stat_result) -> Secret:
        """Return what the file holds, blanks around it aside; nothing but a small file is opened.

        Raises:
            ConfigurationError: It is no file, or too large for a key.
            OSError: It cannot be read.
            UnicodeDecodeError: It is no text.
        """
        if not stat.S_ISREG(found.st_mode):
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe, a socket or a device"
            raise ConfigurationError(
                f"cannot read the key file {self.path}: it is {kind}",
                hint=f"the key is read again when it changes: write it into a file, or set {API_KEY_VARIABLE}",
            )
        # What /proc holds has no size.
        if found.st_size <= _MOST_BYTES:
            with open(self.path, encoding="utf-8-sig") as file:  # noqa: PTH123 - the fastest, for a few bytes
                text = Secret(file.read(_MOST_BYTES + 1))
            if len(text) <= _MOST_BYTES:
                return Secret(text.strip())
        raise ConfigurationError(
            f"the key file {self.path} is larger than {_MOST_BYTES >> 10} KiB: it is not a key",
            hint="name a file that holds the key and nothing else",
        )

    def forget(self) -> None:
        """Read the file afresh at the next call, even if it looks unchanged."""
        self._key = None
