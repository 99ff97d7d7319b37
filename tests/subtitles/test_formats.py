"""Subtitles: what is rendered reads back, here and in other readers, and what relays send is read."""

from __future__ import annotations

import html
import io
import re

import pysubs2
import pytest
import srt
import webvtt
from hypothesis import example, given
from hypothesis import strategies as st

from zhongzhuan_audio.subtitles import Cue, Fit, fit_cues, parse_srt, parse_vtt, render_srt, render_vtt

TRICKY = (
    "Hello there.",
    "你好，世界。",
    "مرحبا بالعالم",
    "\u202eשלום\u202c",
    "ภาษาไทย",
    "👩‍👩‍👧 👍🏽",
    "{x}",
    "{\\an8}top",
    "<i>slanted</i>",
    "<v Bob>hi</v>",
    "<00:00:01.000>",
    "1 < 2 > 0",
    "AT&T &amp; &lt;b&gt; &#65;",
    "a --> b",
    "a ----> b",
    "-->",
    "NOTE this",
    "STYLE",
    "WEBVTT",
    "2021",
    "\\N \\h",
    "\u3000wide blanks\u3000",
    "tab\tin\x0bside\x85\u2028line",
    "nul\0",
    "",
    " ",
    "\n",
    "\r\n\r\n",
    "\r",
)
SHAPED_LIKE_TIMES = ("00:00:01,000 --> 00:00:02,000", "00:01.000 --> 00:02.000", "7\n00:00:01")

lines = st.one_of(st.sampled_from(TRICKY), st.text(max_size=30))
texts = st.lists(lines, min_size=1, max_size=5).map("\n".join)
wild_texts = st.lists(st.one_of(lines, st.sampled_from(SHAPED_LIKE_TIMES)), min_size=1, max_size=5).map("\n".join)
milliseconds = st.integers(min_value=0, max_value=49 * 3600_000)


names = (
    st.none()
    | st.sampled_from(["agent", "客服", "Dr. Who", "a > b", "<v Bob>", "--> &amp;", " \n", "7"])
    | st.text(max_size=9)
)


def cues(of: st.SearchStrategy[str], times: st.SearchStrategy[int] = milliseconds) -> st.SearchStrategy[list[Cue]]:
    """Cues with whole milliseconds, which is all that either format can hold."""
    cue = st.builds(
        lambda start, length, text, who: Cue(start / 1000, (start + length) / 1000, text, who), times, times, of, names
    )
    return st.lists(cue, max_size=6)


fits = st.builds(
    Fit,
    max_chars=st.integers(min_value=2, max_value=50),
    max_lines=st.none() | st.integers(min_value=1, max_value=3),
    min_gap_s=st.none() | st.floats(min_value=0, max_value=2),
    max_cps=st.none() | st.floats(min_value=1, max_value=40),
)
shown = cues(texts) | st.builds(fit_cues, cues(texts), fits)

_STAMP = re.compile(r"[0-9]+:[0-9]{2}[.,:][0-9]+")
not_like_times = shown.filter(
    lambda found: not any(len(_STAMP.findall(line)) > 1 for cue in found for line in cue.text.splitlines())
)
"""`pysubs2` takes any line with two times in it for a cue's."""


def kept(text: str) -> str:
    """What a text is once it was rendered: lines without outer blanks, no blank lines, no NUL."""
    return "\n".join(line.strip() for line in re.split(r"\r\n?|\n", text.replace("\0", "\ufffd")) if line.strip())


def kept_in_srt(text: str) -> str:
    """As `kept`, with SubRip's arrow cut short."""
    text = kept(text)
    while "-->" in text:
        text = text.replace("-->", "->")
    return text


def name(cue: Cue) -> str:
    """What a speaker's name is once it was rendered: one line without outer blanks and NUL."""
    return " ".join((cue.speaker or "").replace("\0", "\ufffd").split())


def rows(cues: list[Cue]) -> list[tuple[int, int, str]]:
    """Start and end in ms, and the text, of each cue that is rendered."""
    return [(round(cue.start * 1000), round(cue.end * 1000), kept(cue.text)) for cue in cues if kept(cue.text)]


def rows_in_srt(cues: list[Cue]) -> list[tuple[int, int, str]]:
    """The same in SubRip, where a text begins with its speaker's name."""
    return [
        (round(cue.start * 1000), round(cue.end * 1000), kept_in_srt(f"{who}: {kept(cue.text)}" if who else cue.text))
        for cue in cues
        if kept(cue.text)
        for who in [name(cue)]
    ]


def voices(cues: list[Cue]) -> list[str]:
    """Who speaks in each cue that is rendered; empty where nobody knows."""
    return [name(cue) for cue in cues if kept(cue.text)]


def without_voice(text: str) -> tuple[str, str]:
    """Part a WebVTT text, as a reader gives it, into the name in its voice tag and what follows."""
    tag = re.match(r"<v ([^<>]*)>", text)
    return (unescaped(tag[1]), unescaped(text[tag.end() :])) if tag else ("", unescaped(text))


@given(cues(wild_texts, st.integers(min_value=0, max_value=5000 * 3600_000)))
def test_srt_reads_back(given_cues):
    """What render_srt writes, parse_srt reads with the same times and text, whatever the text; hours may pass 99."""
    expected = tuple(Cue(start / 1000, end / 1000, text) for start, end, text in rows_in_srt(given_cues))
    assert parse_srt(render_srt(given_cues)) == expected


@given(cues(wild_texts, st.integers(min_value=0, max_value=5000 * 3600_000)))
def test_vtt_reads_back(given_cues):
    """What render_vtt writes, parse_vtt reads with the same times and text, whatever the text; hours may pass 99."""
    expected = tuple(
        Cue(start / 1000, end / 1000, text, who or None)
        for (start, end, text), who in zip(rows(given_cues), voices(given_cues), strict=True)
    )
    assert parse_vtt(render_vtt(given_cues)) == expected


@given(cues(wild_texts))
def test_rendering_again_changes_nothing(given_cues):
    """A rendered and parsed text renders to the same characters."""
    assert render_srt(parse_srt(render_srt(given_cues))) == render_srt(given_cues)
    assert render_vtt(parse_vtt(render_vtt(given_cues))) == render_vtt(given_cues)


@given(shown)
def test_the_srt_library_reads_our_srt(given_cues):
    """`srt` reads the same times and text, and consecutive numbers from 1."""
    read = list(srt.parse(render_srt(given_cues)))
    got = [(ms(each.start), ms(each.end), each.content) for each in read]
    assert got == rows_in_srt(given_cues)
    assert [each.index for each in read] == list(range(1, len(read) + 1))


@given(shown)
def test_webvtt_py_reads_our_srt(given_cues):
    """`webvtt-py` reads the same times and lines from SubRip; it refuses a file without a cue."""
    text = render_srt(given_cues)
    if not text:
        with pytest.raises(webvtt.errors.MalformedFileError):
            webvtt.from_buffer(io.StringIO(text, newline=""), format="srt")
        return
    read = webvtt.from_buffer(io.StringIO(text, newline=""), format="srt")
    assert [(webvtt_ms(each.start), webvtt_ms(each.end), each.raw_text) for each in read] == rows_in_srt(given_cues)


@given(shown)
def test_webvtt_py_reads_our_vtt(given_cues):
    """`webvtt-py` reads the same times and lines from WebVTT; its raw text still holds the escapes."""
    read = webvtt.from_string(render_vtt(given_cues), strict=True)
    got = [(webvtt_ms(each.start), webvtt_ms(each.end), without_voice(each.raw_text)[1]) for each in read]
    assert got == rows(given_cues)
    assert [without_voice(each.raw_text)[0] for each in read] == voices(given_cues)
    assert [unescaped(each.voice or "") for each in read] == voices(given_cues)


@given(not_like_times)
def test_pysubs2_reads_our_srt(given_cues):
    r"""`pysubs2` reads the same times and text from SubRip.

    With keep_html_tags it leaves tags as they are (else ``<i>`` becomes ``{\i1}``); it writes a line end as ``\N``,
    and takes a number alone on the last line of the last text for one more cue's.
    """
    read = pysubs2.SSAFile.from_string(render_srt(given_cues), format_="srt", keep_html_tags=True)
    assert [(each.start, each.end, each.text) for each in read] == [
        (start, end, as_pysubs2(text, numbered=number < len(read)))
        for number, (start, end, text) in enumerate(rows_in_srt(given_cues), start=1)
    ]


@given(not_like_times)
def test_pysubs2_reads_our_vtt(given_cues):
    r"""`pysubs2` reads the same times from WebVTT; texts as from SubRip, with the escapes left in.

    It expects a number before each cue here too, so it drops one from the end of any text.
    """
    read = pysubs2.SSAFile.from_string(render_vtt(given_cues), format_="vtt", keep_html_tags=True)
    assert [(each.start, each.end, *without_voice(each.text)) for each in read] == [
        (start, end, who, as_pysubs2(text, numbered=False))
        for (start, end, text), who in zip(rows(given_cues), voices(given_cues), strict=True)
    ]


def ms(time) -> int:
    """Return a timedelta in ms."""
    return round(time.total_seconds() * 1000)


def webvtt_ms(stamp: str) -> int:
    """Return webvtt-py's HH:MM:SS.mmm in ms."""
    hours, minutes, seconds = stamp.split(":")
    return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000)


def unescaped(text: str) -> str:
    """Resolve the three references that WebVTT needs."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def as_pysubs2(text: str, *, numbered: bool) -> str:
    """Treat a text as pysubs2 does where the next cue's number follows it, and where none does."""
    return (text if numbered else re.sub(r"\n+ *\d+ *$", "", text)).replace("\n", "\\N")


def test_srt_layout():
    """SubRip: a number, times with a comma, the text, a blank line."""
    rendered = render_srt([Cue(0, 2.5, "one"), Cue(2.5, 3661.001, "two\n\n  three \r\nfour")])
    assert rendered == (
        "1\n00:00:00,000 --> 00:00:02,500\none\n\n2\n00:00:02,500 --> 01:01:01,001\ntwo\nthree\nfour\n\n"
    )


def test_vtt_layout():
    """WebVTT: the header, times with a point and hours, the text with its three escapes, a blank line."""
    rendered = render_vtt([Cue(0, 2.5, "a <b> & c"), Cue(2.5, 360000.0, "x --> y")])
    assert rendered == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.500\na &lt;b&gt; &amp; c\n\n00:00:02.500 --> 100:00:00.000\nx --&gt; y\n\n"
    )


def test_who_speaks_is_told():
    """Before the text in SubRip, in a voice tag in WebVTT; a name of blanks is none, and a cue of nothing stays out."""
    given_cues = [Cue(0, 1, "a\nb", "Dr. <Who>\n& Co"), Cue(1, 2, "c", " \t"), Cue(2, 3, " ", "Bob")]
    assert render_srt(given_cues) == (
        "1\n00:00:00,000 --> 00:00:01,000\nDr. <Who> & Co: a\nb\n\n2\n00:00:01,000 --> 00:00:02,000\nc\n\n"
    )
    assert render_vtt(given_cues) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n<v Dr. &lt;Who&gt; &amp; Co>a\nb\n\n"
        "00:00:01.000 --> 00:00:02.000\nc\n\n"
    )


@pytest.mark.parametrize(
    ("text", "speaker"),
    [
        ("<v Bob>a", "Bob"),
        ("<v.loud.x Bob B.>a</v>", "Bob B."),
        ("<v Bob>a <i>b</i></v>\n", "Bob"),
        ("<v R&amp;D>a", "R&D"),
        ("<v Bob>a</v> <v Eve>b</v>", None),
        ("<v Bob>a</v> b", None),
        ("a <v Bob>b", None),
        ("<v>a", None),
        ("<v  >a", None),
    ],
)
def test_the_voice_of_a_whole_text_is_its_speaker(text, speaker):
    """Of WebVTT; where several speak, or nobody knows who says a part of it, it has none."""
    (cue,) = parse_vtt(f"WEBVTT\n\n00:01.000 --> 00:02.000\n{text}\n\n")
    assert cue.speaker == speaker


def test_nothing_renders_to_the_bare_format():
    """No cues give an empty SRT and a VTT with its header."""
    assert render_srt([]) == ""
    assert render_vtt(iter(())) == "WEBVTT\n\n"


def test_a_cue_without_text_takes_no_number():
    """Cues without text are left out and numbers stay consecutive."""
    rendered = render_srt([Cue(0, 1, "a"), Cue(1, 2, " \n\u3000"), Cue(2, 3, "b")])
    assert rendered == "1\n00:00:00,000 --> 00:00:01,000\na\n\n2\n00:00:02,000 --> 00:00:03,000\nb\n\n"


@pytest.mark.parametrize(
    ("seconds", "stamp"),
    [
        (0.9996, "00:00:01,000"),
        (59.9999, "00:01:00,000"),
        (3599.9995, "01:00:00,000"),
        (0.57, "00:00:00,570"),
        (1.005, "00:00:01,005"),
        (4.35, "00:00:04,350"),
        (1234567.891, "342:56:07,891"),
        (-3.0, "00:00:00,000"),
        (float("nan"), "00:00:00,000"),
        (float("inf"), "00:00:00,000"),
        (1e308, "00:00:00,000"),
    ],
)
def test_times_are_rounded_and_carried(seconds, stamp):
    """Milliseconds are rounded with the carry; what is no time becomes 0."""
    assert render_srt([Cue(seconds, seconds, "x")]) == f"1\n{stamp} --> {stamp}\nx\n\n"


@given(st.floats(), st.floats(), st.sampled_from([render_srt, render_vtt]))
@example(1.0004, 1.0001, render_srt)
def test_any_float_renders_and_an_end_is_never_before_its_start(start, end, render):
    """Whatever the floats, fields are in range and the end is not before the start."""
    line = next(line for line in render([Cue(start, end, "x")]).splitlines() if "-->" in line)
    left, right = (
        [int(part) for part in re.fullmatch(r"(\d{2,}):([0-5]\d):([0-5]\d)[.,](\d{3})", each).groups()]
        for each in line.split(" --> ")
    )
    assert left <= right


def test_openai_srt_is_read():
    """OpenAI's whisper-1 writes SubRip with blank lines to spare at its end."""
    answer = (
        "1\n00:00:00,000 --> 00:00:07,600\nAnd so, my fellow Americans, ask not what your country can do for you,\n\n"
        "2\n00:00:07,600 --> 00:00:10,380\nask what you can do for your country.\n\n\n"
    )
    assert parse_srt(answer) == (
        Cue(0.0, 7.6, "And so, my fellow Americans, ask not what your country can do for you,"),
        Cue(7.6, 10.38, "ask what you can do for your country."),
    )


def test_openai_vtt_is_read():
    """OpenAI's whisper-1 writes WebVTT with hours; Whisper's own writer leaves them out, and escapes nothing."""
    with_hours = "WEBVTT\n\n00:00:00.000 --> 00:00:07.600\nAsk not\n\n00:00:07.600 --> 00:00:10.380\nask what\n\n\n"
    without = "WEBVTT\n\n00:00.000 --> 00:07.600\nAsk not\n\n00:07.600 --> 00:10.380\nask what\n\n"
    expected = (Cue(0.0, 7.6, "Ask not"), Cue(7.6, 10.38, "ask what"))
    assert parse_vtt(with_hours) == expected
    assert parse_vtt(without) == expected
    assert parse_vtt("WEBVTT\n\n59:59.000 --> 01:00:00.000\nR&D at AT&T: 1 < 2\n\n") == (
        Cue(3599.0, 3600.0, "R&D at AT&T: 1 < 2"),
    )


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "text",
    [
        "\ufeff1\n00:00:01,000 --> 00:00:02,500\na\nb\n\n2\n00:00:03,000 --> 00:00:04,000\nc\n\n",
        "1\n00:00:01,000 --> 00:00:02,500\na\nb\n\n2\n00:00:03,000 --> 00:00:04,000\nc",
        "00:00:01,000 --> 00:00:02,500\na\nb\n\n00:00:03,000 --> 00:00:04,000\nc\n",
        "7\n00:00:01,000 --> 00:00:02,500\na\nb\n7\n00:00:03,000 --> 00:00:04,000\nc\n",
        "-1\n00:00:01.000 --> 00:00:02.500\na\nb\n\n #2.0 \n00:00:03.000 --> 00:00:04.000\nc\n",
        "1)\n00:01,000-->00:02,500\na\nb\n\n\n\n2.\n 00:03 --> 00:04 \nc\n",
        "1\n0:0:1,0 --> 0:0:2,5\na\nb\n\n2:\n0:0:3,0004 --> 0:0:4,000  X1:40 X2:600 Y1:20 Y2:50\nc\n",
        "junk\nabove\n\n1\n00:00:01,000 --> 00:00:02,500\na\nb\n \n2\n00:00:03,000 --> 00:00:04,000\nc\n\n",
    ],
)
def test_untidy_srt_is_read(text, line_end):
    """Marks, line ends, odd or missing numbers and blank lines, short times and positions all read the same."""
    assert parse_srt(text.replace("\n", line_end)) == (Cue(1.0, 2.5, "a\nb"), Cue(3.0, 4.0, "c"))


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "text",
    [
        "\ufeffWEBVTT\n\n00:01.000 --> 00:02.500\na\nb\n\n00:03.000 --> 00:04.000\nc\n\n",
        "WEBVTT - a title\nKind: captions\nLanguage: en\n\n00:01.000 --> 00:02.500\na\nb\n\n00:03.000 --> 00:04.000\nc",
        "WEBVTT\n00:01.000 --> 00:02.500\na\nb\n00:03.000 --> 00:04.000\nc\n",
        "WEBVTT\n\nSTYLE\n::cue { }\n\nREGION\nid:x\n\nNOTE\nx\n\n00:01.000 --> 00:02.500\na\nb\n\n00:03 --> 00:04\nc",
        "WEBVTT\n\n00:01.000 --> 00:02.500\na\nb\n\nNOTE x\n\nNOTE\nmore\nlines\n\nlast\n00:03 --> 00:04\nc\n\nNOTE\n",
        "WEBVTT\n\nintro\n00:01.000 --> 00:02.500 align:start line:0\na\nb\n\nid 2\n00:03.000 --> 00:04.000\nc\n",
        "1\n00:00:01,000 --> 00:00:02,500\na\nb\n\n2\n00:00:03,000 --> 00:00:04,000\nc\n",
        "WEBVTT\n\n00:01.000 --> 00:02.500\n<v.loud Bob>a</v>\n<c.x>b</c>\n\n00:03.000 --> 00:04.000\n<00:03.500>c\n",
        "WEBVTT\n\n00:01.000 --> 00:02.500\n<i>a</i>\n<lang en>b</lang>\n\n00:03.000 --> 00:04.000\n<ruby>c<rt></rt>\n",
    ],
)
def test_untidy_vtt_is_read(text, line_end):
    """Headers, comments, styles, regions, identifiers, settings and tags are passed over; SubRip's layout is taken."""
    assert parse_vtt(text.replace("\n", line_end)) == (Cue(1.0, 2.5, "a\nb"), Cue(3.0, 4.0, "c"))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a &amp; b", "a & b"),
        ("&lt;i&gt;", "<i>"),
        ("&amp;lt;", "&lt;"),
        ("&#65;&#x4f60;&eacute;", "A你é"),
        ("&nosuch; & &; &#; AT&T; &lt", "&nosuch; & &; &#; AT&T; &lt"),
        ("&#9999999;&#0;", "\ufffd\ufffd"),
        ("a < b > c", "a < b > c"),
        ("<3 <unknown> <vault>", "<3 <unknown> <vault>"),
        ("<v Bob unclosed", "<v Bob unclosed"),
        ("NOTE to self", "NOTE to self"),
        ("STYLE", "STYLE"),
    ],
)
def test_vtt_text_becomes_plain(text, plain):
    """References are resolved once, WebVTT's own tags go, and everything else is text."""
    assert parse_vtt(f"WEBVTT\n\n00:01.000 --> 00:02.000\n{text}\n\n") == (Cue(1.0, 2.0, plain),)


def test_srt_text_is_verbatim():
    """SubRip's tags, references and blank lines within a text stay; a number before a blank line is text."""
    text = "<i>a</i> &amp; {\\an8}\n\n  b <v Bob>\n2021"
    assert parse_srt(f"1\n00:00:00,000 --> 00:00:01,000\n{text}\n\n2\n00:00:01,000 --> 00:00:02,000\nc") == (
        Cue(0.0, 1.0, text),
        Cue(1.0, 2.0, "c"),
    )


def test_speech_after_a_blank_line_is_not_lost():
    """A WebVTT text that a relay broke with a blank line is kept whole; a comment after it is not taken in."""
    answer = "WEBVTT\n\n00:01.000 --> 00:02.000\none\n\ntwo\n\nNOTE no\nspeech\n\nthree\n\n00:03 --> 00:04\nfour"
    assert [cue.text.split() for cue in parse_vtt(answer)] == [["one", "two", "three"], ["four"]]


def test_a_cue_without_text_is_read():
    """A cue without text is still a cue: silence is an answer, and not the same as none."""
    assert parse_srt("1\n00:00:00,000 --> 00:00:30,000\n\n\n") == (Cue(0.0, 30.0, ""),)
    assert parse_vtt("WEBVTT\n\n00:00.000 --> 00:30.000\n\n1\n00:30.000 --> 00:31.000\n") == (
        Cue(0.0, 30.0, ""),
        Cue(30.0, 31.0, ""),
    )


def test_an_end_before_its_start_is_read_as_the_start():
    """Times that run backwards give a cue without length."""
    assert parse_srt("1\n00:00:05,000 --> 00:00:01,000\nx\n") == (Cue(5.0, 5.0, "x"),)


@pytest.mark.parametrize(
    "text",
    ["", "\ufeff", "WEBVTT", "WEBVTT\n\n", "hello", "<html>a --> b</html>", "00:00:01,000 -> 00:00:02,000\nx", "1\n\n"],
)
def test_what_holds_no_cue_gives_none(text):
    """Text without a line of times is an empty tuple."""
    assert parse_srt(text) == ()
    assert parse_vtt(text) == ()


@given(
    st.text(alphabet=st.one_of(st.characters(), st.sampled_from("0123456789:.,-> \r\n<>&;#vc"))),
    st.lists(st.sampled_from([*TRICKY, *SHAPED_LIKE_TIMES, "1", "<v ", "&#", "NOTE"]), max_size=12).map("\n".join),
)
def test_no_text_is_refused(noise, shaped):
    """Parsing never raises; times are in order and finite."""
    for text in (noise, shaped, noise + "\n" + shaped, html.escape(shaped)):
        for cue in (*parse_srt(text), *parse_vtt(text)):
            assert 0 <= cue.start <= cue.end < float("inf")


@pytest.mark.parametrize("piece", ["0", " ", "<c ", "<0:0", "&#", "&a", "1\n", "0:", "-->", "\n \n", "00:00:01,0 "])
def test_a_huge_hostile_text_is_read(piece):
    """A megabyte of any one piece, alone or as a text, gives an answer: no number is too long to read."""
    huge = piece * (1_000_000 // len(piece))
    timed = f"00:00:01,000 --> 00:00:02,000\n{huge}"
    for parse in (parse_srt, parse_vtt):
        assert parse(huge) == ()
        assert [(cue.start, cue.end) for cue in parse(timed)] == [(1.0, 2.0)]
