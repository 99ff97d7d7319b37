"""What a recording is, from its first bytes and its name. Pure."""

from zhongzhuan_audio.audio import formats
from zhongzhuan_audio.audio.filenames import wire_filename
from zhongzhuan_audio.audio.formats import KNOWN_EXTENSIONS, AudioFormat
from zhongzhuan_audio.audio.sniff import HEAD_BYTES, sniff

__all__ = ["HEAD_BYTES", "KNOWN_EXTENSIONS", "AudioFormat", "formats", "sniff", "wire_filename"]
