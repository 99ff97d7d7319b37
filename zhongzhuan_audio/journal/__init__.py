"""What was asked and what was answered, on disk: nothing that is done is asked for twice, whatever happens between.

A journal is an SQLite file. What is asked is known by a digest of the recording's content and of every field that goes
out with it, so that a renamed copy is the same and a changed option is not. It is written down before it is sent, and
again when its answer is there; both are on disk before anything goes on.
"""

from zhongzhuan_audio.journal.entries import Claim, Stamp
from zhongzhuan_audio.journal.journal import Journal, key_of
from zhongzhuan_audio.journal.view import JournalView

__all__ = ["Claim", "Journal", "JournalView", "Stamp", "key_of"]
