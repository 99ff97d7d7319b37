"""The name under which a recording goes out."""

from __future__ import annotations

import re

from zhongzhuan_audio.audio.formats import KNOWN_EXTENSIONS, AudioFormat

__all__ = ["wire_filename"]

_MAX_BYTES = 200
_SEPARATOR = re.compile(r"[/\\]")
# Quotes would end the header's value, control characters and line separators the header, surrogates have no UTF-8.
_UNSAFE = re.compile('["\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')
# Only what can be an extension: "v1.2 recording" and "Dr. Wang" have none.
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,10}\Z")
# A file object that decompresses has the compressed file's name.
_COMPRESSED = {".gz", ".bz2", ".xz", ".lzma", ".zst"}


def wire_filename(name: str | None, format: AudioFormat | None) -> str:  # noqa: A002 - the word of the whole package
    """Return the file name to send.

    Relays drop the name and keep its extension, which they compare in lower case and believe before the bytes; so the
    extension must be right. The rest is kept for the relay's log: any script, in the form that it has.

    Args:
        name: A name or a path with either separator, of which the last part counts; None or empty where there is none.
        format: What the bytes are; None where that is not known, and the name's own extension stands.

    Returns:
        A name that is not empty, has no separator, quote, control character or lone surrogate, and at most 200 bytes
        of UTF-8. Sent through this function again, it stays as it is.
    """
    base = _UNSAFE.sub("_", _SEPARATOR.split(name or "")[-1])
    stem, extension = _split(base)
    while format is not None and extension in _COMPRESSED:
        base = stem
        stem, extension = _split(base)
    if format is None:
        if not extension:
            # What is cut off may leave something that looks like an extension, so look again.
            stem, extension = _split(_cut(base, _MAX_BYTES))
    elif extension not in format.extensions:
        stem, extension = (stem if extension in KNOWN_EXTENSIONS else base), format.extension
    stem = _cut(stem, _MAX_BYTES - len(extension))
    return (stem if stem.strip(" .") else "audio") + extension


def _split(base: str) -> tuple[str, str]:
    """Return the stem as it is and the extension in lower case, empty where there is none."""
    match = _EXTENSION.search(base)
    return (base[: match.start()], match[0].lower()) if match else (base, "")


def _cut(text: str, most_bytes: int) -> str:
    return text.encode("utf-8")[:most_bytes].decode("utf-8", "ignore")
