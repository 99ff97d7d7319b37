"""Options become a form that any multipart parser reads back; what no relay takes is refused before it is sent."""

from __future__ import annotations

import enum
import json
import math
import re
from collections import Counter, UserDict
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from python_multipart import FormParser

from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.protocol.form import encode_form
from zhongzhuan_audio.protocol.request import transcription_fields

BOUNDARY = "0123456789abcdef0123456789abcdef"

NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\ '), min_size=1, max_size=12
) | st.sampled_from(["名字", "a[b]", "a;b=c", "x%22", "filename", "a'b", "keywords[]"])
TEXTS = st.text() | st.sampled_from(
    [
        "\r\n",
        f"--{BOUNDARY[:-1]}",
        f"\r\n--{BOUNDARY[:8]}\r\n",
        "\r\n--\r\n",
        "😀 会议",
        '"; name="x"',
        "\0",
        "--",
        "\r\n-",
    ]
)
SCALARS = TEXTS | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
EXTRAS = st.dictionaries(
    NAMES | st.sampled_from(["file", "model", "model[]", "[]", "", 'a"', "a b"]),
    SCALARS
    | st.none()
    | st.lists(SCALARS, max_size=3)
    | st.dictionaries(st.text(max_size=5), SCALARS, max_size=2)
    | st.binary(max_size=3),
    max_size=4,
)


class Format(str, enum.Enum):  # noqa: UP042 - the kind that formats as its name, unlike a StrEnum
    """As people write them who still support Python 3.10."""

    VERBOSE = "verbose_json"
    WORD = "word"
    MODEL = "whisper-1"


def fields(**options: Any) -> dict[str, str]:
    """Return the form's fields but for the two that are always there."""
    sent = dict(transcription_fields(**{"model": "whisper-1", **options}))
    assert sent.pop("model") == options.get("model", "whisper-1")
    sent.pop("response_format")
    return sent


def parse(prefix: bytes, recording: bytes, suffix: bytes) -> tuple[list[tuple[str, str]], list[tuple[str, bytes]]]:
    """Read a form back with the parser that Starlette uses: (fields, files)."""
    found: list[tuple[str, str]] = []
    files: list[tuple[str, bytes]] = []

    def on_file(file: Any) -> None:
        file.file_object.seek(0)
        assert file.field_name == b"file"
        files.append((file.file_name.decode(), file.file_object.read()))

    parser = FormParser(
        "multipart/form-data",
        on_field=lambda field: found.append((field.field_name.decode(), (field.value or b"").decode())),
        on_file=on_file,
        boundary=BOUNDARY,
    )
    parser.write(prefix + recording + suffix)
    parser.finalize()
    return found, files


def test_the_plain_call_sends_two_fields() -> None:
    """What is None is left to the relay."""
    assert transcription_fields(model="whisper-1") == (("model", "whisper-1"), ("response_format", "json"))


def test_every_option_has_its_field() -> None:
    """Under the wire's own name, in a fixed order."""
    assert transcription_fields(
        model="whisper-1",
        language="ZH",
        prompt="以下是普通话的句子。",
        response_format="verbose_json",
        temperature=0.2,
        timestamp_granularities=["segment", "word"],
        extra={"hotwords": ["会议", "纪要"]},
    ) == (
        ("model", "whisper-1"),
        ("language", "zh"),
        ("prompt", "以下是普通话的句子。"),
        ("response_format", "verbose_json"),
        ("temperature", "0.2"),
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities[]", "segment"),
        ("hotwords[]", "会议"),
        ("hotwords[]", "纪要"),
    )


@pytest.mark.parametrize("name", ["json", "text", "srt", "verbose_json", "vtt"])
def test_each_documented_format_is_taken(name: Any) -> None:
    """All five."""
    assert ("response_format", name) in transcription_fields(model="m", response_format=name)


def test_members_of_an_enum_go_out_as_their_values() -> None:
    """And not as their names, which is what they format as."""
    sent = transcription_fields(
        model=Format.MODEL,
        prompt=Format.WORD,
        response_format=Format.VERBOSE,  # type: ignore[arg-type]
        timestamp_granularities=[Format.WORD],  # type: ignore[list-item]
        extra={Format.WORD: Format.WORD, "list": [Format.WORD]},
    )
    assert [f"{name}={value}" for name, value in sent] == [
        "model=whisper-1",
        "prompt=word",
        "response_format=verbose_json",
        "timestamp_granularities[]=word",
        "word=word",
        "list[]=word",
    ]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"model": ""}, "model is empty"),
        ({"model": " \n"}, "model is empty"),
        ({"model": None}, "model must be a string, not NoneType"),
        ({"model": b"whisper-1"}, "model must be a string, not bytes"),
        ({"model": "\ud800"}, "model holds half a character"),
        ({"prompt": ["a"]}, "prompt must be a string, not list"),
        ({"prompt": b"a"}, "prompt must be a string, not bytes"),
        ({"prompt": "a\udfff"}, "prompt holds half a character"),
        ({"language": "chinese"}, "language 'chinese' is not"),
        ({"language": ""}, "language '' is not"),
        ({"response_format": "xml"}, "response_format 'xml' does not exist"),
        ({"response_format": "JSON"}, "response_format 'JSON' does not exist"),
        ({"response_format": ""}, "response_format '' does not exist"),
        ({"response_format": None}, "response_format None does not exist"),
        ({"response_format": ["json"]}, "response_format ['json'] does not exist"),
        ({"response_format": {"type": "json"}}, "response_format {'type': 'json'} does not exist"),
        ({"temperature": 1.5}, "temperature 1.5 is not between 0 and 1"),
        ({"temperature": 2}, "temperature 2 is not between 0 and 1"),
        ({"temperature": 10**400}, "is not between 0 and 1"),
        ({"temperature": -0.001}, "temperature -0.001 is not between 0 and 1"),
        ({"temperature": math.nan}, "temperature nan is not between 0 and 1"),
        ({"temperature": math.inf}, "temperature inf is not between 0 and 1"),
        ({"temperature": True}, "temperature must be a number from 0 to 1, not bool"),
        ({"temperature": "0.5"}, "temperature must be a number from 0 to 1, not str"),
        ({"temperature": [0.5]}, "temperature must be a number from 0 to 1, not list"),
        ({"timestamp_granularities": ["syllable"]}, "timestamp_granularities holds 'syllable'"),
        ({"timestamp_granularities": "syllable"}, "timestamp_granularities holds 'syllable'"),
        ({"timestamp_granularities": [["word"]]}, "timestamp_granularities holds ['word']"),
        ({"timestamp_granularities": [None]}, "timestamp_granularities holds None"),
        ({"timestamp_granularities": b"word"}, "timestamp_granularities holds 119"),
        ({"timestamp_granularities": 5}, "timestamp_granularities must be a list, not int"),
        ({"extra": ["a"]}, "extra must be a mapping of names to values, not list"),
        ({"extra": "a"}, "extra must be a mapping of names to values, not str"),
        ({"extra": []}, "extra must be a mapping of names to values, not list"),
    ],
)
def test_an_option_out_of_its_range_is_refused(options: dict[str, Any], reason: str) -> None:
    """Each by its name, with what is wrong about it."""
    with pytest.raises(ConfigurationError, match=re.escape(reason)):
        transcription_fields(**{"model": "whisper-1", "response_format": "verbose_json", **options})


def test_word_times_need_verbose_json() -> None:
    """The other formats have no place for them; an empty list asks for none."""
    for name in ("json", "text", "srt", "vtt"):
        with pytest.raises(ConfigurationError, match="does not go with .* — use response_format='verbose_json'"):
            transcription_fields(model="m", response_format=name, timestamp_granularities=["word"])  # type: ignore[arg-type]
        assert "timestamp_granularities[]" not in dict(
            transcription_fields(model="m", response_format=name, timestamp_granularities=[])  # type: ignore[arg-type]
        )


@pytest.mark.parametrize(
    "given_", ["word", ["word"], ("word", "word"), {"word"}, (each for each in ["word"]), {"word": True}]
)
def test_granularities_may_be_any_iterable(given_: Any) -> None:
    """A lone string is one; each goes out once."""
    sent = transcription_fields(model="m", response_format="verbose_json", timestamp_granularities=given_)
    assert sent[2:] == (("timestamp_granularities[]", "word"),)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (-0.0, "0"),
        (1, "1"),
        (1.0, "1"),
        (0.1, "0.1"),
        (0.5, "0.5"),
        (1e-7, "0.0000001"),
        (0.1234567, "0.1234567"),
        (1 / 3, "0.3333333333333333"),
    ],
)
def test_temperature_is_written_in_plain_digits(value: float, text: str) -> None:
    """All of them, and no exponent."""
    assert fields(temperature=value) == {"temperature": text}


@given(st.floats(0, 1))
@example(5e-324)
def test_temperature_goes_out_as_it_was_given(value: float) -> None:
    """Read back it is the same number."""
    text = fields(temperature=value)["temperature"]
    assert re.fullmatch(r"[01]|0\.[0-9]*[1-9]", text)
    assert float(text) == value


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("auto", {"x": "auto"}),
        ("", {"x": ""}),
        (True, {"x": "true"}),
        (False, {"x": "false"}),
        (3, {"x": "3"}),
        (0.25, {"x": "0.25"}),
        (None, {}),
        ([], {}),
        (["logprobs"], {"x[]": "logprobs"}),
        ((1,), {"x[]": "1"}),
        (range(2, 3), {"x[]": "2"}),
        ([{"type": "a"}], {"x[]": '{"type": "a"}'}),
        ({"type": "server_vad", "名": True}, {"x": '{"type": "server_vad", "名": true}'}),
        ({}, {"x": "{}"}),
        (MappingProxyType({"a": 1}), {"x": '{"a": 1}'}),
        (UserDict({"a": 1}), {"x": '{"a": 1}'}),
    ],
)
def test_extra_values_are_written_as_relays_expect_them(value: Any, sent: dict[str, str]) -> None:
    """Text as it is, lists as ``name[]``, mappings, numbers and flags as JSON; None is not sent."""
    assert fields(extra={"x": value}) == sent


def test_a_list_of_an_extra_field_is_repeated_under_one_name() -> None:
    """With or without the brackets in the name."""
    for name in ("hints", "hints[]"):
        sent = transcription_fields(model="m", extra={name: ["a", "b"]})
        assert sent[2:] == (("hints[]", "a"), ("hints[]", "b"))
    assert fields(extra={"hints[]": "a"}) == {"hints[]": "a"}


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        bytearray(b"bytes"),
        memoryview(b"bytes"),
        {"a"},
        object(),
        Decimal(1),
        math.nan,
        math.inf,
        "\ud800",
        [None],
        [["nested"]],
        [b"bytes"],
        [math.nan],
        {"a": math.nan},
        {"a": b"bytes"},
        {"a": "\ud800"},
        {"\ud800": "a"},
        {("a", "b"): 1},
        {"a": MappingProxyType({})},
        (each for each in "ab"),
    ],
)
def test_an_extra_value_that_cannot_be_written_is_refused(value: Any) -> None:
    """The message names the field once and says why, whatever the value."""
    with pytest.raises(ConfigurationError, match="hotwords") as caught:
        transcription_fields(model="m", extra={"hotwords": value})
    assert str(caught.value).count("hotwords") == 1


def test_an_extra_value_without_end_is_refused() -> None:
    """A mapping that holds itself, or is nested too deep."""
    loop: dict[str, Any] = {}
    loop["self"] = loop
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    for value in (loop, deep):
        with pytest.raises(ConfigurationError, match="cannot be sent"):
            transcription_fields(model="m", extra={"x": value})


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a b",
        " a",
        'a"b',
        "a\\b",
        "a\r\nX-Evil: 1",
        "a\n",
        "a\0",
        "a\u2028b",
        "\ud800",
        "[]",
        "a\u200b",
        1,
        None,
        b"a",
    ],
)
def test_what_cannot_be_a_name_is_refused(name: Any) -> None:
    """It would end the header, or be read differently by each parser."""
    with pytest.raises(ConfigurationError, match="cannot be a field's name"):
        transcription_fields(model="m", extra={name: "x"})


@pytest.mark.parametrize(
    "name", ["file", "model", "language", "prompt", "response_format", "temperature", "timestamp_granularities"]
)
def test_an_argument_is_not_given_as_extra(name: str) -> None:
    """No field is sent twice, nor past its check, even where its value is None."""
    for written in (name, f"{name}[]"):
        for value in ("x", ["x"], None):
            with pytest.raises(ConfigurationError, match="no field is sent twice"):
                transcription_fields(model="m", extra={written: value})


@given(EXTRAS)
def test_no_name_but_a_lists_occurs_twice(extra: dict[str, Any]) -> None:
    """Relays rebuild the form and keep one of each."""
    try:
        sent = transcription_fields(model="m", extra=extra)
    except ConfigurationError:
        return  # nothing is sent; and to filter these out would leave hypothesis too few, now and then
    assert all(count == 1 or name.endswith("[]") for name, count in Counter(name for name, _ in sent).items())
    assert all(type(name) is str and type(value) is str for name, value in sent)


def test_the_form_is_as_the_standard_has_it() -> None:
    """Fields first, then the recording, then the closing boundary."""
    prefix, suffix = encode_form((("model", "whisper-1"),), "会议.mp3", boundary="b")
    assert (
        prefix
        == (
            "--b\r\n"
            'Content-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
            "--b\r\n"
            'Content-Disposition: form-data; name="file"; filename="会议.mp3"\r\n'
            "Content-Type: audio/mpeg\r\n\r\n"
        ).encode()
    )
    assert suffix == b"\r\n--b--\r\n"


@pytest.mark.parametrize(
    ("filename", "content_type"),
    [
        ("a.wav", "audio/wav"),
        ("a.b.m4a", "audio/mp4"),
        ("a.opus", "audio/ogg"),
        ("a.aif", "audio/aiff"),
        ("a.silk", "application/octet-stream"),
        ("audio", "application/octet-stream"),
    ],
)
def test_the_recordings_type_goes_by_its_extension(filename: str, content_type: str) -> None:
    """A relay that looks at the part's type sees what it expects."""
    prefix, _ = encode_form((), filename, boundary="b")
    assert f"\r\nContent-Type: {content_type}\r\n\r\n".encode() in prefix


@given(
    prompt=TEXTS,
    extra=EXTRAS,
    filename=st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\/'), min_size=1),
    recording=st.binary(),
)
@example(prompt="\r\n--x\r\n", extra={}, filename="会议 (终稿); final.mp3", recording=b"\r\n--\r\n")
def test_a_parser_reads_back_what_was_sent(prompt: str, extra: dict[str, Any], filename: str, recording: bytes) -> None:
    """Line ends, quotes, emoji and text that looks like a boundary all arrive as they were."""
    try:
        sent = transcription_fields(model="whisper-1", prompt=prompt, extra=extra)
    except ConfigurationError:
        return  # nothing is sent; and to filter these out would leave hypothesis too few, now and then
    prefix, suffix = encode_form(sent, filename, boundary=BOUNDARY)
    found, files = parse(prefix, recording, suffix)
    assert found == list(sent)
    assert files == [(filename, recording)]


@given(st.dictionaries(st.text(max_size=8), st.booleans() | st.text(max_size=8), max_size=4))
def test_a_mapping_arrives_as_json(value: dict[str, Any]) -> None:
    """What the relay decodes is what was given."""
    assert json.loads(fields(extra={"x": value})["x"]) == value


def test_a_stream_is_not_asked_for_as_extra() -> None:
    """A streamed answer would be paid for and not understood."""
    with pytest.raises(ConfigurationError, match="one whole answer"):
        transcription_fields(model="whisper-1", extra={"stream": True})
