"""How long a recording is, container by container; `zhongzhuan_audio.audio.duration` is the way in."""
