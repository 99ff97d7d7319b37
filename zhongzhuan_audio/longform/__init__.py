"""Recordings longer than a relay takes: cut into pieces, and their transcripts put together again. Pure."""

from zhongzhuan_audio.longform.cutting import Piece, Plan, plan_pieces
from zhongzhuan_audio.longform.stitching import stitch
from zhongzhuan_audio.longform.suspicion import drop_suspicious, find_suspicious, measure_coverage

__all__ = ["Piece", "Plan", "drop_suspicious", "find_suspicious", "measure_coverage", "plan_pieces", "stitch"]
