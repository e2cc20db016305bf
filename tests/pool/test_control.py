"""Control of a session in the pool: who is refused, who is told, what is under way."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from agent_browser.errors import ControlTaken, SessionEnded, SessionNotFound
from agent_browser.models.control import ControlGranted, ControlInput
from agent_browser.models.functions import (
    CloseInput,
    ExecuteInput,
    InteractInput,
    OpenInput,
    ScreenshotInput,
    SnapshotInput,
)
from agent_browser.service import LOCAL, Caller
from tests.pool.rig import OTHER, URL, Rig, running

pytestmark = pytest.mark.anyio
DAY, NIGHT = ControlInput(client="day shift"), ControlInput(client="night shift")
CLICK = InteractInput(action="click", ref="@e1")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with running(tmp_path) as made:
        yield made


async def take(
    rig: Rig, session: str, request: ControlInput = DAY
) -> tuple[Caller, ControlGranted]:
    granted = await rig.pool.take_control(LOCAL, session, request)
    return Caller(owner="local", control=granted.token), granted


async def test_actions_of_others_are_refused_and_looks_are_not(rig: Rig) -> None:
    session = (await rig.open()).session_id
    holder, _ = await take(rig, session)
    for function, input in [
        ("open", OpenInput(url=URL)), ("interact", CLICK), ("execute", ExecuteInput(code="1")),
        ("close", CloseInput()),
    ]:  # fmt: skip
        with pytest.raises(ControlTaken):
            await rig.pool.call(LOCAL, function, input, session=session)
    with pytest.raises(ControlTaken):
        await rig.pool.delete_upload(LOCAL, session, "x")
    await rig.pool.call(LOCAL, "snapshot", SnapshotInput(), session=session)
    await rig.pool.call(holder, "close", CloseInput(), session=session)
    await rig.pool.call(LOCAL, "close", CloseInput(), session=session)


async def test_the_older_holder_is_told_once(rig: Rig) -> None:
    session = (await rig.open()).session_id
    holder, _ = await take(rig, session)
    await rig.pool.take_control(holder, session, DAY)
    await take(rig, session, NIGHT)
    told = [data for kind, _, data in rig.published.told if kind == "control_taken"]
    assert told == [
        {"holder": "day shift", "previous": None},
        {"holder": "night shift", "previous": "day shift"},
    ]


async def test_a_call_under_way_is_done_and_those_that_wait_are_refused(rig: Rig) -> None:
    session = (await rig.open()).session_id
    rig.engine.acting = gate = anyio.Event()
    outcomes: list[str] = []

    async def click() -> None:
        try:
            await rig.pool.call(LOCAL, "interact", CLICK, session=session)
            outcomes.append("done")
        except ControlTaken:
            outcomes.append("refused")

    async with anyio.create_task_group() as group:
        group.start_soon(click)
        await rig.settle()
        group.start_soon(click)
        await rig.settle()
        holder, _ = await take(rig, session)
        gate.set()
    assert outcomes == ["done", "refused"]
    await rig.pool.call(holder, "interact", CLICK, session=session)


async def test_it_lapses_by_the_clock(rig: Rig) -> None:
    session = (await rig.open()).session_id
    await take(rig, session)
    await rig.pass_time(59)
    with pytest.raises(ControlTaken):
        await rig.pool.call(LOCAL, "interact", CLICK, session=session)
    await rig.pass_time(1)
    await rig.pool.call(LOCAL, "interact", CLICK, session=session)
    assert (await rig.pool.control(LOCAL, session)).holder is None


async def test_a_picture_by_its_holder_renews_it(rig: Rig) -> None:
    session = (await rig.open()).session_id
    holder, _ = await take(rig, session)
    for _ in range(2):
        await rig.pass_time(59)
        await rig.pool.capture(holder, session, ScreenshotInput())
    assert (await rig.pool.control(holder, session)).mine


async def test_of_another_s_session_and_of_one_that_ended_there_is_none(rig: Rig) -> None:
    session = (await rig.open()).session_id
    with pytest.raises(SessionNotFound):
        await rig.pool.take_control(OTHER, session, DAY)
    await rig.pool.end(LOCAL, session)
    for call in (rig.pool.control, rig.pool.give_up_control):
        with pytest.raises(SessionEnded):
            await call(LOCAL, session)


async def test_who_has_the_key_may_end_it_all_the_same(rig: Rig) -> None:
    session = (await rig.open()).session_id
    await take(rig, session)
    await rig.pool.end(LOCAL, session)
    assert (await rig.pool.get(LOCAL, session)).state == "ended"
