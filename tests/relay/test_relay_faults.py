"""Each fault as a raw socket sees it: the bytes, the RST or the FIN, and what the relay counted."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import tempfile
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from zhongzhuan_audio.relay import Fault, LocalRelay, Match, ScriptedAnswer, ScriptedEngine
from zhongzhuan_audio.relay.answers import is_charged

ROWS = json.loads((Path(__file__).parent.parent / "data" / "responses.json").read_text(encoding="utf-8"))
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    b'--b\r\nContent-Disposition: form-data; name="language"\r\n\r\n%b\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\n%b\r\n--b--\r\n'
)
BODY = FORM % (b"zh", b"ID3 sound")
TRANSCRIPT = {"text": "你好", "usage": {"type": "duration", "seconds": 1}}


class Wire:
    """A connection that shows what the kernel shows."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
        self.reader = reader
        self.writer = writer
        self.key = key

    def send(self, body: bytes = BODY, *, length: int | None = None, method: str = "POST", path: str = "") -> None:
        """Send a request, announced with this length or its own."""
        self.writer.write(
            (
                f"{method} {path or '/v1/audio/transcriptions'} HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: Bearer {self.key}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                f"Content-Length: {len(body) if length is None else length}\r\n\r\n"
            ).encode()
            + body
        )

    async def head(self) -> tuple[int, dict[str, str]]:
        """Read an answer's head."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.partition(": ") for line in lines[1:-2])
        return int(lines[0].split()[1]), {name.lower(): value for name, _, value in pairs}

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Read a whole answer."""
        status, headers = await self.head()
        return status, headers, await self.reader.readexactly(int(headers["content-length"]))

    async def rest(self) -> tuple[bytes, str]:
        """Read to the end; tell what came, and whether the end was a FIN or a RST."""
        came = b""
        while True:
            try:
                piece = await self.reader.read(65_536)
            except ConnectionResetError:
                return came, "RST"
            if not piece:
                return came, "FIN"
            came += piece


@pytest.fixture
async def relay() -> AsyncIterator[LocalRelay]:
    """Give a relay that answers by script; at its end no task may be left."""
    await asyncio.to_thread(tempfile.gettempdir)
    async with LocalRelay(ScriptedEngine("你好"), faults=[]) as relay:
        yield relay
    async with asyncio.timeout(20):
        while asyncio.all_tasks() != {asyncio.current_task()}:
            await asyncio.sleep(0.005)


@pytest.fixture
async def wires(relay: LocalRelay) -> AsyncIterator[list[Wire]]:
    """Give two connections."""
    port = int(relay.base_url.removesuffix("/v1").rpartition(":")[2])
    opened = [Wire(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 20), "sk-local") for _ in range(2)]
    yield opened
    for wire in opened:
        wire.writer.transport.abort()
        await asyncio.wait({asyncio.ensure_future(wire.writer.wait_closed())})


@pytest.fixture
def wire(wires: list[Wire]) -> Wire:
    """Give one connection."""
    return wires[0]


async def settled(relay: LocalRelay, index: int = 0) -> Any:
    """Return a request once it has been answered or dropped."""
    async with asyncio.timeout(20):
        while len(relay.requests) <= index or not (relay.requests[index].status or relay.requests[index].gone):
            await asyncio.sleep(0.005)
    return relay.requests[index]


async def works(wire: Wire) -> None:
    """Check that a connection still serves."""
    wire.send()
    status, headers, body = await wire.answer()
    assert (status, json.loads(body)) == (200, TRANSCRIPT)
    assert "x-oneapi-request-id" in headers


async def test_without_faults_nothing_changes(relay, wire):
    """A relay whose plan is empty, or strikes others, answers as ever, and counts what it would charge for."""
    await works(wire)
    relay.faults.script(Fault("html", requests=(7,)))
    await works(wire)
    assert [(received.fault, received.billable) for received in relay.requests] == [(None, True)] * 2
    assert (relay.request_count, relay.billable) == (2, 2)


async def test_refusals_are_not_billable(relay, wire):
    """What is refused, or lists the models, is free."""
    wire.send(FORM % (b"zh", b""))
    assert (await wire.answer())[0] == 400
    wire.send(b"", method="GET", path="/v1/models")
    assert (await wire.answer())[0] == 200
    relay.engine.script(ScriptedAnswer(502, "<h1>"), ScriptedAnswer(200, '{"text": "ok"}'))
    wire.send()
    assert (await wire.answer())[0] == 502
    assert relay.billable == 0
    wire.send()
    assert (await wire.answer())[0] == 200
    assert [received.billable for received in relay.requests] == [False, False, False, True]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
async def test_rows_go_out_as_they_are(relay, wire, row):
    """The answer of a row arrives byte for byte, with no header but its own and a length, and nothing is recognised."""
    relay.faults.script(Fault.from_row(row, times=1))
    said = row["response"]
    wire.send()
    status, headers, body = await wire.answer()
    assert (status, body.decode()) == (said["status"], said["body"])
    assert headers == {
        **{name.lower(): value for name, value in said["headers"].items()},
        "content-length": str(len(body)),
    }
    received = relay.requests[0]
    assert (received.fault, received.status, received.filename) == ("answer", status, "a.mp3")
    assert received.fields["language"] == ("zh",)
    # The conformance set's own judgement: a transcript is charged for, a refusal or a page is not.
    if row["expect"]["error"] is None:
        assert received.billable
    elif row["expect"].get("billed", "no") == "no":
        assert not received.billable
    await works(wire)
    assert relay.billable == 1 + received.billable


async def test_reset_before_the_upload(relay, wire):
    """The connection is reset when the head is in; the request is noted without its fields."""
    relay.faults.script(Fault("reset-before-upload"))
    wire.send(b"", length=10_000_000)
    assert await wire.rest() == (b"", "RST")
    (received,) = relay.requests
    assert (received.fault, received.status, received.gone, received.billable) == (
        "reset-before-upload",
        None,
        False,
        False,
    )
    assert (received.content_length, received.fields, received.filename) == (10_000_000, {}, None)


async def test_reset_during_the_upload(relay, wire):
    """The connection is reset once so many bytes of the body are in, not before."""
    relay.faults.script(Fault("reset-during-upload", size_bytes=20))
    wire.send(BODY[:19], length=len(BODY))
    reading = asyncio.create_task(wire.rest())
    await asyncio.wait({reading}, timeout=0.05)
    assert relay.requests[0].fault == "reset-during-upload"
    assert not reading.done()
    wire.writer.write(BODY[19:20])
    assert await reading == (b"", "RST")
    assert (relay.request_count, relay.billable) == (1, 0)


@pytest.mark.parametrize(("kind", "end"), [("reset-after-upload", "RST"), ("fin-after-upload", "FIN")])
async def test_the_end_after_the_upload(relay, wire, kind, end):
    """The work is done and charged for, and the connection ends without a byte of the answer."""
    relay.faults.script(Fault(kind))
    wire.send()
    assert await wire.rest() == (b"", end)
    (received,) = relay.requests
    assert (received.fault, received.status, received.gone, received.billable) == (kind, None, False, True)
    assert (received.filename, received.size_bytes, relay.billable) == ("a.mp3", 9, 1)


async def test_a_refusal_can_be_lost_too(relay, wire):
    """Where the relay refuses, a late fault strikes the refusal, and nothing is charged for."""
    relay.faults.script(Fault("reset-after-upload", times=1), Fault("fin-after-upload"))
    wire.key = "sk-wrong"
    wire.send()
    assert await wire.rest() == (b"", "RST")
    assert relay.billable == 0


async def test_early_refusal(relay, wire):
    """A 413 comes before the body was read, then a reset."""
    relay.faults.script(Fault("early-refusal"))
    wire.send(BODY, length=50_000_000)
    status, headers, body = await wire.answer()
    assert (status, headers["content-type"]) == (413, "text/html; charset=utf-8")
    assert b"413 Request Entity Too Large" in body
    assert await wire.rest() == (b"", "RST")
    received = await settled(relay)
    assert (received.status, received.gone, received.filename, relay.billable) == (413, False, None, 0)


async def test_a_large_early_refusal(relay, wire):
    """A reply that is larger than the kernel's buffers is handed over before the reset."""
    relay.faults.script(Fault("early-refusal", reply=ScriptedAnswer(413, b"x" * 20_000_000)))
    wire.send(BODY, length=50_000_000)
    assert await wire.head() == (413, {"content-length": "20000000"})
    came, end = await wire.rest()
    assert (set(came), end) == ({ord("x")}, "RST")


async def test_early_answer(relay, wires):
    """A 200 comes before the upload's end; it is charged for if the upload comes whole."""
    relay.faults.script(
        Fault("early-answer", times=1), Fault("early-answer", reply=ScriptedAnswer(200, '{"text": "b"}'))
    )
    wires[0].send(BODY[:10], length=len(BODY))
    status, _, body = await wires[0].answer()
    assert (status, json.loads(body)) == (200, {"text": "This is an early answer."})
    assert relay.billable == 0
    wires[0].writer.write(BODY[10:])
    wires[1].send(BODY[:10], length=len(BODY))
    assert json.loads((await wires[1].answer())[2]) == {"text": "b"}
    wires[1].writer.transport.abort()
    async with asyncio.timeout(20):
        while not relay.requests[1].gone or not relay.billable:
            await asyncio.sleep(0.005)
    assert [received.billable for received in relay.requests] == [True, False]
    relay.faults.script()
    await works(wires[0])


async def test_informational(relay, wire):
    """Informational answers come before the real one."""
    relay.faults.script(Fault("informational", statuses=(100, 103, 103, 199)))
    wire.send()
    hints = {"link": "</v1/models>; rel=preload"}
    assert [await wire.head() for _ in range(4)] == [(100, {}), (103, hints), (103, hints), (199, {})]
    assert json.loads((await wire.answer())[2]) == TRANSCRIPT
    assert (relay.requests[0].fault, relay.billable) == ("informational", 1)


async def test_html(relay, wire):
    """A web page comes at 200, nothing is recognised, and nothing is charged for."""
    relay.faults.script(Fault("html", times=1))
    wire.send()
    status, headers, body = await wire.answer()
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert body.startswith(b"<!doctype html>")
    assert relay.billable == 0
    await works(wire)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        (None, "/v1/audio/transcriptions?a=1"),
        ("/v1/other", "/v1/other"),
        ("https://relay.example/v1", "https://relay.example/v1"),
    ],
)
async def test_redirect(relay, wire, location, expected):
    """A redirect leads to its own address, another path, or another origin."""
    relay.faults.script(Fault("redirect", location=location, times=1))
    wire.send(path="/v1/audio/transcriptions?a=1")
    status, headers, body = await wire.answer()
    assert (status, headers["location"], body) == (307, expected, b"")
    await works(wire)
    assert [(received.fault, received.billable) for received in relay.requests] == [("redirect", False), (None, True)]


async def test_redirect_loop(relay, wire):
    """A loop goes on, whether or not the condition strikes again."""
    relay.faults.script(Fault("redirect", location="loop", times=1))
    wire.send()
    for _ in range(3):
        location = (await wire.answer())[1]["location"]
        wire.send(path=location)
    await wire.answer()
    assert [received.fault for received in relay.requests] == ["redirect"] * 4
    await works(wire)
    relay.faults.script(Fault("html", requests=(9,)))
    wire.send(path=location)
    assert (await wire.answer())[0] == 404


@pytest.mark.parametrize("kind", ["stall-before-headers", "stall-in-headers", "stall-after-headers", "stall-in-body"])
async def test_stalls(relay, wires, kind):
    """A stall holds at its place: for good until the client goes, or for a while and then all goes on well."""
    relay.faults.script(Fault(kind, times=1), Fault(kind, seconds=0.01))
    wires[0].send()
    await works(wires[1])
    reading = asyncio.create_task(wires[0].reader.read(65_536))
    await asyncio.wait({reading}, timeout=0.2)
    if kind == "stall-before-headers":
        assert not reading.done()
        reading.cancel()
        await asyncio.wait({reading})
    else:
        came = await reading
        head, end, body = came.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert bool(end) is (kind != "stall-in-headers")
        assert 0 <= len(body) < len(json.dumps(TRANSCRIPT))
        assert bool(body) is (kind == "stall-in-body")
    assert relay.requests[0].status is None
    wires[0].writer.transport.abort()
    assert (await settled(relay)).gone
    assert (relay.requests[0].billable, relay.billable) == (True, 2)
    await works(wires[1])


async def test_drip(relay, wire):
    """The answer comes whole, a few bytes at a time."""
    relay.faults.script(Fault("drip", size_bytes=100, seconds=0.01, times=1), Fault("drip"))
    wire.send()
    first = await wire.reader.read(65_536)
    assert len(first) == 100
    whole = first + await wire.reader.readuntil(b"}}")
    assert json.loads(whole.partition(b"\r\n\r\n")[2]) == TRANSCRIPT
    wire.send()
    assert len(await wire.reader.read(65_536)) == 16
    assert relay.billable == 2


async def test_truncated(relay, wire):
    """Less comes than was announced, then a FIN."""
    relay.faults.script(Fault("truncated"))
    wire.send()
    status, headers = await wire.head()
    body, end = await wire.rest()
    assert (status, end) == (200, "FIN")
    assert 0 < len(body) < int(headers["content-length"])
    assert (relay.requests[0].status, relay.requests[0].gone, relay.billable) == (200, False, 1)


async def test_truncated_empty_body(relay, wire):
    """Of an answer without a body a byte is missing too."""
    relay.engine.script(ScriptedAnswer(200))
    relay.faults.script(Fault("truncated"))
    wire.send()
    assert (await wire.head())[1]["content-length"] == "1"
    assert await wire.rest() == (b"", "FIN")


@pytest.mark.parametrize("empty", [False, True])
async def test_truncated_chunked(relay, wire, empty):
    """The chunks end without the last one, then a FIN."""
    if empty:
        relay.engine.script(ScriptedAnswer(200))
    relay.faults.script(Fault("truncated-chunked"))
    wire.send()
    _, headers = await wire.head()
    assert headers["transfer-encoding"] == "chunked"
    assert "content-length" not in headers
    came, end = await wire.rest()
    assert end == "FIN"
    if empty:
        assert came == b""
    else:
        size, _, rest = came.partition(b"\r\n")
        assert len(rest) == int(size, 16) + 2
        assert json.loads(rest) == TRANSCRIPT


async def test_bad_gzip(relay, wire):
    """The body is said to be packed and cannot be unpacked; the connection goes on."""
    relay.faults.script(Fault("bad-gzip", times=1))
    wire.send()
    _, headers, body = await wire.answer()
    assert headers["content-encoding"] == "gzip"
    with pytest.raises(zlib.error):
        gzip.decompress(body)
    await works(wire)
    assert relay.billable == 2


async def test_short_length(relay, wire):
    """More comes than was announced."""
    relay.faults.script(Fault("short-length"))
    wire.send()
    _, _, body = await wire.answer()
    wire.writer.write_eof()
    rest, _ = await wire.rest()
    assert len(body) == (len(body) + len(rest)) // 2
    assert json.loads(body + rest) == TRANSCRIPT


async def test_garbage_status(relay, wire):
    """What comes is no HTTP."""
    relay.faults.script(Fault("garbage-status"))
    wire.send()
    came, end = await wire.rest()
    assert (came[:2], end) == (b"\x00\xff", "FIN")
    assert b"HTTP/" not in came
    assert relay.billable == 1


@pytest.mark.parametrize(("size_bytes", "expected"), [(None, 65_537), (100, 100)])
async def test_long_header(relay, wire, size_bytes, expected):
    """One header is very long, and the rest is well."""
    relay.faults.script(Fault("long-header", size_bytes=size_bytes))
    wire.send()
    _, headers, body = await wire.answer()
    assert len(headers["x-padding"]) == expected
    assert json.loads(body) == TRANSCRIPT


async def test_close_after_the_answer(relay, wire):
    """The answer is well and promises nothing, and the connection is closed behind it."""
    relay.faults.script(Fault("close-after-answer"))
    wire.send()
    _, headers, body = await wire.answer()
    assert "connection" not in headers
    assert json.loads(body) == TRANSCRIPT
    assert await wire.rest() == (b"", "FIN")
    assert relay.billable == 1


async def test_close_on_reuse(relay, wires):
    """The connection is closed when it is used again, which is noted; another connection is not."""
    relay.faults.script(Fault("close-on-reuse", times=1))
    await works(wires[0])
    await works(wires[1])
    wires[0].send()
    assert await wires[0].rest() == (b"", "FIN")
    assert [(received.fault, received.status, received.billable) for received in relay.requests] == [
        ("close-on-reuse", 200, True),
        (None, 200, True),
        ("close-on-reuse", None, False),
    ]


async def test_by_field(relay, wire):
    """What is in the upload can be asked for, and the first that strikes wins."""
    relay.faults.script(
        Fault.answer(500, where=Match(fields={"language": "z*"}, filename="*.mp3", path="/v1/audio/*")),
        Fault.answer(501, where=lambda received: received.size_bytes == 9),
        Fault.answer(502),
    )
    statuses = []
    for language in (b"zh", b"en"):
        wire.send(FORM % (language, b"ID3 sound"))
        statuses.append((await wire.answer())[0])
    wire.send(FORM % (b"en", b"ID3 other sound"))
    statuses.append((await wire.answer())[0])
    assert statuses == [500, 501, 502]


async def test_other_paths_and_methods(relay, wire):
    """Faults strike any request; a HEAD still gets no body."""
    relay.faults.script(Fault.refusal(503, times=1), Fault("drip", size_bytes=1000))
    wire.send(b"", method="GET", path="/v1/models")
    assert (await wire.answer())[0] == 503
    wire.send(b"", method="HEAD", path="/v1/models")
    assert int((await wire.head())[1]["content-length"]) > 0
    wire.send(b"", method="GET", path="/nowhere")
    assert (await wire.answer())[0] == 404
    assert [received.fault for received in relay.requests] == ["answer", "drip", "drip"]


async def test_a_predicate_that_fails_is_a_breakdown(relay, wires, caplog):
    """An error in a test's own function is logged and answered with 500, before the upload and after."""

    def fail(_: Any) -> bool:
        raise ZeroDivisionError

    for wire, kind in zip(wires, ("early-answer", "html"), strict=True):
        relay.faults.script(Fault(kind, where=fail))
        wire.send()
        assert (await wire.answer())[0] == 500
    assert caplog.text.count("ZeroDivisionError") >= 2
    assert relay.billable == 0


async def test_a_body_that_breaks_off_is_drained(relay, wire):
    """A late fault strikes the answer to an upload that cannot be read."""
    relay.faults.script(Fault("reset-after-upload"))
    wire.writer.write(
        b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-local\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain"
    )
    assert await wire.rest() == (b"", "RST")
    assert relay.billable == 0


def open_descriptors() -> int | None:
    """Return how many file descriptors are open, where the system tells."""
    return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else None


async def test_closing_ends_what_stalls():
    """The close of a relay ends stalls, drips and half-closed connections, and leaves no task and no descriptor."""
    # Once before, for what the loop opens at its first use.
    async with LocalRelay(ScriptedEngine()):
        pass
    tasks = asyncio.all_tasks()
    descriptors = open_descriptors()
    faults = [
        Fault("stall-before-headers", requests=(1,)),
        Fault("drip", size_bytes=1, seconds=60, requests=(2,)),
        Fault("reset-during-upload", size_bytes=1_000_000, requests=(3,)),
    ]
    relay = LocalRelay(ScriptedEngine(), faults=faults)
    await relay.start()
    port = int(relay.base_url.removesuffix("/v1").rpartition(":")[2])
    opened = [Wire(*await asyncio.open_connection("127.0.0.1", port), "sk-local") for _ in range(3)]
    for wire in opened:
        wire.send(length=2_000_000 if wire is opened[2] else None)
        count = opened.index(wire) + 1
        async with asyncio.timeout(20):
            while relay.request_count < count:
                await asyncio.sleep(0.005)
    await relay.close()
    for wire in opened:
        await wire.rest()
        wire.writer.close()
        await asyncio.wait({asyncio.ensure_future(wire.writer.wait_closed())})
    async with asyncio.timeout(20):
        while asyncio.all_tasks() != tasks:
            await asyncio.sleep(0.005)
    assert open_descriptors() == descriptors


async def test_a_start_begins_the_plan_anew():
    """A relay that is started again counts from nothing, its faults too."""
    relay = LocalRelay(ScriptedEngine("你好"), faults=[Fault("fin-after-upload", times=1)])
    for _ in range(2):
        async with relay:
            port = int(relay.base_url.removesuffix("/v1").rpartition(":")[2])
            wire = Wire(*await asyncio.open_connection("127.0.0.1", port), "sk-local")
            wire.send()
            assert await wire.rest() == (b"", "FIN")
            assert (relay.request_count, relay.billable) == (1, 1)
            wire.writer.close()
            await wire.writer.wait_closed()


@pytest.mark.parametrize(
    ("answer", "charged"),
    [
        (ScriptedAnswer(200, '{"text": ""}'), True),
        (ScriptedAnswer(200, b""), True),
        (ScriptedAnswer(200, '{"te'), True),
        (ScriptedAnswer(200, '{"error": null, "text": "a"}'), True),
        (ScriptedAnswer(200, "[1]"), True),
        (ScriptedAnswer(200, " <html>"), False),
        (ScriptedAnswer(200, '{"error": {"message": "no"}}'), False),
        (ScriptedAnswer(200, '{"success": false}'), False),
        (ScriptedAnswer(504, "{}"), False),
    ],
)
def test_what_is_charged(answer, charged):
    """An answer of success is charged for, but for pages and refusals."""
    assert is_charged(answer) is charged
