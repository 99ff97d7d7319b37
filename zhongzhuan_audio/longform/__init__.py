"""Recordings longer than a relay takes: cut into pieces, and their transcripts put together again. Pure."""

from zhongzhuan_audio.longform.cutting import Piece, Plan, plan_pieces

__all__ = ["Piece", "Plan", "plan_pieces"]
