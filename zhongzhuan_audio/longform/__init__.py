"""Recordings longer than a relay takes: cut into pieces, and their transcripts put together again."""

from zhongzhuan_audio.longform.cutting import Piece, Plan, plan_pieces
from zhongzhuan_audio.longform.pieces import AskForPiece, ask_for_pieces, pieces_to_ask
from zhongzhuan_audio.longform.reviewing import flag, review
from zhongzhuan_audio.longform.snapping import snap_to_speech
from zhongzhuan_audio.longform.stitching import stitch
from zhongzhuan_audio.longform.suspicion import drop_suspicious, find_suspicious, measure_coverage

__all__ = [
    "AskForPiece",
    "Piece",
    "Plan",
    "ask_for_pieces",
    "drop_suspicious",
    "find_suspicious",
    "flag",
    "measure_coverage",
    "pieces_to_ask",
    "plan_pieces",
    "review",
    "snap_to_speech",
    "stitch",
]
