"""Room for sessions: capacity, waiting, refusals, warm contexts."""

import asyncio
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint

from agent_browser.errors import PoolFull
from agent_browser.models.functions import (
    CloseInput,
    CloseOutput,
    ExecuteInput,
    ExecuteOutput,
    OpenInput,
)
from agent_browser.models.sessions import SessionCreate, SessionQuery
from agent_browser.pool.machine import Machine
from agent_browser.service import LOCAL
from tests.pool.rig import GB, URL, running

pytestmark = pytest.mark.anyio


async def test_five_hundred_opens_share_twenty_slots(tmp_path: Path) -> None:
    async with running(tmp_path, max_sessions=20, max_waiting=500, browsers=2) as rig:
        most = 0

        async def cycle() -> None:
            nonlocal most
            session = (await rig.open()).session_id
            most = max(most, len(rig.engine.contexts))
            rig.pool._check()
            await rig.pool.end(LOCAL, session)

        async with anyio.create_task_group() as tasks:
            for _ in range(500):
                tasks.start_soon(cycle)
        await rig.settle()
        assert 10 < most <= 20
        assert rig.leased == 0
        assert rig.noted.told.count(("opened", False)) == 500
        served = [browser.made for browser in rig.engine.browsers]
        assert min(served) > 100, "one browser had nearly all"


async def test_those_who_wait_are_served_in_order_of_arrival(tmp_path: Path) -> None:
    async with running(tmp_path, max_sessions=1) as rig:
        first = (await rig.open()).session_id
        order: list[int] = []

        async def wait(number: int) -> None:
            session = await rig.pool.create(LOCAL, SessionCreate())
            order.append(number)
            await rig.pool.end(LOCAL, session.id)

        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(wait, number)
            await rig.settle()
            assert rig.pool.statistics().waiting == 5
            await rig.pool.end(LOCAL, first)
        assert order == [0, 1, 2, 3, 4]
        assert rig.noted.told.count(("waited",)) == 5


async def test_a_full_queue_refuses_with_a_reason_and_a_time(tmp_path: Path) -> None:
    async with running(tmp_path, max_sessions=1, max_waiting=1, idle_timeout=90) as rig:
        first = (await rig.open()).session_id
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.open)
            await rig.settle()
            with pytest.raises(PoolFull) as caught:
                await rig.open()
            assert caught.value.fields == {"reason": "sessions", "retry_after": 90.0}
            await rig.pool.end(LOCAL, first)
        assert ("refused", "sessions") in rig.noted.told


async def test_who_waits_too_long_is_refused_and_leaves_the_queue(tmp_path: Path) -> None:
    async with running(tmp_path, max_sessions=1, wait_timeout=0.02) as rig:
        await rig.open()
        with pytest.raises(PoolFull):
            await rig.open()
        await rig.settle()
        assert rig.pool.statistics().waiting == 0


async def test_a_machine_short_of_memory_lets_no_more_in(tmp_path: Path) -> None:
    async with running(tmp_path, warm=2) as rig:
        session = (await rig.open()).session_id
        rig.machine.append(Machine(24 * GB, "", GB // 10, 2.0, ""))
        rig.clock.advance(2)
        with pytest.raises(PoolFull) as caught:
            await rig.open()
        assert caught.value.fields["reason"] == "memory"
        assert (await rig.pool.health(LOCAL)).pressure == "memory"
        assert (await rig.open(session)).status == 200
        await rig.pass_time(10)
        assert rig.pool.statistics().warm == 0


async def test_warm_contexts_are_made_ahead_and_taken(tmp_path: Path) -> None:
    async with running(tmp_path, warm=3, browsers=2) as rig:
        assert rig.pool.statistics().warm == 3
        ready = set(rig.engine.contexts)
        await rig.open()
        assert ("opened", True) in rig.noted.told
        await rig.settle()
        assert len([context for context in ready if context.used]) == 1
        assert rig.pool.statistics().warm == 3


async def test_a_warm_context_takes_the_options_that_it_can(tmp_path: Path) -> None:
    async with running(tmp_path, warm=1) as rig:
        (warm,) = rig.engine.contexts
        await rig.open(width=500, extra_headers={"a": "b"})
        assert [options.width for options in warm.applied] == [500]
        await rig.settle()
        await rig.open(locale="de")
        assert [told for told in rig.noted.told if told[0] == "opened"] == [
            ("opened", True),
            ("opened", False),
        ]


async def test_a_context_is_never_used_again(tmp_path: Path) -> None:
    async with running(tmp_path, warm=2, max_sessions=3) as rig:
        seen: list[object] = []
        for _ in range(10):
            session = (await rig.open()).session_id
            seen += [context for context in rig.engine.contexts if context.used]
            await rig.pool.end(LOCAL, session)
            await rig.settle()
        assert len(seen) == len(set(map(id, seen))) == 10


async def test_the_warm_set_grows_with_the_opens_and_shrinks_after(tmp_path: Path) -> None:
    async with running(tmp_path, warm=1, max_sessions=100) as rig:
        for _ in range(60):
            session = (await rig.open()).session_id
            await rig.pool.end(LOCAL, session)
            await rig.settle()
        grown = rig.pool.statistics().warm
        assert grown > 1
        for _ in range(12):
            await rig.pass_time(6)
        assert rig.pool.statistics().warm == 1


async def test_warm_contexts_leave_room_for_sessions(tmp_path: Path) -> None:
    async with running(tmp_path, warm=4, max_sessions=5) as rig:
        for _ in range(5):
            await rig.open()
            await rig.settle()
        assert len(rig.engine.contexts) == 5


async def test_an_open_under_way_counts_as_taken(tmp_path: Path) -> None:
    async with running(tmp_path, max_sessions=2) as rig:
        rig.engine.making = anyio.Event()
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(rig.open)
            await rig.settle()
            now = rig.pool.statistics()
            assert (now.opening, now.live, now.waiting) == (2, 0, 1)
            assert repr(rig.pool) == (
                "<Pool open, 0 live, 2 opening, 1 waiting, room for 2, 0 warm, 1 browsers>"
            )
            rig.engine.making.set()
            await rig.settle()
            (live, _) = (await rig.pool.list(LOCAL, SessionQuery(state="live", limit=9))).items
            await rig.pool.end(LOCAL, live.id)
        assert rig.engine.most_making <= 2


async def test_few_contexts_are_made_at_once_on_one_browser(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.engine.making = anyio.Event()
        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(rig.open)
            await rig.settle()
            rig.engine.making.set()
        assert rig.engine.most_making == 4
        assert rig.leased == 8


async def test_calls_on_one_session_run_one_at_a_time_in_order(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        (context,) = rig.engine.contexts
        done: list[int] = []

        async def run(number: int) -> None:
            await rig.call("execute", ExecuteInput(code="1+1"), session, ExecuteOutput)
            done.append(number)

        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(run, number)
        assert done == list(range(10))
        assert context.most_at_once == 1


async def test_a_call_on_a_session_at_rest_waits_for_nothing_but_its_action(tmp_path: Path) -> None:
    async with running(tmp_path) as rig, anyio.create_task_group() as tasks:
        session = (await rig.open()).session_id
        (context,) = rig.engine.contexts
        rounds = 0

        async def count() -> None:
            nonlocal rounds
            while True:
                await checkpoint()
                rounds += 1

        tasks.start_soon(count)
        await rig.settle()
        rounds = 0
        await context.execute(ExecuteInput(code="1+1"))
        alone, rounds = rounds, 0
        await rig.pool.call(LOCAL, "execute", ExecuteInput(code="1+1"), session=session)
        assert rounds == alone
        tasks.cancel_scope.cancel()


async def test_fifty_sessions_leave_no_task_behind(tmp_path: Path) -> None:
    async with running(tmp_path, warm=2) as rig:
        await rig.settle()
        before = asyncio.all_tasks()
        for number in range(50):
            session = (await rig.open(record_video=number % 2 == 0)).session_id
            await rig.call("execute", ExecuteInput(code="1+1"), session, ExecuteOutput)
            if number % 3:
                await rig.pool.end(LOCAL, session)
            else:
                await rig.call("close", CloseInput(), session, CloseOutput)
        await rig.settle()
        assert asyncio.all_tasks() == before


async def test_health_counts(tmp_path: Path) -> None:
    async with running(tmp_path, warm=1, browsers=2) as rig:
        await rig.open()
        await rig.pool.call(LOCAL, "open", OpenInput(url=URL), session=None)
        await rig.settle()
        health = await rig.pool.health(LOCAL)
        assert (health.status, health.live, health.ended, health.capacity) == ("ok", 1, 1, 10)
        assert (health.warm, health.browsers, health.pressure) == (1, 2, "none")
