"""Browsers that don't start, are lost, are replaced."""

from pathlib import Path

import anyio
import pytest

from agent_browser.errors import BrowserLost, BrowserMissing, SessionEnded
from agent_browser.models.functions import CloseInput, CloseOutput, SnapshotInput, SnapshotOutput
from agent_browser.pool import policy
from agent_browser.service import LOCAL
from tests.pool.rig import Rig, running

pytestmark = pytest.mark.anyio


async def test_a_lost_browser_fails_calls_under_way_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        rig.engine.acting = anyio.Event()
        lost: list[str] = []

        async def call() -> None:
            with pytest.raises(BrowserLost):
                await rig.open(session)
            lost.append(session)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            tasks.start_soon(call)
            await rig.settle()
            rig.engine.browsers[0].lose()
        assert lost == [session, session]
        with pytest.raises(SessionEnded) as caught:
            await rig.open(session)
        assert caught.value.fields["end_reason"] == "browser_lost"
        assert ("lost",) in rig.noted.told


async def test_a_loss_that_nobody_saw_is_told_once(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        rig.engine.browsers[0].lose()
        await rig.settle()
        with pytest.raises(BrowserLost):
            await rig.call("snapshot", SnapshotInput(), session, SnapshotOutput)
        for _ in range(2):
            with pytest.raises(SessionEnded):
                await rig.call("snapshot", SnapshotInput(), session, SnapshotOutput)
        assert (await rig.call("close", CloseInput(), session, CloseOutput)).success


async def test_a_lost_browser_is_replaced_and_new_sessions_go_there(tmp_path: Path) -> None:
    async with running(tmp_path, warm=2) as rig:
        await rig.open()
        rig.engine.browsers[0].lose()
        await rig.settle()
        assert len(rig.engine.alive) == 1
        assert rig.engine.browsers[0].closed, "what was left of it was not cleared away"
        await rig.open()
        await rig.settle()
        now = rig.pool.statistics()
        assert (now.live, now.warm) == (1, 2)
        assert [(one.seat, one.generation) for one in now.browsers] == [(0, 2)]


async def test_no_session_is_opened_in_a_browser_that_died_unheard(tmp_path: Path) -> None:
    async with running(tmp_path, warm=2) as rig:
        old = (await rig.open()).session_id
        rig.engine.browsers[0].lose(unheard=True)
        await rig.open()
        assert [(one.seat, one.generation) for one in rig.pool.statistics().browsers] == [(0, 2)]
        assert (await rig.pool.get(LOCAL, old)).end_reason == "browser_lost"


async def test_sessions_of_the_other_browser_go_on(tmp_path: Path) -> None:
    async with running(tmp_path, browsers=2) as rig:
        sessions = [(await rig.open()).session_id for _ in range(4)]
        rig.engine.browsers[0].lose()
        await rig.settle()
        states = [(await rig.pool.get(LOCAL, session)).state for session in sessions]
        assert sorted(states) == ["ended", "ended", "live", "live"]


async def test_an_open_whose_browser_is_lost_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.engine.making = anyio.Event()

        async def call() -> None:
            with pytest.raises(BrowserLost):
                await rig.open()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await rig.settle()
            rig.engine.browsers[0].lose()
        rig.engine.making.set()
        await rig.open()


async def test_those_who_wait_go_to_the_next_browser(tmp_path: Path) -> None:
    async with running(tmp_path, max_sessions=1) as rig:
        await rig.open()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.open)
            await rig.settle()
            rig.engine.browsers[0].lose()
        assert rig.pool.statistics().live == 1


async def test_a_browser_that_keeps_dying_is_started_less_and_less_often(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        for _ in range(20):
            for browser in rig.engine.alive:
                browser.lose()
            await rig.pass_time(1)
        assert 3 <= len(rig.engine.browsers) <= 8
        await rig.pass_time(31)
        assert len(rig.engine.alive) == 1
        await rig.open()


async def test_a_browser_that_lived_long_is_started_again_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        for _ in range(5):
            await rig.pass_time(100)
            rig.engine.alive[0].lose()
            await rig.settle()
            assert len(rig.engine.alive) == 1


async def test_without_a_browser_an_open_is_told_the_cure_and_does_not_hang(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as rig:
        rig.engine.launch_fails = BrowserMissing("run 'agent-browser install'")
        rig.engine.browsers[0].lose()
        await rig.settle()
        for _ in range(2):
            with pytest.raises(BrowserMissing, match="agent-browser install"):
                await rig.open()
        readiness = await rig.pool.readiness()
        assert not readiness.ready
        assert "agent-browser install" in readiness.detail
        assert (await rig.pool.health(LOCAL)).status == "unavailable"
        rig.engine.launch_fails = None
        await rig.pass_time(31)
        await rig.open()


async def test_opens_that_wait_for_a_browser_that_does_not_start_are_told(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.engine.launching = anyio.Event()
        rig.engine.launch_fails = RuntimeError("secret")
        rig.engine.browsers[0].lose()

        async def call() -> None:
            with pytest.raises(BrowserLost) as caught:
                await rig.open()
            assert "secret" not in caught.value.detail

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await rig.settle()
            rig.engine.launching.set()


async def test_a_browser_is_replaced_after_so_many_contexts(tmp_path: Path) -> None:
    async with running(tmp_path, recycle_contexts=5, max_sessions=20) as rig:
        kept = [(await rig.open()).session_id for _ in range(5)]
        await rig.settle()
        stages = [(one.generation, one.stage) for one in rig.pool.statistics().browsers]
        assert stages == [(1, "draining"), (2, "up")]
        await rig.open()
        assert [len(browser.contexts) for browser in rig.engine.browsers] == [5, 1]
        for session in kept:
            assert (await rig.open(session)).status == 200
            await rig.pool.end(LOCAL, session)
        await rig.settle()
        assert rig.engine.browsers[0].closed
        assert ("recycled", "contexts") in rig.noted.told
        assert ("lost",) not in rig.noted.told


async def test_there_is_never_a_gap_while_a_browser_is_replaced(tmp_path: Path) -> None:
    async with running(tmp_path, recycle_contexts=2) as rig:
        rig.engine.launching = anyio.Event()
        for _ in range(4):
            await rig.open()
        assert len(rig.engine.browsers) == 1
        rig.engine.launching.set()
        await rig.settle()
        await rig.open()
        assert [len(browser.contexts) for browser in rig.engine.browsers] == [4, 1]


async def test_a_replacement_that_does_not_start_leaves_the_old_one(tmp_path: Path) -> None:
    async with running(tmp_path, recycle_contexts=3) as rig:
        rig.engine.launch_fails = BrowserMissing("gone")
        for _ in range(4):
            await rig.open()
            await rig.settle()
        assert rig.leased == 4
        rig.engine.launch_fails = None
        await rig.pass_time(31)
        await rig.open()
        await rig.settle()
        assert len(rig.engine.alive) == 2


async def test_a_browser_is_replaced_when_it_takes_too_much_memory(tmp_path: Path) -> None:
    async with running(tmp_path, recycle_memory=2**30, warm=1) as rig:
        rig.engine.browsers[0].bytes = 2**31
        rig.clock.advance(31)
        with anyio.fail_after(5):
            while len(rig.engine.browsers) < 2:
                await rig.settle()
        await rig.settle()
        assert rig.engine.browsers[0].closed
        assert ("recycled", "memory") in rig.noted.told
        assert rig.pool.statistics().warm == 1


async def open_and_end(rig: Rig, count: int) -> None:
    for _ in range(count):
        await rig.pool.end(LOCAL, (await rig.open()).session_id)
    await rig.settle()


async def test_a_used_browser_is_replaced_when_nobody_was_in_it_for_a_while(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, warm=2) as rig:
        await open_and_end(rig, policy.WORN_AT_REST)
        await rig.pass_time(policy.REST_AFTER - 1)
        assert len(rig.engine.browsers) == 1
        await rig.pass_time(2)
        assert [browser.closed for browser in rig.engine.browsers] == [True, False]
        assert ("recycled", "rest") in rig.noted.told
        assert rig.pool.statistics().warm == 2


async def test_a_little_used_browser_is_kept_at_rest(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        await open_and_end(rig, policy.WORN_AT_REST // 3)
        await rig.pass_time(policy.REST_AFTER + 60)
        assert len(rig.engine.browsers) == 1


async def test_a_browser_that_is_used_again_in_time_is_not_at_rest(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        await open_and_end(rig, policy.WORN_AT_REST)
        await rig.pass_time(policy.REST_AFTER - 1)
        session = (await rig.open()).session_id
        await rig.pass_time(policy.REST_AFTER + 60)
        assert len(rig.engine.browsers) == 1
        await rig.pool.end(LOCAL, session)
        await rig.settle()
        await rig.pass_time(policy.REST_AFTER + 1)
        assert len(rig.engine.browsers) == 2


async def test_a_context_that_does_not_close_frees_its_slot_and_costs_the_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_browser.pool.housing.CLOSE_DEADLINE", 0.02)
    async with running(tmp_path, max_sessions=1) as rig:
        session = (await rig.open()).session_id
        rig.engine.closing = anyio.Event()
        await rig.pool.end(LOCAL, session)
        await rig.open()
        await rig.settle()
        assert ("recycled", "stuck") in rig.noted.told
        rig.engine.closing.set()


async def test_every_browser_is_asked_whether_it_is_ready(tmp_path: Path) -> None:
    async with running(tmp_path, browsers=2) as rig:
        readiness = await rig.pool.readiness()
        assert readiness.ready
        assert readiness.browser == "FakeBrowser/1.0"
        assert readiness.detail == "2 of 2 browsers answered"
        assert readiness.warnings == ("pages are in memory",)
