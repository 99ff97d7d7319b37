"""SIGTERM as another Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest

from zhongzhuan_audio.cli.signals import sigterm_interrupts

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")


def terminate() -> None:
    """Send SIGTERM to this process."""
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(autouse=True)
def handlers():
    """Put the handlers back that were there; SIGINT's and SIGHUP's are the usual ones, whoever runs the tests."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_it_interrupts_and_says_which_signal_it_was():
    """SIGTERM raises KeyboardInterrupt, and the exit code is its own; without it, that of Ctrl-C."""
    with sigterm_interrupts() as interruption:
        assert interruption.exit_code == 130
        with pytest.raises(KeyboardInterrupt):
            terminate()
        assert interruption.exit_code == 143
        terminate()  # the second one does not break into the clean-up
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_terminal_that_is_closed_interrupts_too():
    """With its own exit code; nohup, which ignores the signal, keeps its word."""
    with sigterm_interrupts() as interruption, pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGHUP)
    assert interruption.exit_code == 129
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with sigterm_interrupts() as interruption:
            os.kill(os.getpid(), signal.SIGHUP)
        assert interruption.exit_code == 130
    finally:
        signal.signal(signal.SIGHUP, before)


def test_it_interrupts_where_ctrl_c_is_ignored():
    """A shell ignores SIGINT for what it starts in the background; SIGTERM still counts there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with sigterm_interrupts() as interruption, pytest.raises(KeyboardInterrupt):
        terminate()
    assert interruption.exit_code == 143


def test_coroutines_clean_up():
    """What asyncio runs is cancelled and may await its clean-up."""
    steps = []

    async def work() -> None:
        try:
            terminate()
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0)
            steps.append("cleaned up")

    with sigterm_interrupts(), pytest.raises(KeyboardInterrupt):
        asyncio.run(work())
    assert steps == ["cleaned up"]


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda *_: None])
def test_a_handler_that_is_there_stays(handler):
    """Who ignores SIGTERM, or has it in hand, keeps it so."""
    signal.signal(signal.SIGTERM, handler)
    with sigterm_interrupts() as interruption:
        terminate()
        assert interruption.exit_code == 130
    assert signal.getsignal(signal.SIGTERM) is handler


def test_other_threads_have_no_signals():
    """The command can be run in any thread; there it has nothing to do with signals."""
    codes = []

    def run() -> None:
        with sigterm_interrupts() as interruption:
            codes.append((interruption.exit_code, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert codes == [(130, signal.SIG_DFL)]
