"""Recordings longer than a relay takes: cut into pieces, and their transcripts put together again. Pure."""

from zhongzhuan_audio.longform.cutting import Piece, Plan, plan_pieces
from zhongzhuan_audio.longform.stitching import stitch

__all__ = ["Piece", "Plan", "plan_pieces", "stitch"]
