"""Every call on a session is in its log, and the text of its pages can be found."""

from pathlib import Path

import anyio
import pytest

from agent_browser.errors import SessionEnded, SessionNotFound
from agent_browser.models.actions import Action
from agent_browser.models.functions import CloseInput, ExecuteInput, InteractInput
from agent_browser.models.records import PageText
from agent_browser.models.sessions import Privacy, SessionCreate
from agent_browser.pool.texts import MOST, REST
from agent_browser.service import LOCAL, Caller
from tests.pool.rig import Rig, running

pytestmark = pytest.mark.anyio


def texts(rig: Rig) -> list[PageText]:
    return [page for pages in rig.archive.texts.values() for page in pages.values()]


async def log_of(rig: Rig, session: str) -> list[Action]:
    return (await rig.pool.actions(LOCAL, session, limit=100, cursor=None)).items


async def test_each_call_is_written_down_with_what_came_of_it(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        robot = Caller(LOCAL.owner, client="robot")
        call = rig.pool.call
        await call(robot, "execute", ExecuteInput(code="1+1"), session=session)
        await call(LOCAL, "interact", InteractInput(action="click", ref="@e99"), session=session)
        await call(LOCAL, "close", CloseInput(), session=session)
        with pytest.raises(SessionEnded):
            await call(LOCAL, "execute", ExecuteInput(code="1+1"), session=session)
        entries = await log_of(rig, session)
        assert [(one.function, one.outcome) for one in entries] == [
            ("open", "ok"),
            ("execute", "ok"),
            ("interact", "failed"),
            ("close", "ok"),
            ("execute", "refused"),
        ]
        assert entries[1].client == "robot"
        assert entries[1].input == {"code": "1+1"}
        assert entries[2].action == "click"
        assert entries[4].code == "session_ended"
        assert entries[0].url == entries[1].url_before != ""


async def test_a_call_that_is_cancelled_is_written_down_too(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        rig.engine.acting = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.open, session)
            await rig.settle()
            tasks.cancel_scope.cancel()
            rig.engine.acting.set()
        await rig.settle()
        assert len(await log_of(rig, session)) == 2


async def test_nothing_is_written_down_for_an_id_that_nobody_has(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        with pytest.raises(SessionNotFound):
            await rig.pool.call(LOCAL, "execute", ExecuteInput(code="1"), session="ses_x")
        with pytest.raises(SessionNotFound):
            await log_of(rig, "ses_x")


async def test_another_owners_log_is_not_there(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        with pytest.raises(SessionNotFound):
            await rig.pool.actions(Caller("somebody"), session, limit=1, cursor=None)


async def test_a_log_without_bodies_has_no_inputs(tmp_path: Path) -> None:
    async with running(tmp_path, log_bodies=False) as rig:
        session = (await rig.open()).session_id
        assert [one.input for one in await log_of(rig, session)] == [None]


async def test_a_session_may_keep_less_than_the_server_does(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        request = SessionCreate(privacy=Privacy(log_bodies=False, page_text=False))
        session = (await rig.pool.create(LOCAL, request)).id
        await rig.open(session)
        await rig.pass_time(REST + 1)
        assert [one.input for one in await log_of(rig, session)] == [None]
        assert not texts(rig)


async def test_thumbnails_are_kept_where_they_are_on(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        request = SessionCreate(privacy=Privacy(log_thumbnails=True))
        session = (await rig.pool.create(LOCAL, request)).id
        await rig.open(session)
        await rig.pool.call(LOCAL, "execute", ExecuteInput(code="1+1"), session=session)
        opened, executed = await log_of(rig, session)
        assert opened.thumbnail in rig.keeping.artifacts
        assert rig.keeping.artifacts[opened.thumbnail].content_type == "image/jpeg"
        assert executed.thumbnail is None


async def test_a_pages_text_is_taken_once_its_session_rests(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        assert not texts(rig)
        await rig.pass_time(REST / 2)
        await rig.pool.call(LOCAL, "execute", ExecuteInput(code="1+1"), session=session)
        await rig.pass_time(REST * 0.7)
        assert not texts(rig), "it was used in between"
        await rig.pass_time(REST)
        (page,) = texts(rig)
        assert page.session_id == session
        assert 0 < len(page.text) <= MOST
        used = (await rig.pool.get(LOCAL, session)).last_activity_at
        await rig.pass_time(REST * 5)
        assert (await rig.pool.get(LOCAL, session)).last_activity_at == used


async def test_a_text_is_taken_at_the_end_where_it_was_not_before(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        await rig.pool.end(LOCAL, session)
        await rig.settle()
        assert [page.session_id for page in texts(rig)] == [session]


async def test_a_text_that_is_the_same_is_taken_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as rig:
        put: list[PageText] = []
        monkeypatch.setattr(rig.archive, "put_page", put.append)
        session = (await rig.open()).session_id
        for _ in range(3):
            await rig.pool.call(LOCAL, "execute", ExecuteInput(code="1+1"), session=session)
            await rig.pass_time(REST * 3)
        assert len(put) == 1


async def test_a_page_that_hangs_keeps_no_room(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        rig.engine.words = anyio.Event()
        await rig.pool.end(LOCAL, session)
        await rig.settle()
        with anyio.fail_after(5):
            while rig.leased:  # noqa: ASYNC110 - the bound is of real time
                await anyio.sleep(0.01)


async def test_what_is_too_old_is_erased_by_the_hour(tmp_path: Path) -> None:
    async with running(tmp_path, log_retention=7_000, page_text_retention=3_000) as rig:
        session = (await rig.open()).session_id
        await rig.pass_time(REST + 1)
        assert (len(await log_of(rig, session)), len(texts(rig))) == (1, 1)
        rig.clock.advance(1_000)
        await rig.pool.heartbeat(LOCAL, session)
        await rig.pass_time(2_700)
        assert (len(rig.archive.log[session]), len(texts(rig))) == (1, 0)
        await rig.pass_time(3_700)
        await rig.pass_time(3_700)
        assert not rig.archive.log.get(session)


async def test_an_archive_that_fails_is_asked_again_an_hour_later(tmp_path: Path) -> None:
    async with running(tmp_path, page_text_retention=60) as rig:
        await rig.open()
        await rig.pass_time(REST + 1)
        rig.archive.unusable = True
        await rig.pass_time(3_601)
        rig.archive.unusable = False
        await rig.pass_time(3_601)
        assert not texts(rig)
