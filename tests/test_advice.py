"""Hints in two tellings, and that none of Python's reaches the command line."""

from __future__ import annotations

import ast
import copy
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import zhongzhuan_audio
from zhongzhuan_audio.advice import Advice, for_the_command, with_more
from zhongzhuan_audio.errors import ConfigurationError

PACKAGE = Path(zhongzhuan_audio.__file__).parent
PYTHONS = re.compile(
    r"\w=|\w\(|[a-z]_[a-z]|\b(?:Timeouts|RetryPolicy|Limits|Client|Async\w+|Endpoint|None|bytes|argument|mode|await|seek)\b"
)
# Hints of what the command does not reach: it makes no such call, or gives no such argument.
OUT_OF_REACH = {
    "batch/budget.py",
    "core.py",
    "models/transcription.py",
    "options.py",
    "protocol/anything.py",
    "protocol/form.py",
    "protocol/request.py",
    "protocol/speech.py",
    "relay/app.py",
    "relay/checks.py",
    "relay/custom.py",
    "relay/faults.py",
    "relay/faultspec.py",  # it speaks of `--faults`
    "speech.py",
    "transport/session.py",
    "upload/objects.py",
    "upload/readers.py",
    "upload/references.py",
}
NOT_PYTHONS = {
    "convert it with ct2-transformers-converter --copy_files tokenizer.json preprocessor_config.json",
    "--channels left=agent,right=customer, or split",
}
WHERE_FILES_ARE_OBJECTS = {
    "file as a tuple must be (name, bytes)",
    "open it with mode 'rb'",
    "seek(0) first, to send it again",
    "give bytes",
}


def hints() -> Iterator[tuple[str, str]]:
    """Yield each string that the command may show as a hint, and its module: plain ones, and the command's own."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            values = []
            if (isinstance(node, ast.keyword) and node.arg in {"hint", "command"}) or (
                isinstance(node, ast.Assign) and "HINT" in ast.unparse(node.targets[0]).upper()
            ):
                values = [node.value]
            while values:
                value = values.pop()
                if isinstance(value, ast.Call):
                    continue  # an Advice, which has another telling
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield path.relative_to(PACKAGE).as_posix(), value.value
                values += [each for each in ast.iter_child_nodes(value) if not isinstance(each, ast.FormattedValue)]


def test_no_plain_hint_speaks_python() -> None:
    """What the command may show and names an argument, a class or a kind of object has another telling."""
    found = list(hints())
    assert ("upload/opening.py", "give a file") in found
    assert ("upload/opening.py", "seek(0) first, to send it again") in found
    spoken = [
        f"{module}: {hint}"
        for module, hint in found
        if PYTHONS.search(hint) and module not in OUT_OF_REACH and hint not in NOT_PYTHONS | WHERE_FILES_ARE_OBJECTS
    ]
    assert spoken == []


def test_a_hint_is_a_string_with_another_telling() -> None:
    """Whoever does not ask sees the one for Python."""
    advice = Advice("pass ssl=", command="set SSL_CERT_FILE")
    assert advice == "pass ssl="
    assert str(ConfigurationError("no TLS", hint=advice)) == "no TLS — pass ssl="
    assert for_the_command(advice) == "set SSL_CERT_FILE"
    assert for_the_command(Advice("raise Timeouts.attempt_s")) is None
    assert for_the_command("check the path") == "check the path"
    assert for_the_command(None) is None


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_both_tellings_survive_a_pickle_and_a_copy(protocol: int) -> None:
    """An error may come from another process."""
    error = ConfigurationError("no", hint=Advice("one", command="other"))
    for twin in (pickle.loads(pickle.dumps(error, protocol)), copy.deepcopy(error)):  # noqa: S301 - our own bytes
        assert (twin.hint, for_the_command(twin.hint)) == ("one", "other")


@pytest.mark.parametrize(
    ("hint", "python", "command"),
    [
        (None, "not tried again", "not tried again"),
        ("wait", "wait; not tried again", "wait; not tried again"),
        (Advice("a=", command="--a"), "a=; not tried again", "--a; not tried again"),
        (Advice("a="), "a=; not tried again", "not tried again"),
    ],
)
def test_more_is_told_in_both(hint: str | None, python: str, command: str) -> None:
    """What is added stands behind either telling, or alone."""
    told = with_more(hint, "not tried again")
    assert told == python
    assert for_the_command(told) == command
