"""Server-sent events come out right however their bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.errors import InvalidResponseError, StreamInterruptedError
from zhongzhuan_audio.models import ServerSentEvent
from zhongzhuan_audio.protocol import sse
from zhongzhuan_audio.protocol.sse import EventStreamParser, looks_like_events

LINE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)))
NAME = st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)), min_size=1)
EVENTS = st.lists(
    st.tuples(st.lists(LINE, min_size=1, max_size=3), st.none() | NAME, st.sampled_from(["\n", "\r", "\r\n"])),
    max_size=5,
)


def parse(chunks: list[bytes]) -> list[ServerSentEvent]:
    """Return the events of a whole stream."""
    parser = EventStreamParser()
    return [event for chunk in chunks for event in parser.feed(chunk)] + parser.finish()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Return bytes in pieces."""
    ends = sorted(place % (len(data) + 1) for place in places)
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


@given(events=EVENTS, cuts=st.lists(st.integers(0)))
def test_any_cut_and_any_line_end_give_the_same(
    events: list[tuple[list[str], str | None, str]], cuts: list[int]
) -> None:
    """Lines, characters and CRLF may be cut anywhere; comments and unknown fields between them count for nothing."""
    text = ""
    for data, name, end in events:
        lines = [
            ": a comment",
            "colour: blue",
            *(["event: " + name] if name else []),
            *(f"data: {line}" for line in data),
        ]
        text += "".join(line + end for line in [*lines, ""])
    expected = [ServerSentEvent(data="\n".join(data), event=name or "message") for data, name, _ in events]
    assert parse(cut(text.encode(), cuts)) == expected


def test_every_single_byte_may_come_alone() -> None:
    """Byte by byte, a stream gives what it gives at once."""
    data = "\ufeff: hi\r\nid: 7\r\ndata: 你好\rdata:  世界\n\nevent: x\ndata\n\ndata: [DONE]\n\n".encode()
    whole = parse([data])
    assert whole == parse([data[place : place + 1] for place in range(len(data))])
    assert whole == [
        ServerSentEvent(data="你好\n 世界", id="7"),
        ServerSentEvent(data="", event="x", id="7"),
        ServerSentEvent(data="[DONE]", id="7"),
    ]


def test_an_event_is_given_as_soon_as_its_blank_line_is_here() -> None:
    """Nothing waits for the next chunk, not even behind a CR that may be half of a CRLF."""
    for end in (b"\n", b"\r", b"\r\n"):
        parser = EventStreamParser()
        assert [event.data for event in parser.feed(b"data: 1" + end + end)] == ["1"]
        assert parser.feed(b"") == []
        assert [event.data for event in parser.feed(b"data: 2" + end + end)] == ["2"]


def test_a_stream_that_forgets_its_last_blank_line() -> None:
    """The last event counts all the same, its line end missing too, unless it may have been cut off."""
    assert [event.data for event in parse([b"data: 1\n\ndata: 2\n"])] == ["1", "2"]
    assert [event.data for event in parse([b'data: 1\n\ndata: {"a": [2]}'])] == ["1", '{"a": [2]}']
    assert [event.data for event in parse([b"data: 1\n\ndata: [DONE]"])] == ["1", "[DONE]"]
    for cut_off in (b"data: 2", b'data: {"a": [2]', b"dat", b"data: [DO", b"data: {2}"):
        with pytest.raises(StreamInterruptedError, match="in the middle of an event"):
            parse([b"data: 1\n\n" + cut_off])
    assert parse([b"data: 1\n\n\n\n: bye"]) == [ServerSentEvent(data="1")]


def test_an_event_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that never ends does not fill the memory, and neither do ever more lines."""
    monkeypatch.setattr(sse, "_MAX_EVENT_BYTES", 1000)
    for piece in (b"x" * 100, b"data: y\n" * 20):
        with pytest.raises(InvalidResponseError, match="larger than"):
            parse([piece] * 100)
    parser = EventStreamParser()
    assert sum(len(parser.feed(b"data: " + b"z" * 500 + b"\n\n")) for _ in range(100)) == 100


@pytest.mark.parametrize(
    ("head", "events"),
    [
        (b"data: {}\n\n", True),
        (b"\r\n\r\n: ping\n", True),
        (b"event: x\n", True),
        (b"\xef\xbb\xbfdata: 1", True),
        (b'{"text": "data: 1"}', False),
        (b"<html>", False),
        (b"Dates: 1", False),
        (b"", False),
    ],
)
def test_a_stream_is_known_by_its_beginning(head: bytes, events: bool) -> None:
    """Relays label streams as text or JSON now and then."""
    assert looks_like_events(head) is events
