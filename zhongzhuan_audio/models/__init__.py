"""What the relay's answers become."""

from zhongzhuan_audio.models.transcription import Logprob, Segment, Transcription, Usage, Word

__all__ = ["Logprob", "Segment", "Transcription", "Usage", "Word"]
