from datetime import UTC, datetime, timedelta

import pytest

from agent_browser.errors import QuotaExceeded, RateLimited, StorageFull
from agent_browser.models.usage import QUOTAS, QuotasInput
from agent_browser.quotas.quotas import GIVEN, SPENT, Quotas
from agent_browser.settings import Settings
from tests.fakes.clock import ManualClock
from tests.fakes.papers import FakePapers

pytestmark = pytest.mark.anyio


def _settings(**limits: int) -> Settings:
    return Settings.model_validate({f"owner_{name}": limit for name, limit in limits.items()})


def test_every_quota_has_its_setting() -> None:
    for name in QUOTAS:
        assert f"owner_{name}" in Settings.model_fields


def test_without_limits_nothing_is_refused_and_all_is_told() -> None:
    quotas = Quotas(_settings())
    quotas.counts("sessions", lambda owner: 1_000_000)
    for name in QUOTAS:
        quotas.check(name, "ann", 10**15)
    for _ in range(1_000):
        quotas.call("ann")
    usage = {quota.name: quota for quota in quotas.usage("ann").quotas}
    assert (usage["sessions"].used, usage["sessions"].limit) == (1_000_000, None)
    assert usage["calls"].used == 1_000
    assert quotas.headers("ann") == []


def test_one_owner_s_calls_are_not_another_s() -> None:
    quotas = Quotas(_settings(calls=2), clock=ManualClock())
    quotas.call("ann")
    quotas.call("ann")
    with pytest.raises(RateLimited) as refused:
        quotas.call("ann")
    assert 59 < refused.value.fields["retry_after"] <= 61
    quotas.call("bob")


def test_a_refusal_says_of_what_how_much_and_when_again() -> None:
    clock = ManualClock()
    quotas = Quotas(_settings(sessions=3, traffic=100), clock=clock)
    quotas.counts("sessions", {"ann": 3}.__getitem__)
    with pytest.raises(QuotaExceeded) as refused:
        quotas.check("sessions", "ann")
    assert refused.value.fields == {
        "quota": "sessions", "limit": 3, "used": 3, "retry_after": None
    }  # fmt: skip
    quotas.meter("ann").take(100)
    with pytest.raises(QuotaExceeded) as over:
        quotas.check("traffic", "ann")
    midnight = (clock.now() + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert over.value.fields["retry_after"] == (midnight - clock.now()).total_seconds()


def test_a_day_s_quota_begins_anew_with_the_day() -> None:
    clock = ManualClock()
    quotas = Quotas(_settings(recording=60), clock=clock)
    quotas.recorded("ann", 60)
    with pytest.raises(QuotaExceeded) as refused:
        quotas.check("recording", "ann")
    clock.advance(refused.value.fields["retry_after"])
    quotas.check("recording", "ann")
    assert quotas.used("recording", "ann") == 0


async def test_what_was_spent_and_given_is_there_after_a_restart_and_yesterday_s_is_not() -> None:
    papers, clock = FakePapers(), ManualClock()
    async with Quotas(_settings(traffic=100), papers, clock=clock) as quotas:
        for _ in range(1_000):
            quotas.meter("ann").take(1)
        quotas.recorded("ann", 2.5)
        await quotas.give("ann", QuotasInput(traffic=5_000, calls=0))
        assert SPENT not in papers.puts, "a write for each call"
    assert papers.puts[SPENT] == 1
    async with Quotas(_settings(traffic=100), papers, clock=clock) as again:
        assert again.used("traffic", "ann") == 1_000
        assert again.used("recording", "ann") == 2.5
        assert again.limits("ann").traffic == 5_000
        assert again.limits("bob").traffic == 100
    clock.advance(86_400)
    async with Quotas(_settings(traffic=100), papers, clock=clock) as tomorrow:
        assert tomorrow.used("traffic", "ann") == 0
    assert await papers.all(SPENT) == []


async def test_limits_given_for_an_owner_replace_those_before_and_none_given_are_the_server_s() -> (
    None
):
    papers = FakePapers()
    async with Quotas(_settings(sessions=1, bytes=10), papers) as quotas:
        await quotas.give("ann", QuotasInput(sessions=5))
        assert (quotas.limits("ann").sessions, quotas.limits("ann").bytes) == (5, 10)
        await quotas.give("ann", QuotasInput(bytes=0))
        assert (quotas.limits("ann").sessions, quotas.limits("ann").bytes) == (1, 0)
        await quotas.give("ann", QuotasInput())
        assert await papers.all(GIVEN) == []


async def test_limits_that_can_not_be_kept_are_not_in_force() -> None:
    papers = FakePapers()
    async with Quotas(_settings(sessions=1), papers) as quotas:
        papers.failure = StorageFull("no space is left")
        with pytest.raises(StorageFull):
            await quotas.give("ann", QuotasInput(sessions=50))
        assert quotas.limits("ann").sessions == 1
        assert await papers.all(GIVEN) == []


def test_a_clock_that_is_set_back_gives_nobody_a_day_twice() -> None:
    clock = ManualClock()
    quotas = Quotas(_settings(traffic=100), clock=clock)
    quotas.meter("ann").take(90)
    clock.set_by(-86_400)
    assert quotas.used("traffic", "ann") == 90


def test_the_headers_are_the_draft_s_and_those_that_clients_read() -> None:
    clock = ManualClock()
    quotas = Quotas(_settings(sessions=3, calls=10, bytes=1_000), clock=clock)
    quotas.counts("sessions", lambda owner: 1)
    quotas.stores("artifacts", lambda owner: 400)
    quotas.call("ann")
    told = {name.decode(): value.decode() for name, value in quotas.headers("ann")}
    assert told["ratelimit-policy"] == (
        '"sessions";q=3, "calls";q=10;qu="requests";w=60, "bytes";q=1000;qu="content-bytes"'
    )
    reset = told["x-ratelimit-reset"]
    assert told["ratelimit"] == f'"sessions";r=2, "calls";r=9;t={reset}, "bytes";r=600'
    assert (told["x-ratelimit-limit"], told["x-ratelimit-remaining"]) == ("10", "9")
    assert 60 <= int(reset) <= 61


def test_the_day_of_a_usage_ends_at_midnight_of_utc() -> None:
    quotas = Quotas(_settings(traffic=5), clock=ManualClock())
    [told] = [quota for quota in quotas.usage("ann").quotas if quota.name == "traffic"]
    assert told.resets_at is not None
    assert told.resets_at.astimezone(UTC).time() == datetime(2026, 1, 1).time()
    assert told.window == 86_400
