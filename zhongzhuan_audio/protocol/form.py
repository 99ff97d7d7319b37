"""Fields of a multipart form, and the bytes around the recording. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from zhongzhuan_audio.errors import ConfigurationError

__all__ = [
    "Field",
    "as_text",
    "check_text",
    "content_type",
    "encode_form",
    "extra_fields",
    "is_field_name",
    "list_fields",
]

Field: TypeAlias = tuple[str, str]

# A quote or a backslash would end the name or change it, and parsers differ on blanks.
_FIELD_NAME = re.compile(r'(?!\[\]\Z)[^\s"\\]+')

# What relays that look at the part's type expect of a name; the type is lost on most of them.
_CONTENT_TYPES = {
    ".aac": "audio/aac",
    ".aif": "audio/aiff",
    ".aifc": "audio/aiff",
    ".aiff": "audio/aiff",
    ".amr": "audio/amr",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".webm": "audio/webm",
}


def is_field_name(name: object) -> bool:
    """Tell whether something can stand as a field's name."""
    return isinstance(name, str) and _FIELD_NAME.fullmatch(name) is not None and name.isprintable()


def check_text(name: str, value: object, *, required: bool = False) -> str:
    """Return a text that can be sent.

    Raises:
        ConfigurationError: It is no string, cannot be UTF-8, or is empty where it must not be.
    """
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a string, not {type(value).__name__}")
    if required and not value.strip():
        raise ConfigurationError(f"{name} is empty", hint="name one that the relay knows, such as whisper-1 or tts-1")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(f"{name} holds half a character (a lone surrogate)") from None
    # A member of a str enum would format as its own name.
    return str.__str__(value)


def list_fields(name: str, values: Iterable[str] | None) -> list[Field]:
    """Return a list's fields, ``name[]`` each; none for None.

    Raises:
        ConfigurationError: It is no list of strings.
    """
    if values is None:
        return []
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ConfigurationError(f"{name} must be a list of strings, not {type(values).__name__}")
    return [(f"{name}[]", check_text(name, value)) for value in values]


def extra_fields(extra: Mapping[str, Any], *, own: Collection[str]) -> list[Field]:
    """Return the fields that this version does not know: lists as ``name[]``, mappings as JSON, None not at all.

    Args:
        extra: Names and values.
        own: Names that have an argument of their own.

    Raises:
        ConfigurationError: A name or a value cannot be sent, or not here.
    """
    if not isinstance(extra, Mapping):
        raise ConfigurationError(f"extra must be a mapping of names to values, not {type(extra).__name__}")
    fields: list[Field] = []
    for name, value in extra.items():
        if not is_field_name(name):
            raise ConfigurationError(f"extra holds {name!r}, which cannot be a field's name")
        name = str.__str__(name)  # noqa: PLW2901 - a member of a str enum formats as its own name
        if name == "stream":
            raise ConfigurationError("extra holds 'stream'", hint="this call reads one whole answer")
        if name.partition("[")[0] in own:
            raise ConfigurationError(f"extra holds {name!r}", hint="give it as an argument; no field is sent twice")
        if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray, memoryview)):
            key = f"{name.removesuffix('[]')}[]"
            fields += [(key, as_text(f"extra[{name!r}]", item)) for item in value]
        elif value is not None:
            fields.append((name, as_text(f"extra[{name!r}]", value)))
    return fields


def as_text(label: str, value: object) -> str:
    """Return a value as a form has it: numbers and mappings as JSON.

    Args:
        label: What to call it in a message.
        value: The value.

    Raises:
        ConfigurationError: It cannot be sent.
    """
    if isinstance(value, str):
        return check_text(label, value)
    if isinstance(value, (bool, int, float, Mapping)):
        try:
            plain = dict(value) if isinstance(value, Mapping) else value
            text = json.dumps(plain, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ConfigurationError(f"{label} cannot be sent: {error}") from None
        return check_text(label, text)
    raise ConfigurationError(f"{label} cannot be sent: it is of type {type(value).__name__}")


def content_type(filename: str) -> str:
    """Return the media type that goes with a name's extension."""
    extension = filename[filename.rfind(".") :] if "." in filename else ""
    return _CONTENT_TYPES.get(extension, "application/octet-stream")


def encode_form(fields: Sequence[Field], filename: str, *, boundary: str) -> tuple[bytes, bytes]:
    """Return the bytes of a multipart form before and after the recording's own.

    Args:
        fields: Names and values; neither holds what would end a header.
        filename: As `wire_filename` makes it: raw UTF-8 without quotes, backslashes or control characters. Percent
            encoding (RFC 5987) is read literally by Go, Node and Starlette servers.
        boundary: Unguessable, so that no recording can hold it.

    Source: RFC 7578.
    """
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
    ]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        f"Content-Type: {content_type(filename)}\r\n\r\n"
    )
    return "".join(parts).encode(), f"\r\n--{boundary}--\r\n".encode()
