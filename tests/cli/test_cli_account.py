"""``models`` and ``balance``."""

from __future__ import annotations

import json

import pytest
from aiohttp import web

from zhongzhuan_audio.cli import run

MODELS = {
    "data": [
        {"id": "whisper-1", "created": 1_700_000_000, "owned_by": "openai", "supported_endpoint_types": ["openai"]},
        {"id": "模型\x1b[31m"},
    ]
}
TOKEN = {
    "code": True,
    "data": {
        "name": "字幕",
        "total_granted": 10_000_000,
        "total_used": 3_830_000,
        "total_available": 6_170_000,
        "expires_at": 1_900_000_000,
        "model_limits_enabled": True,
        "model_limits": {"whisper-1": True},
    },
}


@pytest.fixture
def account(serve_app):
    """Return a function that serves these answers by path, and 404 for what is not among them."""

    def account(answers):
        async def answer(request):
            found = answers.get(request.path)
            return web.Response(status=404) if found is None else web.json_response(found)

        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        return serve_app(app)

    return account


def test_models_are_listed_one_a_line(account, capsysbinary):
    """A name that would command the terminal is shown with escapes."""
    account({"/v1/models": MODELS})
    assert run(["models"]) == 0
    assert capsysbinary.readouterr() == ("whisper-1\n模型\\x1b[31m\n".encode(), b"")


def test_models_as_json(account, capsysbinary):
    """Programs get what the relay tells of each model."""
    account({"/v1/models": MODELS})
    assert run(["models", "--json"]) == 0
    first, second = json.loads(capsysbinary.readouterr().out)
    assert first == {
        "id": "whisper-1",
        "created": "2023-11-14T22:13:20+00:00",
        "owned_by": "openai",
        "supported_endpoint_types": ["openai"],
    }
    assert second["created"] is None


@pytest.mark.parametrize("command", ["models", "balance"])
def test_a_relay_that_has_neither(account, capsys, command):
    """The failure is one line, with what to do in the command's own words."""
    account({})
    assert run([command]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("zhongzhuan-audio: ")
    assert "check --base-url" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", ["models", "balance"])
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "no API key"),
        (["--base-url", "ftp://x"], "neither https:// nor http://"),
        (["--api-key-file", "missing.key"], "cannot read the key file missing.key"),
        (["--local", "--base-url", "https://x"], "--local asks no relay"),
    ],
)
def test_wrong_settings_are_wrong_usage(folder, capsys, monkeypatch, command, options, complaint):
    """They end with 2 and one line."""
    if options:
        monkeypatch.setenv("ZHONGZHUAN_API_KEY", "sk-1")
    assert run([command, *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in err
    assert err.count("\n") == 1


def test_a_balance_in_words(account, capsys):
    """What is left comes first; what the relay does not tell is left out."""
    account({"/api/usage/token/": TOKEN})
    assert run(["balance"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "12.34 USD left",
        "granted: 20.00 USD",
        "used: 7.66 USD",
        "expires: 2030-03-17 17:46 UTC",
        "name: 字幕",
        "only for: whisper-1",
    ]


@pytest.mark.parametrize(
    ("answers", "line"),
    [
        (
            {
                "/api/usage/token/": {"data": {"unlimited_quota": True}},
                "/v1/dashboard/billing/subscription": {"hard_limit_usd": 20},
                "/v1/dashboard/billing/usage": {"total_usage": 500},
            },
            "the key has no limit; its account has 15.00 USD left",
        ),
        ({"/v1/dashboard/billing/subscription": {"hard_limit_usd": 100_000_000}}, "the key has no limit"),
        (
            {"/v1/dashboard/billing/subscription": {"hard_limit_usd": 20}},
            "the relay does not tell what is left",
        ),
    ],
)
def test_a_balance_of_other_kinds(account, capsys, answers, line):
    """No limit is not a number, and what is not told is not zero."""
    account(answers)
    assert run(["balance"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == line


def test_a_balance_as_json(account, capsysbinary):
    """Programs get numbers, and null where nothing is told."""
    account({"/api/usage/token/": TOKEN})
    assert run(["balance", "--json"]) == 0
    assert json.loads(capsysbinary.readouterr().out) == {
        "total": 20.0,
        "used": 7.66,
        "remaining": 12.34,
        "unlimited": False,
        "expires_at": "2030-03-17T17:46:40+00:00",
        "name": "字幕",
        "models": ["whisper-1"],
    }


def test_verbose_tells_what_is_asked_and_not_the_key(account, capsys, monkeypatch):
    """The log is on stderr, stdout has the answer alone."""
    account({"/v1/models": MODELS})
    monkeypatch.setenv("ZHONGZHUAN_API_KEY", "sk-secret-9876543210")
    assert run(["models", "--verbose"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("whisper-1\n")
    assert "status=200" in err
    assert "9876543210" not in err


@pytest.mark.real_model
def test_local_models(capsys):
    """The embedded relay tells what it answers to."""
    assert run(["models", "--local"]) == 0
    assert "whisper-1\n" in capsys.readouterr().out


def test_stdout_that_takes_nothing(account, command):
    """A full disk is a failure, and said so; a reader that has gone is one in silence."""
    account({"/v1/models": MODELS})
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = command("models", stdout=full)
    assert done.returncode == 1
    assert done.stderr == b"cannot write to stdout: No space left on device\n"
