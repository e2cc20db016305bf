"""Shutdown: staged, bounded, and with videos that are whole."""

from pathlib import Path

import anyio
import pytest

from agent_browser.errors import PoolFull
from agent_browser.models.functions import ExecuteInput, ExecuteOutput
from agent_browser.service import LOCAL
from tests.pool.rig import running

pytestmark = pytest.mark.anyio


async def test_a_drained_pool_takes_nobody_and_has_final_videos(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open(record_video=True)).session_id
        await rig.pool.drain()
        assert (await rig.pool.get(LOCAL, session)).state == "hibernated"
        assert len(rig.keeping.recordings_of[session]) == 1
        with pytest.raises(PoolFull) as caught:
            await rig.open()
        assert caught.value.fields["reason"] == "draining"
        assert not (await rig.pool.readiness()).ready
        assert (await rig.pool.health(LOCAL)).status == "draining"
        await rig.pool.drain()


async def test_a_call_under_way_is_let_finish(tmp_path: Path) -> None:
    async with running(tmp_path, shutdown_timeout=30) as rig:
        session = (await rig.open()).session_id
        rig.engine.acting = anyio.Event()
        done: list[ExecuteOutput] = []

        async def call() -> None:
            done.append(await rig.call("execute", ExecuteInput(code="1+1"), session, ExecuteOutput))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await rig.settle()
            tasks.start_soon(rig.pool.drain)
            await rig.settle()
            assert (await rig.pool.get(LOCAL, session)).state == "live"
            rig.engine.acting.set()
        assert done[0].value == 2


@pytest.mark.parametrize("immediately", [True, False])
async def test_a_call_that_goes_on_too_long_is_broken_off(
    tmp_path: Path, immediately: bool
) -> None:
    async with running(tmp_path, shutdown_timeout=30 if immediately else 0.02) as rig:
        session = (await rig.open()).session_id
        rig.engine.acting = anyio.Event()

        async def call() -> None:
            with pytest.raises(PoolFull) as told:
                await rig.open(session)
            assert told.value.fields["reason"] == "draining"

        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(call)
                await rig.settle()
                tasks.start_soon(rig.pool.drain)
                await rig.settle()
                if immediately:
                    await rig.pool.drain(immediately=True)
        assert (await rig.pool.get(LOCAL, session)).state == "hibernated"


async def test_those_who_wait_for_room_are_refused(tmp_path: Path) -> None:
    async with running(tmp_path, max_sessions=1) as rig:
        await rig.open()

        async def call() -> None:
            with pytest.raises(PoolFull) as caught:
                await rig.open()
            assert caught.value.fields["reason"] == "draining"

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await rig.settle()
            await rig.pool.drain()


async def test_a_context_that_does_not_close_does_not_hold_the_shutdown_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_browser.pool.housing.CLOSE_DEADLINE", 0.02)
    with anyio.fail_after(5):
        async with running(tmp_path) as rig:
            await rig.open()
            rig.engine.closing = anyio.Event()


async def test_an_open_under_way_at_shutdown_leaves_nothing(tmp_path: Path) -> None:
    with anyio.fail_after(5):
        async with running(tmp_path) as rig:
            rig.engine.making = anyio.Event()

            async def call() -> None:
                with pytest.raises(Exception, match="gone"):
                    await rig.open()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(call)
                await rig.settle()
                await rig.pool.drain()
                rig.engine.making.set()


async def test_a_launch_under_way_at_shutdown_leaves_no_browser(tmp_path: Path) -> None:
    with anyio.fail_after(8):
        async with running(tmp_path) as rig:
            rig.engine.launching = anyio.Event()
            rig.engine.browsers[0].lose()
            await rig.settle()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(rig.pool.drain)
                await rig.settle()
                rig.engine.launching.set()


async def test_a_pool_whose_owner_is_cancelled_closes_all_the_same(tmp_path: Path) -> None:
    with anyio.CancelScope() as scope:
        async with running(tmp_path, warm=2) as rig:
            session = (await rig.open(record_video=True)).session_id
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert rig.engine.entered == 0
    assert rig.engine.alive == []
    assert len(rig.keeping.recordings_of[session]) == 1


async def test_an_error_in_the_body_is_not_hidden(tmp_path: Path) -> None:
    async def body() -> None:
        async with running(tmp_path) as rig:
            await rig.open()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await body()
