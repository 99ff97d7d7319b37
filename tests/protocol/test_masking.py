"""No key passes, and no word is taken for one."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from zhongzhuan_audio.errors import ZhongzhuanError
from zhongzhuan_audio.protocol.answer import Answer
from zhongzhuan_audio.protocol.masking import mask_keys
from zhongzhuan_audio.protocol.response import decode_transcription

KEY = re.compile(r"sk-[A-Za-z0-9_-]{5,}")
KEYS = st.from_regex(r"sk-(proj-)?[A-Za-z0-9_-]{5,60}", fullmatch=True)
PRINTABLE = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=40)


def now():
    return datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("[sk-abc***xyz] 额度已用尽", "[sk-***] 额度已用尽"),
        ("key sk-pr***9f3.", "key sk-***."),
        ("key sk-...9f3z, try", "key sk-***, try"),
        ("key sk-ab**", "key sk-***"),
        ("key=sk-abcDEF123456", "key=sk-***"),
        ("密钥sk-abcDEF123456无效", "密钥sk-***无效"),
        (r'{"m": "x\nsk-abcDEF123456"}', r'{"m": "x\nsk-***"}'),
        (r'{"m": "\u5bc6sk-abcDEF123456"}', r'{"m": "\u5bc6sk-***"}'),
        ("k%3Dsk-abcDEF123456", "k%3Dsk-***"),
        ("tokensk-4f9a8b7c6d5e4f3a2b1c0d9e", "tokensk-***"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer ***"),
        ("bearer%20abcdef123456&x", "bearer%20***&x"),
        ("Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc-_x", "Bearer ***"),
        ("Bearer " + "abcdefgh" * 4, "Bearer ***"),
        ("https://x/v1beta/models?alt=sse&key=AIzaSyA-123&x=1", "https://x/v1beta/models?alt=sse&key=***&x=1"),
    ],
)
def test_keys_are_masked(text, masked):
    """Whole, shortened by the relay, escaped, in an address, or after Bearer."""
    assert mask_keys(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "task-scheduler failed for disk-pressure-high",
        "language sk-SK is not supported",
        "missing bearer authentication",
        "Bearer token required",
        "risk-free",
        "https://*** refused",
        'do request failed: Post "https://***": EOF',
    ],
)
def test_words_stay(text):
    """The relay's own words are kept verbatim."""
    assert mask_keys(text) == text


@given(PRINTABLE, KEYS, PRINTABLE)
def test_masking_twice_is_masking_once(before, key, after):
    """What is masked holds nothing more to mask."""
    once = mask_keys(f"{before} {key} {after}")
    assert mask_keys(once) == once


@given(
    KEYS,
    PRINTABLE,
    PRINTABLE,
    st.sampled_from([200, 301, 400, 401, 403, 429, 500, 502, 504]),
    st.sampled_from(
        [
            '{"error": {"message": MESSAGE, "type": MESSAGE, "code": MESSAGE, "param": MESSAGE}}',
            '{"error": MESSAGE}',
            '{"success": false, "message": MESSAGE, "request_id": MESSAGE}',
            '{"detail": [{"msg": MESSAGE}]}',
            '{"other": MESSAGE}',
            "<html><title>TEXT</title><body>TEXT</body></html>",
            "upstream said TEXT",
            '{"cut off": MESSAGE',
        ]
    ),
    st.booleans(),
)
def test_no_key_survives_in_an_error(key, before, after, status, shape, ascii_only):
    """Not in its text, its repr, its fields or its headers, wherever in the answer the key was."""
    assume(not KEY.search(before) and not KEY.search(after))
    text = f"{before} {key} {after}"
    body = shape.replace("MESSAGE", json.dumps(text, ensure_ascii=ascii_only)).replace("TEXT", text)
    answer = Answer(
        status=status,
        headers={"content-type": "application/json", "x-echo": f"Bearer {key}", "x-request-id": key},
        body=body.encode(),
    )
    with pytest.raises(ZhongzhuanError) as caught:
        decode_transcription(answer, response_format="json", now=now)
    error = caught.value
    for place in (str(error), repr(error), error.message, repr(vars(error))):
        assert not KEY.search(place)


def test_a_key_across_the_cut_of_the_kept_body_does_not_survive():
    """The body is masked before it is cut at 64 KiB."""
    body = "x" * (64 * 1024 - 9) + " sk-abcDEF1234567890"
    answer = Answer(status=500, headers={}, body=body.encode())
    with pytest.raises(ZhongzhuanError) as caught:
        decode_transcription(answer, response_format="json", now=now)
    kept = caught.value.body
    assert len(kept) <= 64 * 1024
    assert kept.endswith(" sk-***")
