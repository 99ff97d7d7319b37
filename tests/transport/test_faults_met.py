"""What the client makes of each fault of the embedded relay, and that docs/reliability.md says so."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import pytest

from zhongzhuan_audio.relay.faults import KINDS

from .faults_table import CASES, LARGE_BYTES, ROWS, SMALL_BYTES, Case, Met, Run, bad, good, meet

MP3 = (Path(__file__).parent.parent / "data" / "jfk.mp3").read_bytes()
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = (
    "<!-- Written by `nox -s fault_table`, from a run of tests/transport/test_faults_met.py. -->\n\n",
    "\n\n<!-- End of the table. -->",
)


def name_of(case: Case) -> str:
    """Return a short name."""
    settings = attrs.asdict(case, filter=attrs.filters.include("warm", "deadline_s"))
    return "-".join([case.fault, *(key for key, value in settings.items() if value)])


RUNS = [
    pytest.param(case, once, size, response_format, id=f"{name_of(case)}-{often}-{size}-{response_format}")
    for case in CASES
    for once, often in ((True, "once"), (False, "always"))
    for size in case.sizes
    for response_format in case.formats
]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give a small and a large recording."""
    folder = tmp_path_factory.mktemp("recordings")
    made = {"small": folder / "small.mp3", "large": folder / "large.mp3"}
    made["small"].write_bytes(MP3[:SMALL_BYTES])
    with made["large"].open("wb") as file:
        file.write(MP3)
        file.truncate(LARGE_BYTES)
    return made


@pytest.fixture(scope="module")
def observed() -> dict[tuple[Case, bool], Met]:
    """Keep what was seen of each case, struck once or always."""
    return {}


def table(observed: list[tuple[str, Met, Met]]) -> str:
    """Return the table of what was observed: a fault's words, how it was met once, how it was met each time."""
    lines = [
        "| the relay … | once | every time | requests | may be billed in vain |",
        "| --- | --- | --- | --- | --- |",
    ]
    for what, once, always in observed:
        billed = f"{once.maybe_billed} / {always.maybe_billed}" if once.maybe_billed or always.maybe_billed else "no"
        lines.append(
            f"| {what} | {shown_as(once)} | {shown_as(always)} | {once.requests} / {always.requests} | {billed} |"
        )
    return "\n".join(lines)


def shown_as(met: Met) -> str:
    if met.end == "transcript":
        return "transcript" if len(met.attempts) == 1 else "tries again, transcript"
    error, comma, phase = met.end.partition(", ")
    return f"`{error}`{comma}{phase and f'phase {phase}'}"


def check_what_is_left(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """Check that nothing is, and that what may have cost is told."""
    assert (run.open_files, run.held_connections) == (0, 0)
    assert run.after == "heard the call after"
    assert run.told == run.met.maybe_billed <= 2
    if run.met.end != "transcript":
        assert run.billed == ("maybe" if run.told else "no")
    # Nothing that a relay charges for goes untold.
    assert run.met.billable <= (run.met.end == "transcript") + run.told
    assert [record.message for record in caplog.records if record.name.startswith("asyncio")] == []


@pytest.mark.parametrize(("case", "once", "size", "response_format"), RUNS)
async def test_the_fault_is_met(case, once, size, response_format, recordings, observed, caplog):
    """Outcome, attempts, requests and cost are these; files, connections and tasks are given back."""
    run = await meet(case, recordings[size], once=once, response_format=response_format)
    observed[case, once] = run.met
    assert run.met == (case.once if once else case.always)
    check_what_is_left(run, caplog)


@pytest.mark.parametrize("once", [True, False], ids=["once", "always"])
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_the_answer_of_a_row_is_met(row, once, recordings, caplog):
    """Over the wire and through the retries, each answer of the conformance set becomes what the set says."""
    expect, status = row["expect"], row["response"]["status"]
    struck = f"{status} {expect['error']}" + "?" * (expect.get("billed") == "maybe")
    if expect["error"] is None:
        wanted = good()
    elif not expect["retry"] or expect.get("retry_after_s", 0) > 5:
        wanted = bad(struck)
    else:
        wanted = good(struck) if once else bad(struck, 2 if struck.endswith("?") else 4)
    case = Case(row["id"], f"row:{row['id']}", wanted, says=expect.get("text"))
    run = await meet(case, recordings["small"], once=once, response_format=row["request"]["response_format"])
    assert attrs.evolve(run.met, billable=0) == attrs.evolve(wanted, billable=0)
    check_what_is_left(run, caplog)


def test_every_fault_is_among_the_cases():
    """The relay can do nothing that is not looked at from the client's side."""
    kinds = {fault.kind for case in CASES for fault in case.faults(1, once=True)}
    assert kinds == set(KINDS)
    assert len({name_of(case) + str(case.sizes) for case in CASES}) == len(CASES)


async def test_the_page_says_what_was_seen(recordings, observed):
    """The table in the docs is made of the runs above; `nox -s fault_table` writes it."""
    for case in CASES:
        for once in (True, False):
            if (case, once) not in observed:
                observed[case, once] = (await meet(case, recordings[case.sizes[0]], once=once)).met
    made = table([(case.what, observed[case, True], observed[case, False]) for case in CASES])
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    shown, after = rest.split(END)
    if os.environ.get("WRITE_FAULT_TABLE"):
        PAGE.write_text(before + BEGIN + made + END + after, encoding="utf-8")
    else:
        assert shown == made, "run nox -s fault_table"
