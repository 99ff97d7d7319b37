"""``zhongzhuan-audio doctor``: what works between this machine and the relays, and what to do where it does not.

Facts are collected (`probing`, `collecting`, `extras`), judged by pure code (`rows`), and shown (`showing`).
"""

from zhongzhuan_audio.cli.doctor.command import doctor

__all__ = ["doctor"]
