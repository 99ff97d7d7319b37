"""``zhongzhuan-audio transcribe``."""

from __future__ import annotations

from zhongzhuan_audio.cli.asking import RelayOptions
from zhongzhuan_audio.cli.options import Files, TranscribeOptions

__all__ = ["transcribe"]

_DEFAULTS = TranscribeOptions()
_RELAY = RelayOptions()


def transcribe(*files: Files, options: TranscribeOptions = _DEFAULTS, relay: RelayOptions = _RELAY) -> int:
    """Turn recordings into text, subtitles or JSON.

    One recording's transcript goes to stdout; with --output-dir each gets a file,
    and a journal there has the same command go on after a break.
    There is no --api-key: other users would see it in the list of processes. Set
    ZHONGZHUAN_API_KEY, or name a file that holds the key.
    """
    # What they import takes a fifth of a second that --help does not need.
    from zhongzhuan_audio.cli.recordings import run_on_recordings
    from zhongzhuan_audio.protocol.request import transcription_fields

    arguments = {
        "model": options.model,
        "language": options.language,
        "prompt": options.prompt,
        "response_format": options.asked_format,
        "temperature": options.temperature,
    }
    return run_on_recordings("transcribe", files, options, relay, arguments, transcription_fields)
