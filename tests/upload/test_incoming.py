"""What a peer says before it is asked is seen although the loop has not read it."""

from __future__ import annotations

import asyncio
import socket

import pytest

from zhongzhuan_audio.upload.incoming import Incoming


@pytest.mark.parametrize("end", ["says something", "closes", "is silent"])
async def test_what_waits_is_seen_without_a_turn_of_the_loop(end: str) -> None:
    """Bytes and the end of all bytes count alike."""
    ours, theirs = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    await asyncio.sleep(0)
    with theirs:
        if end == "says something":
            theirs.send(b"x")
        elif end == "closes":
            theirs.close()
        assert Incoming(transport).waits() is (end != "is silent")
        transport.close()
        await asyncio.sleep(0)
