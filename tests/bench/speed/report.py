"""What came of it: tables and a plot."""

from __future__ import annotations

import os
import platform
import statistics
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

import attrs
from works import TARGETS, WORKS, Figure, Target

__all__ = ["Results", "report"]

BEGIN, END = "<!-- figures -->", "<!-- /figures -->"
WORDS: dict[Figure, str] = {
    "rate": "requests a second",
    "cpu": "processor time a request",
    "grown": "growth of memory",
    "stall": "longest stall of the loop",
    "own": "most processor time of the loop without a pause",
    "seconds": "time",
}
PEERS = ("openai", "aiohttp", "httpx")


@attrs.frozen
class Ratios:
    """Of one figure, round by round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        """As a table has it: the median, and from where to where."""
        return f"{self.median:.3g} ({min(self.values):.3g} to {max(self.values):.3g})"


class Results:
    """What every client did, round by round."""

    def __init__(self) -> None:
        self._told: defaultdict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)

    def add(self, work: str, client: str, told: dict[str, float]) -> None:
        """Take a round."""
        self._told[work, client].append(told)

    @property
    def rounds(self) -> int:
        """How many there were."""
        return max((len(told) for told in self._told.values()), default=0)

    def figures(self, work: str, client: str, figure: Figure) -> tuple[float, ...]:
        """Return a figure of each round; none where it was not measured."""
        rounds = self._told.get((work, client), [])
        if figure == "rate":
            return tuple(told["requests"] / told["seconds"] for told in rounds)
        if figure == "cpu":
            return tuple(told["cpu_s"] / told["requests"] for told in rounds if "cpu_s" in told)
        name = {"grown": "grown_bytes", "stall": "stall_s", "own": "own_s", "seconds": "seconds"}[figure]
        return tuple(told[name] for told in rounds if told.get(name) is not None)

    def reached(self, target: Target) -> Ratios | None:
        """Return what a target's figure came to; None where it was not measured."""
        ours = self.figures(target.work, "ours, blocking" if target.work == "blocking" else "ours", target.figure)
        if target.against is None:
            theirs: tuple[float, ...] = (1.0,) * len(ours)
        elif target.against == "the ideal":
            work = WORKS[target.work]
            theirs = (work.concurrency * 1000 / work.delay_ms,) * len(ours)
        else:
            theirs = self.figures(target.work, target.against, target.figure)
        values = tuple(our / their for our, their in zip(ours, theirs, strict=True)) if theirs else ()
        return Ratios(values) if values else None


def report(results: Results, *, page: Path | None) -> None:
    """Print what came of it, and write it into a page."""
    reached = [(target, ratios) for target in TARGETS if (ratios := results.reached(target)) is not None]
    text = "\n".join([*_targets(reached), "", *_works(results), "", _machine(results)])
    print(text)
    if page is None:
        return
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
    _plot(reached, page.with_suffix(".svg"))


def _targets(reached: list[tuple[Target, Ratios]]) -> list[str]:
    rows = ["| load | figure | beside | wanted | reached | |", "| --- | --- | --- | ---: | ---: | --- |"]
    for target, ratios in reached:
        good = ratios.median <= target.wanted if target.is_most else ratios.median >= target.wanted
        scale, unit = _scale(target) if target.against is None else (1.0, " ×")
        told = Ratios(tuple(value * scale for value in ratios.values))
        bound = "at most " if target.is_most else ""
        rows.append(
            f"| {WORKS[target.work].title} | {WORDS[target.figure]} | {target.against or ''} "
            f"| {bound}{target.wanted * scale:.3g}{unit} | {told}{unit} | {'yes' if good else 'no'} |"
        )
    return rows


def _scale(target: Target) -> tuple[float, str]:
    return (1 / (1 << 20), " MiB") if target.figure == "grown" else (1000.0, " ms")


def _works(results: Results) -> list[str]:
    rows = [
        "| load | client | a second | processor, a request | memory | stall | its own |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for key, work in WORKS.items():
        for client in work.clients:
            taken = results.figures(key, client, "seconds")
            if not taken:
                continue
            if work.kind != "uploads":
                rows.append(f"| {work.title} | {client} | {statistics.median(taken) * 1000:.4g} ms each | | | | |")
                continue
            rate = statistics.median(results.figures(key, client, "rate"))
            is_small = work.file_bytes < 1_000_000
            told = f"{rate:.4g}" if is_small else f"{rate * work.file_bytes / 1e6:.4g} MB"
            rows.append(
                f"| {work.title} | {client} | {told} | {_median(results, key, client, 'cpu', 1000, ' ms')} "
                f"| {_median(results, key, client, 'grown', 1 / (1 << 20), ' MiB')} "
                f"| {_median(results, key, client, 'stall', 1000, ' ms')} "
                f"| {_median(results, key, client, 'own', 1000, ' ms')} |"
            )
    return rows


def _median(results: Results, work: str, client: str, figure: Figure, scale: float, unit: str) -> str:
    values = results.figures(work, client, figure)
    return f"{statistics.median(values) * scale:.3g}{unit}" if values else ""


def _machine(results: Results) -> str:
    peers = ", ".join(f"{name} {version(name)}" for name in PEERS)
    return (
        f"Medians of {results.rounds} rounds, with the least and the most; {os.cpu_count()} processors "
        f"({platform.machine()}), Python {platform.python_version()}, {peers}."
    )


def _plot(reached: list[tuple[Target, Ratios]], path: Path) -> None:
    """Draw how many times as much as others."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    drawn = [(target, ratios) for target, ratios in reached if target.figure == "rate"]
    labels = [f"{WORKS[target.work].title}, beside {target.against}" for target, _ in drawn]
    medians = [ratios.median for _, ratios in drawn]
    errors = [
        [ratios.median - min(ratios.values) for _, ratios in drawn],
        [max(ratios.values) - ratios.median for _, ratios in drawn],
    ]
    mpl.rcParams.update({"svg.hashsalt": "zhongzhuan_audio", "svg.fonttype": "none", "font.size": 9})
    figure, axes = plt.subplots(figsize=(8, 0.34 * len(drawn) + 1), layout="constrained")
    axes.barh(labels, medians, xerr=errors, color="#3f6fb5", ecolor="#222222", height=0.6)
    axes.plot([target.wanted for target, _ in drawn], labels, "|", color="#c0392b", markersize=14, label="wanted")
    axes.axvline(1, color="#888888", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlabel("times as many requests a second")
    axes.invert_yaxis()
    axes.legend(loc="lower right")
    figure.savefig(path, metadata={"Date": None})
