"""Many recordings, so many at a time: what there is to do, what may be spent on it, what came of each.

It takes whatever transcribes one recording, and knows no client.
"""

from zhongzhuan_audio.batch.budget import Amounts, Budget
from zhongzhuan_audio.batch.job import Job, JobOptions, SharedOptions
from zhongzhuan_audio.batch.outcome import OnOutcome, Outcome, Progress
from zhongzhuan_audio.batch.runner import Files, Place, Transcribe, run
from zhongzhuan_audio.batch.table import to_dataframe

__all__ = [
    "Amounts",
    "Budget",
    "Files",
    "Job",
    "JobOptions",
    "OnOutcome",
    "Outcome",
    "Place",
    "Progress",
    "SharedOptions",
    "Transcribe",
    "run",
    "to_dataframe",
]
