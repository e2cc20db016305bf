"""A session's calls: in turn, within a deadline, and what becomes of them at its end."""

from pathlib import Path

import anyio
import pytest

from agent_browser.errors import (
    BrowserLost,
    DeadlineExceeded,
    SessionEnded,
    SessionQueueFull,
)
from agent_browser.models.functions import (
    CloseInput,
    CloseOutput,
    ExecuteInput,
    ExecuteOutput,
    SnapshotInput,
    SnapshotOutput,
)
from agent_browser.service import LOCAL
from tests.pool.rig import Rig, running

pytestmark = pytest.mark.anyio


async def execute(rig: Rig, session: str, **fields: object) -> ExecuteOutput:
    input = ExecuteInput.model_validate({"code": "1+1"} | fields)
    return await rig.call("execute", input, session, ExecuteOutput)


async def test_a_call_over_its_deadline_is_told_which_and_the_session_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_browser.session.deadlines.GRACE", 0)
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        rig.engine.acting = anyio.Event()
        with pytest.raises(DeadlineExceeded) as caught:
            await execute(rig, session, timeout=0.02)
        assert caught.value.fields == {"deadline": "execute", "seconds": 0.02}
        rig.engine.acting.set()
        assert (await execute(rig, session)).value == 2


async def test_a_first_call_over_its_deadline_leaves_no_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_browser.session.deadlines.GRACE", 0)
    async with running(tmp_path) as rig:
        rig.engine.acting = anyio.Event()
        with pytest.raises(DeadlineExceeded, match="navigation"):
            await rig.open(timeout=0.02)
        await rig.settle()
        assert rig.leased == 0


async def test_who_waits_too_long_for_a_turn_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_browser.session.session.QUEUE", 0.02)
    monkeypatch.setattr("agent_browser.session.deadlines.GRACE", 0)
    async with running(tmp_path) as rig, anyio.create_task_group() as tasks:
        session = (await rig.open()).session_id
        rig.engine.acting = anyio.Event()
        tasks.start_soon(rig.open, session)
        await rig.settle()
        with pytest.raises(DeadlineExceeded, match="queue"):
            await execute(rig, session, timeout=0.001)
        rig.engine.acting.set()


async def test_more_calls_than_its_queue_holds_are_refused(tmp_path: Path) -> None:
    async with running(tmp_path, session_queue=2) as rig, anyio.create_task_group() as tasks:
        session = (await rig.open()).session_id
        rig.engine.acting = anyio.Event()
        for _ in range(3):
            tasks.start_soon(execute, rig, session)
        await rig.settle()
        with pytest.raises(SessionQueueFull, match="2 calls wait"):
            await execute(rig, session)
        assert ("called", "execute", "", "refused") in rig.noted.told
        rig.engine.acting.set()


async def test_close_comes_in_turn_and_nothing_after_it(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        rig.engine.acting = anyio.Event()
        done: list[str] = []

        async def call() -> None:
            await execute(rig, session)
            done.append("call")

        async def close() -> None:
            await rig.call("close", CloseInput(), session, CloseOutput)
            done.append("close")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            tasks.start_soon(call)
            await rig.settle()
            tasks.start_soon(close)
            await rig.settle()
            with pytest.raises(SessionEnded):
                await execute(rig, session)
            rig.engine.acting.set()
        assert done == ["call", "call", "close"]


async def test_an_end_breaks_calls_off_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        rig.engine.acting = anyio.Event()

        async def call() -> None:
            with pytest.raises(SessionEnded):
                await execute(rig, session)

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(call)
            await rig.settle()
            await rig.pool.end(LOCAL, session)


async def test_a_browser_lost_while_a_close_waits_ends_it(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        rig.engine.acting = anyio.Event()

        async def call() -> None:
            with pytest.raises(SessionEnded):
                await execute(rig, session)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await rig.settle()
            tasks.start_soon(rig.call, "close", CloseInput(), session, CloseOutput)
            await rig.settle()
            rig.engine.browsers[0].lose()
        assert (await rig.pool.get(LOCAL, session)).end_reason == "closed"


async def test_a_context_that_says_it_is_lost_ends_the_session(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        rig.engine.browsers[0].lost = True
        with pytest.raises(BrowserLost):
            await execute(rig, session)
        with pytest.raises(SessionEnded) as caught:
            await rig.call("snapshot", SnapshotInput(), session, SnapshotOutput)
        assert caught.value.fields["end_reason"] == "browser_lost"
        await rig.settle()
        assert ("lost",) in rig.noted.told, "a browser lost in silence was not noticed"
        assert len(rig.engine.alive) == 1


async def test_an_ended_session_keeps_no_secrets(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        opened = await rig.open(proxy_url="http://p", proxy_password="hunter2")
        session = rig.pool._register.held("local", opened.session_id)
        assert session is not None
        assert session.options.proxy_password == "hunter2"
        await rig.pool.end(LOCAL, session.id)
        await rig.settle()
        assert session.options.proxy_password is None
        assert repr(session) == f"<Session {session.id} ended closed, 0 waiting>"
