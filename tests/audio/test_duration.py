"""A recording's length is told by its header or its index, as closely as decoding it would."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.audio import formats, sniff
from zhongzhuan_audio.audio.duration import MOST_READS, READ_BYTES, Probe, probe
from zhongzhuan_audio.audio.formats import AudioFormat

ALL_FORMATS = [kind for kind in vars(formats).values() if isinstance(kind, AudioFormat)]
JFK = Path(__file__).parents[1] / "data" / "jfk.mp3"

NO_INDEX = {"write_xing": "0"}
BY_QUALITY = {"global_quality": "472", "flags": "+qscale"}

# Within a frame or two of the codec: what is decoded begins and ends with whole frames, some of which players skip.
REAL = [
    ("wav", "pcm_s16le", {}, 0.001),
    ("wav", "pcm_alaw", {"rate": 8_000}, 0.001),
    ("wav", "pcm_mulaw", {"rate": 8_000}, 0.001),
    ("wav", "pcm_f32le", {"layout": "stereo"}, 0.001),
    ("wav", "pcm_s24le", {"layout": "stereo", "rate": 96_000}, 0.001),
    ("wav", "adpcm_ms", {}, 0.001),
    ("wav", "adpcm_ima_wav", {}, 0.001),
    ("wav", "libmp3lame", {}, 0.03),
    ("wav", "pcm_s16le", {"flags": {"rf64": "always"}}, 0.001),
    ("aiff", "pcm_s16be", {}, 0.001),
    ("aiff", "pcm_s16le", {"layout": "stereo"}, 0.001),
    ("aiff", "pcm_alaw", {"rate": 8_000}, 0.001),
    ("aiff", "adpcm_ima_qt", {}, 0.002),
    ("au", "pcm_s16be", {}, 0.001),
    ("au", "pcm_mulaw", {"rate": 8_000}, 0.001),
    ("caf", "pcm_s16le", {"layout": "stereo"}, 0.001),
    ("caf", "adpcm_ima_qt", {}, 0.002),
    ("caf", "alac", {}, 0.1),
    ("flac", "flac", {"layout": "stereo"}, 0.001),
    ("mp3", "libmp3lame", {}, 0.001),
    ("mp3", "libmp3lame", {"rate": 16_000, "codec_flags": BY_QUALITY}, 0.001),
    ("mp3", "libmp3lame", {"layout": "stereo", "flags": {"id3v2_version": "3", "write_id3v1": "1"}}, 0.001),
    ("mp3", "libmp3lame", {"rate": 16_000, "layout": "stereo"}, 0.001),
    ("mp3", "libmp3lame", {"flags": NO_INDEX}, 0.001),
    ("mp3", "libmp3lame", {"flags": NO_INDEX, "rate": 8_000}, 0.001),
    ("mp3", "libmp3lame", {"flags": NO_INDEX, "codec_flags": BY_QUALITY}, 0.001),
    ("mp2", "mp2", {}, 0.001),
    ("mp2", "mp2", {"rate": 16_000}, 0.001),
    ("mp4", "aac", {}, 0.025),
    ("mp4", "aac", {"flags": {"movflags": "faststart"}, "layout": "stereo"}, 0.025),
    ("mp4", "aac", {"flags": {"movflags": "dash+global_sidx", "frag_duration": "300000"}}, 0.025),
    ("ipod", "alac", {"rate": 96_000}, 0.001),
    ("mov", "pcm_s16le", {}, 0.001),
    ("3gp", "libopencore_amrnb", {"rate": 8_000, "bit_rate": 12_200}, 0.025),
    ("ogg", "libopus", {}, 0.001),
    ("opus", "libopus", {"layout": "stereo"}, 0.001),
    ("ogg", "vorbis", {"layout": "stereo"}, 0.025),
    ("ogg", "flac", {"layout": "stereo"}, 0.001),
    ("webm", "libopus", {}, 0.025),
    ("matroska", "aac", {"layout": "stereo"}, 0.045),
    ("adts", "aac", {}, 0.001),
    ("adts", "aac", {"rate": 16_000, "layout": "stereo"}, 0.001),
    ("amr", "libopencore_amrnb", {"rate": 8_000, "bit_rate": 12_200}, 0.001),
    ("asf", "wmav2", {"rate": 44_100}, 0.06),
    ("avi", "pcm_s16le", {}, 0.001),
    ("avi", "libmp3lame", {}, 0.03),
]


@pytest.mark.parametrize("seconds", [0.4, 7.25])
@pytest.mark.parametrize(("container", "codec", "options", "tolerance_s"), REAL)
def test_the_length_is_that_of_what_is_decoded(
    record, decoded_s, told, container, codec, options, tolerance_s, seconds
):
    """What FFmpeg writes has the length, the channels and the rate that it decodes to."""
    recording = record(container, codec, seconds, **options)
    found = told(recording)
    assert found.duration_s == pytest.approx(decoded_s(recording), abs=tolerance_s)
    assert found.channels == (2 if options.get("layout") == "stereo" else 1)
    assert found.sample_rate == options.get("rate", 48_000)
    assert found.exact


@pytest.mark.parametrize(
    ("container", "codec", "options"),
    [
        ("wav", "pcm_s16le", {}),
        ("au", "pcm_s16be", {}),
        ("mp3", "libmp3lame", {}),
    ],
)
def test_what_was_written_to_a_pipe_is_measured_by_its_size(record, decoded_s, told, container, codec, options):
    """Sizes that a writer could not come back to fill in are not believed."""
    recording = record(container, codec, 3, live=True, **options)
    found = told(recording)
    assert found.duration_s == pytest.approx(decoded_s(recording), rel=0.01)


@pytest.mark.parametrize(
    ("container", "codec", "flags"),
    [
        ("flac", "flac", {}),
        ("webm", "libopus", {"live": "1"}),
        ("matroska", "libopus", {"live": "1"}),
        ("mp4", "aac", {"movflags": "frag_keyframe+empty_moov", "frag_duration": "300000"}),
        ("mp4", "aac", {"movflags": "frag_keyframe", "frag_duration": "300000"}),
        ("mp4", "aac", {"movflags": "dash", "frag_duration": "300000"}),
    ],
)
def test_a_length_that_is_nowhere_told_is_none(record, told, container, codec, flags):
    """A live stream tells its channels and its rate, and not how long it will be."""
    assert told(record(container, codec, 3, flags=flags, live=True)) == Probe(channels=1, sample_rate=48_000)


def test_the_sample(told, decoded_s):
    """The clip is 11 seconds of speech, of which the index in its first frame tells."""
    recording = JFK.read_bytes()
    assert told(recording) == Probe(duration_s=11.0, channels=1, sample_rate=16_000, exact=True)
    assert decoded_s(recording) == pytest.approx(11.0)


def test_recordings_in_a_row_are_as_long_as_all(told):
    """The index of the first speaks of that one, so what it says is scaled by the bytes."""
    found = told(JFK.read_bytes() * 20)
    assert found.duration_s == pytest.approx(220, rel=0.01)
    assert not found.exact


@pytest.mark.parametrize(
    ("container", "codec", "options"),
    [
        ("mp3", "libmp3lame", {"flags": NO_INDEX}),
        ("mp3", "libmp3lame", {"flags": NO_INDEX, "codec_flags": BY_QUALITY, "bit_rate": 0}),
        ("mp2", "mp2", {}),
        ("adts", "aac", {}),
    ],
)
def test_a_large_recording_without_an_index_is_estimated(record, decoded_s, told, container, codec, options):
    """Samples of the stream tell of the whole, within a few percent; of a tone, much closer."""
    recording = record(container, codec, 10, **{"layout": "stereo", "bit_rate": 256_000} | options)
    large = recording * (2_000_000 // len(recording))
    found = told(large)
    assert found.duration_s == pytest.approx(decoded_s(recording) * (len(large) // len(recording)), rel=0.03)
    assert found.channels == 2
    assert not found.exact


@pytest.mark.parametrize(("container", "codec"), [("flac", "flac"), ("adts", "aac"), ("mp3", "libmp3lame")])
@pytest.mark.parametrize("tag_bytes", [0, 300, 5_000, 1_000_000])
def test_tags_before_a_recording_do_not_count(record, told, container, codec, tag_bytes):
    """ID3 tags, several and large ones, change no length, also where they are longer than what is sniffed."""
    recording = record(container, codec, 2)
    lengths = bytes(tag_bytes >> shift & 0x7F for shift in (21, 14, 7, 0))
    tag = b"ID3\x04\0\0" + lengths + bytes(tag_bytes)
    with_footer = b"ID3\x04\0\x10" + lengths + bytes(tag_bytes) + b"3DI\x04\0\x10" + lengths
    assert told(tag + with_footer + recording) == told(recording)


@pytest.mark.parametrize("kind", ALL_FORMATS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("data", [b"", b"\0", bytes(100), b"\xff" * 100_000, bytes(100_000)])
def test_nothing_is_told_by_what_is_no_recording(told, kind, data):
    """What is empty, or all alike, has no length whatever it is said to be."""
    found = told(data, kind)
    assert found.duration_s is None or found.duration_s >= 0


def test_a_format_that_is_not_known_tells_nothing(told):
    """A kind that someone else made has no probe."""
    assert told(b"x" * 100, AudioFormat(name="x", extension=".x", extensions=frozenset({".x"}))) == Probe()


def test_what_reading_raises_passes_through():
    """A file that cannot be read is not taken for a damaged one."""

    def read_at(at: int, count: int) -> bytes:
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - it has no message
        probe(read_at, 1000, formats.WAV)


@pytest.mark.parametrize("kind", ALL_FORMATS, ids=lambda kind: kind.name)
def test_a_file_that_shrinks_tells_nothing(record, kind):
    """Reads that bring less than the size promised raise nothing."""
    assert probe(lambda *_: b"", 1_000_000, kind).duration_s is None


@pytest.fixture(scope="module")
def originals(record) -> list[bytes]:
    """One small recording of every kind, and of some kinds several."""
    made = [record(container, codec, 0.3, **options) for container, codec, options, _ in REAL]
    return [
        *made,
        b"#!SILK_V3" + b"\x40\0" * 3,
        b"#!AMR-WB\n" + b"\x04" * 60,
        b"#!AMR_MC1.0\n\0\0\0\x02" + b"\x3c" * 99,
    ]


def check(told, data: bytes, kind: AudioFormat) -> None:
    """See that whatever is told is a length, a rate and a number of channels."""
    found = told(data, kind)
    assert found.duration_s is None or 0 <= found.duration_s <= 10 * len(data)
    assert found.channels is None or 0 < found.channels < 256
    assert found.sample_rate is None or 0 < found.sample_rate <= 1 << 24
    assert not found.exact or found.duration_s is not None


@given(data=st.binary(max_size=600), kind=st.sampled_from(ALL_FORMATS))
def test_any_bytes_are_fine(told, data, kind):
    """No bytes raise, or are read without end."""
    check(told, data, kind)


@given(st.data())
def test_damage_is_fine(told, originals, data):
    """Recordings that are cut, overwritten, or cut out of the middle raise nothing, and are not read without end."""
    original = data.draw(st.sampled_from(originals))
    kind = sniff(original)
    assert kind is not None
    recording = bytearray(original)
    for _ in range(data.draw(st.integers(1, 6))):
        # Headers are where damage matters, so the first bytes are hit as often as all the others.
        most = data.draw(st.sampled_from([64, 400, len(recording)]))
        at = data.draw(st.integers(0, max(0, min(most, len(recording)) - 1)))
        edit = data.draw(st.sampled_from(["cut", "drop", "set", "ones", "zeros", "insert"]))
        if edit == "cut":
            del recording[at:]
        elif edit == "drop":
            del recording[at : at + data.draw(st.integers(1, 16))]
        elif edit == "insert":
            recording[at:at] = data.draw(st.binary(min_size=1, max_size=16))
        else:
            width = data.draw(st.sampled_from([1, 2, 4, 8]))
            value = {"ones": b"\xff" * width, "zeros": bytes(width)}.get(edit) or data.draw(
                st.binary(min_size=width, max_size=width)
            )
            recording[at : at + width] = value
    check(told, bytes(recording), kind)


@pytest.mark.parametrize(
    ("head", "filler", "kind"),
    [
        (b"RIFF\0\0\0\0WAVE", b"LIST\0\0\0\0", formats.WAV),
        (b"RIFF\0\0\0\0AVI ", b"LIST\x04\0\0\0hdrl", formats.AVI),
        (b"FORM\0\0\0\0AIFF", b"ANNO\0\0\0\0", formats.AIFF),
        (b"caff\0\x01\0\0", b"free\0\0\0\0\0\0\0\0", formats.CAF),
        (b"", b"\0\0\0\x08free", formats.MP4),
        (b"", b"\0\xff\xff\xffmoov\0\xff\xff\xfftrak" + b"\0\xff\xff\xffmdia" * 50, formats.MP4),
        (b"", b"\0\xff\xff\xffmdia", formats.MP4),
        (b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff", b"\xec\x80", formats.WEBM),
        (b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff", b"\x15\x49\xa9\x66\xff", formats.WEBM),
        (b"", b"ID3\x04\0\0\0\0\0\0", formats.MP3),
        (b"\xff\xfb\x90\xc0", b"\xff\xfb", formats.MP3),
        (b"", b"\xff\xfb\x90\xc4", formats.MP3),
        (b"\xff\xf1\x50\x80\x01\0\0", b"\xff\xf1\x50", formats.AAC),
        (b"", b"OggS\0\x02" + bytes(21), formats.OGG),
        (b"#!AMR\n", b"\x7c", formats.AMR),
        (b"#!AMR\n", b"\x7c\x7c\xff", formats.AMR),
        (b"#!SILK_V3", b"\0", formats.SILK),
        (b"#!SILK_V3", b"\0\0\0\0\0\0\xff", formats.SILK),
        (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + b"\xff" * 14, bytes(24), formats.ASF),
    ],
)
def test_a_maze_is_left_soon(told, head, filler, kind):
    """Millions of tiny parts, or parts within parts, end where the reads do."""
    check(told, head + filler * (2_000_000 // len(filler)), kind)


@pytest.mark.parametrize(
    ("container", "codec", "most", "most_bytes"),
    [
        ("wav", "pcm_s16le", 1, 4_096),
        ("flac", "flac", 1, 4_096),
        ("webm", "libopus", 1, 4_096),
        ("mp3", "libmp3lame", 3, 10_000),
        ("mp4", "aac", 3, 12_288),
        ("ogg", "libopus", 2, 70_000),
    ],
)
def test_a_recording_with_an_index_is_hardly_read(record, container, codec, most, most_bytes):
    """What was read once is not read again, and half a megabyte takes no more than a few kilobytes do."""
    recording = record(container, codec, 40, bit_rate=128_000)
    reads = []

    def read_at(at: int, count: int) -> bytes:
        reads.append(count)
        return recording[at : at + count]

    kind = sniff(recording)
    assert kind is not None
    assert probe(read_at, len(recording), kind).exact
    assert len(reads) <= most
    assert sum(reads) <= most_bytes


def test_the_bounds_are_what_the_page_says():
    """Twenty reads of 64 KiB."""
    assert (MOST_READS, READ_BYTES) == (20, 65_536)
