"""The languages that Whisper knows, by code and by the name that the wire gives them."""

from __future__ import annotations

__all__ = ["ENGLISH_NAMES", "language_name", "whisper_code"]

ENGLISH_NAMES = {
    "af": "afrikaans", "am": "amharic", "ar": "arabic", "as": "assamese", "az": "azerbaijani", "ba": "bashkir",
    "be": "belarusian", "bg": "bulgarian", "bn": "bengali", "bo": "tibetan", "br": "breton", "bs": "bosnian",
    "ca": "catalan", "cs": "czech", "cy": "welsh", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish", "fo": "faroese",
    "fr": "french", "gl": "galician", "gu": "gujarati", "ha": "hausa", "haw": "hawaiian", "he": "hebrew", "hi": "hindi",
    "hr": "croatian", "ht": "haitian creole", "hu": "hungarian", "hy": "armenian", "id": "indonesian",
    "is": "icelandic", "it": "italian", "ja": "japanese", "jw": "javanese", "ka": "georgian", "kk": "kazakh",
    "km": "khmer", "kn": "kannada", "ko": "korean", "la": "latin", "lb": "luxembourgish", "ln": "lingala", "lo": "lao",
    "lt": "lithuanian", "lv": "latvian", "mg": "malagasy", "mi": "maori", "mk": "macedonian", "ml": "malayalam",
    "mn": "mongolian", "mr": "marathi", "ms": "malay", "mt": "maltese", "my": "myanmar", "ne": "nepali", "nl": "dutch",
    "nn": "nynorsk", "no": "norwegian", "oc": "occitan", "pa": "punjabi", "pl": "polish", "ps": "pashto",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sa": "sanskrit", "sd": "sindhi", "si": "sinhala",
    "sk": "slovak", "sl": "slovenian", "sn": "shona", "so": "somali", "sq": "albanian", "sr": "serbian",
    "su": "sundanese", "sv": "swedish", "sw": "swahili", "ta": "tamil", "te": "telugu", "tg": "tajik", "th": "thai",
    "tk": "turkmen", "tl": "tagalog", "tr": "turkish", "tt": "tatar", "uk": "ukrainian", "ur": "urdu", "uz": "uzbek",
    "vi": "vietnamese", "yi": "yiddish", "yo": "yoruba", "yue": "cantonese", "zh": "chinese",
}  # fmt: skip
"""Source: the language table of Whisper's tokenizer."""

_ISO_SPELLINGS = {"jv": "jw", "nb": "no"}
"""ISO-639-1 codes for which Whisper has another code."""


def whisper_code(language: str) -> str | None:
    """Return Whisper's code for an ISO-639-1 code, or None where Whisper does not know the language.

    >>> whisper_code("ZH"), whisper_code("jv"), whisper_code("chinese")
    ('zh', 'jw', None)
    """
    code = language.strip().lower()
    code = _ISO_SPELLINGS.get(code, code)
    return code if code in ENGLISH_NAMES else None


def language_name(language: str) -> str:
    """Return the English name that ``verbose_json`` gives a language; what is not a code of Whisper's stays as it is.

    >>> language_name("zh")
    'chinese'
    """
    return ENGLISH_NAMES.get(language, language)
