"""What the relay's answers become."""

from zhongzhuan_audio.models.transcription import Segment, Transcription, Usage, Word

__all__ = ["Segment", "Transcription", "Usage", "Word"]
