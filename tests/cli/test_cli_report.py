"""The report: a row for each recording, in two files."""

from __future__ import annotations

import csv
import json

from zhongzhuan_audio.cli.report import Report


def row(source: str, **more) -> dict[str, object]:
    """Return a row."""
    return {"source": source, "status": "done", "outputs": [f"{source}.txt"], "attempts": 1, "text": "dropped", **more}


def read(folder) -> list[dict[str, object]]:
    """Return the rows, once they are found to be the same in both files."""
    rows = json.loads((folder / "report.json").read_text())
    with (folder / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    assert [each["source"] for each in table] == [each["source"] for each in rows]
    assert [each["status"] for each in table] == [each["status"] for each in rows]
    return rows


def test_each_recording_has_a_row(tmp_path):
    """In both files; names of any bytes, line ends and commas are no trouble."""
    names = ["a.mp3", "会议.mp3", "x,\n.mp3", "\udcff.mp3"]
    with Report(tmp_path) as report:
        for name in names:
            report.add(row(name))
    assert report.error is None
    rows = json.loads((tmp_path / "report.json").read_text())
    assert [each["source"] for each in rows] == names
    known = {name: value for name, value in rows[0].items() if value not in (None, [])}
    assert known == {"source": "a.mp3", "status": "done", "outputs": ["a.mp3.txt"], "attempts": 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.csv", "report.json"]
    with (tmp_path / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [each["source"] for each in csv.DictReader(file)] == [*names[:3], "\\udcff.mp3"]


def test_what_an_earlier_report_says_of_others_stays(tmp_path):
    """A shorter run takes nothing away; what was not sent is told where nothing else is known of it."""
    with Report(tmp_path) as first:
        first.add(row("a"))
        first.add(row("b", status="failed"))
    with Report(tmp_path) as second:
        second.add(row("b"))
        second.add(row("c"))
        second.leave_out(["a", "b", "d"])
    assert [(each["source"], each["status"]) for each in read(tmp_path)] == [
        ("b", "done"),
        ("c", "done"),
        ("a", "done"),
        ("d", "not sent"),
    ]


def test_each_row_has_all_fields(tmp_path):
    """Those that nothing is known of too, and those of an earlier report that had fewer."""
    (tmp_path / "report.json").write_text('[\n{"source": "a", "status": "not sent"}\n]\n')
    with Report(tmp_path) as report:
        report.add(row("b"))
        report.leave_out(["c"])
    with (tmp_path / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        names = next(csv.reader(file))
    rows = json.loads((tmp_path / "report.json").read_text())
    nothing: dict[str, object] = {"outputs": [], "partial": [], "missing": []}
    assert [list(each) for each in rows] == [names] * 3
    assert rows[2] == {**dict.fromkeys(names), "source": "c", "status": "not sent", "billed": "no", **nothing}


def test_it_is_written_when_the_work_is_broken_off(tmp_path):
    """Whatever ends it."""
    report = Report(tmp_path)
    report.add(row("a"))
    report.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert len(read(tmp_path)) == 1


def test_an_empty_one_is_none(tmp_path):
    """Where nothing was done, nothing is written."""
    with Report(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_report_is_replaced_in_its_place(tmp_path):
    """What is no row is passed by; a folder in the way is an error that is kept."""
    (tmp_path / "report.json").write_text('not json\n{"no": "row"}\n[1]\n')
    with Report(tmp_path) as report:
        report.add(row("a"))
    assert len(read(tmp_path)) == 1
    (tmp_path / "report.csv").unlink()
    (tmp_path / "report.csv").mkdir()
    with Report(tmp_path) as report:
        report.add(row("b"))
    assert isinstance(report.error, IsADirectoryError)
    assert len(json.loads((tmp_path / "report.json").read_text())) == 1
