"""What work costs, and what a key has left: the sums, and what the relay tells of them."""

from __future__ import annotations

import pytest

from zhongzhuan_audio.errors import QuotaExceededError
from zhongzhuan_audio.relay import Ledger, LocalRelay, Recognition, ScriptedAnswer, ScriptedEngine, ScriptedVoice

SPEECH = {"model": "tts-1", "input": "a" * 2000, "voice": "alloy"}


def test_prices():
    """A minute costs what it was said to, a character 15 millionths of a dollar, each to a 500,000th."""
    ledger = Ledger()
    assert ledger.charge(seconds=60) == 0.006
    assert ledger.charge(seconds=1) == 0.0001
    assert ledger.charge(characters=1000) == 0.015
    assert ledger.used_usd == pytest.approx(0.0211)
    assert ledger.left_usd is None
    assert Ledger(price_per_minute_usd=0.6).charge(seconds=30) == 0.3
    ledger.restart()
    assert ledger.used_usd == 0


def test_nothing_is_charged_past_the_quota():
    """Of the last work only what is left is charged, and then none may begin."""
    ledger = Ledger(0.01)
    ledger.check(characters=666)
    with pytest.raises(QuotaExceededError, match=r"剩余额度: ＄0\.010000, 需要预扣费额度: ＄0\.010004"):
        ledger.check(characters=667)
    assert ledger.charge(seconds=60) == 0.006
    ledger.check()
    assert ledger.charge(seconds=60) == 0.004
    assert (ledger.used_usd, ledger.left_usd) == (0.01, 0)
    with pytest.raises(QuotaExceededError, match="用户额度不足") as caught:
        ledger.check()
    assert (caught.value.status, caught.value.code) == (403, "insufficient_user_quota")
    assert ledger.charge(seconds=60) == 0


def test_a_quota_of_nothing():
    """With nothing granted nothing may begin."""
    with pytest.raises(QuotaExceededError):
        Ledger(0).check()


def test_what_new_api_would_tell():
    """The three answers have new-api's fields, in dollars, hundredths and units."""
    ledger = Ledger(2.5)
    ledger.charge(seconds=600)
    limits = dict.fromkeys(("soft_limit_usd", "hard_limit_usd", "system_hard_limit_usd"), 2.5)
    assert ledger.subscription() == {
        "object": "billing_subscription",
        "has_payment_method": True,
        "access_until": 0,
        **limits,
    }
    assert ledger.usage() == {"object": "list", "total_usage": 6.0}
    told = ledger.token_usage()
    assert (told["code"], told["message"]) == (True, "ok")
    assert told["data"] == {
        "object": "token_usage",
        "name": "local",
        "total_granted": 1_250_000,
        "total_used": 30_000,
        "total_available": 1_220_000,
        "unlimited_quota": False,
        "model_limits": {},
        "model_limits_enabled": False,
        "expires_at": 0,
    }


def test_without_a_limit():
    """No limit is a hundred million dollars, and what is available is counted down from nothing."""
    ledger = Ledger()
    ledger.charge(seconds=60)
    assert ledger.subscription()["hard_limit_usd"] == 100_000_000
    data = ledger.token_usage()["data"]
    assert (data["unlimited_quota"], data["total_granted"], data["total_available"]) == (True, 0, -3000)


@pytest.fixture
def ears() -> ScriptedEngine:
    """Give ears that hear half a minute."""
    return ScriptedEngine(Recognition(duration=30, text="half a minute"), models=("whisper-1", "gpt-4o-transcribe"))


@pytest.fixture
def voice() -> ScriptedVoice:
    """Give a voice."""
    return ScriptedVoice(b"sound")


@pytest.mark.parametrize("stream", ["false", "true"])
async def test_the_count_runs(talker, keyed, upload, stream):
    """Each billable request adds to the sums that the relay tells, and says its own cost; refusals add nothing."""
    async with keyed.post("/v1/audio/transcriptions", data=upload(stream=stream)) as answer:
        assert b"half a minute" in await answer.read()
    async with keyed.post("/v1/audio/speech", json=SPEECH) as answer:
        assert answer.status == 200
    async with keyed.post("/v1/audio/speech", json={**SPEECH, "input": ""}) as answer:
        assert answer.status == 400
    assert [received.cost_usd for received in talker.requests] == [0.003, 0.03, 0]
    async with keyed.get("/v1/dashboard/billing/usage?start_date=2026-01-01&end_date=2026-02-01") as answer:
        assert (await answer.json())["total_usage"] == pytest.approx(3.3)
    async with keyed.get("/v1/dashboard/billing/subscription") as answer:
        assert (await answer.json())["hard_limit_usd"] == 100_000_000
    for path in ("/api/usage/token", "/api/usage/token/"):
        async with keyed.get(path) as answer:
            assert (await answer.json())["data"]["total_used"] == 16_500
    assert talker.billable == 2


@pytest.mark.parametrize(
    ("body", "cost"),
    [
        ('{"text": "a", "duration": 60}', 0.006),
        ('{"text": "a", "usage": {"type": "duration", "seconds": 30}}', 0.003),
        ('{"text": "a"}', 0),
        ('{"text": "a", "duration": "long"}', 0),
        ('{"text": "a", "duration": 1e999}', 0),
        ("plain text", 0),
    ],
)
async def test_a_scripted_answer_costs_what_it_says(talker, keyed, upload, body, cost):
    """An answer that a test wrote out is charged for by the length that it tells, or by nothing."""
    talker.engine.script(ScriptedAnswer(200, body))
    async with keyed.post("/v1/audio/transcriptions", data=upload()) as answer:
        assert await answer.text() == body
    assert (talker.billable, talker.ledger.used_usd) == (1, cost)


async def test_the_balance_needs_the_key(talker, keyed):
    """Without the key nothing is told."""
    for path in ("/v1/dashboard/billing/usage", "/v1/dashboard/billing/subscription", "/api/usage/token/"):
        async with keyed.get(path, headers={"Authorization": "Bearer sk-other"}) as answer:
            assert answer.status == 401


async def test_a_used_up_quota_refuses(ears, voice, keyed, upload):
    """When the quota is used up, new-api's own error comes before any work, and nothing is charged."""
    headers = {"Authorization": "Bearer sk-local"}
    async with LocalRelay(ears, voice=voice, quota_usd=0.005) as relay:
        url = f"{relay.base_url}/audio"
        async with keyed.post(f"{url}/speech", json=SPEECH, headers=headers) as answer:
            told = (await answer.json())["error"]
            assert (answer.status, told["code"], told["type"]) == (403, "insufficient_user_quota", "new_api_error")
            assert "预扣费额度失败" in told["message"]
        statuses = []
        for stream in ("false", "true", "true", "false"):
            async with keyed.post(f"{url}/transcriptions", data=upload(stream=stream), headers=headers) as answer:
                statuses.append(answer.status)
                told = await answer.text()
        assert statuses == [200, 200, 403, 403]
        assert "用户额度不足, 剩余额度: ＄0.000000 (request id: " in told
        assert (relay.billable, relay.ledger.used_usd) == (2, 0.005)
        assert [received.cost_usd for received in relay.requests] == [0, 0.003, 0.002, 0, 0]
    async with relay:
        assert relay.ledger.used_usd == 0
