"""The directory: what is live is told as it is now, the rest as the archive has it."""

from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from agent_browser.browser.engine import Page
from agent_browser.errors import DatabaseUnusable, SessionNotFound
from agent_browser.models.functions import ExecuteInput, ExecuteOutput
from agent_browser.models.sessions import (
    Session,
    SessionCreate,
    SessionPatch,
    SessionQuery,
)
from agent_browser.service import LOCAL
from agent_browser.session import session as held
from tests.pool.rig import OTHER, Rig, running

pytestmark = pytest.mark.anyio


async def made(rig: Rig, name: str, **fields: object) -> Session:
    request = SessionCreate.model_validate({"name": name, **fields})
    return await rig.pool.create(LOCAL, request)


async def names(rig: Rig, **query: object) -> list[str | None]:
    asked = SessionQuery.model_validate(query)
    return [item.name for item in (await rig.pool.list(LOCAL, asked)).items]


async def test_pinned_sessions_come_first_and_then_the_most_recent(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        for name in ("a", "b", "c"):
            await made(rig, name, pinned=name == "a")
            rig.clock.advance(1)
        assert await names(rig) == ["a", "c", "b"]
        assert await names(rig, pinned=True) == ["a"]
        assert await names(rig, pinned=False, limit=1) == ["c"]


async def test_a_list_is_filtered_by_tag_state_phase_and_words(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        await made(rig, "far", tags=["x"])
        rig.clock.advance(1)
        near = await made(rig, "near", tags=["x", "y"], timeouts={"idle": 100, "warning": 40})
        over = await made(rig, "over")
        await rig.pool.end(LOCAL, over.id)
        await rig.open(near.id)
        await rig.pass_time(70)
        assert await names(rig, tag=["x"]) == ["near", "far"]
        assert await names(rig, tag=["x", "y"]) == ["near"]
        assert await names(rig, name="near") == await names(rig, id_prefix=near.id[:-1]) == ["near"]
        assert await names(rig, state="ended") == ["over"]
        assert await names(rig, phase="near_expiration") == ["near"]
        assert await names(rig, phase="active") == ["far"]
        assert await names(rig, q="form") == ["near"], "of the page's title"
        assert await names(rig, q="nothing has this") == []


async def test_a_live_session_is_listed_as_it_is_now(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        await rig.pass_time(5)
        rig.engine.acting = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.call, "execute", ExecuteInput(code="1"), session, ExecuteOutput)
            await rig.pass_time(0)
            await rig.pass_time(100)
            (listed,) = (await rig.pool.list(LOCAL, SessionQuery())).items
            found = await rig.pool.get(LOCAL, session)
            rig.engine.acting.set()
        assert listed == found
        began = rig.clock.now() - timedelta(seconds=100)
        assert listed.last_activity_at == began, "the record has the end of the call before"


async def test_of_two_names_at_once_the_last_stays_and_both_are_told(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await made(rig, "first")).id
        answers: list[str | None] = []

        async def rename(name: str) -> None:
            answers.append((await rig.pool.update(LOCAL, session, SessionPatch(name=name))).name)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rename, "second")
            tasks.start_soon(rename, "third")
        found = await rig.pool.get(LOCAL, session)
        assert sorted(filter(None, answers)) == ["second", "third"]
        assert found.name == answers[-1] == rig.archive.records[session].name
        told = [data for kind, _, data in rig.published.told if kind == "session.renamed"]
        assert [data["name"] for data in told] == answers
        assert told[1]["previous"] == told[0]["name"]


async def test_of_two_names_at_once_of_an_ended_session_each_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_browser.pool.register.MAX_RECENT", 0)
    async with running(tmp_path) as rig:
        session = (await made(rig, "first")).id
        await rig.pool.end(LOCAL, session)
        await rig.settle()
        async with anyio.create_task_group() as tasks:
            for name in ("second", "third"):
                tasks.start_soon(rig.pool.update, LOCAL, session, SessionPatch(name=name))
        told = [data for kind, _, data in rig.published.told if kind == "session.renamed"]
        assert [data["previous"] for data in told] == ["first", told[0]["name"]]
        assert (await rig.pool.get(LOCAL, session)).name == told[1]["name"]


async def test_a_name_of_null_takes_the_name_away(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await made(rig, "first", tags=["t"])).id
        changed = await rig.pool.update(LOCAL, session, SessionPatch(name=None, pinned=True))
        assert (changed.name, changed.pinned, changed.tags) == (None, True, ["t"])
        assert rig.published.last("session.pinned") == {"pinned": True}


async def test_a_database_that_fails_stops_no_call(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.archive.unusable = True
        session = (await rig.open()).session_id
        await rig.open(session)
        await rig.pool.renew(LOCAL, session)
        await rig.pool.heartbeat(LOCAL, session)
        await rig.pool.update(LOCAL, session, SessionPatch(name="n"))
        assert (await rig.pool.get(LOCAL, session)).name == "n"
        await rig.pool.end(LOCAL, session)
        assert (await rig.pool.get(LOCAL, session)).state == "ended"
        with pytest.raises(DatabaseUnusable):
            await rig.pool.list(LOCAL, SessionQuery())


async def test_another_owner_changes_and_renews_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await made(rig, "mine")).id
        for attempt in (
            rig.pool.update(OTHER, session, SessionPatch(name="theirs")),
            rig.pool.renew(OTHER, session),
            rig.pool.heartbeat(OTHER, session),
            rig.pool.actions(OTHER, session, limit=10, cursor=None),
        ):
            with pytest.raises(SessionNotFound):
                await attempt
        assert await names(rig) == ["mine"]


async def test_a_very_long_address_is_kept_in_part_and_shown_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page(url="data:text/html," + "x" * 10_000, title="t" * 1_000)
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        monkeypatch.setattr(held.Session, "page", page)
        await rig.pool.heartbeat(LOCAL, session)
        kept = rig.archive.records[session]
        assert (len(kept.url), len(kept.title)) == (2_048, 500)
        found = await rig.pool.get(LOCAL, session)
        assert (found.url, found.title) == (page.url, page.title)
