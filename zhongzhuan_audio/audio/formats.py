"""The kinds of recording that are told apart, and the file names' extensions that go with them."""

from __future__ import annotations

import attrs

__all__ = [
    "AAC",
    "AC3",
    "AIFC",
    "AIFF",
    "AMR",
    "AMR_WB",
    "APE",
    "ASF",
    "AU",
    "AVI",
    "CAF",
    "DSF",
    "EAC3",
    "FLAC",
    "FLV",
    "G711",
    "KNOWN_EXTENSIONS",
    "M4A",
    "MKV",
    "MOV",
    "MP3",
    "MP4",
    "MPEG_PS",
    "MPEG_TS",
    "OGG",
    "RM",
    "SILK",
    "TTA",
    "VOC",
    "W64",
    "WAV",
    "WAVPACK",
    "WEBM",
    "AudioFormat",
]


@attrs.frozen(kw_only=True)
class AudioFormat:
    """A kind of recording, told by its bytes."""

    name: str
    """Short and lower case, as people call it: "mp3", "m4a"."""
    extension: str
    """The extension that such bytes go out with; lower case, with the dot."""
    extensions: frozenset[str]
    """Extensions that may stay when such bytes go out; `extension` is one of them.

    Relays read a recording's length, which they bill, by the extension: ``.mp3 .wav .flac .m4a .mp4 .ogg .oga .opus
    .aiff .aif .aifc .aac``; OpenAI itself refuses ``.opus``. What is neither stays under its usual extension, for
    relays that know better.
    """


def _format(name: str, *extensions: str) -> AudioFormat:
    return AudioFormat(name=name, extension=extensions[0], extensions=frozenset(extensions))


FLAC = _format("flac", ".flac")
MP3 = _format("mp3", ".mp3")
M4A = _format("m4a", ".m4a", ".mp4")
MP4 = _format("mp4", ".mp4", ".m4a")
MOV = _format("mov", ".mov")
OGG = _format("ogg", ".ogg", ".oga")
WAV = _format("wav", ".wav")
G711 = _format("telephone wav", ".wav")
"""A wav of A-law or mu-law, which newer models fail on."""
WEBM = _format("webm", ".webm")
MKV = _format("mkv", ".mkv", ".mka")
AAC = _format("aac", ".aac")
AIFF = _format("aiff", ".aiff", ".aif", ".aifc")
AIFC = _format("aifc", ".aifc", ".aiff", ".aif")
AMR = _format("amr", ".amr")
AMR_WB = _format("amr-wb", ".amr", ".awb")
CAF = _format("caf", ".caf")
ASF = _format("wma", ".wma", ".asf", ".wmv")
AVI = _format("avi", ".avi")
AU = _format("au", ".au", ".snd")
SILK = _format("silk", ".silk")
MPEG_PS = _format("mpeg", ".mpeg", ".mpg", ".mpe", ".vob")
MPEG_TS = _format("ts", ".ts", ".mts", ".m2ts")
FLV = _format("flv", ".flv", ".f4v")
RM = _format("rm", ".rm", ".ra", ".rmvb")
AC3 = _format("ac3", ".ac3")
EAC3 = _format("eac3", ".eac3")
APE = _format("ape", ".ape")
DSF = _format("dsf", ".dsf")
TTA = _format("tta", ".tta")
VOC = _format("voc", ".voc")
W64 = _format("w64", ".w64")
WAVPACK = _format("wv", ".wv")

# One a line, these would fill two screens.
# fmt: off
KNOWN_EXTENSIONS = frozenset((
    ".3g2", ".3ga", ".3gp", ".3gpp", ".aac", ".ac3", ".adts", ".aif", ".aifc", ".aiff", ".alac", ".amr", ".ape",
    ".asf", ".au", ".avi", ".awb", ".bwf", ".caf", ".dsf", ".dss", ".dts", ".dv", ".eac3", ".f4a", ".f4v", ".flac",
    ".flv",
    ".gsm", ".m1a", ".m2a", ".m2ts", ".m2v", ".m4a", ".m4b", ".m4p", ".m4r", ".m4v", ".mk3d", ".mka", ".mkv",
    ".mov", ".mp1", ".mp2", ".mp3", ".mp4", ".mpa", ".mpe", ".mpeg", ".mpg", ".mpga", ".mts", ".oga", ".ogg",
    ".ogv", ".ogx", ".opus", ".pcm", ".qt", ".ra", ".rf64", ".rm", ".rmvb", ".silk", ".slk", ".snd", ".spx", ".ts",
    ".tta", ".vob", ".voc", ".w64", ".wav", ".wave", ".weba", ".webm", ".wma", ".wmv", ".wv",
))
"""Extensions that say audio or video: one that doesn't fit the bytes is wrong, and not a part of the name."""
# fmt: on
