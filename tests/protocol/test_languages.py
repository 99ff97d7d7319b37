"""Codes of languages are checked before anything is sent."""

from __future__ import annotations

import enum
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.protocol import languages
from zhongzhuan_audio.protocol.languages import LANGUAGES, check_language
from zhongzhuan_audio.relay.languages import ENGLISH_NAMES


class Tongue(str, enum.Enum):  # noqa: UP042 - the kind that formats as its name, unlike a StrEnum
    """As people write them who still support Python 3.10."""

    CHINESE = "zh"


@pytest.mark.parametrize(
    ("given_", "code"),
    [("zh", "zh"), ("ZH", "zh"), ("En", "en"), ("yue", "yue"), ("HAW", "haw"), ("jw", "jw"), ("jv", "jv")],
)
def test_codes_are_taken_in_any_case(given_: str, code: str) -> None:
    """Two letters, and the few codes that only Whisper has."""
    assert check_language(given_) == code


def test_a_member_of_an_enum_gives_its_value() -> None:
    """And not its name, which a format would give."""
    assert f"{check_language(Tongue.CHINESE)}" == "zh"


@pytest.mark.parametrize(
    ("given_", "hint"),
    [
        ("chinese", "use 'zh'"),
        ("Chinese", "use 'zh'"),
        ("mandarin", "use 'zh'"),
        ("中文", "use 'zh'"),
        ("普通话", "use 'zh'"),
        ("cn", "use 'zh'"),
        ("jp", "use 'ja'"),
        ("粤语", "use 'yue'"),
        ("zh-CN", "use 'zh'"),
        ("zh_Hans_CN", "use 'zh'"),
        ("yue-HK", "use 'yue'"),
        ("en-US", "use 'en'"),
        (" zh", "use 'zh'"),
        ("zh\n", "use 'zh'"),
        ("", "use a code of two letters"),
        ("xx", "use a code of two letters"),
        ("auto", "use a code of two letters"),
        ("zho", "use a code of two letters"),
        ("-", "use a code of two letters"),
    ],
)
def test_what_is_no_code_is_refused_with_a_guess(given_: str, hint: str) -> None:
    """A name or a locale leads to the code that is meant."""
    with pytest.raises(ConfigurationError, match=re.escape(f"language {given_!r} is not")) as caught:
        check_language(given_)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize("value", [None, b"zh", 1, ["zh"], True])
def test_what_is_no_string_is_refused(value: Any) -> None:
    """By its type."""
    with pytest.raises(ConfigurationError, match="language must be a string, not"):
        check_language(value)


@given(st.text(max_size=6))
def test_a_code_or_a_refusal(text: str) -> None:
    """Nothing else is raised, and what is taken is one of the codes."""
    try:
        code = check_language(text)
    except ConfigurationError:
        return
    assert code in LANGUAGES
    assert code.isascii()


def test_every_guess_is_a_code() -> None:
    """A hint never leads to another refusal."""
    for name, code in languages._NAMES.items():
        assert check_language(code) == code
        assert name not in LANGUAGES


def test_every_language_of_whisper_can_be_asked_for() -> None:
    """ISO 639-1 has 183 codes and one that it gave up; with Whisper's own three, nothing of Whisper's is missing."""
    assert set(ENGLISH_NAMES) <= LANGUAGES
    assert sorted(code for code in LANGUAGES if len(code) != 2) == ["haw", "yue"]
    assert len(LANGUAGES) == 187
