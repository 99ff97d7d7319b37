"""The command, also as ``python -m zhongzhuan_audio``."""

from __future__ import annotations

import sys
from importlib.util import find_spec

__all__ = ["main"]


def main() -> int:
    """Run the command and return its exit code; without the extra ``cli`` say in one line what to install."""
    if any(find_spec(name) is None for name in ("cyclopts", "rich")):
        sys.stderr.write("zhongzhuan-audio: the command needs: pip install 'zhongzhuan-audio[cli]'\n")
        return 2
    from zhongzhuan_audio.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
