"""The blocking client: threads, loops, forks, Ctrl-C, and an exit that never hangs."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from zhongzhuan_audio import AsyncClient, Client
from zhongzhuan_audio.blocking.worker import Worker
from zhongzhuan_audio.errors import AudioSourceError, AuthenticationError, ConfigurationError, TransportError
from zhongzhuan_audio.relay import LocalRelay, ScriptedEngine


@pytest.fixture
def client(local_relay: LocalRelay) -> Any:
    """A client of the scripted relay."""
    with Client(local_relay.base_url, local_relay.api_key) as client:
        yield client


def run(
    code: str, relay: LocalRelay, *arguments: str, timeout_s: float = 60, stdin: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a script in an interpreter of its own."""
    environ = {
        **os.environ,
        "ZHONGZHUAN_BASE_URL": relay.base_url,
        "ZHONGZHUAN_API_KEY": str(relay.api_key),
        "PYTHONWARNINGS": "error",
    }
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env=environ,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        stdin=stdin,
    )


def test_it_needs_no_with(local_relay: LocalRelay, jfk: Path) -> None:
    """One line gives a transcript."""
    client = Client(local_relay.base_url, local_relay.api_key)
    assert client.transcribe(jfk).text == "This is a scripted answer."
    client.close()


def test_errors_come_out_as_they_are(client: Client, local_relay: LocalRelay) -> None:
    """The async client's own errors, at the line that called."""
    with pytest.raises(AudioSourceError, match="no such file"):
        client.transcribe("missing.mp3")
    with Client(local_relay.base_url, "sk-wrong") as stranger, pytest.raises(AuthenticationError):
        stranger.transcribe(("a.mp3", b"\xff\xfb\x90\x00" * 100))


def test_settings_are_checked_at_construction() -> None:
    """Before a thread is begun."""
    before = threading.active_count()
    with pytest.raises(ConfigurationError, match="ZHONGZHUAN_API_KEY"):
        Client()
    Client("https://relay.example", "sk-test")
    assert threading.active_count() == before


def test_the_twins_have_the_same_face() -> None:
    """Name by name the same parameters, defaults, annotations and docstring."""
    public = [name for name in dir(AsyncClient) if not name.startswith("_")]
    assert {"transcribe", "translate"} <= set(public)
    for name in public:
        theirs, ours = getattr(AsyncClient, name), getattr(Client, name)
        if name == "local":
            assert inspect.signature(ours) == inspect.signature(theirs)
            continue
        assert inspect.signature(ours) == inspect.signature(theirs)
        if name != "close":
            assert ours.__doc__ == theirs.__doc__
        assert not inspect.iscoroutinefunction(ours)
    differs = set(inspect.signature(AsyncClient).parameters) ^ set(inspect.signature(Client).parameters)
    assert differs == {"session"}


def test_many_threads_share_a_client(client: Client, local_relay: LocalRelay, jfk: Path) -> None:
    """Calls from sixteen threads run side by side on one loop."""
    with ThreadPoolExecutor(16) as pool:
        texts = list(pool.map(lambda _: client.transcribe(jfk).text, range(64)))
    assert texts == ["This is a scripted answer."] * 64
    assert len(local_relay.requests) == 64


async def test_it_works_while_the_threads_own_loop_runs(client: Client, jfk: Path) -> None:
    """As in a notebook's cell: the call blocks this loop and is answered by another."""
    assert client.transcribe(jfk).text == "This is a scripted answer."


def test_a_call_from_its_own_thread_is_refused(client: Client, jfk: Path) -> None:
    """A progress function that calls the client would wait for itself for ever."""
    with pytest.raises(RuntimeError, match="would wait for itself"):
        client.transcribe(jfk, on_progress=lambda _, __: client.transcribe(jfk))


def test_a_closed_client_says_so(local_relay: LocalRelay, jfk: Path) -> None:
    """After the close its thread is gone and calls are refused; closing again does nothing."""
    client = Client(local_relay.base_url, local_relay.api_key)
    client.transcribe(jfk)
    assert client._runner._worker is not None
    client.close()
    client.close()
    assert not client._runner._worker.thread.is_alive()
    assert repr(client) == f"<Client {local_relay.base_url} closed>"
    with pytest.raises(ConfigurationError, match="closed"):
        client.transcribe(jfk)
    unused = Client(local_relay.base_url, local_relay.api_key)
    unused.close()
    with pytest.raises(ConfigurationError, match="closed"):
        unused.transcribe(jfk)


def test_a_forgotten_client_ends_its_thread(local_relay: LocalRelay, jfk: Path) -> None:
    """The thread does not keep the client alive, and goes with it."""
    client = Client(local_relay.base_url, local_relay.api_key)
    client.transcribe(jfk)
    assert client._runner._worker is not None
    thread, ghost = client._runner._worker.thread, weakref.ref(client)
    del client
    gc.collect()
    thread.join(10)
    assert ghost() is None
    assert not thread.is_alive()


def test_closing_cancels_what_runs(jfk: Path, local_relay: LocalRelay, scripted_engine: ScriptedEngine) -> None:
    """A call in another thread ends at once."""
    scripted_engine.delay_s = 60
    client = Client(local_relay.base_url, local_relay.api_key)
    ended: list[BaseException] = []

    def call() -> None:
        try:
            client.transcribe(jfk)
        except BaseException as error:  # noqa: BLE001 - whatever it is
            ended.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    while not local_relay.requests:
        time.sleep(0.01)
    client.close()
    thread.join(10)
    assert not thread.is_alive()
    assert len(ended) == 1


def test_local_needs_no_key(jfk: Path) -> None:
    """Its own relay runs in its own thread."""
    with Client.local(ScriptedEngine("听见了")) as client:
        assert client.transcribe(jfk).text == "听见了"
        assert repr(client).startswith("<Client http://127.0.0.1:")


def test_an_unclosed_client_does_not_hang_the_exit(local_relay: LocalRelay, jfk: Path) -> None:
    """A script that forgets to close ends by itself, quietly."""
    code = """
        import sys
        from zhongzhuan_audio import Client
        client = Client()
        print(client.transcribe(sys.argv[1]).text)
    """
    ended = run(code, local_relay, str(jfk))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "This is a scripted answer.\n", "")


def test_an_unclosed_local_client_ends_quietly_too(local_relay: LocalRelay, jfk: Path) -> None:
    """Its relay closes while there are still threads to do it in."""
    code = """
        import sys
        from zhongzhuan_audio import Client
        from zhongzhuan_audio.relay import ScriptedEngine
        client = Client.local(ScriptedEngine("heard"))
        print(client.transcribe(sys.argv[1]).text)
    """
    ended = run(code, local_relay, str(jfk))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "heard\n", "")


@pytest.mark.parametrize(
    "begin",
    [
        "threading.Thread(target=work).start()",
        "pool = ThreadPoolExecutor(1); pool.submit(work); pool.submit(work)",
    ],
)
def test_threads_that_nobody_joined_do_their_work(
    local_relay: LocalRelay, scripted_engine: ScriptedEngine, jfk: Path, begin: str
) -> None:
    """As with any other thread, the program ends when they have; what was paid for is not thrown away."""
    scripted_engine.delay_s = 0.2
    code = f"""
        import sys, threading, time
        from concurrent.futures import ThreadPoolExecutor
        from zhongzhuan_audio import Client
        begun = threading.Event()
        client = Client(on_event=lambda _: begun.set())
        def work():
            for _ in range(3):
                print(client.transcribe(sys.argv[1]).text)
                time.sleep(0.2)
        {begin}
        begun.wait()
    """
    ended = run(code, local_relay, str(jfk))
    assert (ended.returncode, ended.stderr) == (0, "")
    asked = 3 * begin.count("work")
    assert ended.stdout.count("This is a scripted answer.") == local_relay.request_count == asked


def test_closing_from_another_thread_ends_a_call_with_an_error_of_ours(
    local_relay: LocalRelay, scripted_engine: ScriptedEngine, jfk: Path
) -> None:
    """It says what happened, and that the relay may bill."""
    scripted_engine.delay_s = 60
    client = Client(local_relay.base_url, local_relay.api_key)

    def close() -> None:
        while not local_relay.request_count:
            time.sleep(0.01)
        client.close()

    closer = threading.Thread(target=close)
    closer.start()
    with pytest.raises(TransportError, match="was closed") as caught:
        client.transcribe(jfk)
    closer.join()
    assert caught.value.billed == "maybe"


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)
def test_a_callback_that_exits_ends_every_call(local_relay: LocalRelay, jfk: Path) -> None:
    """Its thread ends with its loop; whoever waits is told, and so is whoever calls after it."""
    client = Client(local_relay.base_url, local_relay.api_key)
    client.transcribe(jfk)
    ended: list[str] = []

    def call(**options: Any) -> None:
        try:
            while True:
                client.transcribe(jfk, **options)
        except (ConfigurationError, TransportError) as error:
            ended.append(error.message)

    calls = [threading.Thread(target=call, daemon=True) for _ in range(4)]
    calls.append(threading.Thread(target=call, kwargs={"on_progress": lambda *_: sys.exit(3)}, daemon=True))
    for each in calls:
        each.start()
    for each in calls:
        each.join(10)
    assert len(ended) == len(calls)
    assert all("closed" in message for message in ended)


def test_closed_while_the_first_call_begins(local_relay: LocalRelay, jfk: Path) -> None:
    """The call has no answer after that, and no thread stays."""
    for _ in range(10):
        client = Client(local_relay.base_url, local_relay.api_key)
        ended: list[str] = []

        def call(client: Client = client, ended: list[str] = ended) -> None:
            try:
                client.transcribe(jfk)
            except (ConfigurationError, TransportError) as error:
                ended.append(error.message)

        thread = threading.Thread(target=call)
        thread.start()
        client.close()
        thread.join(10)
        assert "closed" in ended[0]
        worker = client._runner._worker
        if worker is not None:
            worker.thread.join(10)
            assert not worker.thread.is_alive()


def test_calls_that_meet_the_end_do_not_wait_for_ever(local_relay: LocalRelay, jfk: Path) -> None:
    """Whenever a client is closed, each of the calls of other threads ends: with a transcript or an error of ours."""
    for round_ in range(20):
        client = Client(local_relay.base_url, local_relay.api_key)
        client.transcribe(jfk)
        ended: list[str] = []

        def call(client: Client = client, ended: list[str] = ended) -> None:
            try:
                while True:
                    client.transcribe(jfk)
            except (ConfigurationError, TransportError) as error:
                ended.append(error.message)

        threads = [threading.Thread(target=call, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.001 * round_)
        client.close()
        for thread in threads:
            thread.join(10)
        assert len(ended) == len(threads)
        assert all("closed" in message for message in ended)


def test_a_worker_that_ends_takes_no_call(local_relay: LocalRelay) -> None:
    """What its loop is given then might never be begun."""
    worker = Worker(AsyncClient(local_relay.base_url, local_relay.api_key))
    worker.stop()
    with pytest.raises(RuntimeError, match="ends"):
        worker.begin(lambda client: client.models())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_child_that_ends_leaves_its_parents_relay_alone(local_relay: LocalRelay, jfk: Path) -> None:
    """What a process has made, its forked children do not remove."""
    code = """
        import os, sys
        from zhongzhuan_audio import Client
        from zhongzhuan_audio.relay import ScriptedEngine
        client = Client.local(ScriptedEngine("heard"))
        client.transcribe(sys.argv[1])
        child = os.fork()
        if child == 0:
            sys.exit(0)
        os.waitpid(child, 0)
        print(client.transcribe(sys.argv[1]).text)
    """
    ended = run(code, local_relay, str(jfk))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "heard\n", "")


@pytest.mark.parametrize("source", ["child.stdout", "sys.stdin.buffer", "sys.argv[1]"])
def test_ctrl_c_while_a_pipe_is_silent(local_relay: LocalRelay, tmp_path: Path, source: str) -> None:
    """KeyboardInterrupt comes out at once, and what still waits for the pipe does not hold the interpreter."""
    os.mkfifo(tmp_path / "pipe.mp3")
    code = f"""
        import os, signal, sys, threading
        from subprocess import DEVNULL, PIPE, Popen
        from zhongzhuan_audio import Client
        signal.signal(signal.SIGINT, signal.default_int_handler)
        child = Popen(["sleep", "60"], stdout=PIPE, stderr=DEVNULL)
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            with child:
                try:
                    Client().transcribe({source})
                finally:
                    child.kill()
        except KeyboardInterrupt:
            print("interrupted")
    """
    reading, writing = os.pipe()
    ended = run(code, local_relay, str(tmp_path / "pipe.mp3"), timeout_s=20, stdin=reading)
    os.close(reading)
    os.close(writing)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "interrupted\n", "")


def test_ctrl_c_cancels_the_request(local_relay: LocalRelay, scripted_engine: ScriptedEngine, jfk: Path) -> None:
    """KeyboardInterrupt comes out at once, and the relay sees the client go."""
    scripted_engine.delay_s = 60
    code = """
        import os, signal, sys, threading
        from zhongzhuan_audio import Client
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has it ignored in the background
        client = Client()
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            client.transcribe(sys.argv[1])
        except KeyboardInterrupt:
            print("interrupted")
    """
    started = time.monotonic()
    ended = run(code, local_relay, str(jfk))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "interrupted\n", "")
    assert time.monotonic() - started < 50
    for _ in range(500):
        if local_relay.requests and local_relay.requests[0].gone:
            break
        time.sleep(0.01)
    assert local_relay.requests[0].gone


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
@pytest.mark.parametrize("ending", ["os._exit(0)", "sys.exit(0)"])
def test_it_works_after_a_fork(local_relay: LocalRelay, jfk: Path, ending: str) -> None:
    """In the child it begins anew, in the parent it goes on, and neither hangs however the child ends."""
    code = f"""
        import os, sys
        from zhongzhuan_audio import Client
        client = Client()
        print(client.transcribe(sys.argv[1]).text, flush=True)
        child = os.fork()
        if child == 0:
            print("child:", client.transcribe(sys.argv[1]).text, flush=True)
            {ending}
        _, status = os.waitpid(child, 0)
        print(status, client.transcribe(sys.argv[1]).text, flush=True)
    """
    ended = run(code, local_relay, str(jfk))
    answer = "This is a scripted answer."
    assert ended.stdout.splitlines() == [answer, f"child: {answer}", f"0 {answer}"]
    assert (ended.returncode, ended.stderr) == (0, "")


def test_it_works_in_a_forked_pool(local_relay: LocalRelay, jfk: Path) -> None:
    """Multiprocessing's forked workers share the client of the module."""
    code = """
        import multiprocessing, sys
        from zhongzhuan_audio import Client
        client = Client()
        def work(path):
            return client.transcribe(path).text
        if __name__ == "__main__":
            work(sys.argv[1])
            with multiprocessing.get_context("fork").Pool(2) as pool:
                print(set(pool.map(work, [sys.argv[1]] * 6)))
    """
    ended = run(code, local_relay, str(jfk))
    assert (ended.returncode, ended.stdout) == (0, "{'This is a scripted answer.'}\n"), ended.stderr


def test_a_signal_of_another_kind_does_not_disturb(client: Client, jfk: Path) -> None:
    """A handler that returns lets the call go on."""
    seen: list[int] = []
    old = signal.signal(signal.SIGUSR1, lambda number, _: seen.append(number))
    try:
        threading.Timer(0.0, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        while not seen:
            assert client.transcribe(jfk).text
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert seen == [signal.SIGUSR1]


def test_two_event_loops_share_a_client(client: Client, jfk: Path) -> None:
    """Threads with loops of their own may both call it."""

    async def call() -> str:
        return await asyncio.to_thread(lambda: client.transcribe(jfk).text)

    with ThreadPoolExecutor(2) as pool:
        texts = list(pool.map(lambda _: asyncio.run(call()), range(4)))
    assert texts == ["This is a scripted answer."] * 4
