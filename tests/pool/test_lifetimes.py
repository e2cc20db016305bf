"""Sessions near their end and past it: timers, renewals, who is there, and what is told of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from agent_browser.errors import (
    CannotRenew,
    InvalidTimeout,
    NavigationFailed,
    SessionEnded,
    SessionNotFound,
)
from agent_browser.models.functions import (
    CloseInput,
    CloseOutput,
    ExecuteInput,
    ExecuteOutput,
    OpenInput,
)
from agent_browser.models.sessions import SessionCreate, SessionPatch, TimeoutsInput
from agent_browser.service import LOCAL, Caller
from tests.fakes.clock import ManualClock
from tests.pool.rig import OTHER, URL, Rig, running

pytestmark = pytest.mark.anyio

START = datetime(2026, 11, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


async def made(rig: Rig, caller: Caller = LOCAL, **timeouts: object) -> str:
    asked = TimeoutsInput.model_validate(timeouts)
    return (await rig.pool.create(caller, SessionCreate(timeouts=asked))).id


async def beat(rig: Rig, session: str) -> None:
    await rig.pool.heartbeat(LOCAL, session)


async def test_a_session_is_warned_of_and_then_lapses(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = await made(rig, idle=100, warning=30)
        await rig.pass_time(69)
        assert (await rig.pool.get(LOCAL, session)).phase == "active"
        await rig.pass_time(1)
        assert (await rig.pool.get(LOCAL, session)).phase == "near_expiration"
        assert rig.published.last("session.expiring") == {
            "seconds_left": 30,
            "expires_at": "2026-11-01T00:01:40.000Z",
            "reason": "idle",
        }
        await rig.pass_time(30)
        ended = await rig.pool.get(LOCAL, session)
        assert (ended.state, ended.phase, ended.end_reason) == ("ended", "ended", "idle")
        assert (ended.ended_at, ended.expires_at) == (at(100), None)
        assert rig.published.kinds(session) == [
            "session.created",
            "session.started",
            "session.expiring",
            "session.ended",
        ]
        assert rig.published.last("session.ended") == {
            "reason": "idle",
            "ended_at": "2026-11-01T00:01:40.000Z",
        }


async def test_a_warning_is_told_once_a_period(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = await made(rig, idle=100, warning=30)
        for _ in range(3):
            await rig.pass_time(80)
            await rig.pass_time(5)
            await beat(rig, session)
        assert rig.published.kinds(session).count("session.expiring") == 3


async def test_a_heartbeat_keeps_a_session_that_is_not_used(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = await made(rig, idle=100)
        for _ in range(5):
            await rig.pass_time(90)
            await beat(rig, session)
        found = await rig.pool.get(LOCAL, session)
        assert (found.last_activity_at, found.expires_at) == (at(0), at(550))
        assert found.renewal_count == 0
        await rig.pass_time(100)
        assert (await rig.pool.get(LOCAL, session)).end_reason == "idle"


async def test_a_session_without_automatic_renewal_ends_though_it_is_used(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = await made(rig, idle=100, auto_renew=False)
        await rig.pass_time(90)
        await rig.open(session)
        await beat(rig, session)
        renewed = await rig.pool.renew(LOCAL, session)
        assert (renewed.expires_at, renewed.renewal_count) == (at(190), 1)
        told = {"expires_at": "2026-11-01T00:03:10.000Z", "renewal_count": 1}
        assert rig.published.last("session.renewed") == told
        await rig.pass_time(99)
        await rig.open(session)
        await rig.pass_time(1)
        with pytest.raises(SessionEnded, match="idle"):
            await rig.open(session)


async def test_a_call_past_a_fixed_end_is_done_and_then_the_session_ends(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = await made(rig, idle=100, auto_renew=False)
        await rig.open(session)
        rig.engine.acting = anyio.Event()
        answers: list[ExecuteOutput] = []

        async def call() -> None:
            answers.append(
                await rig.call("execute", ExecuteInput(code="1+1"), session, ExecuteOutput)
            )

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await rig.settle()
            await rig.pass_time(150)
            assert (await rig.pool.get(LOCAL, session)).state == "live"
            rig.engine.acting.set()
        await rig.settle()
        assert [answer.value for answer in answers] == [2]
        assert (await rig.pool.get(LOCAL, session)).end_reason == "idle"


async def test_at_its_longest_life_a_session_can_t_be_renewed(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = await made(rig, idle=100, max_duration=150)
        await rig.pass_time(60)
        await rig.pool.renew(LOCAL, session)
        with pytest.raises(CannotRenew) as caught:
            await rig.pool.renew(LOCAL, session)
        assert caught.value.fields == {"ends_at": "2026-11-01T00:02:30.000Z"}
        assert (await rig.pool.get(LOCAL, session)).renewal_count == 1
        await rig.pass_time(60)
        assert rig.published.last("session.expiring")["reason"] == "max_duration"
        await rig.pass_time(30)
        assert (await rig.pool.get(LOCAL, session)).end_reason == "max_duration"


async def test_who_looks_on_keeps_a_session_alive_and_does_not_use_it(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = await made(rig, idle=100, warning=30)
        async with rig.pool.attended(LOCAL, session) as seen:
            assert seen.id == session
            for _ in range(10):
                await rig.pass_time(90)
            found = await rig.pool.get(LOCAL, session)
            assert (found.phase, found.last_activity_at) == ("active", at(0))
            remembered = rig.archive.records[session].expires_at
            assert remembered is not None
            assert remembered > at(900), "a restart would take it for one that had lapsed"
        assert "session.expiring" not in rig.published.kinds(session)
        await rig.pass_time(100)
        assert (await rig.pool.get(LOCAL, session)).end_reason == "idle"


async def test_an_ended_session_can_be_looked_at_and_another_owner_s_can_t(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = await made(rig)
        await rig.pool.end(LOCAL, session)
        async with rig.pool.attended(LOCAL, session) as seen:
            assert seen.state == "ended"
        with pytest.raises(SessionNotFound):
            async with rig.pool.attended(OTHER, session):
                pass


async def test_a_session_that_ends_while_somebody_looks_on_stays_ended(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = await made(rig)
        async with rig.pool.attended(LOCAL, session):
            await rig.pool.end(LOCAL, session, purge=True)
        await rig.settle()
        assert session not in rig.archive.records


async def test_other_timeouts_are_in_force_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = await made(rig, idle=1_000)
        await rig.pass_time(50)
        patch = SessionPatch(timeouts=TimeoutsInput(idle=60, warning=20))
        changed = await rig.pool.update(LOCAL, session, patch)
        assert (changed.expires_at, changed.timeouts.warning) == (at(60), 20)
        await rig.pass_time(10)
        assert (await rig.pool.get(LOCAL, session)).end_reason == "idle"


async def test_a_timeout_out_of_range_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = await made(rig, idle=1_000)
        patch = SessionPatch(name="new", timeouts=TimeoutsInput(idle=60, warning=90_000))
        with pytest.raises(InvalidTimeout, match="warning must be between 0 and 86400"):
            await rig.pool.update(LOCAL, session, patch)
        found = await rig.pool.get(LOCAL, session)
        assert (found.name, found.timeouts.idle) == (None, 1_000)


async def test_timers_don_t_pile_up_with_heartbeats_and_calls(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = await made(rig, idle=1_000)
        timers = len(rig.pool._sweep._heap)
        for _ in range(300):
            await beat(rig, session)
            await rig.pool.call(LOCAL, "open", OpenInput(url=URL), session=session)
        assert len(rig.pool._sweep._heap) <= timers + 70


async def test_many_idle_sessions_wake_nobody_before_one_is_due(tmp_path: Path) -> None:
    async with running(tmp_path, max_sessions=300) as rig:
        for number in range(300):
            await made(rig, idle=1_000 + number)
        sweeps = 0
        sweep = rig.pool._sweep.sweep

        def counted() -> float:
            nonlocal sweeps
            sweeps += 1
            return sweep()

        rig.pool._sweep.sweep = counted  # type: ignore[method-assign]
        await rig.settle()
        assert sweeps == 0


async def test_a_wall_clock_that_jumps_ends_and_prolongs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, retention=500) as rig:
        session, other = await made(rig, idle=100), await made(rig)
        await rig.pool.end(LOCAL, other)
        await rig.settle()
        real = ManualClock.now
        monkeypatch.setattr(ManualClock, "now", lambda clock: real(clock) + timedelta(days=400))
        await rig.pass_time(99)
        assert (await rig.pool.get(LOCAL, session)).state == "live"
        assert (await rig.pool.get(LOCAL, other)).state == "ended"
        monkeypatch.setattr(ManualClock, "now", lambda clock: real(clock) - timedelta(days=400))
        await rig.pass_time(1)
        assert (await rig.pool.get(LOCAL, session)).end_reason == "idle"
        assert (await rig.pool.get(LOCAL, other)).state == "ended"


async def test_a_second_client_s_name_is_told_once(tmp_path: Path) -> None:
    ann, bob = Caller("local", client="ann"), Caller("local", client="bob")
    async with running(tmp_path) as rig:
        session = await made(rig, ann)
        for caller in (ann, LOCAL, bob, ann, bob):
            await rig.pool.call(caller, "open", OpenInput(url=URL), session=session)
        joined = [told for told in rig.published.told if told[0] == "session.joined"]
        assert joined == [("session.joined", session, {"client": "bob"})]


async def test_a_failed_call_is_told_with_what_is_left_of_the_session(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        with pytest.raises(NavigationFailed):
            await rig.open(session, url="http://nowhere/unknown")
        told = rig.published.last("session.error")
        assert (told["code"], told["recoverable"]) == ("navigation_failed", True)
        rig.engine.browsers[0].lost = True
        with pytest.raises(Exception, match="browser"):
            await rig.open(session)
        told = rig.published.last("session.error")
        assert (told["code"], told["recoverable"]) == ("browser_lost", False)


async def test_a_refused_call_is_no_error_of_the_session(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = await made(rig)
        with pytest.raises(InvalidTimeout):
            await rig.open(session, timeout=90_000)
        await rig.call("close", CloseInput(), session, CloseOutput)
        with pytest.raises(SessionEnded):
            await rig.open(session)
        assert "session.error" not in rig.published.kinds(session)
