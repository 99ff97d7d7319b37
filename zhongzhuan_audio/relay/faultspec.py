"""Faults in one line, for the command: ``reset-after-upload:0.1,429:0.05,stall-before-headers=5:every=7;seed=42``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.relay.faultplan import FaultPlan
from zhongzhuan_audio.relay.faults import KINDS, Fault, Match

__all__ = ["parse_faults"]

_STATUS_DIGITS = 3
_FIELD = "field."


def parse_faults(spec: str) -> FaultPlan:
    """Return the plan that a line says.

    Args:
        spec: ``WHAT[=VALUE][:WHEN]...``, with commas between faults, and ``;seed=N`` at the end for other dice. WHAT is
            a kind of `Fault`, or a status from 400 to 599. WHEN is a probability (``0.1``, ``10%``), ``every=N``,
            ``times=N``, ``requests=N+N``, ``path=PATTERN``, ``filename=PATTERN`` or ``field.NAME=PATTERN``; a status
            also takes ``retry-after=SECONDS`` and ``drip`` takes ``interval=SECONDS``. In names, addresses and patterns
            ``%3A`` stands for a colon, ``%2C`` for a comma, ``%3B`` for a semicolon.

    Raises:
        ConfigurationError: It says nothing that can be done; the message names the part.
    """
    listed, *settings = (part.strip() for part in spec.split(";"))
    seed = 0
    for setting in settings:
        name, _, value = setting.partition("=")
        if name.strip() != "seed":
            raise ConfigurationError(f"faults: {setting!r} is no setting", hint="after the semicolon comes seed=N")
        seed = _number(int, value, setting)
    return FaultPlan([_fault(entry.strip()) for entry in listed.split(",")], seed=seed)


def _fault(entry: str) -> Fault:
    what, *conditions = (part.strip() for part in entry.split(":"))
    name, has_value, value = (part.strip() for part in what.partition("="))
    if len(name) == _STATUS_DIGITS and name.isdecimal() and not has_value:
        name, has_value, value = "answer", "=", name
    if name not in KINDS:
        raise ConfigurationError(
            f"faults: {name!r} is no fault", hint=f"use a status from 400 to 599, or one of {', '.join(KINDS)}"
        )
    options = _value(name, value, what) if has_value else {}
    for condition in conditions:
        _condition(options, name, condition)
    match = {key: options.pop(key) for key in ("path", "filename", "fields") if key in options}
    if match:
        options["where"] = Match(**match)
    try:
        if name != "answer":
            return Fault(name, **options)
        if "status" not in options:
            raise ConfigurationError("an answer needs a status", hint="such as answer=503, or just 503")
        return Fault.refusal(**options)
    except ConfigurationError as error:
        raise ConfigurationError(f"faults: {entry!r}: {error.message}", hint=error.hint) from None


def _value(name: str, value: str, what: str) -> dict[str, Any]:
    if name == "answer":
        return {"status": _number(int, value, what)}
    if name == "redirect":
        return {"location": unquote(value)}
    if name == "informational":
        return {"statuses": _numbers(value, what)}
    if name.startswith("stall-"):
        return {"seconds": _number(float, value, what)}
    if name in {"drip", "reset-during-upload", "long-header"}:
        return {"size_bytes": _number(int, value, what)}
    raise ConfigurationError(f"faults: {name} takes no value, {value!r} was given")


def _condition(options: dict[str, Any], name: str, condition: str) -> None:
    """Add one condition to a fault's options."""
    key, has_value, value = (part.strip() for part in condition.partition("="))
    found: Any
    if not has_value:
        key, found = "probability", _probability(condition)
    elif key in {"every", "times"}:
        found = _number(int, value, condition)
    elif key == "requests":
        found = _numbers(value, condition)
    elif key in {"path", "filename"}:
        found = unquote(value)
    elif key.startswith(_FIELD):
        options.setdefault("fields", {})[unquote(key.removeprefix(_FIELD))] = unquote(value)
        return
    elif (key, name) == ("retry-after", "answer"):
        key, found = "retry_after", _number(float, value, condition)
    elif (key, name) == ("interval", "drip"):
        key, found = "seconds", _number(float, value, condition)
    else:
        raise ConfigurationError(
            f"faults: {condition!r} says nothing to {name}",
            hint="use a probability, every=, times=, requests=, path=, filename= or field.NAME=",
        )
    if key in options:
        raise ConfigurationError(f"faults: {condition!r} is said a second time")
    options[key] = found


def _probability(text: str) -> float:
    number: float = _number(float, text.removesuffix("%"), text)
    return number / 100 if text.endswith("%") else number


def _numbers(text: str, where: str) -> tuple[int, ...]:
    return tuple(_number(int, part, where) for part in text.split("+"))


def _number(kind: Callable[[str], Any], text: str, where: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        needed = "a whole number" if kind is int else "a number"
        raise ConfigurationError(f"faults: {where!r} needs {needed}") from None
