"""What the facts mean: a row for each thing that was looked at, with what to do where it is not well. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

import attrs

from zhongzhuan_audio.cli.doctor.extras import PURPOSES, Extra
from zhongzhuan_audio.cli.wording import in_options
from zhongzhuan_audio.errors import APIError, MissingExtraError, ZhongzhuanError

__all__ = ["Row", "State", "of_error", "of_extras", "of_versions"]

State: TypeAlias = Literal["ok", "warn", "fail", "skip"]
"""A row that is skipped could not be looked at, or need not be well."""


@attrs.frozen(kw_only=True)
class Row:
    """One thing that was looked at."""

    endpoint: str | None = None
    """Base URL; None for this machine."""
    check: str
    state: State
    detail: str
    """What was found."""
    hint: str = ""
    """What to do; empty where nothing is to be done."""


_ADVICE = {
    "address": "check what SSL_CERT_FILE and the proxy variables name",
    "/v1": "try again later; if it stays so, ask the relay's operator, or use another address",
    "key": "check the file's path and permissions",
    "models": "wait and try again; if it stays so, ask the relay's operator",
}
"""What to do where an error says nothing of it."""


def of_error(
    endpoint: str,
    check: str,
    error: ZhongzhuanError,
    *,
    state: State = "fail",
    detail: str | None = None,
    hint: str = "",
) -> Row:
    """Return the row of an error, in the command's words.

    Args:
        endpoint: Base URL.
        check: What was looked at.
        error: What came of it.
        state: How bad it is.
        detail: In place of the error's own words.
        hint: In place of the error's own.
    """
    told = in_options(error)
    words = told.message if detail is None else detail
    if isinstance(told, APIError) and told.status:
        words = f"{words} (status {told.status})"
    # The doctor asks no embedded relay.
    advice = hint or (told.hint or "").replace("; --local needs none", "") or _ADVICE.get(check, "")
    return Row(endpoint=endpoint, check=check, state=state, detail=words, hint=advice)


def of_versions(package: str, python: str, system: str) -> Row:
    """Return the row of what runs here."""
    return Row(check="version", state="ok", detail=f"zhongzhuan-audio {package}, Python {python}, {system}")


def of_extras(extras: Iterable[Extra]) -> tuple[Row, ...]:
    """Return a row for each extra; none has to be there."""
    return tuple(_of_extra(extra) for extra in extras)


def _of_extra(extra: Extra) -> Row:
    check, purpose = f"[{extra.name}]", PURPOSES[extra.name]
    if extra.installed and not extra.missing:
        return Row(check=check, state="ok", detail=f"{purpose}: {', '.join(extra.installed)}")
    state = f"without {', '.join(extra.missing)}" if extra.installed else "not installed"
    hint = MissingExtraError(extra=extra.name).hint or ""
    return Row(check=check, state="skip", detail=f"{state}: {purpose}", hint=hint)
