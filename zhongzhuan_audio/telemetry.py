"""Keeping others' libraries from reporting what is done on this machine."""

from __future__ import annotations

import os

__all__ = ["opt_out"]


def opt_out() -> None:
    """Tell onnxruntime, before it is imported, to report nothing; whoever has set its variable is obeyed.

    Source: its official builds report to Microsoft from their import on, unless ``ORT_DISABLE_TELEMETRY`` is set.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
