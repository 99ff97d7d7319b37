"""Waiting for threads to their end."""

from __future__ import annotations

import asyncio
import threading

import pytest

from zhongzhuan_audio.threads import finish, in_thread


async def test_gives_the_result_or_the_error():
    """What the thread returns or raises comes back."""
    assert await in_thread(int, "7") == 7
    with pytest.raises(ValueError, match="invalid literal"):
        await in_thread(int, "x")


@pytest.mark.parametrize("fails", [False, True])
async def test_cancelled_waits_for_the_end(fails):
    """A cancelled wait asks the work to end, and is over only when it has."""
    started, stop, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        stop.wait()
        ended.set()
        if fails:
            raise ValueError

    loop = asyncio.get_running_loop()
    task = asyncio.create_task(finish(loop.run_in_executor(None, work), on_cancel=stop.set))
    await asyncio.to_thread(started.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_cancelled_without_a_way_to_ask():
    """Without `on_cancel` the wait goes on to the work's own end."""
    stop, ended = threading.Event(), threading.Event()

    def work() -> None:
        stop.wait()
        ended.set()

    task = asyncio.create_task(in_thread(work))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    stop.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_work_that_never_began():
    """Work that is itself cancelled while it waited is over at once."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(finish(future, on_cancel=future.cancel))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert future.cancelled()
