"""What pages tell reaches who follows, and who follows is told to the pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent_browser.hub import Follow, Hub, Missed, Subscription
from agent_browser.models.events import Event, EventType
from agent_browser.models.functions import CloseInput, CloseOutput, ExecuteInput, ExecuteOutput
from agent_browser.models.sessions import SessionCreate
from tests.fakes.tab import SAYS
from tests.pool.rig import OTHER, URL, Rig, running

pytestmark = pytest.mark.anyio

CONSOLE: frozenset[EventType] = frozenset({"console"})


@asynccontextmanager
async def heard(folder: Path) -> AsyncIterator[tuple[Rig, Hub]]:
    hub = Hub()
    async with running(folder, hub=hub) as rig:
        yield rig, hub


def told(events: Subscription) -> list[Event]:
    """What was told so far."""
    found = []
    while (item := events.take()) is not None:
        assert not isinstance(item, Missed)
        found.append(item.event)
    return found


def kinds(events: Subscription) -> list[str]:
    """The types of that."""
    return [event.type for event in told(events)]


async def said(rig: Rig, session: str) -> None:
    """The page writes a line to its console."""
    await rig.call("execute", ExecuteInput(code=SAYS), session, ExecuteOutput)


async def test_a_session_is_told_from_its_making_to_its_end(tmp_path: Path) -> None:
    async with heard(tmp_path) as (rig, hub):
        with hub.subscribe(Follow("local")) as events:
            opened = await rig.open()
            await said(rig, opened.session_id)
            await rig.call("close", CloseInput(), opened.session_id, CloseOutput)
            await rig.settle()
            assert kinds(events) == [
                "session.created",
                "session.started",
                "navigated",
                "console",
                "session.ended",
            ]


async def test_a_page_is_told_of_its_session_and_owner(tmp_path: Path) -> None:
    async with heard(tmp_path) as (rig, hub):
        opened = await rig.open()
        with hub.subscribe(Follow("local", opened.session_id), after=0) as events:
            *_, last = told(events)
            assert last.session_id == opened.session_id
            assert last.data["url"] == URL
        with hub.subscribe(Follow("other"), after=0) as events:
            assert kinds(events) == []


async def test_the_console_is_listened_to_only_while_somebody_follows_it(tmp_path: Path) -> None:
    async with heard(tmp_path) as (rig, hub):
        first = (await rig.open()).session_id
        await said(rig, first)
        with hub.subscribe(Follow("local", first, CONSOLE)) as events:
            second = (await rig.open()).session_id
            others = (await rig.pool.create(OTHER, SessionCreate())).id
            await said(rig, first)
            await said(rig, second)
            assert kinds(events) == ["console"]
            heeded = [context._tab.heeded for context in rig.engine.contexts]
            assert sorted(map(len, heeded)) == [0, 0, 1]
            assert others
        assert all(not context._tab.heeded for context in rig.engine.contexts)
        await said(rig, first)
        with hub.subscribe(Follow("local", None, CONSOLE), after=0) as events:
            assert kinds(events) == ["console"]


async def test_a_session_that_comes_later_is_heard_by_who_follows_all(tmp_path: Path) -> None:
    async with heard(tmp_path) as (rig, hub):
        with hub.subscribe(Follow("local", None, CONSOLE)) as events:
            await said(rig, (await rig.open()).session_id)
            assert kinds(events) == ["console"]
