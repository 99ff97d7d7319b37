"""Many recordings, so many at a time: what there is to do, what may be spent on it, what came of each.

It takes whatever transcribes one recording, and knows no client.
"""

from zhongzhuan_audio.batch.budget import Amounts, Budget
from zhongzhuan_audio.batch.job import Job, JobOptions, SharedOptions, TranslationOptions
from zhongzhuan_audio.batch.outcome import OnOutcome, Outcome, Progress
from zhongzhuan_audio.batch.outcomes import Outcomes
from zhongzhuan_audio.batch.place import Place
from zhongzhuan_audio.batch.runner import Files, Transcribe, run
from zhongzhuan_audio.batch.table import to_dataframe

__all__ = [
    "Amounts",
    "Budget",
    "Files",
    "Job",
    "JobOptions",
    "OnOutcome",
    "Outcome",
    "Outcomes",
    "Place",
    "Progress",
    "SharedOptions",
    "Transcribe",
    "TranslationOptions",
    "run",
    "to_dataframe",
]
