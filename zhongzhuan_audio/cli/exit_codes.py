"""What the command's exit codes mean."""

from __future__ import annotations

from typing import Final

__all__ = ["FAILED", "HUNG_UP", "INTERRUPTED", "OK", "TERMINATED", "WRONG_USAGE"]

OK: Final = 0
FAILED: Final = 1
"""Something failed; it was named, with why."""
WRONG_USAGE: Final = 2
"""The command or a setting is wrong."""
INTERRUPTED: Final = 130
"""Ctrl-C, by the shells' convention: 128 and the signal's number."""
TERMINATED: Final = 143
"""SIGTERM, by the same convention."""
HUNG_UP: Final = 129
"""SIGHUP, by the same convention: the terminal is gone."""
