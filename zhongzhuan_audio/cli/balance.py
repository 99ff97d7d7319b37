"""``zhongzhuan-audio balance``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zhongzhuan_audio.cli.asking import Json, Local, RelayOptions, ask, end_in_order, print_json, print_text
from zhongzhuan_audio.cli.render import one_line

if TYPE_CHECKING:
    from zhongzhuan_audio.models import Balance

__all__ = ["balance", "describe_remaining"]

_RELAY = RelayOptions()


def balance(*, json: Json = False, local: Local = False, relay: RelayOptions = _RELAY) -> int:
    """Say what is left on the key.

    It costs nothing. Of several relays, the first is asked. Dollars are the relay's
    own, sold at a price of its own.
    """

    def work() -> int:
        found = ask(lambda client: client.balance(), relay, local=local)
        if json:
            return print_json(_as_json(found))
        return print_text("".join(f"{one_line(line)}\n" for line in _describe(found)))

    return end_in_order(work)


def describe_remaining(found: Balance) -> str:
    """Return in words what is left."""
    if found.unlimited:
        behind = "" if found.remaining is None else f"; its account has {found.remaining:.2f} USD left"
        return f"the key has no limit{behind}"
    if found.remaining is None:
        return "the relay does not tell what is left"
    return f"{found.remaining:.2f} USD left"


def _describe(found: Balance) -> list[str]:
    lines = [describe_remaining(found)]
    if found.total is not None:
        lines.append(f"granted: {found.total:.2f} USD")
    if found.used is not None:
        lines.append(f"used: {found.used:.2f} USD")
    if found.expires_at is not None:
        lines.append(f"expires: {found.expires_at:%Y-%m-%d %H:%M} UTC")
    if found.name is not None:
        lines.append(f"name: {found.name}")
    if found.models:
        lines.append(f"only for: {', '.join(found.models)}")
    return lines


def _as_json(found: Balance) -> dict[str, object]:
    return {
        "total": found.total,
        "used": found.used,
        "remaining": found.remaining,
        "unlimited": found.unlimited,
        "expires_at": found.expires_at and found.expires_at.isoformat(),
        "name": found.name,
        "models": found.models,
    }
