"""Every call on a session is in its log, and the text of its pages can be found."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import anyio
import pytest

from agent_browser.errors import NotFound, SessionEnded, SessionNotFound
from agent_browser.models.actions import Action
from agent_browser.models.files import DownloadsInput
from agent_browser.models.functions import CloseInput, ExecuteInput, InteractInput
from agent_browser.models.reading import ReadInput
from agent_browser.models.records import PageText
from agent_browser.models.sessions import Privacy, SessionCreate
from agent_browser.pool import diary
from agent_browser.pool.texts import MOST, REST
from agent_browser.service import LOCAL, Caller, FileHead
from tests.pool.rig import URL, Rig, running

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


async def test_a_thumbnail_is_of_its_own_call_which_does_not_wait_for_it(tmp_path: Path) -> None:
    async with running(tmp_path, log_thumbnails=True) as rig:
        session = (await rig.open()).session_id
        assert len(await log_of(rig, session)) == 1
        rig.engine.pictures = anyio.Event()
        with anyio.fail_after(5):
            await rig.open(session)
        done: list[str] = []

        async def later() -> None:
            await rig.pool.call(LOCAL, "execute", ExecuteInput(code="1+1"), session=session)
            done.append("execute")

        async def look() -> None:
            entries = await log_of(rig, session)
            done.extend(f"{entry.function} {entry.thumbnail is not None}" for entry in entries)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(later)
            tasks.start_soon(look)
            await rig.settle()
            assert not done, "the page would be another one before it is pictured"
            rig.engine.pictures.set()
        assert done == ["execute", "open True", "open True", "execute False"]


async def test_a_picture_that_can_not_be_taken_leaves_the_entry_and_the_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diary, "THUMBNAIL_PATIENCE", 0.0)
    async with running(tmp_path, log_thumbnails=True) as rig:
        session = (await rig.open()).session_id
        assert len(await log_of(rig, session)) == 1
        rig.engine.pictures = anyio.Event()
        await rig.open(session)
        await rig.pool.call(LOCAL, "execute", ExecuteInput(code="1+1"), session=session)
        assert [one.thumbnail for one in await log_of(rig, session)] == [None] * 3
        rig.keeping.full = True
        rig.engine.pictures.set()
        monkeypatch.setattr(diary, "THUMBNAIL_PATIENCE", 1.0)
        await rig.open(session)
        assert (await log_of(rig, session))[-1].thumbnail is None


async def test_a_purge_leaves_no_picture_that_was_under_way(tmp_path: Path) -> None:
    async with running(tmp_path, log_thumbnails=True) as rig:
        session = (await rig.open()).session_id
        assert len(await log_of(rig, session)) == 1
        rig.engine.pictures = anyio.Event()
        await rig.open(session)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(rig.pool.end, LOCAL, session, purge=True))
            await rig.settle()
            rig.engine.pictures.set()
        assert not rig.keeping.on_disk(session)
        assert not rig.archive.log.get(session)


async def test_files_put_in_and_erased_are_in_the_log(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[FileHead | bytes]:
        yield FileHead("notes.txt")
        yield b"secret words"

    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        await rig.pool.upload(LOCAL, session, pieces())
        await rig.pool.delete_upload(LOCAL, session, "notes.txt")
        with pytest.raises(NotFound):
            await rig.pool.delete_upload(LOCAL, session, "notes.txt")
        await rig.pool.end(LOCAL, session)
        await rig.pool.call(LOCAL, "downloads", DownloadsInput(), session=session)
        _, *entries = await log_of(rig, session)
        assert [(one.function, one.input, one.code) for one in entries] == [
            ("upload", {"files": [{"name": "notes.txt", "size": 12}]}, None),
            ("delete_upload", {"name": "notes.txt"}, None),
            ("delete_upload", {"name": "notes.txt"}, "not_found"),
            ("downloads", {}, None),
        ]


async def test_what_the_server_itself_looks_at_is_not_in_the_log(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        looker = Caller(LOCAL.owner, is_unlogged=True)
        await rig.pool.call(looker, "read", ReadInput(), session=session)
        assert [one.function for one in await log_of(rig, session)] == ["open"]


async def test_pages_that_are_left_at_once_are_found_by_their_texts(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        assert [page.url for page in texts(rig)] == [URL], "address and title need no question"
        await rig.settle()
        await rig.open(session, url="http://test/")
        await rig.settle()
        form, home = texts(rig)
        assert (form.url, form.title, home.url, home.title) == (
            URL, "Form", "http://test/", "Home",
        )  # fmt: skip
        assert "Send" in form.text
        assert "Stay" in home.text
        assert all(page.session_id == session for page in (form, home))
        assert len(form.text) <= MOST


async def test_a_text_that_nobody_gives_holds_up_no_call_and_takes_nothing_away(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        await rig.settle()
        said = texts(rig)[0].text
        rig.engine.words = anyio.Event()
        await rig.open(session, url="http://test/")
        await rig.open(session)
        assert [page.text for page in texts(rig)] == [said, ""]
        rig.engine.words.set()
        await rig.settle()
        assert [page.text for page in texts(rig)] == [said, ""], "it was left before it answered"


async def test_a_text_is_taken_again_once_its_session_rests(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        await rig.settle()
        (first,) = texts(rig)
        (context,) = rig.engine.contexts
        context.add_text("came later")
        await rig.pass_time(REST / 2)
        await rig.pool.call(LOCAL, "execute", ExecuteInput(code="1+1"), session=session)
        await rig.pass_time(REST * 0.7)
        assert texts(rig) == [first], "it was used in between"
        await rig.pass_time(REST)
        assert "came later" in texts(rig)[0].text
        used = (await rig.pool.get(LOCAL, session)).last_activity_at
        await rig.pass_time(REST * 5)
        assert (await rig.pool.get(LOCAL, session)).last_activity_at == used


async def test_a_heartbeat_makes_no_page_be_read(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        await rig.pass_time(REST + 1)
        (first,) = texts(rig)
        (context,) = rig.engine.contexts
        context.add_text("came later")
        await rig.pool.heartbeat(LOCAL, session)
        async with rig.pool.attended(LOCAL, session):
            await rig.pass_time(REST + 1)
        await rig.pass_time(REST + 1)
        assert texts(rig) == [first]


async def test_a_text_is_taken_at_the_end_where_it_was_not_before(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        await rig.pool.end(LOCAL, session)
        await rig.settle()
        assert [(page.session_id, bool(page.text)) for page in texts(rig)] == [(session, True)]


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
        assert [bool(page.text) for page in put] == [False, True]


async def test_a_page_that_hangs_keeps_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_browser.pool.texts.LAST_PATIENCE", 0.0)
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        rig.engine.words = anyio.Event()
        await rig.pool.end(LOCAL, session)
        await rig.settle()
        assert not rig.leased


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
