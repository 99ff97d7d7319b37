"""Faults in one line: what it says is what is planned, and what it cannot say is told."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongzhuan_audio.errors import ConfigurationError
from zhongzhuan_audio.relay import Fault, Match, parse_faults
from zhongzhuan_audio.relay.faults import KINDS

COUNTS = st.integers(1, 10**6)
SECONDS = st.floats(0, 10**6)
TEXTS = st.text(min_size=1).filter(lambda text: text == text.strip())
WORDS = "abcdefghijklmnopqrstuvwxyz0123456789=:;,.%+-*/ \n"


def values(draw, kind: str) -> tuple[str, dict]:
    """Draw what follows a kind, and the options that it stands for."""
    if kind == "answer":
        status, wait = draw(st.integers(400, 599)), draw(SECONDS)
        said = draw(st.sampled_from(["", "answer="])) + str(status)
        return f"{said}:retry-after={wait!r}", {"status": status, "retry_after": wait}
    if kind == "redirect":
        location = draw(TEXTS)
        return f"{kind}={quote(location, safe='/')}", {"location": location}
    if kind == "informational":
        statuses = tuple(draw(st.lists(st.integers(100, 199), min_size=1)))
        return f"{kind}={'+'.join(map(str, statuses))}", {"statuses": statuses}
    if kind.startswith("stall-"):
        seconds = draw(SECONDS)
        return f"{kind}={seconds!r}", {"seconds": seconds}
    size, seconds = draw(COUNTS), draw(SECONDS)
    if kind == "drip":
        return f"{kind}={size}:interval={seconds!r}", {"size_bytes": size, "seconds": seconds}
    if kind in {"reset-during-upload", "long-header"}:
        return f"{kind}={size}", {"size_bytes": size}
    return kind, {}


@st.composite
def entries(draw) -> tuple[str, Fault]:
    """Draw a fault and how it is said."""
    kind = draw(st.sampled_from(KINDS))
    said, options = values(draw, kind) if kind == "answer" or draw(st.booleans()) else (kind, {})
    for name in draw(st.sets(st.sampled_from(["every", "times"]))):
        options[name] = draw(COUNTS)
        said += f":{name}={options[name]}"
    if draw(st.booleans()):
        options["probability"] = draw(st.floats(0, 1))
        said += f" : {options['probability']!r}"
    if draw(st.booleans()):
        options["requests"] = tuple(draw(st.lists(COUNTS, min_size=1)))
        said += ":requests=" + "+".join(map(str, options["requests"]))
    return conditions(draw, kind, said, options)


def conditions(draw, kind: str, said: str, options: dict) -> tuple[str, Fault]:
    """Add what is looked at, and build the fault."""
    early = kind in KINDS[:5]
    path = draw(st.none() | TEXTS)
    filename = None if early else draw(st.none() | TEXTS)
    fields = {} if early else draw(st.dictionaries(TEXTS, TEXTS, max_size=2))
    for name, value in {"path": path, "filename": filename}.items():
        said += "" if value is None else f":{name}={quote(value, safe='')}"
    for name, value in fields.items():
        said += f":field.{quote(name, safe='')}={quote(value, safe='')}"
    if path is not None or filename is not None or fields:
        options["where"] = Match(path=path, filename=filename, fields=fields)
    return said, Fault.refusal(**options) if kind == "answer" else Fault(kind, **options)


@given(st.lists(entries(), min_size=1, max_size=4), st.none() | st.integers())
def test_what_is_said_is_planned(pairs, seed):
    """Each way to say a fault gives that fault."""
    spec = ",".join(said for said, _ in pairs) + ("" if seed is None else f";seed={seed}")
    plan = parse_faults(spec)
    assert list(plan.faults) == [fault for _, fault in pairs]
    assert plan.seed == (seed or 0)


@given(st.text() | st.text(alphabet=WORDS) | st.lists(st.sampled_from([*KINDS, "429", *WORDS])).map("".join))
def test_any_string_is_a_plan_or_a_plain_error(text):
    """No string does anything else."""
    try:
        plan = parse_faults(text)
    except ConfigurationError as error:
        said = error.message
    else:
        said = "faults: " * len(plan.faults)
    assert said.startswith("faults: ")


def test_an_example():
    """The line of the documentation."""
    plan = parse_faults("reset-after-upload:0.1,429:5%,stall-in-body=5:every=7;seed=42")
    assert plan.faults == (
        Fault("reset-after-upload", probability=0.1),
        Fault.refusal(429, probability=0.05),
        Fault("stall-in-body", seconds=5, every=7),
    )
    assert plan.seed == 42
    assert parse_faults("429:retry-after=7:times=3").faults == (Fault.refusal(429, retry_after=7, times=3),)
    plan = parse_faults("redirect=https%3A//relay.example/v1:field.model=gpt-*:filename=*.mp3")
    assert plan.faults == (
        Fault(
            "redirect",
            location="https://relay.example/v1",
            where=Match(filename="*.mp3", fields={"model": "gpt-*"}),
        ),
    )


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", "'' is no fault"),
        ("html,", "'' is no fault"),
        ("explode", "'explode' is no fault"),
        ("answer", "'answer': an answer needs a status"),
        ("200", "'200': a refusal's status is from 400"),
        ("html=5", "html takes no value, '5' was given"),
        ("stall-in-body=soon", "'stall-in-body=soon' needs a number"),
        ("drip=1.5", "'drip=1.5' needs a whole number"),
        ("informational=100+x", "needs a whole number"),
        ("html:often", "'often' needs a number"),
        ("html:2", "'html:2': probability must be from 0 to 1"),
        ("html:nan", "probability must be"),
        ("html:every=0", "every must be"),
        ("html:evry=7", "'evry=7' says nothing to html"),
        ("html:retry-after=7", "'retry-after=7' says nothing to html"),
        ("html:interval=7", "'interval=7' says nothing to html"),
        ("html:0.1:0.2", "'0.2' is said a second time"),
        ("early-answer:field.language=zh", "strikes before the upload is read"),
        ("html;speed=1", "'speed=1' is no setting"),
        ("html;seed=x", "'seed=x' needs a whole number"),
    ],
)
def test_what_cannot_be_is_told(spec, words):
    """The message names the part that is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        parse_faults(spec)
    assert words in caught.value.message
