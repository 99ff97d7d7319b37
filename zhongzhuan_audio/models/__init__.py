"""What the relay's answers become."""

from zhongzhuan_audio.models.account import Balance, Model
from zhongzhuan_audio.models.damage import Damage
from zhongzhuan_audio.models.parts import Logprob, Segment, Usage, Word
from zhongzhuan_audio.models.preparation import Preparation
from zhongzhuan_audio.models.response import Response
from zhongzhuan_audio.models.review import Coverage, Span, Suspicion, SuspicionKind
from zhongzhuan_audio.models.stream import SegmentDone, ServerSentEvent, TextDelta, TranscriptDone, TranscriptEvent
from zhongzhuan_audio.models.transcription import Transcription

__all__ = [
    "Balance",
    "Coverage",
    "Damage",
    "Logprob",
    "Model",
    "Preparation",
    "Response",
    "Segment",
    "SegmentDone",
    "ServerSentEvent",
    "Span",
    "Suspicion",
    "SuspicionKind",
    "TextDelta",
    "TranscriptDone",
    "TranscriptEvent",
    "Transcription",
    "Usage",
    "Word",
]
