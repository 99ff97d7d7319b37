"""The command ``zhongzhuan-audio``; needs the extra ``cli``."""

from zhongzhuan_audio.cli.app import run

__all__ = ["run"]
