"""A relay that refuses an upload before it has it, and resets the connection behind its answer."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest

from zhongzhuan_audio import AsyncClient, RetryPolicy
from zhongzhuan_audio.errors import PayloadTooLargeError

MP3 = (Path(__file__).parent.parent / "data" / "jfk.mp3").read_bytes()
REFUSAL = b"HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("copies", [4, 40], ids=["before-the-last-write", "before-the-second-write"])
async def test_the_refusal_is_read_before_the_next_write_fails(copies: int) -> None:
    """Both come while the client reads the next piece of its file: the write that fails must not lose the answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        progress: list[int] = []

        def refuse(sent_bytes: int, total_bytes: int) -> None:
            progress.append(sent_bytes)
            if len(progress) > 1:
                return
            connection, _ = listener.accept()
            connection.setblocking(False)
            connection.send(REFUSAL)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with AsyncClient(url, "sk-test", retry=RetryPolicy(max_attempts=1)) as client:
            with pytest.raises(PayloadTooLargeError) as caught:
                await client.transcribe(MP3 * copies, on_progress=refuse)
    assert [(made.status, made.billed) for made in caught.value.attempts] == [(413, "no")]
    assert len(progress) == 1
