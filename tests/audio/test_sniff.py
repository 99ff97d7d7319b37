"""A recording's format is told by its first bytes, with real recordings of every kind that can be made here."""

from __future__ import annotations

import array
import io
import math
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.audio import HEAD_BYTES, AudioFormat, sniff
from zhongzhuan_audio.audio.formats import KNOWN_EXTENSIONS
from zhongzhuan_audio.audio.others import describe_other


def record(container: str, codec: str, *, rate: int = 48_000, layout: str = "mono", bit_rate: int = 64_000) -> bytes:
    """Return a tone as a real file of that container and codec, written by FFmpeg's libraries."""
    file = io.BytesIO()
    channels = 2 if layout == "stereo" else 1
    samples = rate // 3
    tone = (int(8000 * math.sin(at // channels * math.tau * 440 / rate)) for at in range(samples * channels))
    frame = av.AudioFrame(format="s16", layout=layout, samples=samples)
    frame.planes[0].update(array.array("h", tone).tobytes())
    frame.sample_rate = rate
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout=layout, options={"strict": "experimental"})
        stream.bit_rate = bit_rate
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
        for part in resampler.resample(frame):
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return file.getvalue()


def id3(size: int, *, footer: bool = False, version: int = 4) -> bytes:
    """Return an ID3v2 tag with `size` bytes of padding; ID3v2.4.0 structure, section 3.1."""
    lengths = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    head = bytes((version, 0, 0x10 if footer else 0)) + lengths
    return b"ID3" + head + bytes(size) + (b"3DI" + head if footer else b"")


def ebml(*elements: bytes) -> bytes:
    """Return an EBML header with these elements; RFC 8794 section 11.2."""
    body = b"".join(elements)
    return b"\x1a\x45\xdf\xa3" + bytes((0x80 | len(body),)) + body


@pytest.mark.parametrize(
    ("container", "codec", "options", "name"),
    [
        ("mp3", "libmp3lame", {}, "mp3"),
        ("mp3", "libmp3lame", {"rate": 16_000}, "mp3"),
        ("mp3", "libmp3lame", {"rate": 8_000}, "mp3"),
        ("mp2", "mp2", {}, "mp3"),
        ("mp2", "mp2", {"rate": 16_000}, "mp3"),
        ("flac", "flac", {}, "flac"),
        ("ogg", "libopus", {}, "ogg"),
        ("opus", "libopus", {}, "ogg"),
        ("ogg", "vorbis", {"layout": "stereo"}, "ogg"),
        ("oga", "libopus", {}, "ogg"),
        ("wav", "pcm_s16le", {}, "wav"),
        ("wav", "pcm_alaw", {"rate": 8_000}, "telephone wav"),
        ("wav", "pcm_mulaw", {"rate": 8_000}, "telephone wav"),
        ("mpeg", "mp2", {}, "mpeg"),
        ("mp4", "aac", {}, "mp4"),
        ("3gp", "aac", {}, "mp4"),
        ("ipod", "aac", {}, "m4a"),
        ("mov", "aac", {}, "mov"),
        ("webm", "libopus", {}, "webm"),
        ("matroska", "libopus", {}, "mkv"),
        ("adts", "aac", {}, "aac"),
        ("adts", "aac", {"rate": 16_000}, "aac"),
        ("aiff", "pcm_s16be", {}, "aiff"),
        ("aiff", "pcm_s16le", {}, "aifc"),
        ("caf", "pcm_s16le", {}, "caf"),
        ("asf", "wmav2", {"rate": 44_100}, "wma"),
        ("flv", "aac", {"rate": 44_100}, "flv"),
        ("ac3", "ac3", {"rate": 48_000}, "ac3"),
        ("ac3", "ac3", {"rate": 44_100, "layout": "stereo"}, "ac3"),
        ("ac3", "ac3", {"rate": 32_000}, "ac3"),
        ("eac3", "eac3", {"rate": 48_000, "layout": "stereo"}, "eac3"),
        ("rm", "ac3", {"rate": 44_100}, "rm"),
        ("tta", "tta", {}, "tta"),
        ("voc", "pcm_s16le", {}, "voc"),
        ("w64", "pcm_s16le", {}, "w64"),
        ("wv", "wavpack", {}, "wv"),
        ("avi", "pcm_s16le", {}, "avi"),
        ("au", "pcm_s16be", {}, "au"),
        ("amr", "libopencore_amrnb", {"rate": 8_000, "bit_rate": 12_200}, "amr"),
    ],
)
def test_a_real_recording_is_recognised(container, codec, options, name):
    """A file that FFmpeg writes is recognised, by its head alone as well, and is nothing else."""
    recording = record(container, codec, **options)
    for head in (recording, recording[:HEAD_BYTES], recording[:64]):
        assert sniff(head).name == name
        assert describe_other(head) is None


def test_a_transport_stream_is_recognised_by_its_packets():
    """Those of a camera have four bytes more each; one sync byte, or three, are no stream."""
    recording = record("mpegts", "aac")
    assert sniff(recording[:HEAD_BYTES]).name == "ts"
    packets = [recording[at : at + 188] for at in range(0, len(recording), 188)]
    assert sniff(b"".join(b"\0\0\0\0" + packet for packet in packets)).name == "ts"
    assert sniff(recording[: 3 * 188]) is None
    assert sniff(b"G" + b"o" * 4000) is None


@pytest.mark.parametrize(("tag", "name"), [(6, "telephone wav"), (7, "telephone wav"), (1, "wav"), (3, "wav")])
@pytest.mark.parametrize("order", ["big", "little"])
def test_a_wav_of_a_telephone_is_told_by_its_codec(tag, name, order):
    """Behind other chunks as well, and in the extensible form; without the chunk it is a wav."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return kind + len(data).to_bytes(4, order) + data + bytes(len(data) & 1)

    head = chunk(b"RIFX" if order == "big" else b"RIFF", b"")[:8] + b"WAVE" + chunk(b"JUNK", bytes(27))
    plain = tag.to_bytes(2, order) + bytes(14)
    extended = (0xFFFE).to_bytes(2, order) + bytes(22) + tag.to_bytes(2, order) + bytes(14)
    assert sniff(head + chunk(b"fmt ", plain)).name == name
    assert sniff(head + chunk(b"fmt ", extended)).name == name
    assert sniff(head).name == "wav"


@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [
        ("s16le", "pcm_s16le", 48_000),
        ("alaw", "pcm_alaw", 8_000),
        ("mulaw", "pcm_mulaw", 8_000),
    ],
)
def test_raw_samples_are_neither_recognised_nor_called_anything(container, codec, rate):
    """What has no header that is known here could be audio."""
    head = record(container, codec, rate=rate)[:HEAD_BYTES]
    assert sniff(head) is None
    assert describe_other(head) is None


def test_the_sample_is_an_mp3():
    """The clip of these tests begins with an ID3 tag and is an mp3, as is what follows the tag."""
    recording = (Path(__file__).parents[1] / "data" / "jfk.mp3").read_bytes()
    bare = recording[10 + 45 :]
    assert recording[:10] == b"ID3\x04\x00\x40\x00\x00\x00\x2d"
    assert sniff(recording[:HEAD_BYTES]).name == sniff(bare[:HEAD_BYTES]).name == "mp3"


@pytest.mark.parametrize("tag", [id3(0), id3(300), id3(300, footer=True), id3(300, version=3), id3(20) + id3(30)])
@pytest.mark.parametrize(
    ("container", "codec", "name"), [("flac", "flac", "flac"), ("adts", "aac", "aac"), ("mp2", "mp2", "mp3")]
)
def test_a_tag_before_a_recording_is_stepped_over(tag, container, codec, name):
    """What follows ID3 tags decides, wherever they end within the head."""
    assert sniff((tag + record(container, codec))[:HEAD_BYTES]).name == name


@pytest.mark.parametrize("head", [id3(5000)[:HEAD_BYTES], id3(10), id3(10) + b"\0" * 300, id3(300)[:20], id3(10)[:10]])
def test_a_tag_that_shows_nothing_behind_it_is_an_mp3s(head):
    """Where the tag ends past the head, or before nothing that is known, the recording is an mp3."""
    assert sniff(head).name == "mp3"


# RFC 4867 section 5: the magic numbers, with a newline. The header of SKP's SILK SDK, and WeChat's byte before it.
# ISO/IEC 13818-7 section 6.1: "ADIF", no copyright id, a bit rate of 128000, one program element. EBU Tech 3306 and
# ITU-R BS.2088: RF64 or BW64 with size -1, then a ds64 chunk. QuickTime File Format: atoms without ftyp.
@pytest.mark.parametrize(
    ("head", "name", "extension"),
    [
        (b"#!AMR\n\x3c\x91\x17\x16", "amr", ".amr"),
        (b"#!AMR_MC1.0\n\0\0\0\x02", "amr", ".amr"),
        (b"#!AMR-WB\n\x04\x10\x20", "amr-wb", ".amr"),
        (b"#!SILK_V3\x16\0\xb4\x2b", "silk", ".silk"),
        (b"\x02#!SILK_V3\x16\0\xb4\x2b", "silk", ".silk"),
        (b"ADIF\x00\x3e\x80\x00\x01\x20\x00", "aac", ".aac"),
        (b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0", "wav", ".wav"),
        (b"BW64\xff\xff\xff\xffWAVEds64\x1c\0\0\0", "wav", ".wav"),
        (b"RIFX\0\0\x10\0WAVEfmt \0\0\0\x10", "wav", ".wav"),
        (b"\0\0\0\x18ftypM4B \0\0\0\0", "m4a", ".m4a"),
        (b"\0\0\0\x18ftypM4P \0\0\0\0", "m4a", ".m4a"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0M4A ", "mp4", ".mp4"),
        (b"\0\0\0\x18ftypdash\0\0\0\0iso6", "mp4", ".mp4"),
        (b"\0\0\x03\x10moov\0\0\0\x6cmvhd", "mov", ".mov"),
        (b"\0\0\0\x08wide\0\0\x10\0mdat", "mov", ".mov"),
        (b"\0\0\0\x01mdat\0\0\0\x01\0\0\0\0", "mov", ".mov"),
        (ebml(b"\x42\x82\x84webm"), "webm", ".webm"),
        (ebml(b"\x42\x86\x81\x01", b"\x42\x82\x40\x06webm\0\0"), "webm", ".webm"),
        (ebml(b"\xec\x82\0\0", b"\x42\x82\x88matroska"), "mkv", ".mkv"),
        (b"\xff\xfb\x90\x64", "mp3", ".mp3"),
        (b"\xff\xe3\x18\xc4", "mp3", ".mp3"),
        (b"\xff\xf9\x4c\x80\x2e\x7f\xfc", "aac", ".aac"),
    ],
)
def test_a_header_by_the_book_is_recognised(head, name, extension):
    """Kinds and versions that no encoder here writes are recognised by what their specifications say."""
    kind = sniff(head)
    assert (kind.name, kind.extension) == (name, extension)
    assert describe_other(head) is None


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\0" * 4096,
        b"\xff",
        b"\xff\xfb\x90",
        b"\xff\xfe" + "你好".encode("utf-16-le"),
        b"\xfe\xff" + "hi".encode("utf-16-be"),
        b"\xff" * 64,
        b"\xff\xff\x90\x64",
        b"\xff\xeb\x90\x64",
        b"\xff\xfb\xf0\x64",
        b"\xff\xfb\x00\x64",
        b"\xff\xfb\x9c\x64",
        b"\xff\xfb\x90\x66",
        b"\xff\xdb\x90\x64",
        b"\xff\xf1\x7c\x80\x2e\x7f\xfc",
        b"\xff\xf1\x4c\x80\x00\x1f\xfc",
        b"\xff\xe1\x4c\x80\x2e\x7f\xfc",
        b"\xff\xf1\x4c\x80",
        b"ID3 tags are described below",
        b"ID3\x09\0\0\0\0\0\x10",
        b"ID3\x04\0\0\0\0\x80\x10",
        b"ADIF Export by a logger\r\n<EOH>\r\n",
        b".snd files are described below",
        b".snd\0\0\0\x08",
        b"RIFF\x10\0\0\0WEBPVP8 ",
        b"RIFF\x10\0\0\0ACON",
        b"FORM\0\0\0\x10ILBM",
        b"\0\0\0\x18ftypheic\0\0\0\0",
        b"\0\0\0\x18ftypavif\0\0\0\0",
        b"\0\0\0\x04moov",
        b"\x1a\x45\xdf\xa3",
        b"\x1a\x45\xdf\xa3\0\0\0",
        b"\x1a\x45\xdf\xa3\x84\x42\x82",
        b"\x1a\x45\xdf\xa3\x84\0\0\0\0\0\0\0\0\0\0\0",
        ebml(b"\x42\x82\x84nope"),
        ebml(b"\x42\x86\x81\x01"),
        ebml(b"\x42\x86\xff") + b"\x42\x82\x84webm",
        b"caff\0\x02\0\0",
        b"OggX",
        b"\x02#!SILK",
    ],
)
def test_what_only_looks_alike_is_not_recognised(head):
    """A signature that is cut, reserved, or another format's is no recording that is known."""
    assert sniff(head) is None


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff", b"ID3\x04", b"\x1a\x45\xdf\xa3", b"\0\0\0\x18ftyp"]))
def test_any_bytes_are_judged(noise, start):
    """No bytes are refused, and bytes past the head change nothing."""
    head = start + noise
    kind = sniff(head)
    assert kind is None or isinstance(kind, AudioFormat)
    assert sniff(head.ljust(HEAD_BYTES, b"\0") + noise) == sniff(head.ljust(HEAD_BYTES, b"\0"))


@given(
    st.one_of(st.binary(max_size=300), st.text(max_size=100).map(str.encode)),
    st.sampled_from(
        [b"\xff\xfb\x90\x64", b"ID3\x03\0\0\0\0\0\0", b"fLaC", b"\x02#!SILK_V3", b"#!AMR", b"RIFF....WAVE"]
    ),
)
def test_what_is_recognised_is_not_something_else(rest, start):
    """A recognised recording is never described as another kind of file, whatever follows its signature."""
    assert sniff(start + rest) is not None
    assert describe_other(start + rest) is None


def test_formats_name_the_extensions_that_may_stay():
    """Relays bill mp3 as .mp3 alone, mp4 and m4a as either, ogg as .ogg or .oga (.opus is refused upstream)."""
    assert sniff(b"\xff\xfb\x90\x64").extensions == {".mp3"}
    assert sniff(b"\0\0\0\x18ftypisom").extensions == {".mp4", ".m4a"}
    assert sniff(b"\0\0\0\x18ftypM4A ").extensions == {".mp4", ".m4a"}
    assert sniff(b"OggS\0").extensions == {".ogg", ".oga"}
    assert ".opus" in KNOWN_EXTENSIONS
