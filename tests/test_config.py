"""Addresses, keys and limits: one form for what means the same, a refusal for what cannot work, no secret told."""

from __future__ import annotations

import copy
import math
import os
import pickle
import re
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from yarl import URL

from zhongzhuan_audio.config import (
    DEFAULT_BASE_URL,
    Endpoint,
    KeyFile,
    Limits,
    RetryPolicy,
    Secret,
    Timeouts,
    check_api_key,
    endpoints_from_options,
    is_loopback,
    normalise_base_url,
)
from zhongzhuan_audio.errors import ConfigurationError

KEY = "sk-abcDEF0123456789"


def the_endpoint(base_url: str | None, api_key: Any, **options: Any) -> Endpoint:
    """Return the only endpoint that arguments and variables give."""
    (endpoint,) = endpoints_from_options(base_url, api_key, **options)
    return endpoint


PATHS = st.lists(
    st.sampled_from(["v1", "V1", "v1beta", "v3", "api", "openai", "audio", "Audio", "transcriptions", "speech", "chat"])
    | st.sampled_from(["completions", "models", "v2ray", "中文", "%E4%B8%AD", "", ".", ".."]),
    max_size=7,
).map("/".join)
ADDRESSES = st.builds(
    "{}://{}{}/{}".format,
    st.sampled_from(["https", "HTTPS", "http", "ftp"]),
    st.sampled_from(["relay.example", "RELAY.example", "localhost", "127.0.0.1", "[::1]", "中转.chat", "a..b", "-"])
    | st.from_regex(r"[\w.%-]{1,20}", fullmatch=True),
    st.sampled_from(["", ":", ":80", ":443", ":8443", ":0", ":65536", ":x"]),
    PATHS,
)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.zhongzhuan.chat",
        "https://api.zhongzhuan.chat/",
        "https://api.zhongzhuan.chat/v1",
        "https://api.zhongzhuan.chat/v1/",
        "https://api.zhongzhuan.chat//v1//",
        "https://api.zhongzhuan.chat/v1/v1",
        "https://api.zhongzhuan.chat/v1/V1/",
        "https://api.zhongzhuan.chat/v1/audio/transcriptions",
        "https://api.zhongzhuan.chat/v1/audio/transcriptions/",
        "https://api.zhongzhuan.chat/v1/audio/translations",
        "https://api.zhongzhuan.chat/v1/audio/speech",
        "https://api.zhongzhuan.chat/v1/Audio/Transcriptions",
        "https://api.zhongzhuan.chat/v1/audio",
        "https://api.zhongzhuan.chat/audio/transcriptions",
        "https://api.zhongzhuan.chat/v1/v1/audio/transcriptions",
        "https://api.zhongzhuan.chat/v1/audio/transcriptions/v1/audio/transcriptions",
        "https://api.zhongzhuan.chat/v1/chat/completions",
        "https://api.zhongzhuan.chat/v1/models",
        "  https://api.zhongzhuan.chat/v1\n",
        "HTTPS://API.ZhongZhuan.Chat:443/V1",
        "https://api.zhongzhuan.chat:/v1",
        "https://api.zhongzhuan.chat/v1?",
        "https://api。zhongzhuan。chat/v1",
        "https://ａｐｉ.zhongzhuan.chat/v1",
    ],
)
def test_every_way_to_write_the_default_address_gives_one_form(url: str) -> None:
    """Slashes, versions, pasted endpoints, case, default ports and full-width letters make no difference."""
    assert normalise_base_url(url) == DEFAULT_BASE_URL


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://relay.example/api/v3", "https://relay.example/api/v3"),
        ("https://relay.example/api/v3/audio/transcriptions", "https://relay.example/api/v3"),
        ("https://relay.example/proxy", "https://relay.example/proxy/v1"),
        ("https://relay.example/v1beta/openai/", "https://relay.example/v1beta/openai"),
        ("https://relay.example/v1/v1/openai", "https://relay.example/v1/openai"),
        ("https://relay.example/v2ray", "https://relay.example/v2ray/v1"),
        ("https://relay.example/openai/audio/transcriptions", "https://relay.example/openai/v1"),
        ("https://relay.example/a/a", "https://relay.example/a/a/v1"),
        ("https://relay.example:8443", "https://relay.example:8443/v1"),
        ("https://relay.example:80", "https://relay.example:80/v1"),
        ("http://localhost:80", "http://localhost/v1"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
        ("http://[0:0:0:0:0:0:0:1]", "http://[::1]/v1"),
        ("https://[2001:DB8::1]:443/v1", "https://[2001:db8::1]/v1"),
        ("https://中转.chat/中文", "https://中转.chat/中文/v1"),
        ("https://relay_1.example", "https://relay_1.example/v1"),
    ],
)
def test_what_an_address_has_of_its_own_is_kept(url: str, normal: str) -> None:
    """A port, a path before the version, another version, an IPv6 address and an international name survive."""
    assert normalise_base_url(url) == normal


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://x", "neither https:// nor http://"),
        ("api.zhongzhuan.chat/v1", "neither https:// nor http://"),
        ("localhost:8000", "neither https:// nor http://"),
        ("https：//relay.example", "neither https:// nor http://"),
        ("/v1", "neither https:// nor http://"),
        ("", "empty"),
        (" \n", "empty"),
        ("https://relay .example", "blank"),
        ("https://relay.example/v1\nX-Evil: 1", "blank"),
        ("https://relay.example\u200b/v1", "control character"),
        ("https://", "no host"),
        ("https:///v1", "no host"),
        ("https://:8000/v1", "no host"),
        ("https://relay:http/v1", "no port"),
        ("https://relay:+80/v1", "no port"),
        ("https://relay:٨٠/v1", "no port"),
        ("https://[::1]x/v1", "no host"),
        ("https://x[::1]/v1", "no host"),
        ("https://fe80::1/v1", "no host"),
        ("https://relay:0/v1", "port 0"),
        ("https://relay:65536/v1", "port 65536"),
        ("https://[::1/v1", "not an address"),
        ("https://[127.0.0.1]/v1", "base_url"),
        ("https://[v1.x]/v1", "base_url"),
        ("https://a..b/v1", "host that cannot be one"),
        ("https://./v1", "host that cannot be one"),
        ("https://-relay/v1", "host that cannot be one"),
        ("https://<relay>/v1", "host that cannot be one"),
        ("https://relay\\v1", "host that cannot be one"),
        ("https://re%6cay/v1", "host that cannot be one"),
        (f"https://{'a' * 64}.example", "host that cannot be one"),
        (f"https://{'中' * 64}.example", "host that cannot be one"),
        ("https://relay/v1?key=1", "query or a fragment"),
        ("https://relay/v1#top", "query or a fragment"),
        ("https://relay/v1,", "path"),
        ("https://relay/v1。", "path"),
        ('https://relay/v1"', "path"),
        ("https://relay/v1;x", "path"),
        ("https://relay/v1/../v1", "path"),
        ("https://relay/./v1", "path"),
        ("https://relay/v1.", "path"),
        ("https://relay/a\\b", "path"),
        (None, "must be a string, not NoneType"),
        (b"https://relay", "must be a string, not bytes"),
        (URL("https://relay"), "must be a string, not URL"),
    ],
)
def test_what_is_no_address_is_refused(url: Any, reason: str) -> None:
    """A refusal says what is wrong."""
    with pytest.raises(ConfigurationError, match=re.escape(reason)):
        normalise_base_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@relay.example/v1",
        "https://hunter2@relay.example/v1",
        "https://user:hun/ter2@relay.example/v1",
        "https://user:hunter2@exa／mple/v1",
        "https://user:hunter2@[::1/v1",
        "https://@relay.example/v1",
        "user:hunter2@relay.example",
        "ftp://user:hunter2@relay.example",
        "http://user:hunter2@relay.example",
        "sk-hunter2",
        "https://relay.example/v1?token=hunter2",
        "https://relay.example:hunter2/v1",
        "http://hunter2/v1",
        "https:///hunter2",
        "hunter2 hunter2",
        "https://relay.example/hunter2,",
        "https://hunter2<x>/",
    ],
)
def test_a_refused_address_is_not_repeated(url: str) -> None:
    """A password or a key that stands in an address by mistake is in no message."""
    with pytest.raises(ConfigurationError) as caught:
        normalise_base_url(url)
    assert not re.search(r"hun|ter2", f"{caught.value} {caught.value!r}")
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@given(ADDRESSES, st.booleans())
@example("https://relay/audio/audio/transcriptions", False)
@example("https://relay/v1/audio/models", False)
def test_a_normal_form_is_stable_and_can_be_sent_to(url: str, allow_http: bool) -> None:
    """Its own normal form, no slash at its end, no version twice in a row, and a URL that aiohttp takes."""
    try:
        normal = normalise_base_url(url, allow_http=allow_http)
    except ConfigurationError:
        assume(False)
        raise
    assert normalise_base_url(normal, allow_http=allow_http) == normal
    assert not normal.endswith("/")
    assert not re.search(r"/(v\d+(?:beta)?)/\1(?:/|$)", normal, re.IGNORECASE)
    sent = URL(f"{normal}/audio/transcriptions")
    assert sent.host
    assert str(sent).count("/audio/transcriptions") == 1
    assert sent.raw_path.isascii()


@given(st.text())
def test_any_text_is_an_address_or_a_refusal(url: str) -> None:
    """Nothing but a `ConfigurationError` is raised."""
    try:
        normal = normalise_base_url(url)
    except ConfigurationError:
        return
    assert normal.startswith(("https://", "http://"))


@pytest.mark.parametrize("host", ["relay.example", "192.168.1.5", "0.0.0.0", "localhost.evil.example", "[2001:db8::1]"])  # noqa: S104 - an address to be refused
def test_plain_http_needs_leave(host: str) -> None:
    """Only this machine is reached over plain http, unless allow_http says otherwise."""
    with pytest.raises(ConfigurationError, match="plain http.*allow_http=True if you"):
        normalise_base_url(f"http://{host}/v1")
    assert normalise_base_url(f"http://{host}/v1", allow_http=True) == f"http://{host}/v1"


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "localhost.", "a.localhost", "127.0.0.1", "127.8.8.8", "[::1]", "::1"]
)
def test_loopback_hosts_are_known(host: str) -> None:
    """Names and addresses that can only mean this machine; plain http to them is fine."""
    assert is_loopback(host)
    address = f"[{host}]" if host == "::1" else host
    assert normalise_base_url(f"http://{address}:8000").startswith("http://")


@pytest.mark.parametrize(
    "host",
    [
        "relay.example",
        "mylocalhost",
        "localhost.example",
        "127.0.0.1.example",
        "127.0.0.1%evil.example",
        "128.0.0.1",
        "::2",
        "0.0.0.0",  # noqa: S104 - not listened at
        "",
    ],
)
def test_other_hosts_are_not_loopback(host: str) -> None:
    """What merely looks like this machine is not."""
    assert not is_loopback(host)


def test_an_ipv4_loopback_address_in_ipv6_is_loopback() -> None:
    """``::ffff:127.0.0.1`` is this machine, ``::ffff:8.8.8.8`` is not."""
    assert is_loopback("[::ffff:127.0.0.1]")
    assert not is_loopback("::ffff:8.8.8.8")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "is empty"),
        (f"{KEY}\n", "a blank, a line end or a control character"),
        (f"{KEY}\r\nX-Evil: 1", "a blank, a line end or a control character"),
        (f" {KEY}", "a blank, a line end or a control character"),
        (f"{KEY}\u3000", "a blank, a line end or a control character"),
        (f"{KEY}\u00a0", "a blank, a line end or a control character"),
        (f"{KEY}\u200b", "a blank, a line end or a control character"),
        (f"{KEY}\0", "a blank, a line end or a control character"),
        (f"Bearer {KEY}", "begins with the word Bearer"),
        (f"bearer {KEY}", "begins with the word Bearer"),
        ("Bearer ", "begins with the word Bearer"),
        ("Bearer", "begins with the word Bearer"),
        ("ｓｋ－ａｂｃ", "outside ASCII"),
        (f"{KEY}…", "outside ASCII"),
        (f'"{KEY}"', "in quotes"),
        (f"'{KEY}'", "in quotes"),
        (None, "must be a string, not NoneType"),
        (KEY.encode(), "must be a string, not bytes"),
        (12345, "must be a string, not int"),
    ],
)
def test_what_is_no_key_is_refused(key: Any, reason: str) -> None:
    """A refusal says what is wrong, and where the key came from."""
    with pytest.raises(ConfigurationError, match=f"^the origin .*{reason}"):
        check_api_key(key, origin="the origin")


@given(st.text())
@example("-tail")
def test_a_key_is_taken_as_it_is_or_refused(text: str) -> None:
    """What is taken can stand in a header."""
    try:
        checked = check_api_key(text)
    except ConfigurationError:
        return
    assert checked == text
    assert re.fullmatch(r"[!-~]+", checked)


@given(st.text(), st.sampled_from([" ", "\n", "\0", "é", "\u3000", "\ud800"]), st.text())
def test_a_refused_key_is_not_told(before: str, wrong: str, after: str) -> None:
    """It is in no message and in no fact of the error."""
    with pytest.raises(ConfigurationError) as caught:
        check_api_key(f"{before}{KEY}{wrong}{after}")
    assert KEY not in f"{caught.value} {caught.value!r} {vars(caught.value)}"


def test_a_secret_hides_in_every_container() -> None:
    """No repr shows it, however deep it stands."""

    @attrs.frozen
    class Holder:
        key: str

    secret = check_api_key(KEY)
    for holder in (secret, [secret], (secret,), {"Authorization": secret}, {secret}, Holder(secret)):
        assert KEY not in repr(holder)
    assert KEY not in f"{secret!r}"
    assert KEY not in "%r" % {"key": secret}  # noqa: UP031 - as logging formats
    assert secret == KEY


def test_a_secret_stays_one_when_it_is_copied() -> None:
    """Pickles and copies are masked too, and hold the same key."""
    secret = Secret(KEY)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        copied = pickle.loads(pickle.dumps(secret, protocol))  # noqa: S301 - our own bytes
        assert type(copied) is Secret
        assert copied == KEY
    assert type(copy.deepcopy(secret)) is Secret
    assert type(check_api_key(secret)) is Secret


def test_an_endpoint_never_shows_its_key() -> None:
    """Neither its repr nor that of its fields as a dict or a tuple."""
    endpoint = the_endpoint(None, KEY, environ={})
    assert endpoint.api_key == KEY
    for shown in (endpoint, attrs.asdict(endpoint), attrs.astuple(endpoint), Endpoint(DEFAULT_BASE_URL, KEY)):
        assert KEY not in f"{shown!r}"
    assert repr(endpoint) == f"Endpoint(base_url={DEFAULT_BASE_URL!r})"


def test_an_endpoint_is_checked_when_it_is_made() -> None:
    """A key or an address that cannot be used is refused; an address in another form is brought into the normal one."""
    with pytest.raises(ConfigurationError, match="line end"):
        Endpoint(DEFAULT_BASE_URL, f"{KEY}\n")
    assert Endpoint("https://api.zhongzhuan.chat/", KEY).base_url == DEFAULT_BASE_URL
    with pytest.raises(ConfigurationError, match="plain http"):
        Endpoint("http://relay.example", KEY)
    assert Endpoint("http://relay.example", KEY, allow_http=True).base_url == "http://relay.example/v1"
    with pytest.raises(ConfigurationError, match="neither"):
        Endpoint("ftp://x", KEY)
    with pytest.raises(ConfigurationError, match="must be a string, not NoneType"):
        Endpoint(DEFAULT_BASE_URL, None)  # type: ignore[arg-type]


def test_an_endpoint_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """ZHONGZHUAN_API_KEY and ZHONGZHUAN_BASE_URL are enough; without the latter the default relay is meant."""
    monkeypatch.setenv("ZHONGZHUAN_API_KEY", KEY)
    assert the_endpoint(None, None) == Endpoint(DEFAULT_BASE_URL, KEY)
    monkeypatch.setenv("ZHONGZHUAN_BASE_URL", "https://relay.example/")
    assert the_endpoint(None, None) == Endpoint("https://relay.example/v1", KEY)
    monkeypatch.setenv("ZHONGZHUAN_BASE_URL", "")
    assert the_endpoint(None, None).base_url == DEFAULT_BASE_URL


def test_arguments_win_over_a_key_file_and_that_over_a_key(tmp_path: Path) -> None:
    """The order is: argument, ZHONGZHUAN_API_KEY_FILE, ZHONGZHUAN_API_KEY."""
    file = tmp_path / "key"
    file.write_text("from-file")
    environ = {
        "ZHONGZHUAN_API_KEY": "from-variable",
        "ZHONGZHUAN_API_KEY_FILE": str(file),
        "ZHONGZHUAN_BASE_URL": "https://variable.example",
    }
    argued = the_endpoint("https://argument.example", "from-argument", environ=environ)
    assert argued == Endpoint("https://argument.example/v1", "from-argument")
    from_file = the_endpoint(None, None, environ=environ)
    assert isinstance(from_file.api_key, KeyFile)
    assert from_file.api_key() == "from-file"
    del environ["ZHONGZHUAN_API_KEY_FILE"]
    assert the_endpoint(None, None, environ=environ) == Endpoint("https://variable.example/v1", "from-variable")


def test_a_function_may_give_the_key() -> None:
    """It is kept, not called: the key is asked for before each request."""

    def give() -> str:
        raise AssertionError

    assert the_endpoint(None, give, environ={}).api_key is give


@pytest.mark.parametrize(
    "environ", [{}, {"ZHONGZHUAN_API_KEY": ""}, {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://x"}]
)
def test_a_missing_key_names_the_variable_to_set(environ: dict[str, str]) -> None:
    """Another vendor's key is not taken in its place."""
    with pytest.raises(ConfigurationError, match=r"no API key — set ZHONGZHUAN_API_KEY \(or ZHONGZHUAN_API_KEY_FILE\)"):
        the_endpoint(None, None, environ=environ)


def test_an_empty_argument_does_not_fall_back() -> None:
    """An empty key is a mistake of the caller's, not a wish for the variable's."""
    with pytest.raises(ConfigurationError, match="api_key is empty"):
        the_endpoint(None, "", environ={"ZHONGZHUAN_API_KEY": KEY})
    with pytest.raises(ConfigurationError, match="base_url is empty"):
        the_endpoint("", KEY, environ={"ZHONGZHUAN_BASE_URL": "https://relay.example"})


def test_a_bad_key_in_a_variable_names_the_variable() -> None:
    """The message says where to look."""
    with pytest.raises(ConfigurationError, match="^ZHONGZHUAN_API_KEY holds a blank"):
        the_endpoint(None, None, environ={"ZHONGZHUAN_API_KEY": f"{KEY}\n"})


@pytest.mark.parametrize("content", [KEY.encode(), f"\ufeff{KEY}\r\n".encode(), f"\n  {KEY}\t\n\n".encode()])
def test_a_key_file_gives_the_key_without_what_editors_leave(tmp_path: Path, content: bytes) -> None:
    """A byte order mark, line ends and blanks around the key do not count."""
    path = tmp_path / "key"
    path.write_bytes(content)
    key = KeyFile(path)()
    assert key == KEY
    assert KEY not in repr(key)


def test_a_key_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """Another size, another time or another file under the name: each is seen at the next call."""
    path = tmp_path / "key"
    path.write_text("first")
    file = KeyFile(path)
    assert file() == "first"
    path.write_text("longer-second")
    assert file() == "longer-second"
    path.write_text("longer-thirds")
    os.utime(path, ns=(1, 1))
    assert file() == "longer-thirds"
    other = tmp_path / "other"
    other.write_text("longer-fourth")
    os.utime(other, ns=(1, 1))
    other.replace(path)
    assert file() == "longer-fourth"


def test_an_unchanged_key_file_is_read_once_until_it_is_forgotten(tmp_path: Path) -> None:
    """A change that leaves no trace is seen after `forget`, which a refused key leads to."""
    path = tmp_path / "key"
    path.write_text("key-one")
    os.utime(path, ns=(1, 1))
    file = KeyFile(str(path))
    assert file() == "key-one"
    path.write_text("key-two")
    os.utime(path, ns=(1, 1))
    assert file() == "key-one"
    file.forget()
    assert file() == "key-two"


def test_a_key_file_that_goes_bad_is_an_error_until_it_is_good_again(tmp_path: Path) -> None:
    """The old key is not used on in secret."""
    path = tmp_path / "key"
    path.write_text(KEY)
    file = KeyFile(path)
    assert file() == KEY
    path.write_text("")
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="is empty"):
            file()
    path.unlink()
    with pytest.raises(ConfigurationError, match="No such file"):
        file()
    path.write_text("a-new-key")
    assert file() == "a-new-key"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \r\n", "is empty"),
        (KEY.encode("utf-16"), "not UTF-8 text"),
        (b"\xff\xfe\x00\x01", "not UTF-8 text"),
        (f"{KEY}\0{KEY}".encode(), "control character"),
        (f"{KEY}\n{KEY}\n".encode(), "line end"),
        (f"export KEY={KEY}".encode(), "blank"),
        (KEY.encode() + b"\n" * 2 + b"x" * 7_000, "line end"),
        (
            KEY.encode() + b"\n" * 10_000,
            "is larger than 8 KiB: it is not a key — name a file that holds",
        ),
    ],
)
def test_a_key_file_without_one_key_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    """The message names the file, and nothing that is in it."""
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=reason) as caught:
        KeyFile(path)()
    assert str(path) in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_key_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """Missing, or a directory."""
    with pytest.raises(ConfigurationError, match=r"cannot read the key file .*: No such file"):
        KeyFile(tmp_path / "none")()
    with pytest.raises(ConfigurationError, match=r"cannot read the key file .*: it is a folder — .*into a file, or"):
        KeyFile(tmp_path)()


def test_a_key_file_that_would_be_waited_for_is_not_opened(tmp_path: Path) -> None:
    """Nobody writes into this pipe; and it could not be read again after a refusal."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigurationError, match=r"cannot read the key file .*: it is a pipe, a socket or a device"):
        KeyFile(tmp_path / "pipe")()


def test_no_more_of_a_key_file_is_read_than_a_key_has(tmp_path: Path) -> None:
    """Neither of a large file, which is not opened, nor of one without a size, as in /proc."""
    path = tmp_path / "key"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ConfigurationError, match="is larger than 8 KiB"):
        KeyFile(path)()
    assert Path("/proc/self/smaps").stat().st_size == 0
    with pytest.raises(ConfigurationError, match="is larger than 8 KiB"):
        KeyFile("/proc/self/smaps")()


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="permissions are POSIX's")
def test_a_key_file_without_permission_says_so(tmp_path: Path) -> None:
    """Unreadable is told apart from missing."""
    path = tmp_path / "key"
    path.write_text(KEY)
    path.chmod(0)
    whoever = os.geteuid()
    try:
        if whoever == 0:  # root reads every file
            os.seteuid(65534)
        with pytest.raises(ConfigurationError, match="Permission denied"):
            KeyFile(path)()
    finally:
        os.seteuid(whoever)


def test_a_key_file_shows_its_path_and_not_its_key(tmp_path: Path) -> None:
    """Its repr is fit for a log."""
    path = tmp_path / "key"
    path.write_text(KEY)
    file = KeyFile(path)
    file()
    assert repr(file) == f"KeyFile({str(path)!r})"
    assert KEY not in repr(vars(file))


@pytest.mark.parametrize("field", ["connect_s", "upload_stall_s", "answer_stall_s"])
@pytest.mark.parametrize("value", [True, False, 0, 0.0, -1, -0.5, math.nan, math.inf, -math.inf, "15", b"1", [1], 1j])
def test_a_timeout_is_a_number_of_seconds_above_0(field: str, value: Any) -> None:
    """Anything else is refused, by name."""
    with pytest.raises(ConfigurationError, match=f"^{field} must be a number of seconds above 0"):
        Timeouts(**{field: value})


@pytest.mark.parametrize("value", [None, 1, 0.001, 1e9])
def test_a_timeout_may_be_any_time_or_none(value: float | None) -> None:
    """None waits for ever."""
    assert Timeouts(connect_s=value).connect_s == value


@pytest.mark.parametrize("value", [True, 0, -1, 1.0, math.nan, "8", None])
def test_a_limit_is_a_whole_number_of_at_least_1(value: Any) -> None:
    """Anything else is refused, by name."""
    with pytest.raises(ConfigurationError, match="^max_concurrency must be a whole number of at least 1"):
        Limits(max_concurrency=value)


def test_settings_do_not_change_after_they_were_checked() -> None:
    """They are frozen values, equal and hashable."""
    limits, timeouts, endpoint = Limits(max_concurrency=2), Timeouts(), Endpoint(DEFAULT_BASE_URL, KEY)
    for value, name in ((limits, "max_concurrency"), (timeouts, "connect_s"), (endpoint, "base_url")):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, name, None)
        assert len({value, copy.copy(value)}) == 1


def test_several_endpoints_come_from_the_environment() -> None:
    """Commas separate addresses; one key serves all of them, or each has its own."""
    two = {"ZHONGZHUAN_BASE_URL": "https://a.example, https://b.example/v1,"}
    for keys, expected in (("sk-1", ["sk-1", "sk-1"]), ("sk-1, sk-2", ["sk-1", "sk-2"])):
        endpoints = endpoints_from_options(None, None, environ={**two, "ZHONGZHUAN_API_KEY": keys})
        assert [endpoint.base_url for endpoint in endpoints] == ["https://a.example/v1", "https://b.example/v1"]
        assert [endpoint.api_key for endpoint in endpoints] == expected
    with pytest.raises(ConfigurationError, match="holds 3 keys for 2 addresses"):
        endpoints_from_options(None, None, environ={**two, "ZHONGZHUAN_API_KEY": "sk-1,sk-2,sk-3"})
    with pytest.raises(ConfigurationError, match="holds 2 keys for 1 address "):
        endpoints_from_options("https://c.example", None, environ={**two, "ZHONGZHUAN_API_KEY": "sk-1,sk-2"})
    assert len(endpoints_from_options(None, "sk-mine", environ=two)) == 2


def test_a_key_file_serves_all_addresses(tmp_path: Path) -> None:
    """It holds one key, whatever the other variable says."""
    path = tmp_path / "key"
    path.write_text(KEY)
    environ = {
        "ZHONGZHUAN_BASE_URL": "https://a.example,https://b.example",
        "ZHONGZHUAN_API_KEY_FILE": str(path),
        "ZHONGZHUAN_API_KEY": "sk-1,sk-2,sk-3",
    }
    keys = [endpoint.api_key for endpoint in endpoints_from_options(None, None, environ=environ)]
    assert [key() for key in keys if isinstance(key, KeyFile)] == [KEY, KEY]


@pytest.mark.parametrize("keys", ["sk-1,", ",sk-1", " , sk-1 "])
def test_a_key_goes_to_no_address_that_it_may_not_be_meant_for(keys: str) -> None:
    """Where a list lacks a key, the one that is there is not given to all; alone with one address it is plain."""
    two = {"ZHONGZHUAN_BASE_URL": "https://a.example,https://b.example", "ZHONGZHUAN_API_KEY": keys}
    with pytest.raises(ConfigurationError, match="holds 1 key for 2 addresses"):
        endpoints_from_options(None, None, environ=two)
    (endpoint,) = endpoints_from_options("https://a.example", None, environ=two)
    assert (endpoint.base_url, endpoint.api_key) == ("https://a.example/v1", "sk-1")


@pytest.mark.parametrize("value", ["", " ", ",", " , ,"])
def test_variables_that_hold_nothing_are_as_good_as_none(value: str) -> None:
    """Blanks and commas are no key, and no address but the default one."""
    with pytest.raises(ConfigurationError, match="no API key"):
        endpoints_from_options(None, None, environ={"ZHONGZHUAN_API_KEY": value})
    environ = {"ZHONGZHUAN_API_KEY": KEY, "ZHONGZHUAN_BASE_URL": value}
    (endpoint,) = endpoints_from_options(None, None, environ=environ)
    assert endpoint.base_url == normalise_base_url(DEFAULT_BASE_URL)


def test_one_bad_address_or_key_of_several_is_told() -> None:
    """Before anything is sent, and without the key."""
    with pytest.raises(ConfigurationError):
        endpoints_from_options("https://a.example,https://b.example", KEY, environ={})
    environ = {"ZHONGZHUAN_BASE_URL": "https://a.example,https://b.example", "ZHONGZHUAN_API_KEY": "sk-1,s k-2"}
    with pytest.raises(ConfigurationError, match="ZHONGZHUAN_API_KEY holds a blank") as caught:
        endpoints_from_options(None, None, environ=environ)
    assert "k-2" not in str(caught.value)


@pytest.mark.parametrize("field", ["backoff_base_s", "backoff_cap_s", "retry_after_cap_s"])
@pytest.mark.parametrize("value", [None, 0, -1, math.nan, math.inf, True, "1"])
def test_a_back_off_is_a_number_of_seconds(field: str, value: Any) -> None:
    """None too is refused: there is no wait without an end."""
    with pytest.raises(ConfigurationError, match=f"^{field} must be a number of seconds above 0, not"):
        RetryPolicy(**{field: value})


@pytest.mark.parametrize("field", ["requests_per_minute", "audio_minutes_per_minute"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "1"])
def test_a_rate_is_a_number_above_0(field: str, value: Any) -> None:
    """Or None; it is not a number of seconds."""
    half: dict[str, Any] = {field: 0.5}
    assert getattr(Limits(**half), field) == 0.5
    with pytest.raises(ConfigurationError, match=f"^{field} must be a number above 0, or None, not"):
        Limits(**{field: value})


@pytest.mark.parametrize("value", [-1, 1.5, True, "1"])
def test_a_queue_is_as_long_as_a_whole_number(value: Any) -> None:
    """0 means that nobody waits, None that anybody may."""
    assert [Limits(max_waiting=count).max_waiting for count in (0, None)] == [0, None]
    with pytest.raises(ConfigurationError, match="max_waiting"):
        Limits(max_waiting=value)
    with pytest.raises(ConfigurationError, match="max_wait_s"):
        Limits(max_wait_s=0)


@pytest.mark.parametrize("value", [-1, 1.5, True, "1", None])
def test_a_count_of_retries_is_a_whole_number(value: object) -> None:
    """Zero is one."""
    assert RetryPolicy(maybe_billed_retries=0).maybe_billed_retries == 0
    with pytest.raises(ConfigurationError, match="maybe_billed_retries"):
        RetryPolicy(maybe_billed_retries=value)  # type: ignore[arg-type]


def test_an_attempt_may_take_as_long_as_its_upload_needs() -> None:
    """By default it grows with the size and the length, and has no end where the answer's wait has none."""
    assert Timeouts().attempt_limit_s(0) == 600
    assert Timeouts().attempt_limit_s(32 * 1024 * 100) == 700
    assert Timeouts().attempt_limit_s(32 * 1024 * 100, 3600.0) == 4300
    assert Timeouts(attempt_s=5).attempt_limit_s(1, 3600.0) == 5
    assert Timeouts(answer_stall_s=None).attempt_limit_s(1) is None
    assert Timeouts(attempt_s=5).attempt_limit_s(1 << 30) == 5
    assert Timeouts(attempt_s=None).attempt_limit_s(1) is None
    for value in (0, "automatic", True, math.nan):
        with pytest.raises(ConfigurationError, match='^attempt_s must be a number of seconds above 0, "auto" or None'):
            Timeouts(attempt_s=value)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["ZHONGZHUAN_API_KEY=sk-1", "export ZHONGZHUAN_API_KEY = sk-1", 'API_KEY="sk-1"'])
def test_a_line_of_a_settings_file_is_no_key(tmp_path: Path, text: str) -> None:
    """A key that was copied with its name is refused with what to give."""
    (tmp_path / "key").write_text(text)
    for read in (KeyFile(tmp_path / "key"), lambda: check_api_key(text)):
        with pytest.raises(ConfigurationError, match="looks like NAME=value — give the value alone"):
            read()
    assert check_api_key("ABC_DEF==") == "ABC_DEF=="


@pytest.mark.parametrize("url", ["api.zhongzhuan.chat", "api.zhongzhuan.chat/v1", "relay.example:8080"])
def test_an_address_without_its_scheme_is_told_so(url: str) -> None:
    """The hint names what is missing."""
    with pytest.raises(ConfigurationError, match="it lacks https:// in front"):
        normalise_base_url(url)
