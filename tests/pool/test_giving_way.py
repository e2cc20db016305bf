"""States are saved when nobody waits for a session that is being opened, and no longer asked for
than anybody needs them.
"""

from pathlib import Path
from typing import Any

import anyio
import pytest

from agent_browser.errors import CannotHibernate
from agent_browser.models.checkpoints import State
from agent_browser.models.functions import CloseInput, CloseOutput
from agent_browser.pool import checkpointing
from agent_browser.service import LOCAL as ME
from tests.pool.rig import Rig, quiesce, running
from tests.pool.test_hibernation import SAVED, auto, context_of, opened, state_of

pytestmark = pytest.mark.anyio


async def test_a_state_that_is_due_waits_until_nobody_waits_for_a_session_that_is_being_opened(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        saved = context_of(rig)
        async with anyio.create_task_group() as tasks:
            rig.engine.acting = anyio.Event()
            tasks.start_soon(opened, rig)
            await quiesce()
            await rig.pass_time(SAVED)
            for _ in range(10):  # of itself nothing is looked at again and again
                before = _timers(rig)
                await rig.pass_time(checkpointing.A_WHILE)
                assert _timers(rig) == before
            assert (saved.captures, list(await rig.checkpoints.keys())) == (0, [])
            rig.engine.acting.set()
        await rig.settle()
        assert saved.captures == 0
        await rig.pass_time(checkpointing.A_WHILE)
        assert saved.captures == 1
        assert session in await rig.checkpoints.keys()


async def test_a_state_does_not_give_way_for_ever(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        async with anyio.create_task_group() as tasks:
            rig.engine.acting = anyio.Event()
            tasks.start_soon(opened, rig)
            await quiesce()
            await rig.pass_time(SAVED)
            assert session not in await rig.checkpoints.keys()
            await rig.pass_time(checkpointing.GIVES_WAY)
            assert session in await rig.checkpoints.keys()
            rig.engine.acting.set()


async def test_those_that_gave_way_go_on_doing_so_while_the_next_one_is_being_opened(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                before, rig.engine.acting = rig.engine.acting, anyio.Event()
                tasks.start_soon(opened, rig)
                await quiesce()
                before.set()
                await rig.pass_time(SAVED)
                assert session not in await rig.checkpoints.keys()
            rig.engine.acting.set()
        await rig.pass_time(checkpointing.A_WHILE)
        assert session in await rig.checkpoints.keys()


async def test_one_that_gave_way_and_is_ended_is_not_saved(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        async with anyio.create_task_group() as tasks:
            rig.engine.acting = anyio.Event()
            tasks.start_soon(opened, rig)
            await quiesce()
            await rig.pass_time(SAVED)
            await rig.call("close", CloseInput(), session, CloseOutput)
            rig.engine.acting.set()
        await rig.pass_time(checkpointing.GIVES_WAY)
        assert session not in await rig.checkpoints.keys()


async def test_what_holds_something_is_refused_though_its_state_is_not_read_yet(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        await rig.pass_time(SAVED)
        context_of(rig).holds = ("websocket",)
        rig.engine.capturing = anyio.Event()
        with anyio.fail_after(5), pytest.raises(CannotHibernate):
            await rig.pool.hibernate(ME, session)
        assert await state_of(rig, session) == "live"
        rig.engine.capturing.set()
        context_of(rig).holds = ()
        assert (await rig.pool.hibernate(ME, session)).state == "hibernated"


async def test_a_state_that_can_not_be_read_is_told_though_pages_hold_nothing(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        await rig.pass_time(SAVED)

        async def capture(*, thorough: bool = False) -> State:
            raise CannotHibernate(["download"])

        context_of(rig).capture = capture  # type: ignore[method-assign]  # no page can
        with pytest.raises(CannotHibernate, match="download"):
            await rig.pool.hibernate(ME, session)
        assert await state_of(rig, session) == "live"


async def test_of_an_idle_session_that_holds_something_nothing_is_read(tmp_path: Path) -> None:
    async with running(tmp_path, **auto(idle_timeout=100)) as rig:
        session = await opened(rig)
        await rig.pass_time(SAVED)
        context_of(rig).holds = ("websocket",)
        before = context_of(rig).captures
        await rig.pass_time(100)
        assert await state_of(rig, session) == "live"
        assert context_of(rig).captures == before


def _timers(rig: Rig) -> Any:
    """All that are set, but for when: each one that is set anew has another number."""
    return {key: number for key, (number, _) in rig.pool._sweep._entries.items()}
