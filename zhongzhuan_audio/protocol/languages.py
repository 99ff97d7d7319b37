"""Which language codes the transcription endpoint takes."""

from __future__ import annotations

from typing import Final

from zhongzhuan_audio.errors import ConfigurationError

__all__ = ["LANGUAGES", "check_language"]

_ISO_639_1 = """
aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es
et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj
kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv
ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti
tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""

LANGUAGES: Final = frozenset(_ISO_639_1.split()) | {"yue", "haw", "jw"}
"""ISO 639-1, and the codes that only Whisper knows: Cantonese, Hawaiian, and its own for Javanese.

Source: ISO 639-1; openai/whisper, tokenizer.py.
"""

_NAMES = {
    "arabic": "ar",
    "cantonese": "yue",
    "chinese": "zh",
    "cn": "zh",
    "english": "en",
    "french": "fr",
    "german": "de",
    "italian": "it",
    "japanese": "ja",
    "jp": "ja",
    "korean": "ko",
    "mandarin": "zh",
    "portuguese": "pt",
    "russian": "ru",
    "spanish": "es",
    "vietnamese": "vi",
    "中文": "zh",
    "英文": "en",
    "广东话": "yue",
    "日文": "ja",
    "日语": "ja",
    "普通话": "zh",
    "汉语": "zh",
    "粤语": "yue",
    "英语": "en",
    "韩语": "ko",
}


def check_language(language: object) -> str:
    """Return the code, in lower case.

    Raises:
        ConfigurationError: It is no such code; the message suggests one where the language can be guessed.
    """
    if not isinstance(language, str):
        raise ConfigurationError(f"language must be a string, not {type(language).__name__}")
    code = language.lower()
    if code in LANGUAGES:
        return code
    stem = code.strip().replace("_", "-").partition("-")[0]
    guess = _NAMES.get(code.strip()) or (stem if stem in LANGUAGES else None)
    hint = f"use {guess!r}" if guess else "use a code of two letters, such as 'zh' or 'en'"
    raise ConfigurationError(f"language {language!r} is not an ISO 639-1 code", hint=hint)
