"""The relay's socket: what comes over it broken, what is said of that, and addresses that cannot be had."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import socket
from contextlib import suppress
from typing import Any, Self

import pytest

from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.relay import LocalRelay, ScriptedAnswer, ScriptedEngine
from zhongzhuan_audio.relay.listening import _refused

KEY = "sk-very-secret-0123456789"
HEAD = (
    "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\n"
    f"Authorization: Bearer {KEY}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
)
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\nsound\r\n--b--\r\n'
)
BROKEN_HEADS = {
    "lines that end in LF": HEAD.replace("\r\n", "\n") + "Content-Length: 5\n\nhello",
    "another method": HEAD.replace("POST", "SEND").replace("\r\n", "\n") + "\n",
    "no length": f"{HEAD}Content-Length: abc\r\n\r\nhello",
    "two lengths": f"{HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
    "a chunk in the first packet": f"{HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    "a long header": f"{HEAD}X-Long: {'a' * 70_000}\r\n\r\n",
    "a long key": HEAD.replace(KEY, KEY * 4000) + "\r\n",
    "an address": HEAD.replace("/v1/audio", f"http://[{KEY}") + "\r\n",
}
BROKEN_BODIES = {
    "not packed": ("Content-Encoding: gzip\r\nContent-Length: 160", [b"never packed" + bytes(148)]),
    "a chunk's size": ("Transfer-Encoding: chunked", [b"5\r\n--b\r\n\r\n", b"zz\r\n"]),
    "a chunk's end": ("Transfer-Encoding: chunked", [b"5\r\n--b\r\n", b"no line end"]),
}


class Talk:
    """A connection to a relay, and what came back."""

    def __init__(self, relay: LocalRelay) -> None:
        self.relay = relay

    async def __aenter__(self) -> Self:
        """Connect."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port_of(self.relay))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        self.writer.transport.abort()
        await asyncio.wait({asyncio.ensure_future(self.writer.wait_closed())})

    async def answer(self) -> tuple[int, bytes]:
        """Return the next answer's status and body."""
        async with asyncio.timeout(20):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            return int(head.split()[1]), await self.reader.readexactly(length)

    async def ends(self) -> None:
        """Wait for the relay to hang up."""
        async with asyncio.timeout(20):
            with suppress(ConnectionError):
                await self.reader.read()


def port_of(relay: LocalRelay) -> int:
    """Return the port that a relay listens on."""
    return int(relay.base_url.removesuffix("/v1").rpartition(":")[2])


def quiet(caplog) -> bool:
    """Return whether the log has one line at most for each request, at DEBUG, without a word of the client's."""
    ours = [record for record in caplog.records if record.name != "asyncio"]
    assert KEY[:12] not in caplog.text
    return all(record.levelno == logging.DEBUG and record.exc_info is None for record in ours)


@pytest.fixture(autouse=True)
def everything_is_logged(caplog) -> None:
    """Let no level hide anything."""
    caplog.set_level(logging.DEBUG)


@pytest.mark.parametrize("case", BROKEN_HEADS)
async def test_a_broken_head_is_not_logged(caplog, case):
    """What is no HTTP is refused; the log says that in a line, and nothing of the head, where the key is."""
    async with LocalRelay(ScriptedEngine(), api_key=KEY) as relay, Talk(relay) as talk:
        talk.writer.write(BROKEN_HEADS[case].encode())
        assert (await talk.answer())[0] == 400
        await talk.ends()
        assert relay.request_count == 0
    assert quiet(caplog)
    assert [record.name for record in caplog.records if record.name != "asyncio"] == ["zhongzhuan_audio.relay.http"]


@pytest.mark.parametrize("case", BROKEN_BODIES)
async def test_a_broken_body_is_a_bad_request(caplog, case):
    """A body that breaks off its own rules is told so in the relay's words, whenever that shows; then it hangs up."""
    header, pieces = BROKEN_BODIES[case]
    async with LocalRelay(ScriptedEngine(), api_key=KEY) as relay, Talk(relay) as talk:
        talk.writer.write(f"{HEAD}{header}\r\n\r\n".encode())
        for piece in pieces:
            count = relay.request_count
            talk.writer.write(piece)
            while not count and not relay.request_count:
                await asyncio.sleep(0.005)
        status, body = await talk.answer()
        assert (status, json.loads(body)["error"]["type"]) == (400, "invalid_request_error")
        assert json.loads(body)["error"]["message"].startswith("the body is broken (request id: ")
        await talk.ends()
        assert (relay.requests[0].status, relay.requests[0].gone) == (400, False)
    assert quiet(caplog)


async def test_a_broken_body_that_is_refused_already(caplog):
    """What is read away after a refusal may be broken too: nothing more is said."""
    async with LocalRelay(ScriptedEngine(), api_key="another") as relay, Talk(relay) as talk:
        talk.writer.write(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\n--b\r\n\r\n".encode())
        assert (await talk.answer())[0] == 401
        talk.writer.write(b"zz\r\n")
        await talk.ends()
    assert quiet(caplog)


async def test_requests_in_one_packet_are_no_error():
    """Requests may come one behind the other without a wait; each is answered."""
    get = f"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()
    upload = f"{HEAD}Content-Length: {len(FORM)}\r\n\r\n".encode() + FORM
    async with LocalRelay(ScriptedEngine("你好"), api_key=KEY) as relay, Talk(relay) as talk:
        talk.writer.write(get + upload + upload + get)
        assert [(await talk.answer())[0] for _ in range(4)] == [200] * 4
        talk.writer.write(upload[:-20])
        while relay.request_count < 5:
            await asyncio.sleep(0.005)
        talk.writer.write(upload[-20:] + get)
        assert [(await talk.answer())[0] for _ in range(2)] == [200] * 2


async def test_what_the_script_breaks_is_logged(caplog):
    """An answer that cannot be sent is the script's fault, and told with its traceback; the key is not in it."""
    broken = ScriptedAnswer(200, "ok", {"X-A": "a\r\nb"})
    async with LocalRelay(ScriptedEngine(broken), api_key=KEY) as relay, Talk(relay) as talk:
        talk.writer.write(f"{HEAD}Content-Length: {len(FORM)}\r\n\r\n".encode() + FORM)
        await talk.ends()
    (record,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert isinstance(record.exc_info[1], ValueError)
    frame: Any = record.exc_info[2]
    while frame is not None:
        assert KEY not in repr(frame.tb_frame.f_locals)
        frame = frame.tb_next


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (OSError(errno.EADDRINUSE, "in use"), "port 0 takes any free one"),
        (OSError(errno.EACCES, "permission denied"), "from 1024 on"),
        (OSError(errno.EADDRNOTAVAIL, "not available"), "this machine does not have the address"),
        (OSError(errno.ENOMEM, "no memory"), None),
        (OSError("could not bind on any address"), "this machine does not have the address"),
        (socket.gaierror(-2, "Name or service not known"), "no such host is known here"),
        (UnicodeError("label too long"), "no such host is known here"),
    ],
)
def test_hints_fit_the_error(error, hint):
    """A taken port, a forbidden one, an address of another machine and an unknown name are told apart."""
    told = _refused("x", 5, error)
    assert "cannot listen on x" in told.message
    assert (hint in told.hint) if hint else told.hint is None


@pytest.mark.parametrize(
    ("host", "words"),
    [("192.0.2.1", "does not have the address"), (f"{'a' * 70}.invalid", "no such host"), ("[::1]", "no such host")],
)
async def test_addresses_that_cannot_be_had(host, words):
    """What is not this machine's is told at the start, by an error that says why."""
    with pytest.raises(ConfigurationError, match="cannot listen on") as caught:
        await LocalRelay(ScriptedEngine(), host=host).start()
    assert words in str(caught.value)
    assert "another program" not in str(caught.value)
