"""A run that is killed a few times; ``nox -s kills`` kills a longer one more often."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

KILLS = Path(__file__).parent.parent / "bench" / "kills.py"


@pytest.mark.parametrize("way", [[], ["--command"]])
def test_a_run_that_is_killed_three_times(way: list[str]) -> None:
    """Nothing done is sent again, each recording has its own answer, and no bill comes untold."""
    command = [sys.executable, KILLS, "--files", "120", "--kills", "3", *way]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=KILLS.parent)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert ended.stdout.startswith("120 files, 3 kills ")
    assert ended.stdout.count("killed after") == 3
    assert "120 answers <= " in ended.stdout
