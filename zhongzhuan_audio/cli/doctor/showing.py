"""The rows as one table: drawn on a terminal, in plain lines elsewhere, as JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import groupby

from zhongzhuan_audio.cli.asking import print_json, print_text
from zhongzhuan_audio.cli.doctor.rows import Row, State
from zhongzhuan_audio.cli.exit_codes import FAILED, OK
from zhongzhuan_audio.cli.render import complain, one_line

__all__ = ["plain_lines", "show"]

_HERE = "this machine"
_COLOURS: dict[State, str] = {"ok": "green", "warn": "yellow", "fail": "bold red", "skip": "dim"}
_STATE_WIDTH = 4


def show(rows: Sequence[Row], *, json: bool) -> int:
    """Write the rows to stdout, and return the exit code: 1 where one of them is a failure."""
    code = FAILED if any(row.state == "fail" for row in rows) else OK
    if json:
        return max(code, print_json({"ok": code == OK, "rows": [_as_json(row) for row in rows]}))
    if sys.stdout is not None and sys.stdout.isatty():
        return max(code, _draw(rows))
    return max(code, print_text("".join(f"{line}\n" for line in plain_lines(rows))))


def plain_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the table in aligned lines, in groups; what to do stands below what is not well."""
    width = max(len(row.check) for row in rows)
    for endpoint, group in groupby(rows, key=lambda row: row.endpoint):
        yield endpoint or _HERE
        for row in group:
            yield f"  {row.state:<{_STATE_WIDTH}}  {row.check:<{width}}  {one_line(row.detail)}"
            if _advice(row):
                yield f"  {'':<{_STATE_WIDTH}}  {'':<{width}}  to do: {_advice(row)}"


def _advice(row: Row) -> str:
    return one_line(row.hint) if row.state in {"warn", "fail"} else ""


def _as_json(row: Row) -> dict[str, str | None]:
    return {
        "endpoint": row.endpoint,
        "check": row.check,
        "state": row.state,
        "detail": one_line(row.detail),
        "hint": one_line(row.hint) or None,
    }


def _draw(rows: Sequence[Row]) -> int:
    # Only a terminal needs it, and it is a tenth of a second to import.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("state", "check", "found", header_style="bold")
    for endpoint, group in groupby(rows, key=lambda row: row.endpoint):
        table.add_section()
        table.add_row("", "", Text(endpoint or _HERE, style="bold"))
        for row in group:
            found = Text(one_line(row.detail), style="dim" if row.state == "skip" else "")
            if _advice(row):
                found.append(f"\nto do: {_advice(row)}", style=_COLOURS[row.state])
            table.add_row(Text(row.state, style=_COLOURS[row.state]), Text(row.check), found)
    try:
        Console(markup=False, highlight=False, emoji=False).print(table)
    except OSError as error:
        complain(f"cannot write to stdout: {error.strerror or error}")
        return FAILED
    return OK
