"""Callers who go away, at every point at which they can."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint

from agent_browser.models.functions import (
    CloseInput,
    CloseOutput,
    ExecuteInput,
    ExecuteOutput,
    InteractInput,
    InteractOutput,
    UploadFile,
)
from agent_browser.models.sessions import SessionCreate
from agent_browser.service import LOCAL
from tests.pool.rig import Rig, quiesce, running

pytestmark = pytest.mark.anyio

MOST = 400
"""Rounds of the loop after which a call that isn't done never will be."""


async def cancelled_after(rounds: int, work: Callable[[], Awaitable[object]]) -> bool:
    """Cancel it after so many rounds of the loop. Whether it was done before."""
    done = False

    async def run() -> None:
        nonlocal done
        await work()
        done = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        for _ in range(rounds):
            await checkpoint()
        tasks.cancel_scope.cancel()
    return done


async def at_every_point(
    rig: Rig, work: Callable[[], Awaitable[object]], look: Callable[[], None]
) -> None:
    """Cancel the work at each point there is, and each time look at what is left."""
    for rounds in range(MOST):
        done = await cancelled_after(rounds, work)
        await quiesce()
        rig.pool._check()
        if done:
            assert rounds > 1, "the work had no point to be cancelled at"
            return
        look()
    raise AssertionError("the work is never done")


@pytest.mark.parametrize("warm", [0, 2])
@pytest.mark.parametrize("options", [{}, {"width": 500}, {"locale": "de"}, {"record_video": True}])
@pytest.mark.parametrize("session", ["new", None])
async def test_a_cancelled_open_leaves_nothing(
    tmp_path: Path, warm: int, options: dict[str, object], session: str | None
) -> None:
    async with running(tmp_path, warm=warm) as rig:

        def look() -> None:
            assert rig.leased == 0
            now = rig.pool.statistics()
            assert (now.live, now.opening, now.waiting) == (0, 0, 0)
            assert not any(
                context.used for context in rig.engine.contexts if context not in leased(rig)
            )

        await at_every_point(rig, lambda: rig.open(session, **options), look)


async def test_a_cancelled_create_leaves_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, warm=0) as rig:

        def look() -> None:
            now = rig.pool.statistics()
            assert (now.live, now.opening, now.waiting) == (0, 0, 0)
            assert rig.leased == 0

        await at_every_point(rig, lambda: rig.pool.create(LOCAL, SessionCreate(locale="de")), look)


async def test_a_cancelled_wait_for_room_leaves_the_queue_and_passes_its_turn_on(
    tmp_path: Path,
) -> None:
    for rounds in range(40):
        async with running(tmp_path, max_sessions=1) as rig:
            first = (await rig.open()).session_id
            served: list[str] = []

            async def behind(rig: Rig, served: list[str]) -> None:
                served.append((await rig.open()).session_id)

            async with anyio.create_task_group() as tasks:
                with anyio.CancelScope() as scope:
                    tasks.start_soon(_cancel_after, rounds, scope, rig, first)
                    tasks.start_soon(behind, rig, served)
                    opened = await rig.open()
                    await rig.pool.end(LOCAL, opened.session_id)
            await rig.settle()
            assert len(served) == 1
            assert rig.pool.statistics().waiting == 0


async def _cancel_after(rounds: int, scope: anyio.CancelScope, rig: Rig, first: str) -> None:
    await checkpoint()
    await rig.pool.end(LOCAL, first)
    for _ in range(rounds):
        await checkpoint()
    scope.cancel()


@pytest.mark.parametrize("function", ["execute", "interact", "upload"])
async def test_a_cancelled_call_never_overlaps_the_next(tmp_path: Path, function: str) -> None:
    inputs = {
        "execute": ExecuteInput(code="1+1"),
        "interact": InteractInput(action="click", ref="@e1", screenshot=True),
        "upload": InteractInput(
            action="upload", ref="@e2", files=[UploadFile(name="a.txt", base64="YQ==")]
        ),
    }
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        (context,) = rig.engine.contexts

        def look() -> None:
            assert context.acting == 0
            assert rig.leased == 1

        async def work() -> None:
            name = "interact" if function == "upload" else function
            await rig.pool.call(LOCAL, name, inputs[function], session=session)
            await checkpoint()

        await at_every_point(rig, work, look)
        await rig.call("execute", ExecuteInput(code="1+1"), session, ExecuteOutput)
        assert context.most_at_once == 1


async def test_a_caller_that_goes_away_does_not_stop_its_action(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        rig.engine.acting = anyio.Event()
        async with anyio.create_task_group() as tasks:
            click = InteractInput(action="click", ref="@e1")
            tasks.start_soon(rig.call, "interact", click, session, InteractOutput)
            await rig.settle()
            tasks.cancel_scope.cancel()
            tasks.start_soon(_set_later, rig.engine.acting)
        assert (await rig.pool.get(LOCAL, session)).title == "Home"


async def _set_later(event: anyio.Event) -> None:
    with anyio.CancelScope(shield=True):
        await checkpoint()
        event.set()


async def test_a_call_cancelled_in_the_queue_lets_the_others_by(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        rig.engine.acting = anyio.Event()
        results: list[int] = []

        async def call(number: int, scope: anyio.CancelScope) -> None:
            with scope:
                await rig.call("execute", ExecuteInput(code="1+1"), session, ExecuteOutput)
                results.append(number)

        scopes = [anyio.CancelScope() for _ in range(4)]
        async with anyio.create_task_group() as tasks:
            for number, scope in enumerate(scopes):
                tasks.start_soon(call, number, scope)
            await rig.settle()
            scopes[1].cancel()
            scopes[2].cancel()
            await rig.settle()
            rig.engine.acting.set()
        assert results == [0, 3]


@pytest.mark.parametrize("record", [True, False])
@pytest.mark.parametrize("by", ["close", "end", "purge"])
async def test_a_cancelled_close_closes_all_the_same(tmp_path: Path, by: str, record: bool) -> None:
    async with running(tmp_path) as rig:

        async def close() -> None:
            session = sessions[-1]
            if by == "close":
                await rig.call("close", CloseInput(), session, CloseOutput)
            else:
                await rig.pool.end(LOCAL, session, purge=by == "purge")
            await checkpoint()

        for rounds in range(1, MOST):
            sessions = [(await rig.open(record_video=record)).session_id]
            done = await cancelled_after(rounds, close)
            await quiesce()
            rig.pool._check()
            assert rig.leased == 0
            if done:
                return
        raise AssertionError("close is never done")


def leased(rig: Rig) -> set[object]:
    """Contexts of live sessions."""
    return {lease.context for lease in rig.pool._residents._leases.values()}
