"""What happens at the same time as a session falls asleep, or comes back."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from agent_browser.errors import (
    ControlTaken,
    PoolFull,
    SessionEnded,
    StorageFull,
)
from agent_browser.models.control import ControlInput
from agent_browser.models.functions import OpenInput
from agent_browser.models.records import Record
from agent_browser.models.sessions import SessionPatch, TimeoutsInput
from agent_browser.pool.machine import Machine
from agent_browser.service import LOCAL as ME
from agent_browser.service import Caller, FileHead
from tests.fakes.archive import FakeArchive
from tests.pool.rig import GB, ROOMY, URL, Rig, running
from tests.pool.test_hibernation import SAVED, auto, context_of, opened, state_of, url_of

pytestmark = pytest.mark.anyio

SHORT = Machine(24 * GB, "m", 1, 2.0, "p")


async def pieces(gate: anyio.Event | None = None) -> AsyncIterator[FileHead | bytes]:
    yield FileHead("letter.txt", "text/plain")
    if gate is not None:
        await gate.wait()
    yield b"dear Ada"


async def test_the_context_that_a_session_came_back_in_is_made_good(tmp_path: Path) -> None:
    async with running(tmp_path, **auto(warm=2)) as rig:
        session = await opened(rig)
        await rig.pool.hibernate(ME, session)
        await rig.settle()
        assert rig.pool.statistics().warm == 2
        await rig.pool.resume(ME, session)
        await rig.settle()
        assert rig.pool.statistics().warm == 2


async def test_a_rewind_while_it_falls_asleep_is_done_all_the_same(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        context_of(rig).store("n", "1")
        first = await rig.pool.checkpoint(ME, session)
        context_of(rig).store("n", "2")
        rig.engine.capturing = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.pool.hibernate, ME, session)
            await rig.settle()
            tasks.start_soon(rig.pool.rewind, ME, session, first.id)
            await rig.settle()
            rig.engine.capturing.set()
        [context] = rig.engine.contexts
        assert context.storage == {"n": "1"}


async def test_a_disk_that_is_full_at_the_end_leaves_what_was_saved_before(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        await rig.pass_time(SAVED)
        context_of(rig).store("n", "2")
        rig.checkpoints.full = True
        archive, checkpoints = rig.archive, rig.checkpoints
    assert archive.records[session].state == "hibernated"
    assert list(await checkpoints.keys()) == [session]


async def test_a_session_that_comes_back_as_the_pool_closes_is_saved_too(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        await rig.pool.hibernate(ME, session)
        rig.engine.restoring = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.pool.resume, ME, session)
            await rig.settle()
            tasks.start_soon(rig.pool.drain)
            await rig.settle()
            rig.engine.restoring.set()
        archive = rig.archive
    assert archive.records[session].state == "hibernated"


async def test_who_waits_for_a_session_that_stays_after_all_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        rig.engine.capturing = anyio.Event()

        async def refused() -> None:
            with pytest.raises(StorageFull):
                await rig.pool.hibernate(ME, session)

        rig.checkpoints.full = True
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(refused)
                await rig.settle()
                tasks.start_soon(rig.pool.resume, ME, session)
                tasks.start_soon(rig.pool.upload, ME, session, pieces())
                await rig.settle()
                rig.engine.capturing.set()
        assert [one.name for one in (await rig.pool.uploads(ME, session)).items] == ["letter.txt"]


async def test_a_session_that_ends_while_memory_is_short_holds_no_newcomer_up(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto()) as rig:
        first, second = await opened(rig), await opened(rig)
        await rig.pass_time(5)
        rig.machine.append(SHORT)
        rig.clock.advance(2)
        rig.engine.capturing = anyio.Event()
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(rig.open)
                await rig.settle()
                await rig.pool.end(ME, second)
                await rig.settle()
                rig.machine.append(ROOMY)
                rig.engine.capturing.set()
        assert await state_of(rig, first) == "hibernated"


class SlowArchive(FakeArchive):
    """One whose reads can be held."""

    gate: anyio.Event | None = None

    async def find(self, session_id: str) -> Record | None:
        found = await super().find(session_id)
        await checkpoint()
        if self.gate is not None:
            await self.gate.wait()
        return found


async def test_a_session_that_comes_back_as_its_retention_ends_is_not_forgotten(
    tmp_path: Path,
) -> None:
    archive = SlowArchive()
    async with running(tmp_path, archive, **auto(retention=1_000)) as rig:
        session = await opened(rig)
        await rig.pool.hibernate(ME, session)
        archive.gate = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.pool.resume, ME, session)
            await rig.settle()
            rig.clock.advance(1_001)
            await rig.settle()
            archive.gate.set()
        await rig.settle()
        assert "session.expired" not in rig.published.kinds(session)
        assert await state_of(rig, session) == "live"
        assert session in await rig.checkpoints.keys()


async def test_a_new_name_takes_no_time_from_what_was_kept_on(tmp_path: Path) -> None:
    async with running(tmp_path, **auto(retention=1_000)) as rig:
        session = await opened(rig)
        await rig.pool.hibernate(ME, session)
        await rig.pass_time(900)
        kept = (await rig.pool.heartbeat(ME, session)).expires_at
        await rig.pass_time(200)
        renamed = await rig.pool.update(ME, session, SessionPatch(name="mine"))
        assert (renamed.state, renamed.expires_at) == ("hibernated", kept)
        shorter = SessionPatch(timeouts=TimeoutsInput(retention=10))
        await rig.pool.update(ME, session, shorter)
        await rig.pass_time(1)
        assert rig.published.kinds(session)[-1] == "session.expired"


async def test_an_upload_under_way_is_use_and_is_waited_for(tmp_path: Path) -> None:
    async with running(tmp_path, **auto(max_sessions=1, wait_timeout=0.05)) as rig:
        session = await opened(rig)
        gate = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.pool.upload, ME, session, pieces(gate))
            await rig.pass_time(5)
            with pytest.raises(PoolFull):
                await opened(rig)
            tasks.start_soon(rig.pool.hibernate, ME, session)
            await rig.settle()
            assert await state_of(rig, session) == "live"
            gate.set()
        assert await state_of(rig, session) == "hibernated"
        assert [one.size for one in (await rig.pool.uploads(ME, session)).items] == [8]


async def test_control_outlives_hibernation_and_keeps_it_from_making_room(tmp_path: Path) -> None:
    other = Caller(owner=ME.owner, client="robot")
    async with running(tmp_path, **auto(max_sessions=1, wait_timeout=0.05)) as rig:
        session = await opened(rig)
        granted = await rig.pool.take_control(ME, session, ControlInput(lease=3_000))
        holder = Caller(owner=ME.owner, control=granted.token)
        await rig.pass_time(5)
        with pytest.raises(PoolFull):
            await opened(rig)
        await rig.pool.hibernate(holder, session)
        with pytest.raises(ControlTaken):
            await rig.pool.call(other, "open", OpenInput(url=URL), session=session)
        await rig.pool.call(holder, "open", OpenInput(url=URL), session=session)


async def test_a_newcomer_gets_the_room_of_a_session_that_comes_to_rest_while_it_waits(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto(max_sessions=1)) as rig:
        session = await opened(rig)
        rig.engine.acting = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(url_of, rig, session)
            await rig.settle()
            tasks.start_soon(rig.open)
            await rig.settle()
            rig.engine.acting.set()
            await rig.settle()
            await rig.pass_time(2)
        assert await state_of(rig, session) == "hibernated"


async def test_the_rule_to_freeze_loses_no_timer_where_it_could_not_be_done(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto(idle_timeout=100, max_duration=1_000)) as rig:
        session = await opened(rig)
        rule = SessionPatch(timeouts=TimeoutsInput(on_idle="freeze"))
        await rig.pool.update(ME, session, rule)
        rig.engine.capturing = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.pool.state, ME, session)
            await rig.settle()
            await rig.pass_time(101)
            rig.engine.capturing.set()
        for _ in range(10):
            await rig.pass_time(100)
        assert (await rig.pool.get(ME, session)).end_reason == "max_duration"


async def test_a_session_ended_as_its_context_closes_ends_with_its_videos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in ("session.session", "pool.residents"):
        monkeypatch.setattr(f"agent_browser.{room}.LAST_PATIENCE", 0.02)
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig, record_video=True)
        rig.engine.closing = anyio.Event()
        ended: list[str] = []

        async def hibernate() -> None:
            with pytest.raises(SessionEnded):
                await rig.pool.hibernate(ME, session)
            ended.append("hibernate")

        async def end() -> None:
            await rig.pool.end(ME, session)
            ended.append("end")

        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(hibernate)
                await rig.settle()
                tasks.start_soon(end)
                await anyio.sleep(0.1)  # until it waits for its turn no more
                rig.engine.closing.set()
        assert sorted(ended) == ["end", "hibernate"]
        assert len(rig.keeping.recordings_of[session]) == 1
        assert rig.leased == 0


async def test_who_looks_on_holds_a_session_over_a_lost_browser(tmp_path: Path) -> None:
    async with running(tmp_path, **auto(idle_timeout=100)) as rig:
        session = await opened(rig)
        await rig.pass_time(SAVED)
        async with rig.pool.attended(ME, session):
            rig.engine.browsers[0].lose()
            await rig.settle()
            await url_of(rig, session)
            await rig.pass_time(500)
            assert await state_of(rig, session) == "live"
        await rig.pass_time(101)
        assert await state_of(rig, session) == "hibernated"


async def test_a_sign_of_life_leaves_a_frozen_session_frozen(tmp_path: Path) -> None:
    async with running(tmp_path, **auto(idle_timeout=100)) as rig:
        session = await opened(rig)
        context_of(rig).holds = ("websocket",)
        await rig.pass_time(100)
        assert (await rig.pool.heartbeat(ME, session)).frozen
        assert context_of(rig).frozen


async def test_renewals_and_the_warning_are_what_they_were_after_it_slept(tmp_path: Path) -> None:
    async with running(tmp_path, **auto(idle_timeout=100)) as rig:
        session = await opened(rig)
        await rig.pool.renew(ME, session)
        await rig.pool.hibernate(ME, session)
        await rig.pool.renew(ME, session)
        await rig.pool.resume(ME, session)
        longer = SessionPatch(timeouts=TimeoutsInput(idle=1_800))
        now = await rig.pool.update(ME, session, longer)
        assert (now.renewal_count, now.timeouts.warning) == (2, 300)


async def test_a_call_that_was_moved_is_in_the_log_once(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        rig.engine.capturing = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.pool.hibernate, ME, session)
            await rig.settle()
            tasks.start_soon(url_of, rig, session)
            await rig.settle()
            rig.engine.capturing.set()
        logged = [(entry.function, entry.outcome) for entry in rig.archive.log[session]]
        assert logged == [("open", "ok"), ("snapshot", "ok")]


async def test_a_call_while_a_hibernated_session_is_ended_is_told_so(tmp_path: Path) -> None:
    archive = SlowArchive()
    async with running(tmp_path, archive, **auto()) as rig:
        session = await opened(rig)
        await rig.pool.hibernate(ME, session)
        archive.gate = anyio.Event()
        told: list[Any] = []

        async def call() -> None:
            try:
                told.append(await url_of(rig, session))
            except SessionEnded as exc:
                told.append(exc.fields["end_reason"])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.pool.end, ME, session)
            await rig.settle()
            tasks.start_soon(call)
            await rig.settle()
            archive.gate.set()
        assert told == ["closed"]


async def test_one_upload_is_kept_once_however_many_ask(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        await rig.pool.upload(ME, session, pieces())
        kept: list[Rig] = []

        async def look() -> None:
            await rig.pool.state(ME, session)
            kept.append(rig)

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(look)
        assert len(kept) == 3
        assert len(list((tmp_path / session).glob("*"))) == 1
