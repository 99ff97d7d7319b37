"""The name that goes out: safe, in any script, with an extension that fits the bytes."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zhongzhuan_audio.audio import wire_filename
from zhongzhuan_audio.audio.formats import KNOWN_EXTENSIONS, M4A, MP3, MP4, OGG, SILK, WAV

FORMATS = (None, MP3, MP4, M4A, OGG, WAV, SILK)
pieces = st.one_of(
    st.text(max_size=20),
    st.text(st.characters(), max_size=20),
    st.sampled_from(
        [
            ".",
            "/",
            "\\",
            ".mp3",
            ".WAV",
            ".Xyz",
            ".gz",
            "会议",
            "😀" * 60,
            "é" * 99,
            "a" * 300,
            '"',
            "\r\n",
            "\ud800",
            " ",
        ]
    ),
)
names = st.one_of(st.none(), st.lists(pieces, max_size=6).map("".join))


@pytest.mark.parametrize(
    ("name", "kind", "sent"),
    [
        ("jfk.mp3", MP3, "jfk.mp3"),
        ("会议.WAV", MP3, "会议.mp3"),
        ("会议.MP3", MP3, "会议.mp3"),
        ("v1.2 recording", MP3, "v1.2 recording.mp3"),
        ("Dr. Wang", MP3, "Dr. Wang.mp3"),
        ("talk.Xyz", MP3, "talk.Xyz.mp3"),
        ("notes.txt", MP3, "notes.txt.mp3"),
        ("a.mpga", MP3, "a.mp3"),
        ("a.mpeg", MP3, "a.mp3"),
        ("a.opus", OGG, "a.ogg"),
        ("a.OGA", OGG, "a.oga"),
        ("a.m4a", MP4, "a.m4a"),
        ("a.mp4", M4A, "a.mp4"),
        ("a.m4b", M4A, "a.m4a"),
        ("a.mov", MP4, "a.mp4"),
        ("微信语音.amr", SILK, "微信语音.silk"),
        ("a.wav.mp3", WAV, "a.wav.wav"),
        ("a.mp3.gz", MP3, "a.mp3"),
        ("a.WAV.gz", MP3, "a.mp3"),
        ("v1.2.bz2.XZ", MP3, "v1.2.mp3"),
        (".gz", MP3, "audio.mp3"),
        ("a.mp3.gz", None, "a.mp3.gz"),
        ("/home/me/录音/a.mp3", MP3, "a.mp3"),
        ("C:\\Users\\me\\a.mp3", MP3, "a.mp3"),
        ("dir\\sub/a.mp3", MP3, "a.mp3"),
        ("a/", MP3, "audio.mp3"),
        (None, MP3, "audio.mp3"),
        ("", MP3, "audio.mp3"),
        (" ", MP3, "audio.mp3"),
        ("..", MP3, "audio.mp3"),
        (".mp3", MP3, "audio.mp3"),
        (".wav", MP3, "audio.mp3"),
        (".hidden", MP3, ".hidden.mp3"),
        (None, None, "audio"),
        ("", None, "audio"),
        ("..", None, "audio"),
        (".mp3", None, "audio.mp3"),
        ("Recording", None, "Recording"),
        ("Dr. Wang", None, "Dr. Wang"),
        ("talk.DSS", None, "talk.dss"),
        ("two.Words here", None, "two.Words here"),
        ('say "hi".mp3', MP3, "say _hi_.mp3"),
        ("a\r\nb\0c\x7fd\x85e\u2028f\u2029g.mp3", MP3, "a__b_c_d_e_f_g.mp3"),
        ("lone\ud800\udfff.mp3", MP3, "lone__.mp3"),
        ("a.mp3\n", MP3, "a.mp3_.mp3"),
    ],
)
def test_names_become(name, kind, sent):
    """Each rule, by example."""
    assert wire_filename(name, kind) == sent


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_scripts_are_kept_as_they_are(form):
    """Names in any script pass, composed or not, with marks of direction and joiners."""
    for text in ("Müller", "ガイド", "שלום\u200f", "مرحبا", "हिन्दी", "👩\u200d👧", "ไทย", "한국어"):
        name = unicodedata.normalize(form, text) + ".mp3"
        assert wire_filename(name, MP3) == name


@pytest.mark.parametrize(
    ("name", "kind", "sent"),
    [
        ("会" * 100 + ".wav", WAV, "会" * 65 + ".wav"),
        ("x" * 300, MP3, "x" * 196 + ".mp3"),
        ("x" * 300 + ".mpga", MP3, "x" * 196 + ".mp3"),
        ("x" * 300, None, "x" * 200),
        ("x" * 199 + "é", None, "x" * 199),
        ("x" * 196 + ".ABC def", None, "x" * 196 + ".abc"),
        (" " * 300 + "x", None, "audio"),
    ],
)
def test_long_names_are_cut_in_the_stem(name, kind, sent):
    """200 bytes at most: the stem is cut between characters, the extension never."""
    assert wire_filename(name, kind) == sent


@given(names, st.sampled_from(FORMATS))
@example("x" * 196 + ".ABC def", None)
@example("x" * 190 + "." + "Y" * 10 + "z", None)
def test_any_name_is_made_safe(name, kind):
    """Whatever the name: no quote, separator, control character or surrogate; not empty; 200 bytes; stable."""
    sent = wire_filename(name, kind)
    assert not set(sent) & set('"\\/\r\n\0\u2028\u2029')
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in sent)
    assert 0 < len(sent.encode("utf-8")) <= 200
    assert wire_filename(sent, kind) == sent


@given(names, st.sampled_from(FORMATS[1:]))
def test_the_extension_fits_the_bytes(name, kind):
    """With a known format the name ends in one of its extensions, in lower case, after a stem."""
    stem, dot, extension = wire_filename(name, kind).rpartition(".")
    assert stem
    assert dot + extension in kind.extensions


@given(st.sampled_from(sorted(KNOWN_EXTENSIONS)), st.sampled_from(FORMATS[1:]))
def test_a_wrong_extension_is_replaced(extension, kind):
    """Any known extension that may not stay gives way to the format's own."""
    expected = extension if extension in kind.extensions else kind.extension
    assert wire_filename(f"a{extension.upper()}", kind) == f"a{expected}"
