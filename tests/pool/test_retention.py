"""Ended sessions: remembered for their time, over restarts too, and then forgotten."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent_browser.errors import DatabaseUnusable, SessionEnded, SessionExpired, SessionNotFound
from agent_browser.ids import new_session_id
from agent_browser.models.functions import CloseInput, CloseOutput
from agent_browser.models.records import PageText, Record
from agent_browser.models.sessions import (
    SessionCreate,
    SessionPatch,
    SessionQuery,
    Timeouts,
    TimeoutsInput,
)
from agent_browser.pool.retention import APART, EXPIRED_KEPT, as_left
from agent_browser.service import LOCAL
from tests.fakes.archive import FakeArchive
from tests.pool.rig import OTHER, Rig, running

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 1, tzinfo=UTC)
"""When the tests' clock starts."""
DAY = 86_400


def record(hours: float, **fields: object) -> Record:
    """A live session that was last used so long ago."""
    used = NOW - timedelta(hours=hours)
    made = Record(
        id=new_session_id(),
        owner="local",
        state="live",
        created_at=used,
        last_activity_at=used,
        timeouts=Timeouts(idle=1_800, max_duration=43_200, retention=DAY),
        expires_at=used + timedelta(minutes=30),
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def ended(hours: float, **fields: object) -> Record:
    """A session that ended so long ago."""
    when = NOW - timedelta(hours=hours)
    about = {"state": "ended", "ended_at": when, "end_reason": "closed", "expires_at": None}
    return record(hours, **{**about, "forgets_at": when + timedelta(days=1), **fields})


async def closed(rig: Rig, **fields: object) -> str:
    request = SessionCreate.model_validate(fields)
    session = (await rig.pool.create(LOCAL, request)).id
    await rig.pool.end(LOCAL, session)
    await rig.settle()
    return session


async def test_what_was_live_when_the_last_server_stopped_has_ended(tmp_path: Path) -> None:
    lost, idle = record(0.1), record(2)
    longest = record(12, expires_at=NOW, last_activity_at=NOW - timedelta(minutes=5))
    archive = FakeArchive([lost, idle, longest])
    async with running(tmp_path, archive) as rig:
        found = {item.id: item for item in (await rig.pool.list(LOCAL, SessionQuery())).items}
        assert found[lost.id].end_reason == "server_lost"
        assert found[idle.id].end_reason == "idle"
        assert found[idle.id].ended_at == NOW - timedelta(hours=1.5)
        assert found[longest.id].end_reason == "max_duration"
        assert {item.state for item in found.values()} == {"ended"}
        assert {item.phase for item in found.values()} == {"ended"}
        assert rig.published.kinds(lost.id) == ["session.ended"]
        with pytest.raises(SessionEnded) as caught:
            await rig.open(lost.id)
        assert caught.value.fields["end_reason"] == "server_lost"
        assert (await rig.call("close", CloseInput(), lost.id, CloseOutput)).success
        await rig.pass_time(DAY - 5_401)
        assert (await rig.pool.get(LOCAL, idle.id)).state == "ended"
        await rig.pass_time(1)
        with pytest.raises(SessionExpired):
            await rig.pool.get(LOCAL, idle.id)
        assert (await rig.pool.get(LOCAL, lost.id)).state == "ended"


def test_a_clock_that_went_back_while_no_server_ran_ends_nothing_before_it_was_used() -> None:
    used = record(-5)
    left = as_left(used, NOW)
    assert (left.end_reason, left.ended_at) == ("server_lost", used.last_activity_at)


async def test_retention_goes_on_over_a_restart(tmp_path: Path) -> None:
    over, soon, pinned = ended(30), ended(23), ended(100, pinned=True, forgets_at=None)
    archive = FakeArchive([over, soon, pinned])
    async with running(tmp_path, archive) as rig:
        await rig.settle()
        with pytest.raises(SessionExpired) as caught:
            await rig.pool.get(LOCAL, over.id)
        assert caught.value.fields["end_reason"] == "closed"
        assert (await rig.pool.get(LOCAL, soon.id)).state == "ended"
        await rig.pass_time(3_601)
        with pytest.raises(SessionExpired):
            await rig.pool.call(LOCAL, "close", CloseInput(), session=soon.id)
        assert rig.published.kinds(soon.id) == ["session.expired"]
        await rig.pass_time(100 * DAY)
        assert (await rig.pool.get(LOCAL, pinned.id)).pinned


async def test_of_an_expired_session_only_its_id_and_its_end_are_kept(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = await closed(rig, name="secret", tags=["t"], metadata={"k": "v"})
        rig.archive.put_page(PageText(session, "http://x", "title", "text", NOW))
        await rig.pass_time(DAY)
        kept = rig.archive.records[session]
        assert (kept.state, kept.owner, kept.end_reason) == ("expired", "local", "closed")
        assert (kept.name, kept.tags, kept.metadata, kept.url) == (None, (), {}, "")
        assert session not in rig.archive.texts
        assert (await rig.pool.list(LOCAL, SessionQuery())).items == []
        (listed,) = (await rig.pool.list(LOCAL, SessionQuery(state="expired"))).items
        assert (listed.id, listed.phase) == (session, "expired")
        with pytest.raises(SessionNotFound):
            await rig.pool.get(OTHER, session)
        await rig.pass_time(EXPIRED_KEPT.total_seconds() + APART)
        assert session not in rig.archive.records
        with pytest.raises(SessionNotFound):
            await rig.pool.get(LOCAL, session)


async def test_a_session_is_remembered_as_long_as_was_asked_for(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        short = await closed(rig, timeouts={"retention": 10})
        none = await closed(rig, timeouts={"retention": 0})
        await rig.settle()
        with pytest.raises(SessionExpired):
            await rig.pool.get(LOCAL, none)
        await rig.pass_time(9)
        assert (await rig.pool.get(LOCAL, short)).state == "ended"
        await rig.pass_time(1)
        with pytest.raises(SessionExpired):
            await rig.pool.get(LOCAL, short)


@pytest.mark.parametrize("in_memory", [True, False])
async def test_a_pinned_session_is_kept_until_it_is_pinned_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    monkeypatch.setattr("agent_browser.pool.register.MAX_RECENT", 10 if in_memory else 0)
    async with running(tmp_path, retention=100) as rig:
        session = await closed(rig, pinned=True)
        await rig.pass_time(1_000)
        assert (await rig.pool.get(LOCAL, session)).state == "ended"
        await rig.pool.update(LOCAL, session, SessionPatch(pinned=False))
        await rig.settle()
        with pytest.raises(SessionExpired):
            await rig.pool.get(LOCAL, session)


@pytest.mark.parametrize("in_memory", [True, False])
async def test_an_ended_session_is_named_and_kept_longer_but_lives_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    monkeypatch.setattr("agent_browser.pool.register.MAX_RECENT", 10 if in_memory else 0)
    async with running(tmp_path, retention=100) as rig:
        session = await closed(rig, name="one", tags=["a"])
        patch = SessionPatch(name="two", tags=["b"], timeouts=TimeoutsInput(retention=500))
        changed = await rig.pool.update(LOCAL, session, patch)
        assert (changed.name, changed.tags, changed.timeouts.retention) == ("two", ["b"], 500)
        assert rig.published.last("session.renamed") == {"name": "two", "previous": "one"}
        for timeouts in (TimeoutsInput(idle=5), TimeoutsInput(auto_renew=False, retention=1)):
            with pytest.raises(SessionEnded):
                await rig.pool.update(LOCAL, session, SessionPatch(timeouts=timeouts))
        await rig.pass_time(499)
        assert (await rig.pool.get(LOCAL, session)).name == "two"
        await rig.pass_time(1)
        with pytest.raises(SessionExpired):
            await rig.pool.update(LOCAL, session, SessionPatch(name="three"))


async def test_a_purged_session_does_not_come_back_when_its_time_is_over(tmp_path: Path) -> None:
    async with running(tmp_path, retention=100) as rig:
        session = await closed(rig)
        await rig.pool.end(LOCAL, session, purge=True)
        await rig.pass_time(1_000)
        assert session not in rig.archive.records
        assert rig.published.kinds(session) == []


async def test_what_can_t_be_forgotten_now_is_forgotten_later(tmp_path: Path) -> None:
    async with running(tmp_path, retention=100) as rig:
        session = await closed(rig)
        rig.archive.unusable = True
        await rig.pass_time(101)
        other = await closed(rig)
        await rig.pass_time(101)
        rig.archive.unusable = False
        await rig.pass_time(APART)
        for forgotten in (session, other):
            with pytest.raises(SessionExpired):
                await rig.pool.get(LOCAL, forgotten)


async def test_more_than_have_timers_are_forgotten_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_browser.pool.retention.MOST_TIMERS", 1)
    async with running(tmp_path, retention=100) as rig:
        sessions = [await closed(rig) for _ in range(3)]
        await rig.pass_time(99)
        assert {(await rig.pool.get(LOCAL, session)).state for session in sessions} == {"ended"}
        await rig.pass_time(APART)
        for session in sessions:
            with pytest.raises(SessionExpired):
                await rig.pool.get(LOCAL, session)


async def test_a_database_that_fails_at_the_start_is_said(tmp_path: Path) -> None:
    archive = FakeArchive()
    archive.unusable = True
    with pytest.raises(DatabaseUnusable, match="locked"):
        async with running(tmp_path, archive):
            pass
