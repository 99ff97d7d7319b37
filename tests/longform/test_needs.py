"""Why a recording cannot go out as it is, and how long its pieces are to be."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio import AudioLimits, ConfigurationError
from zhongzhuan_audio.audio import formats
from zhongzhuan_audio.longform.needs import lengths_of, may_be_too_long, need_of, rate_of

USUAL = AudioLimits()


@pytest.mark.parametrize("kind", [formats.FLAC, formats.MP3, formats.MP4, formats.M4A, formats.OGG, formats.WAV, None])
def test_what_relays_take_goes_as_it_is(kind):
    """As does what nobody recognises, for the relay may."""
    assert need_of(kind, 1000, 10.0, "whisper-1", USUAL) is None
    assert need_of(kind, 1000, 10.0, "whisper-1", USUAL, always=True) == "wish"


@pytest.mark.parametrize(
    ("kind", "size", "seconds", "model", "need"),
    [
        (formats.MOV, 10, 1.0, "whisper-1", "format"),
        (formats.SILK, 10, None, "whisper-1", "format"),
        (formats.WEBM, 10, 1.0, "whisper-1", "billing"),
        (formats.MP3, 26_198_016, None, "whisper-1", None),
        (formats.MP3, 26_198_017, None, "whisper-1", "size"),
        (None, 26_198_017, None, "whisper-1", "size"),
        (formats.MP3, 10, 1501.0, "whisper-1", None),
        (formats.MP3, 10, 1501.0, "gpt-4o-mini-transcribe", "length"),
        (formats.MP3, 10, 1501.0, "relay/GPT-Transcribe", "length"),
        (formats.MP3, 10, 1500.0, "gpt-4o-transcribe", None),
        (formats.MP3, 10, None, "gpt-4o-transcribe", None),
    ],
)
def test_what_has_to_be_done(kind, size, seconds, model, need):
    """By the format first, then by the size, then by the length."""
    assert need_of(kind, size, seconds, model, USUAL) == need


def test_the_longest_beginning_counts():
    """And an empty one is for all models."""
    limits = AudioLimits(max_bytes=None, max_duration_s={"": 100.0, "gpt-": 200.0, "gpt-4o": 300.0})
    assert [limits.longest_s(name) for name in ("whisper-1", "gpt-5", "gpt-4o-x")] == [100.0, 200.0, 300.0]
    assert need_of(formats.MP3, 1 << 40, 100.5, "whisper-1", limits) == "length"


@pytest.mark.parametrize(
    ("kind", "size", "model", "looked_at"),
    [
        (formats.MP3, 30_000, "whisper-1", True),
        (formats.MP3, 28_000, "whisper-1", False),
        (formats.WAV, 200_000, "whisper-1", True),
        (formats.FLAC, 500, "whisper-1", True),
        (formats.MP3, 1_400_000, "gpt-4o-transcribe", False),
        (formats.MP3, 1_500_000, "gpt-4o-transcribe", True),
        (formats.MOV, 30_000, "whisper-1", False),
        (None, 30_000, "whisper-1", False),
    ],
)
def test_a_header_is_looked_at_where_it_may_tell_that_it_is_too_long(kind, size, model, looked_at):
    """By the limit and by how little the format can make of a second."""
    limits = AudioLimits(max_duration_s={"": 30.0, "gpt-4o-": 1500.0})
    assert may_be_too_long(kind, size, model, limits) is looked_at
    assert not may_be_too_long(kind, 1 << 40, "whisper-1", USUAL)


@given(st.lists(st.integers(0, 33_000), min_size=1, max_size=200), st.integers(65_536, 2_000_000))
def test_no_piece_of_a_measured_length_is_too_large(sizes, max_bytes):
    """Wherever it begins, with a second at either end and one that the encoder is behind."""
    limits = AudioLimits(max_bytes=max_bytes)
    rate = rate_of(sizes, limits, 33_000.0)
    assert rate <= 33_000
    seconds = math.ceil(lengths_of("whisper-1", limits, rate).max_s)
    if rate < 33_000 and seconds < len(sizes):
        assert max(sum(sizes[at : at + seconds + 2]) for at in range(len(sizes))) + 9000 <= max_bytes
    assert rate_of(sizes, AudioLimits(max_bytes=None), 33_000.0) == 33_000


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_bytes": 100},
        {"max_bytes": 1e9},
        {"max_duration_s": 5.0},
        {"max_duration_s": {"": 1.0}},
        {"max_duration_s": {1: 100.0}},
        {"encoding": "wav"},
    ],
)
def test_wrong_limits_are_refused(wrong):
    """At construction, by name."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        AudioLimits(**wrong)


def test_pieces_keep_all_limits():
    """Of bytes and of seconds, with room for what an encoder adds; ten minutes are long enough."""
    usual = lengths_of("whisper-1", USUAL, 6000.0)
    assert (usual.target_s, usual.max_s, usual.window_s, usual.overlap_s) == (600.0, 1200.0, 30.0, 5.0)
    assert 4200 < usual.whole_s < 4300
    tight = lengths_of("whisper-1", AudioLimits(max_bytes=65_536), 6000.0)
    assert tight.max_s * 6000 < 65_536
    assert tight.target_s < tight.max_s
    assert (tight.window_s, tight.overlap_s) == (tight.target_s / 2, tight.target_s / 4)
    timed = lengths_of("gpt-4o-transcribe", AudioLimits(max_bytes=None), 6000.0)
    assert timed.whole_s == 1455.0
    assert lengths_of("whisper-1", AudioLimits(max_bytes=None), 6000.0).whole_s == math.inf
