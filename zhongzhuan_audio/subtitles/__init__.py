"""Subtitles: SRT and VTT, parsed and rendered, and cues made fit to watch. Pure."""

from zhongzhuan_audio.subtitles.fitting import Fit, fit_cues
from zhongzhuan_audio.subtitles.formats import Cue, parse_srt, parse_vtt, render_srt, render_vtt

__all__ = ["Cue", "Fit", "fit_cues", "parse_srt", "parse_vtt", "render_srt", "render_vtt"]
