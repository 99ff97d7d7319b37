"""``doctor`` as a whole, against servers on loopback."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import socket
import ssl
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import trustme
from aiohttp import web

from zhongzhuan_audio.cli import run

KEY = "sk-very-secret-0123456789"
PAGE = "<!doctype html><html><head><title>New API</title></head><body></body></html>"


def refused(status, message="无效的令牌", **facts):
    """Return what answers with a refusal, as new-api words it."""
    return lambda: web.json_response({"error": {"message": message, "type": "new_api_error", **facts}}, status=status)


def page(status=200):
    """Return what answers with a web page."""
    return lambda: web.Response(text=PAGE, status=status, content_type="text/html")


def test_a_healthy_relay(clinic, serve_app, examined):
    """Every row is good, the exit code is 0, and nothing that costs was asked for."""
    url = serve_app(clinic.app())
    code, rows = examined()
    assert code == 0
    states = {name: row["state"] for name, row in rows.items() if row["endpoint"]}
    assert states == {
        "proxy": "ok",
        "address": "ok",
        "TLS": "skip",
        "/v1": "ok",
        "key": "ok",
        "models": "ok",
        "balance": "ok",
        "clock": "ok",
        "test": "skip",
    }
    assert rows["address"]["detail"].startswith(f"reached at {url.removeprefix('http://')} in ")
    assert rows["TLS"]["detail"] == "not https, on this machine"
    assert rows["models"]["detail"] == "gpt-4o-transcribe, whisper-1 (of 3 listed)"
    assert rows["balance"]["detail"] == "5.00 USD left"
    assert "--paid" in rows["test"]["detail"]
    assert {path for path, _ in clinic.requests} == {
        "/v1/models",
        "/api/usage/token/",
        "/v1/dashboard/billing/subscription",
        "/v1/dashboard/billing/usage",
    }


def test_what_is_here_is_told(clinic, serve_app, examined):
    """The versions, and each extra with what it is for."""
    serve_app(clinic.app())
    _, rows = examined()
    assert "Python" in rows["version"]["detail"]
    extras = ["[cli]", "[media]", "[zh]", "[local]", "[voice]", "[notebook]", "[speed]"]
    assert [name for name in rows if name.startswith("[")] == extras
    assert rows["[cli]"]["state"] == "ok"
    assert "cyclopts" in rows["[cli]"]["detail"]


def test_nobody_listens(examined, unused_tcp_port, monkeypatch):
    """The address is the failure, and what depends on it is skipped."""
    monkeypatch.setenv("ZHONGZHUAN_BASE_URL", f"http://127.0.0.1:{unused_tcp_port}")
    monkeypatch.setenv("ZHONGZHUAN_API_KEY", KEY)
    code, rows = examined()
    assert code == 1
    assert rows["address"]["detail"] == "no connection to 127.0.0.1: Connection refused"
    assert rows["address"]["hint"]
    assert [name for name, row in rows.items() if row["state"] == "fail"] == ["address"]
    assert rows["/v1"]["detail"] == "not reached"


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (page(), "the relay answered with a web page (New API), not with an answer of its API"),
        (page(404), "a web page: New API (status 404)"),
        (None, "Invalid URL (GET /v1/models) (status 404)"),
        ({"object": "list"}, "status 200 and an answer that lists no models"),
    ],
)
def test_a_wrong_address_is_recognised(clinic, serve_app, examined, answer, detail):
    """A web site, or another path, is no API; the row shows what an address looks like."""
    clinic.answers = {"/v1/models": answer}
    serve_app(clinic.app())
    code, rows = examined()
    assert code == 1
    assert (rows["/v1"]["state"], rows["/v1"]["detail"]) == ("fail", detail)
    assert "https://api.zhongzhuan.chat/v1" in rows["/v1"]["hint"]
    assert rows["key"]["state"] == "skip"


@pytest.mark.parametrize("answer", [page(502), refused(500, "database is locked")])
def test_a_relay_out_of_order(clinic, serve_app, examined, answer):
    """It is there, and fails; the address is not blamed."""
    clinic.answers["/v1/models"] = answer
    serve_app(clinic.app())
    code, rows = examined()
    assert code == 1
    assert rows["/v1"]["state"] == "fail"
    assert "api.zhongzhuan.chat" not in rows["/v1"]["hint"]


@pytest.mark.parametrize(
    ("answer", "detail", "hint"),
    [
        (refused(401), "无效的令牌 (status 401)", "check the key"),
        (refused(403, "该令牌无权访问"), "该令牌无权访问 (status 403)", "token's settings"),
    ],
)
def test_a_refused_key(clinic, serve_app, examined, answer, detail, hint):
    """The API is found, the key is the failure, with what the relay says of it."""
    clinic.answers = dict.fromkeys(clinic.answers, answer)
    serve_app(clinic.app())
    code, rows = examined()
    assert code == 1
    assert rows["/v1"]["state"] == "ok"
    assert (rows["key"]["state"], rows["key"]["detail"]) == ("fail", detail)
    assert hint in rows["key"]["hint"]
    assert [rows[name]["state"] for name in ("models", "balance")] == ["skip", "skip"]


def test_no_key_is_a_row(clinic, serve_app, examined, monkeypatch):
    """The others are looked at as far as they can be, and the relay is asked with no key of anybody's."""
    clinic.answers["/v1/models"] = refused(401)
    serve_app(clinic.app())
    monkeypatch.delenv("ZHONGZHUAN_API_KEY")
    code, rows = examined("--paid")
    assert code == 1
    assert (rows["key"]["state"], rows["key"]["detail"]) == ("fail", "no API key")
    assert rows["key"]["hint"].startswith("set ZHONGZHUAN_API_KEY (or ZHONGZHUAN_API_KEY_FILE)")
    assert "--local" not in rows["key"]["hint"]
    assert [rows[name]["state"] for name in ("address", "/v1", "clock")] == ["ok"] * 3
    assert rows["test"]["state"] == "skip"
    assert clinic.requests == [("/v1/models", "Bearer no-key")]


@pytest.mark.parametrize("options", [[], ["--api-key-file", "key"]])
def test_a_key_file_that_is_missing_is_a_row(clinic, serve_app, examined, folder, monkeypatch, options):
    """Named by the option or by the variable."""
    serve_app(clinic.app())
    monkeypatch.setenv("ZHONGZHUAN_API_KEY_FILE", "key")
    code, rows = examined(*options)
    assert code == 1
    assert rows["key"]["detail"] == "cannot read the key file key: No such file or directory"


def test_a_key_that_cannot_be_one_is_a_row(clinic, serve_app, examined, monkeypatch):
    """And it is not shown."""
    serve_app(clinic.app())
    monkeypatch.setenv("ZHONGZHUAN_API_KEY", '"sk-quoted-0123456789"')
    code, rows = examined()
    assert code == 1
    assert rows["key"]["detail"] == "ZHONGZHUAN_API_KEY stands in quotes"
    assert "quoted" not in json.dumps(rows).replace("in quotes", "")


def test_the_key_comes_from_a_file(clinic, serve_app, examined, folder, monkeypatch):
    """``--api-key-file`` wins over the variable."""
    (folder / "key").write_text("sk-from-the-file\n")
    serve_app(clinic.app())
    assert examined("--api-key-file", "key")[0] == 0
    assert {key for _, key in clinic.requests} == {"Bearer sk-from-the-file"}


@pytest.mark.parametrize(
    ("names", "state", "detail"),
    [
        (["gpt-4o", "tts-1"], "fail", "none of 2 listed can transcribe, by their names"),
        ([], "fail", "none of 0 listed can transcribe, by their names"),
        (["FunAudioLLM/SenseVoiceSmall"], "ok", "FunAudioLLM/SenseVoiceSmall (of 1 listed)"),
    ],
)
def test_models(clinic, serve_app, examined, names, state, detail):
    """One of them must be able to transcribe."""
    clinic.answers["/v1/models"] = {"data": [{"id": name} for name in names]}
    serve_app(clinic.app())
    code, rows = examined()
    assert code == (state == "fail")
    assert (rows["models"]["state"], rows["models"]["detail"]) == (state, detail)
    if state == "fail":
        assert rows["models"]["hint"].startswith("enable one for the token")


@pytest.mark.parametrize(("dollars", "state"), [(5, "ok"), (0.5, "warn"), (0, "fail"), (-1, "fail")])
def test_a_balance(clinic, serve_app, examined, dollars, state):
    """Little is a warning, nothing a failure."""
    clinic.answers["/api/usage/token/"] = {"data": {"total_available": dollars * 500_000}}
    serve_app(clinic.app())
    code, rows = examined()
    assert code == (state == "fail")
    assert (rows["balance"]["state"], rows["balance"]["detail"]) == (state, f"{dollars:.2f} USD left")


@pytest.mark.parametrize(
    ("hours", "state", "detail"),
    [
        (0, "ok", "as the relay's"),
        (-0.05, "ok", "3 min ahead of the relay's"),
        (3.005, "warn", "3 h behind the relay's"),
        (-49, "warn", "2 d 1 h ahead of the relay's"),
    ],
)
def test_a_clock(clinic, serve_app, examined, hours, state, detail):
    """More than five minutes apart is a warning, and no failure."""
    clinic.headers["Date"] = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    serve_app(clinic.app())
    code, rows = examined()
    assert code == 0
    assert (rows["clock"]["state"], rows["clock"]["detail"]) == (state, detail)
    assert bool(rows["clock"]["hint"]) == (state == "warn")


def test_paid_transcribes_a_second(clinic, serve_app, examined):
    """With whisper-1 where it is there; how long it took is told, and that it may cost."""
    serve_app(clinic.app())
    code, rows = examined("--paid")
    assert code == 0
    assert rows["test"]["state"] == "ok"
    assert rows["test"]["detail"].startswith("whisper-1 answered in 0.")
    assert rows["test"]["detail"].endswith("it may have cost a fraction of a cent")
    (body,) = [
        body for (path, _), body in zip(clinic.requests, clinic.bodies, strict=True) if path.endswith("transcriptions")
    ]
    assert 32_000 < len(body) < 33_000
    assert b"RIFF" in body


def test_paid_tells_what_fails(clinic, serve_app, examined):
    """Everything else may look well: this is what the money is for."""
    clinic.answers["/v1/audio/transcriptions"] = refused(503, "当前分组 default 下对于模型 whisper-1 无可用渠道")
    serve_app(clinic.app())
    code, rows = examined("--paid")
    assert code == 1
    assert rows["test"]["state"] == "fail"
    assert "whisper-1" in rows["test"]["detail"]
    assert rows["test"]["hint"]


def test_paid_without_a_model_tries_nothing(clinic, serve_app, examined):
    """There is none to try."""
    clinic.answers["/v1/models"] = {"data": []}
    serve_app(clinic.app())
    _, rows = examined("--paid")
    assert rows["test"]["state"] == "skip"


@pytest.fixture
def authority(tmp_path):
    """A private authority, and the path of its certificate."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return authority


def secured(authority, *names, **options):
    """Return a server's TLS context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **options).configure_cert(context)
    return context


def test_tls_that_is_trusted(clinic, serve_app, examined, authority, tmp_path, monkeypatch):
    """Its version and the day on which the certificate ends are told."""
    ends = datetime.now(UTC) + timedelta(days=40, hours=1)
    serve_app(clinic.app(), secured(authority, "127.0.0.1", not_after=ends))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    code, rows = examined()
    assert code == 0
    assert rows["TLS"]["state"] == "ok"
    assert rows["TLS"]["detail"] == f"TLSv1.3, certificate good until {ends:%Y-%m-%d} (40 days)"


def test_tls_that_ends_soon(clinic, serve_app, examined, authority, tmp_path, monkeypatch):
    """It is a warning while it still works."""
    serve_app(clinic.app(), secured(authority, "127.0.0.1", not_after=datetime.now(UTC) + timedelta(days=2)))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    code, rows = examined()
    assert (code, rows["TLS"]["state"]) == (0, "warn")
    assert "operator" in rows["TLS"]["hint"]


def test_tls_that_is_not_trusted(clinic, serve_app, examined, authority):
    """The certificate's fault is named, and SSL_CERT_FILE; the key went nowhere."""
    serve_app(clinic.app(), secured(authority, "127.0.0.1"))
    code, rows = examined()
    assert code == 1
    assert rows["address"]["state"] == "ok"
    assert (rows["TLS"]["state"], rows["/v1"]["state"]) == ("fail", "skip")
    assert "unable to get local issuer certificate" in rows["TLS"]["detail"]
    assert "SSL_CERT_FILE" in rows["TLS"]["hint"]
    assert clinic.requests == []


def test_tls_that_has_ended(clinic, serve_app, examined, authority, tmp_path, monkeypatch):
    """It has expired, or this machine's clock is wrong."""
    long_ago = datetime.now(UTC) - timedelta(days=9)
    tls = secured(authority, "127.0.0.1", not_before=long_ago, not_after=long_ago + timedelta(days=8))
    serve_app(clinic.app(), tls)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    code, rows = examined()
    assert code == 1
    assert rows["TLS"]["detail"] == "no TLS with 127.0.0.1: certificate has expired"
    assert "clock" in rows["TLS"]["hint"]


def test_https_where_there_is_none(clinic, serve_app, examined, monkeypatch):
    """A port that speaks plain http is told as such."""
    url = serve_app(clinic.app())
    code, rows = examined("--base-url", url.replace("http:", "https:"))
    assert code == 1
    assert rows["TLS"]["detail"] == "no TLS with 127.0.0.1: what answers there does not speak it"


def test_an_authority_that_cannot_be_read(clinic, serve_app, examined, authority, monkeypatch):
    """SSL_CERT_FILE is named."""
    serve_app(clinic.app(), secured(authority, "127.0.0.1"))
    monkeypatch.setenv("SSL_CERT_FILE", "missing.pem")
    code, rows = examined()
    assert code == 1
    assert rows["address"]["detail"].startswith("SSL_CERT_FILE names missing.pem, which cannot be used")


def test_through_a_proxy(clinic, serve_app, examined, authority, tunnel, tmp_path, monkeypatch):
    """The way leads through it, the certificate is the relay's, and the proxy's password is not shown."""
    url = serve_app(clinic.app(), secured(authority, "relay.test"))
    tunnel.target = int(url.rpartition(":")[2])
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:pa55word@127.0.0.1:{tunnel.port}")
    code, rows = examined("--base-url", "https://relay.test")
    assert code == 0
    assert rows["proxy"]["detail"] == f"http://127.0.0.1:{tunnel.port}, from HTTPS_PROXY"
    assert rows["address"]["detail"].startswith(f"reached through the proxy at 127.0.0.1:{tunnel.port} in ")
    assert rows["TLS"]["state"] == "ok"
    assert "pa55word" not in json.dumps(rows)
    assert all(b"CONNECT relay.test:443 HTTP/1.1\r\n" in head for head in tunnel.heads)
    assert all(b"Proxy-Authorization: Basic " in head for head in tunnel.heads)


def test_a_proxy_that_refuses(examined, tunnel, monkeypatch):
    """It is named, with its status."""
    tunnel.status = b"407 Proxy Authentication Required"
    monkeypatch.setenv("ZHONGZHUAN_API_KEY", KEY)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{tunnel.port}")
    code, rows = examined("--base-url", "https://relay.test")
    assert code == 1
    proxy = f"the proxy http://127.0.0.1:{tunnel.port}"
    assert rows["address"]["detail"] == f"{proxy} does not lead to relay.test (status 407)"
    assert rows["address"]["hint"] == "check that the proxy runs and lets you through"


def test_a_proxy_that_cannot_be_used(examined, monkeypatch):
    """SOCKS is none that aiohttp speaks: this row is the failure, and nothing is tried."""
    monkeypatch.setenv("ZHONGZHUAN_API_KEY", KEY)
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1080")
    code, rows = examined("--base-url", "https://relay.test")
    assert code == 1
    assert rows["proxy"]["state"] == "fail"
    assert "SOCKS" in rows["proxy"]["detail"]
    assert [rows[name]["state"] for name in ("address", "TLS", "/v1")] == ["skip"] * 3


def test_several_endpoints_have_rows_each(clinic, serve_app, capsys, monkeypatch, unused_tcp_port):
    """In their order; one that is dead makes the exit code 1."""
    url = serve_app(clinic.app())
    dead = f"http://127.0.0.1:{unused_tcp_port}"
    monkeypatch.setenv("ZHONGZHUAN_BASE_URL", f"{url},{dead}")
    assert run(["doctor", "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["endpoint"] for row in rows if row["check"] == "address"] == [f"{url}/v1", f"{dead}/v1"]
    assert [row["state"] for row in rows if row["check"] == "address"] == ["ok", "fail"]


def test_keys_that_do_not_match_the_addresses_are_rows(clinic, serve_app, capsys, monkeypatch):
    """Neither address gets a key that may not be meant for it."""
    url = serve_app(clinic.app())
    monkeypatch.setenv("ZHONGZHUAN_BASE_URL", f"{url},{url}/x,{url}/y")
    monkeypatch.setenv("ZHONGZHUAN_API_KEY", "sk-first-key,sk-second-key")
    assert run(["doctor", "--json"]) == 1
    rows = [row for row in json.loads(capsys.readouterr().out)["rows"] if row["check"] == "key"]
    assert [row["state"] for row in rows] == ["fail"] * 3
    assert {key for _, key in clinic.requests} == {"Bearer no-key"}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--base-url", "ftp://x"], "--base-url is neither https:// nor http://"),
        (["--base-url", "http://relay.example"], "is plain http to another machine"),
        (["--local"], "Unknown option: --local"),
    ],
)
def test_wrong_usage(capsys, options, complaint):
    """What cannot be looked at ends with 2."""
    assert run(["doctor", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in err


def test_a_wrong_variable_is_named(capsys, monkeypatch):
    """The complaint names it, and not an option."""
    monkeypatch.setenv("ZHONGZHUAN_BASE_URL", "relay.example")
    assert run(["doctor"]) == 2
    assert "ZHONGZHUAN_BASE_URL is neither https:// nor http://" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "gbk"])
def test_plain_lines_are_utf8(clinic, serve_app, command, encoding):
    """Where stdout is no terminal the table is aligned lines, in UTF-8 whatever the console's code page is."""
    clinic.answers = dict.fromkeys(clinic.answers, refused(401))
    serve_app(clinic.app())
    done = command("doctor", env={"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (1, b"")
    lines = done.stdout.decode().splitlines()
    assert "  fail  key         无效的令牌 (status 401)" in lines
    assert lines[lines.index("  fail  key         无效的令牌 (status 401)") + 1].startswith(
        " " * 20 + "to do: check the key"
    )


@pytest.mark.skipif(os.name != "posix", reason="terminals as POSIX has them")
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_terminal_gets_a_table(clinic, serve_app, start, encoding):
    """Drawn, with the states in colour, on consoles that have nothing but ASCII too."""
    clinic.answers["/v1/models"] = page()
    serve_app(clinic.app())
    ours, theirs = pty.openpty()
    process = start("doctor", stdout=theirs, env={"TERM": "xterm", "COLUMNS": "90", "PYTHONIOENCODING": encoding})
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # the end of a terminal
        pass
    os.close(ours)
    assert process.communicate()[1] == b""
    assert process.returncode == 1
    assert b"\x1b[1;31mfail" in shown
    assert b"to do: the address is not that of the relay's API" in shown
    assert ("│" if encoding == "utf-8" else "|").encode() in shown


def test_a_terminal_that_takes_nothing(clinic, serve_app, monkeypatch, capsys):
    """It is a failure, and said so."""

    class Gone(io.StringIO):
        def isatty(self):
            return True

        def write(self, _):
            raise OSError(5, "Input/output error")

    serve_app(clinic.app())
    monkeypatch.setattr(sys, "stdout", Gone())
    assert run(["doctor"]) == 1
    assert capsys.readouterr().err == "cannot write to stdout: Input/output error\n"


@pytest.mark.parametrize("wrong", ["", "x"])
def test_the_key_is_never_shown(clinic, serve_app, command, wrong):
    """Not in the table, not in the log, not where the relay repeats it."""
    key = f"{KEY}{wrong}"
    if wrong:
        clinic.answers = dict.fromkeys(clinic.answers, refused(401, f"无效的令牌 {key}"))
    serve_app(clinic.app())
    done = command("doctor", "--verbose", "--paid", env={"ZHONGZHUAN_API_KEY": key})
    assert done.returncode == bool(wrong)
    assert b"AttemptEnded" in done.stderr
    assert b"0123456789" not in done.stdout + done.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it(start, number, code):
    """While a relay says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = start("doctor", "--base-url", url, env={"ZHONGZHUAN_API_KEY": KEY})
        silent.accept()[0].close()
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (code, b"", b"zhongzhuan-audio: interrupted\n")
