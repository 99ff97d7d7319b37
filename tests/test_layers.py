"""Every import in the package points down, as the table of levels says, and none of them goes round in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from textwrap import dedent

import pytest

import zhongzhuan_audio

PACKAGE = Path(zhongzhuan_audio.__file__).parent

LEVELS = {
    "errors": 0,
    "advice": 0,
    "_version": 0,
    "config": 1,
    "events": 1,
    "subtitles": 1,
    "files": 1,
    "telemetry": 1,
    "threads": 1,
    "audio": 1,
    "models": 2,
    "options": 2,
    "protocol": 3,
    "journal": 3,
    "upload": 4,
    "media": 5,
    "transport": 5,
    "relay": 5,
    "core": 6,
    "speech": 6,
    "streaming": 6,
    "longform": 6,
    "batch": 6,
    "probing": 6,
    "client": 7,
    "blocking": 8,
    "cli": 9,
    "integrations": 9,
    "__main__": 10,  # nothing but the way into cli
}
"""Level of each module or package directly below the top one. The top package itself may name anything, and nothing
below may import from it."""


def module_name(path: Path, root: Path) -> str:
    """Return the dotted name of a source file; a package goes by its own name, without ``__init__``."""
    parts = [root.name, *path.relative_to(root).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(tree: ast.Module, module: str, *, is_package: bool) -> Iterator[tuple[str, str | None, int]]:
    """Yield (module, name in it or None, line) for each import, wherever in the file it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, None, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".")
            keep = len(base) - node.level + is_package
            start = base[:keep] if node.level else []
            origin = ".".join([*start, *([node.module] if node.module else [])])
            for alias in node.names:
                yield origin, alias.name, node.lineno
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
            if called in {"import_module", "__import__"} and isinstance(node.args[0].value, str):
                yield node.args[0].value, None, node.lineno


def arrows(root: Path) -> dict[str, list[tuple[str, int]]]:
    """Return, for each module below `root`, the modules of the same package that it imports and on which line."""
    paths = {module_name(path, root): path for path in sorted(root.rglob("*.py"))}
    graph: dict[str, list[tuple[str, int]]] = {}
    for module, path in paths.items():
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        graph[module] = []
        for origin, name, line in imported_names(tree, module, is_package=path.name == "__init__.py"):
            target = f"{origin}.{name}" if f"{origin}.{name}" in paths else origin
            if target.split(".")[0] == root.name:
                graph[module].append((target, line))
    return graph


def complaints(root: Path, levels: Mapping[str, int]) -> list[str]:
    """Return what is wrong with the imports below `root`, one line for each fault."""
    graph = arrows(root)
    found = [
        f"{module}: no level is given for {unit!r}"
        for module in graph
        if module != root.name and (unit := module.split(".")[1]) not in levels
    ]
    for module, targets in graph.items():
        if module == root.name:
            continue
        unit = module.split(".")[1]
        for target, line in targets:
            where = f"{module}:{line} imports {target}"
            if target == root.name:
                found.append(f"{where}: the top package is above everything")
                continue
            other = target.split(".")[1]
            if other == unit or unit not in levels:
                continue
            if other not in levels:
                found.append(f"{where}: no level is given for {other!r}")
            elif levels[other] >= levels[unit]:
                way = "up" if levels[other] > levels[unit] else "sideways"
                found.append(f"{where}: an arrow {way}, from level {levels[unit]} to level {levels[other]}")
    sorter = TopologicalSorter({module: [target for target, _ in targets] for module, targets in graph.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        found.append("a circle: " + " <- ".join(error.args[1]))
    return found


def test_imports_of_the_package_point_down():
    """No module imports from its own level or a higher one, and no imports go in a circle."""
    assert complaints(PACKAGE, LEVELS) == []


def test_the_package_is_really_walked():
    """The walk finds the modules and the arrows that are certainly there."""
    graph = arrows(PACKAGE)
    assert set(graph) >= {"zhongzhuan_audio", "zhongzhuan_audio.errors", "zhongzhuan_audio.models.transcription"}
    assert "zhongzhuan_audio.errors" in [target for target, _ in graph["zhongzhuan_audio.config.keys"]]


LOW_AND_HIGH = {"low": 0, "mid": 1, "side": 1, "high": 2}


@pytest.fixture
def tree(tmp_path):
    """Return a function that writes a made-up package and returns the complaints about it."""

    def check(**sources: str) -> list[str]:
        root = tmp_path / "pkg"
        for name, source in {"__init__": "", **sources}.items():
            path = root / f"{name.replace('__in__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(source), encoding="utf-8")
        return complaints(root, LOW_AND_HIGH)

    return check


def test_arrows_down_pass(tree):
    """Imports of lower levels, of the own package, and of other packages are fine, in each way to write them."""
    assert (
        tree(
            __init__="def __getattr__(name):\n    from pkg.high import x\n",
            low="import os\nfrom attrs import frozen\n",
            mid__in____init__="from pkg.mid.inner import x\n",
            mid__in__inner="from .. import low\nfrom ..low import x\n",
            high="import pkg.mid.inner\nfrom pkg import low\nfrom pkg.mid import x\n",
        )
        == []
    )


@pytest.mark.parametrize(
    "source",
    [
        "import pkg.high",
        "import pkg.high as h",
        "from pkg import high",
        "from pkg.high import x",
        "from . import high",
        "from .high import x",
        "def f():\n    from pkg.high import x",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pkg.high import x",
        "try:\n    import pkg.high\nexcept ImportError:\n    pass",
        "import importlib\nimportlib.import_module('pkg.high')",
        "__import__('pkg.high')",
    ],
)
def test_an_arrow_up_is_found(tree, source):
    """However and wherever the import of a higher level is written, it is found."""
    (complaint,) = tree(low=source, high="")
    assert "pkg.low:" in complaint
    assert "an arrow up, from level 0 to level 2" in complaint


def test_an_arrow_up_from_a_nested_module_is_found(tree):
    """Relative imports are counted from the package that a module is in."""
    (complaint,) = tree(mid__in____init__="", mid__in__inner="def f():\n    from ..high import x\n", high="")
    assert complaint == "pkg.mid.inner:2 imports pkg.high: an arrow up, from level 1 to level 2"


def test_an_arrow_up_from_an_init_is_found(tree):
    """One dot in a package's own ``__init__`` means that package."""
    (complaint,) = tree(mid__in____init__="from . import inner\nfrom ..high import x\n", mid__in__inner="", high="")
    assert complaint == "pkg.mid:2 imports pkg.high: an arrow up, from level 1 to level 2"


def test_an_arrow_sideways_is_found(tree):
    """Two packages of one level do not know each other."""
    (complaint,) = tree(mid="from pkg.side import x", side="")
    assert complaint == "pkg.mid:1 imports pkg.side: an arrow sideways, from level 1 to level 1"


def test_an_import_of_the_top_package_is_found(tree):
    """Nothing inside imports the public names from the top."""
    (complaint,) = tree(high="from pkg import Client")
    assert complaint == "pkg.high:1 imports pkg: the top package is above everything"


def test_a_module_without_a_level_is_found(tree):
    """A new module must be given its place, and is not imported before."""
    assert tree(stray="", high="import pkg.stray\n") == [
        "pkg.stray: no level is given for 'stray'",
        "pkg.high:1 imports pkg.stray: no level is given for 'stray'",
    ]


def test_a_circle_is_found(tree):
    """A circle within a package is found, also where one of its imports hides in a function."""
    found = tree(
        mid__in____init__="",
        mid__in__a="from pkg.mid import b\n",
        mid__in__b="def f():\n    from pkg.mid.a import x\n",
    )
    assert len(found) == 1
    assert found[0].startswith("a circle: ")
    assert {"pkg.mid.a", "pkg.mid.b"} <= set(found[0].removeprefix("a circle: ").split(" <- "))


def test_a_circle_through_the_own_init_is_found(tree):
    """A module that imports from its package's ``__init__``, which imports it, makes a circle."""
    (complaint,) = tree(mid__in____init__="from pkg.mid.a import x\n", mid__in__a="from pkg.mid import y\n")
    assert complaint.startswith("a circle: ")
