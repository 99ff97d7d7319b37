"""The library's complaints, in the command's words."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from zhongzhuan_audio.advice import Advice
from zhongzhuan_audio.cli import run
from zhongzhuan_audio.cli.wording import in_options
from zhongzhuan_audio.config import (
    API_KEY_FILE_VARIABLE,
    API_KEY_VARIABLE,
    DEFAULT_BASE_URL,
    KeyFile,
    check_api_key,
    endpoints_from_options,
    normalise_base_url,
)
from zhongzhuan_audio.errors import (
    APIError,
    AuthenticationError,
    ConfigurationError,
    NotFoundError,
    TimedOutError,
    TransportError,
    ZhongzhuanError,
)
from zhongzhuan_audio.protocol.hints import GATEWAY_HINT, hint_for
from zhongzhuan_audio.relay import LocalRelay, ScriptedEngine
from zhongzhuan_audio.relay.weights import NamedWeights
from zhongzhuan_audio.transport import foreign
from zhongzhuan_audio.transport.proxies import parse_proxy

LOCAL = "--local needs none"

_ARGUMENTS = re.compile(r"(?<![-\w])(?:base_url|api_key|model_dir|allow_http|allow_download|trust_env)\b|\w+=|\w\(")


def raised(function: Callable[[], object]) -> ZhongzhuanError:
    """Return the error that a call ends in."""
    with pytest.raises(ZhongzhuanError) as caught:
        function()
    return caught.value


@pytest.mark.parametrize(
    ("call", "begins", "hint"),
    [
        (
            lambda: endpoints_from_options(None, None, environ={}),
            "no API key",
            f"set {API_KEY_VARIABLE} (or {API_KEY_FILE_VARIABLE}), or name its file with --api-key-file; {LOCAL}",
        ),
        (
            lambda: normalise_base_url("http://x.example"),
            "--base-url is plain http",
            "use https://, or --allow-http if you accept that",
        ),
        (
            lambda: normalise_base_url("sk-1"),
            "--base-url is neither https:// nor",
            f"it looks like {DEFAULT_BASE_URL}; a key is given in {API_KEY_VARIABLE} or --api-key-file",
        ),
        (
            lambda: normalise_base_url("https://a:b@x"),
            "--base-url holds a user name",
            f"give the key in {API_KEY_VARIABLE} or --api-key-file",
        ),
        (
            lambda: check_api_key("a b"),
            "--api-key holds a blank",
            "copy the token again, without what stands around it",
        ),
        (
            lambda: NamedWeights("/nope").check(),
            "--model-dir names '/nope'",
            "give the directory of a CTranslate2 Whisper model",
        ),
        (
            lambda: LocalRelay(ScriptedEngine(), host=""),
            "--host is empty",
            "127.0.0.1 is this machine, 0.0.0.0 all of its addresses",
        ),
        (KeyFile("base_url"), "cannot read the key file base_url", None),
    ],
)
def test_settings(call, begins, hint):
    """What is wrong with a setting is told by the option's name, with what a user of the command can do."""
    error = in_options(raised(call))
    assert error.message.startswith(begins)
    assert error.hint == hint


@pytest.mark.parametrize(
    "hint",
    [
        hint_for(AuthenticationError, "", retry_after_s=None),
        hint_for(NotFoundError, "", retry_after_s=None),
        GATEWAY_HINT,
        foreign._REACH,
        foreign._TLS,
        foreign._PROXY_OF_ENV,
        foreign._LONG,
        raised(lambda: parse_proxy("socks5://x:1", from_env=True)).hint,
    ],
)
def test_hints_of_failures(hint):
    """No hint names an argument of Python's, and what is left is a hint."""
    told = in_options(TransportError("no", hint=hint)).hint
    assert not _ARGUMENTS.search(told)
    assert re.fullmatch(r"\w.*\w\)?", told)


def test_what_the_command_has_no_option_for():
    """What cannot be set at a command line is not advised."""
    error = in_options(TimedOutError("no", hint=Advice("raise RetryPolicy.deadline_s")))
    assert error.hint is None
    assert str(error) == "no"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("", "the path is empty — name a file, or - for stdin"),
        ("https://relay.example/a.mp3", "https://relay.example/a.mp3 is an address, not a file — download it first"),
        ("x" * 5000, "the path is too long to be a file's name — name a file, or - for stdin"),
    ],
)
def test_a_recording_that_cannot_be(relay, capsys, path, told):
    """No kinds of Python's are named."""
    assert run(["transcribe", path]) == 1
    assert capsys.readouterr().err.endswith(f"{told}\n")
    assert not relay.requests


def test_the_relays_words_stay():
    """What a relay says is told as it said it."""
    assert in_options(APIError("port 80 of base_url")).message == "port 80 of base_url"
    assert in_options(ConfigurationError("portable")).message == "portable"
