"""Arguments of the relay and its ears that cannot be used: refused when they are given, by name."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.relay import FaultPlan, LocalRelay, ScriptedAnswer, ScriptedEngine, WhisperEngine


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("port", 70_000, "port must be a whole number from 0 to 65535, not 70000"),
        ("port", -1, "port must be a whole number from 0 to 65535, not -1"),
        ("port", "80", "port must be a whole number, not str"),
        ("port", True, "port must be a whole number, not bool"),
        ("port", None, "port must be a whole number, not NoneType"),
        ("host", "", "host is empty"),
        ("host", " ", "host is empty"),
        ("host", "a b", "host holds a blank"),
        ("host", "a\0b", "host holds a blank or a control character"),
        ("host", 5, "host must be a string, not int"),
        ("host", None, "host must be a string, not NoneType"),
        ("max_upload_bytes", 0, "max_upload_bytes must be a whole number of at least 1, not 0"),
        ("max_upload_bytes", 1.5, "max_upload_bytes must be a whole number, not float"),
        ("max_upload_bytes", "1", "max_upload_bytes must be a whole number, not str"),
        ("api_key", 5, "api_key must be a string, not int"),
        ("engine", "你好", "engine must have models and an async transcribe(path, options), unlike str"),
        ("engine", ScriptedEngine, "engine must be an engine, not the class ScriptedEngine"),
        ("engine", object(), "engine must have models"),
        ("faults", "429", "faults must be a list of Fault, not str — parse_faults(...)"),
        ("faults", 429, "faults must be a list of Fault, not int"),
        ("faults", [429], "faults must hold Fault, not int"),
        ("any_format", "yes", "any_format must be a bool, not str"),
    ],
)
def test_wrong_options_of_a_relay(option, value, words):
    """Each wrong value is refused when the relay is made, and the argument is named."""
    with pytest.raises(ConfigurationError) as caught:
        LocalRelay(**{"engine": ScriptedEngine(), option: value})
    assert words in str(caught.value)


def test_a_plan_of_faults_is_taken_as_it_is():
    """A plan that is given stays the caller's, to script later."""
    plan = FaultPlan()
    assert LocalRelay(ScriptedEngine(), faults=plan).faults is plan


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model_dir": 5}, "model_dir must be a path, not int"),
        ({"model_dir": ""}, "model_dir is empty"),
        ({"cpu_threads": -1}, "cpu_threads must be a whole number of at least 0, not -1"),
        ({"cpu_threads": "2"}, "cpu_threads must be a whole number, not str"),
        ({"allow_download": "no"}, "allow_download must be a bool, not str"),
        ({"models": "whisper-1"}, "models must be a list of names, not str"),
    ],
)
def test_wrong_options_of_whisper(options, words):
    """Ears that cannot be made are refused, whichever way they are asked for."""
    with pytest.raises(ConfigurationError) as caught:
        WhisperEngine(**options)
    assert words in str(caught.value)
    if "model_dir" in options:
        with pytest.raises(ConfigurationError, match="model_dir"):
            LocalRelay(**options)


@pytest.mark.parametrize(
    ("answer", "options", "words"),
    [
        ("ok", {"delay_s": -1}, "delay_s must be a number of at least 0, not -1"),
        ("ok", {"delay_s": math.nan}, "delay_s must be a number of at least 0, not nan"),
        ("ok", {"delay_s": "1"}, "delay_s must be a number, not str"),
        ("ok", {"models": "whisper-1"}, "models must be a list of names, not str"),
        ("ok", {"models": ()}, "models must be a list of names, none of them empty"),
        ("ok", {"models": ("a", 5)}, "models must be a list of names, none of them empty"),
        ("ok", {"models": 5}, "models must be a list of names, not int"),
        (5, {}, "exception or function, not int"),
        (["ok", None], {}, "exception or function, not NoneType"),
        (ConnectionError, {}, "exception or function, not the class ConnectionError"),
        ([], {}, "a script needs an answer"),
    ],
)
def test_wrong_options_of_a_script(answer, options, words):
    """A script that cannot be followed is refused before any request."""
    with pytest.raises(ConfigurationError) as caught:
        ScriptedEngine(answer, **options)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("200",), "status must be a whole number, not str"),
        ((20,), "status must be a whole number from 100 to 999, not 20"),
        ((200, 5), "body must be str or bytes, not int"),
        ((200, "", "X-A: 1"), "headers must be a mapping of strings, not str"),
    ],
)
def test_wrong_scripted_answers(arguments, words):
    """An answer that cannot be sent is refused when it is made."""
    with pytest.raises(ConfigurationError) as caught:
        ScriptedAnswer(*arguments)
    assert words in str(caught.value)


def test_good_values_are_taken():
    """The ends of each range, and what is nearly wrong, are fine."""
    LocalRelay(ScriptedEngine(), port=65_535, host="::", max_upload_bytes=1, faults=iter(()))
    ScriptedEngine(["a", ValueError("b"), lambda _: "c"], delay_s=0, models=["m"])
    WhisperEngine(Path("nowhere"), cpu_threads=1)
