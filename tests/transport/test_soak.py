"""A short soak; ``nox -s soak`` runs the long one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SOAK = Path(__file__).parent.parent / "bench" / "soak.py"


def test_a_thousand_calls_through_a_relay_that_fails() -> None:
    """Each ends as the right transcript or the right error, none is billed in silence, and nothing is left behind."""
    ended = subprocess.run(
        [sys.executable, SOAK, "1000"], capture_output=True, text=True, timeout=300, check=False, cwd=SOAK.parent
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert ended.stdout.startswith("1000 calls, ")
    assert "transcripts <= " in ended.stdout
