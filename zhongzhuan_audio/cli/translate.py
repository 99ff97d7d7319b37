"""``zhongzhuan-audio translate``."""

from __future__ import annotations

from zhongzhuan_audio.cli.asking import RelayOptions
from zhongzhuan_audio.cli.options import Files, RecordingOptions

__all__ = ["translate"]

_DEFAULTS = RecordingOptions()
_RELAY = RelayOptions()


def translate(*files: Files, options: RecordingOptions = _DEFAULTS, relay: RelayOptions = _RELAY) -> int:
    """Turn recordings in any language into English text, subtitles or JSON.

    One recording's text goes to stdout; with --output-dir each gets a file. Many
    relays only transcribe.
    """
    # What they import takes a fifth of a second that --help does not need.
    from zhongzhuan_audio.cli.recordings import run_on_recordings
    from zhongzhuan_audio.protocol.request import translation_fields

    arguments = {
        "model": options.model,
        "prompt": options.prompt,
        "response_format": options.asked_format,
        "temperature": options.temperature,
    }
    return run_on_recordings("translate", files, options, relay, arguments, translation_fields)
