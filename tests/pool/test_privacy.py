"""What is kept of a session and for how long, as the server has it and as the session asked."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from agent_browser.errors import InvalidTimeout, SessionEnded
from agent_browser.models.functions import ExecuteInput
from agent_browser.models.sessions import Privacy, Session, SessionCreate, SessionPatch
from agent_browser.pool.shedding import EVERY, SOON
from agent_browser.pool.texts import REST
from agent_browser.service import LOCAL
from tests.fakes.archive import FakeArchive
from tests.pool.rig import URL, Rig, running

pytestmark = pytest.mark.anyio

AHEAD = 400 * 86_400.0


async def made(rig: Rig, **privacy: object) -> Session:
    request = SessionCreate.model_validate({"privacy": privacy})
    return await rig.pool.create(LOCAL, request)


async def patched(rig: Rig, session: str, **privacy: object) -> Session:
    return await rig.pool.update(LOCAL, session, SessionPatch.model_validate({"privacy": privacy}))


def retentions(session: Session) -> tuple[float, float, float]:
    keeps = session.keeps
    assert keeps is not None
    return keeps.log_retention, keeps.page_text_retention, keeps.recording_retention


async def used(rig: Rig, session: str) -> None:
    """A page is looked at, and its text is taken."""
    await rig.open(session)
    await rig.pass_time(REST + 1)


def kept(rig: Rig, session: str) -> tuple[int, int]:
    """Entries of its log, and texts."""
    return len(rig.archive.log.get(session, [])), len(rig.archive.texts.get(session, {}))


async def test_a_session_keeps_less_of_each_kind_than_the_server_and_shows_it(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as rig:
        assert retentions(await made(rig)) == (2_592_000, 604_800, 604_800)
        asked = {"log_retention": "1h", "page_text_retention": 60, "recording_retention": 90}
        session = await made(rig, **asked)
        assert retentions(session) == (3_600, 60, 90)
        assert retentions(await patched(rig, session.id, log_retention=None)) == (2_592_000, 60, 90)
        assert retentions(await rig.pool.get(LOCAL, session.id)) == (2_592_000, 60, 90)


@pytest.mark.parametrize("name", ["log_retention", "page_text_retention", "recording_retention"])
async def test_more_than_the_server_keeps_is_refused_and_changes_nothing(
    tmp_path: Path, name: str
) -> None:
    async with running(tmp_path, **dict[str, Any]({name: 1_000})) as rig:
        with pytest.raises(InvalidTimeout) as refused:
            await made(rig, **{name: 1_001})
        assert refused.value.fields == {"field": name, "minimum": 1.0, "maximum": 1_000.0}
        with pytest.raises(InvalidTimeout):
            await made(rig, **{name: 0})
        session = await made(rig, **{name: 500})
        rig.clock.advance(1)
        patch = {"privacy": {"page_text": False, name: 1_001}, "timeouts": {"idle": 77}}
        with pytest.raises(InvalidTimeout):
            await rig.pool.update(LOCAL, session.id, SessionPatch.model_validate(patch))
        now = await rig.pool.get(LOCAL, session.id)
        assert (now.keeps, now.timeouts) == (session.keeps, session.timeouts)
        assert rig.leased == 1, "what was refused took no room"


async def test_where_the_server_has_no_bound_a_session_may_have_one(tmp_path: Path) -> None:
    async with running(tmp_path, log_retention=0, page_text_retention=0) as rig:
        assert retentions(await made(rig))[:2] == (0, 0)
        session = await made(rig, log_retention=3_000, page_text_retention=6_000)
        assert retentions(session)[:2] == (3_000, 6_000)
        with pytest.raises(InvalidTimeout) as refused:
            await made(rig, log_retention=2_592_001)
        assert refused.value.fields["maximum"] == 2_592_000


async def test_what_is_older_than_a_session_has_it_kept_goes_by_the_hour(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        brief = (await made(rig, page_text_retention=600)).id
        other = (await made(rig)).id
        await used(rig, brief)
        await used(rig, other)
        for session in (brief, other):
            await patched(rig, session, log_bodies=False)
        await rig.pass_time(600)
        await patched(rig, other, log_retention=600)
        assert (kept(rig, brief), kept(rig, other)) == ((1, 1), (1, 1))
        await rig.pass_time(EVERY)
        assert (kept(rig, brief), kept(rig, other)) == ((1, 0), (0, 1))


async def test_a_live_session_can_be_told_to_keep_less_from_now_on(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await made(rig)).id
        await used(rig, session)
        words = rig.engine.words = anyio.Event()
        await rig.open(session, url="http://test/form?second")
        now = await patched(rig, session, page_text=False, log_bodies=False)
        assert now.keeps is not None
        assert (now.keeps.page_text, now.keeps.log_bodies) == (False, False)
        await rig.pool.call(LOCAL, "execute", ExecuteInput(code="1"), session=session)
        words.set()
        await rig.pass_time(REST + 1)
        assert [one.input is None for one in rig.archive.log[session]] == [False, False, True]
        taken = [page.url for page in rig.archive.texts[session].values() if page.text]
        assert taken == [URL], "that of the second page came too late"
        assert rig.pool.is_private(session)
        await patched(rig, session, page_text=None, log_bodies=True)
        assert not rig.pool.is_private(session)


async def test_an_ended_session_takes_other_retentions_and_nothing_that_it_has_no_more(
    tmp_path: Path,
) -> None:
    archive = FakeArchive()
    async with running(tmp_path / "first", archive) as rig:
        session = (await made(rig, log_retention=100)).id
        await rig.pool.end(LOCAL, session)
        await rig.settle()
        now = await patched(rig, session, recording_retention=50)
        assert retentions(now) == (100, 604_800, 50)
        assert rig.keeping.retentions[session] == 50
        with pytest.raises(SessionEnded):
            await patched(rig, session, page_text=False)
    async with running(tmp_path / "second", archive) as rig:
        assert retentions(await rig.pool.get(LOCAL, session)) == (100, 604_800, 50)
        now = await patched(rig, session, log_retention=10, recording_retention=None)
        assert retentions(now) == (10, 604_800, 604_800)
        assert rig.keeping.retentions == {session: None}
        with pytest.raises(SessionEnded):
            await patched(rig, session, log_bodies=True)
        with pytest.raises(InvalidTimeout):
            await patched(rig, session, log_retention=2_592_001)
        assert archive.records[session].privacy == Privacy(log_retention=10)


async def test_videos_are_told_how_long_they_are_kept_when_they_begin(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        request = {"record_video": True, "privacy": {"recording_retention": 70}}
        session = (await rig.pool.create(LOCAL, SessionCreate.model_validate(request))).id
        assert rig.keeping.retentions == {session: 70}


async def test_a_clock_set_forward_erases_nothing_of_a_session_in_use(tmp_path: Path) -> None:
    async with running(tmp_path, idle_timeout=EVERY * 5) as rig:
        session = (await made(rig)).id
        await used(rig, session)
        ended = (await made(rig)).id
        await rig.pool.end(LOCAL, ended)
        await rig.settle()
        rig.clock.set_by(AHEAD)
        await rig.pool.update(LOCAL, ended, SessionPatch(name="named since"))
        for _ in range(3):
            await rig.pass_time(EVERY + 1)
        assert rig.archive.sheds >= 4
        assert kept(rig, session) == (1, 1)
        assert (await rig.pool.get(LOCAL, ended)).name == "named since"


async def test_a_clock_set_forward_forgets_nothing_of_earlier_runs(tmp_path: Path) -> None:
    archive = FakeArchive()
    async with running(tmp_path / "first", archive) as rig:
        asked = [{"timeouts": {"retention": seconds}} for seconds in (EVERY / 2, EVERY * 2)]
        first, second = [
            (await rig.pool.create(LOCAL, SessionCreate.model_validate(one))).id for one in asked
        ]
    async with running(tmp_path / "second", archive) as rig:
        rig.clock.set_by(AHEAD)
        await rig.pass_time(EVERY)
        states = [archive.records[session].state for session in (first, second)]
        assert states == ["expired", "hibernated"]
        await rig.pass_time(EVERY + 61)
        assert archive.records[second].state == "expired", "its time has passed all the same"


async def test_bytes_that_could_not_be_erased_are_tried_again_in_a_minute(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await made(rig)).id
        rig.archive.held = True
        with anyio.fail_after(5):
            await rig.pool.end(LOCAL, session, purge=True)
        assert rig.archive.sheds == 1, "at the start"
        await rig.pass_time(SOON)
        await rig.pass_time(SOON)
        assert rig.archive.sheds == 3
        rig.archive.held = False
        await rig.pass_time(SOON)
        await rig.pass_time(SOON)
        assert rig.archive.sheds == 4
        await rig.pass_time(EVERY)
        assert rig.archive.sheds == 5
